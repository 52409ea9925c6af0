//! The load interval: a router reports rates as exponentially weighted averages, and what a port carries now is not what
//! it reports.
//!
//! r(t + Δ) = x + (r(t) − x)·e^(−Δ/τ), x the true rate meanwhile and τ the load interval, 300 s unless configured (Cisco IOS
//! XR, `load-interval`: 0 to 600 s in steps of 30). A port that is shut thus still reports 97 % of its traffic after ten
//! seconds. Solved for x this gives back what happened between two samples.

use super::recording::{Nanos, seconds};
use super::series::{Step, between};

/// A router's averaging.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LoadInterval {
    /// Its time constant, seconds.
    pub tau_s: f64,
}

impl Default for LoadInterval {
    /// The default of IOS and IOS XR.
    fn default() -> Self {
        Self { tau_s: 300.0 }
    }
}

impl LoadInterval {
    /// What is reported after `dt` seconds at a true rate of `x`, where `before` was reported before.
    pub fn predict(self, before: f64, x: f64, dt: f64) -> f64 {
        x + (before - x) * libm::exp(-dt / self.tau_s)
    }

    /// The true rate between two reports, `dt` seconds apart. Never negative: what is below zero is the jitter of stamps.
    pub fn instant(self, before: f64, after: f64, dt: f64) -> f64 {
        let kept = libm::exp(-dt / self.tau_s);
        ((after - before * kept) / (1.0 - kept)).max(0.0)
    }

    /// Steps of what was averaged.
    pub fn steps(self, mut reports: Vec<(Nanos, f64)>) -> Vec<Step> {
        reports.sort_by_key(|r| r.0);
        reports.dedup_by_key(|r| r.0);
        let step = |pair: &[(Nanos, f64)]| {
            let ((from, before), (to, after)) = (pair[0], pair[1]);
            let dt = seconds(from, to);
            Step { from, to, amount: self.instant(before, after, dt) * dt }
        };
        reports.windows(2).map(step).collect()
    }

    /// The configurable interval under which counters best predict the reported rates; `None` where there is too little to
    /// tell (a rate that never changes fits them all).
    pub fn learn<'a>(ports: impl Iterator<Item = (&'a [(Nanos, f64)], &'a [Step])> + Clone) -> Option<Self> {
        let candidates = (1..=20).map(|i| Self { tau_s: 30.0 * f64::from(i) });
        let mut best: Option<(f64, Self)> = None;
        let mut still = 0.0;
        for candidate in candidates {
            let mut error = 0.0;
            still = 0.0;
            for (reports, counted) in ports.clone() {
                for pair in reports.windows(2) {
                    let ((from, before), (to, after)) = (pair[0], pair[1]);
                    let dt = seconds(from, to);
                    let Some(n) = between(counted, from, to).filter(|_| before > 0.0 && dt > 0.0) else {
                        continue;
                    };
                    let expected = candidate.predict(before, n / dt, dt);
                    error += ((after - expected) / before).abs().min(1.0);
                    still += ((after - before) / before).abs().min(1.0);
                }
            }
            if best.is_none_or(|(least, _)| error < least) {
                best = Some((error, candidate));
            }
        }
        best.filter(|(error, _)| *error < 0.5 * still).map(|(_, interval)| interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_averaged_comes_back() {
        let interval = LoadInterval::default();
        let (mut reported, mut reports) = (0.0, vec![(0, 0.0)]);
        let truth = [100.0, 100.0, 0.0, 0.0, 700.0];
        for (i, x) in truth.iter().enumerate() {
            reported = interval.predict(reported, *x, 10.0);
            reports.push(((i as i64 + 1) * 10_000_000_000, reported));
        }
        let back: Vec<f64> = interval.steps(reports).iter().map(Step::rate).collect();
        back.iter().zip(truth).for_each(|(b, x)| assert!((b - x).abs() < 1e-9, "{b} for {x}"));
    }

    #[test]
    fn a_port_that_is_shut_still_reports_most_of_its_traffic() {
        // 345,069 packets/s were reported before the shutdown and 324,745 twenty seconds later (recorded on IOS XR).
        let after = LoadInterval::default().predict(345_069.0, 0.0, 17.8);
        assert!((after / 324_745.0 - 1.0).abs() < 0.005, "{after}");
    }

    #[test]
    fn the_interval_is_learnt_where_counters_tell_it() {
        let truth = LoadInterval { tau_s: 60.0 };
        let (mut reported, mut reports, mut counted) = (500.0, vec![(0, 500.0)], Vec::new());
        for i in 0..50_i64 {
            let x = if i % 9 < 4 { 1_000.0 } else { 200.0 };
            let (from, to) = (i * 10_000_000_000, (i + 1) * 10_000_000_000);
            reported = truth.predict(reported, x, 10.0);
            reports.push((to, reported));
            counted.push(Step { from, to, amount: x * 10.0 });
        }
        let learnt = LoadInterval::learn(std::iter::once((reports.as_slice(), counted.as_slice())));
        assert_eq!(learnt, Some(truth));
        let flat: Vec<_> = reports.iter().map(|r| (r.0, 100.0)).collect();
        let even: Vec<_> = counted.iter().map(|s| Step { amount: 1_000.0, ..*s }).collect();
        assert_eq!(LoadInterval::learn(std::iter::once((flat.as_slice(), even.as_slice()))), None);
    }
}
