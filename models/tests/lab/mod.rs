//! Small networks from text: `a-b b-c` is two links of 10 Gbit/s and 1 µs; nodes are numbered in the order of mention.

use std::collections::BTreeMap;

use twin::{
    BitsPerSec, Bytes, Csr, EntityKey, Layer, LinkSpec, NodeKind, PacketSchedule, ScheduledPacket,
    SimDuration, SimTime, Twin, TwinBuilder,
};
use umbra_models::packet::{PacketConfig, PacketNet, Workload};
use umbra_models::{Failures, Routing};

/// A network, ready. Each test file uses a part of it.
#[allow(dead_code)]
pub(crate) struct Lab {
    pub(crate) twin: Twin,
    pub(crate) csr: Csr,
    pub(crate) net: PacketNet,
    pub(crate) config: PacketConfig,
}

pub(crate) fn lab(links: &str) -> Lab {
    let twin = lab_twin(links);
    let csr = Csr::compile(&twin, Layer::Igp);
    let config = PacketConfig::default();
    let net = PacketNet::build(&csr, Routing::compute(&csr, &Failures::none(&csr)), config);
    Lab { twin, csr, net, config }
}

pub(crate) fn lab_csr(links: &str) -> Csr {
    Csr::compile(&lab_twin(links), Layer::Igp)
}

fn lab_twin(links: &str) -> Twin {
    let mut net = TwinBuilder::new("lab");
    let mut keys: BTreeMap<&str, EntityKey> = BTreeMap::new();
    for (a, b) in links.split(' ').filter_map(|l| l.split_once('-')) {
        for name in [a, b] {
            keys.entry(name).or_insert_with(|| net.node(name, NodeKind::Router, None));
        }
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(1));
        net.link(&format!("{a}-{b}"), &keys[a], &keys[b], spec);
    }
    net.finish()
}

#[allow(dead_code)]
impl Lab {
    pub(crate) fn routing(&self) -> Routing {
        Routing::compute(&self.csr, &Failures::none(&self.csr))
    }

    /// Packets of 1,500 bytes by microsecond, source and destination; each pair is a flow, numbered by first mention.
    pub(crate) fn workload(&self, packets: &[(u64, &str, &str)]) -> Workload {
        let mut flows: Vec<(&str, &str)> = Vec::new();
        let node = |name: &str| self.csr.node_named(name).expect("a node of the lab").0;
        let mut list = Vec::new();
        for (us, src, dst) in packets {
            let flow = flows.iter().position(|f| f == &(*src, *dst)).unwrap_or_else(|| {
                flows.push((src, dst));
                flows.len() - 1
            });
            list.push(ScheduledPacket {
                at: SimTime::from_ps(us * 1_000_000),
                src: node(src),
                dst: node(dst),
                flow: flow as u32,
                size: Bytes::new(1_500),
                frame: None,
            });
        }
        let schedule = PacketSchedule::new(self.csr.node_keys.clone(), list);
        Workload::compile(&self.csr, &schedule).expect("endpoints are nodes")
    }
}
