//! Forwarding of real headers: by a node's own table, or by who owns an address.

mod classes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use twin::{ArcId, Csr, EntityKey, EntityKind, Fib, NextHop, NodeId, PortAddress, RouteAction, Twin};

use super::lpm::Lpm;
use classes::{Classes, code_per_class, grouped};

/// What a node does with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpAction<'a> {
    /// It is the node's own.
    Local,
    /// Send it on one of these arcs.
    Forward(&'a [ArcId]),
    /// Send it out of a port behind which nothing is modelled.
    Exit,
    /// Discard it.
    Null,
}

/// How a network forwards by IP address: the forwarding table of each node that has one; elsewhere the shortest path to
/// the node that owns the address.
///
/// Compiled: an address is looked up in the prefixes of several tables at once, which gives its class, and a table is an
/// array with a number for each class. So the part that every hop reads is small and shared, and 900,000 routes take
/// 4 MB in each table of a group and 11 MB once. `Clone` copies a pointer for each table.
#[derive(Clone, Debug)]
pub struct IpForwarding {
    owned: Vec<(IpNet, NodeId)>,
    /// `owned`, compiled.
    owners: Arc<Lpm>,
    /// By node.
    tables: Vec<Option<Table>>,
    actions: Actions,
}

/// A table of one node: the number of an action for each class of addresses.
#[derive(Clone, Debug)]
struct Table {
    classes: Arc<Lpm>,
    codes: Arc<[u32]>,
}

/// An address that nobody owns.
const NOBODY: u32 = Lpm::MAX_VALUE;

impl IpForwarding {
    /// Knows nothing: every packet goes to the endpoint that its schedule names.
    pub fn empty(csr: &Csr) -> Self {
        let owners = Arc::new(Lpm::compile([], NOBODY));
        Self { owned: Vec::new(), owners, tables: vec![None; csr.node_count()], actions: Actions::new() }
    }

    /// Takes owners from the addresses of ports (the address itself, and its subnet for the first node on it) and tables
    /// from the twin. Cost: about 0.27 µs for each route of each table.
    pub fn from_twin(twin: &Twin, csr: &Csr) -> Self {
        let mut ip = Self::empty(csr);
        let ids: BTreeMap<&EntityKey, NodeId> =
            csr.node_keys.iter().enumerate().map(|(i, k)| (k, NodeId::new(i))).collect();
        let addresses = port_addresses(twin, &ids);
        let subnets = addresses.iter().rev().filter_map(|(a, n)| Some((IpNet::new(a.ip, a.len).ok()?, *n)));
        let own = addresses.iter().rev().map(|(a, n)| (IpNet::from(a.ip), *n));
        ip.own(subnets.chain(own)); // reversed: the first node stays
        let tables: Vec<_> =
            twin.fibs().filter_map(|(key, fib)| Some((*ids.get(key)?, fib.as_ref()))).collect();
        ip.set_tables(csr, &tables);
        ip
    }

    /// The same with `node` as the owner of a block, such as what lies behind a recorded boundary. Cost: all owners.
    #[must_use]
    pub fn with_owner(mut self, block: IpNet, node: NodeId) -> Self {
        self.own([(block, node)]);
        self
    }

    /// Gives a node another table, or none. Cost: its routes; the tables of other nodes stay as they are.
    pub fn set_table(&mut self, csr: &Csr, node: NodeId, fib: Option<&Fib>) {
        self.tables[node.index()] = None;
        if let Some(fib) = fib {
            self.set_tables(csr, &[(node, fib)]);
        }
    }

    /// What a node's own table says: `None` if the node has no table, `Some(None)` if it has no route.
    #[inline]
    pub(crate) fn table(&self, node: NodeId, dst: IpAddr) -> Option<Option<IpAction<'_>>> {
        let table = self.tables[node.index()].as_ref()?;
        Some(self.actions.get(table.codes[table.classes.lookup(dst) as usize]))
    }

    /// The node that owns an address.
    #[inline]
    pub(crate) fn owner(&self, dst: IpAddr) -> Option<NodeId> {
        let owner = self.owners.lookup(dst);
        (owner != NOBODY).then_some(NodeId(owner))
    }

    /// Of equal blocks, the last one counts.
    fn own(&mut self, blocks: impl IntoIterator<Item = (IpNet, NodeId)>) {
        self.owned.extend(blocks);
        self.owners = Arc::new(Lpm::compile(self.owned.iter().map(|(block, node)| (*block, node.0)), NOBODY));
    }

    fn set_tables(&mut self, csr: &Csr, tables: &[(NodeId, &Fib)]) {
        let mut arcs: BTreeMap<&EntityKey, Vec<ArcId>> = BTreeMap::new();
        for (i, (from, _)) in csr.ports.iter().enumerate() {
            arcs.entry(from).or_default().push(ArcId::new(i));
        }
        let fibs: Vec<_> = tables.iter().map(|(_, fib)| *fib).collect();
        for Classes { prefixes, members } in grouped(&fibs) {
            let classes = Arc::new(Lpm::compile(prefixes.iter().copied().zip(1..), 0));
            for (node, fib) in members.into_iter().map(|i| tables[i]) {
                let codes: Vec<u32> = fib.actions().map(|a| self.code(csr, a, &arcs)).collect();
                let codes = code_per_class(&prefixes, fib, &codes, Actions::NO_ROUTE);
                self.tables[node.index()] = Some(Table { classes: classes.clone(), codes });
            }
        }
    }

    fn code(&mut self, csr: &Csr, action: &RouteAction, arcs: &BTreeMap<&EntityKey, Vec<ArcId>>) -> u32 {
        match action {
            RouteAction::Local => Actions::LOCAL,
            RouteAction::Blackhole | RouteAction::Unreachable => Actions::NULL,
            RouteAction::Forward(hops) => match self.egress(csr, hops, arcs) {
                none if none.is_empty() => Actions::EXIT,
                egress => self.actions.forward(egress),
            },
        }
    }

    fn egress(&self, csr: &Csr, hops: &[NextHop], arcs: &BTreeMap<&EntityKey, Vec<ArcId>>) -> Vec<ArcId> {
        let mut egress = Vec::new();
        for hop in hops {
            let on_port = arcs.get(&hop.port).map_or(&[][..], Vec::as_slice);
            let gateway = hop.gateway.and_then(|ip| self.owner(ip));
            egress.extend(meant(on_port, |a| Some(csr.dst[a.index()]) == gateway));
        }
        egress.sort();
        egress.dedup();
        egress
    }
}

/// Which of those behind a port a next hop means: on a shared medium only the gateway; where it is unknown, all of them.
pub(crate) fn meant<T: Copy>(behind: &[T], is_gateway: impl Fn(&T) -> bool) -> Vec<T> {
    let gateway: Vec<_> = behind.iter().copied().filter(is_gateway).collect();
    if gateway.is_empty() { behind.to_vec() } else { gateway }
}

/// The distinct actions of all tables, by number.
#[derive(Clone, Debug)]
struct Actions {
    kept: Vec<Action>,
    /// The arcs of all of them, one after the other.
    arcs: Vec<ArcId>,
    forward: BTreeMap<Vec<ArcId>, u32>,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    NoRoute,
    Local,
    Exit,
    Null,
    Forward { first: u32, count: u32 },
}

impl Actions {
    const NO_ROUTE: u32 = 0;
    const LOCAL: u32 = 1;
    const EXIT: u32 = 2;
    const NULL: u32 = 3;

    fn new() -> Self {
        let kept = vec![Action::NoRoute, Action::Local, Action::Exit, Action::Null];
        Self { kept, arcs: Vec::new(), forward: BTreeMap::new() }
    }

    /// The number of "on one of these arcs".
    fn forward(&mut self, arcs: Vec<ArcId>) -> u32 {
        if let Some(code) = self.forward.get(&arcs) {
            return *code;
        }
        let number = |n: usize| u32::try_from(n).expect("actions and their arcs are fewer than routes");
        let code = number(self.kept.len());
        self.kept.push(Action::Forward { first: number(self.arcs.len()), count: number(arcs.len()) });
        self.arcs.extend(&arcs);
        self.forward.insert(arcs, code);
        code
    }

    #[inline]
    fn get(&self, code: u32) -> Option<IpAction<'_>> {
        match self.kept[code as usize] {
            Action::NoRoute => None,
            Action::Local => Some(IpAction::Local),
            Action::Exit => Some(IpAction::Exit),
            Action::Null => Some(IpAction::Null),
            Action::Forward { first, count } => {
                Some(IpAction::Forward(&self.arcs[first as usize..][..count as usize]))
            }
        }
    }
}

/// All addresses with their node, by node.
fn port_addresses(twin: &Twin, ids: &BTreeMap<&EntityKey, NodeId>) -> Vec<(PortAddress, NodeId)> {
    let mut list = Vec::new();
    for entity in twin.entities() {
        let EntityKind::Port(port) = &entity.kind else { continue };
        let Some(node) = twin.node_of(&entity.key).and_then(|n| ids.get(&n.key)) else { continue };
        list.extend(port.addresses.iter().map(|a| (*a, *node)));
    }
    list.sort_by_key(|(_, node)| *node); // stable: ports stay in key order
    list
}
