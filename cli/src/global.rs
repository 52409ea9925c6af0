//! Options that every command takes.

use std::io::IsTerminal;

use clap::{ArgAction, Args};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::output::Format;

/// Options that every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Seed of all chance
    #[arg(long, global = true, env = "UMBRA_SEED", hide_env_values = true)]
    #[arg(value_name = "N", default_value_t = 0, display_order = 901)]
    pub(crate) seed: u64,
    /// Threads; 0: RAYON_NUM_THREADS, or else all cores
    #[arg(long, global = true, env = "UMBRA_THREADS", hide_env_values = true)]
    #[arg(value_name = "N", default_value_t = 0, display_order = 902)]
    pub(crate) threads: usize,
    /// Data on stdout as table, json, ndjson or csv [default: table on a terminal, else csv]
    #[arg(long, global = true, value_enum, hide_possible_values = true)]
    #[arg(value_name = "FORM", display_order = 903)]
    pub(crate) output: Option<Format>,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 904)]
    pub(crate) quiet: bool,
    /// Say more; twice: debug
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 905)]
    pub(crate) verbose: u8,
}

impl Global {
    /// Sets up logging (to stderr) and the thread pool. Once per process.
    pub(crate) fn set_up(&self) -> Result<(), Failure> {
        let level = match (self.quiet, self.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "info",
            (false, _) => "debug",
        };
        let colour =
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        let filter = EnvFilter::try_from_env("UMBRA_LOG").unwrap_or_else(|_| EnvFilter::new(level));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(colour)
            .with_target(false)
            .without_time()
            .init();
        if self.threads > 0 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads);
            pool.build_global().map_err(|e| Failure::environment("cannot start threads", e))?;
        }
        Ok(())
    }

    /// The form of data on stdout.
    pub(crate) fn format(&self) -> Format {
        let terminal = std::io::stdout().is_terminal();
        self.output.unwrap_or(if terminal { Format::Table } else { Format::Csv })
    }
}
