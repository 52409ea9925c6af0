//! What a node's daemons and kernel are told: FRR configurations, lldpd's, and a batch for `ip`.
//!
//! Timers are short, so that a lab answers in seconds: OSPF hello 1 s and dead 4 s, IS-IS hello 1 s × 4 (unpadded),
//! BGP keepalive 3 s and hold 9 s, LLDP every 2 s × 4.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use super::file::{Circuit, Igp, Lldp, Role};
use super::model::{Lab, Node, Port, usual_mtu};

/// The bridge of a relay.
pub(crate) const BRIDGE: &str = "br0";

/// FRR's daemons of a node in the order in which they start, each with its configuration.
pub(crate) fn frr(lab: &Lab, node: &Node) -> Vec<(&'static str, String)> {
    let Some(router_id) = node.loopback else { return Vec::new() };
    let head = format!("hostname {}\n", node.system_name);
    let mut daemons = vec![("zebra", head.clone()), ("staticd", head.clone())];
    if node.runs(Igp::Ospf) {
        daemons.push(("ospfd", head.clone() + &ospf(node, router_id)));
    }
    if node.runs(Igp::Ospf6) {
        daemons.push(("ospf6d", head.clone() + &ospf6(node, router_id)));
    }
    if node.runs(Igp::Isis) {
        daemons.push(("isisd", head.clone() + &isis(node, router_id)));
    }
    if let Some(asn) = node.spec.asn {
        daemons.push(("bgpd", head + &bgp(lab, node, asn, router_id)));
    }
    daemons
}

fn interfaces(node: &Node, igp: Igp) -> impl Iterator<Item = &Port> {
    node.ports.iter().filter(move |p| p.igp == igp)
}

fn network(port: &Port) -> &'static str {
    match port.circuit {
        Circuit::PointToPoint => "point-to-point",
        Circuit::Broadcast => "broadcast",
    }
}

fn ospf(node: &Node, router_id: Ipv4Addr) -> String {
    let mut text = String::new();
    for port in interfaces(node, Igp::Ospf) {
        let _ = write!(
            text,
            "interface {}\n ip ospf network {}\n ip ospf area 0\n ip ospf cost {}\n ip ospf hello-interval 1\n \
             ip ospf dead-interval 4\n{}",
            port.name,
            network(port),
            port.cost,
            if port.passive { " ip ospf passive\n" } else { "" },
        );
    }
    text + &format!("interface lo\n ip ospf area 0\nrouter ospf\n ospf router-id {router_id}\n")
}

fn ospf6(node: &Node, router_id: Ipv4Addr) -> String {
    let mut text = String::new();
    for port in interfaces(node, Igp::Ospf6) {
        let _ = write!(
            text,
            "interface {}\n ipv6 ospf6 network {}\n ipv6 ospf6 area 0\n ipv6 ospf6 cost {}\n \
             ipv6 ospf6 hello-interval 1\n ipv6 ospf6 dead-interval 4\n{}",
            port.name,
            network(port),
            port.cost,
            if port.passive { " ipv6 ospf6 passive\n" } else { "" },
        );
    }
    text + &format!("router ospf6\n ospf6 router-id {router_id}\n")
}

fn isis(node: &Node, router_id: Ipv4Addr) -> String {
    let mut text = "interface lo\n ip router isis lab\n isis passive\n".to_owned();
    for port in interfaces(node, Igp::Isis) {
        let _ = write!(
            text,
            "interface {}\n ip router isis lab\n isis metric {}\n isis hello-interval 1\n \
             isis hello-multiplier 4\n no isis hello padding\n{}{}",
            port.name,
            port.cost,
            if port.circuit == Circuit::PointToPoint { " isis network point-to-point\n" } else { "" },
            if port.passive { " isis passive\n" } else { "" },
        );
    }
    let area = system_id(router_id);
    text + &format!("router isis lab\n net 49.0001.{area}.00\n is-type level-2-only\n metric-style wide\n")
}

/// The IS-IS system id of a router id: its four numbers, three digits each, as operators do.
pub(crate) fn system_id(router_id: Ipv4Addr) -> String {
    let digits: String = router_id.octets().iter().map(|o| format!("{o:03}")).collect();
    format!("{}.{}.{}", &digits[..4], &digits[4..8], &digits[8..])
}

struct Session {
    to: IpAddr,
    asn: u32,
    internal: bool,
}

/// iBGP to every router of the same AS, eBGP over each cable to another.
fn sessions(lab: &Lab, node: &Node, asn: u32) -> Vec<Session> {
    let inside = lab.nodes.iter().filter(|n| n.name != node.name && n.spec.asn == Some(asn));
    let mut sessions: Vec<_> =
        inside.filter_map(|n| Some(Session { to: IpAddr::V4(n.loopback?), asn, internal: true })).collect();
    for [a, b] in &lab.cables {
        for (near, far) in [(a, b), (b, a)] {
            let (peer, port) = (&lab.nodes[far.0], &lab.nodes[far.0].ports[far.1]);
            // A borrowed address would be a second session to the loopback, more than one hop away.
            let own = port.addresses.iter().filter(|n| n.prefix_len() < n.max_prefix_len());
            let address = own.map(|n| n.addr()).find(IpAddr::is_ipv4);
            let (Some(other), Some(to)) = (peer.spec.asn.filter(|o| *o != asn), address) else { continue };
            if lab.nodes[near.0].name == node.name {
                sessions.push(Session { to, asn: other, internal: false });
            }
        }
    }
    sessions
}

fn bgp(lab: &Lab, node: &Node, asn: u32, router_id: Ipv4Addr) -> String {
    let sessions = sessions(lab, node, asn);
    let mut text = format!(
        "router bgp {asn}\n bgp router-id {router_id}\n no bgp ebgp-requires-policy\n \
         no bgp network import-check\n no bgp default ipv4-unicast\n"
    );
    for s in &sessions {
        let _ = write!(text, " neighbor {} remote-as {}\n neighbor {} timers connect 2\n", s.to, s.asn, s.to);
        let _ = match s.internal {
            true => writeln!(text, " neighbor {} update-source {router_id}", s.to),
            false => writeln!(text, " neighbor {} timers 3 9", s.to),
        };
    }
    text += " address-family ipv4 unicast\n";
    for network in &node.spec.networks {
        let _ = writeln!(text, "  network {network}");
    }
    for s in &sessions {
        let _ = writeln!(text, "  neighbor {} activate", s.to);
        if s.internal {
            let _ = writeln!(text, "  neighbor {} next-hop-self", s.to);
        }
    }
    text += " exit-address-family\n";
    if let Some(collector) = node.spec.bmp {
        let _ = write!(
            text,
            " bmp targets lab\n  bmp stats interval 5000\n  bmp monitor ipv4 unicast pre-policy\n  \
             bmp monitor ipv4 unicast post-policy\n  bmp connect {} port {} min-retry 500 max-retry 1000\n",
            collector.ip(),
            collector.port(),
        );
    }
    text
}

/// lldpd's configuration.
pub(crate) fn lldpd() -> &'static str {
    // The system description would tell the machine's kernel otherwise.
    "configure lldp tx-interval 2\nconfigure system description \"umbra lab\"\n"
}

/// What `ip -batch` does in a node's namespace once its ports are there.
pub(crate) fn ip(lab: &Lab, position: usize, node: &Node) -> String {
    let mut text = String::new();
    let relays = node.role().relays();
    if relays {
        let mac = Node::mac(position, 0);
        let _ = writeln!(text, "link add {BRIDGE} address {mac} type bridge forward_delay 0");
        let _ = writeln!(text, "link set {BRIDGE} addrgenmode none");
    }
    if let Some(loopback) = node.loopback {
        let _ = writeln!(text, "addr add {loopback}/32 dev lo");
    }
    for port in &node.ports {
        text += &ip_port(port, relays);
    }
    if relays {
        let _ = writeln!(text, "link set {BRIDGE} up");
    }
    for gateway in default_gateways(lab, node) {
        let _ = writeln!(text, "route replace default via {gateway}");
    }
    text
}

/// What `ip -batch` does with one port.
pub(crate) fn ip_port(port: &Port, relays: bool) -> String {
    let name = &port.name;
    let mut text = String::new();
    if let Some(alias) = &port.alias {
        let _ = writeln!(text, "link set {name} alias \"{alias}\"");
    }
    if !usual_mtu(port) {
        let _ = writeln!(text, "link set {name} mtu {}", port.mtu);
    }
    if relays {
        let _ = writeln!(text, "link set {name} master {BRIDGE}");
    }
    if port.silent {
        let _ = writeln!(text, "link set {name} addrgenmode none");
    }
    for address in &port.addresses {
        let _ = writeln!(text, "addr add {address} dev {name}");
    }
    if port.up {
        let _ = writeln!(text, "link set {name} up");
    }
    text
}

/// A host's way out: the first router on its media, one for each address family.
fn default_gateways(lab: &Lab, node: &Node) -> Vec<IpAddr> {
    if node.role() != Role::Host {
        return Vec::new();
    }
    let near = |p: &Port| p.up && node.ports.iter().any(|own| own.up && own.medium == p.medium);
    let routers = lab.nodes.iter().filter(|n| n.role() == Role::Router);
    let ports = routers.flat_map(|n| &n.ports).filter(|p| near(p));
    let addresses: Vec<_> = ports.flat_map(|p| &p.addresses).collect();
    let reached = |a: &&&ipnet::IpNet| {
        let own = node.ports.iter().flat_map(|p| &p.addresses);
        own.into_iter().any(|o| o.contains(&a.addr()))
    };
    let first = |v4: bool| addresses.iter().filter(reached).map(|a| a.addr()).find(|a| a.is_ipv4() == v4);
    [first(true), first(false)].into_iter().flatten().collect()
}

/// Whether the node has an LLDP agent.
pub(crate) fn has_agent(node: &Node) -> bool {
    node.lldp != Lldp::Off
}
