//! Namespaces that go away with the test, and a follower that the test drives.

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use twin::TwinDelta;
use umbra_topology_sync::follow::Follower;
use umbra_topology_sync::journal::{Reader, Writer};
use umbra_topology_sync::source::live::{Config, Recorder, Session, replay, start};

/// Whether this test can run; says why not.
pub(crate) fn can_run(tools: &[&str]) -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
    let missing: Vec<_> = tools
        .iter()
        .filter(|tool| {
            !Command::new("sh")
                .args(["-c", &format!("command -v {tool}")])
                .output()
                .is_ok_and(|o| o.status.success())
        })
        .collect();
    if !root || !missing.is_empty() {
        eprintln!("SKIPPED: root {}, missing {missing:?}", if root { "yes" } else { "no" });
    }
    root && missing.is_empty()
}

/// A namespace that goes away with the test.
pub(crate) struct Netns(pub(crate) String);

impl Netns {
    pub(crate) fn new(name: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        // Tests run beside each other.
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("umbra-t-{}-{number}-{name}", std::process::id());
        sh(&format!("ip netns add {name} && ip -n {name} link set lo up"));
        Self(name)
    }
    /// Runs `ip` in it.
    pub(crate) fn ip(&self, words: &str) {
        sh(&format!("ip -n {} {words}", self.0));
    }
    /// Runs a command in it.
    pub(crate) fn exec(&self, command: &str) {
        sh(&format!("ip netns exec {} {command}", self.0));
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Runs a command that must succeed.
pub(crate) fn sh(command: &str) {
    let output = Command::new("sh").args(["-c", command]).output().expect("sh runs");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A follower of a configuration, driven by the test.
pub(crate) struct Watch {
    runtime: tokio::runtime::Runtime,
    session: Session,
    recorder: Recorder<Vec<u8>>,
    pub(crate) deltas: Vec<TwinDelta>,
}

impl Watch {
    pub(crate) fn start(config: &str) -> Self {
        let config = Config::parse("test", config).expect("a configuration");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let session = Session::default();
        let specs: Vec<_> = config.sources().into_iter().map(|(spec, _)| spec).collect();
        let journal = Writer::begin(Vec::new()).expect("memory");
        let recorder = Recorder::begin(Some(journal), Follower::new("test"), &specs).expect("memory");
        let enter = runtime.enter();
        for (number, (_, reach)) in (0..).zip(config.sources()) {
            start(reach, session.outlet(number));
        }
        drop(enter);
        Self { runtime, session, recorder, deltas: Vec::new() }
    }

    /// Follows until something is so of the follower, at most so long; whether it came to be so.
    pub(crate) fn until(&mut self, longest: Duration, so: impl Fn(&Follower) -> bool) -> bool {
        let Self { runtime, session, recorder, deltas, .. } = self;
        let came = || io::Error::from(io::ErrorKind::Interrupted);
        let result = runtime.block_on(async {
            let until = tokio::time::Instant::now() + longest;
            session
                .follow(recorder, Some(until), |recorder, delta| {
                    deltas.extend(delta);
                    if so(recorder.follower()) { Err(came()) } else { Ok(()) }
                })
                .await
        });
        result.is_err_and(|e| e.kind() == io::ErrorKind::Interrupted)
    }

    /// Follows until nothing has changed for so long.
    pub(crate) fn settle(&mut self, quiet: Duration) {
        loop {
            let before = self.deltas.len();
            self.until(quiet, |_| false);
            if self.deltas.len() == before {
                return;
            }
        }
    }

    pub(crate) fn follower(&self) -> &Follower {
        self.recorder.follower()
    }

    /// Ends the sources and gives the journal.
    pub(crate) fn end(self) -> (Vec<u8>, Vec<TwinDelta>) {
        let Self { recorder, deltas, .. } = self;
        (recorder.into_journal().expect("a journal"), deltas)
    }
}

/// The deltas of a journal.
pub(crate) fn replayed(journal: &[u8]) -> Vec<TwinDelta> {
    let mut deltas = Vec::new();
    let mut reader = Reader::open("journal", journal).expect("a journal");
    let mut follower = Follower::new("journal");
    let torn = replay(&mut reader, &mut follower, |delta| deltas.push(delta)).expect("records");
    assert_eq!(torn, None);
    deltas
}

/// Deltas as they are printed.
pub(crate) fn lines(deltas: &[TwinDelta]) -> Vec<String> {
    deltas.iter().map(|d| serde_json::to_string(d).expect("JSON")).collect()
}
