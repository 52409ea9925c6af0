//! How a source is.

use serde::{Deserialize, Serialize};
use twin::{Diagnostic, WallTime};

use super::Mark;

/// After this long without a source what it said is worth little, in nanoseconds.
const LOST_AFTER_NS: i64 = 60_000_000_000;
/// The reason before a source was tried.
const UNTRIED: &str = "not heard yet";

/// How a source is, as far as its records tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The source's name.
    pub name: String,
    /// How it is.
    pub state: State,
    /// Since when.
    pub since: WallTime,
    /// When it was last heard.
    pub heard: Option<WallTime>,
    /// Why it is not fresh.
    pub reason: String,
}

/// What the words of a source are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is heard: what it said is so.
    Fresh,
    /// It is not heard: what it said was so when it was last heard.
    Stale,
    /// It has not been heard for a minute.
    Lost,
}

impl State {
    /// The word in logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Lost => "lost",
        }
    }
}

impl Health {
    pub(super) fn new(name: &str, at: WallTime) -> Self {
        let reason = UNTRIED.to_owned();
        Self { name: name.to_owned(), state: State::Stale, since: at, heard: None, reason }
    }

    /// Whether nothing is known of it yet, not even that it cannot be reached.
    pub fn is_untried(&self) -> bool {
        self.heard.is_none() && self.reason == UNTRIED
    }

    pub(super) fn heard(&mut self, at: WallTime) {
        self.heard = Some(at);
    }

    pub(super) fn mark(&mut self, at: WallTime, mark: &Mark) {
        match mark {
            Mark::Up if self.state != State::Fresh => {
                (self.state, self.since, self.reason) = (State::Fresh, at, String::new());
            }
            Mark::Down { reason } if self.state == State::Fresh => {
                (self.state, self.since, self.reason) = (State::Stale, at, reason.clone());
            }
            Mark::Down { reason } => self.reason.clone_from(reason),
            _ => {}
        }
    }

    pub(super) fn settle(&mut self, at: WallTime) {
        if self.state == State::Stale && at.as_ns().saturating_sub(self.since.as_ns()) >= LOST_AFTER_NS {
            self.state = State::Lost;
        }
    }

    /// A diagnostic for a source that is not fresh.
    pub(super) fn diagnostic(&self) -> Option<Diagnostic> {
        let heard = match self.heard {
            Some(at) => format!("last heard at {} ns", at.as_ns()),
            None => "never heard".to_owned(),
        };
        let message = format!(
            "{} is {} since {} ns: {}; {heard}",
            self.name,
            self.state.word(),
            self.since.as_ns(),
            self.reason
        );
        let code = format!("source-{}", self.state.word());
        (self.state != State::Fresh).then_some(Diagnostic { code, message, count: 1 })
    }
}
