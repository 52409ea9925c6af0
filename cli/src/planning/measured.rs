//! Traffic as it was measured in a window of time, in the place of one matrix.

use std::path::PathBuf;

use report::{ParquetFile, series};
use scenarios::planning::{FailureList, Plan, sweep};
use twin::{DemandMatrix, InputError, Place, WallTime};

use super::study::Study;
use super::window;
use crate::failure::Failure;

/// A window of a series.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// The series: Parquet with `time` and a column `SRC>DST` in Mbit/s for each pair.
    pub(crate) file: PathBuf,
    /// When the window begins.
    pub(crate) from: WallTime,
    /// When it ends, itself included.
    pub(crate) until: WallTime,
}

impl Measured {
    /// The matrices of the window, or of the same time of another week or day, each with its stamp.
    pub(crate) fn matrices(&self, study: &Study) -> Result<Vec<(WallTime, DemandMatrix)>, Failure> {
        // Nodes that an edit takes away were measured, too.
        let twin = study.before.as_ref().map_or(&study.twin, |before| &before.twin);
        let (series, diagnostics) = series::read(&ParquetFile::open(&self.file)?, twin)?;
        for d in &diagnostics {
            tracing::info!("{}: {} ({}x)", d.code, d.message, d.count);
        }
        let bins = window::bins(&series, self.from, self.until).into_iter();
        let all: Vec<_> =
            bins.filter_map(|bin| Some((window::instant(&series, bin), series.matrix(bin)?))).collect();
        if all.is_empty() {
            let expected = "a series that covers the window's time of the week";
            let what = "no measured matrix in the window";
            let file = self.file.display().to_string();
            return Err(InputError::new(&file, Place::Whole, what, expected).into());
        }
        Ok(all)
    }
}

/// How hard a matrix is on a network: pairs without a path in the worst scenario, then the fullest arc of all scenarios.
pub(crate) fn hardness(plan: &Plan<'_>, list: &FailureList) -> (u32, f64) {
    let mut hardness = (0, 0.0);
    let Ok(_) = sweep(plan, list, 0..list.len(), |rows| {
        for row in rows {
            hardness.0 = row.outcome.disconnected_pairs.max(hardness.0);
            hardness.1 = row.outcome.max_util.max(hardness.1);
        }
        Ok::<(), std::convert::Infallible>(())
    });
    hardness
}
