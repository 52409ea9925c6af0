//! What an edit changes: the network after it against the network before it, over the same failures.

use std::collections::BTreeMap;

use report::{Table, schema};
use scenarios::planning::{FailureList, Plan, Worst, sweep};
use twin::ArcId;

use super::study::Study;

/// `differences`: each arc that is there before and after. What is there on one side only has nothing to be compared with.
pub(crate) fn table(
    (before, failures): (&Study, &FailureList),
    after: &Study,
    plan_after: &Plan<'_>,
    worst_after: &Worst,
) -> Table {
    let plan_before = before.plan();
    let worst_before =
        sweep(&plan_before, failures, 0..failures.len(), |_| Ok::<(), std::convert::Infallible>(()));
    let Ok(worst_before) = worst_before;
    let old: BTreeMap<_, _> =
        before.csr.ports.iter().enumerate().map(|(i, ports)| (ports, ArcId::new(i))).collect();
    let mut table = Table::new(&schema::DIFFERENCES);
    for arc in (0..after.csr.arc_count()).map(ArcId::new) {
        let i = arc.index();
        let Some(was) = old.get(&after.csr.ports[i]) else { continue };
        let util = |worst: &Worst, arc: ArcId| worst.of(arc).first().map(|cause| cause.util);
        table
            .row()
            .set("arc", arc.0)
            .set("arc_before", was.0)
            .set("link", after.csr.link[i].0)
            .set("src", after.csr.node_names[after.csr.src[i].index()].as_str())
            .set("dst", after.csr.node_names[after.csr.dst[i].index()].as_str())
            .set("weight_before", f64::from(before.csr.metric[was.index()]))
            .set("weight_after", f64::from(after.csr.metric[i]))
            .set("capacity_before", before.volume(before.csr.capacity[was.index()].as_f64()))
            .set("capacity_after", after.volume(after.csr.capacity[i].as_f64()))
            .set("load_before", before.volume(plan_before.base().arc[was.index()]))
            .set("load_after", after.volume(plan_after.base().arc[i]))
            .set("util_before", plan_before.base_util(*was))
            .set("util_after", plan_after.base_util(arc))
            .set("worst_before", util(&worst_before, *was))
            .set("worst_after", util(worst_after, arc))
            .end();
    }
    table
}
