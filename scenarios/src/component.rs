//! What may be wrong: the components of hypotheses.

use models::failure::FailureModel;
use twin::{ArcId, Csr, LinkId, NodeId};

/// One thing that may be wrong. A hypothesis is a set of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// One direction of a link loses packets silently, at an unknown rate.
    LinkLoss(ArcId),
    /// A link is down: its packets were lost until routing converged, its traffic moved.
    LinkDown(LinkId),
    /// A node is down.
    Device(NodeId),
    /// One direction of a link has silently lost half of its capacity.
    Capacity(ArcId),
}

impl Component {
    /// Every component of a network, in a fixed order. Self-loops and one-way leftovers without arcs are not among them.
    pub fn all(csr: &Csr) -> Vec<Component> {
        let arcs = (0..csr.arc_count()).map(ArcId::new).filter(|a| csr.src[a.index()] != csr.dst[a.index()]);
        let links = (0..csr.link_count()).map(LinkId::new).filter(|l| !csr.link_arcs[l.index()].is_empty());
        let nodes = (0..csr.node_count()).map(NodeId::new);
        arcs.clone()
            .map(Self::LinkLoss)
            .chain(links.map(Self::LinkDown))
            .chain(nodes.map(Self::Device))
            .chain(arcs.map(Self::Capacity))
            .collect()
    }

    /// The class's name in tables.
    pub fn class(self) -> &'static str {
        match self {
            Self::LinkLoss(_) => "link_loss",
            Self::LinkDown(_) => "link_down",
            Self::Device(_) => "device",
            Self::Capacity(_) => "capacity",
        }
    }

    /// The names of its ends: an arc from a to b, a link's first arc, or a node and nothing.
    pub fn ends(self, csr: &Csr) -> (String, Option<String>) {
        let arc_ends = |arc: ArcId| {
            let name = |n: NodeId| csr.node_names[n.index()].clone();
            (name(csr.src[arc.index()]), Some(name(csr.dst[arc.index()])))
        };
        match self {
            Self::LinkLoss(arc) | Self::Capacity(arc) => arc_ends(arc),
            Self::LinkDown(link) => arc_ends(csr.link_arcs[link.index()][0]),
            Self::Device(node) => (csr.node_names[node.index()].clone(), None),
        }
    }

    /// The element as people write it: `a -> b` for one direction, `a - b` for a link, the name of a node; with the link's
    /// name where links are parallel.
    pub fn element(self, csr: &Csr) -> String {
        match self {
            Self::LinkLoss(arc) | Self::Capacity(arc) => csr.arc_name(arc),
            Self::LinkDown(link) => csr.arc_name(csr.link_arcs[link.index()][0]).replacen(" -> ", " - ", 1),
            Self::Device(node) => csr.node_names[node.index()].clone(),
        }
    }

    /// The link that this is about, if it is about one: classes of one link exclude one another.
    pub fn link(self, csr: &Csr) -> Option<LinkId> {
        match self {
            Self::LinkLoss(arc) | Self::Capacity(arc) => Some(csr.link[arc.index()]),
            Self::LinkDown(link) => Some(link),
            Self::Device(_) => None,
        }
    }

    /// Probability that this began within `hours`, by a failure model.
    pub fn prior(self, model: &FailureModel, hours: f64) -> f64 {
        let rate = match self {
            Self::LinkLoss(_) => model.gray_loss_per_h,
            Self::LinkDown(_) => model.link_down_per_h,
            Self::Device(_) => model.node_down_per_h,
            Self::Capacity(_) => model.capacity_loss_per_h,
        };
        1.0 - libm::exp(-rate * hours)
    }
}
