//! Latency of demands in tables: `demands`, and `breaches` of a bound.

use report::{Row, Table, TableSpec, schema};
use scenarios::planning::{FailureList, Fate, Latency, Status};
use twin::NodeId;

use super::study::Study;
use crate::failure::Failure;
use crate::target::TargetFolder;

/// What is asked of latencies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LatencyQuestion {
    /// Whether every demand of every scenario is written.
    pub(crate) all: bool,
    /// The bound in ms.
    pub(crate) bound: Option<f64>,
}

/// How the bound was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Kept {
    /// Demands beyond the bound with nothing down.
    pub(crate) base: u32,
    /// Most of them in one scenario, and the first scenario with so many.
    pub(crate) most: u32,
    /// That scenario.
    pub(crate) scenario: u32,
}

impl LatencyQuestion {
    /// Whether anything is asked.
    pub(crate) fn is_some(self) -> bool {
        self.all || self.bound.is_some()
    }

    /// Evaluates all scenarios and writes the tables that are asked for. `services` has the classes of each demand; it is
    /// empty where there are none.
    pub(crate) fn answer(
        self,
        (study, services): (&Study, &[Vec<&str>]),
        latency: &Latency<'_>,
        list: &FailureList,
        mut folder: Option<&mut TargetFolder>,
    ) -> Result<Kept, Failure> {
        let mut kept = Kept::default();
        let slow = |fate: &Fate| self.bound.is_some_and(|bound| fate.latency_ms.is_some_and(|ms| ms > bound));
        let wanted = |fate: &Fate| self.all || slow(fate);
        latency.sweep(list, 0..list.len(), wanted, |scenarios| {
            for (scenario, fates) in scenarios {
                let count = fates.iter().filter(|(_, fate)| slow(fate)).count() as u32;
                if *scenario == 0 {
                    kept.base = count;
                }
                if count > kept.most {
                    (kept.most, kept.scenario) = (count, *scenario);
                }
            }
            let Some(folder) = folder.as_mut() else { return Ok(()) };
            if self.all {
                folder.write(&demands(study, services, scenarios))?;
            }
            match self.bound {
                Some(bound) => folder.write(&breaches(study, latency, scenarios, bound)),
                None => Ok(()),
            }
        })?;
        Ok(kept)
    }
}

type Scenarios = [(u32, Vec<(u32, Fate)>)];

/// A table of fates, each with its scenario and its demand's ends in so many rows; `rest` adds to the row of a number.
fn table(
    spec: &'static TableSpec,
    study: &Study,
    scenarios: &Scenarios,
    rows: impl Fn(usize, &Fate) -> usize,
    rest: impl Fn(Row<'_>, (usize, usize), Fate),
) -> Table {
    let mut table = Table::new(spec);
    let name = |node: NodeId| study.csr.node_names[node.index()].as_str();
    for (scenario, fates) in scenarios {
        for (number, fate) in fates {
            let number = *number as usize;
            let demand = &study.demands[number];
            for part in 0..rows(number, fate) {
                let row = table.row().set("scenario", *scenario);
                let row = row.set("src", name(demand.src)).set("dst", name(demand.dst));
                rest(row, (number, part), *fate);
            }
        }
    }
    table
}

fn demands(study: &Study, services: &[Vec<&str>], scenarios: &Scenarios) -> Table {
    let rows = |number: usize, _: &Fate| services.get(number).map_or(1, Vec::len);
    table(&schema::DEMANDS, study, scenarios, rows, |row, (number, part), fate| {
        let row = row.set("status", Status::word(fate.status)).set("latency_ms", fate.latency_ms);
        let service = services.get(number).and_then(|s| s.get(part)).copied();
        row.set("stretch", fate.stretch).set("service", service).end();
    })
}

fn breaches(study: &Study, latency: &Latency<'_>, scenarios: &Scenarios, bound: f64) -> Table {
    let rows = |_: usize, fate: &Fate| usize::from(fate.latency_ms.is_some_and(|ms| ms > bound));
    table(&schema::BREACHES, study, scenarios, rows, |row, (number, _), fate| {
        let row =
            row.set("volume", study.volume(study.demands[number].bps)).set("latency_ms", fate.latency_ms);
        row.set("base_latency_ms", latency.base()[number].latency_ms).set("bound_ms", bound).end();
    })
}
