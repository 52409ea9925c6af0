//! What flags find, how late, and how often they are wrong.

use std::collections::BTreeMap;

use super::labels::EventRow;
use super::{Frame, Labels, Tolerance};

/// Figures of flags. Shares are NaN where there is nothing to share.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarms {
    /// All events.
    pub recall: Recall,
    /// Events by kind.
    pub by_kind: BTreeMap<String, Recall>,
    /// How late the found events were found.
    pub delay: Delay,
    /// Alarms of one series that an event of the same series explains.
    pub true_alarms: usize,
    /// Those that none explains.
    pub false_alarms: usize,
    /// True alarms among all.
    pub precision: f64,
    /// Judged weeks, times the series.
    pub series_weeks: f64,
    /// False alarms a week on each series.
    pub false_per_series_week: f64,
    /// Harmonic mean of recall and precision; 0 if both are.
    pub f1: f64,
    /// Alarms of all series as one stream.
    pub incidents: Incidents,
}

/// Events found, of all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recall {
    /// With a flag on one of their series, in time.
    pub found: usize,
    /// Those that do not end in the training part.
    pub total: usize,
}

/// Bins from the start of an event to its first flag, over the found events; NaN if none was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// Half of them were found in time of this.
    pub median: f64,
    /// Nine in ten of them were.
    pub p90: f64,
}

/// Alarms of all series as one stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incidents {
    /// In which some flag belongs to an event of its own series.
    pub true_incidents: usize,
    /// The others.
    pub false_incidents: usize,
    /// True ones among all.
    pub precision: f64,
    /// False ones a week.
    pub false_per_week: f64,
    /// Share of the judged bins that are in an event or near one: what chance alone would make of `precision`.
    pub event_cover: f64,
}

impl Recall {
    /// The share that was found; NaN without events.
    pub fn share(self) -> f64 {
        self.found as f64 / self.total as f64
    }
}

impl Alarms {
    /// Judges flags, `flags[series][bin]`.
    pub fn of(flags: &[Vec<bool>], labels: &Labels, frame: Frame, tolerance: &Tolerance) -> Self {
        let flagged: Vec<Vec<usize>> = flags
            .iter()
            .enumerate()
            .map(|(series, flags)| {
                let counted = labels.counted(series, frame, tolerance);
                (0..frame.bins).filter(|bin| flags[*bin] && counted[*bin]).collect()
            })
            .collect();
        let (recall, by_kind, delay) = recall(&flagged, labels, frame, tolerance);
        let (true_alarms, false_alarms) = alarms(&flagged, labels, tolerance);
        let counted = labels.counted_anywhere(frame, tolerance);
        let weeks = counted.iter().filter(|c| **c).count() as f64 / frame.week_bins() as f64;
        let precision = true_alarms as f64 / (true_alarms + false_alarms) as f64;
        Self {
            recall,
            by_kind,
            delay,
            true_alarms,
            false_alarms,
            precision,
            series_weeks: flags.len() as f64 * weeks,
            false_per_series_week: false_alarms as f64 / (flags.len() as f64 * weeks),
            f1: harmonic(recall.share(), precision),
            incidents: incidents(&flagged, labels, &counted, weeks, tolerance),
        }
    }
}

fn harmonic(a: f64, b: f64) -> f64 {
    // Without any alarm precision is not defined, and nothing was found.
    if a > 0.0 && b > 0.0 { 2.0 * a * b / (a + b) } else { 0.0 }
}

fn recall(
    flagged: &[Vec<usize>],
    labels: &Labels,
    frame: Frame,
    tolerance: &Tolerance,
) -> (Recall, BTreeMap<String, Recall>, Delay) {
    let mut events: Vec<Option<Option<usize>>> = vec![None; labels.events.len()];
    for row in labels.rows.iter().filter(|row| row.end > frame.train_end) {
        let flags = &flagged[row.series];
        let first = flags.get(flags.partition_point(|bin| *bin < row.start));
        let late = first.filter(|bin| row.holds(**bin, 0, tolerance.tol)).map(|bin| bin - row.start);
        let best = events[row.event].flatten();
        events[row.event] = Some(best.into_iter().chain(late).min());
    }
    let (mut all, mut by_kind) = (Recall::default(), BTreeMap::<String, Recall>::new());
    for (event, delay) in labels.events.iter().zip(&events) {
        let Some(delay) = delay else { continue };
        for recall in [&mut all, by_kind.entry(event.kind.clone()).or_default()] {
            recall.total += 1;
            recall.found += usize::from(delay.is_some());
        }
    }
    let mut delays: Vec<usize> = events.into_iter().flatten().flatten().collect();
    delays.sort_unstable();
    (all, by_kind, Delay { median: quantile(&delays, 0.5), p90: quantile(&delays, 0.9) })
}

/// A quantile of sorted values, linear between them (Hyndman and Fan's type 7); NaN without values.
fn quantile(sorted: &[usize], q: f64) -> f64 {
    let at = q * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (at.floor() as usize, at.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => *low as f64 + (at - at.floor()) * (*high as f64 - *low as f64),
        _ => f64::NAN,
    }
}

/// True and false alarms of each series on its own.
fn alarms(flagged: &[Vec<usize>], labels: &Labels, tolerance: &Tolerance) -> (usize, usize) {
    let (mut right, mut wrong) = (0, 0);
    for (series, flags) in flagged.iter().enumerate() {
        let rows: Vec<_> = labels.rows_of(series).collect();
        for run in flags.chunk_by(|a, b| b - a <= tolerance.merge + 1) {
            let (first, last) = (run[0], run[run.len() - 1]);
            let touches =
                |row: &&EventRow| last + tolerance.tol >= row.start && first < row.end + tolerance.tail;
            if rows.iter().any(touches) {
                right += 1;
            } else {
                wrong += 1;
            }
        }
    }
    (right, wrong)
}

fn incidents(
    flagged: &[Vec<usize>],
    labels: &Labels,
    counted: &[bool],
    weeks: f64,
    tolerance: &Tolerance,
) -> Incidents {
    let near = |row: &EventRow, bin: usize| row.holds(bin, tolerance.tol, tolerance.tail);
    // Whether some flag of the bin belongs to an event.
    let mut stream = BTreeMap::<usize, bool>::new();
    for (series, flags) in flagged.iter().enumerate() {
        for bin in flags {
            let explained = labels.rows_of(series).any(|row| near(row, *bin));
            *stream.entry(*bin).or_default() |= explained;
        }
    }
    let stream: Vec<_> = stream.into_iter().collect();
    let runs: Vec<_> = stream.chunk_by(|a, b| b.0 - a.0 <= tolerance.merge + 1).collect();
    let right = runs.iter().filter(|run| run.iter().any(|(_, explained)| *explained)).count();
    let mut covered = vec![false; counted.len()];
    for row in &labels.rows {
        let end = (row.end + tolerance.tail).min(covered.len());
        covered[row.start.saturating_sub(tolerance.tol).min(end)..end].fill(true);
    }
    let judged = counted.iter().filter(|c| **c).count();
    let covered = covered.iter().zip(counted).filter(|(covered, counted)| **covered && **counted).count();
    Incidents {
        true_incidents: right,
        false_incidents: runs.len() - right,
        precision: right as f64 / runs.len() as f64,
        false_per_week: (runs.len() - right) as f64 / weeks,
        event_cover: covered as f64 / judged as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{Event, Ignored};

    /// A week has 168 bins; 336 bins are judged.
    const FRAME: Frame = Frame { bins: 504, bin_s: 3_600.0, train_end: 168 };

    fn labels(rows: &[(usize, usize, usize, usize)], kinds: &[&str]) -> Labels {
        let event = |(i, kind): (usize, &&str)| Event { name: i.to_string(), kind: (*kind).to_owned() };
        let row = |&(event, series, start, end): &_| EventRow { event, series, start, end, snr: 3.0 };
        Labels {
            events: kinds.iter().enumerate().map(event).collect(),
            rows: rows.iter().map(row).collect(),
            ignored: Vec::new(),
        }
    }

    fn judge(flagged: &[&[usize]], labels: &Labels) -> Alarms {
        let flags: Vec<Vec<bool>> =
            flagged.iter().map(|bins| (0..FRAME.bins).map(|bin| bins.contains(&bin)).collect()).collect();
        Alarms::of(&flags, labels, FRAME, &Tolerance::default())
    }

    #[test]
    fn an_event_is_found_until_shortly_after_its_end_and_on_any_of_its_series() {
        let labels = labels(&[(0, 0, 200, 210), (0, 1, 205, 210), (1, 0, 300, 302)], &["dip", "spike"]);
        // Bin 211 is the second after the end: still in time; 212 is not.
        let alarms = judge(&[&[211], &[206]], &labels);
        assert_eq!(alarms.recall, Recall { found: 1, total: 2 });
        assert_eq!(alarms.by_kind["spike"], Recall { found: 0, total: 1 });
        assert_eq!(alarms.delay, Delay { median: 1.0, p90: 1.0 });
        assert_eq!(judge(&[&[212], &[]], &labels).recall.found, 0);
        assert_eq!(judge(&[&[199], &[]], &labels).recall.found, 0, "too early");
        assert_eq!(judge(&[&[], &[200]], &labels).recall.found, 0, "before it shows there");
    }

    #[test]
    fn delays_are_interpolated_between_events() {
        let labels = labels(&[(0, 0, 200, 230), (1, 0, 250, 280), (2, 0, 300, 330)], &["a", "a", "b"]);
        let alarms = judge(&[&[200, 254, 310]], &labels);
        assert_eq!(alarms.delay.median, 4.0);
        assert!((alarms.delay.p90 - 8.8).abs() < 1e-12, "4 + 0.8 × (10 − 4)");
    }

    #[test]
    fn flags_join_over_six_bins_and_an_alarm_may_come_early_or_in_the_tail() {
        let labels = labels(&[(0, 0, 200, 210)], &["dip"]);
        let counts = |bins: &[usize]| {
            let alarms = judge(&[bins], &labels);
            (alarms.true_alarms, alarms.false_alarms)
        };
        assert_eq!(counts(&[300, 307]), (0, 1), "six bins between");
        assert_eq!(counts(&[300, 308]), (0, 2));
        assert_eq!(counts(&[198]), (1, 0));
        assert_eq!(counts(&[197]), (0, 1));
        assert_eq!(counts(&[221]), (1, 0));
        assert_eq!(counts(&[222]), (0, 1));
        assert_eq!(counts(&[216, 223, 230]), (1, 0), "any bin of the run");
    }

    #[test]
    fn an_alarm_of_another_series_explains_nothing() {
        let labels = labels(&[(0, 0, 200, 210)], &["dip"]);
        let alarms = judge(&[&[], &[203]], &labels);
        assert_eq!((alarms.true_alarms, alarms.false_alarms), (0, 1));
        assert_eq!((alarms.f1, alarms.precision), (0.0, 0.0));
        // Two series over two weeks.
        assert_eq!(alarms.false_per_series_week, 0.25);
    }

    #[test]
    fn neither_training_nor_ignored_bins_count() {
        let mut labels = labels(&[(0, 0, 100, 120), (1, 0, 160, 170)], &["early", "late"]);
        labels.ignored.push(Ignored { series: None, start: 300, end: 324 });
        labels.ignored.push(Ignored { series: Some(1), start: 400, end: 410 });
        // The tail of twelve bins counts as ignored too.
        let alarms = judge(&[&[110, 169, 335, 336], &[335, 405]], &labels);
        assert_eq!(alarms.recall, Recall { found: 1, total: 1 }, "the early one is not judged");
        assert_eq!((alarms.true_alarms, alarms.false_alarms), (1, 1));
        let weeks = (336.0 - 36.0) / 168.0;
        assert!((alarms.false_per_series_week - 1.0 / (2.0 * weeks)).abs() < 1e-12);
    }

    #[test]
    fn incidents_merge_all_series() {
        let labels = labels(&[(0, 0, 200, 210)], &["dip"]);
        let alarms = judge(&[&[205], &[212, 400]], &labels);
        let incidents = alarms.incidents;
        assert_eq!((incidents.true_incidents, incidents.false_incidents), (1, 1));
        assert_eq!((incidents.precision, incidents.false_per_week), (0.5, 0.5));
        assert_eq!(incidents.event_cover, 24.0 / 336.0);
        // A flag of the other series near the event makes no true incident.
        assert_eq!(judge(&[&[], &[205]], &labels).incidents.true_incidents, 0);
    }

    #[test]
    fn f1_is_the_harmonic_mean() {
        let labels = labels(&[(0, 0, 200, 210), (1, 0, 300, 310)], &["dip", "dip"]);
        let alarms = judge(&[&[205, 400, 420]], &labels);
        // Recall 1/2, precision 1/3.
        assert!((alarms.f1 - 0.4).abs() < 1e-12);
        assert!(judge(&[&[]], &labels).precision.is_nan());
        assert_eq!(judge(&[&[]], &labels).f1, 0.0);
    }
}
