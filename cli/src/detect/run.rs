//! Series through their detectors.

use detect::evaluate::{Labels, clean_week};
use detect::{Bin, Detector, LinkDetector, PathConfig, PathSample, PathScan, SeasonalConfig, Verdict};
use rayon::prelude::*;

use super::marks::Marks;
use super::meta::Meta;
use super::series::Series;

/// Series that go to one detector: groups of one detector do not see those of another.
const TOGETHER: usize = 128;

/// What the detectors say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    /// `[series][bin]`.
    pub(crate) verdicts: Vec<Vec<Verdict>>,
    /// Higher is more abnormal, NaN is no opinion; `[series][bin]`.
    pub(crate) scores: Vec<Vec<f64>>,
    /// The score above which a series is flagged.
    pub(crate) thresholds: Vec<f64>,
    /// `[series][bin]`.
    pub(crate) flags: Vec<Vec<bool>>,
}

/// Judges all bins of all series, at so many false alarms a week on each series.
pub(crate) fn judge(series: &Series, marks: &Marks, meta: &Meta, per_week: f64) -> Judged {
    let bin_s = meta.frame.bin_s.round().max(1.0) as u32;
    let verdicts = match series {
        Series::Gauges(gauges) => {
            let detector = |series| LinkDetector::new(series, SeasonalConfig::new(bin_s));
            run(gauges, detector, marks)
        }
        Series::Paths(paths) => {
            let detector = |series| PathScan::new(series, PathConfig::new(bin_s));
            run(paths, detector, marks)
        }
    };
    flag(verdicts, meta, per_week)
}

/// Thresholds from the training part, and the flags above them. In the training part nothing is flagged.
fn flag(verdicts: Vec<Vec<Verdict>>, meta: &Meta, per_week: f64) -> Judged {
    let scores: Vec<Vec<f64>> = verdicts.iter().map(|v| v.iter().map(Verdict::score).collect()).collect();
    let thresholds = clean_week(&scores, &Labels::default(), meta.frame, per_week);
    let flags = flags(&scores, &thresholds, meta);
    Judged { verdicts, scores, thresholds, flags }
}

/// Which scores of the judged part are above the threshold of their series.
pub(crate) fn flags(scores: &[Vec<f64>], thresholds: &[f64], meta: &Meta) -> Vec<Vec<bool>> {
    let flags = |(scores, threshold): (&Vec<f64>, &f64)| {
        let above = |(bin, score): (usize, &f64)| bin >= meta.frame.train_end && score > threshold;
        scores.iter().enumerate().map(above).collect()
    };
    scores.iter().zip(thresholds).map(flags).collect()
}

/// `verdicts[series][bin]`. Groups of series run side by side; the result does not depend on how many do.
fn run<D, S>(samples: &[Vec<S>], detector: impl Fn(usize) -> D + Sync, marks: &Marks) -> Vec<Vec<Verdict>>
where
    D: Detector<Sample = S>,
    S: Copy + Send + Sync,
{
    let groups = samples.par_chunks(TOGETHER).enumerate();
    let groups = groups.map(|(i, group)| run_group(group, i * TOGETHER, detector(group.len()), marks));
    groups.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn run_group<D, S>(samples: &[Vec<S>], first: usize, mut detector: D, marks: &Marks) -> Vec<Vec<Verdict>>
where
    D: Detector<Sample = S>,
    S: Copy,
{
    let bins = samples.first().map_or(0, Vec::len);
    let mut verdicts = vec![Vec::with_capacity(bins); samples.len()];
    let mut now = vec![Verdict::NONE; samples.len()];
    for bin in 0..bins {
        let at: Vec<S> = samples.iter().map(|series| series[bin]).collect();
        let paused: Vec<bool> = (0..samples.len()).map(|i| marks.is_paused(first + i, bin)).collect();
        for i in (0..samples.len()).filter(|i| marks.changes_at(first + i, bin)) {
            detector.rebaseline(i);
        }
        detector.step(&Bin { samples: &at, paused: &paused }, &mut now);
        for (i, verdict) in now.iter().enumerate() {
            verdicts[i].push(if paused[i] { Verdict::NONE } else { *verdict });
        }
    }
    verdicts
}

/// A path's share of lost packets in a bin, NaN where none was sent.
pub(crate) fn loss_share(sample: &PathSample) -> f64 {
    sample.lost as f64 / sample.sent as f64
}
