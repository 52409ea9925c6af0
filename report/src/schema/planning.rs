//! Tables of planning: scenarios, arcs and their worst cases.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{F64, ListU32, Str, U8, U32};

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
