//! Where a source hands over what it receives.

use std::future::Future;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Sender;
use twin::WallTime;

use crate::follow::Mark;
use crate::journal::{Kind, Record};

/// The first wait of a source that was lost.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// One source's way to the journal.
#[derive(Clone)]
pub struct Outlet {
    source: u16,
    records: Sender<Record>,
}

/// The clock of this machine.
pub fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_ns(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

impl Outlet {
    /// The outlet of a source by its number.
    pub fn new(source: u16, records: Sender<Record>) -> Self {
        Self { source, records }
    }

    /// Hands over bytes that have arrived now.
    pub async fn data(&self, bytes: Vec<u8>) {
        self.send(Kind::Data, bytes).await;
    }

    /// Hands over what a tool printed that was begun at an instant.
    pub async fn dump(&self, name: &str, began: WallTime, content: &[u8]) {
        self.data([name.as_bytes(), &[0], &began.as_ns().to_le_bytes(), content].concat()).await;
    }

    /// Hands over what became of the source.
    pub async fn mark(&self, mark: &Mark) {
        // A mark is plain data, which is always JSON.
        self.send(Kind::Mark, serde_json::to_vec(mark).unwrap_or_default()).await;
    }

    async fn send(&self, kind: Kind, bytes: Vec<u8>) {
        let record = Record { at: now(), source: self.source, kind, bytes };
        // Where nobody follows any more, the task is about to be ended.
        let _ = self.records.send(record).await;
    }

    /// [`Outlet::data`] of a thread that may wait. Whether anybody wanted it.
    pub(super) fn data_waiting(&self, bytes: Vec<u8>) -> bool {
        self.send_waiting(Kind::Data, bytes)
    }

    /// [`Outlet::mark`] of a thread that may wait. Whether anybody wanted it.
    pub(super) fn mark_waiting(&self, mark: &Mark) -> bool {
        self.send_waiting(Kind::Mark, serde_json::to_vec(mark).unwrap_or_default())
    }

    fn send_waiting(&self, kind: Kind, bytes: Vec<u8>) -> bool {
        let record = Record { at: now(), source: self.source, kind, bytes };
        self.records.blocking_send(record).is_ok()
    }

    /// Whether nobody follows any more.
    pub(super) fn is_closed(&self) -> bool {
        self.records.is_closed()
    }

    /// Lets a thread wait; it goes on when nobody follows any more.
    pub(super) fn wait(&self, span: Duration) {
        const LOOK: Duration = Duration::from_millis(100);
        let end = std::time::Instant::now() + span;
        while !self.is_closed() {
            let left = end.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    /// Keeps a source going: after each loss it says so, waits, and begins again. The wait doubles up to half a minute,
    /// and is short again after a conversation that lasted longer than that.
    pub async fn keep<F, C>(self, mut converse: F)
    where
        F: FnMut(Outlet) -> C,
        C: Future<Output = io::Result<()>>,
    {
        let mut wait = FIRST_WAIT;
        loop {
            let began = tokio::time::Instant::now();
            let reason = match converse(self.clone()).await {
                Ok(()) => "it ended".to_owned(),
                Err(e) => e.to_string(),
            };
            self.mark(&Mark::Down { reason }).await;
            if began.elapsed() > LONGEST_WAIT {
                wait = FIRST_WAIT;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}
