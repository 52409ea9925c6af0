//! Demands from loads: matrices that are gravity matrices come back, others as near as the loads tell.

use models::{Failures, Loads, NodeDemand, Routing};
use testkit::random_network;
use twin::{Csr, Layer, NodeId};
use umbra_scenarios::planning::{Accuracy, Deduced, Measured, deduce};

struct Case {
    csr: Csr,
    routing: Routing,
}

impl Case {
    fn random(seed: u64) -> Self {
        let csr = Csr::compile(&random_network(seed), Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        Self { csr, routing }
    }

    /// A demand for each pair with a path.
    fn demands(&self, bps: impl Fn(usize, usize) -> f64) -> Vec<NodeDemand> {
        let nodes = self.csr.node_count();
        let pairs = (0..nodes).flat_map(|s| (0..nodes).map(move |d| (NodeId::new(s), NodeId::new(d))));
        let pairs = pairs.filter(|(s, d)| s != d && self.routing.reaches(*s, *d));
        pairs.map(|(src, dst)| NodeDemand { src, dst, bps: bps(src.index(), dst.index()) }).collect()
    }

    fn loads(&self, demands: &[NodeDemand]) -> Vec<f64> {
        Loads::compute(&self.csr, &self.routing, &Failures::none(&self.csr), demands).arc
    }

    fn deduce(&self, arc: &[f64]) -> Deduced {
        let unknown = vec![f64::NAN; self.csr.node_count()];
        deduce(&self.csr, &self.routing, Measured { arc, enters: &unknown, leaves: &unknown })
    }

    /// What enters and leaves at each node.
    fn ends(&self, demands: &[NodeDemand]) -> (Vec<f64>, Vec<f64>) {
        let (mut enters, mut leaves) = (vec![0.0; self.csr.node_count()], vec![0.0; self.csr.node_count()]);
        for d in demands {
            enters[d.src.index()] += d.bps;
            leaves[d.dst.index()] += d.bps;
        }
        (enters, leaves)
    }

    fn accuracy(&self, deduced: &Deduced, truth: &[NodeDemand]) -> Accuracy {
        let of = |d: &NodeDemand| {
            let same = deduced.demands.iter().find(|x| (x.src, x.dst) == (d.src, d.dst));
            (same.map_or(0.0, |x| x.bps), d.bps)
        };
        Accuracy::of(&truth.iter().map(of).collect::<Vec<_>>())
    }
}

#[test]
fn a_gravity_matrix_comes_back() {
    for seed in 0..12 {
        let case = Case::random(seed);
        let truth = case.demands(|s, d| 1e6 * (1.0 + s as f64) * (3.0 + (d * d) as f64));
        if truth.is_empty() {
            continue;
        }
        let (enters, leaves) = case.ends(&truth);
        let measured = Measured { arc: &case.loads(&truth), enters: &enters, leaves: &leaves };
        let deduced = deduce(&case.csr, &case.routing, measured);
        assert!(deduced.misfit < 1e-3, "seed {seed}: {}", deduced.misfit);
        let accuracy = case.accuracy(&deduced, &truth);
        assert!(accuracy.l2 < 0.02, "seed {seed}: {accuracy:?}");
    }
}

#[test]
fn any_matrix_is_explained_and_stays_positive() {
    for seed in 0..12 {
        let case = Case::random(seed);
        let truth =
            case.demands(|s, d| f64::from([0u8, 1, 7, 30][(s * 5 + d * 3 + seed as usize) % 4]) * 1e6);
        let loads = case.loads(&truth);
        let deduced = case.deduce(&loads);
        assert!(deduced.demands.iter().all(|d| d.bps > 0.0));
        assert!(deduced.misfit < 0.01, "seed {seed}: {}", deduced.misfit);
        for (explained, measured) in case.loads(&deduced.demands).iter().zip(&loads) {
            assert!(*measured > 0.0 || *explained == 0.0, "nothing is put where nothing flows");
        }
    }
}

#[test]
fn what_enters_and_leaves_adds_to_what_links_say() {
    let case = Case::random(3);
    let truth = case.demands(|s, d| 1e6 * (1.0 + ((s * 7 + d * 11) % 13) as f64));
    let (enters, leaves) = case.ends(&truth);
    // Without any link load the totals alone give a gravity matrix with these margins.
    let nothing = vec![f64::NAN; case.csr.arc_count()];
    let measured = Measured { arc: &nothing, enters: &enters, leaves: &leaves };
    let deduced = deduce(&case.csr, &case.routing, measured);
    for node in 0..case.csr.node_count() {
        let sum: f64 = deduced.demands.iter().filter(|d| d.src.index() == node).map(|d| d.bps).sum();
        assert!((sum - enters[node]).abs() <= 0.01 * enters[node]);
    }
}
