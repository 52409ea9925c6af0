//! A fabric: nodes, directed links, and all shortest paths between two nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A directed link of a fabric by position.
pub type Link = u32;

/// Nodes by position, and directed links between them.
#[derive(Clone, Debug, Default)]
pub struct Fabric {
    names: Vec<u32>,
    index: BTreeMap<u32, u32>,
    links: Vec<(u32, u32)>,
    /// Outgoing links of each node, by the name of their far end.
    out: Vec<Vec<Link>>,
}

impl Fabric {
    /// A fabric of named directed links, in the order given; nodes in the order of their names. Of links with equal ends
    /// the first counts.
    pub fn new(links: &[(u32, u32)]) -> Self {
        let mut names: Vec<u32> = links.iter().flat_map(|(a, b)| [*a, *b]).collect();
        names.sort_unstable();
        names.dedup();
        let index: BTreeMap<_, _> = names.iter().enumerate().map(|(i, n)| (*n, i as u32)).collect();
        let mut fabric = Self { out: vec![Vec::new(); names.len()], names, index, links: Vec::new() };
        let mut seen = std::collections::BTreeSet::new();
        for (a, b) in links {
            let ends = (fabric.index[a], fabric.index[b]);
            if a != b && seen.insert(ends) {
                fabric.out[ends.0 as usize].push(fabric.links.len() as Link);
                fabric.links.push(ends);
            }
        }
        for node in 0..fabric.out.len() {
            let heads = &fabric.links;
            fabric.out[node].sort_by_key(|l| heads[*l as usize].1);
        }
        fabric
    }

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.names.len()
    }

    /// The number of directed links.
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// The node of this name.
    pub fn node(&self, name: u32) -> Option<u32> {
        self.index.get(&name).copied()
    }

    /// The name of a node.
    pub fn name(&self, node: u32) -> u32 {
        self.names[node as usize]
    }

    /// The ends of a link.
    pub fn ends(&self, link: Link) -> (u32, u32) {
        self.links[link as usize]
    }

    /// The directed link between two nodes.
    pub fn link(&self, a: u32, b: u32) -> Option<Link> {
        self.out[a as usize].iter().copied().find(|l| self.links[*l as usize].1 == b)
    }

    /// The links that leave a node.
    pub fn out(&self, node: u32) -> &[Link] {
        &self.out[node as usize]
    }

    /// The other direction of a link, if there is one.
    pub fn reverse(&self, link: Link) -> Option<Link> {
        let (a, b) = self.ends(link);
        self.link(b, a)
    }

    /// Whether a node has one neighbour only: an end host.
    pub fn is_leaf(&self, node: u32) -> bool {
        self.out(node).len() == 1
    }

    /// The switch of a host; of any other node itself.
    pub fn switch_of(&self, node: u32) -> u32 {
        match self.out(node) {
            [only] => self.ends(*only).1,
            _ => node,
        }
    }

    /// Links from and to a node.
    pub fn links_at(&self, node: u32) -> Vec<Link> {
        let all = 0..self.links.len() as Link;
        all.filter(|l| self.ends(*l).0 == node || self.ends(*l).1 == node).collect()
    }
}

/// The equally short paths between two nodes: the hosts' own links, and all ways between their switches.
#[derive(Clone, Debug, PartialEq)]
pub struct Routes {
    up: Option<Link>,
    down: Option<Link>,
    core: Arc<Core>,
}

/// All shortest paths between two switches: one after another, as all have the same number of links.
#[derive(Debug, Default, PartialEq)]
struct Core {
    paths: usize,
    hops: usize,
    links: Vec<Link>,
}

impl Routes {
    /// The number of paths.
    pub fn len(&self) -> usize {
        self.core.paths
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.core.paths == 0
    }

    /// The links of a path, in order. The paths are in the lexicographic order of the names of their nodes.
    pub fn path(&self, i: usize) -> impl Iterator<Item = Link> + '_ {
        let core = self.core.links.get(i * self.core.hops..(i + 1) * self.core.hops).unwrap_or_default();
        self.up.into_iter().chain(core.iter().copied()).chain(self.down)
    }

    /// The links that all paths share because they are the hosts' own.
    pub fn own(&self) -> impl Iterator<Item = Link> {
        self.up.into_iter().chain(self.down)
    }

    /// Each link of the ways between the switches, with the share of paths that it is on.
    pub fn shares(&self) -> BTreeMap<Link, f64> {
        let mut shares = BTreeMap::new();
        let part = 1.0 / self.len().max(1) as f64;
        self.core.links.iter().for_each(|link| *shares.entry(*link).or_default() += part);
        shares
    }

    /// The same ways without the hosts' own links.
    #[must_use]
    pub fn between_switches(&self) -> Self {
        Self { up: None, down: None, core: Arc::clone(&self.core) }
    }
}

/// Shortest paths by hop count, found once for each pair of switches.
#[derive(Debug)]
pub struct Paths<'a> {
    fabric: &'a Fabric,
    /// Hop counts to a destination, by destination.
    distance: BTreeMap<u32, Vec<u32>>,
    known: BTreeMap<(u32, u32), Arc<Core>>,
}

/// Paths beyond this number are not listed: no fabric spreads a flow over so many.
const MOST: usize = 4_096;

impl<'a> Paths<'a> {
    /// No path known yet.
    pub fn new(fabric: &'a Fabric) -> Self {
        Self { fabric, distance: BTreeMap::new(), known: BTreeMap::new() }
    }

    /// All shortest paths from `a` to `b`; empty if there is none or `a` is `b`.
    pub fn between(&mut self, a: u32, b: u32) -> Routes {
        let fabric = self.fabric;
        let none = || Routes { up: None, down: None, core: Arc::default() };
        let (near, far) = (fabric.switch_of(a), fabric.switch_of(b));
        let up = if near == a { None } else { fabric.link(a, near) };
        if a == b {
            return none();
        }
        if near == b {
            return Routes { up, down: None, core: Arc::new(Core { paths: 1, ..Core::default() }) };
        }
        let down = if far == b { None } else { fabric.link(far, b) };
        if (far != b && down.is_none()) || fabric.is_leaf(near) || (far != b && fabric.is_leaf(far)) {
            return none();
        }
        Routes { up, down, core: self.between_switches(near, far) }
    }

    fn between_switches(&mut self, a: u32, b: u32) -> Arc<Core> {
        if let Some(core) = self.known.get(&(a, b)) {
            return Arc::clone(core);
        }
        let fabric = self.fabric;
        let to = self.distance.entry(b).or_insert_with(|| hops_to(fabric, b));
        let mut core = Core::default();
        if to[a as usize] != u32::MAX {
            core.hops = to[a as usize] as usize;
            extend(fabric, to, b, &mut vec![], a, &mut core);
        }
        let core = Arc::new(core);
        self.known.insert((a, b), Arc::clone(&core));
        core
    }
}

fn hops_to(fabric: &Fabric, target: u32) -> Vec<u32> {
    let mut into: Vec<Vec<u32>> = vec![Vec::new(); fabric.node_count()];
    for (a, b) in &fabric.links {
        into[*b as usize].push(*a);
    }
    let mut hops = vec![u32::MAX; fabric.node_count()];
    hops[target as usize] = 0;
    let mut queue = std::collections::VecDeque::from([target]);
    while let Some(node) = queue.pop_front() {
        for &from in &into[node as usize] {
            // Hosts forward nothing for others.
            let passes = node == target || !fabric.is_leaf(node);
            if passes && hops[from as usize] == u32::MAX {
                hops[from as usize] = hops[node as usize] + 1;
                queue.push_back(from);
            }
        }
    }
    hops
}

/// Depth first in the order of names: the paths come out in lexicographic order.
fn extend(fabric: &Fabric, to: &[u32], target: u32, path: &mut Vec<Link>, at: u32, core: &mut Core) {
    if at == target {
        core.links.extend_from_slice(path);
        core.paths += 1;
        return;
    }
    for &link in fabric.out(at) {
        let next = fabric.ends(link).1;
        let closer = to[next as usize] != u32::MAX && to[next as usize] + 1 == to[at as usize];
        if closer && core.paths < MOST {
            path.push(link);
            extend(fabric, to, target, path, next, core);
            path.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hosts on each of two racks (0, 1), two spines (10, 11).
    fn leaf_spine() -> Fabric {
        let cables = [(0, 10), (0, 11), (1, 10), (1, 11), (100, 0), (101, 0), (102, 1), (103, 1)];
        let links: Vec<_> = cables.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        Fabric::new(&links)
    }

    #[test]
    fn paths_come_in_the_order_of_names_and_not_through_hosts() {
        let fabric = leaf_spine();
        let node = |name| fabric.node(name).unwrap();
        let mut paths = Paths::new(&fabric);
        let mut found = |a, b| -> Vec<Vec<u32>> {
            let routes = paths.between(node(a), node(b));
            let name = |l: Link| fabric.name(fabric.ends(l).1);
            (0..routes.len()).map(|i| routes.path(i).map(name).collect()).collect()
        };
        assert_eq!(found(100, 103), [[0, 10, 1, 103], [0, 11, 1, 103]]);
        assert_eq!(found(100, 101), [[0, 101]]);
        assert_eq!(found(100, 11), [[0, 11]]);
        assert_eq!(found(100, 0), [[0]]);
        assert_eq!(found(1, 100), [[10, 0, 100], [11, 0, 100]]);
        assert!(found(100, 100).is_empty());
        assert!(fabric.is_leaf(node(100)) && !fabric.is_leaf(node(10)));
        assert_eq!(fabric.links_at(node(10)).len(), 4);
    }

    #[test]
    fn what_is_cut_off_has_no_path() {
        let fabric = Fabric::new(&[(0, 1), (1, 0), (2, 3), (3, 2)]);
        let mut paths = Paths::new(&fabric);
        assert!(paths.between(0, 3).is_empty());
    }
}
