//! The packet workloads W1 to W4, made ready for the packet engine.

mod headers;

use std::collections::BTreeMap;

use models::packet::{
    Buffer, ExplicitRoute, Fault, PacketConfig, PacketNet, TimedFault, TimedFlow, Workload,
};
use models::{Failures, Routing};
use testkit::workloads::{
    Counts, PacketWorkload, Spec, W1_COUNTS, W2_COUNTS, W2_K4_COUNTS, W3_COUNTS, W4_COUNTS, w1, w2, w3, w4,
};
use testkit::{Change, NextHop};
use twin::{Csr, Layer, NodeId, SimTime};

/// Which workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A chain of eight links.
    W1,
    /// Constant rate on a fat-tree, no link shared.
    W2,
    /// Poisson flows on a fat-tree, contended.
    W3,
    /// W3 under topology change.
    W4,
}

impl Kind {
    /// The parameters of the published counts.
    pub fn spec(self) -> Spec {
        match self {
            Self::W1 => Spec::w1(),
            Self::W2 => Spec::w2(),
            Self::W3 => Spec::w3(),
            Self::W4 => Spec::w4(),
        }
    }

    /// The workload itself.
    ///
    /// # Panics
    /// Where the workload's definition does: an odd or too small `k`, no packets for W4.
    pub fn define(self, spec: &Spec) -> PacketWorkload {
        match self {
            Self::W1 => w1(spec),
            Self::W2 => w2(spec),
            Self::W3 => w3(spec),
            Self::W4 => w4(spec),
        }
    }

    /// What it comes to, where that is published or was computed by the slow reference.
    pub fn counts(self, spec: &Spec) -> Option<Counts> {
        let known = [
            (Self::W1, Spec::w1(), W1_COUNTS),
            (Self::W2, Spec::w2(), W2_COUNTS),
            (Self::W2, Spec::w2_k4(), W2_K4_COUNTS),
            (Self::W3, Spec::w3(), W3_COUNTS),
            (Self::W4, Spec::w4(), W4_COUNTS),
        ];
        known.into_iter().find(|(kind, of, _)| *kind == self && of == spec).map(|(_, _, counts)| counts)
    }
}

/// A workload ready to run.
#[derive(Clone, Debug)]
pub struct Case {
    /// The network.
    pub net: PacketNet,
    /// Its packets.
    pub workload: Workload,
    /// Its changes.
    pub faults: Vec<TimedFault>,
}

impl Case {
    /// Packets without headers, along explicit routes.
    pub fn plain(defined: &PacketWorkload) -> Self {
        let csr = Csr::compile(&defined.twin, Layer::Igp);
        let flows = (0..).zip(&defined.flows).map(|(id, f)| timed(defined, id, f.src, f.dst, &f.sends_ps));
        let workload = Workload::of_flows(&csr, flows.collect()).expect("packets are small");
        let workload = workload.with_routes(&csr, &routes(defined));
        Self { net: net(&csr, defined), workload, faults: faults(defined) }
    }

    /// Packets with Ethernet, IPv4 and UDP headers that every node parses, forwarded by longest-prefix match in a table of
    /// all hosts at every node. The ways are those of the explicit routes.
    ///
    /// # Panics
    /// If two flows have one destination, so that a table by destination cannot keep them apart.
    pub fn with_headers(defined: &PacketWorkload) -> Self {
        headers::case(defined)
    }
}

fn timed(defined: &PacketWorkload, id: u32, src: NodeId, dst: NodeId, sends_ps: &[u64]) -> TimedFlow {
    let at = sends_ps.iter().map(|ps| SimTime::from_ps(*ps)).collect();
    TimedFlow { id, src, dst, size: defined.size, at, frames: Vec::new() }
}

fn net(csr: &Csr, defined: &PacketWorkload) -> PacketNet {
    let routing = Routing::compute(csr, &Failures::none(csr));
    let config = PacketConfig { buffer: Buffer::Bytes(defined.buffer), ..PacketConfig::default() };
    PacketNet::build(csr, routing, config)
}

/// The way of each flow, and what it may come to after changes.
fn routes(defined: &PacketWorkload) -> BTreeMap<u32, ExplicitRoute> {
    let csr = Csr::compile(&defined.twin, Layer::Igp);
    let route = |(number, flow): (u32, &testkit::workloads::PacketFlow)| {
        let mut entries: Vec<_> = flow.path.iter().map(|arc| (csr.src[arc.index()], *arc)).collect();
        let on_path = entries.len();
        for node in (0..csr.node_count()).map(NodeId::new) {
            if let NextHop::Via(arc) = defined.next_hops.get(node, number as usize)
                && !entries[..on_path].iter().any(|e| e.0 == node)
            {
                entries.push((node, arc));
            }
        }
        (number, ExplicitRoute { entries, end: flow.dst })
    };
    (0..).zip(&defined.flows).map(route).collect()
}

fn faults(defined: &PacketWorkload) -> Vec<TimedFault> {
    let fault = |change: &Change| match *change {
        Change::LinkDown(link) => Fault::LinkDown(link),
        Change::LinkUp(link) => Fault::LinkUp(link),
        Change::Rate { arc, rate } => Fault::Capacity { arc, rate },
        Change::NextHop { node, flow, arc } => Fault::NextHop { node, flow, arc },
    };
    defined.changes.iter().map(|c| TimedFault { at: c.at, fault: fault(&c.change) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Seeds;
    use models::packet::{Engine, PacketResult};
    use testkit::workloads::Spec;
    use testkit::{Wires, send_packets};

    fn run(case: &Case, engine: Engine) -> PacketResult {
        case.net.run_by(engine, &case.workload, &case.faults, SimTime::MAX, Seeds::new(0).trial(0))
    }

    #[test]
    fn w4_is_flow_by_flow_what_two_events_a_hop_give_by_both_engines() {
        for seed in [0, 5, u64::MAX] {
            let defined = Kind::W4.define(&Spec { seed, packets: 300, ..Spec::w4() });
            let case = Case::plain(&defined);
            let (wires, schedule) = (Wires::of(&defined.twin), defined.schedule());
            let hops = &defined.next_hops;
            let slow = send_packets(&wires, &schedule, defined.buffer, hops, &defined.changes, SimTime::MAX);
            for engine in [Engine::Events, Engine::Windows] {
                let result = run(&case, engine);
                assert_eq!(result.engine.engine, engine);
                for (number, (fast, slow)) in result.flows.iter().zip(&slow.flows).enumerate() {
                    let of_fast =
                        (fast.sent, fast.delivered, fast.dropped(), fast.packet_hops, fast.first, fast.last);
                    let of_slow =
                        (slow.sent, slow.delivered, slow.dropped, slow.packet_hops, slow.first, slow.last);
                    assert_eq!(of_fast, of_slow, "seed {seed}, flow {number}, {engine:?}");
                    assert_eq!(
                        fast.delay_sum_ps, slow.delay_sum_ps,
                        "seed {seed}, flow {number}, {engine:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn headers_lead_packets_where_explicit_routes_do() {
        let defined = Kind::W2.define(&Spec { packets: 20, ..Spec::w2() });
        let plain = run(&Case::plain(&defined), Engine::Events);
        for engine in [Engine::Events, Engine::Windows] {
            let by_headers = run(&Case::with_headers(&defined), engine);
            assert_eq!(by_headers.flows, plain.flows, "{engine:?}");
            assert_eq!(by_headers.links, plain.links, "{engine:?}");
        }
    }
}
