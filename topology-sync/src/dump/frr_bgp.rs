//! FRR's BGP sessions: `show bgp [vrf all] [FAMILY] summary json` and `show bgp [vrf all] neighbors json`.

use std::net::IpAddr;

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use super::json::{members, number, parsed, text};
use super::text::Notes;
use crate::observation::{BgpPeer, Fact, NodeInfo, Observation, Observer, Source, Topic};

/// Reads the value if it is one of these. A peer of several families is one session.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    value: &Value,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Frr, at);
    let whole = families(&mut notes, value, 0);
    neighbors(&mut notes, value);
    if notes.is_empty() {
        return None;
    }
    if whole {
        notes.read(Topic::BgpPeers);
    }
    Some(notes.done())
}

/// Reads the value if it is `vrf all neighbors` of a router that has VRFs and no neighbour. OSPF says that in the same
/// words, so the command or the file's name has to tell.
pub(super) fn read_none(
    observer: &Observer,
    at: WallTime,
    name: &str,
    value: &Value,
) -> Option<Vec<Observation>> {
    let bare = |body: &Value| {
        members(body).count() == 2 && number(body, "vrfId").and(text(body, "vrfName")).is_some()
    };
    let mut vrfs = members(value).peekable();
    let none = name.contains("bgp") && vrfs.peek().is_some() && vrfs.all(|(_, body)| bare(body));
    none.then(|| vec![Observation::read(observer, Source::Frr, at, Topic::BgpPeers)])
}

/// The summary: a family's body is below its name, and with `vrf all` that below the VRF's. Whether it names all peers by
/// their addresses: not those that are configured by an interface.
fn families(notes: &mut Notes<'_>, value: &Value, depth: u8) -> bool {
    match (text(value, "routerId"), value.get("peers").and_then(Value::as_object)) {
        (Some(router_id), Some(peers)) => {
            let (router_id, asn) = (Some(router_id.to_owned()), number(value, "as"));
            notes.is(Fact::Node(NodeInfo { router_id, asn, routing: true, ..NodeInfo::default() }));
            let vrf = text(value, "vrfName").unwrap_or("default");
            let mut all = true;
            for (name, body) in peers {
                let peer = summary(vrf, name, body);
                all &= peer.is_some();
                peer.into_iter().for_each(|p| notes.is(Fact::BgpPeer(p)));
            }
            all
        }
        _ if depth < 2 => members(value).fold(true, |all, (_, v)| families(notes, v, depth + 1) && all),
        _ => true,
    }
}

fn summary(vrf: &str, name: &str, body: &Value) -> Option<BgpPeer> {
    Some(BgpPeer {
        vrf: vrf.to_owned(),
        local: None,
        address: name.parse().ok()?,
        asn: number(body, "remoteAs")?,
        router_id: None,
        state: text(body, "state")?.to_owned(),
    })
}

/// The neighbours by address or interface, with `vrf all` below the VRF's name.
fn neighbors(notes: &mut Notes<'_>, value: &Value) {
    let mut node = NodeInfo::default();
    for (name, body) in members(value) {
        if body.get("bgpState").is_some() {
            neighbor(notes, &mut node, "default", name, body);
            continue;
        }
        let vrf = text(body, "vrfName").unwrap_or(name);
        for (name, body) in members(body).filter(|(_, body)| body.get("bgpState").is_some()) {
            neighbor(notes, &mut node, vrf, name, body);
        }
    }
    if node != NodeInfo::default() {
        notes.is(Fact::Node(node));
    }
}

/// A session on a port without a number has the peer's link-local address, and none before the peer was heard of.
fn neighbor(notes: &mut Notes<'_>, node: &mut NodeInfo, vrf: &str, name: &str, body: &Value) {
    let id = |member: &str| text(body, member).filter(|id| *id != "0.0.0.0").map(str::to_owned);
    let (router_id, asn) = (id("localRouterId"), number(body, "localAs"));
    node.fill(NodeInfo { router_id, asn, routing: true, ..NodeInfo::default() });
    let address: Option<IpAddr> = name.parse().ok().or_else(|| parsed(body, "bgpNeighborAddr"));
    let Some((address, asn)) = address.zip(number(body, "remoteAs")) else { return };
    notes.is(Fact::BgpPeer(BgpPeer {
        vrf: vrf.to_owned(),
        local: parsed(body, "hostLocal"),
        address,
        asn,
        router_id: id("remoteRouterId"),
        state: text(body, "bgpState").unwrap_or_default().to_owned(),
    }));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observation::Said;

    fn said(value: &Value) -> (Vec<String>, bool) {
        let said = read(&Observer::node("r1"), WallTime::from_secs(1), value, &mut Vec::new()).unwrap();
        let peer = |o: &Observation| match &o.said {
            Said::Is(fact, _) => match &**fact {
                Fact::BgpPeer(p) => Some(format!("{} {} of {:?} is {}", p.vrf, p.address, p.local, p.state)),
                _ => None,
            },
            _ => None,
        };
        (said.iter().filter_map(peer).collect(), said.iter().any(|o| matches!(o.said, Said::Read(_))))
    }

    #[test]
    fn a_summary_that_names_interfaces_is_not_all_there_is() {
        let summary =
            |peers: Value| json!({"ipv4Unicast": {"routerId": "10.0.0.1", "as": 65000, "peers": peers}});
        let peer = json!({"remoteAs": 65001, "state": "Established"});
        let one = "default 10.0.0.2 of None is Established".to_owned();
        assert_eq!(said(&summary(json!({"10.0.0.2": peer}))), (vec![one.clone()], true));
        assert_eq!(said(&summary(json!({"10.0.0.2": peer, "eth1": peer}))), (vec![one], false));
    }

    #[test]
    fn no_neighbor_is_said_in_words_that_are_not_bgps_alone() {
        let value = json!({"default": {"vrfId": 0, "vrfName": "default"}});
        let read = |name: &str| {
            let mut diagnostics = Vec::new();
            let bytes = value.to_string();
            crate::dump::read(
                &Observer::node("r1"),
                WallTime::from_secs(1),
                name,
                bytes.as_bytes(),
                &mut diagnostics,
            )
        };
        let said = read("show bgp vrf all neighbors json").unwrap();
        assert!(matches!(said[..], [Observation { said: Said::Read(s), .. }] if s.topic == Topic::BgpPeers));
        assert_eq!(read("show ip ospf vrf all neighbor json"), None);
    }

    #[test]
    fn a_neighbor_on_an_interface_has_the_address_that_was_heard() {
        let up = json!({"bgpNeighborAddr": "fe80::2", "hostLocal": "fe80::1", "remoteAs": 65001, "bgpState": "Established"});
        let idle = json!({"bgpNeighborAddr": "none", "remoteAs": 0, "bgpState": "Idle"});
        let expected = (vec!["red fe80::2 of Some(fe80::1) is Established".to_owned()], true);
        assert_eq!(said(&json!({"red": {"vrfId": 7, "vrfName": "red", "eth1": up, "eth2": idle}})), expected);
    }
}
