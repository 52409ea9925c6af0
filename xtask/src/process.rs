//! Running other programs: echoed, without a terminal to ask at, timed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

/// What every cargo command that builds says. Cargo resolves features over the packages that are named, so two commands
/// that name different packages may build the same dependency twice; naming all of them, always, builds each once. All
/// features are on because a feature of this workspace may add to a command and may not change a result.
pub(crate) const WORKSPACE: [&str; 2] = ["--workspace", "--all-features"];

/// The cargo that runs us, at the root of the repository.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(crate::house::root());
    command
}

/// Builds everything in the dev profile, as the tests do, and says where a program of ours then is; `None` if the workspace
/// does not build. `cargo run --package` would do for one program, and build what it depends on again: see [`WORKSPACE`].
pub(crate) fn built(program: &str) -> Result<Option<PathBuf>> {
    let good = run(cargo(&["build", "--quiet", "--all-targets"]).args(WORKSPACE))?;
    if !good {
        return Ok(None);
    }
    Ok(Some(crate::house::target()?.join("debug").join(program)))
}

/// Runs a command with our own output streams; true if it ended with 0.
pub(crate) fn run(command: &mut Command) -> Result<bool> {
    echo(command);
    let status = command.stdin(Stdio::null()).status().with_context(|| could_not_start(command))?;
    Ok(status.success())
}

/// As [`run`], and shows each line of standard output to `see` after it was printed.
pub(crate) fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<bool> {
    echo(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| could_not_start(command))?;
    let mut lines = BufReader::new(child.stdout.take().context("standard output was asked for")?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        see(text.trim_end());
        line.clear();
    }
    Ok(child.wait()?.success())
}

/// Runs a command and returns its standard output, or `None` if it did not end with 0.
pub(crate) fn capture(command: &mut Command) -> Result<Option<String>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| could_not_start(command))?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Whether a program of this name can be started.
pub(crate) fn exists(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

/// Minutes and seconds, as in `3m07s`.
pub(crate) fn clock(span: Duration) -> String {
    format!("{}m{:02}s", span.as_secs() / 60, span.as_secs() % 60)
}

fn echo(command: &Command) {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words: Vec<_> =
        std::iter::once(program).chain(command.get_args()).map(|w| w.to_string_lossy()).collect();
    eprintln!("$ {}", words.join(" "));
}

fn could_not_start(command: &Command) -> String {
    format!("could not start '{}'", command.get_program().to_string_lossy())
}
