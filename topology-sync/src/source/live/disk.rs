//! Journal, state and twin on disk.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::run::replay;
use super::watch::WatchError;
use crate::follow::{Checkpoint, Follower};
use crate::journal::{Reader, Writer};
use crate::source::files;

/// A follower with its journal, as a watch goes on with them.
pub struct Opened {
    /// It knows everything up to the end of the journal.
    pub follower: Follower,
    /// The journal, at its end.
    pub journal: Option<Writer<File>>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Opens what an earlier watch left: the state, then the journal since. What is not there begins anew; what is broken at
/// the journal's end is cut off.
///
/// # Errors
/// [`WatchError`] for a state or a journal that is something else, or that may not be read or written.
pub fn open(journal: Option<&Path>, state: Option<&Path>) -> Result<Opened, WatchError> {
    let name = journal.map(|p| p.display().to_string()).unwrap_or_default();
    let mut notes = Vec::new();
    let (mut follower, offset) = match state.filter(|path| path.exists()) {
        Some(path) => {
            let text = String::from_utf8_lossy(&files::read(path)?).into_owned();
            let checkpoint = Checkpoint::from_json(&path.display().to_string(), &text)?;
            let offset = checkpoint.offset();
            (Follower::restore(&name, checkpoint), offset)
        }
        None => (Follower::new(&name), 0),
    };
    let journal = match journal {
        Some(path) => Some(go_on(path, &name, &mut follower, offset, &mut notes)?),
        None => None,
    };
    Ok(Opened { follower, journal, notes })
}

fn go_on(
    path: &Path,
    name: &str,
    follower: &mut Follower,
    offset: u64,
    notes: &mut Vec<String>,
) -> Result<Writer<File>, WatchError> {
    let refused = |error: io::Error| WatchError::Output { what: format!("the journal {name}"), error };
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(refused)?;
    let length = file.metadata().map_err(refused)?.len();
    if length == 0 {
        return Writer::begin(file).map_err(refused);
    }
    let mut reader = Reader::open(name, BufReader::new(&file))?;
    if offset > reader.offset() && offset <= length {
        drop(reader);
        file.seek(SeekFrom::Start(offset)).map_err(refused)?;
        reader = Reader::resume(name, BufReader::new(&file), offset);
    } else if offset > length {
        notes.push(format!("{name} is shorter than the state says; the state stands alone"));
        reader = Reader::resume(name, BufReader::new(&file), length);
    }
    // What the tail says was told by the watch that wrote it.
    if let Some(torn) = replay(&mut reader, follower, drop)? {
        notes.push(format!("{name}: {torn} at byte {}: cut off", reader.offset()));
    }
    let end = reader.offset();
    drop(reader);
    file.set_len(end).map_err(refused)?;
    file.seek(SeekFrom::Start(end)).map_err(refused)?;
    Ok(Writer::resume(file, end))
}

/// Writes a file that is there as a whole or not at all: under another name first, then renamed.
///
/// # Errors
/// What the file system says.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary: PathBuf = path.with_file_name(name);
    // A process that is killed loses nothing that was written; waiting for the disk would delay what is followed.
    let written = File::create(&temporary).and_then(|mut file| file.write_all(content));
    let result = written.and_then(|()| std::fs::rename(&temporary, path));
    if result.is_err() {
        // The first error is the one to tell.
        let _ = std::fs::remove_file(&temporary);
    }
    result
}
