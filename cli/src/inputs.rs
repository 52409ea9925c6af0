//! The digest of a command's input files.

use std::fs;
use std::path::{Path, PathBuf};

use report::InputDigest;
use topology_sync::source::files;
use twin::InputError;

/// SHA-256 over the contents of files, in the order given; of a folder all files below it count, by name.
pub(crate) fn digest<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<String, InputError> {
    let mut digest = InputDigest::default();
    for path in paths {
        for file in files_of(path) {
            digest.add(&files::read(&file)?);
        }
    }
    Ok(digest.finish())
}

/// The file itself, or the files of a folder; what cannot be listed has been reported by its reader.
pub(crate) fn files_of(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else { return vec![path.to_owned()] };
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    paths.iter().flat_map(|path| files_of(path)).collect()
}
