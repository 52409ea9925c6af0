//! What a study of failures asks: the network, its demands, and what fails.

use std::path::PathBuf;

use scenarios::planning::{Plan, Worst};
use serde::{Deserialize, Serialize};

use super::edit::EditFile;
use super::failures::{FORMS, FailArg, Failing};
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
    /// What fails [default: links].
    #[arg(long, value_name = FORMS)]
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

    /// What fails.
    pub(crate) fn fail(&self) -> &FailArg {
        self.fail.as_ref().unwrap_or(&FailArg::Links(1))
    }

    /// Writes what follows from all scenarios: arcs, their worst failures, names of groups, what an edit changes.
    pub(crate) fn write(
        &self,
        folder: &mut TargetFolder,
        study: &Study,
        failing: &Failing,
        plan: &Plan<'_>,
        worst: &Worst,
    ) -> Result<(), Failure> {
        folder.write(&report::entities(&study.twin))?;
        folder.write(&tables::arcs(study, plan, worst))?;
        folder.write(&tables::worst(study, worst))?;
        if !failing.groups.is_empty() {
            folder.write(&tables::groups(failing))?;
        }
        if let Some(before) = &study.before {
            let failures = self.fail().before(&failing.list, &before.csr)?;
            folder.write(&differences::table((before, &failures), study, plan, worst))?;
        }
        Ok(())
    }
}
