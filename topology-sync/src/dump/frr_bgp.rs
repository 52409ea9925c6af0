//! FRR's BGP sessions: `show bgp [vrf all] [FAMILY] summary json`.

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use super::text::Notes;
use crate::observation::{BgpPeer, Fact, NodeInfo, Observation, Observer, Source, Topic};

/// Reads the value if it is this: for each address family, its peers. A peer of several families is one session.
pub(super) fn read(
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
        local: None,
        address: name.parse().ok()?,
        asn: number(value, "remoteAs")?,
        router_id: None,
        state: value.get("state")?.as_str()?.to_owned(),
    })
}

fn number(value: &Value, name: &str) -> Option<u32> {
    value.get(name)?.as_u64()?.try_into().ok()
}
