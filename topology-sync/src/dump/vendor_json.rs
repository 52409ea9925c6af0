//! Vendors' JSON: Arista EOS `show lldp neighbors detail`, `show ip ospf neighbor`, `show ip ospf interface` (each
//! `| json`), Juniper `show lldp neighbors | display json`.

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use super::text::{Notes, mac};
use crate::observation::{
    Chassis, Fact, Id, IgpInterface, IgpNeighbor, IgpProtocol, LldpNeighbor, NodeInfo, Observation, Observer,
    Scope, Source, Topic,
};

/// Reads the value if it is one of these.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    value: &Value,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Show, at);
    let lldp = eos_lldp(&mut notes, value).or_else(|| junos_lldp(&mut notes, value)).map(Scope::from);
    let scope = lldp.or_else(|| eos_ospf(&mut notes, value))?;
    notes.read(scope);
    Some(notes.done())
}

fn word<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|t| !t.is_empty())
}

fn number(value: &Value, name: &str) -> Option<u32> {
    value.get(name)?.as_u64()?.try_into().ok()
}

/// `{"lldpNeighbors": {"Ethernet1": {"lldpNeighborInfo": […]}}}`; several neighbours may be on one port.
fn eos_lldp(notes: &mut Notes<'_>, value: &Value) -> Option<Topic> {
    let ports = value.get("lldpNeighbors")?;
    if let Some(list) = ports.as_array() {
        // The short form: names alone.
        list.iter().filter_map(eos_short).for_each(|n| notes.is(Fact::Neighbor(n.into())));
        return Some(Topic::Neighbors);
    }
    for (port, body) in ports.as_object()? {
        let entries = body.get("lldpNeighborInfo").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            if let Some(neighbor) = eos_neighbor(port, entry) {
                notes.is(Fact::Neighbor(neighbor.into()));
            }
        }
    }
    Some(Topic::Neighbors)
}

fn eos_neighbor(on: &str, entry: &Value) -> Option<LldpNeighbor> {
    let port = entry.get("neighborInterfaceInfo")?;
    let enabled =
        |what: &str| entry.get("systemCapabilities").and_then(|c| c.get(what)) == Some(&Value::Bool(true));
    let management = entry.get("managementAddresses").and_then(Value::as_array);
    let management = management.into_iter().flatten().filter_map(|m| word(m, "address")?.parse().ok());
    let bare = |text: &str| text.trim_matches('"').to_owned(); // EOS prints the id in quotes within the quotes.
    let port_id = word(port, "interfaceId").or_else(|| word(port, "interfaceId_v2"))?;
    Some(LldpNeighbor {
        on: on.to_owned(),
        chassis: Chassis {
            id: id(eos_kind(word(entry, "chassisIdType")?), word(entry, "chassisId")?),
            name: word(entry, "systemName").map(str::to_owned),
            description: word(entry, "systemDescription").map(str::to_owned),
            management: management.collect(),
            router: enabled("router"),
            bridge: enabled("bridge"),
        },
        port: id(eos_kind(word(port, "interfaceIdType").unwrap_or("interfaceName")), &bare(port_id)),
        description: word(port, "interfaceDescription").map(bare),
        aggregate: number(port, "linkAggregationInterfaceId").filter(|n| *n != 0),
        mac: None,
        max_frame: number(port, "maxFrameSize").and_then(|m| u16::try_from(m).ok()).filter(|m| *m > 0),
    })
}

fn eos_short(entry: &Value) -> Option<LldpNeighbor> {
    let system = word(entry, "neighborDevice")?;
    let port = id("ifname", word(entry, "neighborPort")?);
    Some(neighbor(word(entry, "port")?, id("local", system), Some(system.to_owned()), port))
}

/// A neighbour of whom no more is told.
pub(super) fn neighbor(on: &str, chassis: Id, name: Option<String>, port: Id) -> LldpNeighbor {
    let (description, management) = (None, Vec::new());
    let chassis = Chassis { id: chassis, name, description, management, router: false, bridge: false };
    LldpNeighbor {
        on: on.to_owned(),
        chassis,
        port,
        description: None,
        aggregate: None,
        mac: None,
        max_frame: None,
    }
}

/// An id in the words of the observations.
pub(super) fn id(kind: &str, value: &str) -> Id {
    let value = match mac(value) {
        Some(mac) if kind == "mac" => mac.to_string(),
        _ => value.to_owned(),
    };
    Id { kind: kind.to_owned(), value }
}

/// IEEE 802.1AB §8.5.2.2 and §8.5.3.2 in EOS's words.
fn eos_kind(word: &str) -> &'static str {
    match word {
        "macAddress" => "mac",
        "interfaceName" => "ifname",
        "interfaceAlias" => "ifalias",
        "networkAddress" => "ip",
        "portComponent" => "port",
        "chassisComponent" => "chassis",
        _ => "local",
    }
}

/// `{"lldp-neighbors-information": [{"lldp-neighbor-information": [{…: [{"data": …}]}]}]}`.
fn junos_lldp(notes: &mut Notes<'_>, value: &Value) -> Option<Topic> {
    let tables = value.get("lldp-neighbors-information")?.as_array()?;
    let entries = tables.iter().filter_map(|t| t.get("lldp-neighbor-information")?.as_array()).flatten();
    for entry in entries {
        if let Some(neighbor) = junos_neighbor(entry) {
            notes.is(Fact::Neighbor(neighbor.into()));
        }
    }
    Some(Topic::Neighbors)
}

fn junos_neighbor(entry: &Value) -> Option<LldpNeighbor> {
    let data = |name: &str| word(entry.get(name)?.as_array()?.first()?, "data");
    let on = data("lldp-local-port-id").or_else(|| data("lldp-local-interface"))?;
    let chassis = id(
        junos_kind(data("lldp-remote-chassis-id-subtype").unwrap_or_default()),
        data("lldp-remote-chassis-id")?,
    );
    let description = data("lldp-remote-port-description").map(plain);
    // The brief form tells either the port's id or its description; what is no id is not made one.
    let port = match (data("lldp-remote-port-id"), &description) {
        (Some(port), _) => id(junos_kind(data("lldp-remote-port-id-subtype").unwrap_or_default()), port),
        (None, Some(text)) => id("ifalias", text),
        (None, None) => return None,
    };
    let mut neighbor = neighbor(on, chassis, data("lldp-remote-system-name").map(str::to_owned), port);
    neighbor.description = description;
    neighbor.chassis.description = data("lldp-remote-system-description").map(plain);
    Some(neighbor)
}

/// IEEE 802.1AB's subtypes in Junos's words.
pub(super) fn junos_kind(word: &str) -> &'static str {
    match word.to_ascii_lowercase().as_str() {
        "mac address" => "mac",
        "interface name" => "ifname",
        "interface alias" => "ifalias",
        "network address" => "ip",
        "port component" => "port",
        "chassis component" => "chassis",
        _ => "local",
    }
}

/// Text without the escapes of XML, in which Junos makes its JSON.
fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// `{"vrfs": {NAME: {"instList": {N: {"ospfNeighborEntries": […]} or {"interfaces": {…}}}}}}`.
fn eos_ospf(notes: &mut Notes<'_>, value: &Value) -> Option<Scope> {
    let mut scope = None;
    for vrf in value.get("vrfs")?.as_object()?.values() {
        let instances = vrf.get("instList").and_then(Value::as_object);
        for instance in instances.into_iter().flat_map(|i| i.values()) {
            if let Some(entries) = instance.get("ospfNeighborEntries").and_then(Value::as_array) {
                scope = Some(Scope::of(Topic::IgpNeighbors, IgpProtocol::Ospf2));
                entries.iter().filter_map(eos_ospf_neighbor).for_each(|n| notes.is(Fact::IgpNeighbor(n)));
            }
            if let Some(ports) = instance.get("interfaces").and_then(Value::as_object) {
                scope = Some(Scope::of(Topic::IgpInterfaces, IgpProtocol::Ospf2));
                ports.iter().for_each(|(port, body)| eos_ospf_interface(notes, port, body));
            }
            if let Some(id) = word(instance, "routerId") {
                let router_id = Some(id.to_owned());
                notes.is(Fact::Node(NodeInfo { router_id, routing: true, ..NodeInfo::default() }));
            }
        }
    }
    scope
}

fn eos_ospf_neighbor(entry: &Value) -> Option<IgpNeighbor> {
    let role = match word(entry, "drState") {
        Some("DR") => Some("DR"),
        Some("BDR") => Some("Backup"),
        Some("DROther") => Some("DROther"),
        _ => None,
    };
    Some(IgpNeighbor {
        protocol: IgpProtocol::Ospf2,
        on: word(entry, "interfaceName")?.to_owned(),
        id: word(entry, "routerId")?.to_owned(),
        address: word(entry, "interfaceAddress").and_then(|a| a.parse().ok()),
        mac: None,
        state: eos_state(word(entry, "adjacencyState")?),
        role: role.map(str::to_owned),
    })
}

/// RFC 2328's states (§10.1) in EOS's words.
fn eos_state(word: &str) -> String {
    let state = match word {
        "full" => "Full",
        "2Ways" | "twoWay" | "2-way" | "2way" => "2-Way",
        "init" => "Init",
        "exStart" => "ExStart",
        "exchange" => "Exchange",
        "loading" => "Loading",
        "attempt" => "Attempt",
        "down" => "Down",
        other => other,
    };
    state.to_owned()
}

fn eos_ospf_interface(notes: &mut Notes<'_>, port: &str, body: &Value) {
    notes.is(Fact::IgpInterface(IgpInterface {
        protocol: IgpProtocol::Ospf2,
        port: port.to_owned(),
        cost: number(body, "cost"),
        area: word(body, "area").map(str::to_owned),
    }));
}
