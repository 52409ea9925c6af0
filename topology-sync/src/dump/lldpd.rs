//! lldpd: `lldpcli -f json0 show neighbors details`, `show chassis`, `show interfaces`.
//!
//! `json0` has one fixed shape, in which everything is a list. Plain `json` turns lists of one into objects and uses
//! names as member names; both are understood.

use serde_json::Value;

use super::Reading;
use super::json::{list, members, text};
use crate::observation::{Chassis, Fact, Id, LldpNeighbor, SentPort, Source, Topic};

/// What lldpd says, if it was lldpd.
pub(super) fn read(value: &Value) -> Option<Reading> {
    let mut reading = Reading { source: Source::Lldpd, facts: Vec::new(), whole: Vec::new() };
    if let Some(own) = value.get("local-chassis") {
        let own = items(own).iter().find_map(|outer| list(outer, "chassis").first().and_then(chassis));
        reading.facts.extend(own.map(Fact::Chassis));
        return Some(reading);
    }
    let lldp = value.get("lldp")?;
    let mut own = None;
    for outer in items(lldp) {
        for (name, entry) in list(outer, "interface").iter().flat_map(named) {
            match interface(name, entry) {
                Some(Entry::Heard(neighbor)) => reading.facts.push(Fact::Neighbor(neighbor.into())),
                Some(Entry::Sent(chassis, port)) => {
                    own.get_or_insert(chassis);
                    reading.facts.push(Fact::SentPort(port));
                }
                None => {}
            }
        }
    }
    // A list of neighbours that is empty looks like a list of interfaces that is empty; a node has interfaces.
    let sent = reading.facts.iter().any(|f| matches!(f, Fact::SentPort(_)));
    let topic = if sent { Topic::SentPorts } else { Topic::Neighbors };
    reading.whole.push(topic.into());
    reading.facts.extend(own.map(Fact::Chassis));
    Some(reading)
}

/// An entry of a list of interfaces.
enum Entry {
    Heard(LldpNeighbor),
    Sent(Chassis, SentPort),
}

/// An entry is a neighbour's (it has an age or a protocol) or the node's own (it has a status).
fn interface(name: &str, entry: &Value) -> Option<Entry> {
    let chassis = list(entry, "chassis").first().and_then(chassis)?;
    let port = list(entry, "port").first()?;
    let id = id(port)?;
    if entry.get("status").is_some() {
        return Some(Entry::Sent(chassis, SentPort { port: name.to_owned(), id }));
    }
    Some(Entry::Heard(LldpNeighbor {
        on: name.to_owned(),
        chassis,
        port: id,
        description: value_of(port, "descr").map(str::to_owned),
        aggregate: value_of(port, "aggregation").and_then(|a| a.parse().ok()).filter(|a| *a != 0),
        mac: None,
        max_frame: value_of(port, "mfs").and_then(|m| m.parse().ok()),
    }))
}

fn chassis(value: &Value) -> Option<Chassis> {
    // Plain json: {"r2": {"id": …}}.
    let (name, body) = match value.get("id") {
        Some(_) => (value_of(value, "name"), value),
        None => members(value).find(|(_, v)| v.get("id").is_some()).map(|(n, v)| (Some(n), v))?,
    };
    let capable = |what: &str| {
        list(body, "capability")
            .iter()
            .any(|c| text(c, "type") == Some(what) && c.get("enabled").and_then(Value::as_bool) == Some(true))
    };
    Some(Chassis {
        id: id(body)?,
        name: name.map(str::to_owned),
        description: value_of(body, "descr").map(str::to_owned),
        management: list(body, "mgmt-ip").iter().filter_map(|m| plain(m)?.parse().ok()).collect(),
        router: capable("Router"),
        bridge: capable("Bridge"),
    })
}

fn id(value: &Value) -> Option<Id> {
    let id = list(value, "id").first()?;
    let kind = text(id, "type")?.to_ascii_lowercase();
    let value = text(id, "value")?;
    let value = if kind == "mac" { value.to_ascii_lowercase() } else { value.to_owned() };
    Some(Id { kind, value })
}

/// The text of a member that is `[{"value": …}]`, `{"value": …}` or plain text.
fn value_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    list(value, name).first().and_then(plain)
}

fn plain(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| text(value, "value")).filter(|t| !t.is_empty())
}

/// The items of an array, or the value itself.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        single => std::slice::from_ref(single),
    }
}

/// An interface entry with its name: `{"name": "eth1", …}`, or plain json's `{"eth1": {…}}`.
fn named(entry: &Value) -> Vec<(&str, &Value)> {
    match text(entry, "name") {
        Some(name) => vec![(name, entry)],
        None => members(entry).filter(|(_, v)| v.is_object()).collect(),
    }
}
