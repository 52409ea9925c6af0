//! Half-links that differ.

use std::collections::{BTreeMap, BTreeSet};

use twin::{Change, EntityKey, HalfLink, HalfLinkKey, Layer, Twin};

use super::{Difference, Kind, Subject, name};

/// Half-links by what became of them; both directions of one pair of ports that fare alike are one row.
pub(super) fn differences(before: &Twin, after: &Twin, changes: &[Change]) -> Vec<Difference> {
    let mut rows: BTreeMap<Row, BTreeSet<(EntityKey, EntityKey)>> = BTreeMap::new();
    for change in changes {
        let Change::HalfLink { key, before, after } = change else { continue };
        for row in rows_of(key, before.as_deref(), after.as_deref()) {
            rows.entry(row).or_default().insert((key.from.clone(), key.to.clone()));
        }
    }
    let mut out = Vec::new();
    for (row, pairs) in rows {
        let both = |from: &EntityKey, to: &EntityKey| pairs.contains(&(to.clone(), from.clone()));
        for (from, to) in &pairs {
            let (one, other) = (name(after, before, from), name(after, before, to));
            let element = match both(from, to) {
                true if (&one, from) > (&other, to) => continue, // said from the other end
                true => format!("{one} - {other} ({})", word(row.layer)),
                false => format!("{one} -> {other} ({})", word(row.layer)),
            };
            let (subject, change) = (row.subject, row.change);
            out.push(Difference {
                subject,
                change,
                element,
                before: row.before.clone(),
                after: row.after.clone(),
            });
        }
    }
    out
}

/// What happened, without between whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    layer: Layer,
    subject: Subject,
    change: Kind,
    before: Option<String>,
    after: Option<String>,
}

fn rows_of(key: &HalfLinkKey, before: Option<&HalfLink>, after: Option<&HalfLink>) -> Vec<Row> {
    let layer = key.layer;
    let row = |subject, change, before, after| Row { layer, subject, change, before, after };
    match (before, after) {
        // A cable that comes or goes is told as a cable.
        (None, _) | (_, None) if layer == Layer::Cable => Vec::new(),
        (None, Some(half)) => vec![row(Subject::Adjacency, Kind::Added, None, Some(described(layer, half)))],
        (Some(half), None) => {
            vec![row(Subject::Adjacency, Kind::Removed, Some(described(layer, half)), None)]
        }
        (Some(old), Some(new)) => {
            let values = |h: &HalfLink| {
                [
                    (Subject::Adjacency, h.state.to_string()),
                    (Subject::Cost, h.metric.to_string()),
                    (Subject::Capacity, format!("{} bit/s", h.capacity.get())),
                    (Subject::Capacity, format!("{} ps", h.delay.as_ps())),
                ]
            };
            let pairs = values(old).into_iter().zip(values(new)).filter(|(old, new)| old != new);
            pairs.map(|((s, old), (_, new))| row(s, Kind::Changed, Some(old), Some(new))).collect()
        }
        (None, None) => Vec::new(),
    }
}

fn described(layer: Layer, half: &HalfLink) -> String {
    match layer {
        Layer::Igp => format!("{}, cost {}", half.state, half.metric),
        _ => half.state.to_string(),
    }
}

fn word(layer: Layer) -> &'static str {
    match layer {
        Layer::Cable => "cable",
        Layer::Carrier => "carrier",
        Layer::Lldp => "lldp",
        Layer::Igp => "igp",
        Layer::Bgp => "bgp",
        Layer::Forwarding => "forwarding",
    }
}
