//! W1 to W4 by both engines against published counts (W4: those of the slow reference), and flow by flow against two
//! events a hop.

use engine::Seeds;
use models::packet::{Engine, PacketResult};
use testkit::workloads::{
    Counts, PacketWorkload, Spec, W1_COUNTS, W2_COUNTS, W2_K4_COUNTS, W3_COUNTS, W3_DIGEST, W4_COUNTS,
    W4_DIGEST, delivered_digest, w1, w2, w3, w4,
};
use testkit::{Wires, send_packets};
use twin::SimTime;

use super::{Check, Scale};
use crate::packets::Case;

/// Row 9.
pub(super) fn checks(scale: Scale) -> Vec<Check> {
    let mut checks = match scale {
        Scale::Full => [
            counts("W1", &w1(&Spec::w1()), &W1_COUNTS, None),
            counts("W2, k = 4", &w2(&Spec::w2_k4()), &W2_K4_COUNTS, None),
            counts("W2, k = 8", &w2(&Spec::w2()), &W2_COUNTS, None),
            counts("W3", &w3(&Spec::w3()), &W3_COUNTS, Some(W3_DIGEST)),
            counts("W4", &w4(&Spec::w4()), &W4_COUNTS, Some(W4_DIGEST)),
        ]
        .concat(),
        Scale::Smoke => [
            counts("W1, 2,000 packets", &w1(&Spec { packets: 2_000, ..Spec::w1() }), &w1_counts(2_000), None),
            counts("W2, k = 8, 50 each", &w2(&Spec { packets: 50, ..Spec::w2() }), &w2_counts(50), None),
        ]
        .concat(),
    };
    for (name, define, spec) in [("W3", w3 as fn(&Spec) -> _, Spec::w3()), ("W4", w4, Spec::w4())] {
        for seed in [0, 1, 7] {
            let packets = match (scale, seed) {
                (Scale::Full, 0) => 8_000,
                (Scale::Full, _) => 2_000,
                (Scale::Smoke, _) => 200,
            };
            let workload = define(&Spec { seed, packets, ..spec });
            checks.extend(flow_by_flow(&format!("{name}, seed {seed}, {packets} each"), &workload));
        }
    }
    checks.extend(flow_by_flow("W3 in steps of 0.2 µs, full of ties", &in_steps()));
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

/// The engines of a network, and what they go by.
const ENGINES: [(Engine, &str); 2] = [(Engine::Events, "events"), (Engine::Windows, "windows")];

/// Totals, and the digest of what each flow delivered where it is known, by each engine.
fn counts(name: &str, workload: &PacketWorkload, expected: &Counts, digest: Option<u64>) -> Vec<Check> {
    let case = Case::plain(workload);
    let mut checks = Vec::new();
    for (engine, word) in ENGINES {
        let result = run(&case, engine);
        let what = format!("{name} by {word}: delivered, dropped, hops, end in ps");
        checks.push(by(engine, &result, Check::exact(9, what, text(expected), text(&counted(&result)))));
        if let Some(digest) = digest {
            let measured = delivered_digest(result.flows.iter().map(|f| f.delivered));
            let what = format!("{name} by {word}: digest of the flows");
            checks.push(Check::exact(9, what, format!("{digest:x}"), format!("{measured:x}")));
        }
    }
    checks
}

/// Flows in which all figures agree with the slow reference, by each engine.
fn flow_by_flow(name: &str, workload: &PacketWorkload) -> [Check; 2] {
    let (wires, schedule) = (Wires::of(&workload.twin), workload.schedule());
    let (hops, changes) = (&workload.next_hops, &workload.changes);
    let slow = send_packets(&wires, &schedule, workload.buffer, hops, changes, SimTime::MAX);
    let case = Case::plain(workload);
    ENGINES.map(|(engine, word)| {
        let result = run(&case, engine);
        let equal = result.flows.iter().zip(&slow.flows).filter(|(fast, slow)| {
            let counts = (fast.sent, fast.delivered, fast.dropped(), fast.packet_hops);
            counts == (slow.sent, slow.delivered, slow.dropped, slow.packet_hops)
                && (fast.first, fast.last, fast.delay_sum_ps) == (slow.first, slow.last, slow.delay_sum_ps)
        });
        let what = format!("{name}, by {word}: flows equal to two events a hop");
        by(engine, &result, Check::exact(9, what, workload.flows.len(), equal.count()))
    })
}

/// A check that also fails if another engine took over.
fn by(engine: Engine, result: &PacketResult, check: Check) -> Check {
    Check { pass: check.pass && result.engine.engine == engine, ..check }
}

fn run(case: &Case, engine: Engine) -> PacketResult {
    case.net.run_by(engine, &case.workload, &case.faults, SimTime::MAX, Seeds::new(0).trial(0))
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
