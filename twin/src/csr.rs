//! The dense view for hot algorithms: `u32` ids, structure of arrays, compressed sparse rows.

use std::collections::BTreeMap;

use crate::{BitsPerSec, EntityKey, EntityKind, Layer, Location, SimDuration, Twin};

/// Defines a dense id: a `u32` newtype with `index()`. Expands to the struct, `new` and `index`.
macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);
        impl $name {
            /// The id of a position. Panics beyond `u32`.
            #[inline]
            pub fn new(index: usize) -> Self {
                Self(u32::try_from(index).expect("dense ids are 32 bits"))
            }
            /// The position.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

dense_id!(
    /// A node's number, in the order of the source.
    NodeId
);
dense_id!(
    /// An arc's number: one direction of a link, in the order of the source.
    ArcId
);
dense_id!(
    /// A link's number: one or two arcs that fail together, in the order of the source.
    LinkId
);

/// A link aggregation (IEEE 802.1AX) in use: one link, whose capacity is that of its members which are up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The link over which traffic goes.
    pub link: LinkId,
    /// Its members, which are links without arcs; all alike, as the standard wants it.
    pub members: Vec<LinkId>,
    /// The bundle is down below this number of members; from 1 to all of them.
    pub min_links: u32,
}

/// A layer of one twin version, compiled. Node, link and arc numbers follow the source file.
#[derive(Clone, Debug, Default)]
pub struct Csr {
    /// Key of each node.
    pub node_keys: Vec<EntityKey>,
    /// Name of each node (not unique).
    pub node_names: Vec<String>,
    /// Place of each node, if known.
    pub locations: Vec<Option<Location>>,
    /// Tail of each arc.
    pub src: Vec<NodeId>,
    /// Head of each arc.
    pub dst: Vec<NodeId>,
    /// Metric of each arc.
    pub metric: Vec<u32>,
    /// Line rate of each arc.
    pub capacity: Vec<BitsPerSec>,
    /// Propagation delay of each arc.
    pub delay: Vec<SimDuration>,
    /// Link of each arc.
    pub link: Vec<LinkId>,
    /// Sending and receiving port of each arc.
    pub ports: Vec<(EntityKey, EntityKey)>,
    /// Key of each link: its cable, or the first arc's sending port where no cable is known.
    pub link_keys: Vec<EntityKey>,
    /// Name of each link.
    pub link_names: Vec<String>,
    /// Arcs of each link: one, or two in opposite directions.
    pub link_arcs: Vec<Vec<ArcId>>,
    /// Bundles in the order of their links. Their capacity is that with all members up.
    pub bundles: Vec<Bundle>,
    /// By member: its bundle.
    member_of: BTreeMap<LinkId, u32>,
    out_start: Vec<u32>,
    out_arcs: Vec<ArcId>,
    in_start: Vec<u32>,
    in_arcs: Vec<ArcId>,
}

impl Csr {
    /// Compiles one layer of a twin. Half-links whose ends are unknown nodes are left out.
    pub fn compile(twin: &Twin, layer: Layer) -> Self {
        let mut csr = Self::default();
        let mut ids = BTreeMap::new();
        for node in twin.nodes() {
            ids.insert(&node.key, NodeId::new(csr.node_keys.len()));
            csr.node_keys.push(node.key.clone());
            csr.node_names.push(node.name.clone());
            csr.locations.push(location_of(twin, &node.key));
        }
        let mut links: BTreeMap<EntityKey, LinkId> = BTreeMap::new();
        for cable in twin.cables() {
            links.insert(cable.key.clone(), csr.push_link(cable.key.clone(), cable.name.clone()));
        }
        for (key, half) in twin.half_links(layer) {
            let ends = (twin.node_of(&key.from), twin.node_of(&key.to));
            let (Some(a), Some(b)) = ends else { continue };
            let link = match half.cable.as_ref().and_then(|c| links.get(c)) {
                Some(&link) => link,
                None => {
                    let (lo, hi) =
                        if key.from <= key.to { (&key.from, &key.to) } else { (&key.to, &key.from) };
                    let unordered = EntityKey::cable(lo, hi);
                    *links.entry(unordered.clone()).or_insert_with(|| {
                        let name = format!("{} - {}", a.name, b.name);
                        csr.push_link(unordered, name)
                    })
                }
            };
            csr.link_arcs[link.index()].push(ArcId::new(csr.src.len()));
            csr.src.push(ids[&a.key]);
            csr.dst.push(ids[&b.key]);
            csr.metric.push(half.metric);
            csr.capacity.push(half.capacity);
            csr.delay.push(half.delay);
            csr.link.push(link);
            csr.ports.push((key.from.clone(), key.to.clone()));
        }
        (csr.out_start, csr.out_arcs) = rows(csr.node_count(), &csr.src);
        (csr.in_start, csr.in_arcs) = rows(csr.node_count(), &csr.dst);
        csr.find_bundles(twin, &links);
        csr
    }

    /// A bundle whose members have arcs of their own in this layer is none here.
    fn find_bundles(&mut self, twin: &Twin, links: &BTreeMap<EntityKey, LinkId>) {
        if !twin.entities().any(|e| matches!(e.kind, EntityKind::Bundle { .. })) {
            return;
        }
        for link in (0..self.link_count()).map(LinkId::new) {
            let Some(arc) = self.link_arcs[link.index()].first() else { continue };
            let (a, b) = &self.ports[arc.index()];
            let Some(entity) = twin.entity(&EntityKey::bundle([a, b])) else { continue };
            let EntityKind::Bundle { members, min_links } = &entity.kind else { continue };
            let bare = |l: &LinkId| self.link_arcs[l.index()].is_empty() && !self.member_of.contains_key(l);
            let found: Vec<_> =
                members.iter().filter_map(|key| links.get(key)).copied().filter(bare).collect();
            if found.is_empty() || found.len() < members.len() {
                continue;
            }
            let number = self.bundles.len() as u32;
            self.member_of.extend(found.iter().map(|member| (*member, number)));
            let min_links = (*min_links).clamp(1, found.len() as u32);
            if twin.entity(&self.link_keys[link.index()]).is_none() {
                self.link_names[link.index()] = entity.name.clone();
            }
            self.bundles.push(Bundle { link, members: found, min_links });
        }
    }

    /// The number of the bundle that a link is a member of.
    pub fn bundle_of(&self, member: LinkId) -> Option<usize> {
        self.member_of.get(&member).map(|number| *number as usize)
    }

    /// The link over which goes what a link carries: of a member its bundle, else itself.
    pub fn carrier(&self, link: LinkId) -> LinkId {
        self.bundle_of(link).map_or(link, |number| self.bundles[number].link)
    }

    /// Whether a link can fail by itself: one that carries something and is no bundle, or a member of one.
    pub fn is_single(&self, link: LinkId) -> bool {
        let bundle = || self.bundles.iter().any(|bundle| bundle.link == link);
        self.member_of.contains_key(&link) || !(self.link_arcs[link.index()].is_empty() || bundle())
    }

    fn push_link(&mut self, key: EntityKey, name: String) -> LinkId {
        self.link_keys.push(key);
        self.link_names.push(name);
        self.link_arcs.push(Vec::new());
        LinkId::new(self.link_keys.len() - 1)
    }

    /// The same network with links more, both ways alike, numbered after those that are there: hypotheses about what the
    /// twin does not hold. Their ports have no keys of entities.
    #[must_use]
    pub fn with_links(&self, links: &[(NodeId, NodeId, u32, BitsPerSec)]) -> Self {
        let mut csr = self.clone();
        for (a, b, metric, capacity) in links {
            let name = format!("{} - {}", self.node_names[a.index()], self.node_names[b.index()]);
            let key = EntityKey::new(format!("supposed:{name}"));
            let link = csr.push_link(key.clone(), name);
            for (src, dst) in [(a, b), (b, a)] {
                csr.link_arcs[link.index()].push(ArcId::new(csr.src.len()));
                csr.src.push(*src);
                csr.dst.push(*dst);
                csr.metric.push(*metric);
                csr.capacity.push(*capacity);
                csr.delay.push(SimDuration::ZERO);
                csr.link.push(link);
                csr.ports.push((key.clone(), key.clone()));
            }
        }
        (csr.out_start, csr.out_arcs) = rows(csr.node_count(), &csr.src);
        (csr.in_start, csr.in_arcs) = rows(csr.node_count(), &csr.dst);
        csr
    }

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.node_keys.len()
    }

    /// The number of arcs.
    pub fn arc_count(&self) -> usize {
        self.src.len()
    }

    /// The number of links.
    pub fn link_count(&self) -> usize {
        self.link_keys.len()
    }

    /// The arcs that leave a node, ascending.
    pub fn arcs_out(&self, node: NodeId) -> &[ArcId] {
        row(&self.out_start, &self.out_arcs, node)
    }

    /// The arcs that enter a node, ascending.
    pub fn arcs_in(&self, node: NodeId) -> &[ArcId] {
        row(&self.in_start, &self.in_arcs, node)
    }

    /// The node of this name, or else of this key; none where several have the name.
    pub fn node_named(&self, name: &str) -> Option<NodeId> {
        let mut named = (0..self.node_count()).filter(|i| self.node_names[*i] == name);
        let by_key = || self.node_keys.iter().position(|key| key.as_str() == name);
        let found = match named.next() {
            Some(first) => named.next().is_none().then_some(first),
            None => by_key(),
        };
        found.map(NodeId::new)
    }

    /// The arc in the other direction of the same link, if there is one.
    pub fn reverse(&self, arc: ArcId) -> Option<ArcId> {
        let arcs = &self.link_arcs[self.link[arc.index()].index()];
        arcs.iter().copied().find(|a| *a != arc && self.src[a.index()] == self.dst[arc.index()])
    }

    /// `a -> b` with the names of an arc's ends, and the link's name where other arcs lead from `a` to `b` too.
    pub fn arc_name(&self, arc: ArcId) -> String {
        let (src, dst) = (self.src[arc.index()], self.dst[arc.index()]);
        let name = |n: NodeId| &self.node_names[n.index()];
        let parallel = self.arcs_out(src).iter().any(|a| *a != arc && self.dst[a.index()] == dst);
        let link = &self.link_names[self.link[arc.index()].index()];
        let which = if parallel { format!(" ({link})") } else { String::new() };
        format!("{} -> {}{which}", name(src), name(dst))
    }
}

fn location_of(twin: &Twin, node: &EntityKey) -> Option<Location> {
    use crate::EntityKind::{Node, Site};
    let entity = twin.entity(node)?;
    match &entity.kind {
        Node { location: Some(l), .. } => Some(*l),
        _ => match &twin.entity(entity.parent.as_ref()?)?.kind {
            Site { location } => *location,
            _ => None,
        },
    }
}

fn rows(nodes: usize, end: &[NodeId]) -> (Vec<u32>, Vec<ArcId>) {
    let mut start = vec![0u32; nodes + 1];
    for n in end {
        start[n.index() + 1] += 1;
    }
    for i in 0..nodes {
        start[i + 1] += start[i];
    }
    let mut arcs: Vec<_> = (0..end.len()).map(ArcId::new).collect();
    arcs.sort_by_key(|a| end[a.index()]); // stable: ascending arcs within a row
    (start, arcs)
}

fn row<'a>(start: &[u32], arcs: &'a [ArcId], node: NodeId) -> &'a [ArcId] {
    &arcs[start[node.index()] as usize..start[node.index() + 1] as usize]
}
