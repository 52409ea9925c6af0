//! Tables that commands print to stdout.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{Bool, F64, Str, U32, U64};

/// Ways of a packet.
pub static TRACES: TableSpec = TableSpec {
    name: "traces",
    meaning: "One hop of one way of a packet through the twin. Printed by `umbra trace`.",
    columns: &[
        required("way", U32, "", "number of the way, in the order of next hops"),
        required(
            "share",
            F64,
            "",
            "share of flows on this way if each node splits equally over its next hops",
        ),
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
        required(
            "element",
            Str,
            "",
            "names of what it is about, as they are now or, of what is gone, as they were",
        ),
        nullable("before", Str, "", "what was so, where it says more than the element"),
        nullable("after", Str, "", "what is so"),
    ],
};

/// A twin held against measured loads.
pub static VALIDATION: TableSpec = TableSpec {
    name: "validation",
    meaning: "One finding about how far the twin agrees with measured loads. Printed by `umbra validate`.",
    columns: &[
        required(
            "section",
            Str,
            "",
            "`coverage` (sums), `link` (a half-link), `suspect` (an error of the twin that would explain the difference), \
             `unmatched` (an interface that belongs to no link)",
        ),
        nullable("rank", U32, "", "suspects: 1 for the one that explains most"),
        required("element", Str, "", "names of what the row is about"),
        nullable("measured", F64, "bit/s", "measured load: the sender's counter, or else the receiver's"),
        nullable("predicted", F64, "bit/s", "load by demands and shortest paths; null without demands"),
        nullable("deviation", F64, "bit/s", "measured − predicted"),
        nullable("capacity", U64, "bit/s", "line rate in the twin"),
        nullable(
            "score",
            F64,
            "nat",
            "suspects: by how much likelier the measured loads are under the error, less the logarithm of the number of \
             errors that were tried",
        ),
        nullable("explained", F64, "", "suspects: share of the absolute deviation that goes away"),
        required("finding", Bool, "", "links: beyond the tolerance; suspects: more than the capacity"),
        nullable("note", Str, "", "in words"),
    ],
};
