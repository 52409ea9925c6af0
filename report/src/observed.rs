//! Observations, residuals and anomalies as tables.

use twin::{Anomaly, ArcId, Csr, NodeId, Observables, Residual, Subject};

use crate::schema;
use crate::table::Table;

/// Adds the interface counters of one side (`production` or `shadow`) to a `counters` table.
pub fn counters(table: &mut Table, side: &str, seen: &Observables) {
    for row in &seen.counters {
        table
            .row()
            .set("side", side)
            .set("bin", row.bin)
            .set("arc", row.arc.0)
            .set("rate_bps", row.rate_bps)
            .set("errors", row.errors)
            .set("discards", row.discards)
            .end();
    }
}

/// Adds the flow records of one side (`production` or `shadow`) to a `flow_records` table.
pub fn flow_records(table: &mut Table, side: &str, seen: &Observables) {
    for row in &seen.flows {
        let info = seen.flow_info[row.flow as usize];
        table
            .row()
            .set("side", side)
            .set("bin", row.bin)
            .set("flow", row.flow)
            .set("src", info.src.0)
            .set("dst", info.dst.0)
            .set("sent", row.sent)
            .set("lost", row.lost)
            .set("rtt_ms", row.rtt_ms)
            .end();
    }
}

/// The `residuals` table.
pub fn residuals(rows: &[Residual], csr: &Csr) -> Table {
    let mut table = Table::new(&schema::RESIDUALS);
    for row in rows {
        let (subject, a, b, arc) = words(row.subject, csr);
        table
            .row()
            .set("subject", subject)
            .set("a", a)
            .set("b", b)
            .set("arc", arc)
            .set("bin", row.bin)
            .set("observed", row.observed)
            .set("shadow", row.shadow)
            .set("sigma", row.sigma)
            .set("z", row.z())
            .end();
    }
    table
}

/// The `anomalies` table.
pub fn anomalies(rows: &[Anomaly], csr: &Csr) -> Table {
    let mut table = Table::new(&schema::ANOMALIES);
    for row in rows {
        let (subject, a, b, _) = words(row.subject, csr);
        table
            .row()
            .set("subject", subject)
            .set("a", a)
            .set("b", b)
            .set("first_bin", row.first_bin)
            .set("last_bin", row.last_bin)
            .set("log_p", row.log_p)
            .set("observed", row.observed)
            .set("expected", row.expected)
            .end();
    }
    table
}

/// A subject's word, the names of its ends, and its arc.
fn words(subject: Subject, csr: &Csr) -> (&'static str, &str, &str, Option<u32>) {
    let name = |node: NodeId| csr.node_names[node.index()].as_str();
    match subject {
        Subject::ArcLoad { arc } => {
            let at = ArcId(arc).index();
            ("arc-load", name(csr.src[at]), name(csr.dst[at]), Some(arc))
        }
        Subject::PairLoss { src, dst } => ("pair-loss", name(NodeId(src)), name(NodeId(dst)), None),
        Subject::PairRtt { src, dst } => ("pair-rtt", name(NodeId(src)), name(NodeId(dst)), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::{
        BitsPerSec, CounterRow, FlowInfo, FlowRow, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder,
    };

    #[test]
    fn numbers_and_names_of_ends_come_from_the_dense_view() {
        let mut net = TwinBuilder::new("lab");
        let (a, b) = (net.node("a", NodeKind::Router, None), net.node("b", NodeKind::Router, None));
        net.link("a-b", &a, &b, LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::micros(5)));
        let csr = Csr::compile(&net.finish(), Layer::Igp);
        let row = |subject| Residual { subject, bin: 4, observed: 3.0, shadow: 1.0, sigma: 0.5 };
        let table =
            residuals(&[row(Subject::ArcLoad { arc: 1 }), row(Subject::PairRtt { src: 0, dst: 1 })], &csr);
        assert_eq!(table.str("a"), &[Some("b".into()), Some("a".into())]);
        assert_eq!(table.u32("arc"), &[Some(1), None]);
        assert_eq!(table.f64("z"), &[Some(4.0); 2]);
    }

    #[test]
    fn a_missing_poll_is_null() {
        let seen = Observables {
            counters: vec![CounterRow { bin: 0, arc: ArcId(2), rate_bps: f64::NAN, errors: 1, discards: 0 }],
            flow_info: vec![FlowInfo { src: NodeId(5), dst: NodeId(6) }],
            flows: vec![FlowRow { bin: 0, flow: 0, sent: 9, lost: 9, rtt_ms: f64::NAN }],
            alarms: vec![],
        };
        let (mut polls, mut records) = (Table::new(&schema::COUNTERS), Table::new(&schema::FLOW_RECORDS));
        counters(&mut polls, "production", &seen);
        flow_records(&mut records, "shadow", &seen);
        assert_eq!(polls.f64("rate_bps"), &[None]);
        assert_eq!((records.u32("dst"), records.f64("rtt_ms")), (&[Some(6)][..], &[None][..]));
    }
}
