//! Journals: what live sources received, in the order in which it was taken.
//!
//! A live source interprets nothing. What it receives is appended here with the stamp of its arrival, and everything
//! after that ([`crate::follow`]) is a function of the records alone: following live and replaying a journal are one
//! piece of code over one list of records, so they say the same.
//!
//! A journal is a header line and records, each with its length and a checksum. A writer that is killed leaves at most one
//! broken record, at the end; what is whole counts, and the next writer cuts the rest off.
//!
//! ```
//! use twin::WallTime;
//! use umbra_topology_sync::journal::{Kind, Reader, Record, Writer};
//!
//! let mut file = Vec::new();
//! let mut writer = Writer::begin(&mut file)?;
//! let record = Record { at: WallTime::from_secs(7), source: 0, kind: Kind::Data, bytes: b"heard".to_vec() };
//! writer.append(&record)?;
//! let mut reader = Reader::open("j", file.as_slice())?;
//! assert_eq!(reader.next().transpose()?, Some(record));
//! assert!(reader.next().is_none() && reader.torn().is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod read;
mod record;
mod write;

pub use self::read::Reader;
pub use self::record::{Kind, MAX_BYTES, Record};
pub use self::write::Writer;

/// The first bytes of every journal; the number is the version of the form.
pub const HEADER: &[u8] = b"umbra-journal/1\n";
