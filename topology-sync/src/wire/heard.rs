//! What came of one frame.

use std::time::Duration;

use twin::{MacAddr, WallTime};

use super::Tally;
use super::cursor::Parsed;
use crate::observation::{Fact, FactKey, Observation, Observer, Source};

/// Where and when a frame was heard, and what came of it.
pub(super) struct Heard<'a> {
    pub(super) at: WallTime,
    /// The medium that it passed on.
    pub(super) wire: Observer,
    /// The capture as a whole: a link-state database is the same on all its wires.
    pub(super) capture: &'a Observer,
    /// The sender's hardware address.
    pub(super) mac: Option<MacAddr>,
    pub(super) observations: Vec<Observation>,
    pub(super) tally: &'a mut Tally,
}

impl Heard<'_> {
    /// A word about something on this wire.
    pub(super) fn on_wire(&mut self, source: Source, fact: Fact, lifetime: Duration) {
        self.observations.push(Observation::lives(&self.wire, source, self.at, fact, lifetime));
    }

    /// Something on this wire is over.
    pub(super) fn off_wire(&mut self, source: Source, key: FactKey) {
        self.observations.push(Observation::not(&self.wire, source, self.at, key));
    }

    /// A word that holds for the whole capture; without a lifetime it does not age.
    pub(super) fn everywhere(&mut self, source: Source, fact: Fact, lifetime: Option<Duration>) {
        self.observations.push(match lifetime {
            Some(lifetime) => Observation::lives(self.capture, source, self.at, fact, lifetime),
            None => Observation::is(self.capture, source, self.at, fact),
        });
    }

    /// Something that held for the whole capture is over.
    pub(super) fn nowhere(&mut self, source: Source, key: FactKey) {
        self.observations.push(Observation::not(self.capture, source, self.at, key));
    }

    pub(super) fn count(&mut self, what: &'static str) {
        self.tally.count(what);
    }

    /// The value, or `None` after the fault was counted under `code`.
    pub(super) fn whole<T>(&mut self, code: &'static str, parsed: Parsed<T>) -> Option<T> {
        parsed.map_err(|why| self.tally.broken(code, self.wire.id(), self.at, why)).ok()
    }
}

/// A lifetime of whole seconds.
pub(super) fn seconds(n: impl Into<u64>) -> Duration {
    Duration::from_secs(n.into())
}
