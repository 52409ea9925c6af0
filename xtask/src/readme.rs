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

/// Shows the built `umbra` each of its commands in the documents, with `--help` appended: the parser reads from left to
/// right, so it refuses an unknown command, option or value before it comes to the help, and nothing is run.
pub(crate) fn check(house: &House, umbra: &Path) -> Result<Summary> {
    let mut summary = Summary::default();
    for command in commands(house) {
        let Some(arguments) = umbra_arguments(&command) else { continue };
        let known = process::capture(Command::new(umbra).args(arguments).arg("--help"))?.is_some();
        let word = if known { "ok" } else { "FAILED" };
        println!("command {} umbra {} ... {word}", command.place, arguments.join(" "));
        summary += Summary::one(known);
    }
    Ok(summary)
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

/// The simple commands of a shell line, without comment, redirections, or what stands before the program's name.
fn split(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut is_target = false;
    for word in shell_words(line) {
        let current = commands.last_mut().expect("there is always a last command");
        let redirects = word.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['>', '<']);
        let assigns = word.split_once('=').is_some_and(|(name, _)| is_name(name));
        match word.as_str() {
            "|" | "&&" | "||" | ";" => commands.push(Vec::new()),
            _ if std::mem::take(&mut is_target) => {}
            _ if redirects => is_target = word.ends_with(['>', '<']),
            "time" if current.is_empty() => {}
            _ if current.is_empty() && assigns => {}
            _ => current.push(word),
        }
    }
    commands.retain(|c| !c.is_empty());
    commands
}

/// Words as a shell sees them: quotes hold together, `#` begins a comment, `;` stands alone.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ';') => words.extend(word.take().into_iter().chain([";".to_owned()])),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
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
    fn quotes_hold_together_and_redirections_go() {
        let split = |line| split(line).into_iter().map(|words| words.join("_")).collect::<Vec<_>>();
        assert_eq!(
            split("umbra query d 'SELECT * > 1' > out.csv 2>/dev/null"),
            ["umbra_query_d_SELECT * > 1"]
        );
        assert_eq!(split("time a; B=2 c # d"), ["a", "c"]);
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
}
