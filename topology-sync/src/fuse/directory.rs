//! From a neighbour's word to a node and a port, through the peer's own interface table.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::iter;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use twin::MacAddr;

use super::claim::NodeId;
use super::device::{Device, Interface};
use super::port::{Ids, ids, mac_of, port};
use crate::observation::{Id, LldpNeighbor};

/// What a search came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match<T> {
    /// One candidate, and by what it was found.
    Found(T, Cow<'static, str>),
    /// Nobody is like that; why.
    Unknown(String),
    /// Several candidates.
    Ambiguous(String),
    /// One node, and a port that it does not have.
    NoPort(String),
}

/// Something by which a node is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key<'a> {
    /// Its own LLDP chassis id.
    Chassis(&'a Id),
    /// A hardware address of an interface.
    Mac(MacAddr),
    /// An address of an interface.
    Address(IpAddr),
    /// Its system name in LLDP, its host name, or its id.
    Name(&'a str),
    /// Its IGP router id.
    Router(&'a str),
    /// Its IS-IS system id.
    System(&'a str),
}

impl Key<'_> {
    /// The hash of a key, the same in every run: it decides where and when is looked, never what comes out.
    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }
}

/// A key that is kept.
#[derive(Debug)]
enum Kept {
    Chassis(Box<Id>),
    Mac(MacAddr),
    Address(IpAddr),
    Name(Box<str>),
    Router(Box<str>),
    System(Box<str>),
}

impl Kept {
    fn of(key: Key<'_>) -> Self {
        match key {
            Key::Chassis(id) => Self::Chassis(Box::new(id.clone())),
            Key::Mac(mac) => Self::Mac(mac),
            Key::Address(ip) => Self::Address(ip),
            Key::Name(name) => Self::Name(name.into()),
            Key::Router(id) => Self::Router(id.into()),
            Key::System(id) => Self::System(id.into()),
        }
    }

    fn key(&self) -> Key<'_> {
        match self {
            Self::Chassis(id) => Key::Chassis(id),
            Self::Mac(mac) => Key::Mac(*mac),
            Self::Address(ip) => Key::Address(*ip),
            Self::Name(name) => Key::Name(name),
            Self::Router(id) => Key::Router(id),
            Self::System(id) => Key::System(id),
        }
    }
}

/// What was looked up, and so on what the answers depend.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Looked {
    /// Hashes of the keys.
    pub(crate) keys: Vec<u64>,
    /// The nodes whose tables were looked into.
    pub(crate) nodes: Vec<NodeId>,
}

/// The nodes that are known by one key: one, nearly always.
#[derive(Debug)]
enum Owners {
    One([NodeId; 1]),
    Several(Vec<NodeId>),
}

impl Owners {
    fn as_slice(&self) -> &[NodeId] {
        match self {
            Self::One(one) => one,
            Self::Several(several) => several,
        }
    }
}

/// Indexes over all nodes' own words.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// By node number.
    devices: Vec<Option<Arc<Device>>>,
    /// Of each node's interfaces in the order of their names, what is asked for most, side by side.
    ids: Vec<Box<[Ids]>>,
    /// Looked up, never gone through: its order is no order.
    owners: HashTable<(u64, Kept, Owners)>,
}

impl Directory {
    /// Puts a device in the place of the one of this number; the hashes of the keys that changed hands.
    pub(crate) fn replace(&mut self, node: NodeId, device: Option<Arc<Device>>) -> Vec<u64> {
        if self.devices.len() <= node {
            self.devices.resize(node + 1, None);
            self.ids.resize(node + 1, Box::default());
        }
        self.ids[node] = device.as_deref().map(ids).unwrap_or_default();
        let known = std::mem::replace(&mut self.devices[node], device.clone());
        let before = known.as_deref().map(keys).unwrap_or_default();
        let after = device.as_deref().map(keys).unwrap_or_default();
        let mut changed = Vec::new();
        for key in before.iter().filter(|k| after.binary_search(k).is_err()) {
            changed.push(key.hash());
            self.disown(*key, node);
        }
        for key in after.iter().filter(|k| before.binary_search(k).is_err()) {
            changed.push(key.hash());
            self.own(*key, node);
        }
        changed
    }

    fn own(&mut self, key: Key<'_>, node: NodeId) {
        let hash = key.hash();
        let place = self.owners.entry(hash, |(h, kept, _)| *h == hash && kept.key() == key, |(h, ..)| *h);
        match place {
            Entry::Vacant(place) => drop(place.insert((hash, Kept::of(key), Owners::One([node])))),
            Entry::Occupied(mut place) => {
                let owners = &mut place.get_mut().2;
                *owners = Owners::Several([owners.as_slice(), &[node]].concat());
            }
        }
    }

    fn disown(&mut self, key: Key<'_>, node: NodeId) {
        let hash = key.hash();
        let place = self.owners.find_entry(hash, |(h, kept, _)| *h == hash && kept.key() == key);
        let Ok(mut place) = place else { return };
        let owners = &mut place.get_mut().2;
        let left: Vec<_> = owners.as_slice().iter().copied().filter(|n| *n != node).collect();
        match left[..] {
            [] => drop(place.remove()),
            [one] => *owners = Owners::One([one]),
            _ => *owners = Owners::Several(left),
        }
    }

    /// A node's words.
    pub(crate) fn device(&self, node: NodeId) -> Option<&Arc<Device>> {
        self.devices.get(node)?.as_ref()
    }

    /// The nodes that are known by a key, in the order in which they came to be.
    pub(crate) fn owners(&self, key: Key<'_>) -> &[NodeId] {
        self.owners_of(key, key.hash())
    }

    /// The same, remembered: whoever gets or loses the key, and whatever becomes of them, may change what comes of it.
    fn look(&self, key: Key<'_>, looked: &mut Looked) -> &[NodeId] {
        let hash = key.hash();
        let owners = self.owners_of(key, hash);
        looked.keys.push(hash);
        looked.nodes.extend(owners);
        owners
    }

    fn owners_of(&self, key: Key<'_>, hash: u64) -> &[NodeId] {
        let found = self.owners.find(hash, |(h, kept, _)| *h == hash && kept.key() == key);
        found.map_or(&[], |(_, _, owners)| owners.as_slice())
    }

    /// The ports that have an address, on nodes other than `asking`.
    pub(crate) fn ports_of_address(&self, ip: IpAddr, asking: NodeId) -> Vec<(NodeId, &str)> {
        self.ports_where(Key::Address(ip), asking, |i| i.ips().any(|own| own == ip))
    }

    /// The ports that have a hardware address, on nodes other than `asking`; of several ports of one node those that a
    /// cable can end at.
    pub(crate) fn ports_of_mac(&self, mac: MacAddr, asking: NodeId) -> Vec<(NodeId, &str)> {
        let all = self.ports_where(Key::Mac(mac), asking, |i| i.link.mac == Some(mac));
        let real = |(n, p): &&(NodeId, &str)| {
            self.device(*n).and_then(|d| d.interfaces.get(*p)).is_some_and(|i| !i.is_logical())
        };
        if all.len() > 1 { all.iter().filter(real).copied().collect() } else { all }
    }

    fn ports_where(
        &self,
        key: Key<'_>,
        asking: NodeId,
        has: impl Fn(&Interface) -> bool,
    ) -> Vec<(NodeId, &str)> {
        let others = self.owners(key).iter().filter(|n| **n != asking);
        others
            .filter_map(|n| Some((*n, self.device(*n)?)))
            .flat_map(|(n, d)| d.interfaces_where(|_, i| has(i)).into_iter().map(move |p| (n, p)))
            .collect()
    }

    /// The node and port that sent what was heard.
    pub(crate) fn sender(&self, heard: &LldpNeighbor, looked: &mut Looked) -> Match<(NodeId, &Arc<str>)> {
        let (node, how) = match self.sending_node(heard, looked) {
            Match::Found(node, how) => (node, how),
            Match::Unknown(why) => return Match::Unknown(why),
            Match::Ambiguous(why) | Match::NoPort(why) => return Match::Ambiguous(why),
        };
        let Some(device) = self.device(node) else { return Match::Unknown(String::new()) };
        match port(device, &self.ids[node], heard) {
            Match::Found(port, by) => {
                let Id { kind, value } = &heard.port;
                let how = ["node by ", &how, ", port ", kind, " ", value, " by ", &by].concat();
                Match::Found((node, port), how.into())
            }
            Match::Ambiguous(why) => Match::Ambiguous(why),
            Match::Unknown(_) | Match::NoPort(_) => {
                Match::NoPort(format!("{} (by {how}) has no port {}", device.name, heard.port))
            }
        }
    }

    /// Chassis id, then chassis MAC among all interfaces, port MAC, management address; the system name last, and only
    /// where the node's own chassis id does not contradict it.
    fn sending_node(&self, heard: &LldpNeighbor, looked: &mut Looked) -> Match<NodeId> {
        let chassis = &heard.chassis;
        let agrees = |n: &NodeId| {
            self.device(*n).is_some_and(|d| d.chassis.as_ref().is_none_or(|c| c.id == chassis.id))
        };
        let mut addresses = chassis.management.iter().map(|ip| Key::Address(*ip));
        type Keys<'k> = &'k mut dyn Iterator<Item = Key<'k>>;
        // By what, the keys, and whether what a node says of itself may contradict them.
        let tries: [(&'static str, Keys<'_>, bool); 6] = [
            ("chassis id", &mut iter::once(Key::Chassis(&chassis.id)), false),
            ("chassis MAC", &mut iter::once_with(|| mac_of(&chassis.id)).flatten().map(Key::Mac), false),
            ("port MAC", &mut iter::once_with(|| mac_of(&heard.port)).flatten().map(Key::Mac), false),
            ("source MAC", &mut heard.mac.map(Key::Mac).into_iter(), false),
            ("management address", &mut addresses, true),
            ("system name", &mut chassis.name.as_deref().map(Key::Name).into_iter(), true),
        ];
        for (how, keys, contradicts) in tries {
            let mut candidates: Vec<NodeId> = Vec::new();
            for key in keys {
                let owners = self.look(key, looked);
                candidates.extend(owners.iter().filter(|n| !contradicts || agrees(n)));
            }
            candidates.sort_unstable();
            candidates.dedup();
            match candidates[..] {
                [] => {}
                [only] => return Match::Found(only, how.into()),
                _ => return self.narrow(&candidates, heard, how),
            }
        }
        Match::Unknown(format!("no node has chassis {}", chassis.id))
    }

    /// Among several nodes, the only one that has the port.
    fn narrow(&self, candidates: &[NodeId], heard: &LldpNeighbor, how: &str) -> Match<NodeId> {
        let devices = || candidates.iter().filter_map(|n| Some((*n, self.device(*n)?)));
        let has_port =
            |(n, d): &(NodeId, &Arc<Device>)| matches!(port(d, &self.ids[*n], heard), Match::Found(..));
        let with_port: Vec<_> = devices().filter(has_port).collect();
        if let [(only, _)] = with_port.as_slice() {
            return Match::Found(*only, format!("{how} and port").into());
        }
        let mut names: Vec<_> = devices().map(|(_, d)| &*d.name).collect();
        names.sort_unstable();
        Match::Ambiguous(format!("chassis {} fits {} by {how}", heard.chassis.id, names.join(", ")))
    }
}

/// By what a device is known, ascending.
fn keys(device: &Device) -> Vec<Key<'_>> {
    let own = device.chassis.as_ref();
    let mut keys = vec![Key::Name(&device.name)];
    keys.extend(own.map(|c| Key::Chassis(&c.id)));
    keys.extend(own.and_then(|c| c.name.as_deref()).map(Key::Name));
    keys.extend(device.node.hostname.as_deref().map(Key::Name));
    keys.extend(device.node.router_id.as_deref().map(Key::Router));
    keys.extend(device.node.system_id.as_deref().map(Key::System));
    for interface in device.interfaces.values() {
        keys.extend(interface.link.mac.map(Key::Mac));
        keys.extend(interface.link.permanent_mac.map(Key::Mac));
        keys.extend(interface.ips().filter(|ip| is_global(*ip)).map(Key::Address));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether an address means the same node everywhere.
pub(crate) fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Chassis;

    /// Name, chassis id, and ports with their hardware addresses.
    type Sample<'a> = (&'a str, Option<&'a str>, &'a [(&'a str, &'a str)]);

    fn directory(devices: &[Sample<'_>]) -> Directory {
        let mut directory = Directory::default();
        for (i, (name, chassis, ports)) in devices.iter().enumerate() {
            let mut device = Device { name: (*name).into(), ..Device::default() };
            device.chassis = chassis.map(|c| said(c, Some(name)));
            for (port, mac) in *ports {
                Arc::make_mut(&mut device.interface(port).link).mac = mac.parse().ok();
            }
            directory.replace(i, Some(Arc::new(device)));
        }
        directory
    }

    fn said(chassis: &str, name: Option<&str>) -> Chassis {
        Chassis {
            id: Id { kind: "mac".into(), value: chassis.into() },
            name: name.map(str::to_owned),
            description: None,
            management: Vec::new(),
            router: false,
            bridge: false,
        }
    }

    fn heard(chassis: &str, name: Option<&str>, kind: &str, port: &str) -> LldpNeighbor {
        LldpNeighbor {
            on: "x".into(),
            chassis: said(chassis, name),
            port: Id { kind: kind.into(), value: port.into() },
            description: None,
            aggregate: None,
            mac: None,
            max_frame: None,
        }
    }

    fn at((node, port): (NodeId, &Arc<str>)) -> (NodeId, &str) {
        (node, port)
    }

    const A1: &str = "02:00:00:00:0a:01";
    const A2: &str = "02:00:00:00:0a:02";
    const B1: &str = "02:00:00:00:0b:01";
    const OTHER: &str = "02:00:00:00:ff:ff";

    #[test]
    fn the_chassis_mac_is_any_of_the_nodes_and_the_port_mac_decides_the_port() {
        let directory = directory(&[("a", None, &[("e1", A1), ("e2", A2)]), ("b", None, &[("e1", B1)])]);
        let Match::Found(found, how) = directory.sender(&heard(A1, None, "mac", A2), &mut Looked::default())
        else {
            panic!()
        };
        assert_eq!((at(found), &*how), ((0, "e2"), "node by chassis MAC, port mac 02:00:00:00:0a:02 by MAC"));
    }

    #[test]
    fn a_name_never_beats_a_chassis_id_that_contradicts_it() {
        let directory = directory(&[("a", Some(A1), &[("e1", A1)]), ("b", None, &[("e1", B1)])]);
        let unknown = directory.sender(&heard(OTHER, Some("a"), "ifname", "e1"), &mut Looked::default());
        assert!(matches!(unknown, Match::Unknown(_)), "{unknown:?}");
        let Match::Found(found, _) =
            directory.sender(&heard(OTHER, Some("b"), "ifname", "e1"), &mut Looked::default())
        else {
            panic!()
        };
        assert_eq!(at(found), (1, "e1"), "b never said its chassis id: its name may serve");
    }

    #[test]
    fn two_nodes_of_one_name_stay_two() {
        let directory = directory(&[("same", None, &[("e1", A1)]), ("same", None, &[("e1", B1)])]);
        let Match::Ambiguous(why) =
            directory.sender(&heard(OTHER, Some("same"), "ifname", "e1"), &mut Looked::default())
        else {
            panic!()
        };
        assert!(why.contains("fits same, same by system name"), "{why}");
        let Match::Found(found, _) =
            directory.sender(&heard(B1, Some("same"), "ifname", "e1"), &mut Looked::default())
        else {
            panic!()
        };
        assert_eq!(at(found), (1, "e1"));
    }

    #[test]
    fn a_port_that_the_peer_does_not_have_is_said_so() {
        let directory = directory(&[("a", Some(A1), &[("e1", A1)])]);
        let Match::NoPort(why) = directory.sender(&heard(A1, None, "ifname", "e9"), &mut Looked::default())
        else {
            panic!()
        };
        assert_eq!(why, "a (by chassis id) has no port ifname e9");
    }

    #[test]
    fn a_key_that_changes_hands_is_told() {
        let mut directory = directory(&[("a", Some(A1), &[("e1", A1)])]);
        let renamed = Device { name: Arc::from("b"), ..Device::default() };
        let changed = directory.replace(0, Some(Arc::new(renamed)));
        assert!(
            changed.contains(&Key::Name("a").hash())
                && changed.contains(&Key::Mac(A1.parse().unwrap()).hash())
        );
        assert!(directory.owners(Key::Name("a")).is_empty());
        assert_eq!(directory.owners(Key::Name("b")), [0]);
    }
}
