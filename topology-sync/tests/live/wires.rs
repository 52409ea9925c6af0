//! Frames of real agents, heard on a cable.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use umbra_topology_sync::follow::{Follower, State};
use umbra_topology_sync::observation::{Fact, Topic};

use crate::lab::{Netns, Watch, can_run, lines, replayed, sh};

/// An lldpd in a namespace, with a name, a folder and a control socket of its own. It ends with the test.
pub(crate) struct Lldpd {
    child: Child,
    folder: tempfile::TempDir,
}

impl Lldpd {
    /// Sends every `tx` seconds; its TTL is four times that.
    pub(crate) fn start(netns: &Netns, name: &str, tx: u32) -> Self {
        Self::begin(netns, name, tx, "")
    }

    /// As [`Lldpd::start`], and what it knows is to be had from the SNMP agent behind an AgentX socket (RFC 2741).
    pub(crate) fn start_subagent(netns: &Netns, name: &str, tx: u32, agentx: &str) -> Self {
        Self::begin(netns, name, tx, &format!("-x -X {agentx} -S 'a node of a test'"))
    }

    fn begin(netns: &Netns, name: &str, tx: u32, options: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().display();
        std::fs::write(folder.path().join("conf"), format!("configure lldp tx-interval {tx}\n"))
            .expect("a file");
        let script = format!(
            "hostname {name}; mkdir -p /run/lldpd; mount -t tmpfs tmpfs /run/lldpd; \
             exec $(command -v lldpd || echo /usr/sbin/lldpd) -d {options} -u {path}/socket -O {path}/conf"
        );
        let child = Command::new("ip")
            .args(["netns", "exec", &netns.0, "unshare", "--uts", "--mount", "sh", "-c", &script])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare runs");
        Self { child, folder }
    }

    pub(crate) fn socket(&self) -> String {
        self.folder.path().join("socket").display().to_string()
    }

    /// Kills it and its worker: no frame says goodbye.
    pub(crate) fn kill(&mut self, netns: &Netns) {
        sh(&format!("kill -9 $(ip netns pids {})", netns.0));
        let _ = self.child.wait();
    }
}

impl Drop for Lldpd {
    fn drop(&mut self) {
        let _ = Command::new("pkill").args(["-9", "-P", &self.child.id().to_string()]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn cable(a: &Netns, b: &Netns) {
    sh(&format!("ip link add eth1 netns {} type veth peer name eth1 netns {}", a.0, b.0));
    a.ip("link set eth1 up");
    b.ip("link set eth1 up");
}

/// Names of those who are heard now.
pub(crate) fn heard(follower: &Follower) -> Vec<String> {
    let store = follower.store();
    let standing = store.observers().flat_map(|o| store.standing(o, follower.settled()));
    let name = |fact: &Fact| match fact {
        Fact::Neighbor(n) if fact.key().topic == Topic::Neighbors => n.chassis.name.clone(),
        _ => None,
    };
    let mut names: Vec<_> = standing.filter_map(|s| name(s.fact)).collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn an_agent_that_dies_without_a_word_lapses_with_its_ttl() {
    if !can_run(&["ip", "unshare", "lldpd"]) {
        return;
    }
    let (a, b) = (Netns::new("wa"), Netns::new("wb"));
    cable(&a, &b);
    let mut agent = Lldpd::start(&b, "far", 1);
    let mut watch = Watch::start(&format!("wires: {{w: {{netns: {}, interfaces: [eth1]}}}}", a.0));
    assert!(watch.until(Duration::from_secs(15), |f| heard(f) == ["far"]));
    agent.kill(&b);
    let began = Instant::now();
    assert!(watch.until(Duration::from_secs(15), |f| heard(f).is_empty()));
    eprintln!("an agent with a TTL of 4 s was gone {:?} after it died", began.elapsed());
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas));
}

#[test]
fn an_agents_own_events_follow_a_neighbour_that_comes_and_goes() {
    if !can_run(&["ip", "unshare", "lldpd", "lldpcli"]) {
        return;
    }
    let (a, b) = (Netns::new("la"), Netns::new("lb"));
    cable(&a, &b);
    let near = Lldpd::start(&a, "near", 1);
    let mut far = Lldpd::start(&b, "far", 1);
    let long = Duration::from_secs(20);
    let mut watch = Watch::start(&format!("nodes: {{near: {{lldpd: {{socket: {}}}}}}}", near.socket()));
    assert!(watch.until(long, |f| heard(f) == ["far"]), "it is heard");
    far.kill(&b);
    assert!(watch.until(long, |f| heard(f).is_empty()), "an event says that it is gone");
    let _back = Lldpd::start(&b, "again", 1);
    assert!(watch.until(long, |f| heard(f) == ["again"]), "an event says that it is back");
    drop(near);
    sh(&format!("kill -9 $(ip netns pids {}) || true", a.0));
    assert!(watch.until(long, |f| f.health()[0].state == State::Stale), "the agent itself is lost");
    watch.settle(Duration::from_millis(500));
    assert_eq!(heard(watch.follower()), ["again"], "what it said stands");
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas));
}
