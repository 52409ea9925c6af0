//! The twin made to fit what was observed before anything happened.

use models::NodeDemand;
use twin::stats::median;

use super::Bench;
use crate::causes::luck::Luck;
use crate::causes::observed::Observed;

impl Bench<'_> {
    /// The burstiness that explains best how far the round trips of the quiet part scatter.
    pub(super) fn burstiness(&mut self, even: &Luck) -> f64 {
        let before = self.summary.windows.before.clone();
        let scatter: Vec<f64> = self
            .seen
            .probes
            .iter()
            .map(|p| median(p.bins[before.clone()].iter().map(|b| b.p95_ms - b.p50_ms)))
            .collect();
        let mut best = (f64::INFINITY, self.variance);
        for step in 0..=20 {
            self.variance = 1e-6 * libm::pow(10.0, f64::from(step) * 0.25);
            let base = self.base(even.clone());
            let off: f64 = base
                .trips
                .iter()
                .zip(&scatter)
                .filter(|(t, s)| s.is_finite() && t.p95.is_finite())
                .map(|(t, s)| libm::log((t.p95 - t.p50 + 0.1) / (s + 0.1)).abs())
                .sum();
            if off < best.0 {
                best = (off, self.variance);
            }
        }
        best.1
    }
}

/// The matrix with what was measured in its place, and scaled to it elsewhere; and which demands were measured.
pub(super) fn fitted(
    demands: &[NodeDemand],
    seen: &Observed,
    quiet: std::ops::Range<usize>,
) -> (Vec<NodeDemand>, Vec<bool>) {
    let mut measured = std::collections::BTreeMap::new();
    for flow in &seen.flows {
        let polls = quiet.clone().filter_map(|k| flow.polls.get(k));
        let (sum, n) = polls.fold((0.0, 0u32), |(s, n), p| (s + p.bps, n + 1));
        if n > 0 {
            measured.insert((flow.src, flow.dst), sum / f64::from(n));
        }
    }
    let known = demands.iter().filter_map(|d| Some((d.bps, *measured.get(&(d.src, d.dst))?)));
    let (believed, real) = known.fold((0.0, 0.0), |(b, r), (x, y)| (b + x, r + y));
    let scale = if believed > 0.0 && real > 0.0 { real / believed } else { 1.0 };
    let fit = |d: &NodeDemand| NodeDemand {
        bps: measured.get(&(d.src, d.dst)).copied().unwrap_or(d.bps * scale),
        ..*d
    };
    let which = demands.iter().map(|d| measured.contains_key(&(d.src, d.dst))).collect();
    (demands.iter().map(fit).collect(), which)
}
