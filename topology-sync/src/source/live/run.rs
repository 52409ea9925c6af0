//! Following: sources, journal and follower put together.

use std::io::{self, Read, Write};
use std::time::Duration;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep_until};
use twin::{InputError, TwinDelta, WallTime};

use super::outlet::{Outlet, now};
use crate::follow::{Follower, Spec};
use crate::journal::{Kind, Reader, Record, Writer};

/// Records that wait for the follower. A source waits while there are more.
const WAITING: usize = 1024;
/// Records that are taken at most before it is seen what they change.
const AT_ONCE: usize = 4096;

/// Appends records to the journal and follows them: the only way by which a live record reaches the follower.
pub struct Recorder<W> {
    journal: Option<Writer<W>>,
    follower: Follower,
    last: WallTime,
}

impl<W: Write> Recorder<W> {
    /// A recorder that begins a session.
    ///
    /// # Errors
    /// A journal that cannot be written.
    pub fn begin(journal: Option<Writer<W>>, follower: Follower, specs: &[Spec]) -> io::Result<Self> {
        let last = follower.settled();
        let mut recorder = Self { journal, follower, last };
        let bytes = serde_json::to_vec(specs)?;
        recorder.record(Record { at: now(), source: 0, kind: Kind::Sources, bytes })?;
        Ok(recorder)
    }

    /// Appends a record and follows it. Stamps rise strictly, so that of two words on one thing the later one stands.
    ///
    /// # Errors
    /// A journal that cannot be written.
    pub fn record(&mut self, mut record: Record) -> io::Result<Option<TwinDelta>> {
        record.at = record.at.max(WallTime::from_ns(self.last.as_ns().saturating_add(1)));
        self.last = record.at;
        if let Some(journal) = &mut self.journal {
            journal.append(&record)?;
        }
        self.follower.take(&record).map_err(|e| io::Error::other(e.to_string()))
    }

    /// What has changed by now.
    ///
    /// # Errors
    /// A journal that cannot be written.
    pub fn tick(&mut self) -> io::Result<Option<TwinDelta>> {
        self.record(Record { at: now(), source: 0, kind: Kind::Tick, bytes: Vec::new() })
    }

    /// The follower.
    pub fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Ends the session and gives back where the journal was written.
    pub fn into_journal(self) -> Option<W> {
        self.journal.map(Writer::into_inner)
    }

    /// How long the journal is.
    pub fn offset(&self) -> u64 {
        self.journal.as_ref().map_or(0, Writer::offset)
    }
}

/// Replays a journal: the same records through the same follower. Returns what is wrong with its end, if anything is.
///
/// # Errors
/// A journal that cannot be read, or that no recorder wrote.
pub fn replay<R: Read>(
    reader: &mut Reader<R>,
    follower: &mut Follower,
    mut tell: impl FnMut(TwinDelta),
) -> Result<Option<&'static str>, InputError> {
    for record in reader.by_ref() {
        if let Some(delta) = follower.take(&record?)? {
            tell(delta);
        }
    }
    Ok(reader.torn())
}

/// Where sources hand over, and where their records are taken.
pub struct Session {
    records: Receiver<Record>,
    sender: Sender<Record>,
}

impl Default for Session {
    fn default() -> Self {
        let (sender, records) = mpsc::channel(WAITING);
        Self { records, sender }
    }
}

impl Session {
    /// The outlet of a source.
    pub fn outlet(&self, source: u16) -> Outlet {
        Outlet::new(source, self.sender.clone())
    }

    /// Follows until an instant, or for ever. After each tick `tell` is given the delta, if there is one, and may end it.
    ///
    /// # Errors
    /// A journal that cannot be written, or an error of `tell`.
    pub async fn follow<W: Write>(
        &mut self,
        recorder: &mut Recorder<W>,
        until: Option<Instant>,
        mut tell: impl FnMut(&mut Recorder<W>, Option<TwinDelta>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut batch = Vec::new();
        let mut taken = 0;
        loop {
            tokio::select! {
                biased;
                () = at(until) => return Ok(()),
                _ = self.records.recv_many(&mut batch, 64) => {}
                () = at(Some(next_look(recorder.follower()))) => {}
            }
            taken += batch.len();
            for record in batch.drain(..) {
                recorder.record(record)?;
            }
            if self.records.is_empty() || taken >= AT_ONCE {
                taken = 0;
                let delta = recorder.tick()?;
                tell(recorder, delta)?;
            }
        }
    }
}

/// When to look although nothing arrives: when something lapses, and once a second for the sake of sources that are lost.
fn next_look(follower: &Follower) -> Instant {
    let wait = follower.next_lapse().map_or(i64::MAX, |lapse| lapse.as_ns().saturating_sub(now().as_ns()));
    let wait = Duration::from_nanos(u64::try_from(wait).unwrap_or_default());
    Instant::now() + wait.min(Duration::from_secs(1))
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
