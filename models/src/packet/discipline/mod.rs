//! Egress queues that production has: classes, early detection, shared memory, policers, shapers.
//!
//! A [`Discipline`] is the queue of one half-link where a plain FIFO is not enough. It knows neither packets nor events:
//! it holds items of any `Copy` type, and is asked two questions. [`offer`](Discipline::offer): here comes a packet, do you
//! take it? [`next`](Discipline::next): the transmitter is free, what goes out? Time, chance and the memory that it shares
//! with other queues are arguments.
//!
//! ```text
//!            ┌ policer ─ RED ─ limit ─ shared buffer ─► class 0, strict ─ shaper ┐
//! MTU, class ┼ policer ─ RED ─ limit ─ shared buffer ─► class 1, shared ─ shaper ┼ choice ─ shaper ─► wire
//!            └ …                                                                 ┘
//! ```
//!
//! Every part is a file of its own and can be used alone. A packet counts in its class and in the shared buffer until its
//! last bit has left, as in [`Fifo`](super::Fifo); a departure at exactly the instant of an arrival frees its room first.
//!
//! ```
//! use twin::{BitsPerSec, Bytes, SimDuration, SimTime};
//! use umbra_models::packet::discipline::*;
//!
//! let room = Limit::Packets(2);
//! let config = DisciplineConfig::of_classes(vec![ClassConfig::strict(room), ClassConfig::strict(room)]);
//! let rate = BitsPerSec::gbps(10);
//! let mut queue = Discipline::new(&config, rate, None).unwrap();
//!
//! let (now, size) = (SimTime::ZERO, Bytes::new(1_500));
//! for (item, class) in [('a', 1), ('b', 1), ('c', 1), ('d', 0)] {
//!     let offer = queue.offer(now, Arrival::new(item, size, class), None, || 0.5);
//!     assert_eq!(offer == Offer::Dropped(Refusal::QueueFull), item == 'c');
//! }
//! let mut now = now;
//! let mut order = String::new();
//! while let Next::Send(sent) = queue.next(now, None, |size| rate.serialization_delay(size)) {
//!     order.push(sent.item);
//!     now = sent.until;
//! }
//! assert_eq!(order, "dab");
//! assert_eq!(queue.stats(1).wait_max, SimDuration::nanos(2_400));
//! ```

mod classes;
mod config;
mod drr;
mod dscp;
mod meter;
mod mtu;
mod red;
mod shared_buffer;
mod tail_drop;
mod token_bucket;

use twin::{BitsPerSec, Bytes, InputError, SimDuration, SimTime};

pub use classes::ClassStats;
pub use config::{ClassConfig, DisciplineConfig, Scheduling};
pub use dscp::{Dscp, DscpMap, ecn_capable};
pub use meter::{Colour, MeterRates, Policer, PolicerAction, PolicerConfig};
pub use mtu::Mtu;
pub use red::{Red, RedConfig, RedCurve, Verdict};
pub use shared_buffer::{Alpha, Share, SharedBuffer, Tenant};
pub use tail_drop::{Limit, TailDrop};
pub use token_bucket::{BucketConfig, TokenBucket};

use super::QueueStats;
use classes::Classes;

/// A packet that comes to a queue.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<T> {
    /// What is given back when it goes.
    pub item: T,
    /// Its size.
    pub size: Bytes,
    /// Its class; a number beyond the last class means the last one.
    pub class: u8,
    /// Its drop precedence.
    pub colour: Colour,
    /// Whether it may be marked instead of dropped.
    pub ecn_capable: bool,
}

impl<T> Arrival<T> {
    /// A green packet whose sender does not know ECN.
    pub fn new(item: T, size: Bytes, class: u8) -> Self {
        Self { item, size, class, colour: Colour::Green, ecn_capable: false }
    }
}

/// Whether a packet was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It waits.
    Queued,
    /// It waits, and from now on says that it met congestion (CE, RFC 3168 §5).
    Marked,
    /// It is lost.
    Dropped(Refusal),
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Larger than the link's MTU.
    TooBig,
    /// Out of profile.
    Policed,
    /// Random early detection.
    Early,
    /// The class has reached its limit.
    QueueFull,
    /// The shared buffer has no more for this class.
    BufferFull,
}

impl Refusal {
    const COUNT: usize = 5;
}

/// What the transmitter does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// It sends.
    Send(Sending<T>),
    /// Packets wait, and shapers hold them back until this instant. Ask again then, or after the next offer.
    Wait(SimTime),
    /// Nothing waits. Ask again after the next offer.
    Idle,
}

/// A packet in service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending<T> {
    /// What came with it.
    pub item: T,
    /// Its size.
    pub size: Bytes,
    /// Its class.
    pub class: u8,
    /// Whether it says that it met congestion here.
    pub marked: bool,
    /// When its last bit has left. Ask for the next one then.
    pub until: SimTime,
}

/// The egress queue of one half-link. `Clone` forks it; it draws no chance of its own, and allocates nothing once its
/// classes have been as full as they get.
#[derive(Clone, Debug)]
pub struct Discipline<T> {
    classes: Classes<T>,
    shaper: Option<TokenBucket>,
    mtu: Option<Mtu>,
    in_service: Option<InService>,
}

#[derive(Clone, Copy, Debug)]
struct InService {
    class: usize,
    size: Bytes,
    until: SimTime,
}

impl<T: Copy> Discipline<T> {
    /// An empty queue in front of a link of this rate. Classes with a share join the `shared` buffer, which every later
    /// call has to be given.
    ///
    /// # Errors
    /// What [`DisciplineConfig::validate`] finds; reserves that do not fit into the shared buffer; a share without one.
    pub fn new(
        config: &DisciplineConfig,
        rate: BitsPerSec,
        shared: Option<&mut SharedBuffer>,
    ) -> Result<Self, InputError> {
        config.validate()?;
        Ok(Self {
            classes: Classes::new(&config.classes, rate, shared)?,
            shaper: config.shaper.map(TokenBucket::new),
            mtu: config.mtu,
            in_service: None,
        })
    }

    /// A packet comes. `luck`, uniform in (0, 1), is drawn at most once, and only if early detection leaves it to chance.
    /// Calls must come in order of time.
    pub fn offer(
        &mut self,
        now: SimTime,
        arrival: Arrival<T>,
        mut shared: Option<&mut SharedBuffer>,
        luck: impl FnOnce() -> f64,
    ) -> Offer {
        self.settle(now, shared.as_deref_mut());
        let class = usize::from(arrival.class).min(self.classes.len() - 1);
        let taken = match self.mtu {
            Some(mtu) if !mtu.carries(arrival.size) => Err(Refusal::TooBig),
            _ => self.classes.admit(now, class, &arrival, shared, luck),
        };
        match taken {
            Ok(false) => Offer::Queued,
            Ok(true) => Offer::Marked,
            Err(why) => {
                self.classes.refuse(class, why);
                Offer::Dropped(why)
            }
        }
    }

    /// The transmitter is free; `service` says how long a packet of a size takes it. An instant that is not the first
    /// possible one is no error: what waits goes then.
    ///
    /// # Panics
    /// While a packet is in service.
    pub fn next(
        &mut self,
        now: SimTime,
        shared: Option<&mut SharedBuffer>,
        service: impl FnOnce(Bytes) -> SimDuration,
    ) -> Next<T> {
        self.settle(now, shared);
        assert!(self.in_service.is_none(), "one packet at a time is in service");
        let (class, size) = match self.classes.choose(now) {
            Ok(chosen) => chosen,
            Err(None) => return Next::Idle,
            Err(Some(ready)) => return Next::Wait(ready),
        };
        if let Some(shaper) = &mut self.shaper {
            let ready = shaper.conforming_at(now, size);
            if ready > now {
                return Next::Wait(ready);
            }
            shaper.take(size);
        }
        let (packet, service) = self.classes.begin(now, class, service);
        let until = now + service;
        self.in_service = Some(InService { class, size, until });
        Next::Send(Sending { item: packet.item, size, class: class as u8, marked: packet.marked, until })
    }

    /// The link went down at `now`: what waits is lost, item by item, and so is what is in service, which the caller
    /// knows. Statistics, averages and token buckets stay.
    pub fn clear(&mut self, now: SimTime, mut shared: Option<&mut SharedBuffer>, lost: impl FnMut(T)) {
        if let Some(InService { class, size, until }) = self.in_service.take() {
            self.classes.release(until.min(now), class, size, shared.as_deref_mut());
        }
        self.classes.clear(now, shared, lost);
    }

    /// The link has another rate: early detection's average decays at it while the queue is empty. What is in service
    /// stays.
    pub fn set_rate(&mut self, rate: BitsPerSec) {
        self.classes.set_rate(rate);
    }

    /// Whether a packet is in service at `now`.
    pub fn busy(&self, now: SimTime) -> bool {
        self.in_service.is_some_and(|s| s.until > now)
    }

    /// The number of classes.
    pub fn class_count(&self) -> usize {
        self.classes.len()
    }

    /// What a class did so far.
    ///
    /// # Panics
    /// Beyond the last class.
    pub fn stats(&self, class: usize) -> &ClassStats {
        self.classes.stats(class)
    }

    /// What all classes did together.
    pub fn total(&self) -> QueueStats {
        let mut total = QueueStats::default();
        (0..self.class_count()).for_each(|class| total.merge(&self.stats(class).into()));
        total
    }

    /// Packets of a class that wait for their service.
    pub fn waiting(&self, class: usize) -> u64 {
        self.classes.waiting(class)
    }

    /// Bytes of a class that count against its limit: those that wait, and those in service as of the last call.
    pub fn held(&self, class: usize) -> Bytes {
        self.classes.held(class)
    }

    /// Frees the room of a packet that has left by now.
    #[inline]
    fn settle(&mut self, now: SimTime, shared: Option<&mut SharedBuffer>) {
        if let Some(InService { class, size, until }) = self.in_service
            && until <= now
        {
            self.in_service = None;
            self.classes.release(until, class, size, shared);
        }
    }
}
