//! What happens while something is taken down: each window with its hardest traffic, and any one more failure.

use std::path::{Path, PathBuf};

use models::NodeDemand;
use report::page::{Full, WindowPart};
use report::{Table, schema};
use scenarios::planning::{Drain, FailureList, FailureSet, Plan};
use serde_json::{Value, json};
use twin::{ArcId, NodeId, WallTime};

use super::failures::Failing;
use super::instant;
use super::limits::{FailOn, Limits};
use super::maintenance::{Maintenance, Time};
use super::measured::Measured;
use super::page::arrow;
use super::study::{Study, StudyArgs};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::target::TargetFolder;

/// Demands to be carried, and when they were measured.
pub(crate) struct Traffic {
    /// `None` for demands that stand for all times.
    pub(crate) at: Option<WallTime>,
    /// The demands.
    pub(crate) demands: Vec<NodeDemand>,
}

impl Traffic {
    /// The matrices of a window, edited and scaled as the question says.
    pub(crate) fn measured(args: &StudyArgs, study: &Study, window: &Measured) -> Result<Vec<Self>, Failure> {
        let matrices = window.matrices(study)?.into_iter();
        let each = |(at, matrix)| Ok(Self { at: Some(at), demands: args.traffic(study, &matrix)? });
        matrices.map(each).collect()
    }
}

/// What a drain does under the traffic that is hardest on it, the first of equals; `None` without traffic.
pub(crate) fn hardest<'t>(
    study: &Study,
    traffic: &'t [Traffic],
    out: &FailureSet,
    others: &FailureList,
) -> Option<(&'t Traffic, Drain)> {
    let mut worst: Option<(&Traffic, Drain)> = None;
    for traffic in traffic {
        let plan = Plan::new(&study.csr, &study.routing, &traffic.demands);
        let drain = Drain::evaluate(&plan, out, others);
        if worst.as_ref().is_none_or(|(_, than)| drain.is_worse_than(than)) {
            worst = Some((traffic, drain));
        }
    }
    worst
}

/// The windows of a study.
pub(crate) struct Windows {
    list: Vec<Window>,
}

struct Window {
    maintenance: Maintenance,
    matrices: usize,
    traffic: Traffic,
    drain: Drain,
}

impl Windows {
    /// Evaluates each window: with measured traffic those matrices that lie in it, else the demands of the study.
    pub(crate) fn evaluate(
        args: &StudyArgs,
        study: &Study,
        others: &FailureList,
        maintenance: Vec<Maintenance>,
        series: Option<&Path>,
    ) -> Result<Self, Failure> {
        let window = |maintenance: Maintenance| {
            let mut traffic = match (maintenance.time, series) {
                (Time::Window(from, until), Some(file)) => {
                    Traffic::measured(args, study, &Measured { file: file.to_owned(), from, until })?
                }
                _ => vec![Traffic { at: None, demands: study.demands.clone() }],
            };
            let (hardest, drain) = hardest(study, &traffic, &maintenance.out, others)
                .expect("a window without a matrix is an error");
            let (matrices, at) = (traffic.len(), hardest.at);
            let traffic = traffic.swap_remove(traffic.iter().position(|t| t.at == at).unwrap_or(0));
            Ok(Window { maintenance, matrices, traffic, drain })
        };
        let list: Result<_, Failure> = maintenance.into_iter().map(window).collect();
        Ok(Self { list: list? })
    }

    /// Whether nothing is taken down.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether a window breaks a limit that was set.
    pub(crate) fn is_finding(&self, limits: &Limits) -> bool {
        limits.fail_on.iter().any(|what| match what {
            FailOn::Overload => self.list.iter().any(|w| w.over(limits)),
            FailOn::Lost => self.list.iter().any(Window::loses),
            FailOn::Latency => false,
        })
    }

    /// Writes the tables `maintenance` and `at_risk`.
    pub(crate) fn write(
        &self,
        folder: &mut TargetFolder,
        study: &Study,
        failing: &Failing,
        limits: &Limits,
    ) -> Result<(), Failure> {
        if self.is_empty() {
            return Ok(());
        }
        folder.write(&self.table(study, failing, limits))?;
        folder.write(&self.at_risk(study))
    }

    /// Prints a row for each window, arcs by name.
    pub(crate) fn print(
        &self,
        study: &Study,
        failing: &Failing,
        limits: &Limits,
        format: Format,
    ) -> Result<(), Failure> {
        let name = |arc: u64| study.csr.arc_name(ArcId::new(arc as usize));
        let table = output::Table::rows_of(&self.table(study, failing, limits));
        table.with_names("alone_arc", name).with_names("worst_arc", name).print(format)
    }

    /// `maintenance`: a row for each window.
    fn table(&self, study: &Study, failing: &Failing, limits: &Limits) -> Table {
        let mut table = Table::new(&schema::MAINTENANCE);
        for (number, window) in (0u32..).zip(&self.list) {
            window.row(&mut table, number, study, failing, limits);
        }
        table
    }

    /// `at_risk`: who is cut off, and who loses redundancy.
    fn at_risk(&self, study: &Study) -> Table {
        let mut table = Table::new(&schema::AT_RISK);
        for (number, window) in (0u32..).zip(&self.list) {
            let drain = &window.drain;
            let demands = [("cut_off", &drain.cut), ("exposed_demand", &drain.exposed_demands)];
            for (what, list) in demands {
                for demand in list.iter().map(|i| window.traffic.demands[*i as usize]) {
                    let name = |node: NodeId| study.csr.node_names[node.index()].as_str();
                    let row =
                        table.row().set("window", number).set("what", what).set("src", name(demand.src));
                    row.set("dst", name(demand.dst)).set("volume", study.volume(demand.bps)).end();
                }
            }
            let nodes =
                drain.exposed_nodes.iter().map(|n| ("exposed_node", &study.csr.node_names[n.index()]));
            let links = drain.new_bridges.iter().map(|l| ("only_link", &study.csr.link_names[l.index()]));
            for (what, element) in nodes.chain(links) {
                table.row().set("window", number).set("what", what).set("element", element.as_str()).end();
            }
        }
        table
    }

    /// The windows for the page.
    pub(crate) fn parts(&self, study: &Study, failing: &Failing) -> Vec<WindowPart> {
        if study.csr.arc_count() == 0 {
            return Vec::new();
        }
        let part = |window: &Window| {
            let drain = &window.drain;
            WindowPart {
                name: window.maintenance.name.clone(),
                when: window.maintenance.time.in_words(),
                alone: drain.alone.max_util,
                worst: Full { arc: arrow(&study.csr.arc_name(drain.max_arc())), util: drain.max_util() },
                failure: window.failure().map(|set| failing.name(set, &study.csr)),
                cut_off: drain.cut.len() as u64,
                exposed: drain.exposed_demands.len() as u64,
            }
        };
        self.list.iter().map(part).collect()
    }

    /// The worst of them in a summary.
    pub(crate) fn summary(&self) -> Option<Value> {
        let fuller = |a: &&Window, b: &&Window| a.drain.max_util().total_cmp(&b.drain.max_util());
        let worst = self.list.iter().rev().max_by(fuller)?; // the first of equals
        let finite = Some(worst.drain.max_util()).filter(|u| u.is_finite());
        Some(json!({
            "windows": self.list.len(),
            "worst": worst.maintenance.name,
            "worst_util": finite,
            "demands_cut_off": self.list.iter().map(|w| w.drain.cut.len()).sum::<usize>(),
        }))
    }
}

impl Window {
    fn over(&self, limits: &Limits) -> bool {
        limits.threshold.is_some_and(|threshold| self.drain.max_util() > threshold)
    }

    /// Whether a demand loses its path, with what is taken down alone or with one more failure.
    fn loses(&self) -> bool {
        let mut outcomes = self.drain.one_more.iter().map(|more| &more.outcome).chain([&self.drain.alone]);
        outcomes.any(|outcome| outcome.disconnected_pairs > 0)
    }

    /// What makes it worst, if it is worse than alone.
    fn failure(&self) -> Option<&FailureSet> {
        let first = self.drain.one_more.first();
        first.filter(|more| more.outcome.max_util > self.drain.alone.max_util).map(|more| &more.set)
    }

    fn row(&self, table: &mut Table, number: u32, study: &Study, failing: &Failing, limits: &Limits) {
        let (drain, csr) = (&self.drain, &study.csr);
        let arc = |arc: ArcId| (csr.arc_count() > 0).then_some(arc.0);
        let (from, until) = match self.maintenance.time {
            Time::Window(from, until) => (Some(instant::text(from)), Some(instant::text(until))),
            Time::Hours(_) => (None, None),
        };
        table
            .row()
            .set("window", number)
            .set("name", self.maintenance.name.as_str())
            .set("from", from)
            .set("until", until)
            .set("matrices", self.matrices as u32)
            .set("measured", self.traffic.at.map(instant::text))
            .set("alone_util", drain.alone.max_util)
            .set("alone_arc", arc(drain.alone.max_arc))
            .set("worst_util", drain.max_util())
            .set("worst_arc", arc(drain.max_arc()))
            .set("worst_failure", self.failure().map(|set| failing.name(set, csr)))
            .set("lost", study.volume(drain.alone.lost))
            .set("lost_own", study.volume(drain.alone.lost_own))
            .set("cut_off", drain.cut.len() as u32)
            .set("exposed_demands", drain.exposed_demands.len() as u32)
            .set("exposed_nodes", drain.exposed_nodes.len() as u32)
            .set("over_threshold", limits.threshold.map(|_| self.over(limits)))
            .end();
    }
}

const HEADING: &str = "Maintenance";

/// `--maintenance` and `--series`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct WindowArgs {
    /// Take something down, now and again: a calendar (umbra-maintenance/1), or one entry such as
    /// 'A - B@2026-03-01T02:00..+4h'; may be repeated. Writes the tables maintenance and at_risk.
    #[arg(long, value_name = super::maintenance::FORMS, help_heading = HEADING)]
    pub(crate) maintenance: Vec<super::maintenance::MaintenanceArg>,
    /// Measured demand matrices for the windows (Parquet: time, SRC>DST in Mbit/s).
    #[arg(long, value_name = "FILE", requires = "maintenance", help_heading = HEADING)]
    pub(crate) series: Option<PathBuf>,
}
