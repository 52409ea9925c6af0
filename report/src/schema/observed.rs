//! Tables of what a collector sees, beside what the shadow says it should.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{F64, Str, U32, U64};

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
