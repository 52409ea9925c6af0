//! Every table, declared once: writers, readers, documentation (`docs/tables.md`) and JSON Schema come from here.

mod advice;
mod causes;
mod detect;
mod isolate;
mod observed;
mod planning;
mod printed;
mod replay;
mod topology;

use serde_json::{Value, json};

use crate::column::ColumnType::{self, F64, I64, ListMember, ListU32, Str, U8, U32, U64};

pub use advice::{AT_RISK, DEDUCED, DRAIN, GROWTH, MAINTENANCE, RISK, UPGRADES};
pub use causes::{CAUSES, EVIDENCE, SETS};
pub use detect::{
    ALARM_RATES, EVENT_COUNTS, EVENTS, INCIDENTS, PATH_SAMPLES, SERIES_ANOMALIES, SERIES_BINS,
    SERIES_CHANGES, SERIES_MAINTENANCE,
};
pub use isolate::{
    CALIBRATION, FABRIC_COUNTERS, FABRIC_FLOWS, POLLS, PROBES, PROPOSED_PROBES, SAMPLES, TELEMETRY_BFD,
    TELEMETRY_COUNTERS, TELEMETRY_RATES,
};
pub use observed::{ANOMALIES, COUNTERS, FLOW_RECORDS, RESIDUALS};
pub use planning::{
    ARCS, AVAILABILITY, BREACHES, CLASS_SCENARIOS, CLASSES, DEMANDS, DIFFERENCES, EXPOSED, GROUPS, NINES,
    OUTAGES, REDUNDANCY, SCENARIOS, WORST,
};
pub use printed::{CHANGES, TRACES, VALIDATION};
pub use replay::{CONNECTIONS, DROPS, FLOWS, LINKS, TRAFFIC};
pub use topology::{CABLES, LINK_EVIDENCE, NODES, SEGMENTS, UNMATCHED};

/// The declaration of a table.
#[derive(Debug, PartialEq)]
pub struct TableSpec {
    /// Its name; in a result folder it stands in `NAME.parquet`.
    pub name: &'static str,
    /// What one row is.
    pub meaning: &'static str,
    /// Its columns, in order.
    pub columns: &'static [ColumnSpec],
}

/// The declaration of a column.
#[derive(Debug, PartialEq)]
pub struct ColumnSpec {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnType,
    /// Whether values may be null (not known, or not applicable).
    pub nullable: bool,
    /// The unit of its values, empty where there is none.
    pub unit: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

impl TableSpec {
    /// The position of a column.
    ///
    /// # Panics
    /// If there is no such column: names in code are constants.
    pub fn position(&self, column: &str) -> usize {
        let at = self.columns.iter().position(|c| c.name == column);
        at.unwrap_or_else(|| panic!("table '{}' has no column '{column}'", self.name))
    }

    /// The JSON Schema of the table as `--output json` writes it: an array of rows.
    pub fn json_schema(&self) -> Value {
        let properties: serde_json::Map<_, _> =
            self.columns.iter().map(|c| (c.name.to_owned(), c.json_schema())).collect();
        let names: Vec<_> = self.columns.iter().map(|c| c.name).collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.meaning,
            "type": "array",
            "items": {
                "type": "object",
                "properties": properties,
                "required": names,
                "additionalProperties": false,
            },
        })
    }
}

impl ColumnSpec {
    fn json_schema(&self) -> Value {
        let mut schema = match self.kind {
            U8 => json!({ "type": "integer", "minimum": 0, "maximum": u8::MAX }),
            U32 => json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }),
            U64 => json!({ "type": "integer", "minimum": 0 }),
            I64 => json!({ "type": "integer" }),
            F64 => json!({ "type": "number" }),
            ColumnType::Bool => json!({ "type": "boolean" }),
            Str => json!({ "type": "string" }),
            ListU32 => json!({ "type": "array", "items": { "type": "integer", "minimum": 0 } }),
            ColumnType::ListStr => json!({ "type": "array", "items": { "type": "string" } }),
            ListMember => json!({ "type": "array", "items": member_schema() }),
        };
        let object = schema.as_object_mut().expect("every arm above is an object");
        if self.nullable {
            let kind = object["type"].take();
            object.insert("type".into(), json!([kind, "null"]));
        }
        let unit = if self.unit.is_empty() { String::new() } else { format!(" [{}]", self.unit) };
        object.insert("description".into(), json!(format!("{}{unit}", self.meaning)));
        schema
    }
}

fn member_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "class": { "type": "string" },
            "a": { "type": "string" },
            "b": { "type": ["string", "null"] },
        },
        "required": ["class", "a", "b"],
        "additionalProperties": false,
    })
}

/// The table of this name.
pub fn table(name: &str) -> Option<&'static TableSpec> {
    TABLES.iter().copied().find(|t| t.name == name)
}

/// Every table, in the order of the documentation.
pub const TABLES: &[&TableSpec] = &[
    &ENTITIES,
    &CAUSES,
    &SETS,
    &EVIDENCE,
    &SCENARIOS,
    &ARCS,
    &WORST,
    &AVAILABILITY,
    &NINES,
    &OUTAGES,
    &GROUPS,
    &DIFFERENCES,
    &REDUNDANCY,
    &EXPOSED,
    &CLASSES,
    &CLASS_SCENARIOS,
    &DEMANDS,
    &BREACHES,
    &LINKS,
    &FLOWS,
    &CONNECTIONS,
    &DROPS,
    &TRAFFIC,
    &COUNTERS,
    &FLOW_RECORDS,
    &RESIDUALS,
    &ANOMALIES,
    &TRACES,
    &CHANGES,
    &NODES,
    &CABLES,
    &SEGMENTS,
    &UNMATCHED,
    &LINK_EVIDENCE,
    &VALIDATION,
    &CALIBRATION,
    &FABRIC_FLOWS,
    &FABRIC_COUNTERS,
    &PROPOSED_PROBES,
    &TELEMETRY_RATES,
    &TELEMETRY_COUNTERS,
    &TELEMETRY_BFD,
    &POLLS,
    &PROBES,
    &SAMPLES,
    &DRAIN,
    &MAINTENANCE,
    &AT_RISK,
    &GROWTH,
    &UPGRADES,
    &DEDUCED,
    &RISK,
    &SERIES_ANOMALIES,
    &INCIDENTS,
    &ALARM_RATES,
    &SERIES_BINS,
    &PATH_SAMPLES,
    &EVENT_COUNTS,
    &EVENTS,
    &SERIES_MAINTENANCE,
    &SERIES_CHANGES,
];

/// A column that is never null.
const fn required(
    name: &'static str,
    kind: ColumnType,
    unit: &'static str,
    meaning: &'static str,
) -> ColumnSpec {
    ColumnSpec { name, kind, nullable: false, unit, meaning }
}

/// A column that may be null.
const fn nullable(
    name: &'static str,
    kind: ColumnType,
    unit: &'static str,
    meaning: &'static str,
) -> ColumnSpec {
    ColumnSpec { name, kind, nullable: true, unit, meaning }
}

/// What the network consists of: in every result folder.
pub static ENTITIES: TableSpec = TableSpec {
    name: "entities",
    meaning: "One entity of the network. Nodes come first in the order of the source (entity = node number), then \
              cables (entity = number of nodes + link number), then everything else in key order.",
    columns: &[
        required("entity", U32, "", "number of the entity in this result"),
        required("key", Str, "", "its stable identity, for joins between results"),
        required("kind", Str, "", "`node`, `cable`, `port`, `risk-group`, `site`, `external`, …"),
        required("name", Str, "", "what people call it; not unique"),
        nullable("parent", U32, "", "the entity that contains it"),
        nullable("node_a", Str, "", "cable: name of the node at the first end; port: of its node"),
        nullable("port_a", Str, "", "cable: name of the port at the first end; port: its own name"),
        nullable("node_b", Str, "", "cable: name of the node at the second end"),
        nullable("port_b", Str, "", "cable: name of the port at the second end"),
        required("groups", ListU32, "", "the risk groups it is a member of, as entities"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_tables_are_found_by_them() {
        for (i, spec) in TABLES.iter().enumerate() {
            assert_eq!(TABLES.iter().position(|t| t.name == spec.name), Some(i));
            assert!(std::ptr::eq(table(spec.name).unwrap(), *spec));
            for (j, column) in spec.columns.iter().enumerate() {
                assert_eq!(spec.position(column.name), j, "{}.{}", spec.name, column.name);
            }
        }
        assert!(table("nothing").is_none());
    }

    #[test]
    fn the_schema_of_a_table_names_types_units_and_nulls() {
        let schema = COUNTERS.json_schema();
        let rate = &schema["items"]["properties"]["rate_bps"];
        assert_eq!(rate["type"], json!(["number", "null"]));
        assert!(rate["description"].as_str().unwrap().ends_with("[bit/s]"));
        assert_eq!(schema["items"]["required"].as_array().unwrap().len(), COUNTERS.columns.len());
    }
}
