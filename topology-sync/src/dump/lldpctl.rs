//! lldpd's text: `lldpctl`, `lldpcli show neighbors [details]`.
//!
//! A block for each neighbour, headed by `Interface: eth1, via: LLDP, …`; below it `Chassis:`, `Port:` and others with
//! their members indented.

use twin::{Diagnostic, WallTime};

use super::text::{Notes, is_whole, mac};
use crate::observation::{Chassis, Fact, Id, LldpNeighbor, Observation, Observer, Source, Topic};

/// Reads the text if it is lldpd's.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    if !text.contains("LLDP neighbors:") || !text.trim_start().starts_with("---") {
        return None;
    }
    let mut notes = Notes::new(observer, Source::Lldpd, at);
    let mut block: Option<Block> = None;
    for line in text.lines() {
        let (key, value) = line.split_once(':').map_or((line.trim(), ""), |(k, v)| (k.trim(), v.trim()));
        if key == "Interface" && line.contains("via:") {
            finish(&mut notes, block.take());
            let on = value.split(',').next().unwrap_or_default();
            block = Some(Block::new(on));
        } else if let Some(block) = &mut block {
            block.line(line, key, value);
        }
    }
    finish(&mut notes, block);
    if is_whole(text) {
        notes.read(Topic::Neighbors);
    }
    Some(notes.done())
}

/// A neighbour while its lines are read.
struct Block {
    section: &'static str,
    chassis_id: Option<Id>,
    neighbor: LldpNeighbor,
}

impl Block {
    fn new(on: &str) -> Self {
        let none = Id { kind: String::new(), value: String::new() };
        let chassis = Chassis {
            id: none.clone(),
            name: None,
            description: None,
            management: Vec::new(),
            router: false,
            bridge: false,
        };
        let neighbor = LldpNeighbor {
            on: on.to_owned(),
            chassis,
            port: none,
            description: None,
            aggregate: None,
            mac: None,
            max_frame: None,
        };
        Self { section: "", chassis_id: None, neighbor }
    }

    fn line(&mut self, line: &str, key: &str, value: &str) {
        // Sections stand two columns in, their members four.
        if line.starts_with("  ") && !line.starts_with("   ") {
            self.section = match key {
                "Chassis" => "chassis",
                "Port" => "port",
                _ => "other",
            };
            return;
        }
        let text = || Some(value.to_owned()).filter(|v| !v.is_empty());
        let chassis = &mut self.neighbor.chassis;
        match (self.section, key) {
            ("chassis", "ChassisID") => self.chassis_id = id(value),
            ("chassis", "SysName") => chassis.name = text(),
            ("chassis", "SysDescr") => chassis.description = text(),
            ("chassis", "MgmtIP") => chassis.management.extend(value.parse::<std::net::IpAddr>()),
            ("chassis", "Capability") => match value.split_once(',').map(|(c, on)| (c, on.trim())) {
                Some(("Router", "on")) => chassis.router = true,
                Some(("Bridge", "on")) => chassis.bridge = true,
                _ => {}
            },
            ("port", "PortID") => self.neighbor.port = id(value).unwrap_or(self.neighbor.port.clone()),
            ("port", "PortDescr") => self.neighbor.description = text(),
            ("port", "MFS") => self.neighbor.max_frame = value.parse().ok(),
            _ => {}
        }
    }
}

/// `mac 52:54:00:b5:60:24`, `ifname swp5`, `local switch 7`.
fn id(text: &str) -> Option<Id> {
    let (kind, value) = text.split_once(' ')?;
    let value = value.trim();
    let value = if kind == "mac" { mac(value)?.to_string() } else { value.to_owned() };
    Some(Id { kind: kind.to_owned(), value })
}

/// A neighbour without the two ids that every frame has is one whose lines were cut.
fn finish(notes: &mut Notes<'_>, block: Option<Block>) {
    let Some(Block { chassis_id: Some(id), mut neighbor, .. }) = block else { return };
    neighbor.chassis.id = id;
    if !neighbor.port.kind.is_empty() {
        notes.is(Fact::Neighbor(neighbor.into()));
    }
}
