//! The severities that are summed over.

use crate::prediction::LossMode;

/// Loss rates that are integrated over, log-uniform from 1e-4 (the noise of healthy paths) to 1.
pub const LOSS_GRID: usize = 25;
/// Convergence times that are integrated over, log-uniform from 50 ms (loss of carrier, RFC 5880 detection) to 40 s (the
/// OSPF dead interval, RFC 2328 §C.3).
pub const CONVERGENCE_GRID: usize = 12;
pub(super) const CONVERGENCE_S: (f64, f64) = (0.05, 40.0);

/// The loss rate of a grid point.
pub fn loss_rate(g: usize) -> f64 {
    rate_at(g as f64)
}

/// The loss rate between two grid points.
pub(super) fn rate_at(g: f64) -> f64 {
    libm::pow(10.0, -4.0 + 4.0 * g / (LOSS_GRID - 1) as f64).min(0.9999)
}

/// For each two grid points the one nearest to their joint loss.
pub(super) fn joint_rates() -> Vec<u8> {
    let joint = |g: usize, h: usize| {
        let (x, y) = (loss_rate(g), loss_rate(h));
        nearest_rate(x + y - x * y) as u8
    };
    (0..LOSS_GRID * LOSS_GRID).map(|i| joint(i / LOSS_GRID, i % LOSS_GRID)).collect()
}

pub(super) fn convergence_s(g: usize) -> f64 {
    let (lo, hi) = (libm::log(CONVERGENCE_S.0), libm::log(CONVERGENCE_S.1));
    libm::exp(lo + (hi - lo) * g as f64 / (CONVERGENCE_GRID - 1) as f64)
}

/// The grid point nearest to a loss rate.
pub fn nearest_rate(x: f64) -> usize {
    let g = (libm::log10(x.max(1e-4)) + 4.0) / 4.0 * (LOSS_GRID - 1) as f64;
    (g.round() as usize).min(LOSS_GRID - 1)
}

pub(super) fn severities(mode: LossMode) -> usize {
    match mode {
        LossMode::Lasting => LOSS_GRID,
        LossMode::UntilConverged => CONVERGENCE_GRID,
        LossMode::Fixed(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_finds_its_own_points() {
        for g in 0..LOSS_GRID {
            assert_eq!(nearest_rate(loss_rate(g)), g);
        }
        let joint = joint_rates();
        assert_eq!(usize::from(joint[0]), 2, "1e-4 twice is nearest to 2.15e-4");
        assert_eq!(usize::from(joint[LOSS_GRID * LOSS_GRID - 1]), LOSS_GRID - 1);
    }
}
