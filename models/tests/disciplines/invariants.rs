//! What holds whatever comes: nothing is lost or invented, classes keep their order, the link does not idle.

use std::cell::Cell;

use proptest::prelude::*;
use twin::{BitsPerSec, Bytes, SimDuration, SimTime};
use umbra_models::packet::discipline::*;

use crate::station::{Station, stream};

const STRICT: usize = 2;

/// Two strict classes and two that share, with parts switched on by the bits of `parts`.
fn config(parts: u8) -> DisciplineConfig {
    let on = |bit: u8| parts >> bit & 1 == 1;
    let mut config = DisciplineConfig::of_classes(vec![
        ClassConfig::strict(Limit::Packets(5)),
        ClassConfig::strict(Limit::Bytes(Bytes::new(6_000))),
        ClassConfig::shared(Bytes::new(500), Limit::Bytes(Bytes::new(9_000))),
        ClassConfig::shared(Bytes::new(2_000), Limit::Packets(12)),
    ]);
    let bucket = |gbps, burst| BucketConfig { rate: BitsPerSec::gbps(gbps), burst: Bytes::new(burst) };
    if on(0) {
        let red = RedConfig { weight: 0.2, ..RedConfig::floyd(Bytes::new(300)) };
        config.classes.iter_mut().for_each(|c| c.red = Some(red));
    }
    if on(1) {
        let share = Share { reserve: Bytes::new(1_000), alpha: Alpha::ONE };
        config.classes.iter_mut().for_each(|c| c.share = Some(share));
    }
    if on(2) {
        let rates = MeterRates::TwoRate { committed: bucket(100, 2_000), peak: bucket(300, 3_000) };
        let policer = PolicerConfig { rates, colour_aware: true, action: PolicerAction::DropRed };
        config.classes[1].policer = Some(policer);
        config.classes[2].policer = Some(policer);
    }
    if on(3) {
        config.classes[0].shaper = Some(bucket(200, 1_000));
        config.classes[3].shaper = Some(bucket(300, 2_000));
    }
    config.shaper = on(4).then(|| bucket(700, 3_000));
    config.mtu = on(5).then(|| Mtu::new(Bytes::new(1_500)));
    config
}

const SHAPED: u8 = 0b01_1000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn packets_are_conserved_and_classes_keep_their_order(
        arrivals in prop::collection::vec((0u64..400, 1u64..1_600, 0u8..6, any::<bool>()), 1..200),
        parts in 0u8..64,
        clear_at in prop::option::of(0usize..200),
    ) {
        let mut buffer = SharedBuffer::new(Bytes::new(16_000));
        let mut station = Station::new(&config(parts), Some(&mut buffer));
        let mut luck = stream("luck");
        let (mut now, mut marks) = (SimTime::ZERO, 0);
        let (mut offered, mut out, mut lost) = ([0u64; 4], Vec::new(), Vec::new());
        let free_from = Cell::new(SimTime::ZERO);
        let mut observe = |queue: &Discipline<(usize, u8)>, at: SimTime, s: Sending<(usize, u8)>| {
            assert!(at >= free_from.get(), "one packet at a time");
            if parts & SHAPED == 0 {
                // Nothing of a higher strict class waits.
                let class = usize::from(s.class);
                assert!((0..class.min(STRICT)).all(|higher| queue.waiting(higher) == 0));
            }
            free_from.set(s.until);
            out.push(s.item);
        };
        for (i, (gap, size, class, ecn_capable)) in arrivals.into_iter().enumerate() {
            now += SimDuration::from_ps(gap * 16);
            if clear_at == Some(i) {
                station.run(now, Some(&mut buffer), &mut observe);
                station.clear(now, Some(&mut buffer), |item| lost.push(item));
                free_from.set(now);
            }
            let class = class.min(3); // 4 and 5 mean the last one too
            offered[usize::from(class)] += 1;
            let arrival = Arrival { ecn_capable, ..Arrival::new((i, class), Bytes::new(size), class) };
            let luck = || luck.f64_open();
            let offer = station.offer(now, arrival, Some(&mut buffer), luck, &mut observe);
            prop_assert!(offer != Offer::Marked || ecn_capable);
            prop_assert!(size <= 1_500 || parts < 32 || offer == Offer::Dropped(Refusal::TooBig));
            marks += u64::from(offer == Offer::Marked);
            if parts & SHAPED == 0 {
                let waiting: u64 = (0..4).map(|c| station.queue.waiting(c)).sum();
                prop_assert!(waiting == 0 || station.queue.busy(now), "the link idles while packets wait");
            }
        }
        station.run(SimTime::MAX, Some(&mut buffer), &mut observe);
        for class in 0..4 {
            let stats = station.queue.stats(class);
            prop_assert_eq!(offered[class], stats.packets + stats.drops());
            prop_assert_eq!(stats.packets, stats.sent_packets + stats.cleared);
            prop_assert_eq!((station.queue.waiting(class), station.queue.held(class).get()), (0, 0));
            let mine = |items: &[(usize, u8)]| -> Vec<usize> {
                items.iter().filter(|item| usize::from(item.1) == class).map(|item| item.0).collect()
            };
            prop_assert!(mine(&out).is_sorted(), "first in, first out");
            prop_assert_eq!((mine(&out).len() as u64, mine(&lost).len() as u64), (stats.sent_packets, stats.cleared));
        }
        prop_assert_eq!(marks, (0..4).map(|c| station.queue.stats(c).marks).sum::<u64>());
        let reserves = if parts & 2 == 2 { 4_000 } else { 0 };
        prop_assert_eq!(buffer.free(), Bytes::new(16_000 - reserves), "all of the memory is back");
    }
}

#[test]
fn every_reason_to_refuse_is_met_and_counted() {
    let (mut luck, mut sizes, mut gaps) = (stream("luck"), stream("sizes"), stream("gaps"));
    let mut met = [0; 5];
    for parts in 0..64 {
        let mut buffer = SharedBuffer::new(Bytes::new(12_000));
        let mut station = Station::new(&config(parts), Some(&mut buffer));
        let mut now = SimTime::ZERO;
        for i in 0..2_000u64 {
            now += SimDuration::from_ps((gaps.exp() * 3_000.0) as u64);
            let size = Bytes::new(1 + (sizes.f64_open() * 1_600.0) as u64);
            let arrival = Arrival::new((), size, (i % 4) as u8);
            station.offer(now, arrival, Some(&mut buffer), || luck.f64_open(), |_, _, _| {});
        }
        let reasons =
            [Refusal::TooBig, Refusal::Policed, Refusal::Early, Refusal::QueueFull, Refusal::BufferFull];
        for (count, why) in met.iter_mut().zip(reasons) {
            *count += (0..4).map(|class| station.queue.stats(class).refused(why)).sum::<u64>();
        }
    }
    assert!(met.iter().all(|count| *count > 1_000), "{met:?}");
}

#[test]
fn a_fork_goes_on_as_the_original_does() {
    let drive = |station: &mut Station<u64>, buffer: &mut SharedBuffer, range: std::ops::Range<u64>| {
        let mut out = Vec::new();
        for i in range {
            let arrival = Arrival::new(i, Bytes::new(100 + i * 7 % 1_300), (i * 5 % 4) as u8);
            let luck = || (i % 97) as f64 / 97.0 + 1e-3;
            station.offer(SimTime::from_ps(i * 5_000), arrival, Some(buffer), luck, |_, at, s| {
                out.push((at, s.item));
            });
        }
        out
    };
    let mut buffer = SharedBuffer::new(Bytes::new(16_000));
    let mut station = Station::new(&config(63), Some(&mut buffer));
    drive(&mut station, &mut buffer, 0..500);
    let (mut fork, mut fork_buffer) = (station.clone(), buffer.clone());
    let expected = drive(&mut station, &mut buffer, 500..1_000);
    assert!(expected.len() > 100, "packets go out: {}", expected.len());
    assert_eq!(drive(&mut fork, &mut fork_buffer, 500..1_000), expected);
}

#[test]
fn a_warm_queue_allocates_nothing() {
    let mut buffer = SharedBuffer::new(Bytes::new(16_000));
    let mut station = Station::new(&config(63), Some(&mut buffer));
    let mut drive = |range: std::ops::Range<u64>| {
        for i in range {
            let arrival = Arrival::new(i, Bytes::new(100 + i * 7 % 1_300), (i * 5 % 4) as u8);
            let luck = || (i % 97) as f64 / 97.0 + 1e-3;
            station.offer(SimTime::from_ps(i * 4_000), arrival, Some(&mut buffer), luck, |_, _, _| {});
        }
    };
    drive(0..5_000);
    let info = allocation_counter::measure(|| drive(5_000..20_000));
    assert_eq!(info.count_total, 0);
}
