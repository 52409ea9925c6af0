//! `umbra drain`: may this be taken down?

use std::path::PathBuf;

use report::schema;
use scenarios::planning::{Drain, FailureSet};
use serde_json::json;
use twin::{ArcId, NodeId, WallTime};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::{Format, Table};
use crate::planning::failures::{FailArg, Failing};
use crate::planning::instant;
use crate::planning::limit;
use crate::planning::measured::Measured;
use crate::planning::names::{self, Names};
use crate::planning::study::{Study, StudyArgs};
use crate::planning::windows::{self, Traffic};

/// How many of the worst failures are printed.
const SHOWN: usize = 10;

/// May an element be taken down, now or until a given time?
///
/// Yes (exit code 0) where nobody else loses service while the element is down, and no link gets fuller than the limit, then
/// or with any one more failure; otherwise no (exit code 1), and why. Whom one more failure would cut off is told, and is a
/// no with --keep-redundancy. Prints the answer; the worst failures that could
/// come on top; the demands that are cut off; and who loses redundancy: demands and nodes that one more link would cut
/// off then and could not before. Demands from and to a node that is taken down itself go with it and are only counted.
///
/// With --series the traffic is that of the window from --from to --until: every measured matrix in it, or, where the
/// window lies outside the series, every one at that time of the week (of the day, in a series shorter than a week).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    study: StudyArgs,
    /// What is taken down; may be repeated. A node or link by name, 'A - B' for all links between two nodes, link:N or
    /// node:N by number.
    #[arg(long, required = true, value_name = "X")]
    element: Vec<String>,
    /// What else may fail meanwhile: none, links, links:K, members, nodes, groups, groups:FILE or patterns:FILE.
    #[arg(long, value_name = "WHAT", default_value = "links")]
    fail: FailArg,
    /// The answer is no where an arc gets fuller than this.
    #[arg(long, value_name = "U", default_value_t = 1.0, value_parser = limit::parse)]
    limit: f64,
    /// The answer is no where anybody loses redundancy, too.
    #[arg(long)]
    keep_redundancy: bool,
    /// Measured demand matrices (Parquet: time, SRC>DST in Mbit/s) in the place of one matrix.
    #[arg(long, value_name = "FILE", conflicts_with = "demands")]
    series: Option<PathBuf>,
    /// When it is taken down [default: now].
    #[arg(long, value_name = "T", value_parser = instant::parse)]
    from: Option<WallTime>,
    /// When it is back: a time, or a span such as +4h after --from.
    #[arg(long, value_name = "T")]
    until: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let (study, traffic) = open(args)?;
    let out = out(&study, &args.element)?;
    let failing = args.fail.of(&study)?;
    let worst = windows::hardest(&study, &traffic, &out, &failing.list);
    let (traffic_then, drain) = worst.expect("there is at least one matrix");
    let answer = Answer {
        study: &study,
        traffic: traffic_then,
        matrices: traffic.len(),
        drain: &drain,
        out: &out,
        failing: &failing,
        args,
    };
    answer.print(global)?;
    Ok(if answer.reasons().is_empty() { Outcome::Done } else { Outcome::Finding })
}

/// The network and every matrix that counts.
fn open(args: &Args) -> Result<(Study, Vec<Traffic>), Failure> {
    let from = args.from.unwrap_or_else(instant::now);
    let until = args.until.as_deref().map(|text| instant::after(from, text)).transpose();
    let until = until.map_err(|e| Failure::Usage(format!("--until: {e}")))?.unwrap_or(from);
    if until < from {
        let from = if args.from.is_some() { "--from" } else { "now, and there is no --from" };
        return Err(Failure::Usage(format!("--until lies before {from}")));
    }
    let Some(file) = &args.series else {
        let mut study = args.study.open()?;
        let demands = std::mem::take(&mut study.demands);
        return Ok((study, vec![Traffic { at: None, demands }]));
    };
    let study = args.study.open_measured(None)?;
    let window = Measured { file: file.clone(), from, until };
    let traffic = Traffic::measured(&args.study, &study, &window)?;
    Ok((study, traffic))
}

/// All that is taken down.
fn out(study: &Study, elements: &[String]) -> Result<FailureSet, Failure> {
    let names = Names::new(&study.twin, &study.csr);
    let mut out = FailureSet::default();
    for text in elements {
        let set = names.element(text).map_err(|unknown| Failure::word(format!("--element: {unknown}")))?;
        out = out.union(&set);
    }
    Ok(out)
}

/// What is printed.
struct Answer<'a> {
    study: &'a Study,
    traffic: &'a Traffic,
    matrices: usize,
    drain: &'a Drain,
    out: &'a FailureSet,
    failing: &'a Failing,
    args: &'a Args,
}

/// A row by section: what is not said is null.
#[derive(Default)]
struct Row {
    util: Option<f64>,
    arc: Option<ArcId>,
    lost: Option<f64>,
    note: Option<String>,
}

impl Answer<'_> {
    /// Why not.
    fn reasons(&self) -> Vec<String> {
        let (drain, mut reasons) = (self.drain, Vec::new());
        if !drain.cut.is_empty() {
            reasons.push(format!("{} demands lose their only path", drain.cut.len()));
        }
        if drain.alone.max_util > self.args.limit {
            reasons.push(format!("a link gets fuller than {}", self.args.limit));
        } else if drain.max_util() > self.args.limit {
            reasons.push(format!("with one more failure a link gets fuller than {}", self.args.limit));
        }
        let exposed = drain.exposed_demands.len() + drain.exposed_nodes.len();
        if self.args.keep_redundancy && exposed > 0 {
            reasons.push("demands or nodes lose their redundancy".into());
        }
        reasons
    }

    fn print(&self, global: &Global) -> Result<(), Failure> {
        let mut table = Table::of(&schema::DRAIN);
        let (drain, study) = (self.drain, self.study);
        let (reasons, name) = (self.reasons(), names::of_set(&study.csr, self.out));
        let answer = if reasons.is_empty() { "yes" } else { "no" };
        let when = match (self.traffic.at, &self.args.until) {
            (Some(at), _) => {
                Some(format!("worst of {} matrices, measured {}", self.matrices, instant::text(at)))
            }
            (None, Some(until)) => Some(format!("the traffic is taken to stay as it is until {until}")),
            (None, None) => None,
        };
        let note: Vec<_> = reasons.into_iter().chain(when).collect();
        let worst = Row { util: Some(drain.max_util()), arc: Some(drain.max_arc()), ..Row::default() };
        self.push(
            &mut table,
            answer,
            &name,
            Row { note: (!note.is_empty()).then(|| note.join("; ")), ..worst },
        );
        let outcome = |o: &scenarios::planning::Outcome, note| Row {
            util: Some(o.max_util),
            arc: Some(o.max_arc),
            lost: Some(study.volume(o.lost + o.lost_own)),
            note,
        };
        let own = (drain.alone.lost_own > 0.0)
            .then(|| format!("{} of it from and to what is taken down", study.volume(drain.alone.lost_own)));
        self.push(&mut table, "alone", &name, outcome(&drain.alone, own));
        for more in drain.one_more.iter().take(SHOWN) {
            self.push(
                &mut table,
                "one_more",
                &self.failing.name(&more.set, &study.csr),
                outcome(&more.outcome, None),
            );
        }
        self.people(&mut table, global.format());
        table.print(global.format())
    }

    /// Who is cut off, and who loses redundancy.
    fn people(&self, table: &mut Table, format: Format) {
        let (drain, csr) = (self.drain, &self.study.csr);
        let node = |n: NodeId| csr.node_names[n.index()].clone();
        let demand = |i: &u32| {
            let d = &self.traffic.demands[*i as usize];
            (format!("{} -> {}", node(d.src), node(d.dst)), Some(self.study.volume(d.bps)))
        };
        let links = drain.new_bridges.iter().map(|l| (csr.link_names[l.index()].clone(), None));
        let groups: [(&str, Vec<_>); 4] = [
            ("cut_off", drain.cut.iter().map(demand).collect()),
            ("exposed_node", drain.exposed_nodes.iter().map(|n| (node(*n), None)).collect()),
            ("only_link", links.collect()),
            ("exposed_demand", drain.exposed_demands.iter().map(demand).collect()),
        ];
        for (item, all) in groups {
            // People read the first few; programs get all.
            let shown = if format == Format::Table { SHOWN } else { all.len() };
            for (name, volume) in all.iter().take(shown) {
                let note = volume.map(|v| format!("carries {v}"));
                self.push(table, item, name, Row { note, ..Row::default() });
            }
            if all.len() > shown {
                self.push(table, item, &format!("… and {} more", all.len() - shown), Row::default());
            }
        }
    }

    fn push(&self, table: &mut Table, item: &str, element: &str, row: Row) {
        let csr = &self.study.csr;
        let arc = row.arc.filter(|a| a.index() < csr.arc_count()).map(|a| csr.arc_name(a));
        table.push(vec![
            json!(item),
            json!(element),
            json!(row.util),
            json!(arc),
            json!(row.lost),
            json!(row.note),
        ]);
    }
}
