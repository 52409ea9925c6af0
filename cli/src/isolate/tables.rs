//! Causes as rows.

use report::{Table, schema};
use scenarios::fabric::topology::Fabric;
use scenarios::fabric::verdict::{Verdict, What};

/// Adds the causes of a case.
pub(crate) fn causes(table: &mut Table, case: u32, fabric: &Fabric, verdict: &Verdict) {
    for cause in &verdict.causes {
        let (class, a, b) = names(fabric, cause.what);
        let severity = cause.severity;
        table
            .row()
            .set("case", case)
            .set("class", class)
            .set("a", a)
            .set("b", b)
            .set("probability", cause.probability)
            .set("std_error", cause.std_error)
            .set("severity", severity.map(|s| s.0))
            .set("severity_lo", severity.map(|s| s.1))
            .set("severity_hi", severity.map(|s| s.2))
            .set("log_bayes", 0.0)
            .set("rung", "formula")
            .end();
    }
}

/// Class and names of a cause.
pub(crate) fn names(fabric: &Fabric, what: What) -> (&'static str, String, Option<String>) {
    let name = |node: u32| fabric.name(node).to_string();
    let ends = |link| {
        let (a, b) = fabric.ends(link);
        (name(a), Some(name(b)))
    };
    match what {
        What::LinkLoss(link) => ("link_loss", ends(link).0, ends(link).1),
        What::Congestion(link) => ("congestion", ends(link).0, ends(link).1),
        What::Device(node) => ("device", name(node), None),
        What::Group(group) => ("group", group.to_string(), None),
        What::BlackHole(device, rack) => ("blackhole", name(device), Some(name(rack))),
        What::Unknown => ("unknown", String::new(), None),
        What::None => ("none", String::new(), None),
    }
}
