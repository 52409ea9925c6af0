//! Weights: in logarithms, normalised, drawn by.

use engine::Stream;
use rand::RngExt;

/// Logarithms become weights that sum to one.
pub(super) fn normalised<const N: usize>(logs: [f64; N]) -> [f64; N] {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = logs.map(|l| libm::exp(l - top));
    let total: f64 = weights.iter().sum();
    weights.map(|w| w / total)
}

/// Draws a position by weight.
pub(super) fn pick(weights: &[f64], stream: &mut Stream) -> usize {
    let mut left = stream.random::<f64>();
    let found = weights.iter().position(|w| {
        left -= w;
        left <= 0.0
    });
    found.unwrap_or(weights.len() - 1)
}

/// A standard normal number (Box and Muller, 1958).
pub(super) fn normal(stream: &mut Stream) -> f64 {
    let radius = libm::sqrt(2.0 * stream.exp());
    radius * libm::cos(std::f64::consts::TAU * stream.f64_open())
}

/// ln(e^a + e^b).
pub(super) fn log_or(a: f64, b: f64) -> f64 {
    let (top, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { top } else { top + libm::log1p(libm::exp(low - top)) }
}
