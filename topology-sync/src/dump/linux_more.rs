//! Linux beside iproute2's tables: `hostnamectl`, `bridge vlan`, and Cumulus's `net show clag json`.

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use super::text::{Notes, indented, is_whole, words};
use crate::observation::{Fact, Mlag, NodeInfo, Observation, Observer, PortVlan, Source, Topic};

/// Reads `hostnamectl`.
pub(super) fn read_hostnamectl(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let member = |key: &str| {
        let lines = text.lines().filter_map(|l| l.trim_start().strip_prefix(key));
        lines.map(|v| v.trim().to_owned()).find(|v| !v.is_empty())
    };
    let hostname = member("Static hostname:")?;
    let mut notes = Notes::new(observer, Source::Kernel, at);
    let model = member("Operating System:");
    notes.is(Fact::Node(NodeInfo { hostname: Some(hostname), model, ..NodeInfo::default() }));
    Some(notes.done())
}

/// Reads `bridge [-c] vlan show`: a port and its first VLAN, then a line for each further one; before iproute2 5.14 and
/// since, the columns differ only in blanks.
pub(super) fn read_bridge_vlan(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut lines = text.lines();
    let head = words(lines.next()?);
    if !matches!(head[..], ["port", "vlan", "ids" | "ids," | "id"] | ["port", "vlan-id"]) {
        return None;
    }
    let mut notes = Notes::new(observer, Source::Kernel, at);
    let mut port = "";
    for line in lines {
        let mut words = words(line);
        if !indented(line) && !words.is_empty() {
            port = words.remove(0);
        }
        let Some(range) = words.first() else { continue };
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        let (Ok(low), Ok(high)) = (low.parse::<u16>(), high.parse::<u16>()) else { continue };
        let untagged = words.contains(&"Untagged");
        for vlan in low..=high.min(4094) {
            notes.is(Fact::PortVlan(PortVlan { port: port.to_owned(), vlan, untagged }));
        }
    }
    if is_whole(text) {
        notes.read(Topic::PortVlans);
    }
    Some(notes.done())
}

/// Reads `net show clag json` (`clagctl -j`): the pair's shared system id, the way to the other half, and the bundles
/// that both serve, by their number. Where nothing is configured it is empty and nobody's.
pub(super) fn read_clag(
    observer: &Observer,
    at: WallTime,
    value: &Value,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let (interfaces, status) = (value.get("clagIntfs")?.as_object()?, value.get("status")?);
    let word = |name: &str| status.get(name).and_then(Value::as_str);
    let mut notes = Notes::new(observer, Source::Show, at);
    if let Some(system) = word("sysMac").and_then(|m| m.parse().ok()) {
        let bundle = |(name, body): (&String, &Value)| {
            let number = body.get("clagId")?.as_u64()?.try_into().ok()?;
            // Number 0: an interface that is alike at both, but no bundle (VXLAN).
            (number > 0).then(|| (name.clone(), number))
        };
        notes.is(Fact::Mlag(Mlag {
            system,
            peer_port: word("peerIf").map(str::to_owned),
            peer: word("peerIp").and_then(|ip| ip.parse().ok()),
            bundles: interfaces.iter().filter_map(bundle).collect(),
        }));
    }
    notes.read(Topic::Mlag);
    Some(notes.done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_lists_its_vlans() {
        let text = "port\tvlan ids\npeerlink\t 1 PVID Egress Untagged\n\t 13\n\t 24-25\n\nbridge\t 13\n";
        let said =
            read_bridge_vlan(&Observer::node("n"), WallTime::default(), text, &mut Vec::new()).unwrap();
        let vlans: Vec<_> = said
            .iter()
            .filter_map(|o| match &o.said {
                crate::observation::Said::Is(fact, _) => match &**fact {
                    Fact::PortVlan(v) => Some(format!("{} {} {}", v.port, v.vlan, v.untagged)),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        assert_eq!(
            vlans,
            [
                "peerlink 1 true",
                "peerlink 13 false",
                "peerlink 24 false",
                "peerlink 25 false",
                "bridge 13 false"
            ]
        );
    }
}
