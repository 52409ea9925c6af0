//! From a neighbour's word to a node and a port, through the peer's own interface table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use twin::MacAddr;

use super::claim::NodeId;
use super::device::{Device, Interface};
use crate::observation::{Id, LldpNeighbor};

/// What a search came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Match<T> {
    /// One candidate, and by what it was found.
    Found(T, String),
    /// Nobody is like that; why.
    Unknown(String),
    /// Several candidates.
    Ambiguous(String),
    /// One node, and a port that it does not have.
    NoPort(String),
}

/// Something by which a node is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// Its own LLDP chassis id.
    Chassis(Id),
    /// A hardware address of an interface.
    Mac(MacAddr),
    /// An address of an interface.
    Address(IpAddr),
    /// Its system name in LLDP, its host name, or its id.
    Name(Arc<str>),
    /// Its IGP router id.
    Router(Arc<str>),
    /// Its IS-IS system id.
    System(Arc<str>),
}

/// Indexes over all nodes' own words.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    devices: BTreeMap<NodeId, Arc<Device>>,
    owners: BTreeMap<Key, Vec<NodeId>>,
}

impl Directory {
    /// Puts a device in the place of the one of this number; the keys that changed hands.
    pub(crate) fn replace(&mut self, node: NodeId, device: Option<Arc<Device>>) -> BTreeSet<Key> {
        let before = self.devices.get(&node).map(|d| keys(d)).unwrap_or_default();
        let after = device.as_ref().map(|d| keys(d)).unwrap_or_default();
        for key in before.difference(&after) {
            if let Some(owners) = self.owners.get_mut(key) {
                owners.retain(|n| *n != node);
                if owners.is_empty() {
                    self.owners.remove(key);
                }
            }
        }
        for key in after.difference(&before) {
            self.owners.entry(key.clone()).or_default().push(node);
        }
        match device {
            Some(device) => self.devices.insert(node, device),
            None => self.devices.remove(&node),
        };
        before.symmetric_difference(&after).cloned().collect()
    }

    /// A node's words.
    pub(crate) fn device(&self, node: NodeId) -> Option<&Arc<Device>> {
        self.devices.get(&node)
    }

    /// The nodes that are known by a key.
    pub(crate) fn owners(&self, key: &Key) -> &[NodeId] {
        self.owners.get(key).map_or(&[], Vec::as_slice)
    }

    /// The ports that have an address, on nodes other than `asking`.
    pub(crate) fn ports_of_address(&self, ip: IpAddr, asking: NodeId) -> Vec<(NodeId, &str)> {
        self.ports_where(&Key::Address(ip), asking, |i| i.ips().any(|own| own == ip))
    }

    /// The ports that have a hardware address, on nodes other than `asking`; of several ports of one node those that a
    /// cable can end at.
    pub(crate) fn ports_of_mac(&self, mac: MacAddr, asking: NodeId) -> Vec<(NodeId, &str)> {
        let all = self.ports_where(&Key::Mac(mac), asking, |i| i.link.mac == Some(mac));
        let real = |(n, p): &&(NodeId, &str)| !self.devices[n].interfaces[*p].is_logical();
        if all.len() > 1 { all.iter().filter(real).copied().collect() } else { all }
    }

    fn ports_where(
        &self,
        key: &Key,
        asking: NodeId,
        has: impl Fn(&Interface) -> bool,
    ) -> Vec<(NodeId, &str)> {
        let others = self.owners(key).iter().filter(|n| **n != asking);
        others
            .filter_map(|n| Some((*n, self.devices.get(n)?)))
            .flat_map(|(n, d)| d.interfaces_where(|_, i| has(i)).into_iter().map(move |p| (n, p)))
            .collect()
    }

    /// The node and port that sent what was heard.
    pub(crate) fn sender(&self, heard: &LldpNeighbor) -> Match<(NodeId, &str)> {
        let (node, how) = match self.sending_node(heard) {
            Match::Found(node, how) => (node, how),
            Match::Unknown(why) => return Match::Unknown(why),
            Match::Ambiguous(why) | Match::NoPort(why) => return Match::Ambiguous(why),
        };
        let device = &self.devices[&node];
        match port(device, heard) {
            Match::Found(port, by) => {
                Match::Found((node, port), format!("node by {how}, port {} by {by}", heard.port))
            }
            Match::Ambiguous(why) => Match::Ambiguous(why),
            Match::Unknown(_) | Match::NoPort(_) => {
                Match::NoPort(format!("{} (by {how}) has no port {}", device.name, heard.port))
            }
        }
    }

    /// Chassis id, then chassis MAC among all interfaces, port MAC, management address; the system name last, and only
    /// where the node's own chassis id does not contradict it.
    fn sending_node(&self, heard: &LldpNeighbor) -> Match<NodeId> {
        let chassis = &heard.chassis;
        let by_mac = |id: &Id| self.owners_of_mac(id);
        let frame = || heard.mac.map(|m| self.owners(&Key::Mac(m)).to_vec()).unwrap_or_default();
        let agrees = |n: &NodeId| {
            self.devices.get(n).is_some_and(|d| d.chassis.as_ref().is_none_or(|c| c.id == chassis.id))
        };
        let agreeing = |keys: Vec<Key>| -> Vec<NodeId> {
            keys.iter().flat_map(|k| self.owners(k)).copied().filter(agrees).collect()
        };
        type Search<'s> = &'s dyn Fn() -> Vec<NodeId>;
        let tries: [(&str, Search<'_>); 6] = [
            ("chassis id", &|| self.owners(&Key::Chassis(chassis.id.clone())).to_vec()),
            ("chassis MAC", &|| by_mac(&chassis.id)),
            ("port MAC", &|| by_mac(&heard.port)),
            ("source MAC", &frame),
            ("management address", &|| {
                agreeing(chassis.management.iter().map(|ip| Key::Address(*ip)).collect())
            }),
            ("system name", &|| {
                agreeing(chassis.name.iter().map(|n| Key::Name(Arc::from(n.as_str()))).collect())
            }),
        ];
        for (how, search) in tries {
            let mut candidates = search();
            candidates.sort_unstable();
            candidates.dedup();
            match candidates.as_slice() {
                [] => {}
                [only] => return Match::Found(*only, how.into()),
                _ => return self.narrow(&candidates, heard, how),
            }
        }
        Match::Unknown(format!("no node has chassis {}", chassis.id))
    }

    fn owners_of_mac(&self, id: &Id) -> Vec<NodeId> {
        let mac = (id.kind == "mac").then(|| id.value.parse().ok()).flatten();
        mac.map(|m| self.owners(&Key::Mac(m)).to_vec()).unwrap_or_default()
    }

    /// Among several nodes, the only one that has the port.
    fn narrow(&self, candidates: &[NodeId], heard: &LldpNeighbor, how: &str) -> Match<NodeId> {
        let has_port = |n: &&NodeId| matches!(port(&self.devices[n], heard), Match::Found(..));
        let with_port: Vec<_> = candidates.iter().filter(has_port).collect();
        if let [only] = with_port.as_slice() {
            return Match::Found(**only, format!("{how} and port"));
        }
        let mut names: Vec<_> = candidates.iter().map(|n| &*self.devices[n].name).collect();
        names.sort_unstable();
        Match::Ambiguous(format!("chassis {} fits {} by {how}", heard.chassis.id, names.join(", ")))
    }
}

/// By what a device is known.
fn keys(device: &Device) -> BTreeSet<Key> {
    let name = |n: &str| Key::Name(Arc::from(n));
    let own = device.chassis.as_ref();
    let mut keys = BTreeSet::from([name(&device.name)]);
    keys.extend(own.map(|c| Key::Chassis(c.id.clone())));
    keys.extend(own.and_then(|c| c.name.as_deref()).map(name));
    keys.extend(device.node.hostname.as_deref().map(name));
    keys.extend(device.node.router_id.as_deref().map(|r| Key::Router(Arc::from(r))));
    keys.extend(device.node.system_id.as_deref().map(|s| Key::System(Arc::from(s))));
    for interface in device.interfaces.values() {
        keys.extend(interface.link.mac.map(Key::Mac));
        keys.extend(interface.link.permanent_mac.map(Key::Mac));
        keys.extend(interface.ips().filter(|ip| is_global(*ip)).map(Key::Address));
    }
    keys
}

/// The keys by which a neighbour that was heard is looked up.
pub(crate) fn asked(heard: &LldpNeighbor) -> Vec<Key> {
    let chassis = &heard.chassis;
    let mac = |id: &Id| (id.kind == "mac").then(|| id.value.parse().ok()).flatten().map(Key::Mac);
    let mut keys = vec![Key::Chassis(chassis.id.clone())];
    keys.extend(mac(&chassis.id).into_iter().chain(mac(&heard.port)).chain(heard.mac.map(Key::Mac)));
    keys.extend(chassis.management.iter().map(|ip| Key::Address(*ip)));
    keys.extend(chassis.name.as_deref().map(|n| Key::Name(Arc::from(n))));
    keys
}

/// A port of a device by what its LLDP frames say: the port id that the device itself says it sends, then the id by its
/// kind, then the description.
fn port<'a>(device: &'a Device, heard: &LldpNeighbor) -> Match<&'a str> {
    let id = &heard.port;
    let mac: Option<MacAddr> = (id.kind == "mac").then(|| id.value.parse().ok()).flatten();
    let address: Option<IpAddr> = id.value.parse().ok();
    let index: Option<u32> = id.value.parse().ok();
    type Test<'t> = &'t dyn Fn(&str, &Interface) -> bool;
    let has_mac = |i: &Interface, mac: Option<MacAddr>| {
        mac.is_some() && (i.link.mac == mac || i.link.permanent_mac == mac)
    };
    let alias: Test<'_> = &|_, i| i.link.alias.as_deref() == Some(id.value.as_str());
    // An alias may be the name of another port: what the id says it is comes first.
    let is_alias: Test<'_> = &|n, i| id.kind == "ifalias" && alias(n, i);
    let tries: [(&str, Test<'_>); 9] = [
        ("the port id it sends", &|_, i| i.advertised.as_ref() == Some(id)),
        ("MAC", &|_, i| has_mac(i, mac)),
        ("alias", is_alias),
        ("interface name", &|n, _| n == id.value),
        ("interface index", &|_, i| id.kind == "local" && index.is_some() && i.link.ifindex == index),
        ("address", &|_, i| address.is_some_and(|ip| i.ips().any(|own| own == ip))),
        ("alias", alias),
        ("description", &|n, _| heard.description.as_deref() == Some(n)),
        ("source MAC", &|_, i| has_mac(i, heard.mac)),
    ];
    for (how, test) in tries {
        let found = device.interfaces_where(test);
        match found.as_slice() {
            [] => {}
            [only] => return Match::Found(only, how.into()),
            // Sub-interfaces and bond members share a MAC: the description or the physical port decides.
            several => return settle(device, several, heard, how),
        }
    }
    Match::Unknown(String::new())
}

fn settle<'a>(device: &'a Device, several: &[&'a str], heard: &LldpNeighbor, how: &str) -> Match<&'a str> {
    let described = several.iter().find(|n| heard.description.as_deref() == Some(**n));
    let physical: Vec<_> = several.iter().filter(|n| !device.interfaces[**n].is_logical()).collect();
    match (described, physical.as_slice()) {
        (Some(port), _) => Match::Found(port, format!("{how} and description")),
        (None, [port]) => Match::Found(port, format!("{how}, the physical one")),
        _ => Match::Ambiguous(format!("port {} fits {} of {}", heard.port, several.join(", "), device.name)),
    }
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
                device.interface(port).link.mac = mac.parse().ok();
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

    const A1: &str = "02:00:00:00:0a:01";
    const A2: &str = "02:00:00:00:0a:02";
    const B1: &str = "02:00:00:00:0b:01";
    const OTHER: &str = "02:00:00:00:ff:ff";

    #[test]
    fn the_chassis_mac_is_any_of_the_nodes_and_the_port_mac_decides_the_port() {
        let directory = directory(&[("a", None, &[("e1", A1), ("e2", A2)]), ("b", None, &[("e1", B1)])]);
        let Match::Found(found, how) = directory.sender(&heard(A1, None, "mac", A2)) else { panic!() };
        assert_eq!(
            (found, how.as_str()),
            ((0, "e2"), "node by chassis MAC, port mac 02:00:00:00:0a:02 by MAC")
        );
    }

    #[test]
    fn a_name_never_beats_a_chassis_id_that_contradicts_it() {
        let directory = directory(&[("a", Some(A1), &[("e1", A1)]), ("b", None, &[("e1", B1)])]);
        let unknown = directory.sender(&heard(OTHER, Some("a"), "ifname", "e1"));
        assert!(matches!(unknown, Match::Unknown(_)), "{unknown:?}");
        let Match::Found(found, _) = directory.sender(&heard(OTHER, Some("b"), "ifname", "e1")) else {
            panic!()
        };
        assert_eq!(found, (1, "e1"), "b never said its chassis id: its name may serve");
    }

    #[test]
    fn two_nodes_of_one_name_stay_two() {
        let directory = directory(&[("same", None, &[("e1", A1)]), ("same", None, &[("e1", B1)])]);
        let Match::Ambiguous(why) = directory.sender(&heard(OTHER, Some("same"), "ifname", "e1")) else {
            panic!()
        };
        assert!(why.contains("fits same, same by system name"), "{why}");
        let Match::Found(found, _) = directory.sender(&heard(B1, Some("same"), "ifname", "e1")) else {
            panic!()
        };
        assert_eq!(found, (1, "e1"));
    }

    #[test]
    fn a_port_that_the_peer_does_not_have_is_said_so() {
        let directory = directory(&[("a", Some(A1), &[("e1", A1)])]);
        let Match::NoPort(why) = directory.sender(&heard(A1, None, "ifname", "e9")) else { panic!() };
        assert_eq!(why, "a (by chassis id) has no port ifname e9");
    }

    #[test]
    fn an_alias_that_is_another_ports_name_means_its_own_port() {
        let mut device = Device { name: "a".into(), ..Device::default() };
        device.interface("e1").link.alias = Some("e2".into());
        device.interface("e2").link.mac = A2.parse().ok();
        let mut of_alias = heard(A2, None, "ifalias", "e2");
        assert!(matches!(port(&device, &of_alias), Match::Found("e1", _)));
        of_alias.port.kind = "ifname".into();
        assert!(matches!(port(&device, &of_alias), Match::Found("e2", _)));
    }

    #[test]
    fn a_key_that_changes_hands_is_told() {
        let mut directory = directory(&[("a", Some(A1), &[("e1", A1)])]);
        let renamed = Device { name: Arc::from("b"), ..Device::default() };
        let changed = directory.replace(0, Some(Arc::new(renamed)));
        assert!(changed.contains(&Key::Name("a".into())) && changed.contains(&Key::Mac(A1.parse().unwrap())));
        assert!(directory.owners(&Key::Name("a".into())).is_empty());
        assert_eq!(directory.owners(&Key::Name("b".into())), [0]);
    }
}
