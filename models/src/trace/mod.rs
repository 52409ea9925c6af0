//! The way of a packet through the twin, hop by hop, and what becomes of it.
//!
//! A trace follows the forwarding tables of the twin: at each node the longest match, for each of its next hops the
//! neighbour behind the port that has the gateway's address. Where a node has no table it goes on by the shortest paths
//! of the IGP, as packet runs do. All ways are listed, or the one way of a flow, by the hash that packet runs use.
//!
//! What becomes of a packet is said in Batfish's words ([`Disposition`]).

mod links;
#[cfg(test)]
mod tests;
mod walk;

use std::net::IpAddr;

use ipnet::IpNet;
use twin::{EntityKey, RouteAction};

use crate::packet::IpHeader;

pub use links::{Links, Station};
pub use walk::Tracer;

/// What becomes of a packet, in the words of Batfish's `FlowDisposition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    /// A node has the destination address.
    Accepted,
    /// It goes out to the subnet that holds the destination, where no known node has it.
    DeliveredToSubnet,
    /// It goes to something that the twin does not hold.
    ExitsNetwork,
    /// No route.
    NoRoute,
    /// A route that discards: black hole, unreachable, prohibit.
    NullRouted,
    /// The next hop cannot be reached over the port: no carrier, cable down, or nobody there has its address.
    NeighborUnreachable,
    /// It comes back to a node that it has passed.
    Loop,
    /// The twin does not say where it goes.
    InsufficientInfo,
}

impl Disposition {
    /// The word, as Batfish writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::DeliveredToSubnet => "DELIVERED_TO_SUBNET",
            Self::ExitsNetwork => "EXITS_NETWORK",
            Self::NoRoute => "NO_ROUTE",
            Self::NullRouted => "NULL_ROUTED",
            Self::NeighborUnreachable => "NEIGHBOR_UNREACHABLE",
            Self::Loop => "LOOP",
            Self::InsufficientInfo => "INSUFFICIENT_INFO",
        }
    }

    /// Whether the packet got where it was sent, as far as the twin can tell.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Accepted | Self::DeliveredToSubnet | Self::ExitsNetwork)
    }
}

/// Where a packet is going.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its destination address; without one only the IGP can tell the way.
    pub address: Option<IpAddr>,
    /// The node that has the address, or has it in a subnet of its own.
    pub node: Option<EntityKey>,
}

/// Where a packet begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A node makes it.
    At(EntityKey),
    /// It comes in on a port.
    On(EntityKey),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Where it begins.
    pub start: Start,
    /// Where it is going.
    pub target: Target,
    /// The header of one flow, to follow its way alone; without it all ways are listed.
    pub flow: Option<IpHeader>,
}

/// Why a node does with a packet what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The destination is an address of the node's own.
    Own,
    /// The longest match in its table.
    Route(IpNet, RouteAction),
    /// Nothing in its table holds the destination.
    NoMatch,
    /// It has no table: by shortest path, with the distance to the destination's node.
    Igp(u64),
    /// It has no table, and the IGP does not say.
    NoTable,
}

/// One node on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Which.
    pub node: EntityKey,
    /// The port it came in on; absent where it begins.
    pub received_on: Option<EntityKey>,
    /// What the node found for the destination; absent where the way ends by coming back.
    pub lookup: Option<Lookup>,
    /// The gateway of the next hop; absent where it is the destination itself or the packet ends here.
    pub gateway: Option<IpAddr>,
    /// The port it went out of.
    pub sent_on: Option<EntityKey>,
    /// Switches and bridges on the way to the next hop, in order.
    pub through: Vec<EntityKey>,
}

impl Hop {
    fn at(node: EntityKey, received_on: Option<EntityKey>) -> Self {
        Self { node, received_on, lookup: None, gateway: None, sent_on: None, through: Vec::new() }
    }

    /// Whether the way goes on from here by the shortest paths of the IGP.
    pub fn by_igp(&self) -> bool {
        matches!(self.lookup, Some(Lookup::Igp(_)))
    }
}

/// One way.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The nodes, in order; the way ends at the last.
    pub hops: Vec<Hop>,
    /// What becomes of the packet.
    pub disposition: Disposition,
    /// Why, in words.
    pub why: String,
    /// The share of flows that take this way if each node splits equally over its next hops; 1 for a flow.
    pub share: f64,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traces {
    /// The ways, in the order of next hops.
    pub ways: Vec<Trace>,
    /// The share of flows on ways that were left out, beyond [`Tracer::WAYS_MAX`].
    pub left_out: f64,
    /// Whether a node without a table was passed by the shortest paths of the IGP.
    pub by_igp: bool,
}
