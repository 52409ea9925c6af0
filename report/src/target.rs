//! Where output goes: a regular file is written under a temporary name and renamed, anything else is written directly.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

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

/// A file in the making. Until [`commit`](Self::commit) nothing is there under its name, and if it is dropped before,
/// nothing stays. A device or a pipe is written as it comes.
///
/// ```
/// use std::io::Write;
/// use umbra_report::Target;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("answer.json");
/// let mut target = Target::create(&path)?;
/// target.write_all(b"{}\n")?;
/// assert!(!path.exists());
/// target.commit()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "{}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Renamed(BufWriter<NamedTempFile>),
    Direct(BufWriter<File>),
}

impl Target {
    /// Opens a target.
    ///
    /// # Errors
    /// [`WriteError`] if its folder does not exist or may not be written.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let sink = match std::fs::metadata(path) {
            Ok(there) if !there.is_file() => File::create(path).map(|f| Sink::Direct(BufWriter::new(f))),
            _ => temporary_beside(path).map(|f| Sink::Renamed(BufWriter::new(f))),
        };
        Ok(Self { path: path.to_owned(), sink: sink.map_err(WriteError::at(path))? })
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// [`WriteError`] if the last bytes cannot be written or the file cannot be renamed.
    pub fn commit(self) -> Result<(), WriteError> {
        let path = self.path;
        let done = match self.sink {
            Sink::Direct(mut file) => file.flush(),
            Sink::Renamed(file) => file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|f| f.persist(&path).map(drop).map_err(|e| e.error)),
        };
        done.map_err(WriteError::at(&path))
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Renamed(file) => file.write(bytes),
            Sink::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Renamed(file) => file.flush(),
            Sink::Direct(file) => file.flush(),
        }
    }
}

/// Writes a whole file through a [`Target`].
///
/// # Errors
/// [`WriteError`] names the file.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut target = Target::create(path)?;
    target.write_all(bytes).map_err(WriteError::at(path))?;
    target.commit()
}

fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".umbra-").suffix(".tmp");
    shared(&mut builder);
    builder.tempfile_in(folder)
}

/// Lets a temporary file have the permissions of an ordinary one, less the user's mask.
#[cfg(unix)]
fn shared(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn shared(_: &mut tempfile::Builder<'_, '_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_target_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        write_file(&path, b"old").unwrap();
        let mut target = Target::create(&path).unwrap();
        target.write_all(b"half").unwrap();
        drop(target);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_absent_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("absent/a.csv");
        let error = write_file(&path, b"").unwrap_err();
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_directly() {
        write_file(Path::new("/dev/null"), b"nothing").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_the_mask_allows() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (ours, plain) = (dir.path().join("ours"), dir.path().join("plain"));
        write_file(&ours, b"").unwrap();
        std::fs::write(&plain, b"").unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
