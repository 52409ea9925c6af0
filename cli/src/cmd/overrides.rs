//! `--overrides FILE`: what the operator knows better, laid over what was read.

use std::path::PathBuf;

use topology_sync::encoding;
use topology_sync::overrides::{self, Outcome, Overrides};
use topology_sync::source::files;
use twin::Snapshot;

use crate::failure::Failure;

/// The option.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OverridesOption {
    /// What you know better (overrides.yaml): names, sites, capacities, risk groups, ignored and known links.
    #[arg(long, value_name = "FILE")]
    overrides: Option<PathBuf>,
}

impl OverridesOption {
    /// Lays the overrides over a snapshot, and says which are stale.
    pub(crate) fn apply(&self, snapshot: Snapshot) -> Result<Snapshot, Failure> {
        let Some(path) = &self.overrides else { return Ok(snapshot) };
        let file = path.display().to_string();
        let bytes = files::read(path)?;
        let parsed = Overrides::parse(&file, encoding::utf8(&file, &bytes)?)?;
        let (snapshot, report) = overrides::apply(&parsed, snapshot);
        for row in report.rows {
            let (line, column, what, detail) = (row.line, row.column, row.what, row.detail);
            match row.outcome {
                Outcome::Applied => tracing::info!("{file}:{line}:{column}: {what}: {detail}"),
                stale => tracing::warn!("{file}:{line}:{column}: {}: {what}: {detail}", stale.word()),
            }
        }
        Ok(snapshot)
    }
}
