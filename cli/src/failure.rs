//! Exit codes, and what ends a command early.

use std::fmt;
use std::io;
use std::path::Path;

use twin::InputError;

/// Done.
pub(crate) const DONE: u8 = 0;
/// Done, with a finding.
const FINDING: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
const INPUT: u8 = 3;
const PARTIAL: u8 = 4;
const ENVIRONMENT: u8 = 5;
/// Interrupted by a signal.
pub(crate) const INTERRUPTED: u8 = 130;

/// How a command ended that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All done.
    Done,
    /// All done, and something was found that the caller should look at.
    Finding,
    /// Not all is there yet; the rest may be done and the command run again.
    Partial,
}

impl Outcome {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => DONE,
            Self::Finding => FINDING,
            Self::Partial => PARTIAL,
        }
    }
}

/// Why a command did not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something impossible.
    Usage(String),
    /// An input is invalid, absent or unreadable.
    Input(InputError),
    /// The machine refuses: disk full, permission, internal.
    Environment(String),
    /// The reader of stdout is gone: nothing more to say.
    ClosedPipe,
}

impl Failure {
    /// A failure of the machine, with its cause.
    pub(crate) fn environment(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::Environment(format!("{what}: {cause}"))
    }

    /// A word of the command line that means nothing, also where only the network says so: the network is valid, the
    /// command line is not.
    pub(crate) fn word(unknown: impl fmt::Display) -> Self {
        Self::Usage(unknown.to_string())
    }

    /// A failure to write the target `path`.
    pub(crate) fn target(path: &Path, cause: impl fmt::Display) -> Self {
        Self::environment(format!("cannot write {}", path.display()), cause)
    }

    /// A failure to write to stdout.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::environment("cannot write to stdout", error),
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Input(_) => INPUT,
            Self::Environment(_) => ENVIRONMENT,
            Self::ClosedPipe => DONE,
        }
    }

    /// Says on stderr what went wrong.
    pub(crate) fn report(&self) {
        match self {
            Self::Usage(what) | Self::Environment(what) => eprintln!("error: {what}"),
            Self::Input(error) => eprintln!("error: {error}"),
            Self::ClosedPipe => {}
        }
    }
}

impl From<report::WriteError> for Failure {
    fn from(error: report::WriteError) -> Self {
        Self::environment(format!("cannot write {}", error.target), error.source)
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}
