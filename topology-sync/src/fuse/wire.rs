//! What wires show: who sends there, put together into nodes with ports, and whom each of them hears.
//!
//! A wire is no node and has no table. But its frames are their senders' own words: a sender's chassis, port, hardware
//! address and addresses, and (IGP) whom it hears. So what is heard on wires becomes words of the senders, just as if each
//! of them had been asked, and is matched and fused in the same way as theirs.

use std::collections::{BTreeMap, BTreeSet};

use twin::{MacAddr, WallTime};

use super::party::{Outlet, Party, PortName, PortNames, RouterName, Said, group};
use super::stamp::Stamp;
use crate::observation::{Fact, Hello, IgpNeighbor, IgpProtocol, Link, LldpNeighbor, Observer, Topic};
use crate::store::Store;

/// The topics of which wires speak; link states are no word about a wire.
const TOPICS: [Topic; 3] = [Topic::Links, Topic::Neighbors, Topic::Hellos];

/// Whether what wires show is made of what is said on this topic.
pub(crate) fn is_of(topic: Topic) -> bool {
    TOPICS.contains(&topic)
}

/// What two ports with a two-way hello have come to by the link-state database; `None`: it knows nothing of them.
pub(crate) type Adjacent<'a> = &'a dyn Fn(&Hello, &Hello) -> Option<bool>;

/// The nodes that are heard on all wires at an instant, in order.
pub(crate) fn parties(store: &Store, now: WallTime, adjacent: Adjacent<'_>) -> Vec<Party> {
    let wires: Vec<Wire<'_>> = store
        .observers()
        .filter(|o| matches!(o, Observer::Wire(_)))
        .map(|o| Wire::of(store, o, now))
        .filter(|w| !w.sent.is_empty() || !w.hellos.is_empty())
        .collect();
    let names = PortNames::of(&wires);
    let mut outlets: BTreeMap<PortName, Outlet> = BTreeMap::new();
    let mut ids: BTreeMap<PortName, BTreeSet<RouterName>> = BTreeMap::new();
    for (number, wire) in wires.iter().enumerate() {
        wire.senders(number, &names, &mut outlets, &mut ids);
        wire.hearings(number, &names, &mut outlets);
        wire.adjacencies(number, &names, adjacent, &mut outlets);
    }
    group(outlets, &ids)
}

/// What stands on one wire.
pub(super) struct Wire<'a> {
    /// The end at which it was tapped, if known.
    own: Option<&'a Link>,
    pub(super) sent: Vec<Said<&'a LldpNeighbor>>,
    hellos: Vec<Said<&'a Hello>>,
    /// What was sent and is not any more.
    past: Vec<Said<&'a LldpNeighbor>>,
}

impl<'a> Wire<'a> {
    fn of(store: &'a Store, observer: &Observer, now: WallTime) -> Self {
        let mut wire = Self { own: None, sent: Vec::new(), hellos: Vec::new(), past: Vec::new() };
        for standing in TOPICS.into_iter().flat_map(|t| store.standing_on(observer, t, now)) {
            match standing.fact {
                Fact::Link(link) => wire.own = Some(link),
                Fact::Neighbor(n) => wire.sent.push((standing.source, Stamp::of(&standing), &**n)),
                Fact::Hello(h) => wire.hellos.push((standing.source, Stamp::of(&standing), h)),
                _ => {}
            }
        }
        for past in store.past_neighbors(observer, now) {
            if let Fact::Neighbor(n) = past.fact {
                wire.past.push((past.source, Stamp::past(&past), n));
            }
        }
        wire
    }

    /// The words of each port about itself.
    fn senders(
        &self,
        number: usize,
        names: &PortNames,
        outlets: &mut BTreeMap<PortName, Outlet>,
        ids: &mut BTreeMap<PortName, BTreeSet<RouterName>>,
    ) {
        for (_, at, sent) in &self.sent {
            let outlet = outlets.entry(names.of_sender(number, sent)).or_default();
            self.meet(outlet, sent.mac, *at);
            if names.is_current(number, sent) {
                outlet.sent = Some((*sent).clone());
            }
        }
        for (_, at, hello) in &self.hellos {
            let name = names.of_hello(number, hello);
            let outlet = outlets.entry(name.clone()).or_default();
            self.meet(outlet, hello.mac, *at);
            if hello.protocol == IgpProtocol::Ospf3 {
                // RFC 5340 §A.3.2: unique within the router; in practice, and as RFC 5340 §C.3 suggests, its index.
                outlet.ifindex = outlet.ifindex.or(hello.interface);
            }
            for ip in &hello.addresses {
                let len = outlet.addresses.entry(*ip).or_default();
                *len = len.or(hello.prefix_len.filter(|_| ip.is_ipv4()));
            }
            ids.entry(name).or_default().insert(RouterName::of(hello));
        }
    }

    fn meet(&self, outlet: &mut Outlet, mac: Option<MacAddr>, at: Stamp) {
        outlet.at = outlet.at.max(at);
        outlet.mac = outlet.mac.or(mac);
        if let Some(own) = self.own.filter(|own| own.mac.is_some() && own.mac == mac) {
            outlet.ifindex = outlet.ifindex.or(own.ifindex);
        }
    }

    /// Who hears whose LLDP frames: an agent at the tapped end hears what comes in there; where the tap does not say at
    /// which end it is, all agents on the wire hear one another.
    fn hearings(&self, number: usize, names: &PortNames, outlets: &mut BTreeMap<PortName, Outlet>) {
        let current = || self.sent.iter().filter(|(_, _, sent)| names.is_current(number, sent));
        // Who says something else from the same address has not fallen silent.
        let silent = || self.past.iter().filter(|(_, _, sent)| !names.speaks(number, sent));
        for (_, _, hearer) in current() {
            if self.own.is_some_and(|own| own.mac != hearer.mac) {
                continue;
            }
            let hearer = names.of_sender(number, hearer);
            for (source, at, sent) in current().chain(silent()) {
                if names.of_sender(number, sent) != hearer
                    && let Some(outlet) = outlets.get_mut(&hearer)
                {
                    outlet.heard.push((*source, *at, (*sent).clone()));
                }
            }
        }
    }

    /// Whom each router has as a neighbour: those that its hellos list.
    fn adjacencies(
        &self,
        number: usize,
        names: &PortNames,
        adjacent: Adjacent<'_>,
        outlets: &mut BTreeMap<PortName, Outlet>,
    ) {
        for (_, x_at, x) in &self.hellos {
            let Some(outlet) = outlets.get_mut(&names.of_hello(number, x)) else { continue };
            for (source, y_at, y) in &self.hellos {
                let apart = x.sender != y.sender && x.protocol == y.protocol && share_area(x, y);
                let Some(state) = state(x, y, adjacent).filter(|_| apart) else { continue };
                let neighbor = IgpNeighbor {
                    protocol: x.protocol,
                    on: String::new(),
                    id: y.sender.clone(),
                    address: y.addresses.first().copied(),
                    mac: y.mac,
                    state: state.to_owned(),
                    role: None,
                };
                outlet.neighbors.push((*source, x_at.with(*y_at), neighbor));
            }
        }
    }
}

/// IS-IS routers of level 1-2 share an area with those of either level.
fn share_area(x: &Hello, y: &Hello) -> bool {
    x.area == y.area || (x.protocol == IgpProtocol::Isis && (x.area == "1-2" || y.area == "1-2"))
}

fn hears(x: &Hello, y: &Hello) -> bool {
    let mac = || y.mac.map(|m| m.to_string());
    x.hears.contains(&y.sender)
        || (x.protocol == IgpProtocol::Isis && mac().is_some_and(|m| x.hears.contains(&m)))
}

/// The state in which `x` has `y`, in the protocol's words (RFC 2328 §10.1, ISO 10589 §8.2); `None`: it does not hear it.
fn state(x: &Hello, y: &Hello, adjacent: Adjacent<'_>) -> Option<&'static str> {
    let isis = x.protocol == IgpProtocol::Isis;
    // Point-to-point hellos without RFC 5303 list nobody: the database alone can tell.
    let silent = isis && x.hears.is_empty() && y.hears.is_empty();
    if silent {
        return (adjacent(x, y) == Some(true)).then_some("Up");
    }
    match (hears(x, y), hears(y, x)) {
        (false, _) => None,
        (true, false) => Some(if isis { "Initializing" } else { "Init" }),
        (true, true) if isis => Some("Up"),
        // What the database does not know of at all, as in a capture of hellos alone, is not called stuck.
        (true, true) if adjacent(x, y).unwrap_or(true) => Some("Full"),
        (true, true) => Some("ExStart"),
    }
}
