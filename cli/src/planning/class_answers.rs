//! What becomes of classes of service when something fails, and the tables of it.

use models::NodeDemand;
use report::{Table, schema};
use scenarios::planning::{ClassLoad, ClassOutcome, ClassPlan, ClassWorst, FailureSet};
use twin::ArcId;

use super::classes::Classes;
use super::failures::Failing;
use super::study::Study;
use crate::failure::Failure;
use crate::target::TargetFolder;

/// Rows that are collected before they are written.
const ROWS: usize = 1 << 14;

/// What becomes of a class, over all failures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ClassAnswer {
    /// Its name.
    pub(crate) name: String,
    /// Its volume in bit/s.
    pub(crate) bps: f64,
    /// The largest priority utilisation with nothing down.
    pub(crate) base_util: f64,
    /// The largest one over all scenarios, where it is, and in which scenario.
    pub(crate) worst: (f64, Option<ArcId>, u32),
    /// The smallest share that an arc serves, which arc, and in which scenario; none where all is served.
    pub(crate) least_served: Option<(f64, ArcId, u32)>,
    /// The most volume that is lost in one scenario, in bit/s.
    pub(crate) most_lost: f64,
}

impl Classes {
    /// The names of the classes that have a part in each demand of the study.
    pub(crate) fn by_demand(&self, study: &Study) -> Vec<Vec<&str>> {
        let mut next = vec![0; self.names.len()];
        let of = |demand: &NodeDemand| {
            let mut has = Vec::new();
            for (class, list) in self.demands.iter().enumerate() {
                let here = list.get(next[class]).filter(|d| d.src == demand.src && d.dst == demand.dst);
                if here.is_some() {
                    next[class] += 1;
                    has.push(self.names[class].as_str());
                }
            }
            has
        };
        study.demands.iter().map(of).collect()
    }

    /// Evaluates all scenarios and writes `class_scenarios` and `classes`.
    pub(crate) fn answer(
        &self,
        study: &Study,
        failing: &Failing,
        mut folder: Option<&mut TargetFolder>,
    ) -> Result<Vec<ClassAnswer>, Failure> {
        let plan = ClassPlan::new(&study.csr, &study.routing, &self.demands);
        let mut answers: Vec<_> = self
            .names
            .iter()
            .enumerate()
            .map(|(i, name)| ClassAnswer { name: name.clone(), bps: plan.total(i), ..ClassAnswer::default() })
            .collect();
        let mut rows = Table::new(&schema::CLASS_SCENARIOS);
        let worst = plan.sweep(&failing.list, 0..failing.list.len(), |scenario, outcomes| {
            for (answer, outcome) in answers.iter_mut().zip(outcomes) {
                answer.see(scenario, outcome);
                self.row(study, &mut rows, (scenario, &answer.name), outcome);
            }
            match folder.as_mut() {
                Some(folder) if rows.len() >= ROWS => {
                    folder.write(&std::mem::replace(&mut rows, Table::new(&schema::CLASS_SCENARIOS)))
                }
                _ => Ok(()),
            }
        })?;
        let mut base = plan.evaluator();
        base.evaluate(&FailureSet::default());
        for arc in (0..study.csr.arc_count()).map(ArcId::new) {
            for ((answer, worst), load) in answers.iter_mut().zip(&worst).zip(base.loads(arc)) {
                answer.see_arc(arc, load, &worst[arc.index()]);
            }
        }
        if let Some(folder) = folder {
            folder.write(&rows)?;
            folder.write(&self.table(study, &worst, |arc| base.loads(arc).collect()))?;
        }
        Ok(answers)
    }

    fn row(&self, study: &Study, table: &mut Table, (scenario, name): (u32, &str), outcome: &ClassOutcome) {
        table
            .row()
            .set("scenario", scenario)
            .set("class", name)
            .set("lost", study.volume(outcome.lost))
            .set("lost_own", study.volume(outcome.lost_own))
            .set("max_util", outcome.max_util)
            .set("max_arc", outcome.max_arc.map(|arc| arc.0))
            .set("squeezed_arcs", outcome.squeezed_arcs)
            .end();
    }

    /// `classes`: each class on each arc.
    fn table(
        &self,
        study: &Study,
        worst: &[Vec<ClassWorst>],
        base: impl Fn(ArcId) -> Vec<ClassLoad>,
    ) -> Table {
        let mut table = Table::new(&schema::CLASSES);
        for arc in (0..study.csr.arc_count()).map(ArcId::new) {
            for (class, load) in base(arc).into_iter().enumerate() {
                let worst = worst[class][arc.index()];
                let (fullest, squeezed) = (worst.fullest, worst.squeezed);
                table
                    .row()
                    .set("arc", arc.0)
                    .set("class", self.names[class].as_str())
                    .set("priority", class as u32 + 1)
                    .set("base_load", study.volume(load.load))
                    .set("base_util", load.util)
                    .set("base_served", load.served)
                    .set("worst_load", fullest.map(|(load, _)| study.volume(load.load)))
                    .set("worst_util", fullest.map(|(load, _)| load.util))
                    .set("worst_scenario", fullest.map(|(_, scenario)| scenario))
                    .set("least_served", fullest.map(|_| squeezed.map_or(1.0, |(served, _)| served)))
                    .set("least_served_scenario", squeezed.map(|(_, scenario)| scenario))
                    .end();
            }
        }
        table
    }
}

impl ClassAnswer {
    fn see(&mut self, scenario: u32, outcome: &ClassOutcome) {
        if scenario == 0 {
            self.base_util = outcome.max_util;
        }
        if outcome.max_util > self.worst.0 {
            self.worst = (outcome.max_util, outcome.max_arc, scenario);
        }
        self.most_lost = self.most_lost.max(outcome.lost + outcome.lost_own);
    }

    /// The smallest share served, with nothing down among the scenarios.
    fn see_arc(&mut self, arc: ArcId, base: ClassLoad, worst: &ClassWorst) {
        let base = (base.served < 1.0).then_some((base.served, 0));
        for (served, scenario) in base.into_iter().chain(worst.squeezed) {
            if self.least_served.is_none_or(|(least, _, _)| served < least) {
                self.least_served = Some((served, arc, scenario));
            }
        }
    }
}
