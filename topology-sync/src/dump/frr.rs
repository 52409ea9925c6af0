//! FRR's vtysh: OSPF neighbours (short and detail), OSPF interfaces, router LSAs, interfaces, routes,
//! BGP summary.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use serde_json::Value;
use twin::{BitsPerSec, MacAddr};

use super::Reading;
use super::json::{list, members, number, parsed, text};
use crate::observation::{
    Address, Fact, IgpInterface, IgpLink, IgpLinkKind, IgpNeighbor, IgpProtocol, Link, LinkEnd, LinkKind,
    LinkState, LinkStateId, LinkStateKind, NodeInfo, Part, RouteFact, RouteHop, RouteKind, Scope, Source,
    Topic,
};

/// What FRR says, if it was FRR and a form that is understood.
pub(super) fn read(value: &Value) -> Option<Reading> {
    value.as_object()?;
    let forms: [fn(&Value) -> Option<Reading>; 5] =
        [ospf_neighbors, router_lsas, ospf_interfaces, interfaces, routes];
    forms.iter().find_map(|form| form(value))
}

fn reading(facts: Vec<Fact>, whole: &[Scope]) -> Reading {
    Reading { source: Source::Frr, facts, whole: whole.to_vec() }
}

fn router_id(value: &Value) -> Option<Fact> {
    let router_id = Some(text(value, "routerId")?.to_owned());
    Some(Fact::Node(NodeInfo { router_id, routing: true, ..NodeInfo::default() }))
}

/// `show ip ospf neighbor [detail] json`.
fn ospf_neighbors(value: &Value) -> Option<Reading> {
    let neighbors = value.get("neighbors")?;
    let mut facts = Vec::new();
    for (router_id, neighbor) in members(neighbors) {
        facts.extend(members_or_items(neighbor).into_iter().filter_map(|e| ospf_neighbor(router_id, e)));
    }
    let found = !facts.is_empty() || neighbors.as_object().is_some_and(serde_json::Map::is_empty);
    found.then(|| reading(facts, &[Scope::of(Topic::IgpNeighbors, IgpProtocol::Ospf2)]))
}

fn ospf_neighbor(router_id: &str, entry: &Value) -> Option<Fact> {
    // `Full/DR`; the short form prints `eth1:10.1.0.0`.
    let printed = text(entry, "nbrState").or_else(|| text(entry, "state"))?;
    let (state, role) = printed.split_once('/').unwrap_or((printed, ""));
    let interface = text(entry, "ifaceName")?;
    Some(Fact::IgpNeighbor(IgpNeighbor {
        protocol: IgpProtocol::Ospf2,
        on: interface.split(':').next().unwrap_or(interface).to_owned(),
        id: router_id.to_owned(),
        address: Some(parsed(entry, "ifaceAddress").or_else(|| parsed(entry, "address"))?),
        mac: None,
        state: state.to_owned(),
        role: Some(role.to_owned()).filter(|r| !matches!(r.as_str(), "" | "-")),
    }))
}

/// `show ip ospf database router json`.
fn router_lsas(value: &Value) -> Option<Reading> {
    let areas = value.get("routerLinkStates")?.get("areas")?;
    let mut facts: Vec<_> = router_id(value).into_iter().collect();
    for (area, lsas) in members(areas) {
        facts.extend(members_or_items(lsas).into_iter().filter_map(|lsa| router_lsa(area, lsa)));
    }
    // Other types of advertisement are not in it.
    Some(reading(facts, &[]))
}

fn router_lsa(area: &str, lsa: &Value) -> Option<Fact> {
    let router = text(lsa, "advertisingRouter")?;
    let sequence = text(lsa, "lsaSeqNumber").and_then(|s| u32::from_str_radix(s, 16).ok()).unwrap_or(0);
    let mut links = Vec::new();
    let mut prefixes = Vec::new();
    for (_, l) in lsa.get("routerLinks").into_iter().flat_map(members) {
        links.extend(router_link(l));
        prefixes.extend(stub(l));
    }
    Some(Fact::LinkState(LinkState {
        id: LinkStateId {
            protocol: IgpProtocol::Ospf2,
            // `0.0.0.1 [NSSA]`
            area: area.split(' ').next().unwrap_or(area).to_owned(),
            kind: LinkStateKind::Router,
            router: router.to_owned(),
            number: text(lsa, "linkStateId").unwrap_or(router).to_owned(),
        },
        sequence: LinkState::ordered_sequence(sequence),
        name: None,
        links,
        addresses: Vec::new(),
        prefixes,
        overload: false,
    }))
}

fn router_link(link: &Value) -> Option<IgpLink> {
    let (kind, to) = match (text(link, "neighborRouterId"), text(link, "designatedRouterAddress")) {
        (Some(router), _)
            if text(link, "linkType").is_some_and(|t| t.to_ascii_lowercase().contains("virtual")) =>
        {
            (IgpLinkKind::Virtual, router)
        }
        (Some(router), _) => (IgpLinkKind::PointToPoint, router),
        (None, Some(dr)) => (IgpLinkKind::Transit, dr),
        (None, None) => return None,
    };
    let data: Ipv4Addr = parsed(link, "routerInterfaceAddress")?;
    // RFC 2328 §A.4.2: on unnumbered links the link data is the interface index.
    let near = match data.octets() {
        [0, ..] => LinkEnd::Index(u32::from(data)),
        _ => LinkEnd::Address(IpAddr::V4(data)),
    };
    Some(IgpLink {
        kind,
        to: to.to_owned(),
        near: Some(near),
        far: None,
        metric: number(link, "tos0Metric")?,
    })
}

fn stub(link: &Value) -> Option<(IpNet, u32)> {
    let net = IpNet::with_netmask(parsed(link, "networkAddress")?, parsed(link, "networkMask")?).ok()?;
    Some((net, number(link, "tos0Metric")?))
}

/// `show ip ospf interface json`.
fn ospf_interfaces(value: &Value) -> Option<Reading> {
    let mut facts = Vec::new();
    for (name, entry) in members(value.get("interfaces")?).filter(|(_, e)| e.get("ospfEnabled").is_some()) {
        facts.push(Fact::IgpInterface(IgpInterface {
            protocol: IgpProtocol::Ospf2,
            port: name.to_owned(),
            cost: number(entry, "cost"),
            area: text(entry, "area").map(str::to_owned),
        }));
        facts.extend(router_id(entry));
    }
    (!facts.is_empty()).then(|| reading(facts, &[]))
}

/// `show interface json`.
fn interfaces(value: &Value) -> Option<Reading> {
    let mut facts = Vec::new();
    for (name, entry) in members(value).filter(|(_, e)| e.get("operationalStatus").is_some()) {
        facts.push(Fact::Link(interface(name, entry).into()));
        for net in list(entry, "ipAddresses").iter().filter_map(|a| parsed::<IpNet>(a, "address")) {
            let (port, len) = (name.to_owned(), Some(net.prefix_len()));
            facts.push(Fact::Address(Address { port, ip: net.addr(), len }));
        }
    }
    (!facts.is_empty()).then(|| reading(facts, &[Topic::Links.into(), Topic::Addresses.into()]))
}

fn interface(name: &str, entry: &Value) -> Link {
    let is_veth = text(entry, "interfaceType") == Some("VETH");
    let is_loopback = text(entry, "type") == Some("Loopback");
    let mbps = number(entry, "speed").filter(|s| *s > 0 && *s < u32::MAX && !is_veth);
    Link {
        name: name.to_owned(),
        ifindex: number(entry, "index"),
        mac: parsed(entry, "hardwareAddress").filter(|m: &MacAddr| m.0 != [0; 6]),
        mtu: number(entry, "mtu"),
        alias: text(entry, "description").map(str::to_owned),
        admin_up: text(entry, "administrativeStatus").map(|s| s == "up"),
        carrier: text(entry, "operationalStatus").map(|s| s == "up"),
        speed: mbps.and_then(|s| BitsPerSec::new(u64::from(s) * 1_000_000)),
        kind: match (is_loopback, is_veth) {
            (true, _) => Some(LinkKind::Loopback),
            (_, true) => Some(LinkKind::Veth),
            _ => None,
        },
        ..Link::default()
    }
}

/// `show ip route json`, `show ipv6 route json`: the routes that were installed.
fn routes(value: &Value) -> Option<Reading> {
    let mut families = BTreeSet::new();
    let mut facts = Vec::new();
    for entry in members(value).flat_map(|(_, list)| members_or_items(list)) {
        let Some(prefix) = parsed::<IpNet>(entry, "prefix") else { continue };
        families.insert(Part::from(prefix));
        if !is_true(entry, "installed") {
            continue;
        }
        let Some(kind) = route_kind(entry) else { continue };
        let vrf = text(entry, "vrfName").unwrap_or("default");
        let table = if vrf == "default" { "main" } else { vrf }.to_owned();
        facts.push(Fact::Route(RouteFact {
            table,
            prefix,
            metric: number(entry, "metric").unwrap_or(0),
            kind,
        }));
    }
    let whole: Vec<_> = families.into_iter().map(|family| Scope::of(Topic::Routes, family)).collect();
    (!whole.is_empty()).then(|| reading(facts, &whole))
}

fn route_kind(entry: &Value) -> Option<RouteKind> {
    if text(entry, "protocol") == Some("local") {
        return Some(RouteKind::Local);
    }
    let hops: Vec<_> = list(entry, "nexthops").iter().filter(|h| is_true(h, "fib")).collect();
    if hops.iter().any(|h| is_true(h, "blackhole")) {
        return Some(RouteKind::Blackhole);
    }
    if hops.iter().any(|h| is_true(h, "unreachable") || is_true(h, "reject")) {
        return Some(RouteKind::Unreachable);
    }
    let hop = |h: &&Value| {
        Some(RouteHop { port: Some(text(h, "interfaceName")?.to_owned()), gateway: parsed(h, "ip") })
    };
    let hops: Vec<_> = hops.iter().filter_map(hop).collect();
    (!hops.is_empty()).then_some(RouteKind::Forward(hops))
}

fn is_true(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool) == Some(true)
}

/// An array's items, or an object's values.
fn members_or_items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        other => members(other).map(|(_, v)| v).collect(),
    }
}
