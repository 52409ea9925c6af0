//! lldpd: `lldpcli -f json0 show neighbors details`, `show chassis`, `show interfaces`.
//!
//! `json0` has one fixed shape, in which everything is a list. Plain `json` turns lists of one into objects and uses
//! names as member names; both are understood.

use serde_json::Value;

use super::device::{Chassis, Device, Heard, Id};
use super::json::{list, members, text};

/// Takes what the value says. Whether it was lldpd's.
pub(super) fn take(device: &mut Device, value: &Value) -> bool {
    if let Some(own) = value.get("local-chassis") {
        for outer in items(own) {
            device.chassis = list(outer, "chassis").first().and_then(chassis).or(device.chassis.take());
        }
        return true;
    }
    let Some(lldp) = value.get("lldp") else { return false };
    for outer in items(lldp) {
        for (name, entry) in list(outer, "interface").iter().flat_map(named) {
            take_interface(device, name, entry);
        }
    }
    true
}

/// An entry is a neighbour's (it has an age or a protocol) or the node's own (it has a status).
fn take_interface(device: &mut Device, name: &str, entry: &Value) {
    let Some(chassis) = list(entry, "chassis").first().and_then(chassis) else { return };
    let Some(port) = list(entry, "port").first() else { return };
    let Some(port_id) = id(port) else { return };
    if entry.get("status").is_some() {
        device.interface(name).advertised = Some(port_id);
        device.chassis.get_or_insert(chassis);
        return;
    }
    let description = value_of(port, "descr").map(str::to_owned);
    device.heard.push(Heard { on: name.to_owned(), chassis, port: port_id, description });
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
