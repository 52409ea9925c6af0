//! `umbra man`: the manual page.

use clap_mangen::Man;

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::{help, output};

/// Print the manual page, of umbra or of one command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command to describe.
    command: Option<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, _global: &Global) -> Result<Outcome, Failure> {
    let mut umbra = help::command();
    umbra.build();
    let page = match &args.command {
        None => umbra,
        Some(name) => find(&umbra, name)?,
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(|e| Failure::environment("cannot render the page", e))?;
    output::print_bytes(&text)?;
    Ok(Outcome::Done)
}

fn find(umbra: &clap::Command, name: &str) -> Result<clap::Command, Failure> {
    let names = umbra.get_subcommands().map(clap::Command::get_name);
    let command = umbra.find_subcommand(name).cloned();
    command.map(|c| c.display_name(format!("umbra-{name}"))).ok_or_else(|| {
        let hint = twin::nearest(name, names).map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
        Failure::Usage(format!("no command '{name}'{hint}"))
    })
}
