//! Result folders and their tables.

use std::path::{Path, PathBuf};

use polars::prelude::{LazyFrame, PolarsError, PolarsResult};
use report::{Summary, TableSpec, schema};
use twin::{InputError, Place, nearest};

use crate::scan;

/// An open result folder.
#[derive(Clone, Debug)]
pub struct Results {
    dir: PathBuf,
    summary: Summary,
}

/// Opens a result folder: reads its `summary.json`, no table yet.
///
/// # Errors
/// [`InputError`] if there is no readable summary: the folder is no result, or an incomplete one.
pub fn open(dir: &Path) -> Result<Results, InputError> {
    let path = dir.join("summary.json");
    let expected = "the summary of a result folder";
    let bad = |place, what| InputError::new(&path.display().to_string(), place, what, expected);
    let text =
        std::fs::read_to_string(&path).map_err(|e| bad(Place::Whole, format!("cannot be read: {e}")))?;
    let summary = serde_json::from_str(&text)
        .map_err(|e| bad(Place::LineColumn(e.line() as u64, e.column() as u64), e.to_string()))?;
    Ok(Results { dir: dir.to_owned(), summary })
}

impl Results {
    /// Its summary: seed, digests, fidelity notes.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// A table as a lazy frame with the declared columns. The file is read when the frame is collected, and only the
    /// columns that the query needs.
    ///
    /// # Errors
    /// [`PolarsError::ComputeError`] if the result has no such table; it names those there are.
    pub fn table(&self, spec: &'static TableSpec) -> PolarsResult<LazyFrame> {
        let path = self.dir.join(format!("{}.parquet", spec.name));
        if !path.is_file() {
            return Err(self.absent(spec.name, self.names().map(|t| t.name)));
        }
        scan::parquet(path, spec)
    }

    /// A table by its name.
    ///
    /// # Errors
    /// As [`table`](Self::table), also for a name that no table has.
    pub fn named(&self, name: &str) -> PolarsResult<LazyFrame> {
        let spec = schema::table(name);
        self.table(spec.ok_or_else(|| self.absent(name, schema::TABLES.iter().map(|t| t.name)))?)
    }

    /// The declarations of the tables that are there.
    pub fn names(&self) -> impl Iterator<Item = &'static TableSpec> {
        let there = |t: &&'static TableSpec| self.dir.join(format!("{}.parquet", t.name)).is_file();
        schema::TABLES.iter().copied().filter(there)
    }

    fn absent<'a>(&self, name: &str, candidates: impl Iterator<Item = &'a str>) -> PolarsError {
        let near = nearest(name, candidates).map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
        let there: Vec<_> = self.names().map(|t| t.name).collect();
        let text = format!("{} has no table '{name}' but: {}{near}", self.dir.display(), there.join(", "));
        PolarsError::ComputeError(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::*;
    use report::{ResultFolder, Table};

    #[test]
    fn every_declared_table_keeps_its_columns_when_it_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = ResultFolder::create(dir.path()).unwrap();
        schema::TABLES.iter().for_each(|t| folder.write(&Table::new(t)).unwrap());
        folder.commit(Summary::new("demo", 3)).unwrap();
        let results = open(dir.path()).unwrap();
        assert_eq!(results.summary().seed, 3);
        for spec in results.names() {
            let frame = results.table(spec).unwrap().collect().unwrap();
            assert_eq!(frame.height(), 0);
            let names: Vec<_> = frame.get_column_names().iter().map(|n| n.to_string()).collect();
            assert!(names.iter().eq(spec.columns.iter().map(|c| c.name)), "{}: {names:?}", spec.name);
        }
    }

    #[test]
    fn values_of_every_type_come_through() {
        let dir = tempfile::tempdir().unwrap();
        let mut sets = Table::new(&schema::SETS);
        let member = report::Member { class: "link_loss".into(), a: "a".into(), b: None };
        let row = sets.row().set("case", 1u32).set("rank", 1u32).set("probability", 0.5);
        row.set("members", vec![member]).end();
        let mut counters = Table::new(&schema::COUNTERS);
        let row = counters.row().set("side", "shadow").set("bin", 0u32).set("arc", 1u32);
        row.set("errors", u64::MAX).set("discards", 0u64).end();
        let mut folder = ResultFolder::create(dir.path()).unwrap();
        folder.write(&sets).unwrap();
        folder.write(&counters).unwrap();
        folder.commit(Summary::new("demo", 0)).unwrap();
        let results = open(dir.path()).unwrap();
        let frame = results.table(&schema::COUNTERS).unwrap().collect().unwrap();
        assert_eq!(frame.column("errors").unwrap().u64().unwrap().get(0), Some(u64::MAX));
        assert_eq!(frame.column("rate_bps").unwrap().null_count(), 1);
        let frame = results.named("sets").unwrap().select([col("members")]).collect().unwrap();
        assert_eq!(frame.column("members").unwrap().list().unwrap().get_as_series(0).unwrap().len(), 1);
    }

    #[test]
    fn a_query_may_pick_columns_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut worst = Table::new(&schema::WORST);
        for arc in 0..4u32 {
            let row = worst.row().set("arc", arc).set("rank", arc as u8).set("scenario", 9u32);
            row.set("util", f64::from(arc) / 4.0).end();
        }
        let mut folder = ResultFolder::create(dir.path()).unwrap();
        folder.write(&worst).unwrap();
        folder.commit(Summary::new("whatif", 0)).unwrap();
        let table = open(dir.path()).unwrap().table(&schema::WORST).unwrap();
        let picked =
            table.filter(col("rank").gt(lit(1))).select([col("util"), col("arc")]).limit(1).collect();
        let picked = picked.unwrap();
        assert_eq!(picked.shape(), (1, 2));
        assert_eq!(picked.column("util").unwrap().f64().unwrap().get(0), Some(0.5));
        assert_eq!(picked.column("arc").unwrap().u32().unwrap().get(0), Some(2));
    }

    #[test]
    fn an_absent_table_is_named_with_those_that_are_there() {
        let dir = tempfile::tempdir().unwrap();
        assert!(open(dir.path()).unwrap_err().to_string().contains("summary.json"));
        let mut folder = ResultFolder::create(dir.path()).unwrap();
        folder.write(&Table::new(&schema::WORST)).unwrap();
        folder.commit(Summary::new("whatif", 0)).unwrap();
        let results = open(dir.path()).unwrap();
        let error = |r: PolarsResult<LazyFrame>| r.err().unwrap().to_string();
        assert!(error(results.table(&schema::ARCS)).contains("no table 'arcs' but: worst"));
        assert!(error(results.named("wurst")).ends_with("did you mean 'worst'?"));
    }
}
