//! Tables of ranked causes.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{F64, I64, ListMember, Str, U32};

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
