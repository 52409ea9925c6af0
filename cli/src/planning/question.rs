//! What a study of failures asks: the network, its demands, and what fails.

use std::path::PathBuf;

use scenarios::planning::FailureList;
use serde::{Deserialize, Serialize};

use super::failures::{FORMS, FailArg};
use super::study::{Study, StudyArgs};
use crate::failure::Failure;

/// What `whatif` and `sweep plan` take.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
pub(crate) struct QuestionArgs {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) study: StudyArgs,
    /// What fails.
    #[arg(long, value_name = FORMS, default_value = "links")]
    pub(crate) fail: FailArg,
}

impl QuestionArgs {
    /// All paths that it names.
    pub(crate) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.study.sources.iter_mut().chain(&mut self.study.demands).chain(self.fail.file_mut())
    }

    /// Opens everything.
    pub(crate) fn open(&self) -> Result<(Study, FailureList), Failure> {
        let study = self.study.open()?;
        let list = self.fail.list(&study.csr)?;
        Ok((study, list))
    }
}
