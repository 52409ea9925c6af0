//! To whom the words on wires belong: to nodes that have words of their own, or to nodes that nothing else knows.
//!
//! The evidence is what nodes themselves said, never what wires added: each port by its hardware address, and where that
//! is in nobody's table the whole node by chassis, router or system id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::claim::{NodeId, NodeName};
use super::device::Device;
use super::directory::{Directory, Key};
use super::party::{Outlet, Party, Said};
use crate::observation::Fact;

/// The words of one node, heard on wires.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Overheard {
    pub(crate) words: Vec<Said<Fact>>,
    /// Ports of which nothing tells what their node calls them.
    pub(crate) nameless: BTreeSet<Arc<str>>,
}

/// What nodes themselves said.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// All nodes; with what wires added, which is why a find there is looked at again.
    pub(crate) directory: &'a Directory,
    /// The nodes with words of their own, by those words alone.
    pub(crate) own: &'a BTreeMap<NodeId, (Arc<str>, Arc<Device>)>,
}

/// The words of each node.
pub(crate) fn attribute(parties: Vec<Party>, asked: Asked<'_>) -> BTreeMap<NodeName, Overheard> {
    let mut all: BTreeMap<NodeName, Overheard> = BTreeMap::new();
    for party in parties {
        for (owner, party) in asked.split(party) {
            let (name, overheard) = match owner.and_then(|o| asked.own.get(&o)) {
                // Known by sessions alone: nothing tells what it calls its ports but what it says there.
                Some((name, device)) if !has_table(device) => (NodeName::Own(name.clone()), stranger(&party)),
                Some((name, device)) => {
                    let words = party.words(|outlet| port(device, outlet).map(str::to_owned));
                    (NodeName::Own(name.clone()), Overheard { words, nameless: BTreeSet::new() })
                }
                None => (NodeName::External(party.id()), stranger(&party)),
            };
            let known = all.entry(name).or_default();
            known.words.extend(overheard.words);
            known.nameless.extend(overheard.nameless);
        }
    }
    all
}

/// Whether a node's interface table is known.
fn has_table(device: &Device) -> bool {
    device
        .interfaces
        .values()
        .any(|i| i.link.mac.is_some() || i.link.ifindex.is_some() || i.advertised.is_some())
}

/// A node that nothing else knows: its ports by its own names, or else by address.
fn stranger(party: &Party) -> Overheard {
    let name = |outlet: &Outlet| outlet.own_name().map_or_else(|| outlet.place(), str::to_owned);
    let nameless = party.ports.iter().filter(|o| o.own_name().is_none()).map(|o| Arc::from(o.place()));
    Overheard { words: party.words(|outlet| Some(name(outlet))), nameless: nameless.collect() }
}

impl Asked<'_> {
    /// A party's ports by whose they are.
    fn split(&self, party: Party) -> Vec<(Option<NodeId>, Party)> {
        let by_port: Vec<Option<NodeId>> = party.ports.iter().map(|o| self.by_mac(o)).collect();
        let owners: BTreeSet<NodeId> = by_port.iter().copied().flatten().collect();
        let whole = match owners.len() {
            0 => self.by_id(&party),
            1 => owners.first().copied(),
            // Several nodes say that they have its ports: each port goes to its own.
            _ => None,
        };
        let mut parts: BTreeMap<Option<NodeId>, Party> = BTreeMap::new();
        for (outlet, owner) in party.ports.iter().zip(by_port) {
            let empty = || Party { ports: Vec::new(), ..party.clone() };
            parts.entry(owner.or(whole)).or_insert_with(empty).ports.push(outlet.clone());
        }
        parts.into_iter().collect()
    }

    /// The only node among these that fits by its own words.
    fn only(&self, key: Key<'_>, fits: impl Fn(&Device) -> bool) -> Option<NodeId> {
        let own = self.directory.owners(key).iter().filter(|n| self.own.get(n).is_some_and(|(_, d)| fits(d)));
        let own: BTreeSet<_> = own.copied().collect();
        own.first().copied().filter(|_| own.len() == 1)
    }

    fn by_mac(&self, outlet: &Outlet) -> Option<NodeId> {
        let mac = outlet.mac?;
        self.only(Key::Mac(mac), |d| d.interfaces.values().any(|i| i.link.mac == Some(mac)))
    }

    fn by_id(&self, party: &Party) -> Option<NodeId> {
        let chassis = party.chassis.as_ref().map(|c| &c.id);
        let by_chassis = || {
            let id = chassis?;
            self.only(Key::Chassis(id), |d| d.chassis.as_ref().is_some_and(|c| c.id == *id))
        };
        let by_chassis_mac = || {
            let mac = chassis.filter(|id| id.kind == "mac")?.value.parse().ok()?;
            self.only(Key::Mac(mac), |d| d.interfaces.values().any(|i| i.link.mac == Some(mac)))
        };
        // A node whose table of hardware addresses lacks all of the ports is another that uses the same id.
        let may_be = |d: &Device| {
            party.ports.iter().all(|o| o.mac.is_none()) || d.interfaces.values().all(|i| i.link.mac.is_none())
        };
        let by_router = || {
            party.routers.iter().find_map(|r| {
                self.only(Key::Router(r), |d| may_be(d) && d.node.router_id.as_ref() == Some(r))
            })
        };
        let by_system = || {
            party.systems.iter().find_map(|s| {
                self.only(Key::System(s), |d| may_be(d) && d.node.system_id.as_ref() == Some(s))
            })
        };
        // Routers manage themselves by their loopback, and take its address for their BGP identifier.
        let by_session = || {
            party
                .chassis
                .iter()
                .flat_map(|c| &c.management)
                .find_map(|ip| self.only(Key::Router(&ip.to_string()), |d| !has_table(d)))
        };
        by_chassis().or_else(by_chassis_mac).or_else(by_router).or_else(by_system).or_else(by_session)
    }
}

/// A port of a node by what a wire shows of it: hardware address, the node's own name for it, index, address.
fn port<'a>(device: &'a Device, outlet: &Outlet) -> Option<&'a str> {
    let only = |ports: Vec<&'a str>| match ports[..] {
        [port] => Some(port),
        _ => None,
    };
    let by_mac = || {
        let has = |i: &super::device::Interface| outlet.mac.is_some() && i.link.mac == outlet.mac;
        let all = device.interfaces_where(|_, i| has(i));
        let real = device.interfaces_where(|_, i| has(i) && !i.is_logical());
        only(all).or_else(|| only(real))
    };
    let by_name = || only(device.interfaces_where(|n, _| outlet.own_name() == Some(n)));
    let by_index =
        || only(device.interfaces_where(|_, i| outlet.ifindex.is_some() && i.link.ifindex == outlet.ifindex));
    let by_address =
        || only(device.interfaces_where(|_, i| i.ips().any(|ip| outlet.addresses.contains_key(&ip))));
    by_mac().or_else(by_name).or_else(by_index).or_else(by_address)
}
