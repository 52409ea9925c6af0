//! What a ranking may look at: the twin's belief, and the observed tables in a form that likelihoods can use.

use models::sensor::LoadInterval;
use models::{NodeDemand, Routing};
use twin::{Csr, FlowInfo, FlowRow, NodeId};

/// An incident to be explained.
#[derive(Clone, Debug)]
pub struct Incident<'a> {
    /// The network as the twin believes it to be.
    pub csr: &'a Csr,
    /// Its routing with nothing down.
    pub routing: &'a Routing,
    /// Demands as they are estimated now.
    pub demands: &'a [NodeDemand],
    /// The flow records.
    pub flows: &'a FlowTable,
    /// The interface counters.
    pub loads: &'a LoadResiduals,
    /// Bins in which the fault may have begun, ascending; the first bounds the stretch that is known to be quiet.
    pub onsets: &'a [u32],
}

/// Flow records by flow and bin, with running sums.
#[derive(Clone, Debug, Default)]
pub struct FlowTable {
    /// What each flow is.
    pub info: Vec<FlowInfo>,
    /// Number of bins.
    pub bins: u32,
    /// Width of a bin in seconds.
    pub bin_s: f64,
    sums: Vec<Vec<(u32, u32)>>,
    rtt_ms: Vec<Vec<f64>>,
}

impl FlowTable {
    /// Collects rows; what is not in them was not seen.
    pub fn new(info: Vec<FlowInfo>, bins: u32, bin_s: f64, rows: &[FlowRow]) -> Self {
        let mut sums = vec![vec![(0, 0); bins as usize + 1]; info.len()];
        let mut rtt_ms = vec![vec![f64::NAN; bins as usize]; info.len()];
        for row in rows.iter().filter(|r| r.bin < bins) {
            let (flow, bin) = (row.flow as usize, row.bin as usize);
            sums[flow][bin + 1] = (row.sent, row.lost);
            rtt_ms[flow][bin] = row.rtt_ms;
        }
        for flow in &mut sums {
            for bin in 1..flow.len() {
                let (sent, lost) = flow[bin - 1];
                flow[bin].0 += sent;
                flow[bin].1 += lost;
            }
        }
        Self { info, bins, bin_s, sums, rtt_ms }
    }

    /// The number of flows.
    pub fn len(&self) -> usize {
        self.info.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.info.is_empty()
    }

    /// Packets sent and lost in bins `from..to`.
    pub fn count(&self, flow: usize, from: u32, to: u32) -> Counts {
        let sums = &self.sums[flow];
        let (a, b) = (sums[from.min(self.bins) as usize], sums[to.min(self.bins) as usize]);
        Counts { sent: b.0 - a.0, lost: b.1 - a.1 }
    }

    /// A flow's median round trips in bins `from..to`, missing ones left out.
    pub fn rtts(&self, flow: usize, from: u32, to: u32) -> impl Iterator<Item = f64> {
        let to = to.min(self.bins).max(from);
        self.rtt_ms[flow][from as usize..to as usize].iter().copied().filter(|x| x.is_finite())
    }

    /// The ordered pairs that occur, in order, and the index of each flow's pair.
    pub fn pairs(&self) -> (Vec<(NodeId, NodeId)>, Vec<u32>) {
        let mut pairs: Vec<_> = self.info.iter().map(|f| (f.src, f.dst)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let of = |f: &FlowInfo| pairs.binary_search(&(f.src, f.dst)).expect("collected above") as u32;
        let index = self.info.iter().map(of).collect();
        (pairs, index)
    }
}

/// Packets of a flow in a stretch of bins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sent.
    pub sent: u32,
    /// Sent again.
    pub lost: u32,
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { sent: self.sent + other.sent, lost: self.lost + other.lost }
    }
}

/// Interface loads less what the shadow expected through the same sensor, poll by poll.
#[derive(Clone, Debug)]
pub struct LoadResiduals {
    /// Bin at whose end each poll of the window was stamped, ascending.
    pub poll_bins: Vec<u32>,
    /// `residual[poll][arc]` in bit/s; NaN where the poll is missing.
    pub residual: Vec<Vec<f64>>,
    /// Usual spread of the change of an arc's residual in half a window, in bit/s.
    pub sigma: Vec<f64>,
    /// Effective number of independent arcs over the number of arcs, 0–1: residuals share their demands.
    pub independence: f64,
    /// The interface's averaging.
    pub sensor: LoadInterval,
}
