//! What a watched packet tells of the half-link that it came over. Queues are FIFO: when it leaves one, what came there
//! before it has left.

use twin::ArcId;

/// All unseen work that has come to a half-link, as a time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    work: f64,
    /// How often the half-link went down and what it held was lost.
    outages: u32,
}

impl Count {
    pub(super) fn add(&mut self, work: f64) {
        self.work += work;
    }

    /// What was held is lost.
    pub(super) fn lose(&mut self) {
        self.outages += 1;
    }

    /// What came since another count, unless some of it was lost.
    pub(super) fn since(self, before: Self) -> Option<f64> {
        (self.outages == before.outages).then_some(self.work - before.work)
    }
}

/// How much unseen work left a half-link in how long.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) work: f64,
    pub(super) time: f64,
}

impl Sent {
    /// What was sent before a part of it.
    pub(super) fn before(self, part: Self) -> Self {
        Self { work: (self.work - part.work).max(0.0), time: self.time - part.time }
    }
}

/// The half-link before, and what the packet met there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upstream {
    pub(super) arc: ArcId,
    /// How long the packet waited. In that time the half-link sent without a break.
    pub(super) wait: f64,
    /// For how long it had done so when the packet came.
    pub(super) age: f64,
    pub(super) count: Count,
    /// The last that was sent before the packet, as far as it is known packet by packet or since the watched packet before.
    pub(super) recent: Sent,
}
