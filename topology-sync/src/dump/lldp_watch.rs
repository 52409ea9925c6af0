//! lldpd's events: `lldpcli -f json0 watch`, before each event a line `# EPOCH` with its instant.
//!
//! lldpd speaks when a neighbour comes, changes or goes, not when one is merely heard again; it ages its neighbours itself
//! and says so. What it has said stands until then.

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use super::lldpd;
use super::text::{Notes, nanos};
use crate::observation::{Fact, Observation, Observer, Source};

/// Reads the text if it is a stream of lldpd's events. An event without an instant is taken at `at`.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let kinds = ["\"lldp-added\"", "\"lldp-updated\"", "\"lldp-deleted\""];
    if !kinds.iter().any(|k| text.contains(k)) {
        return None;
    }
    let mut notes = Notes::new(observer, Source::Lldpd, at);
    for chunk in chunks(text) {
        notes.at = chunk.at.unwrap_or(notes.at);
        for value in serde_json::Deserializer::from_str(chunk.json).into_iter::<Value>() {
            match value {
                Ok(value) => event(&mut notes, value),
                Err(_) => {
                    Diagnostic::count(diagnostics, "broken-event", || {
                        format!("an event of lldpd's on {observer} is no JSON")
                    });
                    break; // Up to the next line with an instant.
                }
            }
        }
    }
    Some(notes.done())
}

/// Events with one instant.
struct Chunk<'a> {
    at: Option<WallTime>,
    json: &'a str,
}

fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let mut rest = text;
    let mut at = None;
    while !rest.is_empty() {
        // A mark stands at the beginning of a line.
        let mark = if rest.starts_with('#') { Some(0) } else { rest.find("\n#").map(|i| i + 1) };
        let (json, next) = mark.map_or((rest, ""), |i| rest.split_at(i));
        if !json.trim().is_empty() {
            chunks.push(Chunk { at, json });
        }
        let (line, after) = next.split_once('\n').unwrap_or((next, ""));
        at = epoch(line.trim_start_matches('#')).or(at);
        rest = after;
    }
    chunks
}

/// `1795330439.098802389` seconds since the epoch.
fn epoch(text: &str) -> Option<WallTime> {
    let (seconds, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let seconds: i64 = seconds.parse().ok()?;
    Some(WallTime::from_ns(seconds.checked_mul(1_000_000_000)?.checked_add(nanos(fraction)?)?))
}

/// An event has the shape of a list of neighbours, under the name of what happened to them.
fn event(notes: &mut Notes<'_>, value: Value) {
    let Value::Object(members) = value else { return };
    for (kind, body) in members {
        let gone = match kind.as_str() {
            "lldp-added" | "lldp-updated" => false,
            "lldp-deleted" => true,
            _ => continue,
        };
        let list = serde_json::json!({"lldp": body});
        for fact in lldpd::read(&list).map(|r| r.facts).unwrap_or_default() {
            match fact {
                Fact::Neighbor(_) if gone => notes.not(fact.key()),
                Fact::Neighbor(_) => notes.is(fact),
                _ => {}
            }
        }
    }
}
