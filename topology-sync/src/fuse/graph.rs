//! The link-state database as a graph: who is next to whom by the advertisements of both.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::observation::{
    Hello, IgpLink, IgpLinkKind, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind, Observer,
};

/// A router: its protocol, and its area (OSPF) or level (IS-IS), within which ids mean something; its id.
pub(crate) type Vertex = (IgpProtocol, String, String);

/// The advertisements of all observers, of each the newest, with indexes over them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    /// What each observer has.
    copies: BTreeMap<LinkStateId, BTreeMap<Observer, Arc<LinkState>>>,
    /// The advertisements of each router about its own links.
    routers: BTreeMap<Vertex, BTreeSet<LinkStateId>>,
    /// The advertisements of each broadcast medium, by its name in the links that lead to it.
    media: BTreeMap<Vertex, BTreeSet<LinkStateId>>,
    /// The copies whose source was lost since they were said.
    lost: BTreeSet<(LinkStateId, Observer)>,
}

/// An adjacency that both routers advertise, in one direction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    /// The neighbour's id.
    pub(crate) to: String,
    /// The near end, where said.
    pub(crate) near: Option<LinkEnd>,
    /// The far end, where said or where the neighbour's own advertisement tells it.
    pub(crate) far: Option<LinkEnd>,
    /// The cost of sending over it.
    pub(crate) metric: u32,
}

impl Graph {
    /// Takes what an observer has; whether that is news.
    pub(crate) fn take(&mut self, observer: &Observer, state: &LinkState) -> bool {
        let copies = self.copies.entry(state.id.clone()).or_default();
        if copies.get(observer).is_some_and(|known| **known == *state) {
            return false;
        }
        copies.insert(observer.clone(), Arc::new(state.clone()));
        if let Some(index) = self.index(&state.id) {
            index.insert(state.id.clone());
        }
        true
    }

    /// Whether the source of an observer's copy was lost since; whether that is news.
    pub(crate) fn lose(&mut self, observer: &Observer, id: &LinkStateId, lost: bool) -> bool {
        let copy = (id.clone(), observer.clone());
        if lost { self.lost.insert(copy) } else { self.lost.remove(&copy) }
    }

    /// Whether all that is known of a router was said before its sources were lost.
    pub(crate) fn is_lost(&self, router: &Vertex) -> bool {
        let mut ids = self.routers.get(router).into_iter().flatten();
        ids.all(|id| {
            let mut holders = self.copies.get(id).into_iter().flat_map(BTreeMap::keys);
            holders.all(|o| self.lost.contains(&(id.clone(), o.clone())))
        })
    }

    /// An observer has it no longer.
    pub(crate) fn drop(&mut self, observer: &Observer, id: &LinkStateId) {
        self.lose(observer, id, false);
        let Some(copies) = self.copies.get_mut(id) else { return };
        copies.remove(observer);
        if copies.is_empty() {
            self.copies.remove(id);
            if let Some(index) = self.index(id) {
                index.remove(id);
            }
        }
    }

    fn index(&mut self, id: &LinkStateId) -> Option<&mut BTreeSet<LinkStateId>> {
        match id.kind {
            LinkStateKind::Router => Some(self.routers.entry(vertex(id, &id.router)).or_default()),
            LinkStateKind::Network => Some(self.media.entry(vertex(id, &medium(id))).or_default()),
            LinkStateKind::Link | LinkStateKind::Prefixes | LinkStateKind::Other => None,
        }
    }

    /// A router in each area in which it advertises links.
    pub(crate) fn vertices(&self, protocol: IgpProtocol, router: &str) -> impl Iterator<Item = Vertex> {
        let at = move |area| (protocol, area, router.to_owned());
        self.areas(protocol).map(at).filter(|v| self.routers.get(v).is_some_and(|ids| !ids.is_empty()))
    }

    /// The newest advertisements of a router about its links, in all areas.
    pub(crate) fn of_router(&self, protocol: IgpProtocol, router: &str) -> impl Iterator<Item = &LinkState> {
        // Few areas, many routers: a look-up in each area.
        let areas = self.areas(protocol);
        areas.flat_map(move |area| self.of(&self.routers, &(protocol, area, router.to_owned())))
    }

    /// The areas of a protocol.
    fn areas(&self, protocol: IgpProtocol) -> impl Iterator<Item = String> {
        let mut from = Some((protocol, String::new(), String::new()));
        std::iter::from_fn(move || {
            let (next, _) =
                self.routers.range(from.take()?..).next().filter(|((p, _, _), _)| *p == protocol)?;
            // The first key behind all of this area.
            from = Some((protocol, format!("{}\0", next.1), String::new()));
            Some(next.1.clone())
        })
    }

    fn of<'a>(
        &'a self,
        index: &'a BTreeMap<Vertex, BTreeSet<LinkStateId>>,
        vertex: &Vertex,
    ) -> impl Iterator<Item = &'a LinkState> + use<'a> {
        let ids = index.get(vertex).into_iter().flatten();
        ids.filter_map(|id| self.copies.get(id)?.values().max_by_key(|l| l.sequence).map(AsRef::as_ref))
    }

    /// The newest copy of each advertisement.
    #[cfg(feature = "bgp")]
    pub(crate) fn newest(&self) -> impl Iterator<Item = &LinkState> {
        self.copies.values().filter_map(|c| c.values().max_by_key(|l| l.sequence).map(AsRef::as_ref))
    }

    fn links<'a>(&'a self, vertex: &Vertex) -> impl Iterator<Item = &'a IgpLink> + use<'a> {
        self.of(&self.routers, vertex).flat_map(|l| &l.links)
    }

    /// The routers on a medium.
    pub(crate) fn members<'a>(&'a self, medium: &Vertex) -> impl Iterator<Item = &'a str> + use<'a> {
        self.of(&self.media, medium).flat_map(|l| &l.links).map(|l| l.to.as_str())
    }

    /// The routers on a medium of any area.
    pub(crate) fn members_anywhere(&self, protocol: IgpProtocol, medium: &str) -> impl Iterator<Item = &str> {
        self.areas(protocol).flat_map(move |area| self.members(&(protocol, area, medium.to_owned())))
    }

    /// The routers whose edges change with the newest copy of an advertisement: its own, and those that it names, directly or
    /// on a medium.
    pub(crate) fn named_by(&self, id: &LinkStateId) -> BTreeSet<String> {
        let mut named = BTreeSet::from([id.router.clone()]);
        let newest = self.copies.get(id).and_then(|c| c.values().max_by_key(|l| l.sequence));
        let Some(state) = newest else { return named };
        for link in &state.links {
            match link.kind {
                IgpLinkKind::Transit => {
                    named.extend(self.members(&vertex(&state.id, &link.to)).map(str::to_owned));
                }
                IgpLinkKind::PointToPoint | IgpLinkKind::Virtual => drop(named.insert(link.to.clone())),
            }
        }
        named
    }

    /// A router itself and the routers that its advertisements name, in all areas.
    pub(crate) fn near(&self, protocol: IgpProtocol, router: &str) -> BTreeSet<String> {
        let ids = self.vertices(protocol, router).flat_map(|v| self.routers.get(&v).into_iter().flatten());
        ids.flat_map(|id| self.named_by(id)).collect()
    }

    /// The adjacencies of a router that both ends advertise (RFC 2328 §16.1 (2) (b), ISO 10589 §7.2.8.2).
    pub(crate) fn edges(&self, router: &Vertex) -> Vec<Edge> {
        let (protocol, area, id) = router;
        let mut edges = Vec::new();
        for link in self.links(router) {
            let at = |name: &str| (*protocol, area.clone(), name.to_owned());
            match link.kind {
                IgpLinkKind::PointToPoint => {
                    if let Some(far) = self.far_end(router, link) {
                        edges.push(Edge { to: link.to.clone(), near: link.near, far, metric: link.metric });
                    }
                }
                IgpLinkKind::Transit => {
                    for member in self.members(&at(&link.to)).filter(|m| m != id) {
                        let back = self.links(&at(member)).find(|l| l.kind == link.kind && l.to == link.to);
                        if let Some(back) = back {
                            let far = back.near;
                            edges.push(Edge {
                                to: member.to_owned(),
                                near: link.near,
                                far,
                                metric: link.metric,
                            });
                        }
                    }
                }
                IgpLinkKind::Virtual => {}
            }
        }
        edges
    }

    /// The other end of a point-to-point link: `None` if the neighbour advertises no link back, `Some(None)` if it does and
    /// which of several it is cannot be told.
    fn far_end(&self, router: &Vertex, link: &IgpLink) -> Option<Option<LinkEnd>> {
        let peer = (router.0, router.1.clone(), link.to.clone());
        let agrees = |a: Option<LinkEnd>, b: Option<LinkEnd>| a.is_none() || b.is_none() || a == b;
        let is_back = |l: &&IgpLink| {
            l.kind == link.kind && l.to == router.2 && agrees(l.far, link.near) && agrees(link.far, l.near)
        };
        let back: Vec<_> = self.links(&peer).filter(is_back).collect();
        match back[..] {
            [] => None,
            [only] => Some(only.near.or(link.far)),
            _ => Some(link.far.or_else(|| self.on_one_block(router, link, &back))),
        }
    }

    /// Among several links back, the only one whose address is in the block of the near end.
    fn on_one_block(&self, router: &Vertex, link: &IgpLink, back: &[&IgpLink]) -> Option<LinkEnd> {
        let Some(LinkEnd::Address(near)) = link.near else { return None };
        let blocks = self.of(&self.routers, router).flat_map(|l| &l.prefixes).map(|(net, _)| *net);
        let block: IpNet = blocks
            .filter(|b| b.contains(&near) && b.prefix_len() < b.max_prefix_len())
            .max_by_key(IpNet::prefix_len)?;
        let in_block = |l: &&&IgpLink| matches!(l.near, Some(LinkEnd::Address(ip)) if block.contains(&ip));
        let fitting: Vec<_> = back.iter().filter(in_block).collect();
        match fitting[..] {
            [only] => only.near,
            _ => None,
        }
    }

    /// Whether the sender of a hello advertises the adjacency with the sender of another on the same medium; `None` where
    /// its advertisement, or that of the medium, is not known.
    pub(crate) fn is_adjacent(&self, x: &Hello, y: &Hello) -> Option<bool> {
        let mut known = false;
        for area in areas_of(x) {
            let at = |name: &str| (x.protocol, area.to_owned(), name.to_owned());
            for link in self.links(&at(&x.sender)).inspect(|_| known = true).filter(|l| is_from(l.near, x)) {
                match link.kind {
                    IgpLinkKind::PointToPoint if link.to == y.sender => return Some(true),
                    IgpLinkKind::Transit => {
                        let members: BTreeSet<_> = self.members(&at(&link.to)).collect();
                        if members.contains(y.sender.as_str()) {
                            return Some(true);
                        }
                        if members.is_empty() {
                            return None;
                        }
                    }
                    IgpLinkKind::PointToPoint | IgpLinkKind::Virtual => {}
                }
            }
            known |= self.of(&self.routers, &at(&x.sender)).next().is_some();
        }
        known.then_some(false)
    }
}

/// The areas in which a hello may make an adjacency.
fn areas_of(hello: &Hello) -> Vec<&str> {
    if hello.area == "1-2" { vec!["1", "2"] } else { vec![&hello.area] }
}

/// Whether a link leaves by the interface of a hello, as far as it says.
fn is_from(near: Option<LinkEnd>, hello: &Hello) -> bool {
    match near {
        None => true,
        Some(LinkEnd::Address(ip)) => hello.addresses.contains(&ip),
        Some(LinkEnd::Index(index)) => hello.interface.is_none_or(|i| i == index),
    }
}

fn vertex(id: &LinkStateId, name: &str) -> Vertex {
    (id.protocol, id.area.clone(), name.to_owned())
}

/// How links name the medium that an advertisement describes ([`IgpLink::to`]).
fn medium(id: &LinkStateId) -> String {
    match id.protocol {
        IgpProtocol::Ospf2 => id.number.clone(),
        IgpProtocol::Ospf3 => {
            let index = id.number.parse::<Ipv4Addr>().map_or(0, Ipv4Addr::to_bits);
            format!("{}#{index}", id.router)
        }
        IgpProtocol::Isis => format!("{}.{}", id.router, id.number.split('-').next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `from near>to metric` of each edge, for routers given as `id: link, link`, where a link is `p2p to near metric` or
    /// `transit medium near metric`; `net ID: router router` describes a medium.
    fn edges(text: &str) -> Vec<String> {
        let mut graph = Graph::default();
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
            graph.take(&Observer::node("o"), &state(line));
        }
        let of = |v: &Vertex| {
            let show = |end: Option<LinkEnd>| match end {
                Some(LinkEnd::Address(ip)) => ip.to_string(),
                Some(LinkEnd::Index(i)) => i.to_string(),
                None => "?".to_owned(),
            };
            let edges = graph.edges(v).into_iter();
            edges
                .map(|e| format!("{} {} > {} {} {}", v.2, show(e.near), e.to, show(e.far), e.metric))
                .collect::<Vec<_>>()
        };
        graph.routers.keys().flat_map(of).collect()
    }

    fn state(line: &str) -> LinkState {
        let (head, rest) = line.split_once(':').unwrap();
        let words: Vec<&str> = head.split(' ').collect();
        let (kind, router, number) = match words[..] {
            ["net", medium, dr] => (LinkStateKind::Network, dr, medium),
            [id] => (LinkStateKind::Router, id, id),
            _ => panic!("{line}"),
        };
        let mut state = LinkState {
            id: LinkStateId {
                protocol: IgpProtocol::Ospf2,
                area: "0.0.0.0".into(),
                kind,
                router: router.into(),
                number: number.into(),
            },
            sequence: 1,
            name: None,
            links: Vec::new(),
            addresses: Vec::new(),
            prefixes: Vec::new(),
            overload: false,
        };
        for part in rest.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let words: Vec<&str> = part.split(' ').collect();
            let link =
                |kind, to: &str, near, metric| IgpLink { kind, to: to.to_owned(), near, far: None, metric };
            let end = |text: &str| match text.parse::<u32>() {
                Ok(index) => Some(LinkEnd::Index(index)),
                Err(_) => text.parse().ok().map(LinkEnd::Address),
            };
            match words[..] {
                ["p2p", to, near, metric] => {
                    state.links.push(link(IgpLinkKind::PointToPoint, to, end(near), metric.parse().unwrap()));
                }
                ["transit", to, near, metric] => {
                    state.links.push(link(IgpLinkKind::Transit, to, end(near), metric.parse().unwrap()));
                }
                ["stub", net, metric] => state.prefixes.push((net.parse().unwrap(), metric.parse().unwrap())),
                [member] => state.links.push(link(IgpLinkKind::PointToPoint, member, None, 0)),
                _ => panic!("{part}"),
            }
        }
        state
    }

    #[test]
    fn a_link_counts_when_both_ends_say_so() {
        let text = "1.1.1.1: p2p 2.2.2.2 10.0.0.0 5, p2p 3.3.3.3 10.0.0.2 7
                    2.2.2.2: p2p 1.1.1.1 10.0.0.1 6
                    3.3.3.3:";
        assert_eq!(
            edges(text),
            ["1.1.1.1 10.0.0.0 > 2.2.2.2 10.0.0.1 5", "2.2.2.2 10.0.0.1 > 1.1.1.1 10.0.0.0 6"]
        );
    }

    #[test]
    fn parallel_links_are_told_apart_by_their_blocks() {
        let text =
            "1.1.1.1: p2p 2.2.2.2 10.0.0.0 5, p2p 2.2.2.2 10.0.0.2 7, stub 10.0.0.0/31 5, stub 10.0.0.2/31 7
                    2.2.2.2: p2p 1.1.1.1 10.0.0.3 8, p2p 1.1.1.1 10.0.0.1 6";
        assert_eq!(
            edges(text),
            [
                "1.1.1.1 10.0.0.0 > 2.2.2.2 10.0.0.1 5",
                "1.1.1.1 10.0.0.2 > 2.2.2.2 10.0.0.3 7",
                "2.2.2.2 10.0.0.3 > 1.1.1.1 ? 8",
                "2.2.2.2 10.0.0.1 > 1.1.1.1 ? 6",
            ],
            "the second names no blocks"
        );
    }

    #[test]
    fn members_of_a_medium_are_next_to_each_other() {
        let text = "1.1.1.1: transit 10.0.0.1 10.0.0.1 5
                    2.2.2.2: transit 10.0.0.1 10.0.0.2 6
                    3.3.3.3:
                    net 10.0.0.1 1.1.1.1: 1.1.1.1, 2.2.2.2, 3.3.3.3";
        assert_eq!(
            edges(text),
            ["1.1.1.1 10.0.0.1 > 2.2.2.2 10.0.0.2 5", "2.2.2.2 10.0.0.2 > 1.1.1.1 10.0.0.1 6"]
        );
    }

    #[test]
    fn what_nobody_has_any_longer_is_gone() {
        let mut graph = Graph::default();
        let (a, b) = (Observer::node("a"), Observer::node("b"));
        let state = state("1.1.1.1: p2p 2.2.2.2 1 5");
        assert!(graph.take(&a, &state) && !graph.take(&a, &state) && graph.take(&b, &state));
        graph.drop(&a, &state.id);
        assert_eq!(graph.vertices(IgpProtocol::Ospf2, "1.1.1.1").count(), 1);
        graph.drop(&b, &state.id);
        assert_eq!(graph.vertices(IgpProtocol::Ospf2, "1.1.1.1").count(), 0);
        assert_eq!(graph.of_router(IgpProtocol::Ospf2, "1.1.1.1").count(), 0);
    }
}
