//! The manifest of a sweep: what is to be evaluated, so that any machine evaluates the same.

use std::path::{Path, PathBuf};

use report::InputDigest;
use serde::{Deserialize, Serialize};
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{InputError, Place, WallTime};

use super::failures::Failing;
use super::limits::Limits;
use super::question::QuestionArgs;
use super::scenario::{self, Asked};
use super::study::Study;
use crate::failure::Failure;

const FORMAT: &str = "umbra-sweep/1";

/// A sweep that has been planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: String,
    /// How many scenarios, the base among them.
    pub(crate) scenarios: u32,
    /// Into how many shards they are split where nothing else is said.
    pub(crate) shards: u32,
    seed: u64,
    /// Of all input files: what has changed since is refused.
    input_digest: String,
    /// What is asked, with absolute paths: a scenario file is read anew by each shard.
    pub(crate) question: QuestionArgs,
}

impl Manifest {
    /// Plans a question.
    pub(crate) fn new(question: &QuestionArgs, shards: u32, seed: u64) -> Result<Self, Failure> {
        let asked = scenario::asked(question, &Limits::default())?;
        if let Some(classes) = &asked.classes {
            let expected = "a scenario without 'classes' for shards; `umbra whatif` answers this one";
            return Err(classes.wrong("classes of service", expected).into());
        }
        let (study, failing, _) = asked.open()?;
        let input_digest = asked.digest(&study)?;
        let mut question = question.clone();
        for path in question.paths_mut() {
            *path = std::path::absolute(&*path).map_err(|e| Failure::environment("no current folder", e))?;
        }
        let scenarios = failing.list.len();
        Ok(Self { format: FORMAT.into(), scenarios, shards, seed, input_digest, question })
    }

    /// Where it stands in the folder of a sweep.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("manifest.json")
    }

    /// The file's text.
    pub(crate) fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest is always JSON");
        text.push('\n');
        text
    }

    /// What tells one manifest from another.
    pub(crate) fn digest(&self) -> String {
        let mut digest = InputDigest::default();
        // The number of shards may change: the same scenarios are evaluated.
        digest.add(Self { shards: 0, ..self.clone() }.to_json().as_bytes());
        digest.finish()
    }

    /// Reads the manifest of a sweep's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, InputError> {
        let path = Self::path(folder);
        let file = path.display().to_string();
        let bytes = files::read(&path)?;
        let manifest: Self = serde_json::from_str(encoding::utf8(&file, &bytes)?).map_err(|e| {
            let place = Place::LineColumn(e.line() as u64, e.column() as u64);
            InputError::new(&file, place, e.to_string(), format!("a manifest of format '{FORMAT}'"))
        })?;
        if manifest.format != FORMAT || manifest.shards == 0 {
            let what = format!("format '{}', {} shards", manifest.format, manifest.shards);
            return Err(InputError::new(
                &file,
                Place::Whole,
                what,
                format!("format '{FORMAT}', at least 1 shard"),
            ));
        }
        Ok(manifest)
    }

    /// Opens what it names, if that is what was planned; with measured traffic, and the stamp of the matrix that counts.
    pub(crate) fn open(&self) -> Result<(Asked, Study, Failing, Option<WallTime>), Failure> {
        let asked = scenario::asked(&self.question, &Limits::default())?;
        let (study, failing, measured_at) = asked.open()?;
        let digest = asked.digest(&study)?;
        if digest != self.input_digest || failing.list.len() != self.scenarios {
            let expected = "the inputs as they were when the sweep was planned (plan it again)";
            let what = "this or another input has changed";
            return Err(InputError::new(&study.file(), Place::Whole, what, expected).into());
        }
        Ok((asked, study, failing, measured_at))
    }
}
