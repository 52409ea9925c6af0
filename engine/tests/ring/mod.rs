//! A closed network of stations: each serves a packet for an exponential time and passes it on at random, so every event
//! draws, schedules, and replaces its packet in an arena.

use rand::Rng;
use twin::{EntityKey, SimDuration, SimTime};
use umbra_engine::{
    Ctx, Digest, Event, EventKind, Model, PacketArena, PacketId, Purpose, Seeds, Simulation, Stream, Trial,
};

#[derive(Clone)]
pub(crate) struct Station {
    stations: u32,
    chance: Stream,
    served: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Hall {
    /// Of the order in which everything happened.
    fingerprint: u64,
    /// Packets, as the number of stations that each has seen.
    packets: PacketArena<u64>,
}

impl Model for Station {
    type World = Hall;

    fn on_event(&mut self, event: Event, cx: &mut Ctx<'_, Hall>) {
        let EventKind::Arrive { half_link, generation } = event.kind else { return };
        self.served += 1;
        let hall = &mut *cx.world;
        let seen = hall.packets.remove(PacketId::from_bits(half_link)) + 1;
        hall.fingerprint = (hall.fingerprint ^ event.at.as_ps() ^ seen).wrapping_mul(0x0100_0000_01b3);
        let half_link = hall.packets.insert(seen).get();
        let next = self.chance.next_u32() % self.stations;
        let delay = SimDuration::from_ps((self.chance.exp() * 1e6) as u64);
        cx.schedule_in(delay, next, EventKind::Arrive { half_link, generation });
    }
}

/// A run with eight packets at each of 16 stations, about to start.
pub(crate) fn ring(trial: u64) -> Simulation<Station> {
    let chance: Trial = Seeds::new(42).trial(trial);
    let stream = |i: u32| chance.stream(Purpose::WORLD, &EntityKey::new(format!("station:{i}")));
    let stations = (0..16).map(|i| Station { stations: 16, chance: stream(i), served: 0 }).collect();
    let mut sim = Simulation::new(stations, Hall::default(), chance);
    for i in 0..128 {
        let kind = EventKind::Timer { tag: 0, token: 0 };
        sim.schedule(SimTime::ZERO, i % 16, kind); // ignored: leaves the counters unequal
    }
    start(&mut sim);
    sim
}

fn start(sim: &mut Simulation<Station>) {
    for i in 0..128u32 {
        let half_link = sim.world_mut().packets.insert(0).get();
        let kind = EventKind::Arrive { half_link, generation: 0 };
        sim.schedule(SimTime::from_ps(u64::from(i / 2)), i % 16, kind);
    }
}

/// What a run has done so far.
pub(crate) fn digest(sim: &Simulation<Station>) -> String {
    let digest = Digest::new("ring").u64(sim.world().fingerprint).u64(sim.handled());
    sim.models().iter().fold(digest, |d, s| d.u64(s.served)).hex()
}
