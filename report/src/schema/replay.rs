//! Tables of traffic that was sent through the network, or that is to be.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{F64, Str, U32, U64};

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
