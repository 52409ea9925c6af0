//! How well predicted loads fit measured ones.

use twin::stats::median;

/// A likelihood of measured loads: Student's t with four degrees of freedom around the prediction, which forgives a few
/// arcs that are far off; its width is a share of the load, learnt from how far a base prediction usually is off.
#[derive(Clone, Debug)]
pub struct LoadFit<'a> {
    measured: &'a [f64],
    /// Width as a share of the load.
    scale: f64,
    /// Width where nothing flows, in bit/s.
    floor: f64,
}

impl<'a> LoadFit<'a> {
    /// From a base prediction and what was measured, both by arc in bit/s; NaN where nothing was measured. The width is at
    /// least 2 % of a load, the error of sampled demands.
    pub fn new(base: &[f64], measured: &'a [f64]) -> Self {
        let floor = 1e-3 * mean(measured);
        let used = base.iter().zip(measured).filter(|(l, q)| l.max(**q) > floor);
        let scale = 1.4826 * median(used.map(|(l, q)| (l - q).abs() / l.max(*q)));
        let scale = if scale.is_nan() { 0.02 } else { scale.clamp(0.02, 0.3) };
        Self { measured, scale, floor }
    }

    /// The log likelihood of a prediction in nats, up to a constant. Only differences mean something.
    pub fn log_likelihood(&self, predicted: &[f64]) -> f64 {
        let pairs = predicted.iter().zip(self.measured).filter(|(_, q)| q.is_finite());
        pairs.map(|(l, q)| self.of_arc(*l, *q)).sum()
    }

    /// The term of one arc.
    pub fn of_arc(&self, predicted: f64, measured: f64) -> f64 {
        let sigma = self.scale * predicted.max(measured) + self.floor;
        let t = (measured - predicted) / sigma;
        -2.5 * libm::log1p(t * t / 4.0) - libm::log(sigma)
    }
}

fn mean(values: &[f64]) -> f64 {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    finite.iter().sum::<f64>() / finite.len().max(1) as f64
}
