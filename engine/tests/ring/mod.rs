//! A closed network of stations: each serves a packet for an exponential time and passes it on at random, so every event
//! draws, schedules, and now and then replaces its packet.

use rand::Rng;
use twin::{EntityKey, SimDuration, SimTime};
use umbra_engine::{Ctx, Digest, Event, EventKind, Model, Packet, Purpose, Seeds, Simulation, Stream, Trial};

#[derive(Clone)]
pub(crate) struct Station {
    stations: u32,
    chance: Stream,
    served: u64,
}

impl Model for Station {
    /// A fingerprint of the order in which everything happened.
    type World = u64;

    fn on_event(&mut self, event: Event, cx: &mut Ctx<'_, u64>) {
        let EventKind::Arrive { packet, half_link, generation } = event.kind else { return };
        self.served += 1;
        *cx.world = (*cx.world ^ event.at.as_ps()).wrapping_mul(0x0100_0000_01b3);
        let mut packet = cx.packets.remove(packet);
        packet.hops = packet.hops.wrapping_add(1);
        let packet = cx.packets.insert(packet);
        let next = self.chance.next_u32() % self.stations;
        let delay = SimDuration::from_ps((self.chance.exp() * 1e6) as u64);
        cx.schedule_in(delay, next, EventKind::Arrive { packet, half_link, generation });
    }
}

/// A run with eight packets at each of 16 stations, about to start.
pub(crate) fn ring(trial: u64) -> Simulation<Station> {
    let chance: Trial = Seeds::new(42).trial(trial);
    let stream = |i: u32| chance.stream(Purpose::WORLD, &EntityKey::new(format!("station:{i}")));
    let stations = (0..16).map(|i| Station { stations: 16, chance: stream(i), served: 0 }).collect();
    let mut sim = Simulation::new(stations, 0, chance);
    for i in 0..128 {
        let kind = EventKind::Timer { tag: 0, token: 0 };
        sim.schedule(SimTime::ZERO, i % 16, kind); // ignored: leaves the counters unequal
    }
    start(&mut sim);
    sim
}

fn start(sim: &mut Simulation<Station>) {
    for i in 0..128u32 {
        let packet = Packet {
            sent_at: SimTime::ZERO,
            entropy: 0,
            flow: i,
            sequence: 0,
            src: 0,
            dst: 0,
            size: 64,
            hops: 0,
            ttl: 64,
            frame: None,
        };
        let packet = sim.packets_mut().insert(packet);
        let kind = EventKind::Arrive { packet, half_link: i, generation: 0 };
        sim.schedule(SimTime::from_ps(u64::from(i / 2)), i % 16, kind);
    }
}

/// What a run has done so far.
pub(crate) fn digest(sim: &Simulation<Station>) -> String {
    let digest = Digest::new("ring").u64(*sim.world()).u64(sim.handled());
    sim.models().iter().fold(digest, |d, s| d.u64(s.served)).hex()
}
