//! Every table, declared once: writers, readers, documentation (`docs/tables.md`) and JSON Schema come from here.

mod detect;
mod isolate;
mod planning;
mod printed;
mod topology;

use serde_json::{Value, json};

use crate::column::ColumnType::{self, F64, I64, ListMember, ListU32, Str, U8, U32, U64};

pub use detect::{
    ALARM_RATES, EVENT_COUNTS, EVENTS, INCIDENTS, PATH_SAMPLES, SERIES_ANOMALIES, SERIES_BINS,
    SERIES_CHANGES, SERIES_MAINTENANCE,
};
pub use isolate::{
    CALIBRATION, FABRIC_COUNTERS, FABRIC_FLOWS, POLLS, PROBES, PROPOSED_PROBES, SAMPLES, TELEMETRY_BFD,
    TELEMETRY_COUNTERS, TELEMETRY_RATES,
};
pub use planning::{
    ARCS, AT_RISK, AVAILABILITY, BREACHES, CLASS_SCENARIOS, CLASSES, DEDUCED, DEMANDS, DIFFERENCES, DRAIN,
    EXPOSED, GROUPS, GROWTH, MAINTENANCE, NINES, OUTAGES, REDUNDANCY, RISK, SCENARIOS, UPGRADES, WORST,
};
pub use printed::{CHANGES, TRACES, VALIDATION};
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

/// Ranked causes.
pub static CAUSES: TableSpec = TableSpec {
    name: "causes",
    meaning: "One possible cause with its marginal posterior. Several may be near 1; classes of one link exclude one \
              another; `none` and `unknown` always have a row.",
    columns: &[
        required("case", U32, "", "number of the case in the input"),
        required(
            "class",
            Str,
            "",
            "`link_loss`, `link_down`, `device`, `group`, `congestion`, `blackhole`, `stale_link`, `none`, `unknown`, …",
        ),
        required(
            "a",
            Str,
            "",
            "the element: where a link begins, a device, a group; empty for `none` and `unknown`",
        ),
        nullable(
            "b",
            Str,
            "",
            "where a link ends; in telemetry the port of the device `a`; the rack of a black hole",
        ),
        nullable("entity", U32, "", "the element in `entities`"),
        nullable("object", Str, "", "the affected prefix or rack"),
        required("probability", F64, "", "marginal posterior, 0 to 1"),
        required("std_error", F64, "", "its Monte Carlo standard error"),
        nullable("severity", F64, "", "how bad: a drop rate, for instance"),
        nullable("severity_lo", F64, "", "lower end of its 95 % interval"),
        nullable("severity_hi", F64, "", "upper end of its 95 % interval"),
        nullable("onset_ns", I64, "ns", "when it began, since the Unix epoch"),
        nullable("onset_lo", I64, "ns", "lower end of its 95 % interval"),
        nullable("onset_hi", I64, "ns", "upper end of its 95 % interval"),
        required(
            "log_bayes",
            F64,
            "nat",
            "log p(D | S) − log p(D | S without it), S the best set that holds it",
        ),
        required("rung", Str, "", "how finely it was evaluated: `algebra`, `fluid`, `foreground`, `packets`"),
        nullable(
            "same_as",
            U32,
            "",
            "position, from 0 within the rows of its case, of the first cause that the data cannot tell from it",
        ),
    ],
};

/// Ranked sets of causes.
pub static SETS: TableSpec = TableSpec {
    name: "sets",
    meaning: "One set of simultaneous causes; the empty set is `none`.",
    columns: &[
        required("case", U32, "", "number of the case in the input"),
        required("rank", U32, "", "1 = most probable"),
        required("probability", F64, "", "posterior of exactly this set"),
        required("members", ListMember, "", "its causes"),
    ],
};

/// The ledger of each cause.
pub static EVIDENCE: TableSpec = TableSpec {
    name: "evidence",
    meaning: "One block of data and how much it speaks for or against a cause; the blocks of a cause sum to its \
              `log_bayes`.",
    columns: &[
        required("case", U32, "", "number of the case in the input"),
        required("class", Str, "", "the cause: its class"),
        required("a", Str, "", "the cause: its element"),
        nullable("b", Str, "", "the cause: the element's second name"),
        required("source", Str, "", "where the data come from: `flows`, `counters`, `alarms`, …"),
        required("item", Str, "", "which of them"),
        required("log_bayes", F64, "nat", "the block's share: positive speaks for the cause"),
    ],
};

/// Links of a replay.
pub static LINKS: TableSpec = TableSpec {
    name: "links",
    meaning: "One direction of a link after a replay.",
    columns: &[
        required("arc", U32, "", "number of the arc"),
        required("link", U32, "", "number of its link"),
        required("src", Str, "", "name of the node where it begins"),
        required("dst", Str, "", "name of the node where it ends"),
        required("packets", U64, "packets", "sent on it"),
        required("bytes", U64, "B", "sent on it"),
        required("drops", U64, "packets", "lost on it or at its queue"),
        required("busy_s", F64, "s", "simulated time spent sending"),
        required("utilisation", F64, "", "`busy_s` / simulated time"),
        required("queue_mean_us", F64, "µs", "mean waiting time before sending, over the packets sent"),
        required("queue_max_us", F64, "µs", "longest waiting time before sending"),
    ],
};

/// Flows of a replay.
pub static FLOWS: TableSpec = TableSpec {
    name: "flows",
    meaning: "One flow after a replay: packets of one flow take one path.",
    columns: &[
        required("flow", U32, "", "number of the flow"),
        required("src", Str, "", "name of the node where it enters"),
        required("dst", Str, "", "name of the node where it leaves"),
        required("sent", U64, "packets", "put into the network"),
        required("delivered", U64, "packets", "that arrived"),
        required("dropped", U64, "packets", "that were lost; the rest was still under way at the end"),
        required("bytes", U64, "B", "delivered"),
        nullable("first_s", F64, "s", "simulated time of the first delivery"),
        nullable("last_s", F64, "s", "simulated time of the last delivery"),
        nullable("delay_mean_us", F64, "µs", "mean delay of delivered packets"),
        nullable("delay_max_us", F64, "µs", "longest delay of a delivered packet"),
    ],
};

/// TCP connections of a closed-loop replay.
pub static CONNECTIONS: TableSpec = TableSpec {
    name: "connections",
    meaning: "One TCP connection after a closed-loop replay. Its segments are packets of two flows, one for each direction.",
    columns: &[
        required("flow", U32, "", "number of the flow from client to server"),
        required("back", U32, "", "number of the flow from server to client"),
        required("client", Str, "", "name of the client's node"),
        required("server", Str, "", "name of the server's node"),
        required("start_s", F64, "s", "simulated time at which the client opens it"),
        nullable("connected_s", F64, "s", "simulated time at which it is open at the client"),
        required("forward", U64, "B", "data that the server has read"),
        nullable(
            "forward_s",
            F64,
            "s",
            "simulated time at which the server has read all that the client has for it",
        ),
        required("backward", U64, "B", "data that the client has read"),
        nullable(
            "backward_s",
            F64,
            "s",
            "simulated time at which the client has read all that the server has for it",
        ),
        required("segments", U64, "packets", "with data, sent by both ends, the repeated ones among them"),
        required("retransmitted", U64, "packets", "of these, whose data had been sent before"),
    ],
};

/// Drops of a replay.
pub static DROPS: TableSpec = TableSpec {
    name: "drops",
    meaning: "One packet that was lost in a replay, in the order of the losses: the first ones, as many as were asked for.",
    columns: &[
        required("at_ps", U64, "ps", "simulated time"),
        required("flow", U32, "", "number of its flow"),
        nullable("arc", U32, "", "the arc on which, or before which, it was lost"),
        nullable("node", U32, "", "the node in which it was lost"),
        required(
            "reason",
            Str,
            "",
            "`queue_full`, `loss`, `no_route`, `null_route`, `ttl_expired`, `link_down`, `node_down`, `early_drop`, `policed`, `too_big`",
        ),
    ],
};

/// Flows to replay.
pub static TRAFFIC: TableSpec = TableSpec {
    name: "traffic",
    meaning: "One flow to send, in a flow table that is given to `umbra replay`: the columns that `umbra flows` prints, of \
              which no others are read. Its packets are spread evenly from the first to the last.",
    columns: &[
        required("src", Str, "", "sender: an address, or the name or key of a node"),
        required("dst", Str, "", "receiver: likewise"),
        required("packets", U64, "packets", "how many"),
        required("bytes", U64, "B", "their lengths on the wire in all"),
        nullable("first_s", F64, "s", "time of the first packet; the earliest of all flows is the start"),
        nullable("last_s", F64, "s", "time of the last packet"),
    ],
};

/// Interface counters.
pub static COUNTERS: TableSpec = TableSpec {
    name: "counters",
    meaning: "One poll of one sending interface, as a collector sees it.",
    columns: &[
        required("side", Str, "", "`production` or `shadow`"),
        required("bin", U32, "", "number of the poll's bin"),
        required("arc", U32, "", "the arc that the interface sends on"),
        nullable("rate_bps", F64, "bit/s", "output rate; null where the poll is missing"),
        required("errors", U64, "packets", "with errors since the last poll"),
        required("discards", U64, "packets", "discarded at the output queue since the last poll"),
    ],
};

/// Flow records.
pub static FLOW_RECORDS: TableSpec = TableSpec {
    name: "flow_records",
    meaning: "One flow in one bin, as its end hosts see it.",
    columns: &[
        required("side", Str, "", "`production` or `shadow`"),
        required("bin", U32, "", "number of the bin"),
        required("flow", U32, "", "number of the flow"),
        required("src", U32, "", "the node where it enters"),
        required("dst", U32, "", "the node where it leaves"),
        required("sent", U32, "packets", "sent in the bin"),
        required("lost", U32, "packets", "that had to be sent again"),
        nullable("rtt_ms", F64, "ms", "median round trip; null where nothing came back"),
    ],
};

/// Residuals.
pub static RESIDUALS: TableSpec = TableSpec {
    name: "residuals",
    meaning: "Production less shadow for one series in one bin, both through the same sensor.",
    columns: &[
        required("subject", Str, "", "`arc-load` (bit/s), `pair-loss` (share) or `pair-rtt` (ms)"),
        required("a", Str, "", "name of the node where the arc or pair begins"),
        required("b", Str, "", "name of the node where it ends"),
        nullable("arc", U32, "", "number of the arc of an `arc-load`"),
        required("bin", U32, "", "number of the bin"),
        nullable("observed", F64, "by subject", "what production showed"),
        nullable("shadow", F64, "by subject", "what the shadow showed"),
        required("sigma", F64, "by subject", "standard deviation of their difference when nothing is wrong"),
        nullable("z", F64, "", "(observed − shadow) / sigma"),
    ],
};

/// Anomalies.
pub static ANOMALIES: TableSpec = TableSpec {
    name: "anomalies",
    meaning: "One stretch of bins in which a series is not what it should be.",
    columns: &[
        required("subject", Str, "", "`arc-load` (bit/s), `pair-loss` (share) or `pair-rtt` (ms)"),
        required("a", Str, "", "name of the node where the arc or pair begins"),
        required("b", Str, "", "name of the node where it ends"),
        required("first_bin", U32, "", "first abnormal bin"),
        required("last_bin", U32, "", "last abnormal bin"),
        required("log_p", F64, "nat", "logarithm of the smallest tail probability in the stretch"),
        required("observed", F64, "by subject", "observed value where it was least likely"),
        required("expected", F64, "by subject", "expected value there"),
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
