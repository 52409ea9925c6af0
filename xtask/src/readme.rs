//! Commands that the documents tell people to type, and whether they exist.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::house::House;
use crate::markdown;
use crate::process;
use crate::summary::Summary;

/// A command in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    /// File and line.
    pub(crate) place: String,
    /// Program and arguments.
    pub(crate) words: Vec<String>,
}

/// The documents whose commands must work: those at the root and in `docs/`.
pub(crate) fn documents(house: &House) -> impl Iterator<Item = (&str, &str)> {
    house.texts(".md").filter(|(path, _)| !path.contains('/') || path.starts_with("docs/"))
}

/// Every command in the shell blocks of the documents. In a `sh` or `bash` block each line is a command; in any other
/// block only what follows a `$ ` prompt is, the rest being output.
pub(crate) fn commands(house: &House) -> Vec<Typed> {
    let mut all = Vec::new();
    for (path, text) in documents(house) {
        for block in markdown::blocks(text) {
            let script = ["sh", "bash", "shell"].contains(&block.language);
            for (number, line) in joined(&block.lines) {
                let line = line.trim();
                let Some(line) = line.strip_prefix("$ ").or(script.then_some(line)) else { continue };
                let place = format!("{path}:{number}");
                all.extend(split(line).into_iter().map(|words| Typed { place: place.clone(), words }));
            }
        }
    }
    all
}

/// The arguments of `umbra`, if that is what the command runs: by name, by path, or by `cargo run … -- ARGS`.
pub(crate) fn umbra_arguments(command: &Typed) -> Option<&[String]> {
    let (program, arguments) = command.words.split_first()?;
    if program == "umbra" || program.ends_with("/umbra") {
        return Some(arguments);
    }
    let other = arguments.iter().any(|a| ["-p", "--package", "--bin", "--example"].contains(&a.as_str()));
    let run = program == "cargo" && arguments.first().is_some_and(|a| a == "run");
    let dashes = arguments.iter().position(|a| a == "--")?;
    (run && !other).then(|| &arguments[dashes + 1..])
}

/// Asks the built `umbra` for help on each command in the documents, and looks for its options there.
pub(crate) fn check(house: &House, umbra: &Path) -> Result<Summary> {
    let mut summary = Summary::default();
    for command in commands(house) {
        let Some(arguments) = umbra_arguments(&command) else { continue };
        let fault = find_fault(arguments, |words| help(umbra, words))?;
        let outcome = fault.as_deref().unwrap_or("ok");
        println!("command {} umbra {} ... {outcome}", command.place, arguments.join(" "));
        summary += Summary::one(fault.is_none());
    }
    Ok(summary)
}

/// What is wrong with these arguments, by the help that `help` gives for a chain of subcommands.
fn find_fault(
    arguments: &[String],
    mut help: impl FnMut(&[&str]) -> Result<Option<String>>,
) -> Result<Option<String>> {
    let mut chain: Vec<&str> = Vec::new();
    let Some(mut text) = help(&chain)? else { return Ok(Some("umbra --help failed".into())) };
    for argument in arguments.iter().filter(|a| !a.starts_with('-')) {
        let below = subcommands(&text);
        if !below.contains(&argument.as_str()) {
            // Below the last subcommand words are values; where a subcommand is needed they are mistakes.
            if below.is_empty() || !chain.is_empty() {
                break;
            } else {
                return Ok(Some(format!("no subcommand '{argument}'")));
            }
        }
        chain.push(argument);
        let Some(deeper) = help(&chain)? else { return Ok(Some(format!("no help for '{argument}'"))) };
        text = deeper;
    }
    let options = arguments.iter().filter(|a| a.starts_with("--") && a.len() > 2);
    let names = options.map(|o| o.split('=').next().unwrap_or(o));
    let unknown = names.filter(|o| !offers(&text, o)).map(|o| format!("no option '{o}'")).next();
    Ok(unknown)
}

fn help(umbra: &Path, chain: &[&str]) -> Result<Option<String>> {
    process::capture(Command::new(umbra).args(chain).arg("--help"))
}

/// The first words below `Commands:` in clap's help.
fn subcommands(help: &str) -> Vec<&str> {
    let below = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty());
    let entries = below.filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    entries.filter_map(|l| l.split_whitespace().next()).collect()
}

fn offers(help: &str, option: &str) -> bool {
    help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).any(|word| word == option)
}

/// Lines with their `\` continuations.
fn joined(lines: &[(usize, &str)]) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in lines {
        let (body, more) = match line.trim_end().strip_suffix('\\') {
            Some(body) => (body, true),
            None => (*line, false),
        };
        match out.last_mut() {
            Some((_, last)) if open => last.push_str(body),
            _ => out.push((*number, body.to_owned())),
        }
        open = more;
    }
    out
}

/// The simple commands of a shell line, without comment, redirections' meaning, or leading `NAME=value`.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    for word in line.split_whitespace() {
        if word.starts_with('#') {
            break;
        }
        let (word, ends) = match word.strip_suffix(';') {
            Some(word) => (word, true),
            None => (word, ["|", "&&", "||"].contains(&word)),
        };
        let current = commands.last_mut().expect("there is always a last command");
        let assignment = current.is_empty() && word.split_once('=').is_some_and(|(name, _)| is_name(name));
        let separator = word.is_empty() || ["|", "&&", "||"].contains(&word);
        let timing = current.is_empty() && word == "time";
        if !(assignment || separator || timing) {
            current.push(word.trim_matches(['\'', '"']).to_owned());
        }
        if ends {
            commands.push(Vec::new());
        }
    }
    commands.retain(|c| !c.is_empty());
    commands
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(readme: &str) -> Vec<String> {
        commands(&House::of(&[("README.md", readme)])).into_iter().map(|c| c.words.join(" ")).collect()
    }

    #[test]
    fn commands_come_from_scripts_and_prompts_only() {
        let readme = "```sh\nX=1 umbra demo --out d && \\\n  ls d # look\n```\n```console\n$ umbra flows a.pcap | head\numbra 0.1\n```\n```text\numbra no\n```\n";
        assert_eq!(typed(readme), ["umbra demo --out d", "ls d", "umbra flows a.pcap", "head"]);
    }

    #[test]
    fn cargo_run_is_umbra_unless_it_names_another_package() {
        let of = |line: &str| {
            let words = line.split(' ').map(str::to_owned).collect();
            umbra_arguments(&Typed { place: String::new(), words }).map(<[String]>::to_vec)
        };
        assert_eq!(of("cargo run --release -- demo"), Some(vec!["demo".to_owned()]));
        assert_eq!(of("./target/release/umbra demo"), Some(vec!["demo".to_owned()]));
        assert_eq!(of("cargo run -p umbra-benches -- w1"), None);
    }

    #[test]
    fn unknown_subcommands_and_options_are_faults() {
        let help = |chain: &[&str]| {
            Ok(Some(match chain {
                [] => "Commands:\n  sync   Read\n  demo   Loop\n\nOptions:\n      --seed <N>\n".to_owned(),
                ["sync"] => "Commands:\n  read   Read\n".to_owned(),
                _ => "Options:\n      --out <DIR>\n".to_owned(),
            }))
        };
        let fault = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            find_fault(&words, help).unwrap()
        };
        assert_eq!(fault("demo --out d"), None);
        assert_eq!(fault("sync read lab --out=n.json"), None);
        assert_eq!(fault("dmeo"), Some("no subcommand 'dmeo'".into()));
        assert_eq!(fault("demo --output d"), Some("no option '--output'".into()));
    }
}
