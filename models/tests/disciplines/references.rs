//! Disciplines that must behave as another queue does, to the picosecond.

use proptest::prelude::*;
use twin::{BitsPerSec, Bytes, SimDuration, SimTime};
use umbra_models::packet::Fifo;
use umbra_models::packet::discipline::*;

use crate::station::{RATE, Station};

/// Arrivals of (gap in ps, size in bytes); gaps are multiples of a byte's time, so ties with departures are frequent.
fn arrivals() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec(((0u64..2_500).prop_map(|bytes| bytes / 10 * 80), 1u64..1_600), 1..150)
}

proptest! {
    #[test]
    fn one_class_is_the_plain_fifo(arrivals in arrivals(), limit in 1_600u64..8_000) {
        let config = DisciplineConfig::drop_tail(Limit::Bytes(Bytes::new(limit)));
        let (mut station, mut fifo) = (Station::new(&config, None), Fifo::new(Bytes::new(limit)));
        let (mut now, mut departures, mut expected) = (SimTime::ZERO, Vec::new(), Vec::new());
        for (i, (gap, size)) in arrivals.into_iter().enumerate() {
            now += SimDuration::from_ps(gap);
            let size = Bytes::new(size);
            let arrival = Arrival::new(i, size, 0);
            station.offer(now, arrival, None, || 0.5, |_, _, s| departures.push((s.item, s.until)));
            expected.extend(fifo.offer(now, size, RATE.serialization_delay(size)).map(|at| (i, at)));
        }
        station.run(SimTime::MAX, None, |_, _, s| departures.push((s.item, s.until)));
        prop_assert_eq!(departures, expected);
        let (ours, theirs) = (station.queue.stats(0), fifo.stats());
        prop_assert_eq!(
            (ours.packets, ours.bytes, ours.drops(), ours.busy, ours.wait_sum_ps, ours.wait_max),
            (theirs.packets, theirs.bytes, theirs.drops, theirs.busy, theirs.wait_sum_ps, theirs.wait_max)
        );
    }

    #[test]
    fn a_bucket_of_one_packet_paces_as_a_slower_link_would(
        gaps in prop::collection::vec(0u64..30_000, 1..150),
        whole_port in any::<bool>(),
    ) {
        // 100 Gbit/s behind a link of ten times the rate: a packet of 1,000 bytes each 80 ns.
        let (size, slow) = (Bytes::new(1_000), BitsPerSec::gbps(100));
        let bucket = Some(BucketConfig { rate: slow, burst: size });
        let mut config = DisciplineConfig::drop_tail(Limit::Packets(1_000));
        if whole_port { config.shaper = bucket } else { config.classes[0].shaper = bucket }
        let (mut station, mut fifo) = (Station::new(&config, None), Fifo::new(Bytes::new(u64::MAX / 2)));
        let (mut now, mut starts, mut expected) = (SimTime::ZERO, Vec::new(), Vec::new());
        for gap in gaps {
            now += SimDuration::from_ps(gap * 5);
            station.offer(now, Arrival::new((), size, 0), None, || 0.5, |_, at, _| starts.push(at.as_ps()));
            let service = slow.serialization_delay(size);
            let departure = fifo.offer(now, size, service).expect("room");
            expected.push(departure.as_ps() - service.as_ps());
        }
        station.run(SimTime::MAX, None, |_, at, _| starts.push(at.as_ps()));
        prop_assert_eq!(starts, expected);
    }

    #[test]
    fn what_is_shaped_conforms_over_every_interval(
        arrivals in arrivals(),
        rate in 1_000_000_000u64..900_000_000_000,
        burst in 1_600u64..5_000,
    ) {
        let mut config = DisciplineConfig::drop_tail(Limit::Packets(1_000));
        let rate_per_s = BitsPerSec::new(rate).unwrap();
        config.shaper = Some(BucketConfig { rate: rate_per_s, burst: Bytes::new(burst) });
        let (mut station, mut now, mut sent) = (Station::new(&config, None), SimTime::ZERO, Vec::new());
        for (gap, size) in arrivals {
            now += SimDuration::from_ps(gap);
            let arrival = Arrival::new((), Bytes::new(size), 0);
            station.offer(now, arrival, None, || 0.5, |_, at, s| sent.push((at.as_ps(), s.size.get())));
        }
        station.run(SimTime::MAX, None, |_, at, s| sent.push((at.as_ps(), s.size.get())));
        for first in 0..sent.len() {
            let mut bits = 0u128;
            for (at, size) in &sent[first..] {
                bits += u128::from(size * 8);
                let span = u128::from(at - sent[first].0);
                let allowed = u128::from(burst * 8) * 1_000_000_000_000 + u128::from(rate) * span;
                prop_assert!(bits * 1_000_000_000_000 <= allowed);
            }
        }
    }
}

#[test]
fn a_shaped_class_leaves_its_turns_to_those_behind_it() {
    // Class 0 is first in everything but held to a tenth of the link; class 1 gets all the rest.
    let mut config = DisciplineConfig::of_classes(vec![ClassConfig::strict(Limit::Packets(100_000)); 2]);
    config.classes[0].shaper = Some(BucketConfig { rate: BitsPerSec::gbps(100), burst: Bytes::new(1_000) });
    let mut station = Station::new(&config, None);
    for class in [0, 1] {
        for _ in 0..10_000 {
            let arrival = Arrival::new((), Bytes::new(1_000), class);
            station.offer(SimTime::ZERO, arrival, None, || 0.5, |_, _, _| {});
        }
    }
    station.run(SimTime::from_ps(8_000 * 10_000 - 1), None, |_, _, _| {});
    let sent = [0, 1].map(|class| station.queue.stats(class).sent_packets);
    assert_eq!(sent, [1_000, 9_000], "the link is never idle");
}

#[test]
fn a_policed_class_passes_its_rate_and_wred_drops_its_excess_first() {
    let committed = BucketConfig { rate: BitsPerSec::gbps(300), burst: Bytes::new(3_000) };
    let rates = MeterRates::SingleRate { committed, excess: Bytes::new(3_000) };
    let policed = |action| {
        let mut config = DisciplineConfig::drop_tail(Limit::Packets(100_000));
        config.classes[0].policer = Some(PolicerConfig { rates, colour_aware: false, action });
        // Green packets are always taken, red ones never.
        let step = |bytes| RedCurve {
            min: Bytes::new(bytes),
            max: Bytes::new(bytes),
            max_probability: 1.0,
            gentle: false,
        };
        config.classes[0].red = Some(RedConfig {
            curves: [step(u64::MAX / 4), step(0), step(0)],
            ecn: false,
            ..RedConfig::step(Bytes::new(0))
        });
        let mut station = Station::new(&config, None);
        for i in 0..20_000u64 {
            // 600 Gbit/s of packets of 750 bytes: one each 10 ns.
            let arrival = Arrival::new((), Bytes::new(750), 0);
            station.offer(SimTime::from_ps(i * 10_000), arrival, None, || 0.5, |_, _, _| {});
        }
        *station.queue.stats(0)
    };
    // Half conforms, and the burst of 4 packets: with 1 of 2 refilled, 7 pass at once.
    let dropped = policed(PolicerAction::DropYellow);
    assert_eq!(dropped.packets, 10_003);
    assert_eq!(dropped.refused(Refusal::Policed), 9_997);
    let coloured = policed(PolicerAction::Colour);
    assert_eq!((coloured.packets, coloured.refused(Refusal::Early)), (10_003, 9_997));
}
