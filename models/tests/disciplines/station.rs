//! A queue and its transmitter, driven by hand.

use engine::{Purpose, Seeds, Stream};
use twin::{BitsPerSec, Bytes, EntityKey, SimDuration, SimTime};
use umbra_models::packet::discipline::{
    Arrival, Discipline, DisciplineConfig, Next, Offer, Sending, SharedBuffer,
};

/// One bit in a picosecond, so that a byte takes 8.
pub(crate) const RATE: BitsPerSec = BitsPerSec::gbps(1_000);

/// A stream of chance by name.
pub(crate) fn stream(name: &'static str) -> Stream {
    Seeds::new(11).trial(0).stream(Purpose::new(name), &EntityKey::new("queue"))
}

pub(crate) fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    let error = got / expected - 1.0;
    assert!(error.abs() < tolerance, "{what}: {got} for {expected} ({:+.2} %)", error * 100.0);
}

/// A transmitter behind a discipline. At an instant, departures come before arrivals.
#[derive(Clone)]
pub(crate) struct Station<T, S = fn(Bytes) -> SimDuration> {
    pub(crate) queue: Discipline<T>,
    /// When it has to be asked: the end of service, or of being held back.
    ask: Option<SimTime>,
    /// How long a packet of a size takes.
    service: S,
}

impl<T: Copy> Station<T> {
    /// Sends at [`RATE`].
    pub(crate) fn new(config: &DisciplineConfig, shared: Option<&mut SharedBuffer>) -> Self {
        Self::with_service(config, shared, |size| RATE.serialization_delay(size))
    }
}

impl<T: Copy, S: FnMut(Bytes) -> SimDuration> Station<T, S> {
    pub(crate) fn with_service(
        config: &DisciplineConfig,
        shared: Option<&mut SharedBuffer>,
        service: S,
    ) -> Self {
        let queue = Discipline::new(config, RATE, shared).unwrap_or_else(|e| panic!("{e}"));
        Self { queue, ask: None, service }
    }

    /// Sends what goes up to and including `now`.
    pub(crate) fn run(
        &mut self,
        now: SimTime,
        mut shared: Option<&mut SharedBuffer>,
        mut sent: impl FnMut(&Discipline<T>, SimTime, Sending<T>),
    ) {
        while let Some(at) = self.ask.filter(|at| *at <= now) {
            self.turn(at, shared.as_deref_mut(), &mut sent);
        }
    }

    /// Offers a packet after what goes by then, and lets a free transmitter take it.
    pub(crate) fn offer(
        &mut self,
        now: SimTime,
        arrival: Arrival<T>,
        mut shared: Option<&mut SharedBuffer>,
        luck: impl FnOnce() -> f64,
        mut sent: impl FnMut(&Discipline<T>, SimTime, Sending<T>),
    ) -> Offer {
        self.run(now, shared.as_deref_mut(), &mut sent);
        let offer = self.queue.offer(now, arrival, shared.as_deref_mut(), luck);
        if !self.queue.busy(now) {
            self.turn(now, shared, &mut sent);
        }
        offer
    }

    pub(crate) fn clear(&mut self, now: SimTime, shared: Option<&mut SharedBuffer>, lost: impl FnMut(T)) {
        self.queue.clear(now, shared, lost);
        self.ask = None;
    }

    fn turn(
        &mut self,
        now: SimTime,
        shared: Option<&mut SharedBuffer>,
        sent: &mut impl FnMut(&Discipline<T>, SimTime, Sending<T>),
    ) {
        self.ask = match self.queue.next(now, shared, &mut self.service) {
            Next::Idle => None,
            Next::Wait(until) => {
                assert!(until > now, "held back until an instant to come");
                Some(until)
            }
            Next::Send(sending) => {
                sent(&self.queue, now, sending);
                Some(sending.until)
            }
        };
    }
}
