mod tandem;

use super::*;
use crate::packet::RoutedLoad;
use crate::packet::unseen_packets::UnseenPackets;
use engine::{Purpose, Seeds};
use twin::EntityKey;

const RATE: BitsPerSec = BitsPerSec::gbps(10);
/// More work than is ever done.
const MUCH_PS: f64 = 1e14;
/// 1,500 bytes at 10 Gbit/s.
const SERVICE_PS: f64 = 1_200_000.0;

/// Mean work in services at Poisson instants, with watched packets of 1,500 B at utilisation `watched`.
fn mean_work(unseen: f64, watched: f64, traffic: BackgroundTraffic, probe_gap: f64) -> f64 {
    let load = Arc::new(BackgroundLoad::constant(vec![unseen * 1e10]));
    let mut background = Background::new(load, traffic, ArcId(0));
    let key = EntityKey::new("test");
    let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &key);
    let mut arrivals = Seeds::new(1).trial(0).stream(Purpose::ARRIVALS, &key);
    let gap = if watched > 0.0 { SERVICE_PS / watched } else { probe_gap * SERVICE_PS };
    let (mut now, mut sum, n) = (SimTime::ZERO, 0.0, 300_000);
    for i in 0..n {
        now += SimDuration::from_ps((arrivals.exp() * gap) as u64);
        let packet = Reaches { at: now, over: None, service: SimDuration::ZERO };
        let work = background.work_at(packet, RATE, SimDuration::secs(1), &mut chance.draws(i));
        sum += work.as_ps() as f64 / SERVICE_PS;
        if watched > 0.0 {
            background.add(work, SimDuration::from_ps(SERVICE_PS as u64), now);
        }
    }
    sum / n as f64
}

#[test]
fn the_mean_work_is_that_of_pollaczek_and_khinchine() {
    let traffic = |size_scv, burst| BackgroundTraffic { size_scv, burst, ..Default::default() };
    for (unseen, watched, scv, burst, probe_gap) in [
        (0.5, 0.0, 0.0, 1.0, 100.0),
        (0.8, 0.0, 1.0, 1.0, 100.0),
        (0.8, 0.0, 2.5, 1.0, 10.0),
        (0.7, 0.0, 0.5, 4.0, 200.0),
        (0.45, 0.05, 0.0, 1.0, 0.0),
        (0.72, 0.08, 0.0, 1.0, 0.0),
        (0.0, 0.8, 0.0, 1.0, 0.0),
    ] {
        let load: f64 = unseen + watched;
        let expected = (unseen * (2.0 * burst - 1.0 + scv) + watched) / (2.0 * (1.0 - load));
        let got = mean_work(unseen, watched, traffic(scv, burst), probe_gap);
        let error = got / expected - 1.0;
        assert!(error.abs() < 0.03, "{unseen}+{watched} c²={scv} burst={burst}: {got} for {expected}");
    }
}

/// A buffer of 100 packets at 95 % of load, in bursts of four: the mean work in services at rare probes, and packet by packet.
#[test]
fn the_end_of_the_buffer_holds_the_work_as_it_holds_packets() {
    let (room, traffic) = (100.0, BackgroundTraffic { burst: 4.0, ..Default::default() });
    let load = Arc::new(BackgroundLoad::constant(vec![0.95e10]));
    let mut background = Background::new(load, traffic, ArcId(0));
    let key = EntityKey::new("test");
    let (chance, n) = (Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &key), 40_000);
    let (mut now, mut ours) = (SimTime::ZERO, 0.0);
    for i in 0..n {
        let mut draws = chance.draws(i);
        now += SimDuration::from_ps((draws.exp() * 100.0 * SERVICE_PS) as u64);
        let packet = Reaches { at: now, over: None, service: SimDuration::ZERO };
        let room = SimDuration::from_ps((room * SERVICE_PS) as u64);
        ours += background.work_at(packet, RATE, room, &mut draws).as_ps() as f64 / SERVICE_PS;
    }
    let packets = UnseenPackets::new(traffic, 1.0);
    let mut draws = chance.draws(n);
    let (mut work, mut area, mut time) = (0.0_f64, 0.0, 0.0);
    for _ in 0..2_000_000 {
        let gap = draws.exp() * traffic.burst / 0.95;
        let left = (work - gap).max(0.0);
        area += (work * work - left * left) / 2.0;
        (work, time) = (left, time + gap);
        for _ in 0..packets.burst(&mut draws) {
            work += if work + 1.0 <= room { 1.0 } else { 0.0 };
        }
    }
    let (ours, truth) = (ours / n as f64, area / time);
    assert!((ours / truth - 1.0).abs() < 0.03, "{ours} for {truth}");
}

/// Half of the traffic comes over a link of the same rate that carries nothing else. The work in both queues together
/// is that of one queue (Avi-Itzhak 1965), so the mean waiting number here is ρ²/(2(1−ρ)) − x²/(2(1−x)), and the mean
/// work that more by ρ/2.
#[test]
fn what_a_feed_sends_waits_less() {
    for (feed, entering) in [(0.3, 0.3), (0.4, 0.4), (0.2, 0.6)] {
        let load = RoutedLoad::of_feeds(&[feed * 1e10], (feed + entering) * 1e10, RATE);
        let load = Arc::new(BackgroundLoad::routed(vec![(SimTime::ZERO, load)]));
        let mut background = Background::new(load, BackgroundTraffic::default(), ArcId(1));
        let key = EntityKey::new("test");
        let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &key);
        let mut arrivals = Seeds::new(1).trial(0).stream(Purpose::ARRIVALS, &key);
        let (mut now, mut sum, n) = (SimTime::ZERO, 0.0, 100_000);
        for i in 0..n {
            now += SimDuration::from_ps((arrivals.exp() * 100.0 * SERVICE_PS) as u64);
            let packet = Reaches { at: now, over: None, service: SimDuration::ZERO };
            let work = background.work_at(packet, RATE, SimDuration::secs(1), &mut chance.draws(i));
            sum += work.as_ps() as f64 / SERVICE_PS;
        }
        let all: f64 = feed + entering;
        let waiting = |x: f64| x * x / (2.0 * (1.0 - x));
        let expected = waiting(all) - waiting(feed) + all / 2.0;
        let error = sum / n as f64 / expected - 1.0;
        assert!(error.abs() < 0.05, "{feed} + {entering}: {} for {expected}", sum / n as f64);
    }
}

/// By how much the unseen work that comes differs from the load, as a share of it. Watched packets of the given utilisation
/// come over each of the feeds, on which they queue with the unseen ones. The last link has so much work that it is never
/// idle: what it gains is what comes.
fn more_than_the_load(feeds: &[f64], entering: f64, watched: f64, traffic: BackgroundTraffic) -> f64 {
    let unseen: f64 = feeds.iter().sum::<f64>() + entering;
    let feeds_bps: Vec<f64> = feeds.iter().map(|f| f * 1e10).collect();
    let load = RoutedLoad::of_feeds(&feeds_bps, unseen * 1e10, RATE);
    let load = Arc::new(BackgroundLoad::routed(vec![(SimTime::ZERO, load)]));
    let key = EntityKey::new("test");
    let queue = |arc: usize| Background::new(Arc::clone(&load), traffic, ArcId::new(arc));
    let mut queues: Vec<Background> = (0..=feeds.len()).map(queue).collect();
    let chance = |trial| Seeds::new(1).trial(trial).chance(Purpose::BACKGROUND, &key);
    let packets = UnseenPackets::new(traffic, SERVICE_PS);
    let mut arrivals = Seeds::new(1).trial(0).stream(Purpose::ARRIVALS, &key);
    let mut under_way = Vec::new();
    for (arc, queue) in queues[..feeds.len()].iter_mut().enumerate() {
        let (sizes, waits) = (chance(10 + arc as u64), chance(20 + arc as u64));
        let mut now = 0.0;
        for i in 0..50_000 {
            now += arrivals.exp() * SERVICE_PS / watched;
            let service = SimDuration::from_ps(packets.service(&mut sizes.draws(i)) as u64);
            let packet = Reaches { at: SimTime::from_ps(now as u64), over: None, service };
            let work = queue.work_at(packet, RATE, SimDuration::secs(1), &mut waits.draws(i));
            let out = packet.at + work + service;
            queue.add(work, service, out);
            under_way.push((out, arc, service, queue.upstream(out)));
        }
    }
    under_way.sort_by_key(|(out, arc, ..)| (*out, *arc));
    let (mut gained, mut before) = (0.0, None);
    for (i, &(at, _, service, over)) in under_way.iter().enumerate() {
        let packet = Reaches { at, over, service };
        let last = &mut queues[feeds.len()];
        if before.is_some() {
            last.work = MUCH_PS;
        }
        let work = last.work_at(packet, RATE, SimDuration::secs(1_000), &mut chance(2).draws(i as u64));
        if let Some(then) = before {
            gained += last.work - MUCH_PS + at.since(then).as_ps() as f64;
        }
        before = Some(at);
        last.add(work, service, at);
    }
    let time = under_way[under_way.len() - 1].0.since(under_way[0].0).as_ps() as f64;
    gained / (unseen * time) - 1.0
}

#[test]
fn what_feeds_send_is_their_load() {
    let habit = |size_scv, burst| BackgroundTraffic { size_scv, burst, ..Default::default() };
    for (feeds, entering, watched, traffic) in [
        (&[0.43, 0.43][..], 0.0, 0.05, habit(0.0, 1.0)),
        (&[0.43, 0.43], 0.0, 0.05, habit(0.84, 1.0)),
        (&[0.43, 0.43], 0.0, 0.005, habit(0.84, 1.0)),
        (&[0.3, 0.3], 0.0, 0.1, habit(0.0, 4.0)),
        (&[0.3, 0.3], 0.0, 0.02, habit(0.0, 4.0)),
        (&[0.2, 0.2], 0.0, 0.2, habit(0.0, 1.0)),
        (&[0.2, 0.2], 0.0, 0.2, habit(1.0, 1.0)),
        (&[0.6], 0.15, 0.08, habit(0.0, 1.0)),
        (&[0.6], 0.15, 0.08, habit(0.84, 1.0)),
        (&[0.6], 0.15, 0.01, habit(0.84, 1.0)),
    ] {
        let error = more_than_the_load(feeds, entering, watched, traffic);
        assert!(error.abs() < 0.01, "{feeds:?} {entering} {watched} {traffic:?}: {error}");
    }
}

#[test]
fn a_step_takes_effect_at_its_instant() {
    let load = BackgroundLoad::steps(vec![(SimTime::ZERO, vec![0.0]), (SimTime::from_ps(1_000), vec![2e10])]);
    let mut background = Background::new(Arc::new(load), BackgroundTraffic::default(), ArcId(0));
    let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &EntityKey::new("t"));
    let room = SimDuration::micros(120);
    let mut work = |ps, i| {
        let packet = Reaches { at: SimTime::from_ps(ps), over: None, service: SimDuration::ZERO };
        background.work_at(packet, RATE, room, &mut chance.draws(i))
    };
    assert_eq!(work(999, 0), SimDuration::ZERO);
    let full = work(1_000_000_000, 1);
    assert!(full > SimDuration::micros(115) && full <= room, "twice the rate fills the buffer: {full}");
}

#[test]
fn what_was_before_a_failure_does_not_matter_after_it() {
    let load = RoutedLoad::of_feeds(&[4e9], 6e9, RATE);
    let load = Arc::new(BackgroundLoad::routed(vec![(SimTime::ZERO, load)]));
    let chance = Seeds::new(1).trial(0).chance(Purpose::BACKGROUND, &EntityKey::new("t"));
    let after = |packets: u64| {
        let mut background = Background::new(Arc::clone(&load), BackgroundTraffic::default(), ArcId(1));
        let service = SimDuration::from_ps(SERVICE_PS as u64);
        let mut work = |at: SimTime, i| {
            let over = Some(Upstream {
                arc: ArcId(0),
                wait: 0.0,
                age: 0.0,
                count: Count::default(),
                recent: Sent::default(),
            });
            let packet = Reaches { at, over, service };
            let work = background.work_at(packet, RATE, SimDuration::secs(1), &mut chance.draws(i));
            background.add(work, service, at + work + service);
            if i == 99 {
                background.clear(SimTime::from_ps(100_000_000))
            }
            work
        };
        for i in 100 - packets..100 {
            work(SimTime::from_ps(i * 1_000_000), i);
        }
        [110_000_000, 122_000_000, 135_000_000].map(|ps| work(SimTime::from_ps(ps), ps))
    };
    assert_eq!(after(1), after(60));
}
