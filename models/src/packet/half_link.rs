//! One direction of a link: the queue in front of it, the wire, and its state.

use engine::{Chance, EventKey};
use twin::{BitsPerSec, Bytes, SimDuration, SimTime};

use super::background::{Background, Reaches, Upstream};
use super::discipline::SharedBuffer;
use super::egress::{Egress, Turn};
use super::fifo::Fifo;
use super::flight::Flight;
use super::queue_stats::{QueueStats, WaitHistogram};

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
    /// Another part of the network is at its far end: what was admitted is handed over to it.
    remote: bool,
    /// Counts how often the half-link went down, modulo 2^16: an arrival that was scheduled under another generation does
    /// not happen. (It would take 65,536 flaps while one packet is on the wire to mistake it.)
    generation: u16,
    loss: f64,
    loss_chance: Chance,
    background: Option<Box<(Background, Chance)>>,
    /// What is in charge of packets instead of the queue, which then carries what is in service or on the wire alone.
    pub(crate) egress: Option<Box<Egress>>,
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
        egress: Option<Box<Egress>>,
    ) -> Self {
        Self {
            queue: Fifo::new(limit),
            rate,
            framing: framing.get(),
            delay,
            last_service: (u32::MAX, SimDuration::ZERO),
            up: true,
            remote: false,
            generation: 0,
            loss: 0.0,
            loss_chance,
            background: background.map(Box::new),
            egress,
        }
    }

    /// Takes a packet in where there is no background, and says when it comes out at the far end; `None` if the queue has
    /// no room.
    #[inline(always)]
    pub(crate) fn admit(&mut self, flight: Flight) -> Option<SimTime> {
        debug_assert!(self.background.is_none(), "unseen packets share this queue");
        let size = flight.size();
        let service = self.service_of(size);
        let departure = self.queue.push(flight.at, size, service, |departure| flight.at(departure))?;
        Some(departure + self.delay)
    }

    /// The same behind unseen packets. `over` is the half-link that the packet comes over. `item` names the packet: its
    /// luck depends on nothing else.
    pub(crate) fn admit_behind(
        &mut self,
        flight: Flight,
        over: Option<Upstream>,
        item: u64,
    ) -> Option<SimTime> {
        let size = flight.size();
        let service = self.service_of(size);
        let room = self.rate.serialization_delay(self.queue.limit());
        let (background, chance) = self.background.as_deref_mut().expect("a half-link with background");
        let packet = Reaches { at: flight.at, over, service };
        let work = background.work_at(packet, self.rate, room, &mut chance.draws(item));
        if work + service > room {
            self.queue.refuse();
            return None;
        }
        let queued = |departure| flight.at(departure);
        let out = self.queue.push_behind(flight.at, size, service, work, queued) + self.delay;
        background.add(work, service, out);
        Some(out)
    }

    /// Whether unseen packets share the queue.
    #[inline]
    pub(crate) fn has_background(&self) -> bool {
        self.background.is_some()
    }

    /// What the packet that comes out `now` has met here, if there is background.
    pub(crate) fn upstream(&mut self, now: SimTime) -> Option<Upstream> {
        self.background.as_deref_mut().and_then(|(background, _)| background.upstream(now))
    }

    #[inline]
    pub(crate) fn remote(&self) -> bool {
        self.remote
    }

    /// Whether its far end is another part's. Nothing may be on it.
    pub(crate) fn set_remote(&mut self, remote: bool) {
        self.remote = remote;
    }

    /// The packet that was admitted last, for the part at the far end. What has left the queue is not kept here.
    pub(crate) fn hand_over(&mut self, now: SimTime) -> Flight {
        self.queue.forget_left(now);
        *self.queue.held().last().expect("a packet was admitted, and has not left yet")
    }

    /// Takes a packet that another part admitted onto the wire; says when it comes out if it is alone there.
    pub(crate) fn carry(&mut self, flight: Flight) -> Option<Exit> {
        let alone = self.queue.len() == 0;
        self.queue.carry(flight);
        alone.then(|| Exit { at: flight.at + self.delay, key: flight.key() })
    }

    /// Asks the discipline what goes out now. Gives the size of what does, and what has to be planned.
    pub(crate) fn turn(&mut self, now: SimTime, shared: Option<&mut SharedBuffer>) -> (Option<u32>, Turn) {
        let egress = self.egress.as_deref_mut().expect("a half-link with a discipline");
        let (sent, ask) = egress.next(now, shared, self.rate, self.framing);
        let Some(flight) = sent else { return (None, Turn { exit: None, ask }) };
        let exit = self.carry(flight);
        (Some(flight.size()), Turn { exit, ask })
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
    pub(crate) fn set_up(
        &mut self,
        up: bool,
        now: SimTime,
        shared: Option<&mut SharedBuffer>,
        mut lost: impl FnMut(Flight),
    ) {
        if self.up == up {
            return;
        }
        self.up = up;
        let cleared = self.queue.clear();
        if !self.remote {
            cleared.into_iter().for_each(&mut lost); // else the part at the far end has them
        }
        if let Some(egress) = &mut self.egress {
            egress.clear(now, shared, lost);
        }
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

    /// Packets that are queued already keep their departure; behind a discipline, only the one in service.
    pub(crate) fn set_rate(&mut self, rate: BitsPerSec) {
        self.rate = rate;
        self.last_service.0 = u32::MAX;
        if let Some(egress) = &mut self.egress {
            egress.set_rate(rate);
        }
    }

    /// Packets in the queue and on the wire.
    pub(crate) fn held(&self) -> u64 {
        self.queue.len() as u64 + self.egress.as_ref().map_or(0, |e| e.waiting())
    }

    /// What the queue did so far, all classes together.
    pub(crate) fn stats(&self) -> QueueStats {
        self.egress.as_ref().map_or(*self.queue.stats(), |e| e.queue().total())
    }

    /// How often packets waited how long before their service, all classes together.
    pub(crate) fn waits(&self) -> WaitHistogram {
        let Some(egress) = &self.egress else { return *self.queue.waits() };
        let queue = egress.queue();
        (0..queue.class_count()).fold(WaitHistogram::default(), |mut all, class| {
            all.merge(&queue.stats(class).waits);
            all
        })
    }

    /// How long a packet of so many bytes takes to send.
    #[inline(always)]
    fn service_of(&mut self, size: u32) -> SimDuration {
        if self.last_service.0 != size {
            self.last_service = (size, self.service(Bytes::new(u64::from(size))));
        }
        self.last_service.1
    }

    #[inline]
    fn service(&self, size: Bytes) -> SimDuration {
        self.rate.serialization_delay(Bytes::new(size.get() + self.framing))
    }
}
