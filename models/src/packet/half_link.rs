//! One direction of a link: the queue in front of it, the wire, and its state.

use engine::{Chance, EventKey};
use twin::{BitsPerSec, Bytes, SimDuration, SimTime};

use super::background::Background;
use super::fifo::Fifo;
use super::flight::Flight;

/// An egress queue, the wire behind it, and its state. Capacity and queue belong to the sender, up and loss to the wire.
#[derive(Clone, Debug)]
pub(crate) struct HalfLink {
    pub(crate) queue: Fifo<Flight>,
    rate: BitsPerSec,
    /// Bytes that each packet occupies on the wire beyond its size.
    framing: u64,
    delay: SimDuration,
    /// The size that was sent last and its service: most traffic has few sizes.
    last_service: (u32, SimDuration),
    up: bool,
    /// Counts how often the half-link went down, modulo 2^16: an arrival that was scheduled under another generation does
    /// not happen. (It would take 65,536 flaps while one packet is on the wire to mistake it.)
    generation: u16,
    loss: f64,
    loss_chance: Chance,
    background: Option<Box<(Background, Chance)>>,
}

/// When a packet comes out of a half-link, and its place among the events of that instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) at: SimTime,
    pub(crate) key: EventKey,
}

impl HalfLink {
    pub(crate) fn new(
        limit: Bytes,
        rate: BitsPerSec,
        framing: Bytes,
        delay: SimDuration,
        loss_chance: Chance,
        background: Option<(Background, Chance)>,
    ) -> Self {
        Self {
            queue: Fifo::new(limit),
            rate,
            framing: framing.get(),
            delay,
            last_service: (u32::MAX, SimDuration::ZERO),
            up: true,
            generation: 0,
            loss: 0.0,
            loss_chance,
            background: background.map(Box::new),
        }
    }

    /// Takes a packet in and says when it comes out at the far end; `None` if the queue has no room. `item` names the
    /// packet: its luck behind the background depends on nothing else.
    #[inline(always)]
    pub(crate) fn admit(&mut self, flight: Flight, item: impl FnOnce() -> u64) -> Option<SimTime> {
        let now = flight.at;
        let size = flight.size();
        if self.last_service.0 != size {
            self.last_service = (size, self.service(Bytes::new(u64::from(size))));
        }
        let service = self.last_service.1;
        let queued = |departure| flight.at(departure);
        let departure = match &mut self.background {
            None => self.queue.push(now, size, service, queued)?,
            Some(behind) => {
                let (background, chance) = &mut **behind;
                let room = self.rate.serialization_delay(self.queue.limit());
                let work = background.work_at(now, self.rate, room, &mut chance.draws(item()));
                if work + service > room {
                    self.queue.refuse();
                    return None;
                }
                background.add(service);
                self.queue.push_behind(now, size, service, work, queued)
            }
        };
        Some(departure + self.delay)
    }

    /// When the next packet comes out.
    #[inline]
    pub(crate) fn next_exit(&self) -> Option<Exit> {
        self.queue.held().first().map(|next| Exit { at: next.at + self.delay, key: next.key() })
    }

    /// Takes out the packet that comes out now, as it stands at the far node.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Flight> {
        let flight = self.queue.pop()?;
        Some(self.out(&flight))
    }

    /// A packet of the queue as it stands at the far node.
    #[inline]
    pub(crate) fn out(&self, flight: &Flight) -> Flight {
        flight.at(flight.at + self.delay)
    }

    /// Whether an arrival that was scheduled under `generation` happens: the half-link has not been down since.
    #[inline]
    pub(crate) fn intact(&self, generation: u16) -> bool {
        self.generation == generation
    }

    /// Whether the wire loses this packet. The same packet has the same luck whatever else is sent, and a higher rate
    /// loses all that a lower one does.
    pub(crate) fn loses(&self, item: u64) -> bool {
        self.loss_chance.f64_open(item) < self.loss
    }

    #[inline]
    pub(crate) fn lossy(&self) -> bool {
        self.loss > 0.0
    }

    #[inline]
    pub(crate) fn up(&self) -> bool {
        self.up
    }

    #[inline]
    pub(crate) fn generation(&self) -> u16 {
        self.generation
    }

    /// Takes it up or down. What is queued, in service or on the wire when it goes down is lost, and given to `lost`; it
    /// comes up empty.
    pub(crate) fn set_up(&mut self, up: bool, now: SimTime, lost: impl FnMut(Flight)) {
        if self.up == up {
            return;
        }
        self.up = up;
        self.queue.clear().into_iter().for_each(lost);
        if let Some(behind) = &mut self.background {
            behind.0.clear(now);
        }
        if !up {
            self.generation = self.generation.wrapping_add(1);
        }
    }

    pub(crate) fn set_loss(&mut self, probability: f64) {
        self.loss = probability;
    }

    /// Packets that are queued already keep their departure.
    pub(crate) fn set_rate(&mut self, rate: BitsPerSec) {
        self.rate = rate;
        self.last_service.0 = u32::MAX;
    }

    #[inline]
    fn service(&self, size: Bytes) -> SimDuration {
        self.rate.serialization_delay(Bytes::new(size.get() + self.framing))
    }
}
