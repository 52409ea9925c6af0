//! A load that a known change of the network moves.
//!
//! Another routing makes a link carry a multiple of what it carried, of all seasons alike. So what was taught still holds,
//! times that multiple, and the link is judged at once. How far the multiple is wrong is as uncertain as demands are, and is
//! learnt from what comes (a Kalman filter of one constant); when the change is undone the doubt is, too.

use serde::{Deserialize, Serialize};

/// What comes or goes is known to within such a share: demands are deduced from loads, mostly (a tenth to a third wrong: Zhang
/// et al., SIGMETRICS 2003), and of a few large flows over equal paths all may take the same one.
const DEMAND_ERROR: f64 = 0.5;
/// What grows or shrinks by more is another load, of which nothing is known.
const TIMES_MAX: f64 = 3.0;
/// Residuals wander: so many days' bins say as much as one that is independent of the others.
const INDEPENDENT_DAYS: f64 = 0.1;
/// The offset is learnt from residuals of at most so many standard deviations.
const CLIP: f64 = 1.5;

/// How a series of loads is moved, on the scale of their square roots.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Moved {
    /// Roots are expected to be so many times what was taught.
    times: f64,
    /// How far that is wrong, and how well it is known.
    offset: f64,
    variance: f64,
    /// Samples since.
    samples: f64,
}

impl Moved {
    /// A load is expected to be so many times what it was, after what has moved it `before`; `level` is the usual root of
    /// what was taught. `Err` if nothing of that is left to hold; `Ok(None)` if it is back where it was.
    pub(crate) fn by(times: f64, before: Option<Self>, level: f64) -> Result<Option<Self>, ()> {
        let times = libm::sqrt(times) * before.map_or(1.0, |m| m.times);
        let most = libm::sqrt(TIMES_MAX);
        if !(1.0 / most..=most).contains(&times) {
            return Err(());
        }
        if (times - 1.0).abs() < 1e-6 {
            return Ok(None);
        }
        // The error of what came or went, and what it does to the root of what there is now. What went took its share of
        // the error of the whole with it.
        let doubt = 0.5 * DEMAND_ERROR * (times * times - 1.0).abs() * times.min(1.0 / times) * level;
        Ok(Some(Self { times, offset: 0.0, variance: doubt * doubt, samples: 0.0 }))
    }

    /// What is expected, where `taught` was.
    pub(crate) fn expected(&self, taught: f64) -> f64 {
        self.times * taught + self.offset
    }

    /// The spread where one of `sigma` was taught: of what strays by a share of itself it grows with the load; of packets
    /// it does not shrink with it.
    pub(crate) fn spread(&self, sigma: f64) -> f64 {
        sigma * self.times.max(1.0)
    }

    /// The spread and the doubt.
    pub(crate) fn sigma(&self, spread: f64) -> f64 {
        libm::sqrt(spread * spread + self.variance)
    }

    /// Learns from a residual; `spread` is its spread without the doubt.
    pub(crate) fn learn(&mut self, residual: f64, spread: f64, day_bins: f64) {
        let limit = CLIP * self.sigma(spread);
        let noise = (INDEPENDENT_DAYS * day_bins).max(1.0) * spread * spread;
        let gain = self.variance / (self.variance + noise);
        self.offset += gain * residual.clamp(-limit, limit);
        self.variance *= 1.0 - gain;
        self.samples += 1.0;
    }

    /// After a day it is so for good.
    pub(crate) fn lasts(&self, day_bins: f64) -> bool {
        self.samples >= day_bins
    }

    /// Of roots: times and offset.
    pub(crate) fn change(&self) -> (f64, f64) {
        (self.times, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_where_it_was_nothing_is_left_and_too_far_away_either() {
        let doubled = Moved::by(2.0, None, 10.0).unwrap().unwrap();
        assert!((doubled.expected(10.0) - 200f64.sqrt()).abs() < 1e-9);
        assert_eq!(Moved::by(0.5, Some(doubled), 10.0), Ok(None));
        assert_eq!(Moved::by(2.0, Some(doubled), 10.0), Err(()));
        assert_eq!([0.0, f64::NAN, f64::INFINITY].map(|times| Moved::by(times, None, 10.0)), [Err(()); 3]);
    }

    #[test]
    fn doubt_is_as_large_as_what_moves_and_ends_with_what_is_seen() {
        let sigma = |times: f64| Moved::by(times, None, 10.0).unwrap().unwrap().sigma(0.0);
        // 100 become 200, give or take 50; its root 14.1, give or take 1.77.
        assert!((sigma(2.0) - 25.0 / 200f64.sqrt()).abs() < 1e-9);
        assert!(sigma(2.0) > sigma(1.2) && sigma(0.5) > sigma(0.8));
        let mut moved = Moved::by(2.0, None, 10.0).unwrap().unwrap();
        let taught = 10.0;
        for _ in 0..288 {
            let residual = 15.0 - moved.expected(taught);
            moved.learn(residual, 0.3, 288.0);
        }
        assert!((moved.expected(taught) - 15.0).abs() < 0.1 && moved.sigma(0.3) < 0.32, "{moved:?}");
        assert!(moved.lasts(288.0));
    }
}
