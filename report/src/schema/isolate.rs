//! Tables that fault localisation reads.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{F64, I64, Str, U32, U64};

/// Flows of a fabric's cases.
pub static FABRIC_FLOWS: TableSpec = TableSpec {
    name: "fabric_flows",
    meaning: "One flow or probe of a fabric's case, in a file that is given to `umbra isolate fabric`.",
    columns: &[
        required("case", U32, "", "number of the case"),
        required("probe", U32, "", "0: application flow; 1: probe from a host to a core switch; 2: and back"),
        required("src", U32, "", "index of the host where it begins; of a probe the host"),
        required(
            "dst",
            U32,
            "",
            "index of the host where it ends; of a probe the switch, by its node number",
        ),
        nullable("path", U32, "", "which of its shortest paths it took, in lexicographic order"),
        required("pkts", U32, "packets", "sent"),
        required("retx", U32, "packets", "lost and sent again"),
    ],
};

/// Counters of a fabric's cases.
pub static FABRIC_COUNTERS: TableSpec = TableSpec {
    name: "fabric_counters",
    meaning: "Counters of one directed link over a fabric's case, in a file that is given to `umbra isolate fabric`.",
    columns: &[
        required("case", U32, "", "number of the case"),
        required("a", U32, "", "the node that sends on it"),
        required("b", U32, "", "the node that receives"),
        required("util", F64, "", "share of its capacity in use"),
        required("out_discards", U32, "packets", "discarded at the output queue"),
        required("in_errors", U32, "packets", "received with errors"),
    ],
};

/// Probabilities against known answers.
pub static CALIBRATION: TableSpec = TableSpec {
    name: "calibration",
    meaning: "One bar of the reliability diagram of `umbra isolate … --calibrate`: causes with p ≥ .01 in a range of \
              probabilities. Bars without causes have no row.",
    columns: &[
        nullable("class", Str, "", "the class of the causes; null: all classes"),
        required("bin_lo", F64, "", "lower end of the range"),
        required("bin_hi", F64, "", "upper end of the range"),
        required("causes", U32, "", "causes in it"),
        required("right", U32, "", "those that were so"),
        required("mean_probability", F64, "", "their mean probability"),
        required("share_right", F64, "", "right / causes"),
    ],
};

/// Probes that would tell causes apart.
pub static PROPOSED_PROBES: TableSpec = TableSpec {
    name: "proposed_probes",
    meaning: "A probe that would tell what a case leaves open, by the information that its outcome is expected to give.",
    columns: &[
        required("case", U32, "", "number of the case in the input"),
        required("rank", U32, "", "1 says most"),
        required("src", Str, "", "where it begins"),
        required("dst", Str, "", "where it ends"),
        required("path", Str, "", "the nodes of its path, separated by spaces"),
        required("packets", U32, "packets", "how many to send"),
        required("gain", F64, "nat", "expected information gain over the sets of causes"),
        required("class", Str, "", "the cause about which it says most"),
        required("a", Str, "", "its element, as in `causes`"),
        nullable("b", Str, "", "as in `causes`"),
        required("lost_if", F64, "packets", "lost on average if that is a cause"),
        required("lost_if_not", F64, "packets", "and if it is not"),
    ],
};

/// Rates of routers' ports.
pub static TELEMETRY_RATES: TableSpec = TableSpec {
    name: "telemetry_rates",
    meaning: "Rates of one port as its router averages them, in a file that is given to `umbra isolate telemetry`.",
    columns: &[
        required("ts", I64, "ns", "when it was reported; a time stamp of any unit"),
        required("device", Str, "", "the router"),
        required("interface", Str, "", "the port"),
        nullable("input_data_rate", F64, "kbit/s", "received"),
        nullable("output_data_rate", F64, "kbit/s", "sent"),
        nullable("input_packet_rate", F64, "packets/s", "received"),
        nullable("output_packet_rate", F64, "packets/s", "sent"),
    ],
};

/// Counters of routers' ports.
pub static TELEMETRY_COUNTERS: TableSpec = TableSpec {
    name: "telemetry_counters",
    meaning: "Counters of one port since some time in the past, in a file that is given to `umbra isolate telemetry`.",
    columns: &[
        required("ts", I64, "ns", "when it was reported; a time stamp of any unit"),
        required("device", Str, "", "the router"),
        required("interface", Str, "", "the port"),
        nullable("packets_received", I64, "packets", "received"),
        nullable("packets_sent", I64, "packets", "sent"),
        nullable("input_drops", I64, "packets", "received and dropped"),
        nullable("output_drops", I64, "packets", "dropped before they were sent"),
        nullable("input_errors", I64, "packets", "received with errors"),
        nullable("output_errors", I64, "packets", "not sent for an error"),
        nullable("crc_errors", I64, "packets", "received with a wrong checksum"),
        nullable("carrier_transitions", I64, "", "changes of the carrier"),
    ],
};

/// BFD sessions of routers' ports.
pub static TELEMETRY_BFD: TableSpec = TableSpec {
    name: "telemetry_bfd",
    meaning: "The state of one BFD session, in a file that is given to `umbra isolate telemetry`.",
    columns: &[
        required("ts", I64, "ns", "when it was reported; a time stamp of any unit"),
        required("device", Str, "", "the router"),
        required("interface", Str, "", "the port that it runs over"),
        required("state", Str, "", "up if this is `up` or ends in `-up`"),
        nullable("destination", Str, "", "the address of the other end"),
    ],
};

/// Polled interface counters of a network's incidents.
pub static POLLS: TableSpec = TableSpec {
    name: "polls",
    meaning: "One poll of one interface in an incident, in a folder that is given to `umbra isolate twin`. All interfaces \
              are polled with the same period; an interface without a row was not polled.",
    columns: &[
        nullable("case", U32, "", "number of the incident; 0 where there is but one"),
        required(
            "at_ns",
            I64,
            "ns since the epoch",
            "the collector's stamp: the end of what the poll covers",
        ),
        required("src", Str, "", "node that sends on the interface"),
        required("dst", Str, "", "node at its other end"),
        nullable("link", Str, "", "name of its link, where links between the two are parallel"),
        nullable("bps", F64, "bit/s", "mean rate out since the poll before; null: no answer"),
        nullable("discards", U64, "packets", "discarded at the output queue since the poll before"),
    ],
};

/// Probes of a network's incidents.
pub static PROBES: TableSpec = TableSpec {
    name: "probes",
    meaning: "Probes between two nodes in one bin of time of an incident, in a folder that is given to `umbra isolate twin`.",
    columns: &[
        nullable("case", U32, "", "number of the incident; 0 where there is but one"),
        required("at_ns", I64, "ns since the epoch", "the end of the bin"),
        required("src", Str, "", "node that sends"),
        required("dst", Str, "", "node that answers"),
        required("sent", U32, "packets", "probes sent"),
        required("lost", U32, "packets", "probes without an answer"),
        nullable("p50_ms", F64, "ms", "median of the round trips; null: no answer"),
        nullable("p95_ms", F64, "ms", "95th percentile of the round trips"),
    ],
};

/// Sampled flows of a network's incidents.
pub static SAMPLES: TableSpec = TableSpec {
    name: "samples",
    meaning: "What was sampled of the traffic from one node to another between two polls of an incident, in a folder that is \
              given to `umbra isolate twin`.",
    columns: &[
        nullable("case", U32, "", "number of the incident; 0 where there is but one"),
        required("at_ns", I64, "ns since the epoch", "the end of what it covers, a stamp of the polls"),
        required("src", Str, "", "node where it enters"),
        required("dst", Str, "", "node where it leaves"),
        required("bps", F64, "bit/s", "its rate, scaled up from the samples"),
        required("packets", U32, "packets", "sampled"),
        required("retransmitted", U32, "packets", "of these, sent again later"),
    ],
};
