//! `umbra validate`: how far may the twin be trusted?

use std::collections::BTreeMap;
use std::path::PathBuf;

use models::{NodeDemand, node_demands};
use report::schema;
use scenarios::validation::{self, Coverage, Tolerance, TwinError, TwinSuspect, Validation};
use serde_json::json;
use topology_sync::counters::{place, rate};
use twin::{ArcId, Csr, HalfLinkKey, Layer, Twin};

use crate::cmd::net::NetOptions;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::measured::{by_arc, nothing_to_compare, rates};
use crate::output::Table;

/// Hold the twin against measured loads: is it right?
///
/// Prints, in sections: how much of the measured traffic the demands account for; each half-link with its predicted
/// (demands × shortest paths) and measured load; errors of the twin itself that would explain the difference (another
/// metric, a link that is not there, a missing link, another capacity), ranked by how much likelier they make the
/// measured loads; and interfaces whose counters belong to no link of the twin. Counters are answers of Prometheus'
/// HTTP API (JSON), samples of `ip -s -j link` (JSON), or CSV with node, time, port and in_octets, out_octets (IF-MIB's
/// names do too), in_bps or out_bps. Ends with 1 where a link deviates or carries more than its capacity, and with 3
/// where no counter is of a link.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The network, then its demand files.
    #[arg(required = true, value_name = "NET")]
    sources: Vec<PathBuf>,
    /// Measured loads.
    #[arg(long, value_name = "FILE")]
    counters: PathBuf,
    /// Demands: a table (.csv with src, dst, volume), .demands of this network, or another network file with demands
    /// between nodes of the same names [default: NET's own].
    #[arg(long, value_name = "FILE")]
    demands: Option<PathBuf>,
    /// A link deviates where predicted and measured load differ by more than this share of the larger, and by more than
    /// 1 % of its capacity.
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = Tolerance::default().share)]
    tolerance: f64,
    #[command(flatten)]
    net: NetOptions,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|s: &f64| *s >= 0.0 && s.is_finite());
    share.ok_or_else(|| "expected a share such as 0.2".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let net = args.net.open_with(&args.sources, args.demands.as_deref())?;
    let layer = if net.twin.half_links(Layer::Igp).is_empty() { Layer::Cable } else { Layer::Igp };
    let csr = Csr::compile(&net.twin, layer);
    let demands = net.demands.as_ref().map(|d| node_demands(&csr, d)).unwrap_or_default();
    let rates = rates(&args.counters)?;
    let placed = place::place(&net.twin, layer, &rates);
    let measured = by_arc(&csr, layer, &placed.measured);
    let tolerance = Tolerance { share: args.tolerance, ..Tolerance::default() };
    let validation = validation::validate(&csr, &demands, &measured, tolerance);
    let out = Answer { twin: &net.twin, csr: &csr, demands: &demands, validation: &validation };
    let mut table = Table::of(&schema::VALIDATION);
    out.coverage(&mut table, &placed, &rates);
    out.links(&mut table, layer, &placed.measured);
    out.suspects(&mut table);
    unmatched(&mut table, &placed, &rates);
    table.sparing(&["rank", "deviation", "capacity", "explained"]).print_sections(global.format())?;
    if validation.coverage.arcs_measured == 0 {
        // Why not is told by the section `unmatched`.
        return Err(nothing_to_compare(&args.counters).into());
    }
    Ok(if out.has_finding() { Outcome::Finding } else { Outcome::Done })
}

struct Answer<'a> {
    twin: &'a Twin,
    csr: &'a Csr,
    demands: &'a [NodeDemand],
    validation: &'a Validation,
}

/// A row by section: what is not said is null.
#[derive(Default)]
struct Row {
    rank: Option<usize>,
    measured: Option<f64>,
    predicted: Option<f64>,
    capacity: Option<u64>,
    score: Option<f64>,
    explained: Option<f64>,
    finding: bool,
    note: Option<String>,
}

fn push(table: &mut Table, section: &str, element: &str, row: Row) {
    let deviation = row.measured.zip(row.predicted).map(|(m, p)| m - p);
    table.push(vec![
        json!(section),
        json!(row.rank),
        json!(element),
        json!(row.measured),
        json!(row.predicted),
        json!(deviation),
        json!(row.capacity),
        json!(row.score),
        json!(row.explained),
        json!(row.finding),
        json!(row.note),
    ]);
}

impl Answer<'_> {
    fn has_finding(&self) -> bool {
        let over = |s: &TwinSuspect| matches!(s.error, TwinError::Capacity(_));
        self.validation.arcs.iter().any(|a| a.deviates) || self.validation.suspects.iter().any(over)
    }

    fn coverage(&self, table: &mut Table, placed: &place::Placed, rates: &[rate::Rate]) {
        let Coverage { arcs_measured, measured, predicted, demand_scale, no_path } = self.validation.coverage;
        let known = !self.demands.is_empty();
        let note = format!("{arcs_measured} of {} half-links have a measured load", self.csr.arc_count());
        let row = Row {
            measured: Some(measured),
            predicted: known.then_some(predicted),
            note: Some(note),
            ..Row::default()
        };
        push(table, "coverage", "half-links", row);
        let note = match demand_scale {
            Some(scale) if known => format!("all demands times {scale:.4} fit the measured loads best"),
            None if known && arcs_measured == 0 => "nothing was measured: nothing is compared".to_owned(),
            None if known => "no demand is predicted where something was measured".to_owned(),
            _ => "no demands: nothing is predicted".to_owned(),
        };
        let volume = self.demands.iter().fold(0.0, |sum, d| sum + d.bps);
        let row = Row { predicted: known.then_some(volume), note: Some(note), ..Row::default() };
        push(table, "coverage", "demands", row);
        let note = "demands without a path in the twin".to_owned();
        let row = Row { predicted: known.then_some(no_path), note: Some(note), ..Row::default() };
        push(table, "coverage", "no path", row);
        let outside = outside(placed, rates).fold(0.0, |sum, r| sum + r.bps);
        let note =
            format!("traffic of {} interfaces that belong to no link of the twin", placed.unmatched.len());
        push(
            table,
            "coverage",
            "not modelled",
            Row { measured: Some(outside), note: Some(note), ..Row::default() },
        );
    }

    fn links(&self, table: &mut Table, layer: Layer, measured: &BTreeMap<HalfLinkKey, place::Measured>) {
        for check in &self.validation.arcs {
            let (from, to) = self.csr.ports[check.arc.index()].clone();
            let both = measured.get(&HalfLinkKey { layer, from, to }).copied().unwrap_or_default();
            let note = both.sent.zip(both.received).filter(|(s, r)| (s - r).abs() > 0.05 * s.max(*r)).map(|(s, r)| {
                format!("the ends disagree: sent {s} bit/s, received {r} bit/s (loss, or a counter of another link)")
            });
            let row = Row {
                measured: check.measured,
                predicted: (!self.demands.is_empty()).then_some(check.predicted),
                capacity: Some(self.csr.capacity[check.arc.index()].get()),
                finding: check.deviates,
                note,
                ..Row::default()
            };
            push(table, "link", &self.arc(check.arc), row);
        }
    }

    fn suspects(&self, table: &mut Table) {
        for (i, suspect) in self.validation.suspects.iter().enumerate() {
            let (element, mut note) = self.words(&suspect.error);
            if let Some(same) = suspect.same_as {
                note = format!("{note}; the same loads as suspect {}", same + 1);
            }
            let row = Row {
                rank: Some(i + 1),
                score: Some(suspect.log_bayes),
                explained: Some(suspect.explained),
                finding: matches!(suspect.error, TwinError::Capacity(_)),
                note: Some(note),
                ..Row::default()
            };
            push(table, "suspect", &element, row);
        }
    }

    /// The element, and what may be wrong with it.
    fn words(&self, error: &TwinError) -> (String, String) {
        let csr = self.csr;
        let believed = |arc: ArcId| csr.metric[arc.index()];
        match error {
            TwinError::Metric { link, arc: None, fits } => {
                let arc = csr.link_arcs[link.index()][0];
                let note =
                    format!("metric {} in the twin; {fits} in both directions would fit", believed(arc));
                (csr.link_names[link.index()].clone(), note)
            }
            TwinError::Metric { arc: Some(arc), fits, .. } => {
                let note =
                    format!("metric {} in the twin; {fits} in this direction would fit", believed(*arc));
                (self.arc(*arc), note)
            }
            TwinError::Absent(link) => {
                (csr.link_names[link.index()].clone(), "carries no routed traffic: absent or down".to_owned())
            }
            TwinError::Missing { a, b, metric } => {
                let names = [a, b].map(|n| csr.node_names[n.index()].as_str());
                (
                    names.join(" - "),
                    format!("a link that the twin does not hold, of metric {metric}, would fit"),
                )
            }
            TwinError::Capacity(arc) => {
                let note = format!("carries more than its {} bit/s", csr.capacity[arc.index()].get());
                (self.arc(*arc), note)
            }
        }
    }

    /// `node:port -> node:port`.
    fn arc(&self, arc: ArcId) -> String {
        let name = |port: &twin::EntityKey| {
            let port_name = self.twin.entity(port).map_or(port.as_str(), |e| &e.name);
            let node = self.twin.node_of(port).map_or("?", |n| &n.name);
            format!("{node}:{port_name}")
        };
        let (from, to) = &self.csr.ports[arc.index()];
        format!("{} -> {}", name(from), name(to))
    }
}

/// Rates of interfaces that could not be put onto a link.
fn outside<'a>(placed: &place::Placed, rates: &'a [rate::Rate]) -> impl Iterator<Item = &'a rate::Rate> {
    let names: std::collections::BTreeSet<_> = placed.unmatched.iter().map(|u| u.interface.clone()).collect();
    rates.iter().filter(move |r| names.contains(&r.interface.to_string()))
}

fn unmatched(table: &mut Table, placed: &place::Placed, rates: &[rate::Rate]) {
    for u in &placed.unmatched {
        let of_it = rates.iter().filter(|r| r.interface.to_string() == u.interface).map(|r| r.bps);
        let row = Row {
            measured: Some(of_it.fold(0.0, |sum, bps| sum + bps)),
            note: Some(u.why.clone()),
            ..Row::default()
        };
        push(table, "unmatched", &u.interface, row);
    }
}
