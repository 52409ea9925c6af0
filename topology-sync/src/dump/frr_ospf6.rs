//! FRR's OSPFv3: `show ipv6 ospf6 neighbor [detail] json`, `show ipv6 ospf6 database [TYPE] detail json`.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use super::text::Notes;
use crate::observation::{
    Fact, IgpLink, IgpLinkKind, IgpNeighbor, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind,
    Observation, Observer, Scope, Source, Topic,
};

/// RFC 5340 §4.4, as RFC 2328 appendix B: an advertisement of this age is being withdrawn.
const MAX_AGE_S: u64 = 3600;

/// Reads the value if it is one of these.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    value: &Value,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Frr, at);
    neighbors(&mut notes, value)
        .or_else(|| neighbor_details(&mut notes, value))
        .or_else(|| database(&mut notes, value))?;
    Some(notes.done())
}

fn word<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|t| !t.is_empty())
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Value, name: &str) -> Option<u32> {
    value.get(name)?.as_u64()?.try_into().ok()
}

/// A number that is printed as a dotted quad: an interface's index, an area.
fn quad(text: &str) -> Option<u32> {
    text.parse().ok().or_else(|| text.parse::<Ipv4Addr>().ok().map(u32::from))
}

fn neighbors(notes: &mut Notes<'_>, value: &Value) -> Option<()> {
    let list = value.get("neighbors")?.as_array()?;
    let found: Vec<_> = list.iter().filter_map(neighbor).collect();
    if found.is_empty() && !list.is_empty() {
        return None;
    }
    found.into_iter().for_each(|n| notes.is(Fact::IgpNeighbor(n)));
    notes.read(Scope::of(Topic::IgpNeighbors, IgpProtocol::Ospf3));
    Some(())
}

fn neighbor(entry: &Value) -> Option<IgpNeighbor> {
    let role = word(entry, "ifState").filter(|r| matches!(*r, "DR" | "BDR" | "DROther"));
    Some(IgpNeighbor {
        protocol: IgpProtocol::Ospf3,
        on: word(entry, "interfaceName")?.to_owned(),
        id: word(entry, "neighborId")?.to_owned(),
        address: None,
        mac: None,
        state: state(word(entry, "state")?),
        role: role.map(|r| if r == "BDR" { "Backup" } else { r }.to_owned()),
    })
}

/// The detailed form has a member `ROUTER-ID%INTERFACE` for each.
fn neighbor_details(notes: &mut Notes<'_>, value: &Value) -> Option<()> {
    let detail = |(name, entry): (&String, &Value)| {
        Some(IgpNeighbor {
            protocol: IgpProtocol::Ospf3,
            on: word(entry, "interface")?.to_owned(),
            id: name.split('%').next()?.to_owned(),
            address: word(entry, "linkLocalAddress").and_then(|a| a.parse().ok()),
            mac: None,
            state: state(word(entry, "neighborState")?),
            role: None,
        })
    };
    let found: Vec<_> = value.as_object()?.iter().filter_map(detail).collect();
    if found.is_empty() {
        return None;
    }
    found.into_iter().for_each(|n| notes.is(Fact::IgpNeighbor(n)));
    notes.read(Scope::of(Topic::IgpNeighbors, IgpProtocol::Ospf3));
    Some(())
}

/// RFC 2328's words for ospf6d's.
fn state(word: &str) -> String {
    let state = match word {
        "Twoway" => "2-Way",
        "ExChange" => "Exchange",
        other => other,
    };
    state.to_owned()
}

/// Advertisements by their flooding scope.
fn database(notes: &mut Notes<'_>, value: &Value) -> Option<()> {
    let scopes = ["areaScopedLinkStateDb", "interfaceScopedLinkStateDb", "asScopedLinkStateDb"];
    if !scopes.iter().any(|s| value.get(s).is_some()) {
        return None;
    }
    let mut told = true;
    for area in scopes.iter().flat_map(|s| list(value, s)) {
        let id = word(area, "areaId").and_then(quad).map(|a| Ipv4Addr::from(a).to_string());
        for lsa in list(area, "lsa") {
            match link_state(lsa, id.as_deref().unwrap_or_default()) {
                Some((age, fact)) if age >= MAX_AGE_S => notes.not(fact.id.key()),
                Some((age, fact)) => notes.lives(Fact::LinkState(fact), Some(MAX_AGE_S - age)),
                None => told = false, // Without `detail` there are headers alone.
            }
        }
    }
    if told {
        notes.read(Scope::of(Topic::LinkStates, IgpProtocol::Ospf3));
    }
    Some(())
}

fn link_state(lsa: &Value, area: &str) -> Option<(u64, LinkState)> {
    let kind = match word(lsa, "type")? {
        "Router" => LinkStateKind::Router,
        "Network" => LinkStateKind::Network,
        "Link" => LinkStateKind::Link,
        "Intra-Prefix" => LinkStateKind::Prefixes,
        _ => LinkStateKind::Other,
    };
    let id = LinkStateId {
        protocol: IgpProtocol::Ospf3,
        area: area.to_owned(),
        kind,
        router: word(lsa, "advertisingRouter")?.to_owned(),
        number: word(lsa, "linkStateId")?.to_owned(),
    };
    let attached = list(lsa, "attachedRouter").iter().filter_map(Value::as_str).map(|router| IgpLink {
        kind: IgpLinkKind::PointToPoint,
        to: router.to_owned(),
        near: None,
        far: None,
        metric: 0,
    });
    let prefix = |p: &Value| Some((word(p, "prefix")?.parse().ok()?, number(p, "metric").unwrap_or(0)));
    // A router whose R bit is clear wants no transit (RFC 5340 §A.2).
    let forwards = word(lsa, "options").is_none_or(|o| o.split('|').any(|bit| bit == "R"));
    let fact = LinkState {
        id,
        sequence: LinkState::ordered_sequence(number(lsa, "lsSequenceNumber")?),
        name: None,
        links: list(lsa, "lsaDescription").iter().filter_map(link).chain(attached).collect(),
        addresses: word(lsa, "linkLocalAddress").and_then(|a| a.parse::<IpAddr>().ok()).into_iter().collect(),
        prefixes: list(lsa, "prefix").iter().filter_map(prefix).collect(),
        overload: kind == LinkStateKind::Router && !forwards,
    };
    Some((lsa.get("age")?.as_u64()?, fact))
}

fn link(entry: &Value) -> Option<IgpLink> {
    let router = word(entry, "neighborRouterId")?;
    let index = |name: &str| word(entry, name).and_then(quad);
    let far = index("neighborInterfaceId")?;
    let (kind, to) = match word(entry, "type")? {
        "Point-To-Point" => (IgpLinkKind::PointToPoint, router.to_owned()),
        "Transit-Network" => (IgpLinkKind::Transit, format!("{router}#{far}")),
        "Virtual-Link" => (IgpLinkKind::Virtual, router.to_owned()),
        _ => return None,
    };
    let near = index("interfaceId").map(LinkEnd::Index);
    Some(IgpLink { kind, to, near, far: Some(LinkEnd::Index(far)), metric: number(entry, "metric")? })
}
