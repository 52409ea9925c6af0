//! Claims: what one observer's words come to, once it is known whom they mean.

use std::net::IpAddr;
use std::sync::Arc;

use twin::{Diagnostic, NodeKind};

use super::stamp::Stamp;
use crate::observation::{Id, IgpProtocol, Source};

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

/// One end of a claim, before it has a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct End {
    pub(crate) node: NodeName,
    pub(crate) port: Arc<str>,
}

/// One observer's word that two ports are next to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim<E> {
    /// The port that is heard, or (IGP) whose daemon speaks.
    pub(crate) from: E,
    /// The port that hears, or (IGP) the neighbour's.
    pub(crate) to: E,
    /// By what means the observer knows.
    pub(crate) source: Source,
    /// When it was last said, and what it is worth.
    pub(crate) at: Stamp,
    /// By what both ends were found.
    pub(crate) how: String,
    /// What kind of word it is.
    pub(crate) body: Body,
}

/// The kinds of claims.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Body {
    /// `to` hears the LLDP or CDP frames of `from`; what they say of the sender.
    Heard {
        /// Its chassis id.
        chassis: Id,
        /// Its system name.
        name: Option<String>,
        /// What it says it does.
        role: NodeKind,
        /// Whether it says that it bridges.
        bridge: bool,
        /// Whether the port is said by the sender's own name for it.
        named: bool,
    },
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
    pub(crate) fn own(node: &Arc<str>, port: &str) -> Self {
        Self { node: NodeName::Own(node.clone()), port: Arc::from(port) }
    }
    pub(crate) fn external(kind: &str, value: &str, port: &str) -> Self {
        let id = Id { kind: kind.to_owned(), value: value.to_owned() };
        Self { node: NodeName::External(id), port: Arc::from(port) }
    }
}

impl<E> Claim<E> {
    /// The same claim with other ends.
    pub(crate) fn between<F>(self, from: F, to: F) -> Claim<F> {
        let Self { source, at, how, body, .. } = self;
        Claim { from, to, source, at, how, body }
    }

    /// The word for the protocol in evidence.
    pub(crate) fn word(&self) -> &'static str {
        match &self.body {
            Body::Heard { .. } if self.source == Source::Cdp => "cdp",
            Body::Heard { .. } => "lldp",
            Body::Adjacent { protocol, .. } => protocol.word(),
            Body::Resolved { .. } => "arp",
            Body::Learnt => "fdb",
            Body::Paired => "kernel",
            Body::Planned => "inventory",
        }
    }
}
