//! What the twin does not know, drawn anew for each replica: all hypotheses of a trial meet the same luck.

use engine::{Chance, Purpose, Seeds};
use rand_distr::{Distribution, StandardNormal};
use twin::{Csr, EntityKey, NodeId};

use super::onset::Onset;

/// Standard deviations of logarithms: how far off may be …
/// … a demand that nothing measures,
const DEMAND: f64 = 0.3;
/// … one whose flows are sampled,
const MEASURED: f64 = 0.08;
/// … how bursty all traffic is, and that of one half-link besides,
const BURST: f64 = 0.5;
const BURST_OF_ARC: f64 = 0.4;
/// … the size of a buffer,
const BUFFER: f64 = 0.25;
/// … what a node puts on one of its equal next hops for a destination: hashes spread some tens of large flows,
const UNEVEN: f64 = 0.25;
/// … how long routing takes to converge, around two seconds.
const CONVERGES: f64 = 0.9;
const CONVERGES_S: f64 = 2.0;
/// Pollers read up to so many seconds late.
const LATE_S: f64 = 35.0;
/// Late polls let an onset seem earlier than it was, by up to so many bins.
const EARLY: f64 = 1.0;

/// The unknowns of one replica.
#[derive(Clone, Debug)]
pub(super) struct Luck {
    /// By demand: a factor.
    pub demand: Vec<f64>,
    /// By arc: a factor of the burstiness.
    pub burst: Vec<f64>,
    /// By arc: a factor of the buffer.
    pub buffer: Vec<f64>,
    /// By node: how late its counters are read, in seconds.
    pub late_s: Vec<f64>,
    /// When it began, in bins since the first of the record.
    pub onset: f64,
    /// How long routing takes to converge, in seconds.
    pub converge_s: f64,
    /// By node: the salt of its hash.
    pub salts: Vec<Chance>,
    /// How unevenly hashes spread traffic.
    uneven: f64,
    /// What single packets meet.
    pub packets: Chance,
}

impl Luck {
    /// Of trial `number`, from 1; trial 0 is the even one, in which nothing is off.
    pub(super) fn new(csr: &Csr, seeds: Seeds, number: u64, measured: &[bool], onset: &Onset) -> Self {
        let trial = seeds.trial(number);
        // Trials come in pairs, one as lucky as the other is not: what luck does in proportion leaves their mean (antithetic
        // variates; Hammersley and Morton, Proc. Camb. Phil. Soc. 1956).
        let width = match number {
            0 => 0.0,
            n if n % 2 == 1 => 1.0,
            _ => -1.0,
        };
        let mut draw = seeds.trial(number.div_ceil(2)).stream(Purpose::WORLD, &EntityKey::new("luck"));
        let mut normal = |sigma: f64| {
            let z: f64 = StandardNormal.sample(&mut draw);
            libm::exp(width * sigma * z)
        };
        let burst = normal(BURST);
        let converge_s = CONVERGES_S * normal(CONVERGES);
        let arcs = csr.arc_count();
        let demand = measured.iter().map(|m| normal(if *m { MEASURED } else { DEMAND })).collect();
        let burst = (0..arcs).map(|_| burst * normal(BURST_OF_ARC)).collect();
        let buffer = (0..arcs).map(|_| normal(BUFFER)).collect();
        let mut uniform = || 0.5 + width * (draw.f64_open() - 0.5);
        let onset = onset.quantile(uniform()) + EARLY * uniform();
        Self {
            demand,
            burst,
            buffer,
            late_s: (0..csr.node_count()).map(|_| LATE_S * uniform()).collect(),
            onset,
            converge_s,
            salts: csr.node_keys.iter().map(|k| trial.chance(Purpose::ECMP_SALT, k)).collect(),
            uneven: width * UNEVEN,
            packets: trial.chance(Purpose::ARRIVALS, &EntityKey::new("packets")),
        }
    }

    /// How much more or less than others a node puts on the k-th of its next hops for a destination: a factor.
    pub(super) fn uneven(&self, node: NodeId, dst: NodeId, k: usize) -> f64 {
        if self.uneven == 0.0 {
            return 1.0;
        }
        let point = self.salts[node.index()].f64_open(1 << 63 | u64::from(dst.0) << 16 | k as u64);
        // Even in the logarithm, and as wide as its standard deviation says.
        libm::exp(self.uneven * 12f64.sqrt() * (point - 0.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::Layer;

    #[test]
    fn trials_of_a_pair_are_as_lucky_as_each_other_is_not_and_pairs_differ() {
        let (net, _) = testkit::recorded("Abilene");
        let csr = Csr::compile(&net.to_twin(), Layer::Igp);
        let onset = Onset { first: 90, probability: vec![0.5, 0.5] };
        let luck = |number| Luck::new(&csr, Seeds::new(7), number, &[true, false], &onset);
        let (even, one, other, next) = (luck(0), luck(1), luck(2), luck(3));
        assert_eq!(even.demand, [1.0, 1.0]);
        assert!(one.demand.iter().zip(&other.demand).all(|(a, b)| (a * b - 1.0).abs() < 1e-12));
        assert!(one.late_s.iter().zip(&other.late_s).all(|(a, b)| (a + b - LATE_S).abs() < 1e-9));
        assert!(
            (libm::log(one.converge_s / CONVERGES_S) + libm::log(other.converge_s / CONVERGES_S)).abs()
                < 1e-12
        );
        assert_ne!(one.demand, next.demand);
        assert_eq!(even.uneven(NodeId::new(0), NodeId::new(1), 0), 1.0);
    }
}
