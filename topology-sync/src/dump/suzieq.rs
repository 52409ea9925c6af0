//! Outputs as SuzieQ records them: JSON arrays one after the other, each entry with host, command, instant and what the
//! command printed (`data`, as text or as JSON).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use crate::observation::{Observation, Observer};

/// What one command printed on one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The node: its host name as recorded, with `@` and its address where several nodes share it.
    pub node: String,
    /// When.
    pub at: WallTime,
    /// The command, for messages.
    pub command: String,
    /// What it printed, part by part where several commands ran in one.
    pub outputs: Vec<String>,
}

/// An entry before names are told apart.
struct Entry {
    hostname: String,
    address: String,
    recording: Recording,
}

/// Reads recorded outputs; `None` if one of the texts is something else.
pub fn read(texts: &[&str]) -> Option<Vec<Recording>> {
    let mut entries = Vec::new();
    for text in texts {
        for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            // A text that was cut short still holds what came before.
            let Ok(value) = value else { break };
            for item in value.as_array()? {
                entries.push(entry(item)?);
            }
        }
    }
    let mut addresses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for e in &entries {
        addresses.entry(e.hostname.clone()).or_default().insert(e.address.clone());
    }
    let shared = |name: &str| addresses.get(name).is_some_and(|a| a.len() > 1);
    let named = |e: Entry| Recording {
        node: if shared(&e.hostname) { format!("{}@{}", e.hostname, e.address) } else { e.hostname },
        ..e.recording
    };
    Some(entries.into_iter().map(named).collect())
}

/// What the nodes of recorded outputs say, and how many outputs were understood; `None` if one of the texts is something
/// else.
pub fn observe(texts: &[&str], diagnostics: &mut Vec<Diagnostic>) -> Option<(Vec<Observation>, u64)> {
    let mut by_node: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    let mut understood = 0;
    for recording in read(texts)? {
        let observer = Observer::node(&recording.node);
        let words = by_node.entry(recording.node).or_default();
        for output in &recording.outputs {
            let said =
                super::read(&observer, recording.at, &recording.command, output.as_bytes(), diagnostics);
            understood += u64::from(said.is_some());
            words.extend(said.unwrap_or_default());
        }
    }
    Some((by_node.into_values().flat_map(super::joined).collect(), understood))
}

/// Whether a text may be one of these, by its beginning.
pub fn looks_like(text: &str) -> bool {
    let head: String = text.chars().take(2000).collect();
    head.trim_start().starts_with('[')
        && ["\"cmd\"", "\"timestamp\"", "\"data\""].iter().all(|m| head.contains(m))
}

fn entry(value: &Value) -> Option<Entry> {
    let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let data = value.get("data")?;
    let ms = value.get("timestamp")?.as_i64()?;
    let (hostname, address) = (word("hostname"), word("address"));
    let hostname = if hostname.is_empty() { address.clone() } else { hostname };
    let failed = value.get("status").and_then(Value::as_i64).is_some_and(|s| s != 0 && s != 200);
    let text = match data {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let outputs = if failed { Vec::new() } else { parts(&text) };
    let at = WallTime::from_ns(ms.saturating_mul(1_000_000));
    let recording = Recording { node: String::new(), at, command: word("cmd"), outputs };
    Some(Entry { hostname, address, recording })
}

/// Several commands in one line print one after the other: iproute2's list of interfaces begins a part of its own.
fn parts(text: &str) -> Vec<String> {
    let begins = |line: &str| line.starts_with("1: ") && line.contains(": <");
    let mut parts = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if begins(line) && parts.last().is_some_and(|p| !p.trim().is_empty()) {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut() {
            last.push_str(line);
        }
    }
    // A command that does not apply on a node prints nothing, or an empty object in JSON's name.
    parts.retain(|p| !matches!(p.trim(), "" | "{}"));
    parts
}
