//! The synthetic workloads W1 (a chain), W2 (constant rate on a fat-tree) and W3 (Poisson on a fat-tree), by their exact
//! definitions: integer picoseconds, 1,500-byte packets, 10 Gbit/s, 1 µs, queues of 100 packets.

use std::collections::BTreeMap;

use twin::{
    ArcId, BitsPerSec, Bytes, Csr, EntityKey, Layer, LinkSpec, NodeKind, PacketSchedule, ScheduledPacket,
    SimDuration, SimTime, TwinBuilder,
};
use umbra_models::packet::{PacketConfig, PacketNet, Workload};
use umbra_models::{Failures, Routing};

/// A network with its workload.
pub(crate) struct Case {
    pub(crate) net: PacketNet,
    pub(crate) workload: Workload,
    pub(crate) schedule: PacketSchedule,
    pub(crate) paths: BTreeMap<u32, Vec<ArcId>>,
}

impl Case {
    fn new(csr: &Csr, schedule: PacketSchedule, paths: BTreeMap<u32, Vec<ArcId>>) -> Self {
        let routing = Routing::compute(csr, &Failures::none(csr));
        let workload =
            Workload::compile(csr, &schedule).expect("endpoints are nodes").with_paths(csr, &paths);
        Self { net: PacketNet::build(csr, routing, PacketConfig::default()), workload, schedule, paths }
    }
}

fn spec() -> LinkSpec {
    LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(1))
}

fn packet(ps: u64, src: u32, dst: u32, flow: u32) -> ScheduledPacket {
    ScheduledPacket { at: SimTime::from_ps(ps), src, dst, flow, size: Bytes::new(1_500), frame: None }
}

/// W1: one flow over eight links in series.
pub(crate) fn chain8(packets: u64) -> Case {
    let mut net = TwinBuilder::new("chain8");
    let nodes: Vec<_> = (0..9).map(|i| net.node(&format!("n{i}"), NodeKind::Router, None)).collect();
    for i in 0..8 {
        net.link(&format!("l{i}"), &nodes[i], &nodes[i + 1], spec());
    }
    let csr = Csr::compile(&net.finish(), Layer::Igp);
    let packets = (0..packets).map(|i| packet(i * 1_500_000, 0, 1, 0)).collect();
    let ends = vec![nodes[0].clone(), nodes[8].clone()];
    Case::new(&csr, PacketSchedule::new(ends, packets), BTreeMap::new())
}

/// A fat-tree of even `k`: pods p, edges e, positions i, with h = k/2 of each of the latter two.
struct FatTree {
    h: usize,
    csr: Csr,
    hosts: Vec<EntityKey>,
    /// Arc from a lower to an upper node, by their names' numbers; the arc down is the next one.
    host_up: Vec<ArcId>,
    /// `[(p·h + e)·h + a]`
    edge_agg: Vec<ArcId>,
    /// `[(p·h + a)·h + c]`
    agg_core: Vec<ArcId>,
}

impl FatTree {
    fn new(k: usize) -> Self {
        let h = k / 2;
        let mut net = TwinBuilder::new("fat-tree");
        let mut tier = |kind: &str, n: usize| -> Vec<EntityKey> {
            (0..n).map(|i| net.node(&format!("{kind}{i}"), NodeKind::Router, None)).collect()
        };
        let (hosts, edges) = (tier("host", k * h * h), tier("edge", k * h));
        let (aggs, cores) = (tier("agg", k * h), tier("core", h * h));
        let mut next = 0;
        let mut link = |name: String, a: &EntityKey, b: &EntityKey| {
            net.link(&name, a, b, spec());
            next += 2;
            ArcId(next - 2)
        };
        let host_up = (0..k * h * h).map(|s| link(format!("h{s}"), &hosts[s], &edges[s / h])).collect();
        let pairs = |n: usize| (0..n * h).map(move |i| (i / h, i % h));
        let edge_agg = pairs(k * h)
            .map(|(pe, a)| link(format!("e{pe}a{a}"), &edges[pe], &aggs[pe / h * h + a]))
            .collect();
        let agg_core = pairs(k * h)
            .map(|(pa, c)| link(format!("a{pa}c{c}"), &aggs[pa], &cores[pa % h * h + c]))
            .collect();
        let csr = Csr::compile(&net.finish(), Layer::Igp);
        Self { h, csr, hosts, host_up, edge_agg, agg_core }
    }

    /// The path from host to host over aggregation position `a` and that position's core `c`.
    fn path(&self, src: usize, dst: usize, a: usize, c: usize) -> Vec<ArcId> {
        let h = self.h;
        let down = |arc: ArcId| ArcId(arc.0 + 1);
        let (edge, pod) = (|host: usize| host / h, |host: usize| host / h / h);
        let mut up = vec![self.host_up[src]];
        let mut way_down = vec![down(self.host_up[dst])];
        if edge(src) != edge(dst) {
            up.push(self.edge_agg[edge(src) * h + a]);
            way_down.insert(0, down(self.edge_agg[edge(dst) * h + a]));
        }
        if pod(src) != pod(dst) {
            up.push(self.agg_core[(pod(src) * h + a) * h + c]);
            way_down.insert(0, down(self.agg_core[(pod(dst) * h + a) * h + c]));
        }
        up.extend(way_down);
        up
    }

    fn case(&self, packets: Vec<ScheduledPacket>, paths: BTreeMap<u32, Vec<ArcId>>) -> Case {
        Case::new(&self.csr, PacketSchedule::new(self.hosts.clone(), packets), paths)
    }
}

/// W2: constant rate at 80 %, no link shared.
pub(crate) fn ft_cbr(k: usize, per_host: u64) -> Case {
    let tree = FatTree::new(k);
    let h = k / 2;
    let (mut packets, mut paths) = (Vec::new(), BTreeMap::new());
    for src in 0..k * h * h {
        let (p, e, i) = (src / h / h, src / h % h, src % h);
        let dst = ((p + h) % k * h + e) * h + i;
        paths.insert(src as u32, tree.path(src, dst, i, e));
        let at = |j: u64| src as u64 * 1_000 + j * 1_500_000;
        packets.extend((0..per_host).map(|j| packet(at(j), src as u32, dst as u32, src as u32)));
    }
    tree.case(packets, paths)
}

/// W3: Poisson at 50 % between hosts paired at random, on random paths.
pub(crate) fn ft_poisson(seed: u64, per_host: u64) -> Case {
    let tree = FatTree::new(8);
    let mut dst: Vec<usize> = (0..128).collect();
    let mut shuffle = SplitMix(42);
    for a in (1..128).rev() {
        let r = shuffle.next();
        dst.swap(a, (r % (a as u64 + 1)) as usize);
    }
    assert_eq!(dst[..8], [91, 81, 33, 102, 125, 48, 12, 92]);
    let (mut packets, mut paths) = (Vec::new(), BTreeMap::new());
    for src in 0..128 {
        let mut route = SplitMix(1_000 + src as u64);
        let (agg, core) = ((route.next() % 4) as usize, (route.next() % 4) as usize);
        paths.insert(src as u32, tree.path(src, dst[src], agg, core));
        let (mut gaps, mut at) = (SplitMix(seed.wrapping_add(src as u64 + 1)), 0);
        for _ in 0..per_host {
            at += (-libm::log(gaps.unit()) * 2_400_000.0) as u64 + 1;
            packets.push(packet(at, src as u32, dst[src] as u32, src as u32));
        }
    }
    tree.case(packets, paths)
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), as the workloads define it.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / 9_007_199_254_740_993.0
    }
}
