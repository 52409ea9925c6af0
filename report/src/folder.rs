//! Result folders: Parquet tables and `summary.json`, all or nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::digest::{TableDigest, hex};
use crate::parquet_out::ParquetWriter;
use crate::schema::TableSpec;
use crate::summary::Summary;
use crate::table::Table;

const SUMMARY: &str = "summary.json";

/// A target that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{target}: {source}")]
pub struct WriteError {
    /// The file or folder as it was given.
    pub target: String,
    /// What went wrong.
    #[source]
    pub source: io::Error,
}

impl WriteError {
    /// An error about `target`.
    pub(crate) fn at(target: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { target: target.display().to_string(), source }
    }
}

/// A result folder in the making. Tables are staged in a hidden folder inside it; [`commit`](Self::commit) gives them
/// their names, `summary.json` last: a folder with a summary is whole. A folder that is dropped before is as it was, and
/// gone if it was not there.
///
/// Tables of an earlier result are replaced by those of the same name; other files stay.
pub struct ResultFolder {
    // Fields are dropped in order: open files, the staging folder, then what this made around it.
    tables: BTreeMap<&'static str, Staged>,
    staging: TempDir,
    made: Made,
    path: PathBuf,
}

enum Staged {
    Open(Box<ParquetWriter<BufWriter<fs::File>>>, TableDigest),
    Done { rows: u64, digest: String },
}

impl ResultFolder {
    /// Begins a result at `path`, which is created with its parents if it is not there.
    ///
    /// # Errors
    /// [`WriteError`] if it is something else than a folder or may not be written.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let made = Made::create(path).map_err(WriteError::at(path))?;
        let staging = tempfile::Builder::new().prefix(".umbra-").tempdir_in(path);
        let staging = staging.map_err(WriteError::at(path))?;
        Ok(Self { tables: BTreeMap::new(), staging, made, path: path.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The hidden folder that holds everything until [`commit`](Self::commit): what a process that is told to end at
    /// once has to remove.
    pub fn staging(&self) -> &Path {
        self.staging.path()
    }

    /// Adds rows to the table of their declaration: once with a whole table, or again and again with parts. A table of
    /// no rows is written too and keeps its columns.
    ///
    /// # Errors
    /// [`WriteError`] names the table's file.
    pub fn write(&mut self, part: &Table) -> Result<(), WriteError> {
        let spec = part.spec();
        let target = self.path.join(file_name(spec.name));
        let staged = match self.tables.entry(spec.name) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(open(self.staging.path(), spec).map_err(WriteError::at(&target))?)
            }
        };
        let Staged::Open(writer, digest) = staged else { unreachable!("tables are closed by commit alone") };
        digest.update(part);
        writer.write(part).map_err(WriteError::at(&target))
    }

    /// Ends the tables, completes the summary with their row counts and the result digest, and puts everything in place.
    ///
    /// # Errors
    /// [`WriteError`] names the file. Until the first rename nothing has changed in the folder.
    pub fn commit(mut self, mut summary: Summary) -> Result<Summary, WriteError> {
        self.finish_tables()?;
        summary.tables = self.rows();
        summary.result_digest = self.digest();
        let staged = self.staging.path().join(SUMMARY);
        fs::write(&staged, summary.to_json()).map_err(WriteError::at(&self.path.join(SUMMARY)))?;
        self.publish()?;
        self.made.keep();
        Ok(summary)
    }

    fn finish_tables(&mut self) -> Result<(), WriteError> {
        for (name, staged) in &mut self.tables {
            let digested = match staged {
                Staged::Open(_, digest) => digest.clone(),
                Staged::Done { .. } => continue,
            };
            let done = Staged::Done { rows: digested.rows(), digest: digested.finish() };
            let Staged::Open(writer, _) = std::mem::replace(staged, done) else { continue };
            let ended = writer.finish().and_then(|mut file| file.flush());
            ended.map_err(WriteError::at(&self.path.join(file_name(name))))?;
        }
        Ok(())
    }

    fn publish(&self) -> Result<(), WriteError> {
        // Without its summary the old result is marked as incomplete while tables are exchanged.
        match fs::remove_file(self.path.join(SUMMARY)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(WriteError::at(&self.path.join(SUMMARY))(e));
            }
            _ => {}
        }
        let names = self.tables.keys().map(|name| file_name(name));
        for file in names.chain([SUMMARY.to_owned()]) {
            let target = self.path.join(&file);
            fs::rename(self.staging.path().join(&file), &target).map_err(WriteError::at(&target))?;
        }
        Ok(())
    }

    fn rows(&self) -> BTreeMap<String, u64> {
        let rows = |staged: &Staged| match staged {
            Staged::Done { rows, .. } => *rows,
            Staged::Open(_, digest) => digest.rows(),
        };
        self.tables.iter().map(|(name, staged)| ((*name).to_owned(), rows(staged))).collect()
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, staged) in &self.tables {
            if let Staged::Done { digest, .. } = staged {
                hash.update(format!("{name} {digest}\n"));
            }
        }
        hex(&hash.finalize())
    }
}

fn file_name(table: &str) -> String {
    format!("{table}.parquet")
}

fn open(staging: &Path, spec: &'static TableSpec) -> io::Result<Staged> {
    let file = fs::File::create(staging.join(file_name(spec.name)))?;
    let writer = ParquetWriter::new(BufWriter::new(file), spec);
    Ok(Staged::Open(Box::new(writer), TableDigest::new(spec)))
}

/// The folders that were made for a result, innermost first: removed again unless kept.
struct Made(Vec<PathBuf>);

impl Made {
    fn create(path: &Path) -> io::Result<Self> {
        let absent = |p: &&Path| !p.as_os_str().is_empty() && !p.exists();
        let made = Self(path.ancestors().take_while(absent).map(Path::to_owned).collect());
        fs::create_dir_all(path)?;
        if path.is_dir() { Ok(made) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    fn keep(&mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for folder in &self.0 {
            let _ = fs::remove_dir(folder); // somebody else's files in it keep it: that is right
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParquetFile, schema};

    fn worst(rows: std::ops::Range<u32>) -> Table {
        let mut table = Table::new(&schema::WORST);
        for arc in rows {
            table.row().set("arc", arc).set("rank", 1u8).set("scenario", 0u32).set("util", 0.5).end();
        }
        table
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_result_replaces_its_tables_and_leaves_other_files() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        fs::write(dir.path().join("worst.parquet"), "old").unwrap();
        let mut folder = ResultFolder::create(dir.path()).unwrap();
        folder.write(&worst(0..2)).unwrap();
        folder.write(&worst(2..5)).unwrap();
        folder.write(&Table::new(&schema::ARCS)).unwrap();
        assert_eq!(fs::read(dir.path().join("worst.parquet")).unwrap(), b"old");
        let summary = folder.commit(Summary::new("whatif", 7)).unwrap();
        assert_eq!(names(dir.path()), ["arcs.parquet", "notes.txt", "summary.json", "worst.parquet"]);
        assert_eq!(summary.tables["worst"], 5);
        let read = |name: &str| ParquetFile::open(&dir.path().join(name)).unwrap();
        assert_eq!(read("worst.parquet").table(&schema::WORST).unwrap(), worst(0..5));
        assert!(read("arcs.parquet").table(&schema::ARCS).unwrap().is_empty());
    }

    #[test]
    fn a_dropped_result_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/deep");
        let mut folder = ResultFolder::create(&path).unwrap();
        folder.write(&worst(0..2)).unwrap();
        drop(folder);
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn the_result_digest_depends_on_rows_alone() {
        let digest = |parts: &[(u32, u32)]| {
            let dir = tempfile::tempdir().unwrap();
            let mut folder = ResultFolder::create(&dir.path().join("r")).unwrap();
            parts.iter().for_each(|&(from, to)| folder.write(&worst(from..to)).unwrap());
            folder.commit(Summary::new("whatif", 7)).unwrap().result_digest
        };
        assert_eq!(digest(&[(0, 4)]), digest(&[(0, 1), (1, 4)]));
        assert_ne!(digest(&[(0, 4)]), digest(&[(0, 3)]));
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "here").unwrap();
        assert!(ResultFolder::create(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"here");
    }
}
