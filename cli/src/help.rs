//! The command line's help, with the commands under headings.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use crate::cmd::{Cli, GROUPS};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 finding, 2 usage, 3 input, 4 partial, 5 environment,
130 interrupted. 4, 5 and 130 may be retried.";

/// Columns of the narrowest terminal.
const WIDTH: usize = 80;

/// The command line with its help text.
pub(crate) fn command() -> Command {
    let command = Cli::command().mut_subcommands(|c| dressed(c, "umbra"));
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}\n\n{EXIT_CODES}\n",
        groups(&command)
    );
    command.help_template(template).disable_help_subcommand(true)
}

/// A command, with its own commands, that hands negative numbers to the option that they are meant for (which says what it
/// expects), and whose usage is folded where it is wider than a terminal.
fn dressed(command: Command, parent: &str) -> Command {
    let path = format!("{parent} {}", command.get_name());
    let takes_values = |arg: &Arg| arg.get_action().takes_values();
    let command = command
        .mut_subcommands(|c| dressed(c, &path))
        .mut_args(|arg| if takes_values(&arg) { arg.allow_negative_numbers(true) } else { arg });
    let usage = command.clone().render_usage().to_string();
    let arguments = usage.trim_start_matches("Usage: ").trim_start_matches(command.get_name());
    let mut lines = vec![format!("Usage: {path}")];
    for word in words(arguments) {
        let last = lines.last_mut().expect("begun with one");
        if last.chars().count() + 1 + word.chars().count() <= WIDTH {
            last.push(' ');
            last.push_str(&word);
        } else {
            lines.push(format!("{:1$} {word}", "", "Usage: umbra".len()));
        }
    }
    if lines.len() == 1 {
        return command;
    }
    command.override_usage(lines.join("\n").trim_start_matches("Usage: ").to_owned())
}

/// The words of a usage; an option and its value are one.
fn words(usage: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in usage.split_whitespace() {
        match words.last_mut() {
            Some(option) if option.starts_with("--") && !option.contains(' ') && word.starts_with('<') => {
                option.push(' ');
                option.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// The commands with the first line of what each says about itself.
fn groups(command: &Command) -> String {
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
    fn no_help_is_wider_than_a_terminal() {
        fn check(command: &Command) {
            for help in [command.clone().render_help(), command.clone().render_long_help()] {
                let help = help.to_string();
                assert!(help.lines().all(|l| l.chars().count() <= WIDTH), "{help}");
            }
            command.get_subcommands().for_each(check);
        }
        let mut all = command().term_width(WIDTH);
        all.build();
        check(&all);
    }

    #[test]
    fn a_heading_stands_above_its_own_options_alone() {
        fn check(command: &Command) {
            for arg in command.get_arguments() {
                let name = arg.get_long().unwrap_or_default();
                let expected = match name {
                    "weight" | "capacity" | "symmetric" => Some("Reading SNDlib files"),
                    _ => arg.get_help_heading().filter(|h| *h != "Reading SNDlib files"),
                };
                assert_eq!(arg.get_help_heading(), expected, "{} --{name}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }

    #[test]
    fn a_long_usage_is_folded_between_options() {
        let mut command = command();
        let fabric = command.find_subcommand_mut("isolate").and_then(|c| c.find_subcommand_mut("fabric"));
        let usage = fabric.expect("a command").render_usage().to_string();
        assert_eq!(
            usage,
            "Usage: umbra isolate fabric [OPTIONS] --topology <FILE> --flows <FILE>\n             \
             --telemetry <MODE> --out <DIR>"
        );
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
