//! The kernel: `ip -j -d link`, `ip -j addr`, `ip -j -d route show table all`.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::device::{Device, RouteRow, RowAction};
use super::json::{list, number, parsed, text};

/// Takes what the value says. Whether it was iproute2's.
pub(super) fn take(device: &mut Device, value: &Value) -> bool {
    let Some(rows) = value.as_array() else { return false };
    let mut understood = false;
    for row in rows {
        if text(row, "ifname").is_some() && (row.get("link_type").is_some() || row.get("addr_info").is_some())
        {
            take_interface(device, row);
            understood = true;
        } else if row.get("dst").is_some() && row.get("state").is_none() && row.get("lladdr").is_none() {
            take_local(device, row);
            device.kernel_routes.extend(route(row, rows));
            understood = true;
        }
    }
    understood
}

fn take_interface(device: &mut Device, row: &Value) {
    let Some(name) = text(row, "ifname") else { return };
    // `eth0@if7` is how the plain form prints a pair; the name proper ends before the sign.
    let interface = device.interface(name.split('@').next().unwrap_or(name));
    interface.port.ifindex = number(row, "ifindex").or(interface.port.ifindex);
    interface.set_mac(parsed(row, "address"));
    interface.set_mtu(number(row, "mtu"));
    interface.port.alias = text(row, "ifalias").map(str::to_owned).or(interface.port.alias.take());
    let flags: Vec<_> = list(row, "flags").iter().filter_map(Value::as_str).collect();
    if !flags.is_empty() {
        interface.port.carrier = Some(flags.contains(&"LOWER_UP"));
        interface.loopback = flags.contains(&"LOOPBACK");
    }
    if let Some(info) = row.get("linkinfo") {
        let kind = text(info, "info_kind").unwrap_or_default();
        interface.virtual_line = kind == "veth";
        interface.logical = !matches!(kind, "" | "veth");
    }
    for address in list(row, "addr_info") {
        let ip: Option<IpAddr> = parsed(address, "local");
        let len = number(address, "prefixlen").and_then(|l| u8::try_from(l).ok());
        if let (Some(ip), Some(len)) = (ip, len) {
            interface.add_address(ip, len);
        }
    }
}

/// Where the address list is not recorded, routes tell addresses: the local table names the interface of each, and a
/// connected route's preferred source is the interface's own address with its prefix length.
fn take_local(device: &mut Device, row: &Value) {
    let Some(port) = text(row, "dev") else { return };
    let connected = text(row, "protocol") == Some("kernel") && row.get("gateway").is_none();
    match (text(row, "type"), parsed::<IpNet>(row, "dst"), parsed(row, "prefsrc")) {
        (Some("local"), ..) => device.interface(port).local.extend(parsed::<IpAddr>(row, "dst")),
        (None | Some("unicast"), Some(net), Some(source)) if connected && net.contains(&source) => {
            device.interface(port).add_address(source, net.prefix_len());
        }
        _ => {}
    }
}

fn route(row: &Value, rows: &[Value]) -> Option<RouteRow> {
    let table = match text(row, "table").unwrap_or("main") {
        "local" => 0,
        "main" => 1,
        "default" => 2,
        _ => return None, // Another table is another routing instance.
    };
    let prefix = destination(row, rows)?;
    if is_per_link(&prefix) {
        return None;
    }
    let action = match text(row, "type").unwrap_or("unicast") {
        "unicast" => RowAction::Forward(next_hops(row)),
        "local" | "anycast" => RowAction::Local,
        "blackhole" => RowAction::Blackhole,
        "unreachable" | "prohibit" => RowAction::Unreachable,
        _ => return None, // broadcast, multicast, throw
    };
    if matches!(&action, RowAction::Forward(hops) if hops.is_empty()) {
        return None;
    }
    Some(RouteRow { prefix, rank: (table, number(row, "metric").unwrap_or(0)), action })
}

/// Link-local and multicast destinations mean something else on every link: no table can hold them.
fn is_per_link(prefix: &IpNet) -> bool {
    match prefix {
        IpNet::V4(net) => net.addr().is_multicast() || net.addr().is_link_local(),
        IpNet::V6(net) => net.addr().is_multicast() || net.addr().is_unicast_link_local(),
    }
}

fn destination(row: &Value, rows: &[Value]) -> Option<IpNet> {
    let text = text(row, "dst")?;
    if text == "default" {
        let any = if is_v6(row, rows) { "::/0" } else { "0.0.0.0/0" };
        return any.parse().ok();
    }
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The family of a default route, which is not printed: its gateway's, or else IPv6 where it has a preference (RFC 4191,
/// printed for IPv6 alone) or all others are.
fn is_v6(row: &Value, rows: &[Value]) -> bool {
    let hop = next_hops(row).into_iter().find_map(|(_, gateway)| gateway);
    match hop {
        Some(gateway) if row.get("via").is_none() => gateway.is_ipv6(),
        _ => {
            let mut others =
                rows.iter().filter_map(|r| text(r, "dst")).filter(|d| *d != "default").peekable();
            row.get("pref").is_some() || (others.peek().is_some() && others.all(|d| d.contains(':')))
        }
    }
}

fn next_hops(row: &Value) -> Vec<(String, Option<IpAddr>)> {
    let hops = list(row, "nexthops");
    let hops = if hops.is_empty() { std::slice::from_ref(row) } else { hops };
    hops.iter()
        .filter(|hop| !list(hop, "flags").iter().any(|f| matches!(f.as_str(), Some("dead" | "linkdown"))))
        .filter_map(|hop| {
            let via = hop.get("via").and_then(|v| parsed(v, "host"));
            Some((text(hop, "dev")?.to_owned(), parsed(hop, "gateway").or(via)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(text: &str) -> Vec<RouteRow> {
        let mut device = Device::new("n");
        assert!(take(&mut device, &serde_json::from_str(text).unwrap()));
        device.kernel_routes
    }

    #[test]
    fn every_kind_of_route() {
        let rows = routes(
            r#"[{"dst":"default","gateway":"10.0.0.1","dev":"eth1"},
                {"dst":"10.1.0.0/16","nexthops":[{"gateway":"10.0.0.1","dev":"eth1","flags":[]},
                    {"via":{"family":"inet6","host":"fe80::1"},"dev":"eth2","flags":[]},
                    {"gateway":"10.0.0.9","dev":"eth3","flags":["dead","linkdown"]}]},
                {"type":"blackhole","dst":"192.0.2.0/24"},
                {"type":"unreachable","dst":"2001:db8::/32","dev":"lo","metric":4278198272},
                {"type":"local","dst":"10.0.0.2","dev":"eth1","table":"local"},
                {"type":"multicast","dst":"ff00::/8","dev":"eth1","table":"local"},
                {"dst":"fe80::/64","dev":"eth1"},
                {"dst":"10.9.0.0/16","dev":"eth1","table":"100"}]"#,
        );
        let printed: Vec<_> = rows.iter().map(|r| format!("{} {:?}", r.prefix, r.action)).collect();
        assert_eq!(
            printed,
            [
                "0.0.0.0/0 Forward([(\"eth1\", Some(10.0.0.1))])",
                "10.1.0.0/16 Forward([(\"eth1\", Some(10.0.0.1)), (\"eth2\", Some(fe80::1))])",
                "192.0.2.0/24 Blackhole",
                "2001:db8::/32 Unreachable",
                "10.0.0.2/32 Local",
            ]
        );
    }

    #[test]
    fn a_default_route_has_the_family_of_its_gateway_or_its_neighbours() {
        assert_eq!(
            routes(r#"[{"dst":"default","gateway":"fe80::1","dev":"e"}]"#)[0].prefix.to_string(),
            "::/0"
        );
        let both = routes(r#"[{"dst":"default","dev":"e"},{"dst":"2001:db8::/64","dev":"e"}]"#);
        assert_eq!(both[0].prefix.to_string(), "::/0");
        assert_eq!(routes(r#"[{"dst":"default","dev":"e"}]"#)[0].prefix.to_string(), "0.0.0.0/0");
    }
}
