//! Tables of a synchronised topology.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{Bool, F64, Str, U32};

/// Nodes.
pub static NODES: TableSpec = TableSpec {
    name: "nodes",
    meaning: "One node, or one segment. Written by `umbra sync read --tables`.",
    columns: &[
        required("id", Str, "", "its folder's name; without one the name or the address that others give it"),
        required("name", Str, "", "what it calls itself; empty where nobody knows"),
        required(
            "kind",
            Str,
            "",
            "`router`, `switch`, `host`, `bridge`, `external` (known only from others), `segment`",
        ),
    ],
};

/// Cables.
pub static CABLES: TableSpec = TableSpec {
    name: "cables",
    meaning: "One cable of which node and port are known at both ends. Written by `umbra sync read --tables`.",
    columns: &[
        required("a_node", Str, "", "one end's node"),
        required("a_port", Str, "", "one end's port, by its node's own name for it"),
        required("b_node", Str, "", "the other end's node"),
        required("b_port", Str, "", "the other end's port"),
        nullable("carrier", Bool, "", "whether both ends have carrier, as far as they say"),
        nullable("lldp_ab", Bool, "", "whether b hears a by LLDP; null where nothing of b's is read"),
        nullable("lldp_ba", Bool, "", "whether a hears b by LLDP; null where nothing of a's is read"),
        required("igp", Str, "", "`full`, `init`, `one_way`, `stuck` or `none`"),
        nullable("cost_ab", U32, "", "IGP cost of sending from a"),
        nullable("cost_ba", U32, "", "IGP cost of sending from b"),
        required(
            "confidence",
            F64,
            "",
            "how sure it is that the cable is there: 1 where frames are known to pass in both directions; in one direction \
             alone 0.8 if two means say so, else 0.6; 0.3 where an inventory alone has it; half of it where sources \
             contradict each other",
        ),
    ],
};

/// Members of segments.
pub static SEGMENTS: TableSpec = TableSpec {
    name: "segments",
    meaning: "One member of a shared medium of three or more. Written by `umbra sync read --tables`.",
    columns: &[
        required("segment", Str, "", "name of the segment"),
        required("node", Str, "", "the member's node"),
        required("port", Str, "", "the member's port"),
    ],
};

/// What could not be matched.
pub static UNMATCHED: TableSpec = TableSpec {
    name: "unmatched",
    meaning: "A neighbour that could not be matched, or a port with carrier and no known peer. Written by `umbra sync read \
              --tables`.",
    columns: &[
        required("node", Str, "", "the node that says so"),
        required("port", Str, "", "the port"),
        required("why", Str, "", "what, and why"),
    ],
};

/// Why a link is in the twin.
pub static LINK_EVIDENCE: TableSpec = TableSpec {
    name: "link_evidence",
    meaning: "One source's word on a link, or a finding about one of its ends. Printed by `umbra sync explain`.",
    columns: &[
        required("layer", Str, "", "`cable`, `lldp`, `igp`, `segment` or `finding`"),
        required("from", Str, "", "the port from which it leads, or the place that it is about"),
        nullable("to", Str, "", "the port to which it leads"),
        nullable("state", Str, "", "the state's word"),
        nullable("cost", U32, "", "IGP cost of sending over it"),
        required("source", Str, "", "who says so; of a finding its kind"),
        required("says", Str, "", "what it says, and by what both ends were found"),
        nullable(
            "seen_s",
            F64,
            "s",
            "when it was last said, since the epoch; null for recordings, which bear no time",
        ),
        nullable(
            "freshness",
            Str,
            "",
            "of this direction: `fresh`; `stale`: its sources are lost; `expired`: no longer heard; `unheard`: never was",
        ),
    ],
};
