//! What is asked again and again: files, and FRR by its own client, `vtysh`.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{MissedTickBehavior, interval};

use super::outlet::{Outlet, now};
use crate::follow::Mark;

/// Reads files again and again; one that has not changed is not handed over again.
///
/// # Errors
/// A file that cannot be read.
pub(super) async fn files(outlet: Outlet, paths: Vec<PathBuf>, every: Duration) -> io::Result<()> {
    let mut known = vec![None; paths.len()];
    let mut round = rounds(every);
    loop {
        round.tick().await;
        for (path, known) in paths.iter().zip(&mut known) {
            let began = now();
            let content = tokio::fs::read(path)
                .await
                .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
            if known.as_ref() != Some(&content) {
                outlet.dump(&path.display().to_string(), began, &content).await;
                *known = Some(content);
            }
        }
        outlet.mark(&Mark::Up).await;
    }
}

/// Asks FRR again and again. A command for a daemon that does not run here says nothing.
///
/// # Errors
/// `vtysh` that cannot be run, or reaches no daemon.
pub(super) async fn frr(
    outlet: Outlet,
    pathspace: Option<String>,
    commands: Vec<String>,
    every: Duration,
) -> io::Result<()> {
    let mut round = rounds(every);
    loop {
        round.tick().await;
        // All at once: most of the time of each is its own start.
        let mut asked = Vec::with_capacity(commands.len());
        for command in &commands {
            asked.push((command, now(), vtysh(pathspace.as_ref(), command)?));
        }
        let mut silent = None;
        let mut answered = false;
        for (command, began, child) in asked {
            let output = child.wait_with_output().await?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr);
                let error = io::Error::other(format!("vtysh -c '{command}': {}", why.trim()));
                if !why.trim_end().ends_with("is not running") {
                    return Err(error);
                }
                silent = Some(error);
                continue;
            }
            answered = true;
            if !output.stdout.iter().all(u8::is_ascii_whitespace) {
                outlet.dump(command, began, &output.stdout).await;
            }
        }
        match silent {
            Some(error) if !answered => return Err(error),
            _ => outlet.mark(&Mark::Up).await,
        }
    }
}

fn vtysh(pathspace: Option<&String>, command: &str) -> io::Result<Child> {
    let mut vtysh = Command::new("vtysh");
    if let Some(name) = pathspace {
        vtysh.args(["-N", name]);
    }
    let vtysh =
        vtysh.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    vtysh.kill_on_drop(true).spawn()
}

fn rounds(every: Duration) -> tokio::time::Interval {
    let mut interval = interval(every.max(Duration::from_millis(100)));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
