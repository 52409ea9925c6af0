//! From a neighbour's word to a node and a port, through the peer's own interface table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use twin::MacAddr;

use super::device::{Device, Heard, Id, Interface};

/// What a search came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Match<T> {
    /// One candidate, and by what it was found.
    Found(T, String),
    /// Nobody is like that.
    Unknown,
    /// Several candidates, or one that contradicts itself; why.
    Unclear(String),
}

/// Indexes over all nodes' own words.
pub(super) struct Directory<'a> {
    devices: &'a [Device],
    by_chassis: BTreeMap<&'a Id, BTreeSet<usize>>,
    by_mac: BTreeMap<MacAddr, BTreeSet<usize>>,
    by_address: BTreeMap<IpAddr, BTreeSet<(usize, &'a str)>>,
    by_name: BTreeMap<&'a str, BTreeSet<usize>>,
}

impl<'a> Directory<'a> {
    /// Indexes chassis ids, hardware addresses, addresses and system names.
    pub(super) fn new(devices: &'a [Device]) -> Self {
        let mut directory = Self {
            devices,
            by_chassis: BTreeMap::new(),
            by_mac: BTreeMap::new(),
            by_address: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        for (i, device) in devices.iter().enumerate() {
            directory.add(i, device);
        }
        directory
    }

    fn add(&mut self, i: usize, device: &'a Device) {
        let own = device.chassis.as_ref();
        if let Some(chassis) = own {
            self.by_chassis.entry(&chassis.id).or_default().insert(i);
        }
        let name = own.and_then(|c| c.name.as_deref()).unwrap_or(&device.name);
        self.by_name.entry(name).or_default().insert(i);
        for (port, interface) in &device.interfaces {
            if let Some(mac) = interface.port.mac {
                self.by_mac.entry(mac).or_default().insert(i);
            }
            for ip in interface.ips().into_iter().filter(|ip| is_global(*ip)) {
                self.by_address.entry(ip).or_default().insert((i, port));
            }
        }
    }

    /// The ports that have an address, on nodes other than `asking`.
    pub(super) fn owners(&self, address: IpAddr, asking: usize) -> Vec<(usize, &'a str)> {
        let owners = self.by_address.get(&address).into_iter().flatten();
        owners.copied().filter(|(device, _)| *device != asking).collect()
    }

    /// The node and port that sent what was heard.
    pub(super) fn sender(&self, heard: &Heard) -> Match<(usize, &'a str)> {
        let (device, how) = match self.device(heard) {
            Match::Found(device, how) => (device, how),
            Match::Unknown => return Match::Unknown,
            Match::Unclear(why) => return Match::Unclear(why),
        };
        match port(&self.devices[device], heard) {
            Match::Found(port, by) => {
                Match::Found((device, port), format!("node by {how}, port {} by {by}", heard.port))
            }
            Match::Unclear(why) => Match::Unclear(why),
            Match::Unknown => {
                let name = &self.devices[device].name;
                Match::Unclear(format!("{name} (by {how}) has no port {}", heard.port))
            }
        }
    }

    /// Chassis id, then chassis MAC among all interfaces, port MAC, management address; the system name last, and only
    /// where the node's own chassis id does not contradict it.
    fn device(&self, heard: &Heard) -> Match<usize> {
        let chassis = &heard.chassis;
        let mac = |id: &Id| id.kind == "mac" && id.value.parse::<MacAddr>().is_ok();
        let owners = |id: &Id| id.value.parse().ok().and_then(|m| self.by_mac.get(&m)).cloned();
        let by_mac = |id: &Id| if mac(id) { owners(id).unwrap_or_default() } else { BTreeSet::new() };
        let agrees = |i: &usize| self.devices[*i].chassis.as_ref().is_none_or(|c| c.id == chassis.id);
        let managed = chassis.management.iter().filter_map(|ip| self.by_address.get(ip)).flatten();
        let named = chassis.name.as_deref().and_then(|n| self.by_name.get(n)).into_iter().flatten();
        let tries = [
            ("chassis id", self.by_chassis.get(&chassis.id).cloned().unwrap_or_default()),
            ("chassis MAC", by_mac(&chassis.id)),
            ("port MAC", by_mac(&heard.port)),
            ("management address", managed.map(|(i, _)| *i).filter(agrees).collect()),
            ("system name", named.copied().filter(agrees).collect()),
        ];
        for (how, candidates) in tries {
            match candidates.len() {
                0 => {}
                1 => return Match::Found(candidates.into_iter().next().expect("one"), how.into()),
                _ => return self.narrow(&candidates, heard, how),
            }
        }
        Match::Unknown
    }

    /// Among several nodes, the only one that has the port.
    fn narrow(&self, candidates: &BTreeSet<usize>, heard: &Heard, how: &str) -> Match<usize> {
        let has_port = |i: &&usize| matches!(port(&self.devices[**i], heard), Match::Found(..));
        let with_port: Vec<_> = candidates.iter().filter(has_port).collect();
        if let [only] = with_port.as_slice() {
            return Match::Found(**only, format!("{how} and port"));
        }
        let names: Vec<_> = candidates.iter().map(|i| self.devices[*i].name.as_str()).collect();
        Match::Unclear(format!("chassis {} fits {} by {how}", heard.chassis.id, names.join(", ")))
    }
}

/// A port of a device by what its LLDP frames say: the port id that the device itself says it sends, then the id by its
/// kind, then the description.
fn port<'a>(device: &'a Device, heard: &Heard) -> Match<&'a str> {
    let id = &heard.port;
    type Test<'t> = &'t dyn Fn(&str, &Interface) -> bool;
    let advertised: Test<'_> = &|_, i| i.advertised.as_ref() == Some(id);
    let mac: Test<'_> = &|_, i| id.kind == "mac" && i.port.mac.is_some_and(|m| m.to_string() == id.value);
    let address: Test<'_> =
        &|_, i| id.value.parse().is_ok_and(|ip: IpAddr| i.port.addresses.iter().any(|a| a.ip == ip));
    let name: Test<'_> = &|n, _| n == id.value;
    let index: Test<'_> =
        &|_, i| id.kind == "local" && i.port.ifindex.is_some_and(|x| x.to_string() == id.value);
    let alias: Test<'_> = &|_, i| i.port.alias.as_deref() == Some(&id.value);
    let description: Test<'_> = &|n, _| heard.description.as_deref() == Some(n);
    let tries = [
        ("the port id it sends", advertised),
        ("MAC", mac),
        ("interface name", name),
        ("interface index", index),
        ("address", address),
        ("alias", alias),
        ("description", description),
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
    Match::Unknown
}

fn settle<'a>(device: &'a Device, several: &[&'a str], heard: &Heard, how: &str) -> Match<&'a str> {
    let described = several.iter().find(|n| heard.description.as_deref() == Some(**n));
    let physical: Vec<_> = several.iter().filter(|n| !device.interfaces[**n].logical).collect();
    match (described, physical.as_slice()) {
        (Some(port), _) => Match::Found(port, format!("{how} and description")),
        (None, [port]) => Match::Found(port, format!("{how}, the physical one")),
        _ => Match::Unclear(format!("port {} fits {} of {}", heard.port, several.join(", "), device.name)),
    }
}

fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::device::Chassis;
    use super::*;

    fn device(name: &str, chassis: Option<&str>, ports: &[(&str, &str)]) -> Device {
        let mut device = Device::new(name);
        device.chassis = chassis.map(|c| said(c, Some(name)));
        for (port, mac) in ports {
            device.interface(port).set_mac(mac.parse().ok());
        }
        device
    }

    fn said(chassis: &str, name: Option<&str>) -> Chassis {
        Chassis {
            id: Id { kind: "mac".into(), value: chassis.into() },
            name: name.map(str::to_owned),
            management: Vec::new(),
            router: false,
            bridge: false,
        }
    }

    fn heard(chassis: &str, name: Option<&str>, kind: &str, port: &str) -> Heard {
        let port = Id { kind: kind.into(), value: port.into() };
        Heard { on: "x".into(), chassis: said(chassis, name), port, description: None }
    }

    const A1: &str = "02:00:00:00:0a:01";
    const A2: &str = "02:00:00:00:0a:02";
    const B1: &str = "02:00:00:00:0b:01";
    const OTHER: &str = "02:00:00:00:ff:ff";

    #[test]
    fn the_chassis_mac_is_any_of_the_nodes_and_the_port_mac_decides_the_port() {
        let devices = [device("a", None, &[("e1", A1), ("e2", A2)]), device("b", None, &[("e1", B1)])];
        let directory = Directory::new(&devices);
        let Match::Found(found, how) = directory.sender(&heard(A1, None, "mac", A2)) else { panic!() };
        assert_eq!(
            (found, how.as_str()),
            ((0, "e2"), "node by chassis MAC, port mac 02:00:00:00:0a:02 by MAC")
        );
    }

    #[test]
    fn a_name_never_beats_a_chassis_id_that_contradicts_it() {
        let devices = [device("a", Some(A1), &[("e1", A1)]), device("b", None, &[("e1", B1)])];
        let directory = Directory::new(&devices);
        assert_eq!(directory.sender(&heard(OTHER, Some("a"), "ifname", "e1")), Match::Unknown);
        let Match::Found(found, _) = directory.sender(&heard(OTHER, Some("b"), "ifname", "e1")) else {
            panic!()
        };
        assert_eq!(found, (1, "e1"), "b never said its chassis id: its name may serve");
    }

    #[test]
    fn two_nodes_of_one_name_stay_two() {
        let devices = [device("x", None, &[("e1", A1)]), device("y", None, &[("e1", B1)])];
        let twins = devices.map(|mut d| {
            d.name = "same".into();
            d
        });
        let directory = Directory::new(&twins);
        let Match::Unclear(why) = directory.sender(&heard(OTHER, Some("same"), "ifname", "e1")) else {
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
        let devices = [device("a", Some(A1), &[("e1", A1)])];
        let directory = Directory::new(&devices);
        let Match::Unclear(why) = directory.sender(&heard(A1, None, "ifname", "e9")) else { panic!() };
        assert_eq!(why, "a (by chassis id) has no port ifname e9");
    }
}
