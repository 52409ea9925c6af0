//! What a study of failures asks: the network, its demands, and what fails.

use std::path::PathBuf;

use report::Table;
use scenarios::planning::{Plan, Worst};
use serde::{Deserialize, Serialize};
use twin::{DemandMatrix, WallTime};

use super::edit::EditFile;
use super::failures::{FailArg, Failing};
use super::measured::{Measured, hardness};
use super::redundancy::{self, Redundancies};
use super::study::{Study, StudyArgs};
use super::{differences, tables};
use crate::failure::Failure;
use crate::target::TargetFolder;

/// What `whatif` and `sweep plan` take.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
pub(crate) struct QuestionArgs {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) study: StudyArgs,
    /// What fails: none, links, links:K, members, nodes, groups, groups:FILE or patterns:FILE [default: links].
    #[arg(long, value_name = "WHAT")]
    pub(crate) fail: Option<FailArg>,
}

impl QuestionArgs {
    /// All paths that it names.
    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let study = &mut self.study;
        study
            .sources
            .iter_mut()
            .chain(&mut study.demands)
            .chain(&mut study.edit)
            .chain(self.fail.as_mut().and_then(FailArg::file_mut))
    }

    /// Opens everything.
    pub(crate) fn open(&self) -> Result<(Study, Failing), Failure> {
        self.open_edited(None)
    }

    /// The same with edits that do not stand in a file of their own.
    pub(crate) fn open_edited(&self, edits: Option<&EditFile>) -> Result<(Study, Failing), Failure> {
        let study = self.study.open_edited(edits)?;
        let failing = self.fail().of(&study)?;
        Ok((study, failing))
    }

    /// The same with the matrix of a window that is hardest on the network, over all failures; the first of equals.
    pub(crate) fn open_measured(
        &self,
        edits: Option<&EditFile>,
        measured: &Measured,
    ) -> Result<(Study, Failing, WallTime), Failure> {
        let mut study = self.study.open_measured(edits)?;
        let failing = self.fail().of(&study)?;
        let mut hardest: Option<((u32, f64), WallTime, DemandMatrix)> = None;
        for (at, matrix) in measured.matrices(&study)? {
            study.demands = self.study.traffic(&study, &matrix)?;
            let hard = hardness(&study.plan(), &failing.list);
            let harder = |than: &(u32, f64)| hard.0.cmp(&than.0).then(hard.1.total_cmp(&than.1)).is_gt();
            if hardest.as_ref().is_none_or(|(than, _, _)| harder(than)) {
                hardest = Some((hard, at, matrix));
            }
        }
        let (_, at, matrix) = hardest.expect("a window without a matrix is an error");
        study.demands = self.study.traffic(&study, &matrix)?;
        if let Some(before) = study.before.as_deref_mut() {
            before.demands = self.study.scaled(&before.csr, &matrix);
        }
        Ok((study, failing, at))
    }

    /// What fails.
    pub(crate) fn fail(&self) -> &FailArg {
        self.fail.as_ref().unwrap_or(&FailArg::Links(1))
    }

    /// Writes what follows from all scenarios: arcs, their worst failures, who loses redundancy, names of groups, what an
    /// edit changes.
    pub(crate) fn write(
        &self,
        folder: &mut TargetFolder,
        study: &Study,
        failing: &Failing,
        plan: &Plan<'_>,
        worst: &Worst,
    ) -> Result<Written, Failure> {
        folder.write(&report::entities(&study.twin))?;
        folder.write(&tables::arcs(study, plan, worst))?;
        folder.write(&tables::worst(study, worst))?;
        if !failing.groups.is_empty() {
            folder.write(&tables::groups(failing))?;
        }
        let redundancies = redundancy::answer(study, failing, plan, Some(folder))?;
        let Some(before) = &study.before else { return Ok(Written { redundancies, differences: None }) };
        let failures = self.fail().before(&failing.list, &before.csr)?;
        let table = differences::table((before, &failures), study, plan, worst);
        folder.write(&table)?;
        Ok(Written { redundancies, differences: Some(table) })
    }
}

/// What was written and is spoken of elsewhere, too.
pub(crate) struct Written {
    /// Who loses redundancy.
    pub(crate) redundancies: Redundancies,
    /// What an edit changes.
    pub(crate) differences: Option<Table>,
}
