//! Latency of demands in tables: `demands`, and `breaches` of a bound.

use report::{Table, schema};
use scenarios::planning::{FailureList, Fate, Latency, Status};

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

fn rows(scenarios: &Scenarios) -> impl Iterator<Item = (u32, u32, Fate)> {
    scenarios
        .iter()
        .flat_map(|(scenario, fates)| fates.iter().map(|(demand, fate)| (*scenario, *demand, *fate)))
}

fn demands(study: &Study, services: &[Vec<&str>], scenarios: &Scenarios) -> Table {
    let mut table = Table::new(&schema::DEMANDS);
    for (scenario, number, fate) in rows(scenarios) {
        let demand = &study.demands[number as usize];
        let mut row = |service: Option<&str>| {
            table
                .row()
                .set("scenario", scenario)
                .set("src", study.csr.node_names[demand.src.index()].as_str())
                .set("dst", study.csr.node_names[demand.dst.index()].as_str())
                .set("status", Status::word(fate.status))
                .set("latency_ms", fate.latency_ms)
                .set("stretch", fate.stretch)
                .set("service", service)
                .end();
        };
        match services.get(number as usize) {
            Some(services) => services.iter().for_each(|service| row(Some(service))),
            None => row(None),
        }
    }
    table
}

fn breaches(study: &Study, latency: &Latency<'_>, scenarios: &Scenarios, bound: f64) -> Table {
    let mut table = Table::new(&schema::BREACHES);
    for (scenario, number, fate) in rows(scenarios) {
        let Some(ms) = fate.latency_ms.filter(|ms| *ms > bound) else { continue };
        let demand = &study.demands[number as usize];
        table
            .row()
            .set("scenario", scenario)
            .set("src", study.csr.node_names[demand.src.index()].as_str())
            .set("dst", study.csr.node_names[demand.dst.index()].as_str())
            .set("volume", study.volume(demand.bps))
            .set("latency_ms", ms)
            .set("base_latency_ms", latency.base()[number as usize].latency_ms)
            .set("bound_ms", bound)
            .end();
    }
    table
}
