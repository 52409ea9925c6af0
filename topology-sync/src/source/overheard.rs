//! BMP and BGP in captures: what the speakers say, and which nodes they are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use twin::{Diagnostic, WallTime};

use crate::observation::{Fact, Observation, Observer, Said, Topic};
use crate::store::Store;

/// What BMP and BGP tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The words of the speakers.
    pub(super) words: Vec<Observation>,
    /// The routers that report by BMP, with their routes.
    #[cfg(feature = "bgp")]
    pub(super) routers: Vec<std::sync::Arc<crate::bgp::router::Router>>,
}

/// Whose words are whose.
pub(super) struct Adopted {
    /// The words, each in the name of the node that said it.
    pub(super) words: Vec<Observation>,
    /// The nodes by the speakers that they are.
    pub(super) nodes: BTreeMap<Observer, Observer>,
    /// Nodes that are none of those known before.
    pub(super) strangers: BTreeSet<String>,
}

/// What is said by BMP and BGP in a capture. Damage that ends the capture is told by the other reading of it.
#[cfg(feature = "bgp")]
pub(super) fn listen(file: &str, bytes: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Told {
    let mut words = Vec::new();
    let (tap, _) = crate::bgp::tap::read(file, bytes, &mut |word| words.push(word));
    diagnostics.extend(tap.diagnostics());
    Told { words, routers: tap.into_routers().map(std::sync::Arc::new).collect() }
}

/// Nothing, and a word that nothing was looked for.
#[cfg(not(feature = "bgp"))]
pub(super) fn listen(file: &str, _: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Told {
    Diagnostic::count(diagnostics, "bgp-not-read", || {
        format!("BMP and BGP were not looked for in captures such as {file}: this build is without them")
    });
    Told::default()
}

/// By what a node may be known again.
#[derive(Clone, Debug, Default)]
struct Marks {
    names: BTreeSet<String>,
    router_ids: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

impl Marks {
    fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::Node(node) => {
                self.names.extend(node.hostname.clone());
                self.router_ids.extend(node.router_id.clone());
            }
            Fact::Address(address) => {
                self.addresses.extend(Some(address.ip).filter(|ip| !ip.is_loopback()));
            }
            Fact::BgpPeer(peer) => self.addresses.extend(peer.local),
            _ => {}
        }
    }

    /// Speakers go by a name, a BGP identifier or an address.
    fn take_id(&mut self, id: &str) {
        if id.parse::<Ipv4Addr>().is_ok() {
            self.router_ids.insert(id.to_owned());
        }
        match id.parse() {
            Ok(ip) => drop(self.addresses.insert(ip)),
            Err(_) => drop(self.names.insert(id.to_owned())),
        }
    }
}

/// Gives the words of speakers to the nodes that these are, and says which speakers are none of the known nodes.
///
/// A speaker is the only node that has its router id, or else the only one that has an address of its sessions, or else
/// the only one that has its name, unless the two say different router ids. Speakers that are no known node and share a
/// router id are one.
pub(super) fn adopt(store: &Store, now: WallTime, words: Vec<Observation>) -> Adopted {
    let known = known(store, now);
    let mut speakers: BTreeMap<Observer, Marks> = BTreeMap::new();
    for word in &words {
        let marks = speakers.entry(word.observer.clone()).or_default();
        marks.take_id(word.observer.id());
        if let Said::Is(fact, _) = &word.said {
            marks.take(fact);
        }
    }
    let mut nodes: BTreeMap<Observer, Observer> = BTreeMap::new();
    let mut strangers: BTreeMap<Observer, &Marks> = BTreeMap::new();
    for (speaker, marks) in &speakers {
        match owner(&known, marks) {
            Some(node) => drop(nodes.insert(speaker.clone(), node)),
            None => drop(strangers.insert(speaker.clone(), marks)),
        }
    }
    let mut names = BTreeSet::new();
    for (speaker, marks) in &strangers {
        let name = stranger_name(speaker, marks, &strangers, &known);
        names.insert(name.clone());
        nodes.insert(speaker.clone(), Observer::node(&name));
    }
    let adopted = |word: Observation| Observation {
        observer: nodes.get(&word.observer).unwrap_or(&word.observer).clone(),
        ..word
    };
    Adopted { words: words.into_iter().map(adopted).collect(), nodes, strangers: names }
}

fn known(store: &Store, now: WallTime) -> BTreeMap<Observer, Marks> {
    let mut known = BTreeMap::new();
    for observer in store.observers().filter(|o| matches!(o, Observer::Node(_))) {
        let mut marks = Marks { names: [observer.id().to_owned()].into(), ..Marks::default() };
        for topic in [Topic::Node, Topic::Addresses, Topic::BgpPeers] {
            store.standing_on(observer, topic, now).for_each(|s| marks.take(s.fact));
        }
        known.insert(observer.clone(), marks);
    }
    known
}

fn owner(known: &BTreeMap<Observer, Marks>, speaker: &Marks) -> Option<Observer> {
    let only = |is_same: &dyn Fn(&Marks) -> bool| {
        let mut same = known.iter().filter(|(_, marks)| is_same(marks)).map(|(node, _)| node);
        same.next().filter(|_| same.next().is_none()).cloned()
    };
    let contradicts = |m: &Marks| {
        !m.router_ids.is_empty()
            && !speaker.router_ids.is_empty()
            && m.router_ids.is_disjoint(&speaker.router_ids)
    };
    only(&|m| !m.router_ids.is_disjoint(&speaker.router_ids))
        .or_else(|| only(&|m| !m.addresses.is_disjoint(&speaker.addresses)))
        .or_else(|| only(&|m| !m.names.is_disjoint(&speaker.names) && !contradicts(m)))
}

/// A stranger is called by the first name of those who have its router id, and never as a known node is.
fn stranger_name(
    speaker: &Observer,
    marks: &Marks,
    strangers: &BTreeMap<Observer, &Marks>,
    known: &BTreeMap<Observer, Marks>,
) -> String {
    let same = strangers.iter().filter(|(_, m)| !m.router_ids.is_disjoint(&marks.router_ids));
    let same: Vec<_> = same.map(|(o, _)| o.id()).collect();
    let named = same.iter().find(|id| id.parse::<IpAddr>().is_err());
    let name = named.or(same.first()).copied().unwrap_or(speaker.id());
    match (known.contains_key(&Observer::node(name)), marks.router_ids.first()) {
        (false, _) => name.to_owned(),
        (true, Some(id)) => format!("{name}@{id}"),
        (true, None) => format!("{name}@bgp"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Address, NodeInfo, Source};

    fn node(id: &str, name: Option<&str>, router_id: Option<&str>) -> Observation {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let info = NodeInfo { hostname: own(name), router_id: own(router_id), ..NodeInfo::default() };
        Observation::is(&Observer::node(id), Source::Bgp, WallTime::default(), Fact::Node(info))
    }

    fn address(id: &str, ip: &str) -> Observation {
        let fact = Address { port: "lo".to_owned(), ip: ip.parse().unwrap(), len: None };
        Observation::is(&Observer::node(id), Source::Kernel, WallTime::default(), Fact::Address(fact))
    }

    #[test]
    fn speakers_are_known_again_by_router_id_then_address_then_name() {
        let mut store = Store::default();
        store.extend([
            node("leaf1", None, Some("10.0.0.1")),
            address("leaf2", "10.0.0.2"),
            node("leaf3", Some("core"), None),
            node("leaf4", None, Some("10.0.0.4")),
            address("twin-a", "10.9.9.9"),
            address("twin-b", "10.9.9.9"),
        ]);
        let words = vec![
            node("10.0.0.1", None, Some("10.0.0.1")),
            node("10.0.0.2", None, Some("10.0.0.2")),
            node("core", None, Some("10.0.0.3")),
            node("leaf4", None, Some("10.0.0.44")),
            node("10.9.9.9", None, None),
            node("10.7.0.1", None, Some("10.7.0.1")),
            node("far", None, Some("10.7.0.1")),
        ];
        let Adopted { words, strangers, .. } = adopt(&store, WallTime::default(), words);
        let who: Vec<_> = words.iter().map(|w| w.observer.id()).collect();
        assert_eq!(who, ["leaf1", "leaf2", "leaf3", "leaf4@10.0.0.44", "10.9.9.9", "far", "far"]);
        assert_eq!(Vec::from_iter(strangers), ["10.9.9.9", "far", "leaf4@10.0.0.44"]);
    }
}
