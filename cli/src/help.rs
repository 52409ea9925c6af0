//! The command line's help, with the commands under headings.

use std::fmt::Write as _;

use clap::CommandFactory;

use crate::cmd::{Cli, GROUPS};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 finding, 2 usage, 3 input, 4 partial, 5 environment,
130 interrupted. 4, 5 and 130 may be retried.";

/// The command line with its help text.
pub(crate) fn command() -> clap::Command {
    let command = Cli::command();
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}\n\n{EXIT_CODES}\n",
        groups(&command)
    );
    command.help_template(template).disable_help_subcommand(true)
}

/// The commands with the first line of what each says about itself.
fn groups(command: &clap::Command) -> String {
    let width = command.get_subcommands().map(|c| c.get_name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (heading, names) in GROUPS {
        writeln!(text, "{heading}:").expect("a string takes all");
        for name in *names {
            let about = command.find_subcommand(name).and_then(|c| c.get_about()).map(ToString::to_string);
            writeln!(text, "  {name:width$}  {}", about.unwrap_or_default()).expect("a string takes all");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_stands_under_a_heading_and_fits_80_columns() {
        let help = command().term_width(80).render_help().to_string();
        for c in command().get_subcommands() {
            assert!(help.contains(&format!("\n  {}", c.get_name())), "{}", c.get_name());
        }
        assert!(help.lines().all(|l| l.chars().count() <= 80), "{help}");
    }
}
