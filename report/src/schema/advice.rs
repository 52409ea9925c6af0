//! Tables of advice: what may be taken down and when, what is likely to break, when links get too full, what helps.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{Bool, F64, Str, U32};

/// May an element be taken down?
pub static DRAIN: TableSpec = TableSpec {
    name: "drain",
    meaning: "The answer to whether an element may be taken down, and what speaks for it. Printed by `umbra drain`.",
    columns: &[
        required(
            "item",
            Str,
            "",
            "`yes` or `no`: the answer; `alone`: what the element does alone; `one_more`: with one more failure, the worst \
             ten; `cut_off`: a demand without a path; `exposed_node`, `exposed_demand`: who one more link would cut off now, \
             and could not before; `only_link`: a link without which somebody would be",
        ),
        required("element", Str, "", "what the row is about"),
        nullable("max_util", F64, "", "largest load / capacity over the arcs, uncapped"),
        nullable("max_arc", Str, "", "the arc where it is"),
        nullable(
            "lost",
            F64,
            "as the demands",
            "demand volume without a path, that of nodes taken down included",
        ),
        nullable("note", Str, "", "the reasons for a `no`, and further remarks"),
    ],
};

/// Windows of maintenance.
pub static MAINTENANCE: TableSpec = TableSpec {
    name: "maintenance",
    meaning: "One window of maintenance under the traffic that is hardest on it, alone and with any one more failure.",
    columns: &[
        required("window", U32, "", "number of the window, in the order of the calendar"),
        required("name", Str, "", "its name, or what is taken down"),
        nullable("from", Str, "", "when it begins (UTC); null where only hours a year are known"),
        nullable("until", Str, "", "when it ends"),
        required("matrices", U32, "", "demand matrices that were looked at"),
        nullable(
            "measured",
            Str,
            "",
            "when the hardest of them was measured; null for demands without a time",
        ),
        required("alone_util", F64, "", "largest load / capacity with nothing else down, uncapped"),
        nullable("alone_arc", U32, "", "the arc where it is"),
        required("worst_util", F64, "", "the largest with any one more failure, or alone"),
        nullable("worst_arc", U32, "", "the arc where it is"),
        nullable("worst_failure", Str, "", "what fails besides then; null where alone is the worst"),
        required("lost", F64, "as the demands", "demand volume without a path, without `lost_own`"),
        required("lost_own", F64, "as the demands", "demand volume from and to nodes that are taken down"),
        required("cut_off", U32, "", "demands that lose their path at once, other than of nodes taken down"),
        required(
            "exposed_demands",
            U32,
            "",
            "demands that any one link would cut off then, and could not before",
        ),
        required("exposed_nodes", U32, "", "nodes of which the same is true for most other nodes"),
        nullable("over_threshold", Bool, "", "whether `worst_util` is above the threshold; null without one"),
    ],
};

/// Who is at risk in windows of maintenance.
pub static AT_RISK: TableSpec = TableSpec {
    name: "at_risk",
    meaning: "Who is cut off by a window of maintenance, or loses redundancy.",
    columns: &[
        required("window", U32, "", "number of the window"),
        required(
            "what",
            Str,
            "",
            "`cut_off`: a demand without a path; `exposed_demand`, `exposed_node`: one more link would cut it off now, and \
             could not before; `only_link`: a link without which somebody would be",
        ),
        nullable("element", Str, "", "the node or link"),
        nullable("src", Str, "", "name of the node where the demand enters"),
        nullable("dst", Str, "", "name of the node where it leaves"),
        nullable("volume", F64, "as the demands", "its volume"),
    ],
};

/// What may break next.
pub static RISK: TableSpec = TableSpec {
    name: "risk",
    meaning: "One element that may fail, by what its failure is expected to cost. Printed by `umbra risk`.",
    columns: &[
        required("rank", U32, "", "1 = greatest expected cost"),
        required("element", Str, "", "a link, a node, or what a risk group takes down"),
        required("probability", F64, "", "that it fails within the horizon"),
        required("failures_a_year", F64, "", "the published rate"),
        required("lost", F64, "as the demands", "volume that has no path then, and had one before"),
        required("max_util", F64, "", "largest load / capacity over the arcs then, uncapped"),
        required(
            "above_limit",
            F64,
            "as the demands",
            "volume above the limit, over all arcs, more than without",
        ),
        required("risk", F64, "as the demands", "probability x (lost + above_limit)"),
        nullable("over", Str, "", "the fullest arcs above the limit"),
        required(
            "way_out",
            Str,
            "",
            "the cheapest: nothing, a metric, more capacity, or a link that is missing",
        ),
        required("preset", Str, "", "where the rate comes from"),
        nullable(
            "time_left_h",
            F64,
            "h",
            "median time from the last reading until a part that wears reaches its threshold; null without readings, or where it may well never",
        ),
        nullable("time_left_lo_h", F64, "h", "sooner than that with a probability of 0.05"),
        nullable(
            "time_left_hi_h",
            F64,
            "h",
            "later than that with a probability of 0.05; null where it may never",
        ),
    ],
};

/// When links get too full, if traffic grows.
pub static GROWTH: TableSpec = TableSpec {
    name: "growth",
    meaning: "When an arc first exceeds a limit under any of the failures, if traffic grows. Soonest first.",
    columns: &[
        required("arc", U32, "", "number of the arc"),
        required("src", Str, "", "name of the node where it begins"),
        required("dst", Str, "", "name of the node where it ends"),
        required("limit", F64, "", "the load / capacity that is not to be exceeded"),
        required(
            "worst_util",
            F64,
            "",
            "largest load / capacity today, over the failures and with nothing down",
        ),
        nullable("factor", F64, "", "by how much that load may grow until the limit; null without load"),
        nullable(
            "days",
            U32,
            "days",
            "days from today to the first one beyond the limit; null: not in 100 years",
        ),
        nullable("date", Str, "", "that day; null where no first day was given"),
        required("scenario", U32, "", "the scenario that does it, or the worst of today"),
        required("cause", Str, "", "what is down in it"),
    ],
};

/// Upgrades that restore a limit.
pub static UPGRADES: TableSpec = TableSpec {
    name: "upgrades",
    meaning: "A step of the cheapest upgrades after which no failure fills an arc beyond the limit. Fullest link first.",
    columns: &[
        required("step", U32, "", "1 = first"),
        required("link", U32, "", "number of the link"),
        required("src", Str, "", "name of the node where its fuller arc begins"),
        required("dst", Str, "", "name of the node where that ends"),
        required("from", F64, "as the demands", "capacity of that arc before"),
        required("to", F64, "as the demands", "capacity after the step"),
        required("cost", F64, "", "price of the step, in the unit of the modules or in Gbit/s times km"),
        required("total", F64, "", "price of all steps so far"),
        required("util", F64, "", "load / capacity of the arc in its worst scenario, before"),
        required("scenario", U32, "", "that scenario"),
        required("cause", Str, "", "what is down in it"),
        required("max_util", F64, "", "largest load / capacity over all arcs and scenarios after the step"),
    ],
};

/// Demands from link loads.
pub static DEDUCED: TableSpec = TableSpec {
    name: "deduced",
    meaning: "A demand deduced from link loads.",
    columns: &[
        required("src", Str, "", "name of the node where it enters"),
        required("dst", Str, "", "name of the node where it leaves"),
        required("bps", F64, "bit/s", "the demand"),
        required("gravity_bps", F64, "bit/s", "the demand in the gravity matrix that it is nearest to"),
        nullable("true_bps", F64, "bit/s", "the demand in the matrix of --truth"),
    ],
};
