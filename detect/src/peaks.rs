//! Alarms of the past over a level: how many count, and what lies beyond them.

/// An exponential tail of scale 1, as −log p has it in theory, counts as so many excesses.
const PRIOR_SCALE: f64 = 5.0;
/// A shape of 0 counts as so many excesses, and none is believed beyond these.
const PRIOR_SHAPE: f64 = 50.0;
const SHAPES: std::ops::RangeInclusive<f64> = -0.3..=0.5;
/// Excesses count with at most this many times the scale of the half of them that is smallest.
const EXCESS_MAX: f64 = 10.0;
/// No mean excess is taken to be below this.
const MEAN_MIN: f64 = 0.1;

/// The highest scores of alarms, ascending, each with how much it counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Peaks {
    peaks: Vec<(f64, f64)>,
    count: f64,
}

impl Peaks {
    /// From days and scores of alarms, and how long each of the days was watched. A day counts with at most as many alarms as
    /// chance makes of the others: what is expected after them and two standard deviations, of a Poisson count whose rate is
    /// known only as well as they tell. What goes beyond was an incident.
    pub(crate) fn of(mut alarms: Vec<(u32, f64)>, watched: &[f64]) -> Self {
        alarms.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let days: Vec<(usize, f64)> = alarms
            .chunk_by(|a, b| a.0 == b.0)
            .map(|day| (day.len(), watched.get(day[0].0 as usize).copied().unwrap_or(0.0).max(1e-9)))
            .collect();
        let rate = |day: &(usize, f64)| day.0 as f64 / day.1;
        let worst = days.iter().copied().max_by(|a, b| rate(a).total_cmp(&rate(b))).unwrap_or((0, 0.0));
        let others = (watched.iter().sum::<f64>() - worst.1).max(1e-9);
        let usual = (alarms.len() - worst.0) as f64 / others;
        let most = |time: f64| usual * time + 2.0 * libm::sqrt(usual * time * (1.0 + time / others)) + 1.0;
        let weights =
            days.iter().flat_map(|(n, time)| std::iter::repeat_n((most(*time) / *n as f64).min(1.0), *n));
        let mut peaks: Vec<(f64, f64)> = alarms.iter().map(|(_, score)| *score).zip(weights).collect();
        peaks.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { count: peaks.iter().map(|(_, weight)| weight).sum(), peaks }
    }

    /// And peaks over `threshold` that count as so many, of which nothing else is known. An exponential tail has no memory:
    /// they lie as far beyond the threshold as all of them lie beyond `level` on the mean.
    pub(crate) fn and_over(mut self, threshold: f64, count: f64, level: f64) -> Self {
        if count > 0.0 {
            let threshold = threshold.max(level);
            let others: f64 = self.peaks.iter().map(|(score, weight)| weight * (score - level)).sum();
            // The mean m of all is (others + count · (threshold + m − level)) / (their number + count).
            let mean = (others + count * (threshold - level)) / self.count.max(1.0);
            let score = threshold + mean.max(MEAN_MIN);
            let at = self.peaks.partition_point(|(peak, _)| *peak < score);
            self.peaks.insert(at, (score, count));
            self.count += count;
        }
        self
    }

    /// How many count.
    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.peaks.len()
    }

    /// The highest; 0 without any.
    pub(crate) fn highest(&self) -> f64 {
        self.peaks.last().map_or(0.0, |(score, _)| *score)
    }

    /// How far over `level`, which they all exceed, one in so many goes: the quantile of a generalised Pareto distribution
    /// by probability-weighted moments (Hosking & Wallis, Technometrics 29, 1987), drawn towards the exponential one of
    /// theory. No single peak has much weight, as the past need not be free of anomalies.
    pub(crate) fn excess(&self, level: f64, one_in: f64) -> f64 {
        let half = self.weighted(level, f64::INFINITY, |below, x| if below <= 0.5 { x } else { 0.0 });
        // The smaller half of exponential excesses has a share of (1 − ln 2) / 2 in their mean.
        let rough = (half / (0.5 - 0.5 * std::f64::consts::LN_2)).max(1e-3);
        let limit = EXCESS_MAX * rough;
        let mean = self.weighted(level, limit, |_, x| x);
        let moment = self.weighted(level, limit, |below, x| (1.0 - below) * x);
        let shape = 2.0 - mean / (mean - 2.0 * moment).max(1e-9);
        let shape = shape.clamp(*SHAPES.start(), *SHAPES.end()) * self.count / (self.count + PRIOR_SHAPE);
        let scale = ((1.0 - shape) * mean * self.count + PRIOR_SCALE) / (self.count + PRIOR_SCALE);
        // The scale is known from so many excesses only: the predictive quantile of an exponential tail.
        let known = self.count + PRIOR_SCALE;
        let times = known * libm::expm1(libm::log(one_in.max(1.0)) / known);
        scale * if shape.abs() < 1e-6 { times } else { libm::expm1(shape * times) / shape }
    }

    /// Mean over the excesses of at most `limit`, of a function of the share that lies below and the excess.
    fn weighted(&self, level: f64, limit: f64, of: impl Fn(f64, f64) -> f64) -> f64 {
        let mut below = 0.0;
        let mut sum = 0.0;
        for (score, weight) in &self.peaks {
            sum += weight * of((below + 0.5 * weight) / self.count, (score - level).min(limit));
            below += weight;
        }
        sum / self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::uniform;

    /// A thousand excesses over 3 of a generalised Pareto distribution, spread over a hundred days.
    fn peaks(scale: f64, shape: f64) -> Peaks {
        let excess = |i: usize| scale * (uniform(i, 0).powf(-shape) - 1.0) / shape;
        Peaks::of((0..1_000).map(|i| (i as u32 / 10, 3.0 + excess(i))).collect(), &[1.0; 100])
    }

    #[test]
    fn quantiles_beyond_the_past_follow_its_tail() {
        for (scale, shape) in [(1.0, 0.3), (0.5, 0.001), (2.0, -0.2)] {
            let truth = scale * (100f64.powf(shape) - 1.0) / shape;
            let got = peaks(scale, shape).excess(3.0, 100.0);
            assert!((got / truth - 1.0).abs() < 0.25, "scale {scale}, shape {shape}: {got} for {truth}");
            assert_eq!(peaks(scale, shape).excess(3.0, 1.0), 0.0);
        }
    }

    #[test]
    fn one_day_of_incidents_is_no_rate() {
        let quiet: Vec<(u32, f64)> = (0..28).map(|i| (i % 7, 4.0 + 0.01 * f64::from(i))).collect();
        let week = [1.0; 7];
        assert_eq!(Peaks::of(quiet.clone(), &week).count(), 28.0, "what chance makes counts in full");
        let incident = (0..60).map(|i| (3, 50.0 + f64::from(i)));
        let all = Peaks::of(quiet.into_iter().chain(incident).collect(), &week);
        assert_eq!((all.len(), all.highest()), (88, 109.0));
        // 24 on the other six days, and 4 + 2 √(4 + 4 / 6) + 1 of the day of the incident.
        assert!((all.count() - 29.0 - 2.0 * (14.0f64 / 3.0).sqrt()).abs() < 1e-9, "{}", all.count());
        // Half a day says little of a whole one.
        let halves = Peaks::of((0..10).map(|i| (i / 2 % 2, 4.0)).collect(), &[0.5, 1.0]);
        assert_eq!(halves.count(), 10.0);
        assert_eq!(Peaks::of(Vec::new(), &week), Peaks::default());
    }
}
