//! The commands. A new one is a file here with `Args` and `run`, its `mod` line and its line in `commands!`.

mod availability;
mod completions;
mod deduce;
mod demo;
mod drain;
mod flows;
mod generate;
mod growth;
mod import;
mod inspect;
mod isolate;
mod lab;
mod man;
pub(crate) mod net;
mod overrides;
mod replay;
mod risk;
mod schema;
mod sweep;
mod sync;
mod trace;
mod upgrade;
mod validate;
mod whatif;

use clap::{Parser, Subcommand};

use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// A simulation-first digital twin of your network.
#[derive(Debug, Parser)]
#[command(name = "umbra", version, max_term_width = 80, propagate_version = true)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Lists the commands under the headings of `umbra --help`. Expands to the enum `Command` with one variant for each
/// `module: Variant`, its `run`, and `GROUPS`.
macro_rules! commands {
    ($($heading:literal { $($module:ident: $variant:ident,)+ })+) => {
        /// A command with its arguments.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($(#[allow(missing_docs)] $variant($module::Args),)+)+
        }

        impl Command {
            /// Runs the command.
            pub(crate) fn run(&self, global: &Global) -> Result<Outcome, Failure> {
                match self {
                    $($(Self::$variant(args) => $module::run(args, global),)+)+
                }
            }
        }

        /// The commands by heading, in the order of `umbra --help`.
        pub(crate) const GROUPS: &[(&str, &[&str])] = &[$(($heading, &[$(stringify!($module),)+]),)+];
    };
}

commands! {
    "Start here" {
        demo: Demo,
    }
    "Networks" {
        import: Import,
        inspect: Inspect,
        lab: Lab,
        sync: Sync,
        trace: Trace,
        validate: Validate,
    }
    "Traffic" {
        flows: Flows,
        replay: Replay,
    }
    "Planning" {
        availability: Availability,
        deduce: Deduce,
        drain: Drain,
        growth: Growth,
        risk: Risk,
        sweep: Sweep,
        upgrade: Upgrade,
        whatif: Whatif,
    }
    "Root causes" {
        generate: Generate,
        isolate: Isolate,
    }
    "Shell" {
        completions: Completions,
        man: Man,
        schema: Schema,
    }
}
