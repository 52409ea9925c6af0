//! Recorded sources by their paths: folders of dumps and captures, as one store of observations.

use std::path::Path;

use twin::{Diagnostic, InputError, Place, Snapshot, WallTime};

use super::files;
use crate::fuse::Fusion;
use crate::observation::Observer;
use crate::store::Store;
use crate::{dump, wire};

/// What recorded sources say.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Their observations.
    pub store: Store,
    /// The latest instant of which they tell: the state then is asked for.
    pub until: WallTime,
    /// What the readers found odd.
    pub diagnostics: Vec<Diagnostic>,
}

impl Recorded {
    /// Reads folders whose direct sub-folders are nodes, and captures (`.pcap`, `.pcapng`). Dumps bear no time: they are
    /// taken to be of the last instant of the captures.
    ///
    /// # Errors
    /// [`InputError`] for a source that is missing or unreadable, a folder without any recording of a node, a file that
    /// is no capture, and a damage that ends a capture.
    pub fn read<P: AsRef<Path>>(sources: &[P]) -> Result<Self, InputError> {
        let mut recorded = Self::default();
        let mut sources: Vec<&Path> = sources.iter().map(AsRef::as_ref).collect();
        sources.sort(); // Their order says nothing.
        let (folders, captures): (Vec<_>, Vec<_>) = sources.into_iter().partition(|p| p.is_dir());
        for path in captures {
            recorded.add_capture(path)?;
        }
        recorded.until = recorded.store.latest();
        for path in folders {
            recorded.add_folder(path)?;
        }
        Ok(recorded)
    }

    fn add_capture(&mut self, path: &Path) -> Result<(), InputError> {
        let file = files::name(path);
        if !matches!(files::suffix(path).as_str(), "pcap" | "pcapng" | "cap") {
            let expected = "a folder of recorded nodes, or a capture (.pcap, .pcapng)";
            let what = if path.exists() { "a file of another kind" } else { "no such file or folder" };
            return Err(InputError::new(&file, Place::Whole, what, expected));
        }
        let bytes = files::read(path)?;
        let reading = wire::read_capture(&file, &bytes, &mut self.diagnostics)?;
        self.store.extend(reading.observations);
        reading.damage.map_or(Ok(()), Err)
    }

    fn add_folder(&mut self, path: &Path) -> Result<(), InputError> {
        let mut understood = 0;
        for node in files::recordings(path)? {
            self.store.add_observer(&Observer::node(&node.name));
            let (words, count) = dump::read_node(&node, self.until, &mut self.diagnostics);
            self.store.extend(words);
            understood += count;
        }
        if understood == 0 {
            let expected = "direct sub-folders with what the tools of one node each printed";
            return Err(InputError::new(
                &files::name(path),
                Place::Whole,
                "no recording of a node",
                expected,
            ));
        }
        Ok(())
    }

    /// The network at the latest instant.
    pub fn fuse(&self) -> Fusion {
        let mut fusion = Fusion::default();
        fusion.rebuild(&self.store, self.until);
        fusion
    }

    /// The network as a snapshot, with all diagnostics.
    pub fn snapshot(&self, fusion: &Fusion) -> Snapshot {
        let diagnostics = self.diagnostics.iter().cloned().chain(fusion.diagnostics()).collect();
        Snapshot { twin: fusion.twin().clone(), demands: None, diagnostics }
    }
}
