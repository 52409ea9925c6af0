//! The notebooks, executed with the built `umbra` in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::house;
use crate::process;
use crate::summary::Summary;

/// Executes every notebook by `notebooks/run.py UMBRA`. What keeps them from running is said aloud and counts as
/// skipped, a notebook each.
pub(crate) fn run(umbra: &Path) -> Result<Summary> {
    let folder = house::root().join("notebooks");
    if !folder.join("run.py").is_file() {
        return Ok(Summary::skip(1, "notebooks", "there is no notebooks/run.py"));
    }
    match python(&folder) {
        Ok(python) => execute(&python, &folder, umbra),
        Err(reason) => Ok(Summary::skip(count(&folder)?, "notebooks", &format!("{reason:#}"))),
    }
}

/// Runs the runner. Its own summary line is believed, if it prints one and agrees with its exit code; otherwise the
/// whole run counts as one test.
fn execute(python: &Path, folder: &Path, umbra: &Path) -> Result<Summary> {
    let mut printed = None;
    let good = process::watch(Command::new(python).arg(folder.join("run.py")).arg(umbra), |line| {
        printed = Summary::of_line(line).or(printed);
    })?;
    Ok(match printed {
        Some(summary) if good == (summary.failed == 0) => summary,
        _ => Summary::one(good),
    })
}

fn count(folder: &Path) -> Result<u64> {
    let mut notebooks = 0;
    for entry in std::fs::read_dir(folder)? {
        notebooks += u64::from(entry?.path().extension().is_some_and(|e| e == "ipynb"));
    }
    Ok(notebooks.max(1))
}

/// The Python of `target/notebook-venv`, made when it is missing or when `requirements.txt` has changed.
fn python(folder: &Path) -> Result<PathBuf> {
    let venv = house::target()?.join("notebook-venv");
    let python = venv.join("bin/python");
    let requirements = folder.join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)?;
    let installed = venv.join("installed.txt");
    if python.is_file() && std::fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(python);
    }
    make_venv(&venv)?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    anyhow::ensure!(
        process::run(pip.arg(&requirements))?,
        "pip could not install notebooks/requirements.txt"
    );
    std::fs::write(installed, wanted)?;
    Ok(python)
}

fn make_venv(venv: &Path) -> Result<()> {
    anyhow::ensure!(process::exists("python3"), "python3 is not installed");
    let make = || process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv));
    // Debian ships Python without ensurepip; its package brings it, and only root may install that.
    let made = make()? || (install_ensurepip() && make()?);
    anyhow::ensure!(
        made,
        "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv"
    );
    Ok(())
}

fn install_ensurepip() -> bool {
    let root =
        process::capture(Command::new("id").arg("-u")).ok().flatten().is_some_and(|id| id.trim() == "0");
    let apt = |args: &[&str]| {
        process::run(Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"))
            .unwrap_or(false)
    };
    let install = ["install", "--yes", "--no-install-recommends", "python3-venv"];
    root && (apt(&install) || (apt(&["update"]) && apt(&install)))
}
