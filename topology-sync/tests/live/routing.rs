//! OSPF between two real routers, heard on the cable; and how long changes take from each source to the twin.

use std::process::Command;
use std::time::{Duration, Instant};

use twin::{Change, Layer, Twin};
use umbra_topology_sync::source::live::now;

use crate::lab::{Netns, Watch, can_run, lines, replayed, sh};
use crate::wires::{Lldpd, cable, heard};

const FRR: &str = "/usr/lib/frr/zebra";
const LONG: Duration = Duration::from_secs(30);

/// Routing daemons of a namespace; they end with the test.
struct Frr(String);

impl Frr {
    fn start(netns: &Netns, number: u8) -> Self {
        let name = netns.0.clone();
        let (etc, run) = (format!("/etc/frr/{name}"), format!("/var/run/frr/{name}"));
        let conf = format!(
            "interface eth1\n ip address 10.1.0.{number}/24\n ip ospf network point-to-point\n ip ospf area 0\n \
             ip ospf hello-interval 1\n ip ospf dead-interval 4\n ip ospf cost 10\nrouter ospf\n \
             ospf router-id 10.0.0.{number}\n timers throttle lsa all 0\n timers lsa min-arrival 0\n"
        );
        sh(&format!("mkdir -p {etc} {run} && printf '' > {etc}/vtysh.conf"));
        for daemon in ["zebra", "ospfd"] {
            std::fs::write(format!("{etc}/{daemon}.conf"), &conf).expect("a file");
        }
        sh(&format!("chown -R frr:frr {etc} {run}"));
        for daemon in ["zebra", "ospfd"] {
            sh(&format!(
                "ip netns exec {name} /usr/lib/frr/{daemon} -d -N {name} -A 127.0.0.1 -f {etc}/{daemon}.conf"
            ));
        }
        Self(name)
    }

    fn set(&self, command: &str) {
        let words = ["-N", &self.0, "-c", "configure terminal", "-c", "interface eth1", "-c", command];
        let output = Command::new("vtysh").args(words).output().expect("vtysh runs");
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        let name = &self.0;
        let script = format!("kill $(ip netns pids {name}); rm -rf /etc/frr/{name} /var/run/frr/{name}");
        let _ = Command::new("sh").args(["-c", &script]).status();
    }
}

fn can_route() -> bool {
    let there = std::path::Path::new(FRR).exists();
    if !there {
        eprintln!("SKIPPED: no {FRR}");
    }
    there && can_run(&["ip", "unshare", "lldpd", "lldpcli", "nft", "vtysh"])
}

/// The states and costs of the IGP layer, as text.
fn igp(twin: &Twin) -> Vec<String> {
    let halves = twin.half_links(Layer::Igp);
    let mut all: Vec<_> =
        halves.iter().map(|(key, h)| format!("{} {} {}", key.from, h.state, h.metric)).collect();
    all.sort();
    all
}

struct Lab {
    a: Netns,
    b: Netns,
    frr: [Frr; 2],
    near: Lldpd,
    far: Lldpd,
}

fn lab() -> Lab {
    let (a, b) = (Netns::new("ra"), Netns::new("rb"));
    cable(&a, &b);
    let frr = [Frr::start(&a, 1), Frr::start(&b, 2)];
    let (near, far) = (Lldpd::start(&a, "near", 1), Lldpd::start(&b, "far", 1));
    Lab { a, b, frr, near, far }
}

impl Lab {
    /// Kernels, one lldpd and the wire; nobody is polled.
    fn watch(&self) -> Watch {
        let mut watch = Watch::start(&format!(
            "nodes:\n  near: {{netlink: {{netns: {0}}}, lldpd: {{socket: {1}}}}}\n  far: {{netlink: {{netns: {2}}}}}\n\
             wires:\n  w: {{netns: {0}, interfaces: [eth1]}}\n",
            self.a.0,
            self.near.socket(),
            self.b.0
        ));
        let up = |twin: &Twin| igp(twin).iter().filter(|h| h.contains(" full ")).count() == 2;
        let came = watch.until(LONG, |f| up(f.twin()) && heard(f).contains(&"far".to_owned()));
        assert!(came, "an adjacency in both directions: {:?}", igp(watch.follower().twin()));
        watch
    }
}

#[test]
fn silent_loss_is_seen_after_the_dead_interval_and_carrier_stays() {
    if !can_route() {
        return;
    }
    let lab = lab();
    let mut watch = lab.watch();
    let drop_out = "'add table netdev t; add chain netdev t out { type filter hook egress device eth1 priority 0; policy drop; }'";
    sh(&format!("ip netns exec {} nft {drop_out}", lab.b.0));
    let began = Instant::now();
    let lost = |twin: &Twin| igp(twin).iter().filter(|h| h.contains(" full ")).count() < 2;
    assert!(watch.until(LONG, |f| lost(f.twin())), "{:?}", igp(watch.follower().twin()));
    eprintln!("one-way loss seen after {:?} (dead interval 4 s)", began.elapsed());
    assert_eq!(watch.follower().twin().cables().len(), 1, "the cable is still there");
    sh(&format!("ip netns exec {} nft delete table netdev t", lab.b.0));
    assert!(watch.until(LONG, |f| !lost(f.twin())), "healed");
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas));
}

/// Medians and maxima of 20 changes: from the arrival of what tells it, and from the command, to the delta.
#[test]
#[ignore = "a measurement of a minute"]
fn how_long_changes_take() {
    if !can_route() {
        return;
    }
    let lab = lab();
    let mut watch = lab.watch();
    watch.settle(Duration::from_millis(500));
    measure(
        "netlink: far end down/up -> carrier",
        &mut watch,
        |i| {
            lab.b.ip(if i % 2 == 0 { "link set lo down" } else { "link set lo up" });
        },
        |change| matches!(change, Change::Entity { key, .. } if key.as_str().ends_with("/lo")),
    );
    measure(
        "netlink: route",
        &mut watch,
        |i| {
            lab.a.ip(&format!("route {} blackhole 10.77.0.0/16", if i % 2 == 0 { "add" } else { "del" }));
        },
        |change| matches!(change, Change::Route { .. }),
    );
    measure(
        "OSPF cost",
        &mut watch,
        |i| {
            lab.frr[0].set(&format!("ip ospf cost {}", 20 + i));
        },
        |change| matches!(change, Change::HalfLink { key, .. } if key.layer == Layer::Igp),
    );
    drop(lab.far);
}

fn measure(what: &str, watch: &mut Watch, act: impl Fn(u32), is_it: impl Fn(&Change) -> bool) {
    let (mut from_arrival, mut from_command) = (Vec::new(), Vec::new());
    for i in 0..20 {
        watch.settle(Duration::from_millis(300));
        let seen = watch.deltas.len();
        let command = now();
        act(i);
        let end = Instant::now() + LONG;
        let delta = loop {
            let found = watch.deltas[seen..].iter().find(|d| d.changes.iter().any(&is_it)).cloned();
            match found {
                Some(delta) => break delta,
                None => assert!(Instant::now() < end, "{what}: no such change came"),
            }
            watch.until(Duration::from_millis(20), |_| false);
        };
        let ms = |from: twin::WallTime| (delta.learned_at.as_ns() - from.as_ns()) as f64 / 1e6;
        from_arrival.push(ms(delta.valid_at));
        from_command.push(ms(command));
    }
    for (from, list) in [("arrival", &mut from_arrival), ("command", &mut from_command)] {
        list.sort_by(f64::total_cmp);
        eprintln!("{what}: from {from} to delta: median {:.2} ms, max {:.2} ms", list[10], list[19]);
    }
}
