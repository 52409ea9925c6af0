//! One run by several event loops at once, each with a part of the network.
//!
//! Conservative: all parts go on together by windows no longer than the least time that a packet takes across an arc from
//! one part to another, its service included. When the sender admits a packet it knows when it will come out, so it hands
//! it over at the end of the window, before the receiver can need it. Changes of the network cut the window and are made
//! by every part at its beginning. The order of events at each half-link is the order of one loop, so the result is the
//! same for any number of parts and threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::{Simulation, Trial};
use twin::{ArcId, NodeId, SimDuration, SimTime};

use super::barrier::Barrier;
use super::choice::{Computed, Engine};
use super::fault::TimedFault;
use super::flight::Flight;
use super::net::PacketNet;
use super::network::Network;
use super::partition::{cut, partition};
use super::result::PacketResult;
use super::router;
use super::run::Device;
use super::stages;
use super::workload::Workload;

/// A packet that leaves a part: its arc, and the packet as it stands on it.
type Handover = (ArcId, Flight);

/// What the parts share. Everything is there twice, for windows with even and odd numbers: while one is read, the other is
/// written.
struct Shared {
    /// `[window mod 2][to][from]`
    mail: [Vec<Vec<Mutex<Vec<Handover>>>>; 2],
    /// `[window mod 2][part]`: when something happens next there or in the mail that it sent, in picoseconds.
    next: [Vec<AtomicU64>; 2],
    barrier: Barrier,
}

/// One part of the network.
struct Part {
    number: usize,
    sim: Simulation<Device>,
    /// By receiver: what leaves this part in a window.
    leaving: Vec<Vec<Handover>>,
}

impl PacketNet {
    /// As [`run_by`](Self::run_by), in `shards` parts of the network on `threads` threads. By windows, where half-links do
    /// not feed each other in a circle, the parts are stages, at most one for each thread; else by events they are regions.
    /// With one part, with queue disciplines, a background or TCP, or where every cut has an arc that takes no time, it is
    /// done in one loop; [`PacketResult::engine`] says so. Memory: one copy of the half-links for each part.
    ///
    /// # Panics
    /// If a fault's probability is none, or there are no threads or parts.
    pub fn run_sharded(
        &self,
        engine: Engine,
        shards: usize,
        threads: usize,
        workload: &Workload,
        faults: &[TimedFault],
        until: SimTime,
        chance: Trial,
    ) -> PacketResult {
        assert!(shards > 0 && threads > 0, "a run has parts and threads");
        faults.iter().for_each(TimedFault::check);
        let mut in_order = faults.to_vec();
        in_order.sort_by_key(|f| f.at); // stable
        if let Ok((network, dependence, _)) = self.windows(engine, workload, &in_order, chance)
            && dependence.components.iter().all(|c| !c.cyclic)
        {
            let network = stages::run(&network, &dependence, shards.min(threads), &in_order, until);
            let because = "traffic without feedback, in stages of the network that go on together";
            return PacketResult::collect(self, network, Computed { engine: Engine::Windows, because });
        }
        match self.regions(shards, threads, workload, &in_order, until, chance) {
            Ok(network) => {
                let because = "as asked, in parts of the network that go on together";
                PacketResult::collect(self, network, Computed::by_events(because))
            }
            Err(because) => {
                let mut run = self.start(workload, faults, chance);
                run.run_until(until);
                run.finish_as(Computed::by_events(because))
            }
        }
    }

    /// The network as `shards` regions on `threads` threads leave it, or why one loop is to do it. `faults` are in order of
    /// time.
    fn regions(
        &self,
        shards: usize,
        threads: usize,
        workload: &Workload,
        faults: &[TimedFault],
        until: SimTime,
        chance: Trial,
    ) -> Result<Network, &'static str> {
        if shards == 1 {
            return Err("as asked");
        }
        self.takes_any_order(workload)?;
        let network = self.network(workload, chance);
        let part_of = partition(&network.forwarding, shards);
        let cut = cut(&network.forwarding, &part_of);
        let lookahead = lookahead(&network, &cut, faults).ok_or("an arc between parts takes no time")?;
        let part = |number| {
            let mut network = network.clone();
            for arc in &cut {
                let sender = part_of[network.forwarding.csr.src[arc.index()].index()] as usize;
                network.half_links[arc.index()].set_remote(sender == number);
            }
            let mine = |node: NodeId| part_of[node.index()] as usize == number;
            let sim = self.simulation(network, chance, mine);
            Part { number, sim, leaving: vec![Vec::new(); shards] }
        };
        let mut parts: Vec<Part> = (0..shards).map(part).collect();
        let shared = Shared::new(shards, threads.min(shards));
        let each = shards.div_ceil(threads.min(shards));
        std::thread::scope(|scope| {
            for part in parts.chunks_mut(each) {
                let (shared, part_of) = (&shared, &part_of[..]);
                scope.spawn(move || run_parts(part, shared, part_of, faults, lookahead, until));
            }
        });
        let merged = parts.into_iter().map(|p| p.sim.into_world()).reduce(|mut all, part| {
            all.merge(part);
            all
        });
        Ok(merged.expect("at least two parts"))
    }
}

/// The least time across any cut arc at the highest rate that it ever has; `None` where there is none. Without a cut, no
/// part waits for another.
fn lookahead(network: &Network, cut: &[ArcId], faults: &[TimedFault]) -> Option<SimDuration> {
    let mut least = SimDuration::from_ps(u64::MAX);
    for arc in cut {
        least = least.min(network.least_crossing(*arc, faults));
    }
    (least > SimDuration::ZERO).then_some(least)
}

impl Shared {
    fn new(parts: usize, threads: usize) -> Self {
        let each = parts.div_ceil(threads);
        let boxes = || (0..parts).map(|_| (0..parts).map(|_| Mutex::default()).collect()).collect();
        let next = || (0..parts).map(|_| AtomicU64::new(0)).collect();
        Self { mail: [boxes(), boxes()], next: [next(), next()], barrier: Barrier::new(parts.div_ceil(each)) }
    }
}

/// What one thread does: its parts, window by window, until all are at the end.
fn run_parts(
    parts: &mut [Part],
    shared: &Shared,
    part_of: &[u32],
    faults: &[TimedFault],
    lookahead: SimDuration,
    until: SimTime,
) {
    let mut faults = faults.iter().peekable();
    parts.iter_mut().for_each(|part| part.announce(shared, 0, u64::MAX));
    for window in 0.. {
        shared.barrier.wait();
        // All threads compute the same window of the same figures.
        let next = shared.next[window % 2].iter().map(|at| at.load(Ordering::Acquire)).min();
        let fault = faults.peek().map_or(u64::MAX, |f| f.at.as_ps());
        let start = next.unwrap_or(u64::MAX).min(fault);
        parts.iter_mut().for_each(|part| part.receive(shared, window));
        if start > until.as_ps() || start == u64::MAX {
            return;
        }
        while let Some(fault) = faults.next_if(|f| f.at.as_ps() <= start) {
            parts.iter_mut().for_each(|p| p.sim.world_mut().change(&fault.fault, fault.at));
        }
        let fault = faults.peek().map_or(u64::MAX, |f| f.at.as_ps());
        let end = start.saturating_add(lookahead.as_ps()).min(fault);
        let last = SimTime::from_ps(end - 1).min(until);
        for part in &mut *parts {
            part.sim.run_until(last);
            let earliest = part.hand_over(shared, part_of, window + 1);
            part.announce(shared, window + 1, earliest);
        }
    }
}

impl Part {
    /// Takes in the mail for a window.
    fn receive(&mut self, shared: &Shared, window: usize) {
        for from in &shared.mail[window % 2][self.number] {
            let mut mail = from.lock().expect("no thread panicked");
            for (arc, flight) in mail.drain(..) {
                router::receive(arc, flight, &mut self.sim);
            }
        }
    }

    /// Says for a window when something happens next here or where `mail` went, in picoseconds; `u64::MAX` if nothing does.
    fn announce(&mut self, shared: &Shared, window: usize, mail: u64) {
        let here = self.sim.next_at().map_or(u64::MAX, SimTime::as_ps);
        shared.next[window % 2][self.number].store(here.min(mail), Ordering::Release);
    }

    /// Puts what leaves this part into the mail for a window; says when the first of it comes out.
    fn hand_over(&mut self, shared: &Shared, part_of: &[u32], window: usize) -> u64 {
        let Self { number, sim, leaving } = self;
        let Network { outbox, forwarding, .. } = sim.world_mut();
        let mut earliest = u64::MAX;
        for (arc, flight) in outbox.drain(..) {
            earliest = earliest.min((flight.at + forwarding.csr.delay[arc.index()]).as_ps());
            leaving[part_of[forwarding.csr.dst[arc.index()].index()] as usize].push((arc, flight));
        }
        for (to, leaving) in leaving.iter_mut().enumerate().filter(|(_, l)| !l.is_empty()) {
            let mut mail = shared.mail[window % 2][to][*number].lock().expect("no thread panicked");
            std::mem::swap(&mut *mail, leaving); // the receiver has emptied it, and its room serves again
        }
        earliest
    }
}
