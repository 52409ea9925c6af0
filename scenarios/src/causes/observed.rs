//! What a collector has of an incident: polled counters, probes, sampled flows. Nothing else is known of it.

use twin::NodeId;

/// An incident as it was observed. Time is cut into bins of [`bin_s`](Self::bin_s) seconds; a poll covers
/// [`poll_bins`](Self::poll_bins) of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Wall-clock time of the first bin's beginning, in ns.
    pub start_ns: i64,
    /// Seconds of a bin.
    pub bin_s: f64,
    /// How many bins there are.
    pub bins: usize,
    /// Bins of a poll.
    pub poll_bins: usize,
    /// By poll and arc, in bit/s: mean load since the poll before; NaN where the poll is missing.
    pub load: Vec<Vec<f64>>,
    /// By poll and arc: packets discarded at the queue since the poll before; NaN where the poll is missing.
    pub discards: Vec<Vec<f64>>,
    /// Probed pairs.
    pub probes: Vec<Probed>,
    /// Pairs whose flows are sampled.
    pub flows: Vec<Sampled>,
}

/// The probes between two nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Probed {
    /// Where they begin.
    pub src: NodeId,
    /// Where they turn back.
    pub dst: NodeId,
    /// By bin.
    pub bins: Vec<ProbeBin>,
}

/// What a bin's probes met.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeBin {
    /// Probes sent.
    pub sent: u32,
    /// Probes that did not come back.
    pub lost: u32,
    /// Median round trip in ms; NaN if none came back.
    pub p50_ms: f64,
    /// 95th percentile of the round trips in ms; NaN if none came back.
    pub p95_ms: f64,
}

/// The sampled flows between two nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// Where they enter.
    pub src: NodeId,
    /// Where they leave.
    pub dst: NodeId,
    /// By poll.
    pub polls: Vec<SampledPoll>,
}

/// What was sampled of a pair's flows between two polls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SampledPoll {
    /// Their rate in bit/s, scaled up.
    pub bps: f64,
    /// Packets sampled.
    pub packets: u32,
    /// Of these, packets sent again later.
    pub retransmitted: u32,
}

impl Observed {
    /// Polls.
    pub fn polls(&self) -> usize {
        self.load.len()
    }

    /// Seconds of a poll.
    pub fn poll_s(&self) -> f64 {
        self.bin_s * self.poll_bins as f64
    }
}
