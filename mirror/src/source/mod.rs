//! Where captures come from. The only place of this crate that opens files.

use std::fs::File;
use std::path::Path;

use twin::{InputError, Place};

use crate::capture::Capture;

/// Opens a capture file; the name in messages is the path as given.
///
/// Both capture formats are read under either suffix: `tcpdump -w x.pcap` writes pcapng on some systems.
///
/// # Errors
/// A file that cannot be opened, or that is not a capture (see [`Capture::new`]).
pub fn open(path: &Path) -> Result<Capture<File>, InputError> {
    let name = path.display().to_string();
    let unreadable = |what: String| InputError::new(&name, Place::Whole, what, "a readable capture file");
    let file = File::open(path).map_err(|e| unreadable(format!("cannot be opened: {e}")))?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(unreadable("a folder".into()));
    }
    Capture::new(&name, file)
}
