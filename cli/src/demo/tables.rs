//! The demo's tables.

use report::schema;
use report::{EntityNumbers, Member, Table, anomalies, counters, entities, flow_records, residuals};
use scenarios::component::Component;
use scenarios::posterior::Hypothesis;
use scenarios::rank::{Cause, Ranking};
use scenarios::world::World;
use twin::{ArcId, CounterRow, Csr, FlowRow, Observables, Twin};

use super::pipeline::Findings;

const CASE: u32 = 0;
/// Sets that are listed at most.
const SETS: usize = 50;

/// All tables of the demo, in the order of the schema.
pub(crate) fn all(twin: &Twin, world: &World, findings: &Findings) -> Vec<Table> {
    let numbers = EntityNumbers::new(twin);
    let production = production(world);
    let mut polls = Table::new(&schema::COUNTERS);
    counters(&mut polls, "production", &production);
    counters(&mut polls, "shadow", &shadow(world, findings));
    let mut records = Table::new(&schema::FLOW_RECORDS);
    flow_records(&mut records, "production", &production);
    vec![
        entities(twin),
        causes(&findings.csr, &numbers, &findings.ranking),
        sets(&findings.csr, &findings.ranking),
        evidence(&findings.csr, &findings.ranking),
        polls,
        records,
        residuals(&findings.residuals, &findings.csr),
        anomalies(&findings.anomalies, &findings.csr),
    ]
}

/// What production's collectors saw in the window.
fn production(world: &World) -> Observables {
    let flows = &world.flows;
    let polls = world.polls[world.history..].iter().zip(&world.poll_bins);
    let last = world.poll_bins.last().copied();
    let counters = polls.flat_map(|(row, bin)| {
        let discards = |arc: usize| if Some(*bin) == last { world.discards[arc] } else { 0 };
        row.iter().enumerate().map(move |(arc, rate)| CounterRow {
            bin: bin - 1,
            arc: ArcId::new(arc),
            rate_bps: *rate,
            errors: 0,
            discards: discards(arc),
        })
    });
    let records = (0..flows.bins).flat_map(|bin| {
        (0..flows.len()).map(move |flow| {
            let counts = flows.count(flow, bin, bin + 1);
            let rtt_ms = flows.rtts(flow, bin, bin + 1).next().unwrap_or(f64::NAN);
            FlowRow { bin, flow: flow as u32, sent: counts.sent, lost: counts.lost, rtt_ms }
        })
    });
    Observables {
        counters: counters.collect(),
        flow_info: flows.info.clone(),
        flows: records.filter(|r| r.sent > 0).collect(),
        alarms: Vec::new(),
    }
}

/// What the shadow expected the counters to show.
fn shadow(world: &World, findings: &Findings) -> Observables {
    let polls = findings.expected[world.history..].iter().zip(&world.poll_bins);
    let counters = polls.flat_map(|(row, bin)| {
        row.iter().enumerate().map(move |(arc, rate)| CounterRow {
            bin: bin - 1,
            arc: ArcId::new(arc),
            rate_bps: *rate,
            errors: 0,
            discards: 0,
        })
    });
    Observables { counters: counters.collect(), ..Observables::default() }
}

fn causes(csr: &Csr, numbers: &EntityNumbers, ranking: &Ranking) -> Table {
    let mut rows: Vec<(f64, Option<&Cause>, &str)> =
        ranking.causes.iter().map(|c| (c.probability, Some(c), c.component.class())).collect();
    rows.push((ranking.none, None, "none"));
    rows.push((ranking.unknown, None, "unknown"));
    rows.sort_by(|a, b| b.0.total_cmp(&a.0)); // stable: causes stay in their order
    let position = |wanted: Component| {
        let at = rows.iter().position(|(_, c, _)| c.is_some_and(|c| c.component == wanted));
        at.map(|p| p as u32)
    };
    let mut table = Table::new(&schema::CAUSES);
    for (probability, cause, class) in &rows {
        let row = table.row().set("case", CASE).set("class", *class).set("probability", *probability);
        let Some(cause) = cause else {
            let log_bayes = if *class == "unknown" { ranking.unknown_log_bayes } else { 0.0 };
            row.set("a", "").set("std_error", 0.0).set("log_bayes", log_bayes).set("rung", "algebra").end();
            continue;
        };
        let (a, b) = cause.component.ends(csr);
        let minute_ns = |bin: f64| (bin * scenarios::world::BIN_S * 1e9) as i64;
        let same_as = cause.same_as.and_then(|s| position(ranking.causes[s].component));
        row.set("a", a)
            .set("b", b)
            .set("entity", entity(csr, numbers, cause.component))
            .set("std_error", cause.std_error)
            .set("severity", cause.severity.map(|s| s.0))
            .set("severity_lo", cause.severity.map(|s| s.1))
            .set("severity_hi", cause.severity.map(|s| s.2))
            .set("onset_ns", minute_ns(cause.onset.0))
            .set("onset_lo", minute_ns(f64::from(cause.onset.1)))
            .set("onset_hi", minute_ns(f64::from(cause.onset.2)))
            .set("log_bayes", cause.log_bayes)
            .set("rung", cause.rung.word())
            .set("same_as", same_as)
            .end();
    }
    table
}

fn entity(csr: &Csr, numbers: &EntityNumbers, component: Component) -> Option<u32> {
    match component {
        Component::Device(node) => numbers.of_node(csr, node),
        _ => component.link(csr).and_then(|link| numbers.of_link(csr, link)),
    }
}

fn sets(csr: &Csr, ranking: &Ranking) -> Table {
    let mut table = Table::new(&schema::SETS);
    for (rank, (hypothesis, probability)) in (1u32..).zip(ranking.posterior.hypotheses.iter().take(SETS)) {
        let members: Vec<Member> = match hypothesis {
            Hypothesis::None => Vec::new(),
            Hypothesis::Unknown => {
                vec![Member { class: "unknown".to_owned(), a: String::new(), b: None }]
            }
            Hypothesis::Set(set) => set
                .iter()
                .map(|c| {
                    let (a, b) = c.ends(csr);
                    Member { class: c.class().to_owned(), a, b }
                })
                .collect(),
        };
        table
            .row()
            .set("case", CASE)
            .set("rank", rank)
            .set("probability", *probability)
            .set("members", members)
            .end();
    }
    table
}

fn evidence(csr: &Csr, ranking: &Ranking) -> Table {
    let mut table = Table::new(&schema::EVIDENCE);
    for cause in &ranking.causes {
        let (a, b) = cause.component.ends(csr);
        for ((source, item), log_bayes) in &cause.ledger {
            table
                .row()
                .set("case", CASE)
                .set("class", cause.component.class())
                .set("a", a.clone())
                .set("b", b.clone())
                .set("source", *source)
                .set("item", item.clone())
                .set("log_bayes", *log_bayes)
                .end();
        }
    }
    table
}
