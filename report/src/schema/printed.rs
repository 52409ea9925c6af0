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

/// Differences of two networks.
pub static CHANGES: TableSpec = TableSpec {
    name: "changes",
    meaning: "One difference between two versions of a network. Printed by `umbra sync diff`.",
    columns: &[
        required(
            "subject",
            Str,
            "",
            "`node`, `cable`, `segment`, `port`, `address`, `adjacency`, `cost`, `capacity` (and delay), `routes` (how many \
             of a node differ), `route` (the first few of them), `other`",
        ),
        required("change", Str, "", "`added`, `removed`, `renamed`, `moved` or `changed`"),
        required("element", Str, "", "names of what it is about, as they are now or, of what is gone, as they were"),
        nullable("before", Str, "", "what was so, where it says more than the element"),
        nullable("after", Str, "", "what is so"),
    ],
};
