//! How likely a set of components makes what was observed, relative to nothing being wrong.
//!
//! A set has latent numbers: the onset, and one severity for each component that has one. For each point of that grid the
//! log-likelihood ratio is a sum over *blocks* that are independent given the latents: the losses of a node pair, its
//! round trips, an interface's load, whether a node still answers its polls. The Bayes factor sums over the grid, so no
//! severity is ever assumed.

mod evidence;
mod grid;
mod posterior;
mod set;
mod unknown;

pub use evidence::Evidence;
pub use grid::{CONVERGENCE_GRID, LOSS_GRID, loss_rate, nearest_rate};
pub use posterior::{onset, severity};
pub use set::{Evaluated, Latent, SetModel};
pub use unknown::unknown_log_bayes;

/// The source and the item of a block.
pub type Block = (&'static str, String);

/// log(1 − Σp + Σ p·e^ratio), stable for large ratios.
fn mixture(cases: &[(f64, f64)]) -> f64 {
    if let [(p, ratio)] = cases
        && *ratio < 30.0
    {
        return if *p >= 1.0 { *ratio } else { libm::log1p(p * (libm::exp(*ratio) - 1.0)) };
    }
    let rest = 1.0 - cases.iter().map(|(p, _)| p).sum::<f64>();
    let top = cases.iter().map(|(_, r)| *r).fold(0.0, f64::max);
    let sum =
        rest.max(0.0) * libm::exp(-top) + cases.iter().map(|(p, r)| p * libm::exp(r - top)).sum::<f64>();
    top + libm::log(sum.max(1e-300))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_what_it_says_on_both_sides_of_the_short_cut() {
        let plain = |p: f64, r: f64| (1.0 - p + p * r.exp()).ln();
        for (p, r) in [(0.5, 0.0), (0.3, -700.0), (1.0, -5.0), (0.02, 29.9), (0.02, 30.1), (1e-9, 40.0)] {
            let (got, want) = (mixture(&[(p, r)]), plain(p, r));
            assert!((got - want).abs() < 1e-9 * want.abs().max(1.0), "{p} {r}: {got} {want}");
        }
        let two = mixture(&[(0.25, 1.0), (0.5, -2.0)]);
        assert!((two - (0.25 + 0.25 * 1f64.exp() + 0.5 * (-2f64).exp()).ln()).abs() < 1e-12);
        assert!(mixture(&[(1.0, -800.0)]).is_finite());
    }
}
