//! When did it begin?

use super::observed::Observed;

/// Probability of each bin of the window to be the one in which it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Onset {
    /// The first bin that is considered.
    pub first: usize,
    /// By bin from there; they sum to 1.
    pub probability: Vec<f64>,
}

/// Bins that have to follow an onset: with fewer nothing can be said about it.
const LEAST_AFTER: usize = 4;
/// Probability that a given series changes at all.
const CHANGES: f64 = 0.1;
/// Width of the prior of a change, in usual standard deviations.
const WIDTH: f64 = 10.0;
/// How many values the usual scatter is worth.
const WORTH: f64 = 20.0;

impl Onset {
    /// Weighs every bin from `quiet` on. Each series has a level that may change once, at an instant that is common to all;
    /// both levels are integrated over (a normal change point with unknown means).
    pub fn find(seen: &Observed, quiet: usize) -> Self {
        let last = seen.bins.saturating_sub(LEAST_AFTER).max(quiet + 1);
        let series = all_series(seen, quiet);
        let log: Vec<f64> =
            (quiet..last).map(|onset| series.iter().map(|s| s.log_bayes(onset)).sum::<f64>()).collect();
        let total = crate::base_loss::log_sum_exp(&log);
        Self { first: quiet, probability: log.iter().map(|l| libm::exp(l - total)).collect() }
    }

    /// The most probable bin, the first of equals.
    pub fn best(&self) -> usize {
        let best = (0..self.probability.len())
            .rev()
            .max_by(|a, b| self.probability[*a].total_cmp(&self.probability[*b]));
        self.first + best.unwrap_or(0)
    }

    /// The instant, in bins since the first of the record, before which it began with this probability.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut below = 0.0;
        for (i, p) in self.probability.iter().enumerate() {
            if below + p >= share && *p > 0.0 {
                return (self.first + i) as f64 + ((share - below) / p).clamp(0.0, 1.0);
            }
            below += p;
        }
        (self.first + self.probability.len()) as f64
    }

    /// The mean, in bins since the first of the record.
    pub fn mean(&self) -> f64 {
        self.probability.iter().enumerate().map(|(i, p)| ((self.first + i) as f64 + 0.5) * p).sum()
    }
}

/// The values of the window, less their usual level, in usual standard deviations.
struct Series {
    /// Bins that each value covers.
    covers: usize,
    /// The first of them.
    first: usize,
    values: Vec<f64>,
}

impl Series {
    /// The first `quiet` values are usual.
    fn new(values: Vec<f64>, covers: usize, quiet: usize, floor: f64) -> Self {
        let (past, window) = values.split_at(quiet.min(values.len()));
        let past: Vec<f64> = past.iter().copied().filter(|x| x.is_finite()).collect();
        let n = past.len() as f64;
        let center = past.iter().sum::<f64>() / n.max(1.0);
        let spread = (past.iter().map(|x| (x - center).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
        let sigma = spread.max(floor).max(f64::MIN_POSITIVE);
        Self {
            covers,
            first: values.len() - window.len(),
            values: window.iter().map(|x| (x - center) / sigma).collect(),
        }
    }

    /// For a change at `onset`, against no change in this series. The scatter of the values is integrated over, so that a
    /// large change tells by its shape and not by its size.
    fn log_bayes(&self, onset: usize) -> f64 {
        let (mut cross, mut weight, mut total, mut n) = (0.0, 0.0, 0.0, WORTH);
        for (k, value) in self.values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let (from, to) =
                (((self.first + k) * self.covers) as f64, ((self.first + k + 1) * self.covers) as f64);
            // It began in the middle of its bin, as far as is known.
            let share = ((to - (onset as f64 + 0.5)) / (to - from)).clamp(0.0, 1.0);
            cross += share * value;
            weight += share * share;
            total += value * value;
            n += 1.0;
        }
        let precision = weight + 1.0 / (WIDTH * WIDTH);
        let left = (total - cross * cross / precision).max(0.0);
        let fit = 0.5 * n * libm::log((WORTH + total) / (WORTH + left));
        let log = fit - 0.5 * libm::log(precision * WIDTH * WIDTH);
        crate::base_loss::log_sum_exp(&[libm::log(1.0 - CHANGES), libm::log(CHANGES) + log])
    }
}

fn all_series(seen: &Observed, quiet: usize) -> Vec<Series> {
    let polls = quiet / seen.poll_bins;
    let mut all = Vec::new();
    for arc in 0..seen.load.first().map_or(0, Vec::len) {
        let column = |rows: &[Vec<f64>]| rows.iter().map(|row| row[arc]).collect::<Vec<_>>();
        all.push(Series::new(column(&seen.load), seen.poll_bins, polls, 1e3));
        let discards = column(&seen.discards).into_iter().map(libm::log1p).collect();
        all.push(Series::new(discards, seen.poll_bins, polls, 0.5));
    }
    for probed in &seen.probes {
        let column =
            |of: fn(&super::observed::ProbeBin) -> f64| probed.bins.iter().map(of).collect::<Vec<_>>();
        all.push(Series::new(column(|b| b.p50_ms), 1, quiet, 0.02));
        all.push(Series::new(column(|b| b.p95_ms), 1, quiet, 0.05));
        let loss = column(|b| (f64::from(b.lost) / f64::from(b.sent.max(1))).sqrt());
        all.push(Series::new(loss, 1, quiet, 0.1));
    }
    for sampled in &seen.flows {
        let of = |p: &super::observed::SampledPoll| {
            (f64::from(p.retransmitted) / f64::from(p.packets.max(1))).sqrt()
        };
        let floor = 0.5
            / (sampled.polls.iter().map(|p| f64::from(p.packets)).sum::<f64>()
                / sampled.polls.len().max(1) as f64)
                .max(1.0)
                .sqrt();
        all.push(Series::new(sampled.polls.iter().map(of).collect(), seen.poll_bins, polls, floor));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A poll every five bins, quiet for ten, then six more; a change of this size in bin 67.
    fn polls(size: f64) -> Series {
        let noise = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
        let share = |k: usize| (((k + 1) as f64 * 5.0 - 67.5) / 5.0).clamp(0.0, 1.0);
        Series::new((0..16).map(|k| noise(k) + size * share(k)).collect(), 5, 10, 0.1)
    }

    #[test]
    fn a_poll_across_the_onset_tells_where_in_it_the_onset_is() {
        for size in [50.0, -500.0] {
            let series = polls(size);
            let best = (50..76).max_by(|a, b| series.log_bayes(*a).total_cmp(&series.log_bayes(*b))).unwrap();
            assert!((66..=68).contains(&best), "{best} for {size}");
        }
        assert!(polls(0.0).log_bayes(67) < 0.0, "no change is no evidence for one");
    }
}
