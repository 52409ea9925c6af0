//! Agents that are asked: snmpd.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use umbra_topology_sync::follow::{Follower, State};
use umbra_topology_sync::observation::{Fact, Link, Observer};

use crate::lab::{Netns, Watch, can_run};

/// An snmpd in a namespace that others may join with AgentX (RFC 2741). It ends with the test.
pub(crate) struct Snmpd(Child, tempfile::TempDir);

impl Snmpd {
    pub(crate) fn start(netns: &Netns) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let conf = folder.path().join("snmpd.conf");
        let text = format!(
            "rocommunity umbra 127.0.0.1\nsysName leaf-7\ninterface_fadeout 0\n\
             master agentx\nagentXSocket {0}/agentx\nagentXPerms 0777 0777\n",
            folder.path().display()
        );
        std::fs::write(&conf, text).expect("a file");
        let child = Command::new("ip")
            .args(["netns", "exec", &netns.0, "snmpd", "-f", "-C", "-c"])
            .arg(&conf)
            .args(["-Lf", "/dev/null", "-p"])
            .arg(folder.path().join("pid"))
            .arg("udp:127.0.0.1:1161")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("snmpd runs");
        Self(child, folder)
    }

    pub(crate) fn agentx(&self) -> String {
        self.1.path().join("agentx").display().to_string()
    }
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn link(follower: &Follower, name: &str) -> Option<Link> {
    let (store, observer) = (follower.store(), Observer::node("leaf"));
    store.standing(&observer, follower.settled()).find_map(|s| match s.fact {
        Fact::Link(link) if link.name == name => Some(Link::clone(link)),
        _ => None,
    })
}

#[test]
fn an_agents_tables_are_walked_and_its_death_erases_nothing() {
    if !can_run(&["ip", "snmpd"]) {
        return;
    }
    let netns = Netns::new("snmp");
    netns.ip("link add eth1 type veth peer name eth2");
    netns.ip("addr add 192.0.2.1/25 dev eth1");
    netns.ip("link set eth1 up");
    netns.ip("link set eth2 up");
    let agent = Snmpd::start(&netns);
    let config = format!(
        "nodes: {{leaf: {{snmp: {{agent: '127.0.0.1:1161', netns: {}, community: umbra, every_s: 1}}}}}}",
        netns.0
    );
    let mut watch = Watch::start(&config);
    let long = Duration::from_secs(45);
    assert!(watch.until(long, |f| link(f, "eth1").is_some_and(|l| l.carrier == Some(true))));
    let eth1 = link(watch.follower(), "eth1").expect("just seen");
    assert!(eth1.mac.is_some() && eth1.mtu == Some(1500) && eth1.ifindex.is_some(), "{eth1:?}");
    let store = watch.follower().store();
    let says = |wanted: &str| {
        let leaf = Observer::node("leaf");
        let standing = store.standing(&leaf, watch.follower().settled());
        standing.map(|s| format!("{:?}", s.fact)).any(|fact| fact.contains(wanted))
    };
    assert!(says("leaf-7"), "its name");
    assert!(says("192.0.2.1, len: Some(25)"), "its address");

    netns.ip("link del eth1");
    assert!(watch.until(long, |f| link(f, "eth1").is_none()), "a finished walk ends what is gone");
    netns.ip("link add eth1 type veth peer name eth2");
    assert!(watch.until(long, |f| link(f, "eth1").is_some()));
    drop(agent);
    assert!(watch.until(long, |f| f.health()[0].state != State::Fresh), "it is told that the agent is lost");
    assert!(link(watch.follower(), "eth1").is_some(), "what it said stands");
    assert!(watch.follower().diagnostics().iter().any(|d| d.code == "source-stale"));
}
