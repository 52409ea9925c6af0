//! From what LLDP frames say of a port to a row of the sender's own interface table.

use std::cell::LazyCell;
use std::net::IpAddr;
use std::sync::Arc;

use twin::MacAddr;

use super::device::{Device, Interface};
use super::directory::Match;
use crate::observation::{Id, LldpNeighbor};

/// The ids of an interface.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    /// Its hardware address in use, and that of the part itself.
    macs: [Option<MacAddr>; 2],
    /// Whether it is known what id it sends in LLDP.
    sends: bool,
}

/// The ids of a device's interfaces, in the order of their names.
pub(crate) fn ids(device: &Device) -> Box<[Ids]> {
    let of =
        |i: &Arc<Interface>| Ids { macs: [i.link.mac, i.link.permanent_mac], sends: i.advertised.is_some() };
    device.interfaces.values().map(of).collect()
}

/// The hardware address that an id is.
pub(crate) fn mac_of(id: &Id) -> Option<MacAddr> {
    (id.kind == "mac").then(|| id.value.parse().ok()).flatten()
}

/// A port of a device by what its LLDP frames say: the port id that the device itself says it sends, then the id by its
/// kind, then the description.
pub(crate) fn port<'a>(device: &'a Device, ids: &[Ids], heard: &LldpNeighbor) -> Match<&'a Arc<str>> {
    let id = &heard.port;
    let address = LazyCell::new(|| id.value.parse::<IpAddr>().ok());
    let index = LazyCell::new(|| id.value.parse::<u32>().ok());
    let alias = |i: &Interface| i.link.alias.as_deref() == Some(id.value.as_str());
    // An alias may be the name of another port: what the id says it is comes first.
    let tries: [(&'static str, By<'_>); 9] = [
        ("the port id it sends", By::Sent(id)),
        ("MAC", By::Mac(mac_of(id))),
        ("alias", By::Row(&|_, i| id.kind == "ifalias" && alias(i))),
        ("interface name", By::Row(&|n, _| n == id.value)),
        (
            "interface index",
            By::Row(&|_, i| id.kind == "local" && index.is_some() && i.link.ifindex == *index),
        ),
        ("address", By::Row(&|_, i| address.is_some_and(|ip| i.ips().any(|own| own == ip)))),
        ("alias", By::Row(&|_, i| alias(i))),
        ("description", By::Row(&|n, _| heard.description.as_deref() == Some(n))),
        ("source MAC", By::Mac(heard.mac)),
    ];
    for (how, by) in tries {
        let told = match by {
            By::Row(test) => told(device.interfaces.iter().filter(|(n, i)| test(n, i)).map(|(n, _)| n)),
            By::Sent(id) if ids.iter().any(|i| i.sends) => told(
                device.interfaces.iter().filter(|(_, i)| i.advertised.as_ref() == Some(id)).map(|(n, _)| n),
            ),
            By::Mac(mac) if mac.is_some() => {
                told(device.interfaces.keys().zip(ids).filter(|(_, i)| i.macs.contains(&mac)).map(|(n, _)| n))
            }
            By::Sent(_) | By::Mac(_) => Told::Nothing,
        };
        match told {
            Told::Nothing => {}
            Told::One(only) => return Match::Found(only, how.into()),
            // Sub-interfaces and bond members share a MAC: the description or the physical port decides.
            Told::Several(several) => return settle(device, &several, heard, how),
        }
    }
    Match::Unknown(String::new())
}

/// By what a port is looked for.
enum By<'t> {
    /// The id that it sends.
    Sent(&'t Id),
    /// A hardware address.
    Mac(Option<MacAddr>),
    /// Its name or its row.
    Row(&'t dyn Fn(&str, &Interface) -> bool),
}

/// How many ports are like that.
enum Told<'a> {
    Nothing,
    One(&'a Arc<str>),
    Several(Vec<&'a Arc<str>>),
}

fn told<'a>(mut names: impl Iterator<Item = &'a Arc<str>>) -> Told<'a> {
    match (names.next(), names.next()) {
        (None, _) => Told::Nothing,
        (Some(only), None) => Told::One(only),
        (Some(one), Some(other)) => Told::Several([one, other].into_iter().chain(names).collect()),
    }
}

fn settle<'a>(
    device: &'a Device,
    several: &[&'a Arc<str>],
    heard: &LldpNeighbor,
    how: &str,
) -> Match<&'a Arc<str>> {
    let described = several.iter().find(|n| heard.description.as_deref() == Some(&***n));
    let physical: Vec<_> = several.iter().filter(|n| !device.interfaces[**n].is_logical()).collect();
    match (described, physical.as_slice()) {
        (Some(port), _) => Match::Found(port, format!("{how} and description").into()),
        (None, [port]) => Match::Found(port, format!("{how}, the physical one").into()),
        _ => {
            let names: Vec<&str> = several.iter().map(|n| &***n).collect();
            Match::Ambiguous(format!("port {} fits {} of {}", heard.port, names.join(", "), device.name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Chassis;

    const MAC: &str = "02:00:00:00:0a:02";

    #[test]
    fn an_alias_that_is_another_ports_name_means_its_own_port() {
        let id = |kind: &str, value: &str| Id { kind: kind.into(), value: value.into() };
        let (name, description, aggregate, max_frame) = (None, None, None, None);
        let (management, router, bridge) = (Vec::new(), false, true);
        let chassis = Chassis { id: id("mac", MAC), name, description, management, router, bridge };
        let (on, port_id, description, mac) = ("x".into(), id("ifalias", "e2"), None, None);
        let mut of_alias =
            LldpNeighbor { on, chassis, port: port_id, description, aggregate, mac, max_frame };
        let mut device = Device { name: "a".into(), ..Device::default() };
        Arc::make_mut(&mut device.interface("e1").link).alias = Some("e2".into());
        Arc::make_mut(&mut device.interface("e2").link).mac = MAC.parse().ok();
        assert!(matches!(port(&device, &ids(&device), &of_alias), Match::Found(p, _) if &**p == "e1"));
        of_alias.port.kind = "ifname".into();
        assert!(matches!(port(&device, &ids(&device), &of_alias), Match::Found(p, _) if &**p == "e2"));
    }
}
