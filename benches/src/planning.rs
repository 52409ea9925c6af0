//! How many failures can be evaluated in a second, with the worst case of every arc.

use models::{Failures, Gone, NodeDemand, Routing, WhatIf};
use testkit::{PlainDemand, PlainNet, recorded, recorded_failures, switch_fabric};
use twin::{Csr, Layer, LinkId, NodeId};

/// A network, its demands and a list of failures.
pub struct Planning {
    /// What its list of failures is called.
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
pub fn workloads() -> Vec<Planning> {
    ["AttMpls.fail2.all", "Colt.fail2.500", "rf3257_real_hard.fail2.500"]
        .map(|list| (list, recorded(list.split('.').next().unwrap_or_default())))
        .into_iter()
        .chain([("fattree8.fail2.1000", switch_fabric(8)), ("fattree16.fail2.500", switch_fabric(16))])
        .map(|(list, (net, demands))| Planning::new(list, &net, &demands))
        .collect()
}

impl Planning {
    fn new(name: &'static str, net: &PlainNet, demands: &[PlainDemand]) -> Self {
        let demand =
            |&(s, d, bps): &PlainDemand| NodeDemand { src: NodeId::new(s), dst: NodeId::new(d), bps };
        let link = |&link: &usize| Gone::Link(LinkId::new(link));
        let failures = recorded_failures(name).iter().map(|f| f.iter().map(link).collect()).collect();
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
