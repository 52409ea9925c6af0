//! Pairs in software: which interfaces the kernel joins, where no frame shows it.
//!
//! An interface of a pair bears the index of the other (Linux `IFLA_LINK`), but not the namespace, and indices repeat. So
//! this holds only in a closed world: every interface of a pair that no source ties to its other end has a partner among
//! the rest, and no more than one. Then what is left over belongs together, down lines included.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::claim::{Body, Claim, End, NodeId, NodeName, PortId};
use super::ground::Ground;
use super::stamp::Stamp;
use crate::observation::{LinkKind, Source};

/// An interface of a pair: its node, its own index and that of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HalfPair {
    node: NodeId,
    port: PortId,
    own: u32,
    other: u32,
}

/// The pairs that follow from the indices of these nodes' interfaces.
pub(super) fn claims(ground: &Ground, nodes: impl Iterator<Item = NodeId>) -> Vec<Arc<Claim>> {
    let halves: Vec<_> = nodes.flat_map(|n| halves(ground, n)).collect();
    let by_port: BTreeMap<_, _> = halves.iter().map(|h| (h.port, *h)).collect();
    let left: Vec<_> = halves.iter().filter(|h| !is_tied(ground, h, &by_port)).copied().collect();
    let mut by_indices: BTreeMap<(u32, u32), Vec<HalfPair>> = BTreeMap::new();
    for half in &left {
        by_indices.entry((half.own, half.other)).or_default().push(*half);
    }
    let mut pairs = Vec::new();
    for half in &left {
        let candidates = by_indices.get(&(half.other, half.own)).into_iter().flatten();
        match candidates.filter(|c| c.node != half.node).collect::<Vec<_>>()[..] {
            [only] if ground.order(half.port, only.port).is_lt() => pairs.push((*half, *only)),
            [_] => {}
            _ => return Vec::new(), // The world is not closed, or there is a choice.
        }
    }
    pairs.into_iter().filter_map(|(a, b)| claim(ground, a, b)).collect()
}

fn halves(ground: &Ground, node: NodeId) -> Vec<HalfPair> {
    let Some(device) = ground.directory.device(node) else { return Vec::new() };
    let half = |(name, interface): (&Arc<str>, &Arc<super::device::Interface>)| {
        let link = &interface.link;
        let port = *ground.nodes[node].ports.get(&**name)?;
        let half = HalfPair { node, port, own: link.ifindex?, other: link.peer_index? };
        matches!(link.kind, None | Some(LinkKind::Veth)).then_some(half)
    };
    device.interfaces.iter().filter_map(half).collect()
}

/// Whether some source ties the interface to one that its indices fit.
fn is_tied(ground: &Ground, half: &HalfPair, by_port: &BTreeMap<PortId, HalfPair>) -> bool {
    let fits = |other: PortId| {
        by_port.get(&other).is_some_and(|o| (o.own, o.other) == (half.other, half.own) && o.node != half.node)
    };
    let other = |ends: (PortId, PortId)| if ends.0 == half.port { ends.1 } else { ends.0 };
    let said = ground.claims_of(half.port).filter(|c| c.claim.body != Body::Paired);
    said.map(|c| other(c.ends)).any(fits)
}

fn claim(ground: &Ground, a: HalfPair, b: HalfPair) -> Option<Arc<Claim>> {
    let end = |half: HalfPair| match &ground.nodes[half.node].name {
        NodeName::Own(_) => Some(End::known(half.node, ground.ports[half.port].name.clone())),
        NodeName::External(_) => None,
    };
    Some(Arc::new(Claim {
        from: end(a)?,
        to: end(b)?,
        source: Source::Kernel,
        at: Stamp::default(),
        how: format!("a pair by their indices {} and {}, the only one left", a.own, b.own).into(),
        body: Body::Paired,
    }))
}
