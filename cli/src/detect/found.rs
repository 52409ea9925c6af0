//! What was found: anomalies with what was expected, and the incidents that they belong to.

use detect::evaluate::Tolerance;
use detect::incidents::{Alarm, Incident, alarms, incidents, is_outage};
use detect::{Relative, Verdict};
use report::{Table, schema};

use super::ends::Ends;
use super::marks::Marks;
use super::meta::Meta;
use super::run::{Judged, loss_share};
use super::series::Series;

/// Anomalies of related series that begin within this time are one incident: twelve polls of five minutes.
const NEAR_S: f64 = 3_600.0;
/// Other series that are named beside an anomaly.
const CONTRIBUTORS: usize = 5;
/// Standard deviations on either side of what was expected.
const BAND: f64 = 2.0;
/// A path that loses so large a share is out.
const LOST_OUTAGE: f64 = 0.9;

/// Alarms, incidents, and what they are made of.
pub(crate) struct Found<'a> {
    pub(crate) meta: &'a Meta,
    pub(crate) judged: &'a Judged,
    marks: &'a Marks,
    /// As they are shown, `[series][bin]`: gauges, shares of lost packets, or counts.
    observed: Vec<Vec<f64>>,
    /// Round-trip times of paths in milliseconds, `[series][bin]`; empty of other series.
    round_trips: Vec<Vec<f64>>,
    /// Gauges beside what the twin expects; empty without.
    twin: &'a [Relative],
    pub(crate) alarms: Vec<Alarm>,
    pub(crate) incidents: Vec<Incident>,
}

/// What was expected in a bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) expected: f64,
    pub(crate) sigma: f64,
}

impl<'a> Found<'a> {
    /// Gathers what the flags say. `ends` tells which nodes each series joins, where that is known.
    pub(crate) fn new(
        meta: &'a Meta,
        series: &Series,
        twin: &'a [Relative],
        judged: &'a Judged,
        marks: &'a Marks,
        ends: Option<&Ends>,
    ) -> Self {
        let observed = match series {
            Series::Gauges(gauges) => gauges.clone(),
            Series::Events(counts) => {
                let count = |count: &Option<u64>| count.map_or(f64::NAN, |count| count as f64);
                counts.iter().map(|series| series.iter().map(count).collect()).collect()
            }
            Series::Paths(paths) => paths.iter().map(|p| p.iter().map(loss_share).collect()).collect(),
        };
        let round_trips = match series {
            Series::Paths(paths) => paths.iter().map(|p| p.iter().map(|s| s.rtt_ms).collect()).collect(),
            Series::Gauges(_) | Series::Events(_) => Vec::new(),
        };
        let alarms = alarms(&judged.scores, &judged.flags, Tolerance::default().merge);
        let mut found =
            Self { meta, judged, marks, observed, round_trips, twin, alarms, incidents: Vec::new() };
        let near = (NEAR_S / meta.frame.bin_s).round() as usize;
        let related = |a: usize, b: usize| ends.is_none_or(|ends| ends.touch(a, b));
        found.incidents = incidents(&found.alarms, near, related, |alarm| found.is_outage(alarm));
        found
    }

    /// What was expected of a series in a bin, with the twin's word where there is one.
    pub(crate) fn band(&self, series: usize, bin: usize) -> Band {
        let Verdict { expected, sigma, .. } = self.judged.verdicts[series][bin];
        match self.twin.get(series) {
            None => Band { expected, sigma },
            Some(twin) => Band { expected: twin.load(bin, expected), sigma: twin.spread(bin, sigma) },
        }
    }

    /// Whether the verdict of a bin is about the round-trip time of a path.
    pub(crate) fn is_round_trip(&self, series: usize, bin: usize) -> bool {
        self.judged.verdicts[series][bin].rtt
    }

    /// What a series showed in a bin: of a path its round-trip time, or its share of lost packets.
    pub(crate) fn observed(&self, series: usize, bin: usize, round_trip: bool) -> f64 {
        if round_trip { self.round_trips[series][bin] } else { self.observed[series][bin] }
    }

    /// Whether series are paths.
    pub(crate) fn are_paths(&self) -> bool {
        !self.round_trips.is_empty()
    }

    /// Whether a series fell to next to nothing; of a path, whether next to nothing came through.
    pub(crate) fn is_outage(&self, alarm: &Alarm) -> bool {
        let observed = self.observed[alarm.series][alarm.peak];
        if self.are_paths() {
            return observed >= LOST_OUTAGE;
        }
        let Band { expected, sigma } = self.band(alarm.series, alarm.peak);
        is_outage(observed, &Verdict { expected, sigma, ..Verdict::NONE })
    }

    /// How far the score of an alarm is above the threshold of its series.
    pub(crate) fn excess(&self, alarm: usize) -> f64 {
        let alarm = &self.alarms[alarm];
        alarm.score - self.judged.thresholds[alarm.series][alarm.peak]
    }

    /// Bins that the model of a series had learnt from before a bin, since its last change.
    fn age(&self, series: usize, bin: usize) -> usize {
        let since = self.marks.changes[series].iter().rev().find(|change| **change <= bin);
        let learnt =
            |bin: &usize| !self.observed[series][*bin].is_nan() && !self.marks.is_paused(series, *bin);
        (since.copied().unwrap_or(0)..bin).filter(learnt).count()
    }

    /// Other series that were flagged in a bin, the strongest first.
    fn contributors(&self, series: usize, bin: usize) -> Vec<String> {
        let flagged = |other: &usize| *other != series && self.judged.flags[*other][bin];
        let mut others: Vec<usize> = (0..self.meta.series.len()).filter(flagged).collect();
        let score = |other: usize| self.judged.scores[other][bin];
        others.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        others.truncate(CONTRIBUTORS);
        others.into_iter().map(|other| self.meta.series[other].clone()).collect()
    }

    /// The table of anomalies, by their first bin.
    pub(crate) fn anomalies(&self) -> Table {
        let mut table = Table::new(&schema::SERIES_ANOMALIES);
        let mut members: Vec<(usize, usize)> = Vec::new();
        for (number, incident) in self.incidents.iter().enumerate() {
            members.extend(incident.alarms.iter().map(|alarm| (*alarm, number)));
        }
        members.sort_by_key(|(alarm, _)| (self.alarms[*alarm].first, self.alarms[*alarm].series));
        for (row, (position, incident)) in (0u32..).zip(members) {
            let Alarm { series, first, last, peak, score } = self.alarms[position];
            let Band { expected, sigma } = self.band(series, peak);
            let verdict = self.judged.verdicts[series][peak];
            let is_cause = self.incidents[incident].cause == position;
            table
                .row()
                .set("anomaly", row)
                .set("incident", incident as u32)
                .set("role", if is_cause { "cause" } else { "symptom" })
                .set("series", self.meta.series[series].as_str())
                .set("first_bin", first as u32)
                .set("last_bin", last as u32)
                .set("peak_bin", peak as u32)
                .set("observed", self.observed(series, peak, verdict.rtt))
                .set("expected", expected)
                .set("lower", expected - BAND * sigma)
                .set("upper", expected + BAND * sigma)
                .set("score", score)
                .set("p_value", libm::exp(verdict.log_p))
                .set("threshold", self.judged.thresholds[series][peak])
                .set("window", verdict.window)
                .set("contributors", self.contributors(series, peak))
                .set("model_age", self.age(series, peak) as u32)
                .end();
        }
        table
    }

    /// The table of all bins of a series.
    pub(crate) fn bins(&self, series: usize) -> Table {
        let mut table = Table::new(&schema::SERIES_BINS);
        for (number, bin) in (0u32..).zip(0..self.meta.frame.bins) {
            let Band { expected, sigma } = self.band(series, bin);
            table
                .row()
                .set("series", self.meta.series[series].as_str())
                .set("bin", number)
                .set("observed", self.observed(series, bin, self.is_round_trip(series, bin)))
                .set("expected", expected)
                .set("lower", expected - BAND * sigma)
                .set("upper", expected + BAND * sigma)
                .set("score", self.judged.scores[series][bin])
                .set("threshold", self.judged.thresholds[series][bin])
                .set("flag", self.judged.flags[series][bin])
                .end();
        }
        table
    }

    /// The table of incidents, by their first bin.
    pub(crate) fn incidents(&self) -> Table {
        let mut table = Table::new(&schema::INCIDENTS);
        for (number, incident) in (0u32..).zip(&self.incidents) {
            let members = || incident.alarms.iter().map(|alarm| &self.alarms[*alarm]);
            let cause = &self.alarms[incident.cause];
            let mut symptoms: Vec<String> = Vec::new();
            for alarm in members().filter(|alarm| alarm.series != cause.series) {
                let name = &self.meta.series[alarm.series];
                if !symptoms.contains(name) {
                    symptoms.push(name.clone());
                }
            }
            table
                .row()
                .set("incident", number)
                .set("first_bin", members().map(|alarm| alarm.first as u32).min().unwrap_or_default())
                .set("last_bin", members().map(|alarm| alarm.last as u32).max().unwrap_or_default())
                .set("cause", self.meta.series[cause.series].as_str())
                .set("outage", self.is_outage(cause))
                .set("symptoms", symptoms)
                .set("score", members().map(|alarm| alarm.score).fold(f64::NAN, f64::max))
                .end();
        }
        table
    }
}
