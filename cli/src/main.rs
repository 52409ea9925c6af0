//! The command `umbra`.
//!
//! `main` parses the command line, sets up logging and threads, runs one command and turns what it says into an exit
//! code. Each command is a file under `cmd/` and a line in `cmd/mod.rs`; data go to stdout through `output`, files
//! through `target`, faults through `failure`.

mod cmd;
mod csv_file;
mod demo;
mod detect;
mod draw;
mod duration;
mod failure;
mod global;
mod help;
mod inputs;
mod isolate;
mod lab;
mod map;
mod measured;
mod output;
mod planning;
mod prose;
mod replay;
mod target;

use std::process::ExitCode;

use clap::FromArgMatches;

use crate::failure::{Failure, Outcome};

fn main() -> ExitCode {
    let cli = match help::command().try_get_matches().and_then(|m| cmd::Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(e) => {
            // A closed pipe is no reason to complain.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { failure::USAGE } else { failure::DONE });
        }
    };
    match run(&cli) {
        Ok(outcome) => ExitCode::from(outcome.code()),
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: &cmd::Cli) -> Result<Outcome, Failure> {
    cli.global.set_up()?;
    target::remove_unfinished_on_interrupt()?;
    cli.command.run(&cli.global)
}
