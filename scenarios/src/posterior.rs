//! From Bayes factors to probabilities of sets and of causes.

use std::collections::BTreeMap;

use crate::base_loss::log_sum_exp;
use crate::component::Component;

/// What a hypothesis says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hypothesis {
    /// Nothing is wrong.
    None,
    /// Something is wrong that no hypothesis names.
    Unknown,
    /// These components are wrong, in order.
    Set(Vec<Component>),
}

/// The posterior over hypotheses.
#[derive(Clone, Debug, Default)]
pub struct Posterior {
    /// Hypotheses with their probabilities, most probable first; equals in the order of hypotheses.
    pub hypotheses: Vec<(Hypothesis, f64)>,
}

impl Posterior {
    /// Normalises log weights (log prior + log Bayes factor).
    pub fn new(weights: Vec<(Hypothesis, f64)>) -> Self {
        let logs: Vec<f64> = weights.iter().map(|(_, w)| *w).collect();
        let total = log_sum_exp(&logs);
        let mut hypotheses: Vec<_> = weights.into_iter().map(|(h, w)| (h, libm::exp(w - total))).collect();
        hypotheses.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Self { hypotheses }
    }

    /// The probability of exactly this hypothesis.
    pub fn of(&self, hypothesis: &Hypothesis) -> f64 {
        self.hypotheses.iter().filter(|(h, _)| h == hypothesis).map(|(_, p)| p).sum()
    }

    /// The marginal probability of each component that occurs in a set, by component.
    pub fn marginals(&self) -> BTreeMap<Component, f64> {
        let mut marginals = BTreeMap::new();
        for (hypothesis, p) in &self.hypotheses {
            if let Hypothesis::Set(set) = hypothesis {
                for component in set {
                    *marginals.entry(*component).or_insert(0.0) += p;
                }
            }
        }
        // Probabilities that sum to 1 by construction may exceed it by rounding.
        marginals.values_mut().for_each(|p: &mut f64| *p = p.min(1.0));
        marginals
    }

    /// The most probable set that holds a component.
    pub fn best_set_with(&self, component: Component) -> Option<&[Component]> {
        self.hypotheses.iter().find_map(|(h, _)| match h {
            Hypothesis::Set(set) if set.contains(&component) => Some(set.as_slice()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::{ArcId, LinkId};

    #[test]
    fn a_posterior_enumerated_by_hand() {
        let (a, b) = (Component::LinkLoss(ArcId(0)), Component::LinkDown(LinkId(0)));
        // Weights 1, 2, 4, 1: total 8.
        let posterior = Posterior::new(vec![
            (Hypothesis::None, 0.0),
            (Hypothesis::Set(vec![a]), 2f64.ln()),
            (Hypothesis::Set(vec![b]), 4f64.ln()),
            (Hypothesis::Set(vec![a, b]), 0.0),
        ]);
        assert!((posterior.of(&Hypothesis::None) - 0.125).abs() < 1e-15);
        let marginals = posterior.marginals();
        assert!((marginals[&a] - 0.375).abs() < 1e-15 && (marginals[&b] - 0.625).abs() < 1e-15);
        assert_eq!(posterior.best_set_with(a), Some(&[a][..]));
    }
}
