//! A network as the maps of pages draw it.

use report::page::{CausePlace, HalfLink, Map, MapLink, MapNode};
use twin::{ArcId, Csr, LinkId};

/// All nodes, and the links that have arcs.
pub(crate) fn map(csr: &Csr, half: impl Fn(ArcId) -> HalfLink) -> Map {
    let links = csr.link_arcs.iter().filter_map(|arcs| {
        let first = *arcs.first()?;
        Some(MapLink {
            a: csr.src[first.index()].index(),
            b: csr.dst[first.index()].index(),
            forward: half(first),
            backward: arcs.get(1).map_or_else(HalfLink::default, |arc| half(*arc)),
        })
    });
    let nodes = csr.node_names.iter().zip(&csr.locations).map(|(name, place)| MapNode {
        name: name.clone(),
        place: place.filter(|p| p.geographical).map(|p| (p.x, p.y)),
    });
    Map { nodes: nodes.collect(), links: links.collect(), ..Map::default() }
}

/// Position of a link among those that have arcs.
pub(crate) fn drawn_link(csr: &Csr, link: LinkId) -> usize {
    csr.link_arcs[..link.index()].iter().filter(|arcs| !arcs.is_empty()).count()
}

/// Where an arc is on the map.
pub(crate) fn place_of_arc(csr: &Csr, arc: ArcId) -> CausePlace {
    let link = csr.link[arc.index()];
    CausePlace::HalfLink(drawn_link(csr, link), csr.link_arcs[link.index()][0] == arc)
}
