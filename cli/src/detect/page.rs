//! The page of a detection: what was found, put into the plain data of `report::page`.

use std::path::Path;

use detect::evaluate::Evaluation;
use detect::incidents::Alarm;
use report::Summary;
use report::page::{SeriesChart, SeriesIncident, SeriesPage};

use super::found::{Band, Found};
use crate::planning::page::reproduce;

/// Incidents that are drawn, series of each of them, and series that are drawn whole.
const INCIDENTS: usize = 20;
const CHARTS: usize = 4;
const SERIES: usize = 60;
/// What is drawn on either side of an incident, in seconds; of a long one no more than the beginning.
const AROUND_S: f64 = 10_800.0;
const LENGTH_MAX_S: f64 = 172_800.0;

/// Fills the page; `summary` is that of the finished result.
pub(crate) fn page(
    found: &Found<'_>,
    file: &Path,
    fa_week: f64,
    evaluation: Option<&Evaluation>,
    summary: &Summary,
) -> SeriesPage {
    let frame = found.meta.frame;
    let mut order: Vec<usize> = (0..found.incidents.len()).collect();
    let strength =
        |i: usize| found.incidents[i].alarms.iter().map(|a| found.excess(*a)).fold(f64::NAN, f64::max);
    order.sort_by(|a, b| strength(*b).total_cmp(&strength(*a)));
    order.truncate(INCIDENTS);
    SeriesPage {
        title: file.display().to_string(),
        subtitle: format!("{} series of {} bins of {} s", found.meta.series.len(), frame.bins, frame.bin_s),
        bin_s: frame.bin_s,
        train_end: frame.train_end,
        fa_week,
        incident_count: found.incidents.len() as u64,
        anomaly_count: found.alarms.len() as u64,
        series_count: found.meta.series.len() as u64,
        figures: evaluation.map(figures).unwrap_or_default(),
        incidents: order.into_iter().map(|i| incident(found, i)).collect(),
        series: whole(found),
        not_modelled: summary.fidelity.clone(),
        reproduce: reproduce(summary),
    }
}

fn figures(evaluation: &Evaluation) -> Vec<(String, String)> {
    let alarms = &evaluation.alarms;
    let of = format!("{} of {}", alarms.recall.found, alarms.recall.total);
    let figure = |value: f64, what: &str| (format!("{value:.2}"), what.to_owned());
    vec![
        (of, "known events found".to_owned()),
        figure(alarms.precision, "of the alarms are known events"),
        figure(alarms.false_per_series_week, "false alarms a week on each series"),
        figure(evaluation.vus_pr, "VUS-PR"),
    ]
}

fn incident(found: &Found<'_>, number: usize) -> SeriesIncident {
    let incident = &found.incidents[number];
    let cause = &found.alarms[incident.cause];
    let members = || incident.alarms.iter().map(|alarm| &found.alarms[*alarm]);
    let first = members().map(|alarm| alarm.first).min().unwrap_or_default();
    let last = members().map(|alarm| alarm.last).max().unwrap_or_default();
    let mut names: Vec<usize> = vec![cause.series];
    for alarm in members() {
        if !names.contains(&alarm.series) {
            names.push(alarm.series);
        }
    }
    let frame = found.meta.frame;
    let bins = |seconds: f64| (seconds / frame.bin_s).round() as usize;
    let end = (last + bins(AROUND_S)).min(first + bins(LENGTH_MAX_S)).min(frame.bins - 1);
    let stretch = first.saturating_sub(bins(AROUND_S))..end + 1;
    SeriesIncident {
        cause: found.meta.series[cause.series].clone(),
        outage: found.is_outage(cause),
        first,
        last,
        symptoms: names[1..].iter().map(|series| found.meta.series[*series].clone()).collect(),
        charts: names.iter().take(CHARTS).map(|series| chart(found, *series, stretch.clone())).collect(),
    }
}

/// Whole series, those with most anomalies first.
fn whole(found: &Found<'_>) -> Vec<SeriesChart> {
    let mut order: Vec<(usize, usize)> = (0..found.meta.series.len()).map(|series| (0, series)).collect();
    found.alarms.iter().for_each(|alarm| order[alarm.series].0 += 1);
    order.sort_by_key(|(alarms, series)| (std::cmp::Reverse(*alarms), *series));
    let drawn = order.iter().take(SERIES);
    drawn.map(|(_, series)| chart(found, *series, 0..found.meta.frame.bins)).collect()
}

fn chart(found: &Found<'_>, series: usize, stretch: std::ops::Range<usize>) -> SeriesChart {
    let own = |alarm: &&Alarm| alarm.series == series;
    // A path is drawn by what its strongest alarm here is about.
    let here = found.alarms.iter().filter(own).filter(|alarm| stretch.contains(&alarm.peak));
    let strongest = here.max_by(|a, b| a.score.total_cmp(&b.score));
    let round_trip = strongest.is_some_and(|alarm| found.is_round_trip(series, alarm.peak));
    // What was expected of it is told by the last verdict that was about it.
    let mut band = Band { expected: f64::NAN, sigma: f64::NAN };
    let mut expected = |bin: usize| {
        if found.is_round_trip(series, bin) == round_trip {
            band = found.band(series, bin);
        }
        band
    };
    let bands: Vec<Band> = stretch.clone().map(&mut expected).collect();
    let name = &found.meta.series[series];
    SeriesChart {
        label: match (found.are_paths(), round_trip) {
            (false, _) => name.clone(),
            (true, false) => format!("{name}, share lost"),
            (true, true) => format!("{name}, round trip in ms"),
        },
        first: stretch.start,
        observed: stretch.map(|bin| found.observed(series, bin, round_trip)).collect(),
        expected: bands.iter().map(|band| band.expected).collect(),
        sigma: bands.iter().map(|band| band.sigma).collect(),
        spans: found.alarms.iter().filter(own).map(|alarm| (alarm.first, alarm.last)).collect(),
    }
}
