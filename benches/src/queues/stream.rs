//! Streams of events that every queue is measured on: what a run popped and pushed, kept apart from the run.

use std::collections::VecDeque;

use engine::{Event, EventKey, EventKind};
use twin::SimTime;

use super::{Binary, Pending};
use crate::kernel::SplitMix;

/// What was pushed, and how much of it after each pop.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    events: Vec<Event>,
    /// Pushes before the first pop, then after each.
    pushes: Vec<u32>,
}

impl Recording {
    /// The number of pops.
    pub fn pops(&self) -> usize {
        self.pushes.len() - 1
    }

    /// Plays it to an empty queue. Returns a fingerprint of what was popped, in order.
    pub fn play<Q: Pending>(&self) -> u64 {
        let (mut queue, mut events, mut seen) = (Q::default(), self.events.iter(), 0u64);
        for (i, pushes) in self.pushes.iter().enumerate() {
            if i > 0
                && let Some(event) = queue.pop()
            {
                let word = event.at.as_ps() ^ event.key.get().rotate_left(32);
                seen = (seen ^ word).wrapping_mul(0x0100_0000_01b3);
            }
            events.by_ref().take(*pushes as usize).for_each(|e| queue.push(*e));
        }
        seen
    }
}

/// Records what is done to a queue.
#[derive(Debug, Default)]
struct Recorder {
    queue: Binary,
    recording: Recording,
}

impl Recorder {
    fn new() -> Self {
        let mut recorder = Self::default();
        recorder.recording.pushes.push(0);
        recorder
    }

    fn push(&mut self, ps: u64, key: EventKey, to: u32, kind: EventKind) {
        let event = Event { at: SimTime::from_ps(ps), key, to, kind };
        self.queue.push(event);
        self.recording.events.push(event);
        if let Some(pushes) = self.recording.pushes.last_mut() {
            *pushes += 1;
        }
    }

    /// An event that only the times matter of; the key is new, and not in the order of pushes.
    fn push_at(&mut self, ps: u64) {
        let number = (self.recording.events.len() as u32).wrapping_mul(0x9E37_79B1);
        let kind = EventKind::Timer { tag: 0, token: number };
        self.push(ps, EventKey::of_source(0, u64::from(number)), 0, kind);
    }

    fn pop(&mut self) -> Option<Event> {
        let event = self.queue.pop()?;
        self.recording.pushes.push(0);
        Some(event)
    }

    /// Pops everything.
    fn finish(mut self) -> Recording {
        while self.pop().is_some() {}
        self.recording
    }
}

const SER_PS: u64 = 1_200_000;
const PROPAGATION_PS: u64 = 1_000_000;
const HOSTS: usize = 128;

/// W3: Poisson traffic at 50 % between random pairs of the 128 hosts of a fat-tree, with one pending event for each
/// source and for each half-link that carries something. Also returns the packets delivered.
pub fn fat_tree(seed: u64, per_host: u32) -> (Recording, u64) {
    let paths = paths();
    let mut links = vec![Link::default(); 6 * HOSTS];
    let mut sources: Vec<_> = (0..HOSTS as u64).map(|s| SplitMix(seed.wrapping_add(s + 1))).collect();
    let mut left = vec![per_host; HOSTS];
    let (mut recorder, mut delivered) = (Recorder::new(), 0);
    let timer = EventKind::Timer { tag: 0, token: 0 };
    for s in 0..HOSTS {
        let at = gap(&mut sources[s]);
        recorder.push(at, EventKey::of_flow(s as u32, 0), (links.len() + s) as u32, timer);
    }
    while let Some(event) = recorder.pop() {
        let (now, to) = (event.at.as_ps(), event.to as usize);
        if let Some(source) = to.checked_sub(links.len()) {
            offer(&mut links, &paths, Crossing { at: now, flow: source, hop: 0 }, &mut recorder);
            left[source] -= 1;
            if left[source] > 0 {
                recorder.push(now + gap(&mut sources[source]), event.key, event.to, timer);
            }
            continue;
        }
        let Some(Crossing { flow, hop, .. }) = links[to].ring.pop_front() else { continue };
        if hop + 1 == paths[flow].len() {
            delivered += 1;
        } else {
            offer(&mut links, &paths, Crossing { at: now, flow, hop: hop + 1 }, &mut recorder);
        }
        links[to].announce(to, &mut recorder);
    }
    (recorder.finish(), delivered)
}

/// A packet on a link, or about to enter one: at `at` it comes out, or in.
#[derive(Clone, Copy, Debug)]
struct Crossing {
    at: u64,
    flow: usize,
    hop: usize,
}

#[derive(Clone, Debug, Default)]
struct Link {
    busy: u64,
    ring: VecDeque<Crossing>,
}

impl Link {
    /// Schedules the arrival of the first packet on the link.
    fn announce(&self, link: usize, recorder: &mut Recorder) {
        let Some(first) = self.ring.front() else { return };
        let (key, kind) = (EventKey::of_flow(first.flow as u32, 0), EventKind::Timer { tag: 1, token: 0 });
        recorder.push(first.at, key, link as u32, kind);
    }
}

fn offer(links: &mut [Link], paths: &[Vec<usize>], packet: Crossing, recorder: &mut Recorder) {
    let index = paths[packet.flow][packet.hop];
    let link = &mut links[index];
    let begin = link.busy.max(packet.at);
    if begin - packet.at + SER_PS > 100 * SER_PS {
        return;
    }
    link.busy = begin + SER_PS;
    link.ring.push_back(Crossing { at: link.busy + PROPAGATION_PS, ..packet });
    if link.ring.len() == 1 {
        link.announce(index, recorder);
    }
}

fn gap(rng: &mut SplitMix) -> u64 {
    (rng.exp() * 2_400_000.0) as u64 + 1
}

/// The half-links that each flow crosses. Six groups of 128: host to edge, edge to host, edge to aggregation and back,
/// aggregation to core and back.
fn paths() -> Vec<Vec<usize>> {
    const H: usize = 4;
    let mut to: Vec<usize> = (0..HOSTS).collect();
    let mut shuffle = SplitMix(42);
    for a in (1..HOSTS).rev() {
        to.swap(a, (shuffle.next() % (a as u64 + 1)) as usize);
    }
    let (edge, pod) = (|host: usize| host / H, |host: usize| host / H / H);
    let path = |s: usize| {
        let d = to[s];
        let mut route = SplitMix(1_000 + s as u64);
        let (agg, core) = ((route.next() % 4) as usize, (route.next() % 4) as usize);
        let group = |group: usize, index: usize| group * HOSTS + index;
        let mut path = vec![group(0, s)];
        if edge(s) != edge(d) {
            path.push(group(2, edge(s) * H + agg));
            if pod(s) != pod(d) {
                path.push(group(4, (pod(s) * H + agg) * H + core));
                path.push(group(5, (pod(d) * H + agg) * H + core));
            }
            path.push(group(3, edge(d) * H + agg));
        }
        path.push(group(1, d));
        path
    };
    (0..HOSTS).map(path).collect()
}

/// So many events, all at one instant, half of them scheduled when it has come.
pub fn one_instant(events: usize) -> Recording {
    let mut recorder = Recorder::new();
    (0..events / 2).for_each(|_| recorder.push_at(1_000));
    for _ in 0..events / 2 {
        recorder.pop();
        recorder.push_at(1_000);
    }
    recorder.finish()
}

/// A thousand pending, of which each schedules its successor within 1 ns or, one in ten, within 1 ms.
pub fn bimodal(events: usize) -> Recording {
    steady(1_000, events, |rng| rng.next() % if rng.next() % 10 == 0 { 1_000_000_000 } else { 1_000 })
}

/// A thousand pending within 1 ns, and as many timers that lie up to five minutes off.
pub fn far_timers(events: usize) -> Recording {
    steady(1_000, events, |rng| if rng.next() % 2 == 0 { rng.next() >> 16 } else { rng.next() % 1_000 })
}

/// Bursts: ten thousand events within 1 ns, then nothing for 1 s.
pub fn bursts(events: usize) -> Recording {
    let (mut recorder, mut rng) = (Recorder::new(), SplitMix(1));
    for burst in 1..=(events / 10_000).max(1) as u64 {
        (0..10_000).for_each(|_| recorder.push_at(burst * 1_000_000_000_000 + rng.next() % 1_000));
        while recorder.pop().is_some() {}
    }
    recorder.finish()
}

fn steady(pending: usize, events: usize, mut delay: impl FnMut(&mut SplitMix) -> u64) -> Recording {
    let (mut recorder, mut rng) = (Recorder::new(), SplitMix(1));
    (0..pending).for_each(|_| recorder.push_at(delay(&mut rng)));
    for _ in 0..events {
        let Some(event) = recorder.pop() else { break };
        recorder.push_at(event.at.as_ps().saturating_add(delay(&mut rng)));
    }
    recorder.recording
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queues::{FourAry, Ladder, Radix, Replace};
    use engine::EventQueue;

    #[test]
    fn the_fat_tree_delivers_what_its_definition_says() {
        assert_eq!(fat_tree(0, 8_000).1, 838_000);
    }

    #[test]
    fn all_queues_pop_every_stream_alike() {
        let streams =
            [fat_tree(1, 50).0, one_instant(4_000), bimodal(20_000), far_timers(20_000), bursts(30_000)];
        for (i, stream) in streams.iter().enumerate() {
            let expected = stream.play::<Binary>();
            let others = [
                stream.play::<EventQueue>(),
                stream.play::<Replace>(),
                stream.play::<FourAry>(),
                stream.play::<Radix>(),
                stream.play::<Ladder>(),
            ];
            assert_eq!(others, [expected; 5], "stream {i} of {} pops", stream.pops());
        }
    }
}
