//! `umbra sync watch` of a lab, which a test may kill.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Lab, Tables, run};

/// `umbra sync watch` of a lab; it ends with the test.
pub(crate) struct Watch {
    child: Option<Child>,
    folder: tempfile::TempDir,
}

impl Lab {
    /// A watch of the lab, not begun: kernels and LLDP agents, and routers' FRR.
    pub(crate) fn watch(&self, routers: &[&str], hosts: &[&str]) -> Watch {
        let folder = tempfile::tempdir().unwrap();
        let mut config = "nodes:\n".to_owned();
        for node in routers.iter().chain(hosts) {
            let (name, namespace) = (&self.name, self.namespace(node));
            let frr = format!(", frr: {{pathspace: {namespace}, every_s: 1}}");
            let frr = if routers.contains(node) { &frr } else { "" };
            config += &format!(
                "  {node}: {{netlink: {{netns: {namespace}}}, lldpd: {{socket: /run/umbra-lab/{name}/{node}.lldpd}}{frr}}}\n"
            );
        }
        let place = folder.path().display();
        config += &format!("snapshot: {place}/net.json\ncheckpoint: {place}/state\ncheckpoint_every_s: 1\n");
        fs::write(folder.path().join("watch.yaml"), config).unwrap();
        Watch { child: None, folder }
    }
}

impl Watch {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Where it writes the twin.
    pub(crate) fn snapshot(&self) -> String {
        self.path("net.json")
    }

    /// Begins, or goes on where it was killed.
    pub(crate) fn start(&mut self) {
        if self.child.is_none() {
            let child = Command::new(env!("CARGO_BIN_EXE_umbra"))
                .args(["sync", "watch", &self.path("watch.yaml"), "--journal", &self.path("journal")])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            self.child = Some(child.unwrap());
        }
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits until the tables that its journal tells are the truth.
    pub(crate) fn becomes(&self, when: &str, truth: &Tables, patience: Duration) {
        let end = Instant::now() + patience;
        loop {
            let tables = self.path("tables");
            let found = Path::new(&self.path("journal")).exists().then(|| {
                run(
                    env!("CARGO_BIN_EXE_umbra"),
                    &["sync", "replay", &self.path("journal"), "--tables", &tables],
                );
                Tables::read(Path::new(&tables))
            });
            if found.as_ref() == Some(truth) {
                return;
            }
            let difference = found.map(|found| truth.difference(&found));
            assert!(Instant::now() < end, "{when}: after {patience:?}\n{}", difference.unwrap_or_default());
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.kill();
    }
}
