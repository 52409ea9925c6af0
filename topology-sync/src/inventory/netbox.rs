//! NetBox: devices, interfaces, cables and patch panels as its REST API lists them, `{"count": …, "results": […]}` or plain
//! lists; the rows of all files together, each told by its members.
//!
//! A cable of the network is what connects two interfaces: a cable's ends, and where those are ports of a patch panel
//! the way through it, from front port to rear port and back out of the front port at the same position at the far side.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use twin::{BitsPerSec, Diagnostic, MacAddr, WallTime};

use crate::observation::{
    Fact, InventoryCable, InventoryNode, InventoryPort, Observation, Observer, Source, Topic,
};

/// Longest way through patch panels; a longer one is a ring in the data.
const HOPS_MAX: usize = 64;

/// What a cable is plugged into: the object's type (`dcim.interface`) and id.
type End = (String, u64);

/// The rows that matter here.
#[derive(Default)]
struct Tables<'a> {
    devices: Vec<&'a Value>,
    cables: Vec<(Vec<End>, Vec<End>)>,
    /// Interfaces by id: node and port.
    interfaces: BTreeMap<u64, (String, String)>,
    ports: Vec<InventoryPort>,
    /// Front ports by id: the rear port and the position on it.
    fronts: BTreeMap<u64, (u64, u64)>,
    /// Topics whose list is not all there: a page of several.
    partial: BTreeSet<Topic>,
}

/// Reads the files of one export; `None` if none of them is NetBox's.
pub fn read(
    list: &Observer,
    at: WallTime,
    files: &[Value],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut tables = Tables::default();
    let mut topics = BTreeSet::new();
    for file in files {
        let rows = rows(file)?;
        let is_page = file.get("next").is_some_and(|n| !n.is_null())
            || file.get("previous").is_some_and(|p| !p.is_null());
        for row in rows {
            if let Some(topic) = tables.take(row, diagnostics) {
                topics.insert(topic);
                if is_page {
                    tables.partial.insert(topic);
                }
            }
        }
    }
    if topics.is_empty() {
        return None;
    }
    let is = |fact| Observation::is(list, Source::Inventory, at, fact);
    let mut said: Vec<_> =
        tables.devices.iter().filter_map(|d| node(d)).map(|n| is(Fact::InventoryNode(n))).collect();
    said.extend(tables.ports.iter().map(|p| is(Fact::InventoryPort(p.clone()))));
    said.extend(tables.joined(diagnostics).into_iter().map(|c| is(Fact::InventoryCable(c))));
    if tables.cables.is_empty() {
        topics.remove(&Topic::InventoryCables); // Interfaces and panels alone are no list of cables.
    }
    let whole = topics.difference(&tables.partial);
    said.extend(whole.map(|t| Observation::read(list, Source::Inventory, at, *t)));
    Some(said)
}

/// The rows of a file.
fn rows(file: &Value) -> Option<&Vec<Value>> {
    file.get("results").unwrap_or(file).as_array()
}

fn word<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|t| !t.is_empty())
}

fn id(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.get("id")?.as_u64())
}

/// A device's name; one without a name is called by its number.
fn device_name(device: &Value) -> Option<String> {
    let number = || id(device).map(|n| format!("#{n}"));
    word(device, "name").or_else(|| word(device, "display")).map(str::to_owned).or_else(number)
}

impl<'a> Tables<'a> {
    /// Sorts a row into its table. The topic that its list is about, if it is one of ours.
    fn take(&mut self, row: &'a Value, diagnostics: &mut Vec<Diagnostic>) -> Option<Topic> {
        let has = |name: &str| row.get(name).is_some();
        if has("a_terminations") || has("termination_a_id") || has("termination_a") {
            self.cable(row, diagnostics);
            return Some(Topic::InventoryCables);
        }
        if has("rear_port") || has("rear_ports") {
            let one = row.get("rear_port").map(|r| (id(r), row.get("rear_port_position")));
            let first = row.get("rear_ports").and_then(|r| r.get(0));
            let first = first.map(|r| (r.get("rear_port").and_then(id), r.get("rear_port_position")));
            let (rear, position) = one.or(first)?;
            let position = position.and_then(Value::as_u64).unwrap_or(1);
            self.fronts.insert(id(row)?, (rear?, position));
            return Some(Topic::InventoryCables);
        }
        if has("device_type") {
            self.devices.push(row);
            return Some(Topic::InventoryNodes);
        }
        if has("device")
            && has("name")
            && (has("lag") || has("mgmt_only") || has("mac_address") || has("mtu"))
        {
            let node = device_name(row.get("device")?)?;
            let port = word(row, "name")?.to_owned();
            self.interfaces.insert(id(row)?, (node.clone(), port.clone()));
            self.ports.push(InventoryPort { node, port, mac: mac(row), speed: speed(row) });
            return Some(Topic::InventoryPorts);
        }
        None
    }

    /// Takes a cable's ends, and what they say of the interfaces that they are plugged into.
    fn cable(&mut self, row: &'a Value, diagnostics: &mut Vec<Diagnostic>) {
        let status = row.get("status").and_then(|s| word(s, "value").or(s.as_str()));
        if status.is_some_and(|s| s != "connected") {
            Diagnostic::count(diagnostics, "cable-not-connected", || {
                format!("a cable that is not connected is left out (status '{}')", status.unwrap_or_default())
            });
            return;
        }
        let (a, b) = (self.ends(row, "a"), self.ends(row, "b"));
        self.cables.push((a, b));
    }

    fn ends(&mut self, row: &Value, side: &str) -> Vec<End> {
        // Since 3.3 a list; before, one.
        if let Some(list) = row.get(format!("{side}_terminations")).and_then(Value::as_array) {
            let end = |t: &Value| {
                let kind = word(t, "object_type")?.to_owned();
                let number = t.get("object_id").and_then(Value::as_u64).or_else(|| id(t.get("object")?))?;
                Some((kind, number, t.get("object").cloned()))
            };
            return list.iter().filter_map(end).filter_map(|(k, n, o)| self.end(k, n, o.as_ref())).collect();
        }
        let object = row.get(format!("termination_{side}"));
        let kind = word(row, &format!("termination_{side}_type")).unwrap_or("dcim.interface").to_owned();
        let number = row.get(format!("termination_{side}_id")).and_then(Value::as_u64);
        let number = number.or_else(|| object.and_then(id));
        number.and_then(|n| self.end(kind, n, object)).into_iter().collect()
    }

    fn end(&mut self, kind: String, number: u64, object: Option<&Value>) -> Option<End> {
        if kind == "dcim.interface"
            && let Some(object) = object
            && let (Some(node), Some(port)) =
                (object.get("device").and_then(device_name), word(object, "name"))
        {
            self.interfaces.entry(number).or_insert((node, port.to_owned()));
        }
        Some((kind, number))
    }

    /// Interfaces joined by cables, through patch panels; each pair once.
    fn joined(&self, diagnostics: &mut Vec<Diagnostic>) -> Vec<InventoryCable> {
        let mut far: BTreeMap<&End, Vec<&End>> = BTreeMap::new();
        for (a, b) in &self.cables {
            for (a, b) in pairs(a, b) {
                far.entry(a).or_default().push(b);
                far.entry(b).or_default().push(a);
            }
        }
        let backs: BTreeMap<(u64, u64), u64> = self.fronts.iter().map(|(front, at)| (*at, *front)).collect();
        let mut found = BTreeSet::new();
        for start in far.keys().filter(|e| e.0 == "dcim.interface") {
            let ends = self.reach(start, &far, &backs);
            if ends.is_empty() {
                Diagnostic::count(diagnostics, "cable-without-port", || {
                    format!("a cable from {} leads to no interface of this export", self.name(start))
                });
            }
            for end in ends {
                let (Some(a), Some(b)) = (self.interfaces.get(&start.1), self.interfaces.get(&end.1)) else {
                    continue;
                };
                found.insert(if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) });
            }
        }
        found.into_iter().map(|(a, b)| InventoryCable { a, b }).collect()
    }

    fn name(&self, end: &End) -> String {
        self.interfaces.get(&end.1).map_or_else(|| end.1.to_string(), |(node, port)| format!("{node}:{port}"))
    }

    /// The interfaces at the other end, following each strand through patch panels.
    fn reach<'e>(
        &self,
        start: &'e End,
        far: &BTreeMap<&'e End, Vec<&'e End>>,
        backs: &BTreeMap<(u64, u64), u64>,
    ) -> Vec<End> {
        let mut ends = Vec::new();
        // Where a strand is, and the positions on the rear ports that it went in by.
        let mut strands: Vec<(End, Vec<u64>)> = vec![(start.clone(), Vec::new())];
        let mut seen = BTreeSet::new();
        for _ in 0..HOPS_MAX {
            let mut next = Vec::new();
            for (at, positions) in strands.drain(..) {
                for end in far.get(&at).into_iter().flatten() {
                    let mut positions = positions.clone();
                    match end.0.as_str() {
                        "dcim.interface" => ends.push((*end).clone()),
                        "dcim.frontport" => {
                            let Some((rear, position)) = self.fronts.get(&end.1) else { continue };
                            positions.push(*position);
                            next.push((("dcim.rearport".to_owned(), *rear), positions));
                        }
                        "dcim.rearport" => {
                            let position = positions.pop().unwrap_or(1);
                            let Some(front) = backs.get(&(end.1, position)) else { continue };
                            next.push((("dcim.frontport".to_owned(), *front), positions));
                        }
                        _ => {} // A circuit, a power feed: no interface of the network.
                    }
                }
            }
            // A ring of panels in the data would multiply what fans out.
            next.retain(|(end, positions)| seen.insert((end.clone(), positions.last().copied())));
            strands = next;
        }
        ends.retain(|e| e != start);
        ends
    }
}

/// Which ends of a cable belong together: strand by strand where there are as many on both sides, all with the one where
/// a cable fans out.
fn pairs<'e>(a: &'e [End], b: &'e [End]) -> Vec<(&'e End, &'e End)> {
    if a.len() == b.len() {
        return a.iter().zip(b).collect();
    }
    match (a, b) {
        ([one], many) | (many, [one]) => many.iter().map(|m| (one, m)).collect(),
        _ => Vec::new(),
    }
}

/// Since 4.2 an object of its own; before, a text.
fn mac(row: &Value) -> Option<MacAddr> {
    let primary = || word(row.get("primary_mac_address")?, "mac_address");
    word(row, "mac_address").or_else(primary)?.parse().ok()
}

/// What the interface is set to (in kbit/s), or else what its type begins with: `1000base-t`, `2.5gbase-t`,
/// `100gbase-x-qsfp28`.
fn speed(row: &Value) -> Option<BitsPerSec> {
    let set = row.get("speed").and_then(Value::as_u64).and_then(|k| k.checked_mul(1_000));
    let of_type = || {
        let (rate, _) = row.get("type").and_then(|t| word(t, "value").or(t.as_str()))?.split_once("base-")?;
        let (number, unit) = match rate.strip_suffix('g') {
            Some(number) => (number, 1_000_000_000),
            None => (rate, 1_000_000),
        };
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        let (whole, tenths): (u64, u64) = (whole.parse().ok()?, tenths.parse().ok().filter(|t| *t < 10)?);
        whole.checked_mul(unit)?.checked_add(tenths * unit / 10)
    };
    set.or_else(of_type).and_then(BitsPerSec::new)
}

fn node(row: &Value) -> Option<InventoryNode> {
    let named = |name: &str| row.get(name).and_then(|v| word(v, "name").or_else(|| word(v, "display")));
    let management = row.get("primary_ip").and_then(|ip| word(ip, "address"));
    let management = management.and_then(|a| a.split('/').next()?.parse().ok());
    Some(InventoryNode {
        name: device_name(row)?,
        role: named("role").or_else(|| named("device_role")).map(str::to_owned),
        site: named("site").map(str::to_owned),
        serial: word(row, "serial").map(str::to_owned),
        management,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Said;

    fn file(name: &str) -> Value {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/netbox/");
        serde_json::from_str(&std::fs::read_to_string(format!("{folder}{name}.json")).unwrap()).unwrap()
    }

    fn lines(files: &[&str]) -> (Vec<String>, Vec<(String, u64)>) {
        let files: Vec<_> = files.iter().map(|f| file(f)).collect();
        let mut diagnostics = Vec::new();
        let said = read(&Observer::list("netbox"), WallTime::default(), &files, &mut diagnostics).unwrap();
        let line = |o: &Observation| match &o.said {
            Said::Is(fact, _) => match &**fact {
                Fact::InventoryCable(c) => format!("{}:{} {}:{}", c.a.0, c.a.1, c.b.0, c.b.1),
                Fact::InventoryPort(p) => {
                    format!("{}:{} {:?} {:?}", p.node, p.port, p.mac, p.speed.map(BitsPerSec::get))
                }
                Fact::InventoryNode(n) => {
                    format!("{} {:?} {:?} {:?} {:?}", n.name, n.role, n.site, n.serial, n.management)
                }
                other => format!("{other:?}"),
            },
            other => format!("{other:?}"),
        };
        (said.iter().map(line).collect(), diagnostics.into_iter().map(|d| (d.code, d.count)).collect())
    }

    #[test]
    fn cables_are_followed_through_panels_and_fan_out() {
        let (lines, diagnostics) = lines(&["devices", "interfaces", "front-ports", "cables"]);
        expect_test::expect![[r#"
            r1 Some("Router") Some("ams1") Some("VM5F1A") Some(192.0.2.1)
            r2 Some("Router") Some("fra2") None None
            sw1 Some("Switch") Some("ams1") None None
            pp1 Some("Patch panel") Some("ams1") None None
            pp2 Some("Patch panel") Some("fra2") None None
            r1:et-0/0/0 None Some(100000000000)
            r1:et-0/0/1 None Some(100000000000)
            r1:et-0/0/2 None Some(100000000000)
            r2:et-0/0/0 None Some(100000000000)
            r2:et-0/0/1 None Some(100000000000)
            sw1:Ethernet1/1 None Some(100000000000)
            sw1:Ethernet1/2 None Some(100000000000)
            sw1:Ethernet2 None Some(100000000000)
            r1:et-0/0/0 r2:et-0/0/0
            r1:et-0/0/1 sw1:Ethernet1/1
            r1:et-0/0/1 sw1:Ethernet1/2
            Read(InventoryNodes)
            Read(InventoryCables)
            Read(InventoryPorts)"#]]
        .assert_eq(&lines.join("\n"));
        assert_eq!(
            diagnostics,
            [("cable-not-connected".to_owned(), 1), ("cable-without-port".to_owned(), 2)]
        );
    }

    #[test]
    fn cables_of_before_3_3_name_their_own_ends() {
        let (lines, _) = lines(&["cables-2.11"]);
        assert_eq!(lines, ["r1:et-0/0/1 sw1:Ethernet1/1", "Read(InventoryCables)"]);
    }

    #[test]
    fn a_page_of_several_ends_nothing_and_other_json_is_not_read() {
        let mut page = file("cables");
        page["next"] = "http://netbox.example/api/dcim/cables/?offset=50".into();
        let read = |v: Value| read(&Observer::list("l"), WallTime::default(), &[v], &mut Vec::new());
        assert!(read(page).unwrap().iter().all(|o| matches!(o.said, Said::Is(..))));
        assert_eq!(read(serde_json::json!([{"ifname": "eth0", "ifindex": 1}])), None);
        assert_eq!(read(serde_json::json!({"lldp": []})), None);
    }

    #[test]
    fn speeds_and_hardware_addresses_of_interfaces() {
        let row = |n: u64, rest: Value| {
            let mut row = serde_json::json!({
                "id": n, "name": format!("e{n}"), "device": {"id": 1, "name": "sw"}, "mtu": null,
            });
            row.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            row
        };
        let kind = |word: &str| serde_json::json!({"type": {"value": word}, "speed": null});
        let rows = serde_json::json!([
            row(1, kind("1000base-t")),
            row(2, kind("2.5gbase-t")),
            row(3, kind("virtual")),
            row(4, serde_json::json!({"type": {"value": "25gbase-x-sfp28"}, "speed": 10_000_000})),
            row(5, serde_json::json!({"mac_address": "02:00:00:00:00:05"})),
            row(6, serde_json::json!({"primary_mac_address": {"id": 1, "mac_address": "02:00:00:00:00:06"}})),
            row(7, kind("99999999999999999999gbase-t")),
        ]);
        let said = read(&Observer::list("l"), WallTime::default(), &[rows], &mut Vec::new()).unwrap();
        let found = |o: &Observation| match &o.said {
            Said::Is(fact, _) => match &**fact {
                Fact::InventoryPort(p) => Some((p.speed.map(BitsPerSec::get), p.mac.map(|m| m.0[5]))),
                _ => None,
            },
            _ => None,
        };
        let found: Vec<_> = said.iter().filter_map(found).collect();
        let bits = |mega: u64| (Some(mega * 1_000_000), None);
        let mac = |last| (None, Some(last));
        assert_eq!(
            found,
            [bits(1_000), bits(2_500), (None, None), bits(10_000), mac(5), mac(6), (None, None)]
        );
        let whole: Vec<_> = said.iter().filter(|o| matches!(o.said, Said::Read(_))).collect();
        assert_eq!(whole.len(), 1, "no list of cables was read");
    }

    #[test]
    fn a_ring_of_panels_ends() {
        let cable = |a: (&str, u64), b: &[(&str, u64)]| {
            let end = |(k, n): &(&str, u64)| serde_json::json!({"object_type": k, "object_id": n});
            serde_json::json!({"a_terminations": [end(&a)], "b_terminations": b.iter().map(end).collect::<Vec<_>>()})
        };
        let front =
            |n: u64, rear: u64| serde_json::json!({"id": n, "rear_port": rear, "rear_port_position": 1});
        let (i, f, r) = ("dcim.interface", "dcim.frontport", "dcim.rearport");
        let rows = serde_json::json!([
            front(1, 11),
            front(2, 12),
            cable((i, 5), &[(f, 1), (f, 2)]),
            cable((r, 11), &[(f, 1), (f, 2)]),
            cable((r, 12), &[(f, 1), (f, 2)]),
        ]);
        let mut diagnostics = Vec::new();
        let said = read(&Observer::list("l"), WallTime::default(), &[rows], &mut diagnostics).unwrap();
        assert_eq!((said.len(), diagnostics.len()), (1, 1));
    }
}
