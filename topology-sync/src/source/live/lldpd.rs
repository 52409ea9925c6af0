//! lldpd by its own client, `lldpcli`: its events, and what it knows as a whole.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::outlet::{Outlet, now};
use super::split::Objects;
use crate::follow::Mark;

/// What is asked as a whole: its name in the journal, and the words of the request. Neighbours last: by then the node's own
/// ports are known.
const WHOLE: [(&str, &[&str]); 3] = [
    ("lldp-chassis.json", &["show", "chassis", "details"]),
    ("lldp-interfaces.json", &["show", "interfaces", "details"]),
    ("lldp-neighbors.json", &["show", "neighbors", "details"]),
];

/// How often the whole is asked for besides the events.
const EVERY: Duration = Duration::from_secs(30);

/// Follows lldpd until it is lost.
///
/// # Errors
/// Whatever ends the conversation.
pub(super) async fn converse(outlet: Outlet, socket: Option<PathBuf>) -> io::Result<()> {
    // First the events, then the whole: what happens between the two is in both.
    let mut child = client(socket.as_ref())
        .arg("watch")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut events = child.stdout.take().ok_or_else(|| io::Error::other("no output of lldpcli"))?;
    let (mut objects, mut buffer) = (Objects::default(), vec![0; 64 << 10]);
    // A client that cannot reach lldpd ends at once; that it has not is the only sign that it can.
    let mut whole = interval_at(Instant::now() + Duration::from_millis(100), EVERY);
    whole.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            length = events.read(&mut buffer) => {
                let length = length?;
                if length == 0 {
                    let status = child.wait().await?;
                    return Err(io::Error::other(format!("lldpcli watch ended ({status})")));
                }
                for object in objects.take(&buffer[..length]) {
                    outlet.dump("watch.json", now(), &object).await;
                }
            }
            _ = whole.tick() => ask(&outlet, socket.as_ref()).await?,
        }
    }
}

async fn ask(outlet: &Outlet, socket: Option<&PathBuf>) -> io::Result<()> {
    for (name, words) in WHOLE {
        let began = now();
        let output = client(socket).args(words).stdin(Stdio::null()).kill_on_drop(true).output().await?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("lldpcli: {}", why.trim())));
        }
        outlet.dump(name, began, &output.stdout).await;
    }
    outlet.mark(&Mark::Up).await;
    Ok(())
}

fn client(socket: Option<&PathBuf>) -> Command {
    let mut command = Command::new("lldpcli");
    if let Some(socket) = socket {
        command.arg("-u").arg(socket);
    }
    command.args(["-f", "json0"]);
    command
}
