//! Layers: views of the same entities as directed graphs.

use std::borrow::Cow;
use std::sync::Arc;

use petgraph::stable_graph::StableDiGraph;
use serde::{Deserialize, Serialize};

use crate::{BitsPerSec, EntityKey, Freshness, SimDuration, WallTime};

/// A layer of the network. Layers may disagree in normal operation (carrier up, adjacency down); that is a finding, not
/// a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// What is plugged where.
    Cable,
    /// Light or voltage on the line.
    Carrier,
    /// Who hears whose LLDP frames (IEEE 802.1AB).
    Lldp,
    /// OSPF or IS-IS adjacency.
    Igp,
    /// BGP sessions.
    Bgp,
    /// Forwarding next hops.
    Forwarding,
}

impl Layer {
    /// Every layer, from the cable up.
    pub const ALL: [Layer; 6] =
        [Layer::Cable, Layer::Carrier, Layer::Lldp, Layer::Igp, Layer::Bgp, Layer::Forwarding];
}

/// Which half-link: one direction of one adjacency on one layer, from port to port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HalfLinkKey {
    /// The layer it belongs to.
    pub layer: Layer,
    /// The sending port.
    pub from: EntityKey,
    /// The receiving port.
    pub to: EntityKey,
}

/// One direction of an adjacency, with its own evidence, cost, capacity, delay and freshness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HalfLink {
    /// Its place in the order of the source: the arc number.
    pub ordinal: u32,
    /// The cable under it, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cable: Option<EntityKey>,
    /// Routing metric; on layers without one, 1.
    pub metric: u32,
    /// Line rate.
    pub capacity: BitsPerSec,
    /// Propagation delay.
    pub delay: SimDuration,
    /// State in the words of the layer's protocol (`up`, `full`, `init`, …); of a cable that only an inventory knows
    /// `planned`.
    pub state: Cow<'static, str>,
    /// Who says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// How recently it was heard of; absent where nobody listens: links of network files and of operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
}

impl HalfLink {
    /// Whether nothing passes, as far as is known: it is down, or an inventory plans it and nothing shows it.
    pub fn is_dark(&self) -> bool {
        matches!(&*self.state, "down" | "planned")
    }
}

/// One source's word for a half-link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// `lldp`, `ospf`, `file`, …
    pub source: Cow<'static, str>,
    /// What it said, and how it was matched.
    pub detail: Arc<str>,
    /// When it was last heard.
    pub seen_at: WallTime,
}

/// A layer as a graph: nodes are node keys, edges are half-link keys. Node indices follow the node ordinals, edges the
/// half-link ordinals.
pub type LayerGraph = StableDiGraph<EntityKey, HalfLinkKey>;
