//! Output files: written under a temporary name in the same folder, renamed when complete, removed when not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use report::{ResultFolder, Summary, Table};

use crate::failure::{Failure, INTERRUPTED};

/// Temporary files and folders that stand now; a signal removes them.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file being written. Dropped without [`finish`](Self::finish) it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct TargetFile {
    path: PathBuf,
    temporary: Option<PathBuf>,
    out: BufWriter<File>,
}

impl TargetFile {
    /// Begins to write `path`. A target that exists and is no regular file (a device, a pipe) is written directly.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let fail = |e: io::Error| Failure::target(path, e);
        let path = resolve(path).map_err(fail)?;
        if fs::metadata(&path).is_ok_and(|m| m.is_dir()) {
            return Err(Failure::Usage(format!("{} is a folder; expected a file", path.display())));
        }
        if fs::metadata(&path).is_ok_and(|m| !m.is_file()) {
            let file = OpenOptions::new().write(true).open(&path).map_err(fail)?;
            return Ok(Self { path, temporary: None, out: BufWriter::new(file) });
        }
        let temporary = temporary_beside(&path);
        unfinished().push(temporary.clone());
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => Ok(Self { path, temporary: Some(temporary), out: BufWriter::new(file) }),
            Err(e) => {
                unfinished().retain(|p| *p != temporary);
                Err(fail(e))
            }
        }
    }

    /// Completes the file: it appears under its name now, or not at all.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.settle()?;
        let Some(temporary) = self.temporary.clone() else { return Ok(()) };
        fs::rename(&temporary, &self.path).map_err(|e| self.failure(e))?;
        self.temporary = None;
        unfinished().retain(|p| *p != temporary);
        Ok(())
    }

    /// Brings what was written to the disk; only the name is missing then.
    fn settle(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|e| self.failure(e))?;
        match self.temporary {
            Some(_) => self.out.get_ref().sync_all().map_err(|e| self.failure(e)),
            None => Ok(()),
        }
    }

    fn failure(&self, error: io::Error) -> Failure {
        match (error.kind(), &self.temporary) {
            (io::ErrorKind::BrokenPipe, None) => Failure::ClosedPipe,
            _ => Failure::target(&self.path, error),
        }
    }
}

impl Write for TargetFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for TargetFile {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            let _ = fs::remove_file(&temporary);
            unfinished().retain(|p| *p != temporary);
        }
    }
}

/// A result folder in the making that a signal cleans up too.
pub(crate) struct TargetFolder {
    folder: ResultFolder,
    /// What a signal removes: the staging folder, and what was made for it.
    unfinished: Vec<PathBuf>,
}

impl TargetFolder {
    /// Begins a result at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        refuse_file(path)?;
        let made = topmost_missing(path);
        let folder = ResultFolder::create(path)?;
        let mine: Vec<_> = [folder.staging().to_owned()].into_iter().chain(made).collect();
        unfinished().extend(mine.iter().cloned());
        Ok(Self { folder, unfinished: mine })
    }

    /// Adds rows to a table.
    pub(crate) fn write(&mut self, table: &Table) -> Result<(), Failure> {
        Ok(self.folder.write(table)?)
    }

    /// Puts everything in place and completes the summary.
    pub(crate) fn commit(self, summary: Summary) -> Result<Summary, Failure> {
        let summary = self.folder.commit(summary)?;
        unfinished().retain(|p| !self.unfinished.contains(p));
        Ok(summary)
    }
}

/// Writes a whole file; with `dry_run` nothing is written.
pub(crate) fn write(path: &Path, bytes: &[u8], dry_run: bool) -> Result<(), Failure> {
    if dry_run {
        tracing::info!("would write {} bytes to {}", bytes.len(), path.display());
        return Ok(());
    }
    let mut target = TargetFile::create(path)?;
    target.write_all(bytes).map_err(|e| target.failure(e))?;
    target.finish()
}

/// Writes several files, `folder` being where some of them go: all of them appear, or none. With `dry_run` nothing is
/// written.
pub(crate) fn write_together(
    folder: Option<&Path>,
    files: &[(PathBuf, Vec<u8>)],
    dry_run: bool,
) -> Result<(), Failure> {
    if dry_run {
        return files.iter().try_for_each(|(path, bytes)| write(path, bytes, true));
    }
    let folder = folder.map(NewFolder::create).transpose()?;
    let mut targets = Vec::new();
    for (path, _) in files {
        targets.push(TargetFile::create(path)?);
    }
    for (target, (_, bytes)) in targets.iter_mut().zip(files) {
        target.write_all(bytes).map_err(|e| target.failure(e))?;
        target.settle()?;
    }
    targets.into_iter().try_for_each(TargetFile::finish)?;
    folder.into_iter().for_each(NewFolder::keep);
    Ok(())
}

/// A folder that goes away again, with those above it that were made for it, unless it is kept.
struct NewFolder {
    /// The topmost that was not there.
    made: Option<PathBuf>,
}

impl NewFolder {
    fn create(path: &Path) -> Result<Self, Failure> {
        let new = Self { made: topmost_missing(path) };
        unfinished().extend(new.made.clone());
        folder(path)?;
        Ok(new)
    }

    fn keep(mut self) {
        let made = self.made.take();
        unfinished().retain(|p| Some(p) != made.as_ref());
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        if let Some(made) = self.made.take() {
            let _ = fs::remove_dir_all(&made);
            unfinished().retain(|p| *p != made);
        }
    }
}

/// Of a folder and those above it the topmost that is not there.
fn topmost_missing(path: &Path) -> Option<PathBuf> {
    path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).last().map(Path::to_owned)
}

/// Makes a folder, and those above it, if it is not there.
pub(crate) fn folder(path: &Path) -> Result<(), Failure> {
    refuse_file(path)?;
    fs::create_dir_all(path).map_err(|e| Failure::target(path, e))
}

/// An error if a folder is to be written where a file stands.
fn refuse_file(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(Failure::target(path, "it is a file; expected a folder")),
        _ => Ok(()),
    }
}

/// On SIGINT, SIGTERM and SIGHUP removes what is unfinished and ends with the code for an interruption.
pub(crate) fn remove_unfinished_on_interrupt() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        for path in unfinished().drain(..) {
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
        eprintln!("interrupted");
        std::process::exit(i32::from(INTERRUPTED));
    })
    .map_err(|e| Failure::environment("cannot listen for signals", e))
}

fn unfinished() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The file behind a symbolic link, so that the link stays.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::symlink_metadata(path) {
        Ok(m) if m.is_symlink() && path.exists() => {
            // `/dev/stdout` of a pipe resolves to a name that does not exist: keep the link then.
            Ok(fs::canonicalize(path).ok().filter(|p| p.exists()).unwrap_or_else(|| path.to_owned()))
        }
        _ => Ok(path.to_owned()),
    }
}

fn temporary_beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_appears_complete_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.json");
        let mut abandoned = TargetFile::create(&path).unwrap();
        abandoned.write_all(b"half").unwrap();
        drop(abandoned);
        assert!(names(folder.path()).is_empty());
        write(&path, b"whole", false).unwrap();
        assert_eq!(names(folder.path()), ["net.json"]);
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        write(&path, b"again", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole", "a dry run writes nothing");
    }

    #[test]
    fn files_appear_together_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let tables = folder.path().join("new/tables");
        let file = |path: PathBuf| (path, b"x".to_vec());
        let impossible = folder.path().join("no/such/net.json");
        let files = [file(tables.join("a.csv")), file(impossible)];
        assert!(matches!(write_together(Some(&tables), &files, false), Err(Failure::Environment(_))));
        assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
        let files = [file(tables.join("a.csv")), file(folder.path().join("net.json"))];
        write_together(Some(&tables), &files, true).unwrap();
        assert!(names(folder.path()).is_empty(), "a dry run writes nothing");
        write_together(Some(&tables), &files, false).unwrap();
        assert_eq!((names(&tables), names(folder.path()).len()), (vec!["a.csv".to_owned()], 2));
        // What was there before stays.
        let files = [file(tables.join("b.csv")), file(tables.clone())];
        assert!(matches!(write_together(Some(&tables), &files, false), Err(Failure::Usage(_))));
        assert_eq!(names(&tables), ["a.csv"]);
    }

    #[test]
    fn a_folder_is_no_file_and_a_device_is_written_directly() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(write(folder.path(), b"x", false), Err(Failure::Usage(_))));
        write(Path::new("/dev/null"), b"x", false).unwrap();
        let missing = folder.path().join("no/such/net.json");
        assert!(matches!(write(&missing, b"x", false), Err(Failure::Environment(_))));
    }
}
