//! Threads of sources that wait in system calls, in the network namespace that they belong to.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;

use nix::sched::{CloneFlags, setns};
use tokio::sync::oneshot;

/// Does something on a thread of its own, in a namespace by its name (`ip netns`), and waits for its end. The thread is
/// never used for anything else: it has moved. It must end by itself when nobody wants its records any more.
///
/// # Errors
/// Those of `act`; a namespace that is not there or may not be entered.
pub(super) async fn on_thread<T, F>(netns: Option<String>, act: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> io::Result<T> + Send + 'static,
{
    let (done, result) = oneshot::channel();
    thread::Builder::new().name("umbra-source".into()).spawn(move || {
        // Where nobody waits any more, nobody wants to know.
        let _ = done.send(enter(netns).and_then(|()| act()));
    })?;
    result.await.unwrap_or_else(|_| Err(io::Error::other("the thread of a source ended early")))
}

fn enter(netns: Option<String>) -> io::Result<()> {
    let Some(name) = netns else { return Ok(()) };
    let refused = |e: io::Error| io::Error::new(e.kind(), format!("network namespace '{name}': {e}"));
    let handle = File::open(Path::new("/run/netns").join(&name)).map_err(refused)?;
    setns(handle, CloneFlags::CLONE_NEWNET).map_err(|e| refused(e.into()))
}
