//! Published counts of W1, W2 and W3, and a slow simulator with two events a hop that must agree packet by packet.

#[path = "workloads/mod.rs"]
mod definitions;
mod slow;

use definitions::{Case, chain8, ft_cbr, ft_poisson};
use engine::Seeds;
use twin::SimTime;
use umbra_models::packet::PacketResult;

fn run(case: &Case) -> PacketResult {
    let result = case.net.run(&case.workload, &[], SimTime::MAX, Seeds::new(0).trial(0));
    assert_eq!(result.in_flight, 0);
    result
}

#[test]
fn w1_every_packet_takes_17_6_microseconds() {
    let n = 20_000;
    let result = run(&chain8(n));
    let flow = &result.flows[0];
    assert_eq!((result.delivered, result.dropped, result.packet_hops), (n, 0, 8 * n));
    // The first packet and the slowest of all take 8 · (1.2 + 1) µs to the picosecond; the sum says that all do.
    assert_eq!((flow.first.unwrap().as_ps(), flow.delay_max.as_ps()), (17_600_000, 17_600_000));
    assert_eq!(flow.delay_sum_ps, u128::from(n) * 17_600_000);
    assert_eq!(result.last_delivery.as_ps(), (n - 1) * 1_500_000 + 17_600_000);
    // N = 500,000 by the same formula is the published end.
    assert_eq!((500_000 - 1) * 1_500_000 + 17_600_000, 750_016_100_000u64);
}

#[test]
fn w2_every_packet_takes_13_2_microseconds() {
    for (k, hosts, n) in [(4, 16, 500), (8, 128, 100)] {
        let result = run(&ft_cbr(k, n));
        let delivered = hosts * n;
        assert_eq!((result.delivered, result.dropped, result.packet_hops), (delivered, 0, 6 * delivered));
        assert!(result.flows.iter().all(|f| f.delay_sum_ps == u128::from(n) * 13_200_000));
        assert_eq!(result.last_delivery.as_ps(), (hosts - 1) * 1_000 + (n - 1) * 1_500_000 + 13_200_000);
    }
    assert_eq!(15_000 + 59_999 * 1_500_000 + 13_200_000, 90_011_715_000u64, "the published end at k = 4");
    assert_eq!(127_000 + 7_999 * 1_500_000 + 13_200_000, 12_011_827_000u64, "the published end at k = 8");
}

#[test]
fn w3_counts_are_the_published_ones_flow_by_flow() {
    let result = run(&ft_poisson(0, 8_000));
    assert_eq!((result.sent, result.delivered, result.dropped), (1_024_000, 838_000, 186_000));
    assert_eq!(result.packet_hops, 4_663_302);
    assert_eq!(result.last_delivery.as_ps(), 19_834_038_577);
    let delivered: Vec<u64> = result.flows.iter().map(|f| f.delivered).collect();
    assert_eq!(delivered[..8], [5454, 4513, 8000, 5511, 4248, 8000, 7938, 5472]);
    assert_eq!((delivered[32], delivered[45]), (5483, 4383), "flows whose ties decide");
    assert_eq!(result.flows.iter().filter(|f| f.dropped() > 0).count(), 99);
    let fold = |x: u64, d: &u64| (x ^ d).wrapping_mul(1_099_511_628_211);
    assert_eq!(delivered.iter().fold(1_469_598_103_934_665_603, fold), 0xa1d8_0508_2f25_5115);
}

#[test]
fn w3_agrees_with_two_events_a_hop_for_several_seeds() {
    for seed in [0, 7, u64::MAX] {
        let case = ft_poisson(seed, 300);
        let result = run(&case);
        let slow = slow::simulate(case.net.csr(), &case.schedule, 150_000, |flow, hop| {
            case.paths[&flow].get(hop).copied()
        });
        for (flow, (fast, slow)) in result.flows.iter().zip(&slow).enumerate() {
            let fast = (fast.delivered, fast.dropped(), fast.last.map(SimTime::as_ps), fast.delay_sum_ps);
            assert_eq!(
                fast,
                (slow.delivered, slow.dropped, slow.last, slow.delay_sum),
                "seed {seed} flow {flow}"
            );
        }
    }
}
