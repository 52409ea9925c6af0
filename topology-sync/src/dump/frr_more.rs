//! FRR's JSON of BGP sessions (`show bgp summary json`) and of OSPFv3 neighbours (`show ipv6 ospf6 neighbor json`).

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use super::text::Notes;
use crate::observation::{
    BgpPeer, Fact, IgpNeighbor, IgpProtocol, NodeInfo, Observation, Observer, Source, Topic,
};

/// Reads `show bgp [vrf all] summary json`: for each address family, its peers. A peer of several families is one session.
pub fn read_bgp_summary(
    observer: &Observer,
    at: WallTime,
    value: &Value,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Frr, at);
    families(&mut notes, value, 0);
    if notes.is_empty() {
        return None;
    }
    notes.read(Topic::BgpPeers);
    Some(notes.done())
}

/// A family's body is below its name, and with `vrf all` that below the VRF's.
fn families(notes: &mut Notes<'_>, value: &Value, depth: u8) {
    let Some(members) = value.as_object() else { return };
    match (value.get("routerId").and_then(Value::as_str), value.get("peers").and_then(Value::as_object)) {
        (Some(router_id), Some(peers)) => {
            let asn = number(value, "as");
            let router_id = Some(router_id.to_owned());
            notes.is(Fact::Node(NodeInfo { router_id, asn, routing: true, ..NodeInfo::default() }));
            let vrf = value.get("vrfName").and_then(Value::as_str).unwrap_or("default");
            peers.iter().filter_map(|(name, p)| peer(vrf, name, p)).for_each(|p| notes.is(Fact::BgpPeer(p)));
        }
        _ if depth < 2 => members.values().for_each(|v| families(notes, v, depth + 1)),
        _ => {}
    }
}

/// A peer that is configured by its interface's name has no address here.
fn peer(vrf: &str, name: &str, value: &Value) -> Option<BgpPeer> {
    Some(BgpPeer {
        vrf: vrf.to_owned(),
        address: name.parse().ok()?,
        asn: number(value, "remoteAs")?,
        router_id: None,
        state: value.get("state")?.as_str()?.to_owned(),
    })
}

fn number(value: &Value, name: &str) -> Option<u32> {
    value.get(name)?.as_u64()?.try_into().ok()
}

/// Reads `show ipv6 ospf6 neighbor [detail] json`.
pub fn read_ospf6_neighbors(
    observer: &Observer,
    at: WallTime,
    value: &Value,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let list = value.get("neighbors")?.as_array()?;
    let mut notes = Notes::new(observer, Source::Frr, at);
    for entry in list {
        let word = |name: &str| entry.get(name).and_then(Value::as_str);
        let on = word("interfaceName").or_else(|| word("ifName"));
        let (Some(id), Some(on), Some(state)) = (word("neighborId"), on, word("state")) else { continue };
        notes.is(Fact::IgpNeighbor(IgpNeighbor {
            protocol: IgpProtocol::Ospf3,
            on: on.split('[').next().unwrap_or(on).to_owned(),
            id: id.to_owned(),
            address: word("linkLocalAddress").and_then(|a| a.parse().ok()),
            mac: None,
            state: state.to_owned(),
            role: word("ifState").filter(|r| matches!(*r, "DR" | "BDR" | "DROther")).map(role),
        }));
    }
    if notes.is_empty() && !list.is_empty() {
        return None;
    }
    notes.read(Topic::IgpNeighbors);
    Some(notes.done())
}

fn role(word: &str) -> String {
    if word == "BDR" { "Backup".to_owned() } else { word.to_owned() }
}
