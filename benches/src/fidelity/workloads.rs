//! W1, W2 and W3 against their published counts, and flow by flow against two events a hop.

use engine::Seeds;
use models::packet::{Buffer, PacketConfig, PacketNet, PacketResult, Workload};
use models::{Failures, Routing};
use testkit::workloads::{
    Counts, PacketWorkload, Spec, W1_COUNTS, W2_COUNTS, W2_K4_COUNTS, W3_COUNTS, W3_DIGEST, delivered_digest,
    w1, w2, w3,
};
use testkit::{Wires, send_packets};
use twin::{Csr, Layer, SimTime};

use super::{Check, Scale};

/// Row 9.
pub(super) fn checks(scale: Scale) -> Vec<Check> {
    let mut checks = match scale {
        Scale::Full => vec![
            counts("W1", &w1(&Spec::w1()), &W1_COUNTS),
            counts("W2, k = 4", &w2(&Spec::w2_k4()), &W2_K4_COUNTS),
            counts("W2, k = 8", &w2(&Spec::w2()), &W2_COUNTS),
        ],
        Scale::Smoke => vec![
            counts("W1, 2,000 packets", &w1(&Spec { packets: 2_000, ..Spec::w1() }), &w1_counts(2_000)),
            counts("W2, k = 8, 50 each", &w2(&Spec { packets: 50, ..Spec::w2() }), &w2_counts(50)),
        ],
    };
    if scale == Scale::Full {
        checks.extend(published_w3());
    }
    for seed in [0, 1, 7] {
        let packets = match (scale, seed) {
            (Scale::Full, 0) => 8_000,
            (Scale::Full, _) => 2_000,
            (Scale::Smoke, _) => 200,
        };
        let w3 = w3(&Spec { seed, packets, ..Spec::w3() });
        checks.push(flow_by_flow(&format!("W3, seed {seed}, {packets} each"), &w3));
    }
    checks.push(flow_by_flow("W3 in steps of 0.2 µs, full of ties", &in_steps()));
    checks
}

/// W3 with each packet sent at a whole multiple of 0.2 µs, which divides service and propagation: nearly every packet
/// arrives together with others, and the tie rule decides who finds room.
fn in_steps() -> PacketWorkload {
    let mut w3 = w3(&Spec { packets: 500, ..Spec::w3() });
    for flow in &mut w3.flows {
        flow.sends_ps.iter_mut().for_each(|at| *at = at.next_multiple_of(200_000));
    }
    w3
}

/// W1 in which no packet waits: eight hops of 1.2 + 1 µs each, one packet every 1.5 µs.
fn w1_counts(packets: u64) -> Counts {
    let end_ps = (packets - 1) * 1_500_000 + 8 * 2_200_000;
    Counts { delivered: packets, dropped: 0, packet_hops: 8 * packets, end_ps }
}

/// W2 at k = 8 in which no packet waits: 128 sources a nanosecond apart, six hops.
fn w2_counts(packets: u64) -> Counts {
    let end_ps = 127 * 1_000 + (packets - 1) * 1_500_000 + 6 * 2_200_000;
    Counts { delivered: 128 * packets, dropped: 0, packet_hops: 6 * 128 * packets, end_ps }
}

fn counts(name: &str, workload: &PacketWorkload, expected: &Counts) -> Check {
    let what = format!("{name}: delivered, dropped, hops, end in ps");
    Check::exact(9, what, text(expected), text(&counted(&run(workload))))
}

fn published_w3() -> [Check; 2] {
    let result = run(&w3(&Spec::w3()));
    let digest = delivered_digest(result.flows.iter().map(|f| f.delivered));
    let what = "W3: delivered, dropped, hops, end in ps";
    [
        Check::exact(9, what, text(&W3_COUNTS), text(&counted(&result))),
        Check::exact(9, "W3: digest of the flows", format!("{W3_DIGEST:x}"), format!("{digest:x}")),
    ]
}

/// Flows in which all figures agree with the slow reference.
fn flow_by_flow(name: &str, workload: &PacketWorkload) -> Check {
    let result = run(workload);
    let (wires, schedule) = (Wires::of(&workload.twin), workload.schedule());
    let (hops, changes) = (&workload.next_hops, &workload.changes);
    let slow = send_packets(&wires, &schedule, workload.buffer, hops, changes, SimTime::MAX);
    let equal = result.flows.iter().zip(&slow.flows).filter(|(fast, slow)| {
        let counts = (fast.sent, fast.delivered, fast.dropped(), fast.packet_hops);
        counts == (slow.sent, slow.delivered, slow.dropped, slow.packet_hops)
            && (fast.first, fast.last, fast.delay_sum_ps) == (slow.first, slow.last, slow.delay_sum_ps)
    });
    let what = format!("{name}: flows equal to two events a hop");
    Check::exact(9, what, workload.flows.len(), equal.count())
}

fn run(workload: &PacketWorkload) -> PacketResult {
    let csr = Csr::compile(&workload.twin, Layer::Igp);
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let config = PacketConfig { buffer: Buffer::Bytes(workload.buffer), ..PacketConfig::default() };
    let net = PacketNet::build(&csr, routing, config);
    let ready = Workload::compile(&csr, &workload.schedule()).expect("endpoints are nodes");
    let ready = ready.with_paths(&csr, &workload.paths());
    net.run(&ready, &[], SimTime::MAX, Seeds::new(0).trial(0))
}

fn counted(result: &PacketResult) -> Counts {
    Counts {
        delivered: result.delivered,
        dropped: result.dropped,
        packet_hops: result.packet_hops,
        end_ps: result.last_delivery.as_ps(),
    }
}

fn text(counts: &Counts) -> String {
    let Counts { delivered, dropped, packet_hops, end_ps } = counts;
    format!("{delivered} {dropped} {packet_hops} {end_ps}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_give_the_published_counts() {
        assert_eq!((w1_counts(500_000), w2_counts(8_000)), (W1_COUNTS, W2_COUNTS));
    }
}
