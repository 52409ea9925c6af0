//! Queues that feed another one, of which every packet is known: an oracle for what a background does to watched packets.

use std::sync::Arc;

use engine::{Draws, Purpose, Seeds};
use twin::{ArcId, EntityKey, SimDuration, SimTime};

use super::super::{Background, Reaches};
use super::{RATE, SERVICE_PS};
use crate::packet::unseen_packets::UnseenPackets;
use crate::packet::{BackgroundLoad, BackgroundTraffic, RoutedLoad};

/// Utilisations of the first queues by unseen and by watched packets, the share of the unseen ones that goes on with the
/// watched ones to the second, and what enters there. Times are mean services.
struct Tandem {
    feeds: usize,
    unseen: f64,
    watched: f64,
    share: f64,
    entering: f64,
    traffic: BackgroundTraffic,
}

/// A packet of the first queue or the second.
#[derive(Clone, Copy)]
struct Packet {
    at: f64,
    service: f64,
    watched: bool,
    goes_on: bool,
    /// In the last queue that it has left.
    wait: f64,
}

/// Waits of a watched packet in both queues.
type Waits = [f64; 2];

impl Tandem {
    /// Bursts at a utilisation up to an end, of packets that all are watched or not.
    fn arrivals(&self, load: f64, watched: bool, end: f64, draws: &mut Draws) -> Vec<Packet> {
        let packets = UnseenPackets::new(self.traffic, 1.0);
        let burst = if watched { 1.0 } else { self.traffic.burst };
        let (mut all, mut at) = (Vec::new(), 0.0);
        loop {
            at += draws.exp() * burst / load;
            if at > end {
                return all;
            }
            let goes_on = watched || draws.f64_open() < self.share;
            loop {
                all.push(Packet { at, service: packets.service(draws), watched, goes_on, wait: 0.0 });
                if draws.f64_open() * burst <= 1.0 {
                    break;
                }
            }
        }
    }

    /// The watched packets of a run by first queue, and their waits as they come to the second: every packet by Lindley's
    /// recursion.
    fn all_packets(&self, end: f64) -> (Vec<Vec<Packet>>, Vec<Waits>) {
        let chance = Seeds::new(1).trial(0).chance(Purpose::ARRIVALS, &EntityKey::new("tandem"));
        let mut draws = chance.draws(0);
        let (mut watched, mut second) = (Vec::new(), Vec::new());
        for _ in 0..self.feeds {
            watched.push(self.arrivals(self.watched, true, end, &mut draws));
            let others = self.arrivals(self.unseen, false, end, &mut draws);
            let mut left = serve([watched[watched.len() - 1].clone(), others].concat());
            left.retain(|p| p.goes_on);
            second.append(&mut left);
        }
        second.extend(self.arrivals(self.entering, false, end, &mut draws));
        let firsts = |packets: &[Packet]| packets.iter().filter(|p| p.watched).map(|p| p.wait).collect();
        second.sort_by(|a, b| a.at.total_cmp(&b.at));
        let before: Vec<f64> = firsts(&second);
        let after: Vec<f64> = firsts(&serve(second));
        (watched, before.into_iter().zip(after).map(|(a, b)| [a, b]).collect())
    }

    /// Waits of the same watched packets over a background.
    fn background(&self, watched: &[Vec<Packet>]) -> Vec<Waits> {
        let of = |load: f64| load * RATE.as_f64();
        let on = self.unseen * self.share;
        let all = of(on * self.feeds as f64 + self.entering);
        let load = RoutedLoad::of_parts(self.feeds, of(self.unseen), of(on), all, RATE);
        let load = Arc::new(BackgroundLoad::routed(vec![(SimTime::ZERO, load)]));
        let queue = |arc| Background::new(Arc::clone(&load), self.traffic, ArcId::new(arc));
        let mut queues: Vec<Background> = (0..=self.feeds).map(queue).collect();
        let key = EntityKey::new("tandem");
        let chance = |arc: usize| Seeds::new(1).trial(1 + arc as u64).chance(Purpose::BACKGROUND, &key);
        let room = SimDuration::secs(1);
        let mut under_way = Vec::new();
        for (arc, watched) in watched.iter().enumerate() {
            for (i, packet) in watched.iter().enumerate() {
                let service = SimDuration::from_ps((packet.service * SERVICE_PS) as u64);
                let at = SimTime::from_ps((packet.at * SERVICE_PS) as u64);
                let draws = &mut chance(arc).draws(i as u64);
                let work = queues[arc].work_at(Reaches { at, over: None, service }, RATE, room, draws);
                let out = at + work + service;
                queues[arc].add(work, service, out);
                under_way.push((out, arc, work, service, queues[arc].upstream(out)));
            }
        }
        under_way.sort_by_key(|(out, arc, ..)| (*out, *arc));
        let mut waits = Vec::new();
        for (i, (at, _, before, service, over)) in under_way.into_iter().enumerate() {
            let draws = &mut chance(self.feeds).draws(i as u64);
            let last = &mut queues[self.feeds];
            let work = last.work_at(Reaches { at, over, service }, RATE, room, draws);
            last.add(work, service, at);
            waits.push([before, work].map(|w| w.as_ps() as f64 / SERVICE_PS));
        }
        waits
    }
}

/// Packets as they leave a queue.
fn serve(mut packets: Vec<Packet>) -> Vec<Packet> {
    packets.sort_by(|a, b| a.at.total_cmp(&b.at));
    let mut free = 0.0_f64;
    for packet in &mut packets {
        let begins = free.max(packet.at);
        packet.wait = begins - packet.at;
        free = begins + packet.service;
        packet.at = free;
    }
    packets
}

/// Median and 99th percentile of both waits together, and the mean of the second.
fn figures(waits: &[Waits]) -> [f64; 3] {
    let mut both: Vec<f64> = waits.iter().map(|w| w[0] + w[1]).collect();
    both.sort_by(f64::total_cmp);
    let mean = waits.iter().map(|w| w[1]).sum::<f64>() / waits.len() as f64;
    [both[both.len() / 2], both[both.len() * 99 / 100], mean]
}

#[test]
fn waits_in_a_row_are_those_of_all_packets() {
    let habit = |size_scv, burst| BackgroundTraffic { size_scv, burst, ..Default::default() };
    // Where feeds bring bursts often, or chance itself is great, the tolerance is more.
    for (feeds, unseen, watched, share, entering, traffic, tolerance) in [
        (1, 0.765, 0.085, 0.8, 0.15, habit(0.0, 1.0), 0.1),
        (1, 0.765, 0.085, 0.8, 0.15, habit(0.84, 1.0), 0.1),
        (1, 0.84, 0.01, 0.8, 0.168, habit(0.0, 1.0), 0.1),
        (1, 0.84, 0.01, 0.8, 0.168, habit(0.84, 1.0), 0.1),
        (1, 0.6, 0.06, 0.6, 0.24, habit(0.84, 1.0), 0.1),
        (1, 0.9, 0.04, 0.6, 0.36, habit(0.0, 1.0), 0.2),
        (1, 0.765, 0.085, 0.8, 0.15, habit(0.0, 4.0), 0.1),
        (1, 0.84, 0.01, 0.8, 0.168, habit(0.0, 4.0), 0.1),
        (1, 0.45, 0.05, 0.5, 0.225, habit(0.0, 4.0), 0.1),
        (2, 0.38, 0.04, 1.0, 0.001, habit(0.0, 1.0), 0.1),
        (2, 0.38, 0.04, 1.0, 0.001, habit(0.84, 1.0), 0.1),
        (2, 0.42, 0.004, 1.0, 0.001, habit(0.84, 1.0), 0.1),
        (2, 0.42, 0.004, 1.0, 0.001, habit(0.0, 4.0), 0.1),
        (2, 0.31, 0.035, 1.0, 0.001, habit(0.0, 4.0), 0.25),
    ] {
        let tandem = Tandem { feeds, unseen, watched, share, entering, traffic };
        let (packets, truth) = tandem.all_packets((40_000.0 / watched).max(2e6));
        let (truth, ours) = (figures(&truth), figures(&tandem.background(&packets)));
        for (truth, ours) in truth.into_iter().zip(ours) {
            let near = (ours - truth).abs() < (tolerance * truth).max(0.3);
            assert!(near, "{feeds} of {unseen} + {watched}, {traffic:?}: {ours} for {truth}");
        }
    }
}
