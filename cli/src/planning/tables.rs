//! The tables of a study.

use report::{Table, schema};
use scenarios::planning::{Plan, Scenario, Worst};
use twin::ArcId;

use super::failures::Failing;
use super::study::Study;

/// Rows of `scenarios`.
pub(crate) fn scenarios(study: &Study, rows: &[Scenario]) -> Table {
    let mut table = Table::new(&schema::SCENARIOS);
    for row in rows {
        let outcome = &row.outcome;
        table
            .row()
            .set("scenario", row.number)
            .set("failed_links", row.set.links().iter().map(|l| l.0).collect::<Vec<_>>())
            .set("failed_nodes", row.set.nodes().iter().map(|n| n.0).collect::<Vec<_>>())
            .set("occurrences", row.occurrences)
            .set("max_util", outcome.max_util)
            .set("max_arc", outcome.max_arc.0)
            .set("lost", study.volume(outcome.lost))
            .set("lost_own", study.volume(outcome.lost_own))
            .set("disconnected_pairs", outcome.disconnected_pairs)
            .end();
    }
    table
}

/// `arcs`: each arc with its worst failure.
pub(crate) fn arcs(study: &Study, plan: &Plan<'_>, worst: &Worst) -> Table {
    let csr = &study.csr;
    let mut table = Table::new(&schema::ARCS);
    for i in 0..csr.arc_count() {
        let arc = ArcId::new(i);
        let cause = worst.of(arc).first().copied();
        table
            .row()
            .set("arc", arc.0)
            .set("link", csr.link[i].0)
            .set("src", csr.node_names[csr.src[i].index()].as_str())
            .set("dst", csr.node_names[csr.dst[i].index()].as_str())
            .set("weight", f64::from(csr.metric[i]))
            .set("capacity", study.volume(csr.capacity[i].as_f64()))
            .set("base_load", study.volume(plan.base().arc[i]))
            .set("base_util", plan.base_util(arc))
            .set("worst_util", cause.map(|c| c.util))
            .set("worst_scenario", cause.map(|c| c.scenario))
            .end();
    }
    table
}

/// `worst`: the worst failures of each arc.
pub(crate) fn worst(study: &Study, worst: &Worst) -> Table {
    let mut table = Table::new(&schema::WORST);
    for arc in (0..study.csr.arc_count()).map(ArcId::new) {
        for (rank, cause) in (1u8..).zip(worst.of(arc)) {
            let row = table.row().set("arc", arc.0).set("rank", rank);
            row.set("scenario", cause.scenario).set("util", cause.util).end();
        }
    }
    table
}

/// `groups`: what the failed groups are called.
pub(crate) fn groups(failing: &Failing) -> Table {
    let mut table = Table::new(&schema::GROUPS);
    for ((number, group), scenario) in (0u32..).zip(&failing.groups).zip(failing.scenarios()) {
        table.row().set("group", number).set("name", group.name.as_str()).set("scenario", scenario).end();
    }
    table
}
