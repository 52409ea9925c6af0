//! More replicas of a few changes than there is room for at a time.

use super::Bench;
use crate::causes::ensemble::Ensemble;
use crate::causes::state::Change;

/// Trials that are there at a time.
const TURN: usize = 200;

impl Bench<'_> {
    /// Runs changes in more trials, until each ensemble has so many replicas. These trials are made and forgotten in turns: there
    /// may be thousands, each with laws of all half-links.
    pub(in crate::causes) fn further(&self, replicas: usize, forms: &mut [(Change, &mut Ensemble)]) {
        let least = |forms: &[(Change, &mut Ensemble)], from| {
            forms.iter().map(|(_, e)| e.replicas).filter(|n| *n >= from).min()
        };
        while let Some(from) = least(forms, 0).filter(|from| *from < replicas) {
            // As far as those that are ahead, so that they go on together.
            let until = least(forms, from + 1).unwrap_or(replicas).min(replicas).min(from + TURN);
            let bases = self.trials(from + 1..until + 1);
            for (change, ensemble) in forms.iter_mut().filter(|(_, e)| e.replicas == from) {
                ensemble.add(&self.shown(*change, &bases));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::onset::Onset;
    use crate::causes::state::{BUFFER_S, State};
    use crate::causes::summary::Summary;
    use crate::causes::world::incident;
    use models::{Failures, NodeDemand, Routing};
    use twin::{ArcId, Csr, Layer, LinkId, NodeId};

    #[test]
    fn trials_that_come_in_turns_show_what_they_would_if_all_were_kept() {
        let (net, demands) = testkit::recorded("Abilene");
        let demand =
            |&(s, d, bps): &(usize, usize, f64)| NodeDemand { src: NodeId::new(s), dst: NodeId::new(d), bps };
        let demands: Vec<NodeDemand> = demands.iter().map(demand).collect();
        let csr = Csr::compile(&net.to_twin(), Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let seen = incident(&csr, &routing, &demands, 1, 0).observed;
        let quiet = seen.bins - 30;
        let summary = Summary::new(&seen, Onset::find(&seen, quiet), quiet);
        let bench = |trials| {
            let state = State::healthy(&csr, routing.clone(), BUFFER_S);
            Bench::new(&csr, state, &demands, &seen, &summary, trials, 7)
        };
        let (few, all) = (bench(4), bench(230));
        let (down, slow) = (Change::Down(LinkId::new(3)), Change::Rate(ArcId::new(2), 0.3, 1.0));
        let (mut one, mut other) = (few.often(down), few.often(slow));
        few.further(17, &mut [(slow, &mut other)]);
        few.further(230, &mut [(down, &mut one), (slow, &mut other)]);
        for (parts, whole) in [(one, all.often(down)), (other, all.often(slow))] {
            assert!(!whole.items.is_empty());
            assert_eq!((parts.replicas, &parts.items), (230, &whole.items));
            for (place, mean) in whole.mean.iter().enumerate() {
                // As exact as the smaller of the two kinds of numbers.
                let close = |x: f64, y: f64, size: f64| (x - y).abs() <= 1e-5 * size.max(1.0);
                assert!(close(parts.mean[place], *mean, mean.abs()));
                for (x, y) in parts.spread[place].iter().zip(&whole.spread[place]) {
                    assert!(close(f64::from(*x), f64::from(*y), mean.abs() + f64::from(y.abs())), "{x} {y}");
                }
            }
        }
    }
}
