//! Tables of planning: scenarios, arcs and their worst cases.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{Bool, F64, ListU32, Str, U8, U32};

/// Evaluated scenarios.
pub static SCENARIOS: TableSpec = TableSpec {
    name: "scenarios",
    meaning: "One evaluated scenario; a base row has empty lists.",
    columns: &[
        required("scenario", U32, "", "number of the scenario"),
        required("failed_links", ListU32, "", "links that are down"),
        required("failed_nodes", ListU32, "", "nodes that are down"),
        required("occurrences", U32, "", "how often this set stands in the list"),
        required("max_util", F64, "", "largest load / capacity over the arcs, uncapped"),
        required("max_arc", U32, "", "the arc where it is"),
        required("lost", F64, "as the demands", "demand volume without a path, without `lost_own`"),
        required("lost_own", F64, "as the demands", "demand volume from and to failed nodes"),
        required("disconnected_pairs", U32, "", "ordered pairs with a demand and no path"),
    ],
};

/// Arcs and their worst case.
pub static ARCS: TableSpec = TableSpec {
    name: "arcs",
    meaning: "One direction of a link.",
    columns: &[
        required("arc", U32, "", "number of the arc, in the order of the source"),
        required("link", U32, "", "number of its link, in the order of the source"),
        required("src", Str, "", "name of the node where it begins"),
        required("dst", Str, "", "name of the node where it ends"),
        required("weight", F64, "", "routing metric"),
        required("capacity", F64, "as the demands", "capacity"),
        required("base_load", F64, "as the demands", "load without failures"),
        required("base_util", F64, "", "load / capacity without failures"),
        nullable("worst_util", F64, "", "largest load / capacity over the failures"),
        nullable("worst_scenario", U32, "", "the scenario where it is"),
    ],
};

/// The worst scenarios of each arc.
pub static WORST: TableSpec = TableSpec {
    name: "worst",
    meaning: "One of up to ten worst scenarios of an arc.",
    columns: &[
        required("arc", U32, "", "number of the arc"),
        required("rank", U8, "", "1 = worst"),
        required("scenario", U32, "", "number of the scenario"),
        required("util", F64, "", "load / capacity of the arc in that scenario"),
    ],
};

/// Availability of a network as a whole.
pub static AVAILABILITY: TableSpec = TableSpec {
    name: "availability",
    meaning: "One measure of the availability of the network.",
    columns: &[
        required(
            "measure",
            Str,
            "",
            "`p_all_connected` (every demand has a path), `expected_lost_share` (lost volume / volume of all demands), \
             `p_util_over` (largest load / capacity above the threshold)",
        ),
        required("value", F64, "", "the measure"),
        required("lo", F64, "", "lower end of the 95 % interval, or proven lower bound"),
        required("hi", F64, "", "upper end of the 95 % interval, or proven upper bound"),
    ],
};

/// Availability of demands.
pub static NINES: TableSpec = TableSpec {
    name: "nines",
    meaning: "How available one demand is, in the order of the demands.",
    columns: &[
        required("src", Str, "", "name of the node where it enters"),
        required("dst", Str, "", "name of the node where it leaves"),
        required("volume", F64, "as the demands", "its volume"),
        required("availability", F64, "", "probability that it has a path; none where an end is down"),
        required("lo", F64, "", "lower end of the 95 % interval, or proven lower bound"),
        required("hi", F64, "", "upper end of the 95 % interval, or proven upper bound"),
        nullable(
            "nines",
            F64,
            "",
            "-log10(1 - availability): 3 is 99.9 %; absent where no failure was seen that cuts it",
        ),
    ],
};

/// Outages of simulated years.
pub static OUTAGES: TableSpec = TableSpec {
    name: "outages",
    meaning: "A time in which some demand had no path, in one of the simulated years.",
    columns: &[
        required("year", U32, "", "number of the year, from 0"),
        required("start_h", F64, "h", "when it began, in that year"),
        required("hours", F64, "h", "how long it was, at most to the end of the year"),
        required(
            "lost_share",
            F64,
            "",
            "share of the volume of all demands that was lost, on average over its time",
        ),
    ],
};

/// Risk groups by their scenarios.
pub static GROUPS: TableSpec = TableSpec {
    name: "groups",
    meaning: "One group of links and nodes that fail together; written where groups fail.",
    columns: &[
        required("group", U32, "", "its number, in the order of the file or of the network"),
        required("name", Str, "", "its name"),
        required(
            "scenario",
            U32,
            "",
            "the scenario in which it fails; groups with the same members share one",
        ),
    ],
};

/// Arcs before and after an edit.
pub static DIFFERENCES: TableSpec = TableSpec {
    name: "differences",
    meaning: "One direction of a link that is there before an edit and after it; written where the network was edited.",
    columns: &[
        required("arc", U32, "", "number of the arc after the edit, as in the other tables"),
        required("arc_before", U32, "", "its number before: removed links leave no arcs"),
        required("link", U32, "", "number of its link, the same before and after"),
        required("src", Str, "", "name of the node where it begins"),
        required("dst", Str, "", "name of the node where it ends"),
        required("weight_before", F64, "", "routing metric before"),
        required("weight_after", F64, "", "routing metric after"),
        required("capacity_before", F64, "as the demands", "capacity before"),
        required("capacity_after", F64, "as the demands", "capacity after"),
        required("load_before", F64, "as the demands", "load without failures before"),
        required("load_after", F64, "as the demands", "load without failures after"),
        required("util_before", F64, "", "load / capacity without failures before"),
        required("util_after", F64, "", "load / capacity without failures after"),
        nullable("worst_before", F64, "", "largest load / capacity over the failures before"),
        nullable("worst_after", F64, "", "largest load / capacity over the failures after"),
    ],
};

/// Who loses service, and who only the spare way.
pub static REDUNDANCY: TableSpec = TableSpec {
    name: "redundancy",
    meaning: "What one failure takes from whom. One more link would cut off who is *exposed*, and could not have before. \
              Nodes that are down, and their demands, are not in here; a failure that is missing takes nothing from anybody.",
    columns: &[
        required("scenario", U32, "", "number of the scenario"),
        required("cut_nodes", ListU32, "", "nodes that are parted from most others"),
        required("exposed_nodes", ListU32, "", "nodes that are not, and are exposed"),
        required("cut_demands", U32, "", "demands whose ends are parted"),
        required("exposed_demands", U32, "", "demands whose ends are not, and are exposed"),
        required("exposed_volume", F64, "as the demands", "volume of these"),
        required(
            "only_links",
            ListU32,
            "",
            "links of which any one would part somebody now, and would not have before",
        ),
    ],
};

/// Demands that failures expose or cut off.
pub static EXPOSED: TableSpec = TableSpec {
    name: "exposed",
    meaning: "One demand that some failure cuts off or exposes, over all failures.",
    columns: &[
        required("src", Str, "", "name of the node where it enters"),
        required("dst", Str, "", "name of the node where it leaves"),
        required("volume", F64, "as the demands", "its volume"),
        required("cut", U32, "", "scenarios that part its ends"),
        required(
            "exposed",
            U32,
            "",
            "scenarios that do not, after which one more link would, and could not before",
        ),
    ],
};

/// Classes of service on each arc.
pub static CLASSES: TableSpec = TableSpec {
    name: "classes",
    meaning: "One class of service on one arc, under strict priority; written where classes are given. Loads are open-loop: \
              what one arc does not serve still loads the next.",
    columns: &[
        required("arc", U32, "", "number of the arc"),
        required("class", Str, "", "name of the class"),
        required("priority", U32, "", "1 = served first"),
        required("base_load", F64, "as the demands", "load of the class without failures"),
        required("base_util", F64, "", "load of it and of all classes above it / capacity, without failures"),
        required("base_served", F64, "", "share of its load that is served without failures; 1 without load"),
        nullable("worst_load", F64, "as the demands", "load of the class in `worst_scenario`"),
        nullable("worst_util", F64, "", "largest `base_util` over the failures"),
        nullable("worst_scenario", U32, "", "the scenario where it is"),
        nullable("least_served", F64, "", "smallest share of its load that is served, over the failures"),
        nullable("least_served_scenario", U32, "", "the scenario where it is; null where all is served"),
    ],
};

/// Classes of service in each scenario.
pub static CLASS_SCENARIOS: TableSpec = TableSpec {
    name: "class_scenarios",
    meaning: "One class of service in one scenario; written where classes are given.",
    columns: &[
        required("scenario", U32, "", "number of the scenario"),
        required("class", Str, "", "name of the class"),
        required("lost", F64, "as the demands", "its volume without a path, without `lost_own`"),
        required("lost_own", F64, "as the demands", "its volume from and to failed nodes"),
        required(
            "max_util",
            F64,
            "",
            "load of it and of all classes above it / capacity, largest over the arcs that carry it",
        ),
        nullable("max_arc", U32, "", "the arc where it is; null where none carries it"),
        required("squeezed_arcs", U32, "", "arcs that do not serve the class in full"),
    ],
};

/// Demands in each scenario.
pub static DEMANDS: TableSpec = TableSpec {
    name: "demands",
    meaning: "One demand in one scenario; written on request.",
    columns: &[
        required("scenario", U32, "", "number of the scenario"),
        required("src", Str, "", "name of the node where it enters"),
        required("dst", Str, "", "name of the node where it leaves"),
        required(
            "status",
            Str,
            "",
            "`ok` (the paths of scenario 0), `rerouted` (others, or fewer), `lost` (no path), `lost_own` (an end is down)",
        ),
        nullable("latency_ms", F64, "ms", "longest propagation delay over its shortest paths"),
        nullable(
            "stretch",
            F64,
            "",
            "`latency_ms` / that with nothing down; null where either is absent or that is 0",
        ),
        nullable(
            "service",
            Str,
            "",
            "the class of service that it, or this part of it, belongs to; null where no classes are given",
        ),
    ],
};

/// Demands beyond the latency bound.
pub static BREACHES: TableSpec = TableSpec {
    name: "breaches",
    meaning: "One demand that takes longer than the bound in one scenario; written where a bound is given. Demands \
              without a path are not in here.",
    columns: &[
        required("scenario", U32, "", "number of the scenario; in 0 nothing is down"),
        required("src", Str, "", "name of the node where it enters"),
        required("dst", Str, "", "name of the node where it leaves"),
        required("volume", F64, "as the demands", "its volume"),
        required("latency_ms", F64, "ms", "longest propagation delay over its shortest paths"),
        nullable("base_latency_ms", F64, "ms", "the same with nothing down"),
        required("bound_ms", F64, "ms", "the bound"),
    ],
};

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
