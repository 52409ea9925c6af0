//! How many failures can be evaluated in a second, with the worst case of every arc.

use models::{Failures, Gone, NodeDemand, Routing, WhatIf};
use testkit::{PlainDemand, PlainNet, repetita_demands, repetita_graph, switch_fabric};
use twin::{Csr, Layer, LinkId, NodeId};

/// A network, its demands and a list of failures.
pub struct Planning {
    /// What it is called.
    pub name: &'static str,
    csr: Csr,
    demands: Vec<NodeDemand>,
    failures: Vec<Vec<Gone>>,
}

/// What a list of failures does.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// The largest and the mean of the maximum utilisations.
    pub max: f64,
    /// See [`max`](Self::max).
    pub mean: f64,
    /// By arc: its worst utilisation and the failure that causes it.
    pub arcs: Vec<(f64, usize)>,
}

/// The five lists that planners are compared on: all or random pairs of links.
///
/// # Panics
/// If the recorded files are not in their place.
pub fn workloads() -> Vec<Planning> {
    let recorded = |name, demands, patterns| {
        let net = repetita_graph(&recorded(&format!("{name}.graph")));
        Planning::new(name, &net, &repetita_demands(&recorded(demands)), patterns)
    };
    let fabric = |name, k, patterns| {
        let (net, demands) = switch_fabric(k);
        Planning::new(name, &net, &demands, patterns)
    };
    vec![
        recorded("AttMpls", "AttMpls.0000.demands", "AttMpls.fail2.all.txt"),
        recorded("Colt", "Colt.0000.demands", "Colt.fail2.500.txt"),
        recorded("rf3257_real_hard", "rf3257_real_hard.demands", "rf3257_real_hard.fail2.500.txt"),
        fabric("fat-tree 8", 8, "fattree8.fail2.1000.txt"),
        fabric("fat-tree 16", 16, "fattree16.fail2.500.txt"),
    ]
}

fn recorded(file: &str) -> String {
    let folder = if file.ends_with(".txt") { "topologies/patterns" } else { "topologies" };
    let path = format!("{}/../testdata/{folder}/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

impl Planning {
    fn new(name: &'static str, net: &PlainNet, demands: &[PlainDemand], patterns: &str) -> Self {
        let demand =
            |&(s, d, bps): &PlainDemand| NodeDemand { src: NodeId::new(s), dst: NodeId::new(d), bps };
        let link = |word: &str| Gone::Link(LinkId(word.parse().expect("a link number")));
        let failures = recorded(patterns).lines().map(|l| l.split(',').map(link).collect()).collect();
        Self {
            name,
            csr: Csr::compile(&net.to_twin(), Layer::Igp),
            demands: demands.iter().map(demand).collect(),
            failures,
        }
    }

    /// How many failures there are.
    pub fn count(&self) -> usize {
        self.failures.len()
    }

    /// Computes the base and evaluates all failures, several times over.
    pub fn run(&self, times: usize) -> Worst {
        let routing = Routing::compute(&self.csr, &Failures::none(&self.csr));
        let what_if = WhatIf::new(&self.csr, &routing, &self.demands);
        let share = |arc: usize, load: f64| load / self.csr.capacity[arc].as_f64();
        let base: Vec<f64> = (0..).zip(&what_if.base().arc).map(|(arc, load)| share(arc, *load)).collect();
        let mut change = what_if.scratch();
        let mut worst = Worst { max: 0.0, mean: 0.0, arcs: vec![(0.0, usize::MAX); base.len()] };
        let mut util = base.clone();
        for _ in 0..times {
            let mut sum = 0.0;
            for (number, gone) in self.failures.iter().enumerate() {
                what_if.evaluate_loads(gone, &mut change);
                change.loads().for_each(|(arc, load)| util[arc.index()] = share(arc.index(), load));
                let max = util.iter().copied().fold(0.0, f64::max);
                for (worst, util) in worst.arcs.iter_mut().zip(&util).filter(|(worst, util)| **util > worst.0)
                {
                    *worst = (*util, number);
                }
                change.loads().for_each(|(arc, _)| util[arc.index()] = base[arc.index()]);
                worst.max = worst.max.max(max);
                sum += max;
            }
            worst.mean = sum / self.failures.len() as f64;
        }
        worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists have known answers.
    #[test]
    fn lists_have_the_known_answers() {
        for (planning, (max, mean)) in workloads().iter().zip([
            (2.637363771, 1.855474399),
            (1.797294000, 1.406748828),
            (3.918264729, 1.176288810),
            (1.000000000, 0.657139785),
            (0.666666667, 0.564688414),
        ]) {
            let got = planning.run(1);
            let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
            assert!(
                close(got.max, max) && close(got.mean, mean),
                "{}: {} {}",
                planning.name,
                got.max,
                got.mean
            );
        }
    }
}
