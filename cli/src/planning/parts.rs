//! The parts of a sweep: small result folders, each whole once it has a summary.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use report::{ParquetFile, Summary, Table, TableSpec, schema};
use twin::{InputError, Place};

use super::manifest::Manifest;
use super::study::Study;
use crate::failure::Failure;
use crate::global::Global;
use crate::target::TargetFolder;

/// Scenarios of a part: what a killed run loses at most.
const SIZE: u32 = 16_384;

/// The parts of one manifest.
#[derive(Debug)]
pub(crate) struct Parts {
    folder: PathBuf,
    manifest: String,
}

/// A range of scenarios to take, and the part that has them.
pub(crate) type Piece = (Range<u32>, Range<u32>);

impl Parts {
    /// The parts in a sweep's folder; those of another manifest count as absent.
    pub(crate) fn new(folder: &Path, manifest: &Manifest) -> Self {
        Self { folder: folder.join("parts"), manifest: manifest.digest() }
    }

    /// Cuts the scenarios of a shard into parts.
    pub(crate) fn split(all: Range<u32>) -> impl Iterator<Item = Range<u32>> {
        let end = all.end;
        all.step_by(SIZE as usize).map(move |from| from..end.min(from.saturating_add(SIZE)))
    }

    fn path(&self, range: &Range<u32>) -> PathBuf {
        self.folder.join(format!("{:010}-{:010}", range.start, range.end))
    }

    /// Whether a part is there, whole and of this manifest.
    pub(crate) fn is_done(&self, range: &Range<u32>) -> Result<bool, Failure> {
        Ok(self.summary(range)?.is_some())
    }

    fn summary(&self, range: &Range<u32>) -> Result<Option<Summary>, Failure> {
        let path = self.path(range).join("summary.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Failure::environment(path.display(), e)),
        };
        // A summary that cannot be read is of no use: the part is evaluated anew.
        let summary: Option<Summary> = serde_json::from_str(&text).ok();
        Ok(summary.filter(|s| s.extra.get("manifest").and_then(|m| m.as_str()) == Some(&self.manifest)))
    }

    /// Begins a part.
    pub(crate) fn begin(&self, range: &Range<u32>) -> Result<TargetFolder, Failure> {
        TargetFolder::create(&self.path(range))
    }

    /// Completes a part.
    pub(crate) fn commit(
        &self,
        part: TargetFolder,
        range: &Range<u32>,
        study: &Study,
        global: &Global,
    ) -> Result<(), Failure> {
        let mut summary = study.summary("sweep run", global, None)?;
        summary.extra.insert("manifest".into(), self.manifest.as_str().into());
        summary.extra.insert("scenarios".into(), vec![range.start, range.end].into());
        part.commit(summary)?;
        Ok(())
    }

    /// The scenarios of a part, which must be all of its range, in order.
    ///
    /// # Errors
    /// Input errors for a file that is damaged, or is not what was written.
    pub(crate) fn scenarios(&self, range: &Range<u32>) -> Result<Table, Failure> {
        let table = self.table(range, &schema::SCENARIOS)?;
        if table.u32("scenario").iter().copied().eq(range.clone().map(Some)) {
            return Ok(table);
        }
        let file = self.path(range).join("scenarios.parquet").display().to_string();
        let what = format!("not the scenarios {} to {}", range.start, range.end - 1);
        let expected = "the part as it was written (remove its folder and run its shard again)";
        Err(InputError::new(&file, Place::Whole, what, expected).into())
    }

    /// A table of a part that is whole.
    ///
    /// # Errors
    /// Input errors for a file that is damaged.
    pub(crate) fn table(&self, range: &Range<u32>, spec: &'static TableSpec) -> Result<Table, Failure> {
        let path = self.path(range).join(format!("{}.parquet", spec.name));
        Ok(ParquetFile::open(&path)?.table(spec)?)
    }

    /// What to take from which part so that every scenario comes once, in order; and what is missing. Parts of different
    /// splits may overlap: they say the same.
    pub(crate) fn cover(&self, scenarios: u32) -> Result<(Vec<Piece>, Vec<Range<u32>>), Failure> {
        let (mut cover, mut missing, mut at) = (Vec::new(), Vec::new(), 0);
        for part in self.list()? {
            if part.end <= at || part.end > scenarios || !self.is_done(&part)? {
                continue;
            }
            if part.start > at {
                missing.push(at..part.start);
            }
            cover.push((part.clone(), at.max(part.start)..part.end));
            at = part.end;
        }
        if at < scenarios {
            missing.push(at..scenarios);
        }
        Ok((cover, missing))
    }

    /// Ranges of all folders that look like parts, by start.
    fn list(&self) -> Result<Vec<Range<u32>>, Failure> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Failure::environment(self.folder.display(), e)),
        };
        let mut ranges = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| Failure::environment(self.folder.display(), e))?;
            let name = entry.file_name().into_string().unwrap_or_default();
            let range = name.split_once('-').and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
            ranges.extend(range);
        }
        ranges.sort_by_key(|r: &Range<u32>| (r.start, r.end));
        Ok(ranges)
    }
}
