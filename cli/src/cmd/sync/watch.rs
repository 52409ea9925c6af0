//! `umbra sync watch`: what changes, while it changes.

use std::path::PathBuf;
use std::time::Duration;

use topology_sync::source::files;
use topology_sync::source::live::{Config, Note, Watch, WatchError};
use twin::{InputError, Place, SimDuration};

use crate::duration;
use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Follow the network live: a line of JSON for each change of the twin.
///
/// CONFIG.yaml says which sources to follow: kernels by netlink, lldpd, frames on interfaces, BMP sessions, SNMP agents,
/// FRR, files. A source that is lost is tried again; what it said stands, and is stale. With a journal, all that the
/// sources receive is appended to it, `umbra sync replay` gives the same lines again, and a watch that was killed goes
/// on where it was.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration.
    #[arg(value_name = "CONFIG.yaml")]
    config: PathBuf,
    /// Append all that is received to this file.
    #[arg(long, value_name = "J")]
    journal: Option<PathBuf>,
    /// End after this time, such as 10s or 2m.
    #[arg(long, alias = "for", value_name = "D", value_parser = duration::parse)]
    until: Option<SimDuration>,
    /// Write the twin here, again and again [default: `snapshot` of the configuration].
    #[arg(long, value_name = "NET.json")]
    out: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, _global: &Global) -> Result<Outcome, Failure> {
    let name = args.config.display().to_string();
    let text = String::from_utf8(files::read(&args.config)?)
        .map_err(|_| InputError::new(&name, Place::Whole, "not UTF-8", "a YAML file"))?;
    let mut config = Config::parse(&name, &text)?;
    if let Some(out) = args.out.as_ref().filter(|out| out.is_dir()) {
        return Err(Failure::Usage(format!("{} is a folder; expected a file", out.display())));
    }
    config.snapshot = args.out.clone().or(config.snapshot);
    let span = args.until.map(|s| Duration::from_nanos(s.as_ps() / 1_000));
    let watch = Watch { config, journal: args.journal.clone(), span };
    let mut out = std::io::stdout().lock();
    let mut tell = |note| match note {
        Note::News(text) => tracing::info!("{text}"),
        Note::Trouble(text) => tracing::warn!("{text}"),
    };
    watch.run(&mut out, &mut tell).map_err(|error| match error {
        WatchError::Input(error) => error.into(),
        WatchError::Stdout(error) => Failure::stdout(&error),
        WatchError::Output { what, error } => Failure::environment(format!("cannot write {what}"), error),
    })?;
    Ok(Outcome::Done)
}
