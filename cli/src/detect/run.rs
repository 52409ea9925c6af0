//! Series through their detectors.

use detect::evaluate::{Labels, clean_week};
use detect::{
    Bin, CalibrationConfig, Calibrator, Detector, EventConfig, EventRates, LinkDetector, PathConfig,
    PathSample, PathScan, SeasonalConfig, Teach, Verdict,
};
use rayon::prelude::*;

use super::marks::Marks;
use super::meta::Meta;
use super::series::Series;

/// Series that go to one detector: groups of one detector do not see those of another.
const TOGETHER: usize = 128;

/// What the detectors say, `[series][bin]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) verdicts: Vec<Vec<Verdict>>,
    /// Higher is more abnormal, NaN is no opinion.
    pub(crate) scores: Vec<Vec<f64>>,
    /// The score above which a bin is flagged.
    pub(crate) thresholds: Vec<Vec<f64>>,
    pub(crate) flags: Vec<Vec<bool>>,
    /// How scores become flags.
    pub(crate) calibration: CalibrationConfig,
}

/// Judges all bins of all series, at so many false alarms a week on each series.
pub(crate) fn judge(series: &Series, marks: &Marks, meta: &Meta, per_week: f64) -> Judged {
    let bin_s = seconds(meta);
    let verdicts = match series {
        Series::Gauges(gauges) => {
            let detector = |series| LinkDetector::new(series, SeasonalConfig::new(bin_s));
            run(gauges, f64::NAN, detector, marks)
        }
        Series::Paths(paths) => {
            let detector = |series| PathScan::new(series, PathConfig::new(bin_s));
            run(paths, PathSample::MISSING, detector, marks)
        }
        Series::Events(counts) => {
            let detector = |series| EventRates::new(series, EventConfig::new(bin_s));
            run(counts, None, detector, marks)
        }
    };
    let config = match series {
        Series::Gauges(_) => CalibrationConfig::new(per_week, bin_s),
        Series::Paths(_) | Series::Events(_) => CalibrationConfig::for_windows(per_week, bin_s),
    };
    calibrated(verdicts, meta, config)
}

/// Flags by thresholds that the training part has taught.
fn calibrated(verdicts: Vec<Vec<Verdict>>, meta: &Meta, calibration: CalibrationConfig) -> Judged {
    let scores: Vec<Vec<f64>> = verdicts.iter().map(|v| v.iter().map(Verdict::score).collect()).collect();
    let (thresholds, flags) = flags_at(&scores, meta, calibration);
    Judged { verdicts, scores, thresholds, flags, calibration }
}

/// Thresholds and flags of scores at a rate of false alarms, `[series][bin]`. In the training part thresholds follow all
/// scores and nothing is flagged; then they follow what is not.
pub(crate) fn flags_at(
    scores: &[Vec<f64>],
    meta: &Meta,
    calibration: CalibrationConfig,
) -> (Vec<Vec<f64>>, Vec<Vec<bool>>) {
    let (bins, series) = (meta.frame.bins, scores.len());
    let mut calibrator = Calibrator::new(series, calibration);
    let mut thresholds = vec![Vec::with_capacity(bins); series];
    let mut flags = vec![Vec::with_capacity(bins); series];
    let mut now = vec![false; series];
    for bin in 0..bins {
        let judged = bin >= meta.frame.train_end;
        if bin == meta.frame.train_end {
            calibrator.refit();
        }
        let at: Vec<f64> = scores.iter().map(|series| series[bin]).collect();
        let teach = if judged { Teach::Unflagged } else { Teach::All };
        calibrator.step(&at, teach, &mut now);
        thresholds.iter_mut().zip(calibrator.thresholds()).for_each(|(all, threshold)| all.push(threshold));
        for ((all, flag), score) in flags.iter_mut().zip(&now).zip(&at) {
            all.push(*flag && judged && !score.is_nan());
        }
    }
    (thresholds, flags)
}

/// Somebody else's scores, with the threshold of each series from its clean week.
pub(crate) fn of_others(scores: Vec<Vec<f64>>, labels: &Labels, meta: &Meta, per_week: f64) -> Judged {
    let bins = meta.frame.bins;
    let thresholds = clean_week(&scores, labels, meta.frame, per_week);
    let flags = |(scores, threshold): (&Vec<f64>, &f64)| {
        let above = |(bin, score): (usize, &f64)| bin >= meta.frame.train_end && score > threshold;
        scores.iter().enumerate().map(above).collect()
    };
    Judged {
        verdicts: vec![vec![Verdict::NONE; bins]; scores.len()],
        flags: scores.iter().zip(&thresholds).map(flags).collect(),
        thresholds: thresholds.into_iter().map(|threshold| vec![threshold; bins]).collect(),
        scores,
        calibration: CalibrationConfig::new(per_week, seconds(meta)),
    }
}

/// The length of a bin for detectors, which count in whole seconds.
fn seconds(meta: &Meta) -> u32 {
    meta.frame.bin_s.round().max(1.0) as u32
}

/// `verdicts[series][bin]`. Groups of series run side by side; the result does not depend on how many do. What is paused is
/// `missing`: it must not be remembered when it is over either.
fn run<D, S>(
    samples: &[Vec<S>],
    missing: S,
    detector: impl Fn(usize) -> D + Sync,
    marks: &Marks,
) -> Vec<Vec<Verdict>>
where
    D: Detector<Sample = S>,
    S: Copy + Send + Sync,
{
    let groups = samples.par_chunks(TOGETHER).enumerate();
    let groups =
        groups.map(|(i, group)| run_group(group, missing, i * TOGETHER, detector(group.len()), marks));
    groups.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn run_group<D, S>(
    samples: &[Vec<S>],
    missing: S,
    first: usize,
    mut detector: D,
    marks: &Marks,
) -> Vec<Vec<Verdict>>
where
    D: Detector<Sample = S>,
    S: Copy,
{
    let bins = samples.first().map_or(0, Vec::len);
    let mut verdicts = vec![Vec::with_capacity(bins); samples.len()];
    let mut now = vec![Verdict::NONE; samples.len()];
    for bin in 0..bins {
        let paused: Vec<bool> = (0..samples.len()).map(|i| marks.is_paused(first + i, bin)).collect();
        let sample = |i: usize| if paused[i] { missing } else { samples[i][bin] };
        let at: Vec<S> = (0..samples.len()).map(sample).collect();
        for i in 0..samples.len() {
            if marks.changes_at(first + i, bin) {
                detector.rebaseline(i);
            } else if let Some(times) = marks.moves_at(first + i, bin) {
                detector.moved(i, times);
            }
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
