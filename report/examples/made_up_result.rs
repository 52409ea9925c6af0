//! Writes a made-up result folder, for trying out readers and notebooks without a run:
//! `cargo run -p umbra-report --example made_up_result -- DIR`.
//!
//! Six routers in a ring; the link c-d loses 2 % of the packets from c to d from bin 12 on. Every number follows from a
//! formula: nothing is simulated, nothing is inferred.

use std::path::Path;

use report::{Member, ResultFolder, Summary, Table, schema};
use twin::{
    Anomaly, ArcId, BitsPerSec, CounterRow, Csr, FlowInfo, FlowRow, Layer, LinkSpec, NodeId, NodeKind,
    Observables, Residual, SimDuration, Subject, Twin, TwinBuilder,
};
use umbra_report as report;

const BINS: u32 = 24;
const ONSET: u32 = 12;
const LOSSY: ArcId = ArcId(4); // c -> d

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: made_up_result DIR")?;
    let twin = ring();
    let csr = Csr::compile(&twin, Layer::Igp);
    let (production, shadow) = (observed(&csr, true), observed(&csr, false));

    let mut folder = ResultFolder::create(Path::new(&dir))?;
    folder.write(&report::entities(&twin))?;
    folder.write(&causes())?;
    folder.write(&sets())?;
    folder.write(&evidence())?;
    let (mut counters, mut records) = (Table::new(&schema::COUNTERS), Table::new(&schema::FLOW_RECORDS));
    for (side, seen) in [("production", &production), ("shadow", &shadow)] {
        report::counters(&mut counters, side, seen);
        report::flow_records(&mut records, side, seen);
    }
    folder.write(&counters)?;
    folder.write(&records)?;
    folder.write(&report::residuals(&residuals(&production, &shadow), &csr))?;
    folder.write(&report::anomalies(&anomalies(), &csr))?;

    let mut summary = Summary::new("demo", 7);
    summary.network_digest = report::network_digest(&twin);
    summary.trials = 200;
    summary.fidelity.note("made-up", "every number follows from a formula; nothing was simulated", None);
    folder.commit(summary)?;
    Ok(())
}

fn ring() -> Twin {
    let mut net = TwinBuilder::new("ring");
    let nodes = ["a", "b", "c", "d", "e", "f"].map(|name| net.node(name, NodeKind::Router, None));
    let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::millis(2));
    for (i, a) in nodes.iter().enumerate() {
        let b = &nodes[(i + 1) % nodes.len()];
        net.link(&format!("link {i}"), a, b, spec);
    }
    net.finish()
}

/// What a collector sees; `faulty` is production.
fn observed(csr: &Csr, faulty: bool) -> Observables {
    let bad = |bin: u32| faulty && bin >= ONSET;
    let wobble = |x: u32| f64::from(x.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
    let mut seen = Observables::default();
    for bin in 0..BINS {
        for arc in (0..csr.arc_count()).map(ArcId::new) {
            let day = 1.0 + 0.3 * (f64::from(bin) / 4.0).sin();
            let noise = if faulty { 0.02 * wobble(bin * 64 + arc.0) } else { 0.0 };
            let loss = if bad(bin) && arc == LOSSY { 0.98 } else { 1.0 };
            let missing = faulty && bin == 5 && arc.0 == 2;
            let rate_bps = if missing { f64::NAN } else { 1e8 * day * (1.0 + noise) * loss };
            let errors = if bad(bin) && arc == LOSSY { 180 } else { 0 };
            seen.counters.push(CounterRow { bin, arc, rate_bps, errors, discards: 0 });
        }
    }
    let n = csr.node_count() as u32;
    seen.flow_info = (0..n)
        .flat_map(|s| [1, 2].map(|hop| FlowInfo { src: NodeId(s), dst: NodeId((s + hop) % n) }))
        .collect();
    for bin in 0..BINS {
        for (flow, info) in (0u32..).zip(&seen.flow_info) {
            let crosses = info.src.0 <= 2 && info.dst.0 >= 3 && info.dst.0 - info.src.0 <= 2;
            let lost = if bad(bin) && crosses { 20 + (bin * 7 + flow) % 5 } else { 0 };
            let noise = if faulty { wobble(bin * 977 + flow) } else { 0.0 };
            let rtt_ms = 4.0 * f64::from((info.dst.0 + n - info.src.0) % n) + 0.2 * noise;
            seen.flows.push(FlowRow { bin, flow, sent: 1_000, lost, rtt_ms });
        }
    }
    seen
}

fn causes() -> Table {
    let mut table = Table::new(&schema::CAUSES);
    let rows = [
        ("link_loss", "c", Some("d"), Some(8u32), 0.93, 41.0, Some((0.0201, 0.017, 0.024))),
        ("device", "c", None, Some(2), 0.045, 37.9, Some((0.011, 0.006, 0.017))),
        ("link_loss", "b", Some("c"), Some(7), 0.021, 37.1, Some((0.012, 0.007, 0.018))),
        ("unknown", "", None, None, 0.003, 35.2, None),
        ("none", "", None, None, 0.001, 0.0, None),
    ];
    for (class, a, b, entity, probability, log_bayes, severity) in rows {
        table
            .row()
            .set("case", 0u32)
            .set("class", class)
            .set("a", a)
            .set("b", b)
            .set("entity", entity)
            .set("probability", probability)
            .set("std_error", 0.2 * probability * (1.0 - probability))
            .set("severity", severity.map(|s| s.0))
            .set("severity_lo", severity.map(|s| s.1))
            .set("severity_hi", severity.map(|s| s.2))
            .set("log_bayes", log_bayes)
            .set("rung", "foreground")
            .end();
    }
    table
}

fn sets() -> Table {
    let mut table = Table::new(&schema::SETS);
    let member = |a: &str, b: Option<&str>| Member {
        class: if b.is_some() { "link_loss" } else { "device" }.into(),
        a: a.into(),
        b: b.map(Into::into),
    };
    let rows = [(0.93, vec![member("c", Some("d"))]), (0.045, vec![member("c", None)]), (0.001, Vec::new())];
    for (rank, (probability, members)) in (1u32..).zip(rows) {
        let row = table.row().set("case", 0u32).set("rank", rank).set("probability", probability);
        row.set("members", members).end();
    }
    table
}

fn evidence() -> Table {
    let mut table = Table::new(&schema::EVIDENCE);
    let rows = [
        ("link_loss", "c", Some("d"), "flows", "c -> d", 16.0),
        ("link_loss", "c", Some("d"), "flows", "b -> d", 14.5),
        ("link_loss", "c", Some("d"), "counters", "errors c -> d", 12.0),
        ("link_loss", "c", Some("d"), "flows", "a -> c", -1.5),
        ("device", "c", None, "flows", "c -> d", 15.4),
        ("device", "c", None, "counters", "errors c -> d", 22.5),
    ];
    for (class, a, b, source, item, log_bayes) in rows {
        let row = table.row().set("case", 0u32).set("class", class).set("a", a).set("b", b);
        row.set("source", source).set("item", item).set("log_bayes", log_bayes).end();
    }
    table
}

fn residuals(production: &Observables, shadow: &Observables) -> Vec<Residual> {
    let loads = production.counters.iter().zip(&shadow.counters).map(|(p, s)| Residual {
        subject: Subject::ArcLoad { arc: p.arc.0 },
        bin: p.bin,
        observed: p.rate_bps,
        shadow: s.rate_bps,
        sigma: 0.01 * s.rate_bps,
    });
    let losses = production.flows.iter().zip(&shadow.flows).map(|(p, s)| {
        let info = production.flow_info[p.flow as usize];
        Residual {
            subject: Subject::PairLoss { src: info.src.0, dst: info.dst.0 },
            bin: p.bin,
            observed: f64::from(p.lost) / f64::from(p.sent),
            shadow: f64::from(s.lost) / f64::from(s.sent),
            sigma: 0.002,
        }
    });
    loads.chain(losses).collect()
}

fn anomalies() -> Vec<Anomaly> {
    let pair = |src, dst, log_p| Anomaly {
        subject: Subject::PairLoss { src, dst },
        first_bin: ONSET,
        last_bin: BINS - 1,
        log_p,
        observed: 0.022,
        expected: 0.0,
    };
    vec![pair(2, 3, -52.0), pair(1, 3, -49.0), pair(2, 4, -47.0)]
}
