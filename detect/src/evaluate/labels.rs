//! What is known of the truth.

use super::{Frame, Tolerance};

/// Anomalies that are known, and stretches about which nothing is said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels {
    /// The events.
    pub events: Vec<Event>,
    /// Where and when each of them shows: any number of rows for an event.
    pub rows: Vec<EventRow>,
    /// Where nothing counts, neither as a hit nor as a false alarm.
    pub ignored: Vec<Ignored>,
}

/// One anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its kind, such as `spike`.
    pub kind: String,
}

/// One anomaly on one series that it touches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRow {
    /// Number of the event.
    pub event: usize,
    /// Number of the series.
    pub series: usize,
    /// First bin.
    pub start: usize,
    /// The bin after the last.
    pub end: usize,
    /// Effect in robust standard deviations of the series; infinite where it is not known.
    pub snr: f64,
}

/// A stretch about which nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Number of the series; `None` means all.
    pub series: Option<usize>,
    /// First bin.
    pub start: usize,
    /// The bin after the last; the tail comes on top of it.
    pub end: usize,
}

/// What one bin of one series is in a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bin {
    /// Teaches, or nothing is said of it.
    Out,
    Normal,
    Abnormal,
}

impl EventRow {
    /// Whether a bin is in the row, `before` and `after` bins more.
    pub(super) fn holds(&self, bin: usize, before: usize, after: usize) -> bool {
        bin + before >= self.start && bin < self.end + after
    }
}

impl Ignored {
    /// Whether it is about a series.
    fn is_of(&self, series: usize) -> bool {
        self.series.is_none_or(|s| s == series)
    }

    fn range(&self, bins: usize, tail: usize) -> std::ops::Range<usize> {
        self.start.min(bins)..(self.end + tail).min(bins)
    }
}

impl Labels {
    /// Whether each bin of a series counts: it is judged and not ignored.
    pub(super) fn counted(&self, series: usize, frame: Frame, tolerance: &Tolerance) -> Vec<bool> {
        let mut counted: Vec<bool> = (0..frame.bins).map(|bin| bin >= frame.train_end).collect();
        for ignored in self.ignored.iter().filter(|i| i.is_of(series)) {
            counted[ignored.range(frame.bins, tolerance.tail)].fill(false);
        }
        counted
    }

    /// Whether each bin counts for any series.
    pub(super) fn counted_anywhere(&self, frame: Frame, tolerance: &Tolerance) -> Vec<bool> {
        let everywhere = self.ignored.iter().filter(|i| i.series.is_none()).copied().collect();
        Self { ignored: everywhere, ..Self::default() }.counted(0, frame, tolerance)
    }

    /// What each bin of a series is in a curve.
    pub(super) fn mask(&self, series: usize, frame: Frame, tolerance: &Tolerance) -> Vec<Bin> {
        let counted = self.counted(series, frame, tolerance);
        let mut mask: Vec<_> = counted.iter().map(|c| if *c { Bin::Normal } else { Bin::Out }).collect();
        for row in self.rows_of(series).filter(|row| row.snr >= tolerance.snr) {
            for bin in row.start.min(frame.bins)..row.end.min(frame.bins) {
                if counted[bin] {
                    mask[bin] = Bin::Abnormal;
                }
            }
        }
        mask
    }

    /// Whether nothing is known against a bin of a series: no event, nothing ignored.
    pub(super) fn is_clean(&self, series: usize, bin: usize) -> bool {
        let ignored = self.ignored.iter().any(|i| i.is_of(series) && (i.start..i.end).contains(&bin));
        !ignored && !self.rows_of(series).any(|row| row.holds(bin, 0, 0))
    }

    pub(super) fn rows_of(&self, series: usize) -> impl Iterator<Item = &EventRow> {
        self.rows.iter().filter(move |row| row.series == series)
    }
}
