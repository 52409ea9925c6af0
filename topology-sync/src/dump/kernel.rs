//! The kernel: `ip -j -d link`, `ip -j addr`, `ip -j -d route show table all`, `ip -j neigh`, `bridge -j -d link`,
//! `bridge -j -d fdb`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;
use twin::MacAddr;

use super::Reading;
use super::json::{list, number, parsed, text};
use crate::observation::{
    Address, Fact, FactKey, FdbEntry, IpNeighbor, Link, LinkKind, RouteFact, RouteHop, RouteKind, Scope,
    Source, Topic,
};

/// What iproute2 says, if it was iproute2.
pub(super) fn read(value: &Value) -> Option<Reading> {
    let rows = value.as_array()?;
    let mut reading = Reading { source: Source::Kernel, facts: Vec::new(), whole: Vec::new() };
    let (mut routes, mut understood) = (BTreeMap::new(), false);
    for row in rows {
        let scopes: Vec<Scope> = match form(row) {
            Some(Form::Interface) => {
                interface(row, &mut reading.facts);
                if row.get("addr_info").is_some() {
                    vec![Topic::Links.into(), Topic::Addresses.into()]
                } else {
                    vec![Topic::Links.into()]
                }
            }
            Some(Form::BridgePort) => {
                reading.facts.extend(bridge_port(row).map(|l| Fact::Link(l.into())));
                Vec::new()
            }
            Some(Form::Fdb) => {
                reading.facts.extend(fdb(row).map(Fact::Fdb));
                vec![Topic::Fdb.into()]
            }
            Some(Form::Neighbor) => {
                reading.facts.extend(neighbor(row).map(Fact::IpNeighbor));
                vec![Topic::IpNeighbors.into()]
            }
            Some(Form::Route) => {
                reading.facts.extend(local_address(row).map(Fact::Address));
                if let Some(route) = route(row, rows) {
                    join(&mut routes, route);
                }
                let family = destination(row, rows).map(|net| Scope::of(Topic::Routes, net));
                family.into_iter().collect()
            }
            None => continue, // iproute2 prints `{}` for what a filter left out.
        };
        understood = true;
        for scope in scopes {
            if !reading.whole.contains(&scope) {
                reading.whole.push(scope);
            }
        }
    }
    reading.facts.extend(routes.into_values().map(Fact::Route));
    understood.then_some(reading)
}

/// Which table a row is of.
enum Form {
    Interface,
    BridgePort,
    Fdb,
    Neighbor,
    Route,
}

fn form(row: &Value) -> Option<Form> {
    let has = |name: &str| row.get(name).is_some();
    match () {
        () if has("ifname") && (has("link_type") || has("addr_info")) => Some(Form::Interface),
        () if has("ifname") && has("mac") => Some(Form::Fdb),
        () if has("ifname") && has("flags") => Some(Form::BridgePort),
        () if has("dst") && (has("state") || has("lladdr")) => Some(Form::Neighbor),
        () if has("dst") => Some(Form::Route),
        () => None,
    }
}

fn interface(row: &Value, facts: &mut Vec<Fact>) {
    let Some(link) = link(row) else { return };
    for address in list(row, "addr_info") {
        let len = number(address, "prefixlen").and_then(|l| u8::try_from(l).ok());
        if let (Some(ip), Some(len)) = (parsed(address, "local"), len) {
            facts.push(Fact::Address(Address { port: link.name.clone(), ip, len: Some(len) }));
        }
    }
    facts.push(Fact::Link(link.into()));
}

fn link(row: &Value) -> Option<Link> {
    let flags: Vec<_> = list(row, "flags").iter().filter_map(Value::as_str).collect();
    let is = |flag: &str| (!flags.is_empty()).then(|| flags.contains(&flag));
    let abroad = row.get("link_netnsid").is_some();
    Some(Link {
        name: port_name(text(row, "ifname")?).to_owned(),
        ifindex: number(row, "ifindex"),
        mac: parsed(row, "address").filter(is_mac),
        permanent_mac: parsed(row, "permaddr").filter(is_mac),
        mtu: number(row, "mtu"),
        alias: text(row, "ifalias").map(str::to_owned),
        admin_up: is("UP"),
        carrier: is("LOWER_UP"),
        speed: None,
        kind: kind(row, &flags),
        master: text(row, "master").map(str::to_owned),
        lower: text(row, "link").filter(|_| !abroad && !is_pair(row)).map(str::to_owned),
        vlan: vlan(row),
        peer_index: number(row, "link_index").filter(|_| abroad),
        partner: partner(row),
    })
}

/// `eth0@if7` is how the plain form prints a pair; the name proper ends before the sign.
fn port_name(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

fn is_mac(mac: &MacAddr) -> bool {
    mac.0 != [0; 6] // the loopback's
}

fn is_pair(row: &Value) -> bool {
    row.get("linkinfo").and_then(|i| text(i, "info_kind")) == Some("veth")
}

/// What an interface is; unknown without `-d`, which alone prints the kind.
fn kind(row: &Value, flags: &[&str]) -> Option<LinkKind> {
    if flags.contains(&"LOOPBACK") {
        return Some(LinkKind::Loopback);
    }
    let detailed = row.get("num_tx_queues").is_some();
    match row.get("linkinfo").and_then(|i| text(i, "info_kind")) {
        None => detailed.then_some(LinkKind::Physical),
        Some("veth") => Some(LinkKind::Veth),
        Some("bridge") => Some(LinkKind::Bridge),
        Some("bond" | "team") => Some(LinkKind::Bundle),
        Some("vlan") => Some(LinkKind::Vlan),
        Some("vrf") => Some(LinkKind::Vrf),
        Some(
            "vxlan" | "gre" | "gretap" | "ip6gre" | "ip6gretap" | "ipip" | "sit" | "ip6tnl" | "wireguard"
            | "geneve",
        ) => Some(LinkKind::Tunnel),
        Some(other) => Some(LinkKind::Virtual(other.to_owned())),
    }
}

fn vlan(row: &Value) -> Option<u16> {
    let id = number(row.get("linkinfo")?.get("info_data")?, "id")?;
    kind(row, &[]).filter(|k| *k == LinkKind::Vlan).and_then(|_| u16::try_from(id).ok())
}

/// LACP's word for the other end of a bundle; all zeros while nobody answers.
fn partner(row: &Value) -> Option<MacAddr> {
    let data = row.get("linkinfo")?.get("info_data")?;
    parsed(data.get("ad_info")?, "partner_mac").filter(is_mac)
}

/// `bridge -j link`: which bridge a port belongs to.
fn bridge_port(row: &Value) -> Option<Link> {
    let flags: Vec<_> = list(row, "flags").iter().filter_map(Value::as_str).collect();
    Some(Link {
        name: port_name(text(row, "ifname")?).to_owned(),
        ifindex: number(row, "ifindex"),
        mtu: number(row, "mtu"),
        carrier: Some(flags.contains(&"LOWER_UP")),
        admin_up: Some(flags.contains(&"UP")),
        master: text(row, "master").map(str::to_owned),
        ..Link::default()
    })
}

/// `bridge -j fdb`. Group addresses are what the bridge listens to, not who is there.
fn fdb(row: &Value) -> Option<FdbEntry> {
    let mac: MacAddr = parsed(row, "mac")?;
    let is_self = list(row, "flags").iter().any(|f| f.as_str() == Some("self"));
    let own = is_self || matches!(text(row, "state"), Some("permanent" | "static"));
    let vlan = number(row, "vlan").and_then(|v| u16::try_from(v).ok());
    let entry = FdbEntry { port: text(row, "ifname")?.to_owned(), mac, vlan, own };
    (mac.0[0] & 1 == 0).then_some(entry)
}

/// `ip -j neigh`: what was resolved. An address that did not resolve has no hardware address.
fn neighbor(row: &Value) -> Option<IpNeighbor> {
    let idle = |s: &Value| matches!(s.as_str(), Some("FAILED" | "INCOMPLETE" | "NOARP"));
    let mac = parsed(row, "lladdr").filter(is_mac).filter(|_| !list(row, "state").iter().any(idle));
    Some(IpNeighbor { port: text(row, "dev")?.to_owned(), ip: parsed(row, "dst")?, mac })
}

/// Where the address list is not recorded, routes tell addresses: the local table names the interface of each, and a
/// connected route's preferred source is the interface's own address with its prefix length.
fn local_address(row: &Value) -> Option<Address> {
    let port = text(row, "dev")?.to_owned();
    let connected = text(row, "protocol") == Some("kernel") && row.get("gateway").is_none();
    match (text(row, "type"), parsed::<IpNet>(row, "dst"), parsed(row, "prefsrc")) {
        (Some("local"), ..) => Some(Address { port, ip: parsed(row, "dst")?, len: None }),
        (None | Some("unicast"), Some(net), Some(ip)) if connected && net.contains(&ip) => {
            Some(Address { port, ip, len: Some(net.prefix_len()) })
        }
        _ => None,
    }
}

/// Routes of one table, prefix and metric are one: IPv6 multipath is printed as several.
fn join(routes: &mut BTreeMap<FactKey, RouteFact>, route: RouteFact) {
    match routes.entry(Fact::Route(route.clone()).key()) {
        std::collections::btree_map::Entry::Vacant(v) => drop(v.insert(route)),
        std::collections::btree_map::Entry::Occupied(mut o) => {
            if let (RouteKind::Forward(hops), RouteKind::Forward(more)) = (&mut o.get_mut().kind, route.kind)
            {
                more.into_iter().for_each(|hop| {
                    if !hops.contains(&hop) {
                        hops.push(hop)
                    }
                });
            }
        }
    }
}

fn route(row: &Value, rows: &[Value]) -> Option<RouteFact> {
    let prefix = destination(row, rows)?;
    if is_per_link(&prefix) {
        return None;
    }
    let kind = match text(row, "type").unwrap_or("unicast") {
        "unicast" => RouteKind::Forward(next_hops(row)),
        "local" | "anycast" => RouteKind::Local,
        "blackhole" => RouteKind::Blackhole,
        "unreachable" | "prohibit" => RouteKind::Unreachable,
        _ => return None, // broadcast, multicast, throw
    };
    if matches!(&kind, RouteKind::Forward(hops) if hops.is_empty()) {
        return None;
    }
    let table = text(row, "table").map(str::to_owned).or_else(|| number(row, "table").map(|n| n.to_string()));
    let table = table.unwrap_or_else(|| "main".to_owned());
    Some(RouteFact { table, prefix, metric: number(row, "metric").unwrap_or(0), kind })
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
    let hop = next_hops(row).into_iter().find_map(|hop| hop.gateway);
    match hop {
        Some(gateway) if row.get("via").is_none() => gateway.is_ipv6(),
        _ => {
            let mut others =
                rows.iter().filter_map(|r| text(r, "dst")).filter(|d| *d != "default").peekable();
            row.get("pref").is_some() || (others.peek().is_some() && others.all(|d| d.contains(':')))
        }
    }
}

fn next_hops(row: &Value) -> Vec<RouteHop> {
    let hops = list(row, "nexthops");
    let hops = if hops.is_empty() { std::slice::from_ref(row) } else { hops };
    hops.iter()
        .filter(|hop| !list(hop, "flags").iter().any(|f| matches!(f.as_str(), Some("dead" | "linkdown"))))
        .filter_map(|hop| {
            let via = hop.get("via").and_then(|v| parsed(v, "host"));
            let port = Some(text(hop, "dev")?.to_owned());
            Some(RouteHop { port, gateway: parsed(hop, "gateway").or(via) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Vec<Fact> {
        read(&serde_json::from_str(text).unwrap()).unwrap().facts
    }

    /// Table, prefix and what it does, in the order of the keys.
    fn routes(text: &str) -> Vec<RouteFact> {
        let route = |f| if let Fact::Route(r) = f { Some(r) } else { None };
        facts(text).into_iter().filter_map(route).collect()
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
        let printed: Vec<_> = rows.iter().map(|r| format!("{} {} {:?}", r.table, r.prefix, r.kind)).collect();
        expect_test::expect![[r#"
            100 10.9.0.0/16 Forward([RouteHop { port: Some("eth1"), gateway: None }])
            local 10.0.0.2/32 Local
            main 0.0.0.0/0 Forward([RouteHop { port: Some("eth1"), gateway: Some(10.0.0.1) }])
            main 10.1.0.0/16 Forward([RouteHop { port: Some("eth1"), gateway: Some(10.0.0.1) }, RouteHop { port: Some("eth2"), gateway: Some(fe80::1) }])
            main 192.0.2.0/24 Blackhole
            main 2001:db8::/32 Unreachable"#]].assert_eq(&printed.join("\n"));
    }

    #[test]
    fn routes_of_one_metric_are_one_multipath_route() {
        let rows = routes(
            r#"[{"dst":"2001:db8::/32","dev":"e1","metric":1024},{"dst":"2001:db8::/32","dev":"e2","metric":1024},
                {"dst":"2001:db8::/32","dev":"e2","metric":1024},{"dst":"2001:db8::/32","dev":"e3","metric":2000}]"#,
        );
        let hops = |r: &RouteFact| match &r.kind {
            RouteKind::Forward(hops) => hops.iter().filter_map(|h| h.port.clone()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            rows.iter().map(|r| (r.metric, hops(r))).collect::<Vec<_>>(),
            [(1024, vec!["e1".to_owned(), "e2".to_owned()]), (2000, vec!["e3".to_owned()]),]
        );
    }

    #[test]
    fn a_bridge_tells_its_ports_and_who_is_behind_them() {
        let ports = facts(
            r#"[{"ifindex":4,"link":"q1","ifname":"p1","flags":["BROADCAST","UP","LOWER_UP"],"mtu":1500,"master":"br0",
                "state":"forwarding","priority":32,"cost":2}]"#,
        );
        let [Fact::Link(port)] = ports.as_slice() else { panic!("{ports:?}") };
        assert_eq!(
            (port.name.as_str(), port.master.as_deref(), port.carrier),
            ("p1", Some("br0"), Some(true))
        );
        let entries = facts(
            r#"[{"mac":"33:33:00:00:00:01","ifname":"p1","flags":["self"],"state":"permanent"},
                {"mac":"ba:2f:b7:08:32:ee","ifname":"p1","flags":[],"master":"br0","state":""},
                {"mac":"16:f7:b1:98:a7:2f","ifname":"p1","flags":[],"master":"br0","state":"permanent"}]"#,
        );
        let learnt = |f: &Fact| matches!(f, Fact::Fdb(e) if !e.own);
        assert_eq!((entries.len(), entries.iter().filter(|f| learnt(f)).count()), (2, 1));
    }

    #[test]
    fn a_neighbour_that_did_not_resolve_has_no_hardware_address() {
        let rows = facts(
            r#"[{"dst":"10.0.0.2","dev":"e1","lladdr":"02:00:00:00:00:02","state":["STALE"]},
                {"dst":"10.0.0.3","dev":"e1","state":["FAILED"]}]"#,
        );
        let macs: Vec<_> = rows.iter().map(|f| matches!(f, Fact::IpNeighbor(n) if n.mac.is_some())).collect();
        assert_eq!(macs, [true, false]);
    }

    #[test]
    fn a_default_route_has_the_family_of_its_gateway_or_its_neighbours() {
        assert_eq!(
            routes(r#"[{"dst":"default","gateway":"fe80::1","dev":"e"}]"#)[0].prefix.to_string(),
            "::/0"
        );
        let both = routes(r#"[{"dst":"default","dev":"e"},{"dst":"2001:db8::/64","dev":"e"}]"#);
        assert!(both.iter().any(|r| r.prefix.to_string() == "::/0"), "{both:?}");
        assert_eq!(routes(r#"[{"dst":"default","dev":"e"}]"#)[0].prefix.to_string(), "0.0.0.0/0");
    }
}
