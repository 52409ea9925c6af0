//! One direction of a link with the queue in front of it.

use engine::Chance;
use twin::{BitsPerSec, Bytes, SimDuration, SimTime};

use super::background::{Background, Reaches, Upstream};
use super::fifo::Fifo;

/// An egress queue, the wire behind it, and its state. Capacity and queue belong to the sender, up and loss to the wire.
#[derive(Clone, Debug)]
pub(crate) struct HalfLink {
    pub(crate) queue: Fifo,
    rate: BitsPerSec,
    /// Bytes that each packet occupies on the wire beyond its size.
    framing: Bytes,
    delay: SimDuration,
    up: bool,
    /// Counts how often the half-link went down, modulo 2^16: a packet that entered under another generation is lost.
    /// (It would take 65,536 flaps while one packet is on the wire to mistake it.)
    generation: u16,
    loss: f64,
    loss_chance: Chance,
    background: Option<(Background, Chance)>,
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
        let queue = Fifo::new(limit);
        Self { queue, rate, framing, delay, up: true, generation: 0, loss: 0.0, loss_chance, background }
    }

    /// Takes a packet in and says when it comes out at the far end; `None` if the queue has no room. `over` is the
    /// half-link that it comes over. `item` names the packet: its luck behind the background depends on nothing else.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        now: SimTime,
        size: Bytes,
        over: Option<Upstream>,
        item: impl FnOnce() -> u64,
    ) -> Option<SimTime> {
        let service = self.rate.serialization_delay(Bytes::new(size.get() + self.framing.get()));
        let departure = match &mut self.background {
            None => self.queue.offer(now, size, service)?,
            Some((background, chance)) => {
                let room = self.rate.serialization_delay(self.queue.limit());
                let work = background.work_at(
                    Reaches { at: now, over, service },
                    self.rate,
                    room,
                    &mut chance.draws(item()),
                );
                if work + service > room {
                    self.queue.refuse();
                    return None;
                }
                background.add(service);
                self.queue.offer_behind(now, size, service, work)
            }
        };
        Some(departure + self.delay)
    }

    /// What the next half-link has to know of this one, if there is background.
    pub(crate) fn upstream(&self) -> Option<Upstream> {
        self.background.as_ref().map(|(background, _)| background.upstream())
    }

    /// Whether a packet that entered under `generation` comes out: the half-link has not been down since.
    pub(crate) fn intact(&self, generation: u16) -> bool {
        self.generation == generation
    }

    /// Whether the wire loses this packet. The same packet has the same luck whatever else is sent, and a higher rate
    /// loses all that a lower one does.
    pub(crate) fn loses(&self, item: u64) -> bool {
        self.loss_chance.f64_open(item) < self.loss
    }

    pub(crate) fn lossy(&self) -> bool {
        self.loss > 0.0
    }

    pub(crate) fn up(&self) -> bool {
        self.up
    }

    pub(crate) fn generation(&self) -> u16 {
        self.generation
    }

    /// Takes it up or down. What is queued, in service or on the wire when it goes down is lost; it comes up empty.
    pub(crate) fn set_up(&mut self, up: bool, now: SimTime) {
        if self.up == up {
            return;
        }
        self.up = up;
        self.queue.clear();
        if let Some((background, _)) = &mut self.background {
            background.clear(now);
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
    }
}
