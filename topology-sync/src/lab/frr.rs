//! FRR's vtysh: OSPF neighbours (short and detail), OSPF interfaces, router LSAs, interfaces, routes, BGP summary.

use serde_json::Value;
use twin::BitsPerSec;

use super::device::{Device, OspfNeighbor, RouteRow, RouterLsa, RowAction};
use super::json::{list, members, number, parsed, text};

/// Takes what the value says. Whether it was a form of FRR's that is understood.
pub(super) fn take(device: &mut Device, value: &Value) -> bool {
    if !value.is_object() {
        return false;
    }
    let forms: [fn(&mut Device, &Value) -> bool; 6] =
        [ospf_neighbors, router_lsas, ospf_interfaces, interfaces, routes, bgp_summary];
    let understood = forms.iter().any(|form| form(device, value));
    device.runs_routing |= understood;
    understood
}

/// `show ip ospf neighbor [detail] json`.
fn ospf_neighbors(device: &mut Device, value: &Value) -> bool {
    let Some(neighbors) = value.get("neighbors") else { return false };
    let mut found = neighbors.as_object().is_some_and(|n| n.is_empty());
    for (router_id, neighbor) in members(neighbors) {
        for entry in members_or_items(neighbor) {
            let state = text(entry, "nbrState").or_else(|| text(entry, "state"));
            let interface = text(entry, "ifaceName");
            let address = parsed(entry, "ifaceAddress").or_else(|| parsed(entry, "address"));
            let (Some(state), Some(interface), Some(address)) = (state, interface, address) else { continue };
            found = true;
            // The short form prints `eth1:10.1.0.0`.
            let on = interface.split(':').next().unwrap_or(interface).to_owned();
            let neighbor =
                OspfNeighbor { on, router_id: router_id.to_owned(), address, state: state.to_owned() };
            if !device.neighbors.iter().any(|n| n.on == neighbor.on && n.router_id == neighbor.router_id) {
                device.neighbors.push(neighbor);
            }
        }
    }
    found
}

/// `show ip ospf database router json`.
fn router_lsas(device: &mut Device, value: &Value) -> bool {
    let Some(areas) = value.get("routerLinkStates").and_then(|s| s.get("areas")) else { return false };
    set_router_id(device, value);
    for lsa in members(areas).flat_map(|(_, lsas)| members_or_items(lsas)) {
        let Some(router) = text(lsa, "advertisingRouter") else { continue };
        let sequence = text(lsa, "lsaSeqNumber").and_then(|s| u32::from_str_radix(s, 16).ok()).unwrap_or(0);
        let links = lsa.get("routerLinks").map(|l| members(l).filter_map(|(_, l)| link(l)).collect());
        device.lsdb.push(RouterLsa {
            router: router.to_owned(),
            // RFC 2328 §12.1.6: sequence numbers are signed and begin at 0x80000001.
            sequence: sequence as i32,
            links: links.unwrap_or_default(),
        });
    }
    true
}

fn link(link: &Value) -> Option<(String, u32)> {
    Some((text(link, "routerInterfaceAddress")?.to_owned(), number(link, "tos0Metric")?))
}

/// `show ip ospf interface json`.
fn ospf_interfaces(device: &mut Device, value: &Value) -> bool {
    let Some(interfaces) = value.get("interfaces") else { return false };
    let mut found = false;
    for (name, entry) in members(interfaces).filter(|(_, e)| e.get("ospfEnabled").is_some()) {
        found = true;
        device.interface(name).ospf_cost = number(entry, "cost");
        set_router_id(device, entry);
    }
    found
}

/// `show interface json`.
fn interfaces(device: &mut Device, value: &Value) -> bool {
    let mut found = false;
    for (name, entry) in members(value).filter(|(_, e)| e.get("operationalStatus").is_some()) {
        found = true;
        let interface = device.interface(name);
        interface.port.ifindex = interface.port.ifindex.or(number(entry, "index"));
        interface.set_mac(parsed(entry, "hardwareAddress"));
        if interface.port.mtu.is_none() {
            interface.set_mtu(number(entry, "mtu"));
        }
        interface.virtual_line |= text(entry, "interfaceType") == Some("VETH");
        interface.loopback |= text(entry, "type") == Some("Loopback");
        let carrier = text(entry, "operationalStatus") == Some("up");
        interface.port.carrier = interface.port.carrier.or(Some(carrier));
        let mbps = number(entry, "speed").filter(|s| *s > 0 && *s < u32::MAX);
        interface.speed = mbps.and_then(|s| BitsPerSec::new(u64::from(s) * 1_000_000));
        for address in list(entry, "ipAddresses") {
            let net: Option<ipnet::IpNet> = parsed(address, "address");
            if let Some(net) = net {
                interface.add_address(net.addr(), net.prefix_len());
            }
        }
    }
    found
}

/// `show ip route json`, `show ipv6 route json`: the routes that were installed.
fn routes(device: &mut Device, value: &Value) -> bool {
    let mut found = false;
    for entry in members(value).flat_map(|(_, list)| members_or_items(list)) {
        let Some(prefix) = parsed(entry, "prefix") else { continue };
        found = true;
        if entry.get("installed").and_then(Value::as_bool) != Some(true) {
            continue;
        }
        let Some(action) = action(entry) else { continue };
        device.frr_routes.push(RouteRow { prefix, rank: (1, number(entry, "metric").unwrap_or(0)), action });
    }
    found
}

fn action(entry: &Value) -> Option<RowAction> {
    if text(entry, "protocol") == Some("local") {
        return Some(RowAction::Local);
    }
    let hops: Vec<_> = list(entry, "nexthops").iter().filter(|h| is_true(h, "fib")).collect();
    if hops.iter().any(|h| is_true(h, "blackhole")) {
        return Some(RowAction::Blackhole);
    }
    if hops.iter().any(|h| is_true(h, "unreachable") || is_true(h, "reject")) {
        return Some(RowAction::Unreachable);
    }
    let hop = |h: &&Value| Some((text(h, "interfaceName")?.to_owned(), parsed(h, "ip")));
    let hops: Vec<_> = hops.iter().filter_map(hop).collect();
    (!hops.is_empty()).then_some(RowAction::Forward(hops))
}

/// `show bgp summary json`: the router id, where OSPF gives none.
fn bgp_summary(device: &mut Device, value: &Value) -> bool {
    let bodies = members(value).map(|(_, v)| v).chain([value]);
    let Some(body) = bodies.into_iter().find(|b| b.get("routerId").is_some() && b.get("peers").is_some())
    else {
        return false;
    };
    set_router_id(device, body);
    true
}

fn set_router_id(device: &mut Device, value: &Value) {
    if device.router_id.is_none() {
        device.router_id = text(value, "routerId").map(str::to_owned);
    }
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
