//! Tables that fault localisation reads.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{F64, Str, U32};

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
