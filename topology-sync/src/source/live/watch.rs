//! A watch: sources, journal, follower, and what is written of it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use twin::{InputError, Snapshot, TwinDelta};

use super::config::{Config, seconds};
use super::disk::{Opened, open, write_whole};
use super::lines::write_delta;
use super::run::{Recorder, Session};
use super::start::start;
use crate::follow::{Follower, Health, State};

/// What to watch, and where to write.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The sources.
    pub config: Config,
    /// Where what they receive is appended; kept nowhere if absent.
    pub journal: Option<PathBuf>,
    /// How long; for ever if absent.
    pub span: Option<Duration>,
}

/// What the user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A source is heard again.
    News(String),
    /// A source is lost, or what an earlier watch left is broken.
    Trouble(String),
}

/// Why a watch ended early.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The journal or the state is something else, or may not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Who reads the deltas does not any more.
    #[error("the deltas cannot be written: {0}")]
    Stdout(io::Error),
    /// Something cannot be written.
    #[error("{what}: {error}")]
    Output {
        /// What.
        what: String,
        /// Why not.
        error: io::Error,
    },
}

impl Watch {
    /// Watches. Each delta is a line on `out`.
    ///
    /// # Errors
    /// [`WatchError`]; sources that cannot be reached are none: they are tried again.
    pub fn run(self, out: &mut dyn Write, note: &mut dyn FnMut(Note)) -> Result<(), WatchError> {
        let Opened { follower, journal, notes } =
            open(self.journal.as_deref(), self.config.checkpoint.as_deref())?;
        notes.into_iter().map(Note::Trouble).for_each(&mut *note);
        let (specs, reaches): (Vec<_>, Vec<_>) = self.config.sources().into_iter().unzip();
        let name = self.journal.as_ref().map_or("the follower".into(), |p| p.display().to_string());
        let failed = |error| WatchError::Output { what: name.clone(), error };
        let mut recorder = Recorder::begin(journal, follower, &specs).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut session = Session::default();
        let entered = runtime.enter();
        for (number, reach) in (0u16..).zip(reaches) {
            start(reach, session.outlet(number));
        }
        drop(entered);
        let mut told = Told::new(&self.config);
        let mut failure = None;
        let result = runtime.block_on(async {
            let until = self.span.map(|span| tokio::time::Instant::now() + span);
            let tell = |recorder: &mut Recorder<_>, delta: Option<TwinDelta>| {
                told.health(recorder.follower(), note);
                told.delta(delta.as_ref(), out).and_then(|()| told.files(recorder, false)).map_err(|e| {
                    failure = Some(e);
                    io::Error::from(io::ErrorKind::Other)
                })
            };
            session.follow(&mut recorder, until, tell).await
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        result.map_err(failed)?;
        told.files(&mut recorder, true)
    }
}

/// What was told, and when.
struct Told {
    config: Config,
    health: Vec<Health>,
    /// When the twin and the state were last written, and how long that took.
    twin: Option<(Instant, Duration)>,
    state: Instant,
    changed: bool,
}

impl Told {
    fn new(config: &Config) -> Self {
        Self { config: config.clone(), health: Vec::new(), twin: None, state: Instant::now(), changed: true }
    }

    fn health(&mut self, follower: &Follower, note: &mut dyn FnMut(Note)) {
        for (i, health) in follower.health().iter().enumerate() {
            let known = self.health.get(i);
            if known.is_some_and(|k| (k.state, &k.reason) == (health.state, &health.reason)) {
                continue;
            }
            // The twin on disk says which sources are stale.
            self.changed = true;
            match health.state {
                State::Fresh => note(Note::News(format!("{} is fresh", health.name))),
                // That a source has not been heard before it was tried is no news.
                _ if health.is_untried() => {}
                state => {
                    note(Note::Trouble(format!("{} is {}: {}", health.name, state.word(), health.reason)))
                }
            }
        }
        self.health = follower.health().to_vec();
    }

    fn delta(&mut self, delta: Option<&TwinDelta>, out: &mut dyn Write) -> Result<(), WatchError> {
        let Some(delta) = delta else { return Ok(()) };
        self.changed = true;
        write_delta(delta, out).map_err(WatchError::Stdout)
    }

    /// Writes the twin where it has changed, at most once a second and never for more than a twentieth of the time; and
    /// the state where it is due. `last` is for the end.
    fn files<W: Write>(&mut self, recorder: &mut Recorder<W>, last: bool) -> Result<(), WatchError> {
        let rested = |at: Instant, took: Duration| at.elapsed() >= (took * 20).max(Duration::from_secs(1));
        let due = self.changed && (last || self.twin.is_none_or(|(at, took)| rested(at, took)));
        if let Some(path) = self.config.snapshot.as_ref().filter(|_| due) {
            let began = Instant::now();
            let follower = recorder.follower();
            let snapshot = Snapshot {
                twin: follower.twin().clone(),
                diagnostics: follower.diagnostics(),
                ..Snapshot::default()
            };
            write(path, &snapshot.to_json())?;
            self.twin = Some((Instant::now(), began.elapsed()));
            self.changed = false;
        }
        let due = last || self.state.elapsed() >= seconds(self.config.checkpoint_every_s);
        if let Some(path) = self.config.checkpoint.as_ref().filter(|_| due)
            && let Some(checkpoint) = recorder.follower().checkpoint(recorder.offset())
        {
            write(path, &checkpoint.to_json())?;
            self.state = Instant::now();
        }
        Ok(())
    }
}

fn write(path: &std::path::Path, text: &str) -> Result<(), WatchError> {
    write_whole(path, text.as_bytes())
        .map_err(|error| WatchError::Output { what: path.display().to_string(), error })
}
