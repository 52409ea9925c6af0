//! The twin's own file: `umbra-twin/1`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Change, DemandMatrix, Diagnostic, Entity, EntityKey, Fib, HalfLink, HalfLinkKey, InputError, Place, Twin,
};

/// The value of the `format` key.
pub const FORMAT: &str = "umbra-twin/1";

/// A twin on disk: one version of the network, with the demands that came with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The network.
    pub twin: Twin,
    /// Demands, where the source had any.
    pub demands: Option<DemandMatrix>,
    /// One unit of the source's own volumes in bit/s: 1e3 where capacities and demands are in kbit/s. Tables for people
    /// who know the source say volumes in this unit.
    pub unit_bps: f64,
    /// What the reader of the source found odd.
    pub diagnostics: Vec<Diagnostic>,
}

impl Default for Snapshot {
    /// An empty network, volumes in bit/s.
    fn default() -> Self {
        Self { twin: Twin::default(), demands: None, unit_bps: 1.0, diagnostics: Vec::new() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    entities: Vec<Arc<Entity>>,
    half_links: Vec<HalfLinkRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fibs: Vec<FibRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    demands: Option<Vec<crate::Demand>>,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    unit_bps: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Diagnostic>,
}

fn one() -> f64 {
    1.0
}

fn is_one(unit: &f64) -> bool {
    *unit == 1.0
}

#[derive(Serialize, Deserialize)]
struct HalfLinkRow {
    #[serde(flatten)]
    key: HalfLinkKey,
    #[serde(flatten)]
    half: HalfLink,
}

#[derive(Serialize, Deserialize)]
struct FibRow {
    node: EntityKey,
    routes: Arc<Fib>,
}

impl Snapshot {
    /// The file's text; the same snapshot always gives the same bytes.
    pub fn to_json(&self) -> String {
        let file = File {
            format: FORMAT.into(),
            entities: self.twin.entities().cloned().map(Arc::new).collect(),
            half_links: crate::Layer::ALL
                .iter()
                .flat_map(|l| self.twin.half_links(*l))
                .map(|(key, half)| HalfLinkRow { key: key.clone(), half: half.clone() })
                .collect(),
            fibs: self.twin.fibs().map(|(n, f)| FibRow { node: n.clone(), routes: f.clone() }).collect(),
            demands: self.demands.as_ref().map(|d| d.demands().to_vec()),
            unit_bps: self.unit_bps,
            diagnostics: self.diagnostics.clone(),
        };
        let mut text = serde_json::to_string_pretty(&file).expect("a twin is always JSON");
        text.push('\n');
        text
    }

    /// Reads the file's text; `name` is what errors call it.
    ///
    /// # Errors
    /// [`InputError`] for text that is no JSON, another format, unknown members, references to keys that do not exist, or
    /// demands that are negative or not finite.
    pub fn from_json(name: &str, text: &str) -> Result<Self, InputError> {
        let file: File = serde_json::from_str(text).map_err(|e| {
            let place = Place::LineColumn(e.line() as u64, e.column() as u64);
            InputError::new(
                name,
                place,
                format!("not a twin snapshot: {e}"),
                format!("JSON of format {FORMAT}"),
            )
        })?;
        if file.format != FORMAT {
            let what = format!("format '{}'", file.format);
            return Err(InputError::new(name, Place::Whole, what, format!("format '{FORMAT}'")));
        }
        let mut twin = Twin::default();
        for entity in file.entities {
            let key = entity.key.clone();
            twin.set(&Change::Entity { key, before: None, after: Some(entity) });
        }
        for row in file.half_links {
            for port in [&row.key.from, &row.key.to] {
                if twin.node_of(port).is_none() {
                    return Err(unknown(name, "half-link", port, &twin));
                }
            }
            let after = Some(Arc::new(row.half));
            twin.set(&Change::HalfLink { key: row.key, before: None, after });
        }
        for row in file.fibs {
            if twin.entity(&row.node).is_none() {
                return Err(unknown(name, "fib", &row.node, &twin));
            }
            twin.set(&Change::Fib { node: row.node, before: None, after: Some(row.routes) });
        }
        let demands = file.demands.map(|d| check_demands(name, &twin, d)).transpose()?;
        let unit_bps = file.unit_bps;
        if !(unit_bps.is_finite() && unit_bps > 0.0) {
            return Err(InputError::new(
                name,
                Place::Whole,
                format!("unit_bps {unit_bps}"),
                "a finite unit above 0",
            ));
        }
        Ok(Self { twin, demands, unit_bps, diagnostics: file.diagnostics })
    }
}

fn check_demands(name: &str, twin: &Twin, demands: Vec<crate::Demand>) -> Result<DemandMatrix, InputError> {
    for d in &demands {
        if !(d.bps.is_finite() && d.bps >= 0.0) {
            let what = format!("demand {} -> {} of {} bit/s", d.src, d.dst, d.bps);
            return Err(InputError::new(name, Place::Whole, what, "a finite volume of at least 0"));
        }
        for end in [&d.src, &d.dst] {
            if twin.entity(end).is_none() {
                return Err(unknown(name, "demand", end, twin));
            }
        }
    }
    Ok(DemandMatrix::new(demands))
}

fn unknown(name: &str, what: &str, key: &EntityKey, twin: &Twin) -> InputError {
    let message = format!("{what} refers to unknown '{key}'");
    InputError::new(name, Place::Whole, message, "the key of an entity of this file")
        .with_nearest(key.as_str(), twin.entities().map(|e| e.key.as_str()))
}
