//! Claims: what one observer's words come to, once it is known whom they mean.

use std::net::IpAddr;
use std::sync::Arc;

use twin::Diagnostic;

use super::stamp::Stamp;
use crate::observation::{Chassis, Id, IgpProtocol, LldpNeighbor, Source};

/// A node's number in the fusion; it says nothing about order.
pub(crate) type NodeId = usize;
/// A port's number in the fusion; it says nothing about order.
pub(crate) type PortId = usize;

/// Who a node is: one with words of its own, or one known only from others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NodeName {
    /// By the observer's id.
    Own(Arc<str>),
    /// By the id that others give it: an LLDP chassis id, a `router-id`, a `system-id` or a hardware address.
    External(Id),
}

/// One end of a claim: a port by its name, which need not have a number yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) node: Whom,
    pub(crate) port: Arc<str>,
}

/// Whose port is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whom {
    /// Of a node that is known by words of its own.
    Known(NodeId),
    /// Of one known only from others, by the id that they give it.
    Stranger(Box<Id>),
}

/// One observer's word that two ports are next to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim {
    /// The port that is heard, or (IGP) whose daemon speaks.
    pub(crate) from: End,
    /// The port that hears, or (IGP) the neighbour's.
    pub(crate) to: End,
    /// By what means the observer knows.
    pub(crate) source: Source,
    /// When it was last said, and what it is worth.
    pub(crate) at: Stamp,
    /// By what both ends were found.
    pub(crate) how: Arc<str>,
    /// What kind of word it is.
    pub(crate) body: Body,
}

/// The kinds of claims.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Body {
    /// `to` hears the LLDP or CDP frames of `from`; what they say.
    Heard(Arc<LldpNeighbor>),
    /// `from` has `to` as an IGP neighbour.
    Adjacent {
        /// Which protocol.
        protocol: IgpProtocol,
        /// How far it has come.
        state: Adjacency,
        /// The neighbour as the protocol names it.
        id: String,
        /// The address of its interface, if known.
        address: Option<IpAddr>,
    },
    /// `to` has resolved an address of `from` to its hardware address.
    Resolved {
        /// That address.
        ip: IpAddr,
    },
    /// The bridge port `to` learnt the hardware address of `from`.
    Learnt,
    /// The kernel says that the two are one pair.
    Paired,
    /// An inventory has a cable between the two.
    Planned,
}

/// How far an adjacency has come, as one end has it (RFC 2328 §10.1, ISO/IEC 10589 §8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Adjacency {
    /// The neighbour is heard and does not hear: Init, Initializing.
    Init,
    /// Between 2-Way and Full.
    Stuck,
    /// Carries traffic: Full, Up, or 2-Way between two that are neither DR nor BDR.
    Full,
}

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// A short word for its kind: `unmatched-neighbour`, `ambiguous-neighbour`, `no-known-peer`, `conflict`,
    /// `igp-not-full`, `mtu-mismatch`, `shared-identity`, `unknown-cost`, ….
    pub code: String,
    /// The node.
    pub node: String,
    /// The port, where it is about one.
    pub port: String,
    /// What and why, in a sentence.
    pub why: String,
}

impl Finding {
    /// As a diagnostic of its own.
    pub fn into_diagnostic(self) -> Diagnostic {
        let message = format!("{} {}: {}", self.node, self.port, self.why);
        Diagnostic { code: self.code, message, count: 1 }
    }

    pub(crate) fn new(code: &str, node: &str, port: &str, why: impl Into<String>) -> Self {
        Self { code: code.to_owned(), node: node.to_owned(), port: port.to_owned(), why: why.into() }
    }
}

impl End {
    pub(crate) fn known(node: NodeId, port: impl Into<Arc<str>>) -> Self {
        Self { node: Whom::Known(node), port: port.into() }
    }
    pub(crate) fn external(kind: &str, value: &str, port: &str) -> Self {
        let id = Id { kind: kind.to_owned(), value: value.to_owned() };
        Self { node: Whom::Stranger(Box::new(id)), port: Arc::from(port) }
    }
}

impl Claim {
    /// What the sender of LLDP or CDP frames says of itself.
    pub(crate) fn sender(&self) -> Option<&Chassis> {
        match &self.body {
            Body::Heard(heard) => Some(&heard.chassis),
            _ => None,
        }
    }

    /// Whether LLDP or CDP frames say their port by the sender's own name for it.
    pub(crate) fn is_named(&self) -> bool {
        matches!(&self.body, Body::Heard(h) if h.port.kind == "ifname" || self.source == Source::Cdp)
    }

    /// The word for the protocol in evidence.
    pub(crate) fn word(&self) -> &'static str {
        match &self.body {
            Body::Heard(_) if self.source == Source::Cdp => "cdp",
            Body::Heard(_) => "lldp",
            Body::Adjacent { protocol, .. } => protocol.word(),
            Body::Resolved { .. } => "arp",
            Body::Learnt => "fdb",
            Body::Paired => "kernel",
            Body::Planned => "inventory",
        }
    }
}
