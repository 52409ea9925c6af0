//! What the collector reads from interfaces, and what it samples of demands.

use engine::Purpose;
use models::{NodeDemand, Routing};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use twin::{Csr, EntityKey};

use super::{BIN_S, Fault, POLL_S, SAMPLING, SENSOR, Setting};
use crate::mix::mix;

/// Hash buckets into which a pair's flows fall: traffic splits unevenly over equal-cost paths, as real hashes do it.
const BUCKETS: u64 = 32;

/// Observed polls and sampled demand estimates, one per poll interval.
pub(super) fn observe(s: &Setting<'_>) -> (Vec<Vec<f64>>, Vec<Vec<NodeDemand>>) {
    let before = PairLoads::new(s, &s.routing);
    let after = s.rerouted.as_ref().map(|r| PairLoads::new(s, r));
    let steps = (POLL_S / BIN_S) as usize;
    let minutes: Vec<Vec<f64>> = (0..s.demands.len() * steps)
        .into_par_iter()
        .map(|minute| minute_load(s, &before, after.as_ref(), minute, minute / steps))
        .collect();
    let estimates: Vec<Vec<NodeDemand>> = (0..s.demands.len())
        .into_par_iter()
        .map(|poll| {
            let mut chance = s.seeds.stream(Purpose::SENSOR, &EntityKey::new(format!("sampling {poll}")));
            let list = s.demands[poll].iter();
            list.map(|d| NodeDemand { bps: SAMPLING.estimate(d.bps, POLL_S, &mut chance), ..*d }).collect()
        })
        .collect();
    (read(s, &minutes, steps), estimates)
}

/// Averages each interface, reads it `late_s` (and a jitter) before the poll's stamp, and loses a poll in 500.
fn read(s: &Setting<'_>, minutes: &[Vec<f64>], steps: usize) -> Vec<Vec<f64>> {
    let columns: Vec<Vec<f64>> = (0..s.csr.arc_count())
        .into_par_iter()
        .map(|arc| {
            let mut chance = s.seeds.stream(Purpose::SENSOR, &s.csr.ports[arc].0);
            let mut shown = minutes[0][arc];
            let mut polls = Vec::new();
            for (minute, row) in minutes.iter().enumerate() {
                let age_s = SENSOR.late_s + 5.0 * chance.random::<f64>();
                let reading = SENSOR.step(shown, row[arc], BIN_S - age_s);
                shown = SENSOR.step(shown, row[arc], BIN_S);
                if (minute + 1) % steps == 0 {
                    let noise: f64 = StandardNormal.sample(&mut chance);
                    let missing = chance.random::<f64>() < 0.002;
                    polls.push(if missing { f64::NAN } else { (reading * (1.0 + 0.002 * noise)).max(0.0) });
                }
            }
            polls
        })
        .collect();
    (0..s.demands.len()).map(|poll| columns.iter().map(|c| c[poll]).collect()).collect()
}

fn minute_load(
    s: &Setting<'_>,
    before: &PairLoads,
    after: Option<&PairLoads>,
    minute: usize,
    poll: usize,
) -> Vec<f64> {
    let window_s = (minute as f64 - s.history as f64 * POLL_S / BIN_S) * BIN_S;
    let mut chance = s.seeds.stream(Purpose::ARRIVALS, &EntityKey::new(format!("minute {minute}")));
    // Traffic of a pair fluctuates from minute to minute, small pairs more than large ones.
    let demands: Vec<NodeDemand> = s.demands[poll]
        .iter()
        .map(|d| {
            let spread = (0.05 + 0.2 * (1e7 / d.bps.max(1.0)).sqrt()).min(0.6);
            let z: f64 = StandardNormal.sample(&mut chance);
            NodeDemand { bps: d.bps * libm::exp(spread * z - 0.5 * spread * spread), ..*d }
        })
        .collect();
    let old = before.load(s.csr, &demands);
    let Some(after) = after else { return old };
    let share = ((window_s + BIN_S - s.onset_s - s.converge_s) / BIN_S).clamp(0.0, 1.0);
    if share == 0.0 {
        return old;
    }
    let new = after.load(s.csr, &demands);
    let mut mixed: Vec<f64> = old.iter().zip(&new).map(|(o, n)| o * (1.0 - share) + n * share).collect();
    if let Fault::Down(link) = s.fault {
        s.csr.link_arcs[link.index()].iter().for_each(|a| mixed[a.index()] = old[a.index()] * (1.0 - share));
    }
    mixed
}

/// Each pair's arcs with the share that the world's hashes put on them.
struct PairLoads {
    nodes: usize,
    shares: Vec<Vec<(u32, f64)>>,
}

impl PairLoads {
    fn new(s: &Setting<'_>, routing: &Routing) -> Self {
        let n = s.csr.node_count();
        let salts = salts(s);
        let shares = (0..n * n).into_par_iter().map(|pair| {
            let (src, dst) = (pair / n, pair % n);
            let mut count = std::collections::BTreeMap::new();
            for bucket in 0..BUCKETS {
                let flow = twin::stable_hash(&[&(pair as u64).to_le_bytes(), &bucket.to_le_bytes()]);
                for arc in walk(s.csr, routing, &salts, src, dst, flow) {
                    *count.entry(arc).or_insert(0.0) += 1.0 / BUCKETS as f64;
                }
            }
            count.into_iter().collect()
        });
        Self { nodes: n, shares: shares.collect() }
    }

    fn load(&self, csr: &Csr, demands: &[NodeDemand]) -> Vec<f64> {
        let mut load = vec![0.0; csr.arc_count()];
        for d in demands {
            for (arc, share) in &self.shares[d.src.index() * self.nodes + d.dst.index()] {
                load[*arc as usize] += share * d.bps;
            }
        }
        load
    }
}

/// The world's hash salt of each node.
fn salts(s: &Setting<'_>) -> Vec<u64> {
    s.csr.node_keys.iter().map(|k| s.seeds.stream(Purpose::ECMP_SALT, k).random::<u64>()).collect()
}

/// The arcs of one flow's path: each node picks among its next hops by a hash of its salt and the flow.
fn walk(csr: &Csr, routing: &Routing, salts: &[u64], src: usize, dst: usize, flow: u64) -> Vec<u32> {
    let (mut at, dst) = (twin::NodeId::new(src), twin::NodeId::new(dst));
    let mut path = Vec::new();
    while at != dst {
        let next = routing.next_arcs(at, dst);
        if next.is_empty() {
            return Vec::new();
        }
        let arc = next[(mix(salts[at.index()] ^ flow) % next.len() as u64) as usize];
        path.push(arc.0);
        at = csr.dst[arc.index()];
    }
    path
}
