//! A network's condition: what a change does to it.

use models::{Failures, Routing};
use twin::{ArcId, Csr, LinkId, NodeId};

/// What a queue holds where nothing else is known: the time in seconds that it takes to send it at line rate. Routers
/// ship with tens of milliseconds (Appenzeller, Keslassy, McKeown, *Sizing router buffers*, SIGCOMM 2004).
pub const BUFFER_S: f64 = 0.05;

/// One thing that is different.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// A half-link loses this share of the packets, whatever its load.
    Loss(ArcId, f64),
    /// A link is down both ways.
    Down(LinkId),
    /// A link has another metric, both ways.
    Metric(LinkId, u32),
    /// A half-link sends at this share of its line rate; its buffer is multiplied by the second number.
    Rate(ArcId, f64, f64),
    /// A half-link's buffer is multiplied by this.
    Buffer(ArcId, f64),
    /// A node sends all that it has for a destination to one of its equal next hops: the one at this point of the range of
    /// its hash, from 0 to 1.
    Hash(NodeId, f64),
}

/// One half-link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HalfLink {
    /// What it sends, in bit/s.
    pub rate: f64,
    /// What its queue holds, in bits.
    pub buffer: f64,
    /// The share of packets that it loses whatever its load.
    pub loss: f64,
}

/// The condition of a network whose routing has converged.
#[derive(Clone, Debug)]
pub struct State {
    /// Shortest paths.
    pub routing: Routing,
    /// What is down.
    pub down: Failures,
    /// By half-link.
    pub arcs: Vec<HalfLink>,
    /// The node whose hash has lost its entropy, and where in its range all flows fall.
    pub hash: Option<(NodeId, f64)>,
}

impl State {
    /// Nothing is wrong. `buffer_s` is what each queue holds, in seconds at line rate.
    pub fn healthy(csr: &Csr, routing: Routing, buffer_s: f64) -> Self {
        let half_link = |rate: f64| HalfLink { rate, buffer: rate * buffer_s, loss: 0.0 };
        Self {
            routing,
            down: Failures::none(csr),
            arcs: csr.capacity.iter().map(|c| half_link(c.as_f64())).collect(),
            hash: None,
        }
    }

    /// The same with one change, converged.
    #[must_use]
    pub fn with(&self, csr: &Csr, change: Change) -> Self {
        let mut state = self.clone();
        match change {
            Change::Loss(arc, share) => state.arcs[arc.index()].loss = share,
            Change::Down(link) => {
                state.down = state.down.with_link(link);
                state.routing = self.routing.after(csr, &state.down);
            }
            Change::Metric(link, metric) => {
                state.routing = rerouted(&self.routing, csr, &self.down, link, metric)
            }
            Change::Rate(arc, share, buffer) => {
                state.arcs[arc.index()].rate *= share;
                state.arcs[arc.index()].buffer *= buffer;
            }
            Change::Buffer(arc, share) => state.arcs[arc.index()].buffer *= share,
            Change::Hash(node, point) => state.hash = Some((node, point)),
        }
        state
    }
}

impl Change {
    /// The link that is down until routing has converged.
    pub fn cut(self) -> Option<LinkId> {
        match self {
            Self::Down(link) => Some(link),
            _ => None,
        }
    }
}

/// The routing with another metric of one link.
pub(super) fn rerouted(routing: &Routing, csr: &Csr, down: &Failures, link: LinkId, metric: u32) -> Routing {
    let mut changed = csr.clone();
    let arcs = &csr.link_arcs[link.index()];
    arcs.iter().for_each(|a| changed.metric[a.index()] = metric);
    routing.after_metric(&changed, down, arcs)
}
