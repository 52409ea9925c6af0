//! Tables that commands print to stdout.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{F64, Str, U32};

/// Ways of a packet.
pub static TRACES: TableSpec = TableSpec {
    name: "traces",
    meaning: "One hop of one way of a packet through the twin. Printed by `umbra trace`.",
    columns: &[
        required("way", U32, "", "number of the way, in the order of next hops"),
        required("share", F64, "", "share of flows on this way if each node splits equally over its next hops"),
        required("hop", U32, "", "number of the hop on its way"),
        required("node", Str, "", "name of the node"),
        nullable("received_on", Str, "", "the port it came in on; null where it begins"),
        nullable(
            "lookup",
            Str,
            "",
            "what the node found: `own` address, `forward`, `local`, `blackhole` or `unreachable` route, `none`, or without \
             a table `igp` (shortest path) or `no-table`; null where the packet comes back",
        ),
        nullable("route", Str, "", "the longest match in the node's table"),
        nullable("gateway", Str, "", "address of the next hop; null where the destination is on the link"),
        nullable("sent_on", Str, "", "the port it went out of"),
        nullable("through", Str, "", "switches and bridges on the way to the next hop, in order"),
        nullable(
            "disposition",
            Str,
            "",
            "at the last hop: `ACCEPTED`, `DELIVERED_TO_SUBNET`, `EXITS_NETWORK`, `NO_ROUTE`, `NULL_ROUTED`, \
             `NEIGHBOR_UNREACHABLE`, `LOOP` or `INSUFFICIENT_INFO`",
        ),
        nullable("why", Str, "", "at the last hop: why, in words"),
    ],
};
