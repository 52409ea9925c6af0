//! States of independent components, the most probable first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::FailureModel;

/// No component is other than it usually is.
const ROOT: u32 = u32::MAX;

/// A state: which components are down, and how probable that is.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Components that are down, ascending.
    pub down: Vec<u32>,
    /// Probability of exactly this state.
    pub probability: f64,
}

/// All states in order of falling probability, each once. States of probability 0 are left out.
///
/// Each component is usually up or down, whichever is likelier; one that is not costs the factor min(p, 1-p) / max(p, 1-p).
/// With the factors sorted, largest first, every set of exceptions comes from one other: by adding the next component to
/// it, or by moving its last one to the next (Lawler, *A procedure for computing the k best solutions*, 1972). Both are
/// no more probable than their origin, so a heap yields all in order. Memory: 40 bytes a state.
#[derive(Clone, Debug)]
pub struct States {
    /// Components by the factor that their exception costs, largest first.
    components: Vec<Exception>,
    usually_down: Vec<u32>,
    heap: BinaryHeap<Candidate>,
    /// States that came already, by the state without their last exception: they are the origins of others.
    come: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Exception {
    component: u32,
    factor: f64,
    usually_down: bool,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    without_last: u32,
    last: u32,
    probability: f64,
}

/// The state of a node that has not come yet.
#[derive(Clone, Copy, Debug)]
struct Candidate(Node);

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let probability = self.0.probability.total_cmp(&other.0.probability);
        // Among equals the one that is nearest to the root, then the one with the first component.
        probability.then_with(|| {
            let key = |node: &Node| (node.without_last.wrapping_add(1), node.last);
            key(&other.0).cmp(&key(&self.0))
        })
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Candidate {}

impl States {
    /// The states of a model.
    pub fn new(model: &FailureModel) -> Self {
        let mut components = Vec::new();
        let (mut usually_down, mut probability) = (Vec::new(), 1.0);
        for (component, c) in (0..).zip(&model.components) {
            let (usual, other) = if c.down > 0.5 { (c.down, 1.0 - c.down) } else { (1.0 - c.down, c.down) };
            probability *= usual;
            if c.down > 0.5 {
                usually_down.push(component);
            }
            if other > 0.0 {
                components.push(Exception { component, factor: other / usual, usually_down: c.down > 0.5 });
            }
        }
        components.sort_by(|a, b| b.factor.total_cmp(&a.factor)); // stable: equals by number
        let root = Candidate(Node { without_last: ROOT, last: ROOT, probability });
        Self { components, usually_down, heap: BinaryHeap::from([root]), come: Vec::new() }
    }

    fn push(&mut self, without_last: u32, last: u32, origin: f64) {
        if let Some(exception) = self.components.get(last as usize) {
            let probability = origin * exception.factor;
            if probability > 0.0 {
                self.heap.push(Candidate(Node { without_last, last, probability }));
            }
        }
    }

    fn down(&self, node: Node) -> Vec<u32> {
        let (mut down, mut up) = (self.usually_down.clone(), Vec::new());
        let mut node = node;
        while node.last != ROOT {
            let exception = self.components[node.last as usize];
            if exception.usually_down {
                up.push(exception.component)
            } else {
                down.push(exception.component)
            }
            node = self.come[node.without_last as usize];
        }
        down.retain(|c| !up.contains(c));
        down.sort_unstable();
        down
    }
}

impl Iterator for States {
    type Item = State;

    fn next(&mut self) -> Option<State> {
        let Candidate(node) = self.heap.pop()?;
        let number = u32::try_from(self.come.len()).expect("fewer states than 2^32 fit the memory");
        self.come.push(node);
        if node.last == ROOT {
            self.push(number, 0, node.probability);
        } else {
            self.push(number, node.last + 1, node.probability);
            let origin = self.come[node.without_last as usize].probability;
            self.push(node.without_last, node.last + 1, origin);
        }
        Some(State { down: self.down(node), probability: node.probability })
    }
}

#[cfg(test)]
mod tests {
    use twin::EntityKey;

    use super::*;
    use crate::planning::FailureSet;
    use crate::planning::availability::{Component, Preset};

    fn model(down: &[f64]) -> FailureModel {
        let component = |down: &f64| Component {
            key: EntityKey::new("x"),
            set: FailureSet::default(),
            down: *down,
            repair_h: 1.0,
        };
        FailureModel::of(Preset::WanCenic, down.iter().map(component).collect())
    }

    /// All subsets with their probability by the definition.
    fn by_definition(down: &[f64]) -> Vec<(Vec<u32>, f64)> {
        let of = |mask: u32| {
            let set: Vec<u32> = (0..down.len() as u32).filter(|i| mask >> i & 1 == 1).collect();
            let p = |(i, p): (usize, &f64)| if mask >> i & 1 == 1 { *p } else { 1.0 - p };
            (set, down.iter().enumerate().map(p).product())
        };
        (0..1 << down.len()).map(of).filter(|(_, p)| *p > 0.0).collect()
    }

    #[test]
    fn every_state_comes_once_and_the_likelier_first() {
        let cases: [&[f64]; 6] = [
            &[],
            &[0.25],
            &[0.01; 10],
            &[0.1, 0.9, 0.5, 0.3, 0.0, 1.0, 0.7, 0.3],
            &[1e-9, 0.2, 1e-3, 0.999, 0.5, 0.5],
            &[0.0, 1.0],
        ];
        for down in cases {
            let mut found: Vec<_> = States::new(&model(down)).map(|s| (s.down, s.probability)).collect();
            assert!(found.windows(2).all(|w| w[0].1 >= w[1].1 * (1.0 - 1e-12)), "{down:?}");
            let mut wanted = by_definition(down);
            found.sort_by(|a, b| a.0.cmp(&b.0));
            wanted.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(found.len(), wanted.len(), "{down:?}");
            for (found, wanted) in found.iter().zip(&wanted) {
                assert_eq!(found.0, wanted.0);
                assert!((found.1 / wanted.1 - 1.0).abs() < 1e-12, "{down:?} {found:?} {wanted:?}");
            }
        }
    }

    #[test]
    fn many_components_are_no_obstacle() {
        let down: Vec<_> = (1..=2000).map(|i| 1.0 / f64::from(1000 + i)).collect();
        let first: Vec<_> = States::new(&model(&down)).take(3000).collect();
        assert!(first[0].down.is_empty());
        assert_eq!(first[1].down, [0]);
        assert!(first.windows(2).all(|w| w[0].probability >= w[1].probability));
    }
}
