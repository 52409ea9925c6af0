//! Which arc's packets may go on to which other arc, over a whole run with all its changes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use twin::{ArcId, NodeId};

use super::fault::{Fault, TimedFault};
use super::frame::ip_header;
use super::ip::IpAction;
use super::network::Network;
use crate::Routing;

/// Arcs in an order in which each comes after all those that may feed it, in components: a component of several arcs (or
/// of one that feeds itself) feeds itself in a circle. Arcs that nothing can use are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependence {
    pub(crate) components: Vec<Component>,
    /// By arc: its component; `u32::MAX` where nothing can use it.
    pub(crate) component_of: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) arcs: Vec<ArcId>,
    pub(crate) cyclic: bool,
}

/// Addresses times nodes beyond which the forwarding tables are not searched for circles.
const LOOKUPS_MAX: usize = 20_000_000;

impl Dependence {
    /// Finds everything that may happen: a packet is taken to be able to follow any of the next hops that its node has for
    /// it at any time of the run. `None` if there are too many addresses to find out. Cost: for each pinned flow its
    /// entries, for each other destination the arcs towards it.
    pub(crate) fn of(network: &Network, faults: &[TimedFault]) -> Option<Self> {
        let mut edges = Edges { pairs: Vec::new(), used: vec![false; network.forwarding.csr.arc_count()] };
        pinned_flows(network, faults, &mut edges);
        routed_packets(network, faults, &mut edges)?;
        Some(edges.components())
    }
}

struct Edges {
    pairs: Vec<(ArcId, ArcId)>,
    used: Vec<bool>,
}

impl Edges {
    /// Everything that packets from `sources` may do if a node's next hops for them are `next`; what the network brings to
    /// `end` goes no further.
    fn follow(
        &mut self,
        network: &Network,
        sources: impl IntoIterator<Item = NodeId>,
        end: Option<NodeId>,
        next: impl Fn(NodeId) -> Vec<ArcId>,
    ) {
        let mut seen = BTreeSet::new();
        let mut open: Vec<ArcId> = sources.into_iter().flat_map(&next).collect();
        while let Some(arc) = open.pop() {
            if !seen.insert(arc) {
                continue;
            }
            self.used[arc.index()] = true;
            let node = network.forwarding.csr.dst[arc.index()];
            if Some(node) == end {
                continue;
            }
            for onward in next(node) {
                self.pairs.push((arc, onward));
                open.push(onward);
            }
        }
        if self.pairs.len() > 1 << 20 {
            self.pairs.sort_unstable();
            self.pairs.dedup();
        }
    }

    fn components(mut self) -> Dependence {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        let mut graph: DiGraph<ArcId, ()> = DiGraph::new();
        let index: Vec<NodeIndex> = (0..self.used.len()).map(|arc| graph.add_node(ArcId::new(arc))).collect();
        for (from, to) in &self.pairs {
            graph.add_edge(index[from.index()], index[to.index()], ());
        }
        let mut components = Vec::new();
        let mut component_of = vec![u32::MAX; self.used.len()];
        for strong in tarjan_scc(&graph).into_iter().rev() {
            let mut arcs: Vec<ArcId> = strong.iter().map(|n| graph[*n]).collect();
            arcs.sort_unstable();
            if !self.used[arcs[0].index()] {
                continue;
            }
            let cyclic = arcs.len() > 1 || graph.find_edge(strong[0], strong[0]).is_some();
            arcs.iter().for_each(|arc| component_of[arc.index()] = components.len() as u32);
            components.push(Component { arcs, cyclic });
        }
        Dependence { components, component_of }
    }
}

/// A pinned flow may use every entry that it has at any time.
fn pinned_flows(network: &Network, faults: &[TimedFault], edges: &mut Edges) {
    let mut later: BTreeMap<usize, Vec<(NodeId, ArcId)>> = BTreeMap::new();
    for fault in faults {
        if let Fault::NextHop { node, flow, arc } = fault.fault
            && let Some(flow) = network.forwarding.workload.flow_of_id(flow)
        {
            later.entry(flow).or_default().push((node, arc));
        }
    }
    for flow in 0..network.forwarding.workload.flow_count() {
        let Some(entries) = network.forwarding.explicit.entries(flow) else { continue };
        let more = later.get(&flow).map_or(&[][..], Vec::as_slice);
        let next = |node: NodeId| {
            entries.iter().chain(more).filter(|e| e.0 == node).map(|e| e.1).collect::<Vec<_>>()
        };
        let end = network.forwarding.explicit.end(flow);
        edges.follow(network, [network.forwarding.workload.flow_ends(flow).0], end, next);
    }
}

/// What decides the way of a packet that is not pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Endpoint(NodeId),
    Address(IpAddr, NodeId),
}

/// Packets to one target may use every next hop that any routing of the run has for it.
fn routed_packets(network: &Network, faults: &[TimedFault], edges: &mut Edges) -> Option<()> {
    let mut routings: Vec<&Arc<Routing>> = network.forwarding.routings.iter().collect();
    routings.extend(faults.iter().filter_map(|f| match &f.fault {
        Fault::Reroute { routing, .. } => Some(routing),
        _ => None,
    }));
    routings.dedup_by(|a, b| Arc::ptr_eq(a, b));
    let targets = targets(network);
    if targets.len() * network.forwarding.csr.node_count() > LOOKUPS_MAX {
        return None;
    }
    let routed = |node: NodeId, dst: NodeId| {
        let arcs = routings.iter().flat_map(|r| r.next_arcs(node, dst)).copied();
        if node == dst { Vec::new() } else { arcs.collect() }
    };
    for (target, sources) in targets {
        let sources = sources.into_iter();
        match target {
            Target::Endpoint(dst) => edges.follow(network, sources, Some(dst), |node| routed(node, dst)),
            Target::Address(address, endpoint) => {
                let ip = network.forwarding.ip.as_ref()?;
                let owner = ip.owner(address).unwrap_or(endpoint);
                edges.follow(network, sources, None, |node| match ip.table(node, address) {
                    Some(Some(IpAction::Forward(arcs))) => arcs.clone(),
                    Some(_) => Vec::new(),
                    None => routed(node, owner),
                });
            }
        }
    }
    Some(())
}

/// Targets with the nodes that send to them.
fn targets(network: &Network) -> BTreeMap<Target, BTreeSet<NodeId>> {
    let workload = &network.forwarding.workload;
    let mut targets: BTreeMap<Target, BTreeSet<NodeId>> = BTreeMap::new();
    for node in (0..network.forwarding.csr.node_count()).map(NodeId::new) {
        let mut last = None;
        for packet in workload.source(node) {
            let planned = &workload.packets()[packet as usize];
            if network.forwarding.explicit.entries(planned.flow as usize).is_some() {
                continue;
            }
            let header = network.forwarding.ip.as_ref().and_then(|_| ip_header(workload.frame(packet)?));
            let target = match header {
                Some(header) => Target::Address(header.dst, planned.dst),
                None => Target::Endpoint(planned.dst),
            };
            if last != Some(target) {
                targets.entry(target).or_default().insert(node);
                last = Some(target);
            }
        }
    }
    targets
}
