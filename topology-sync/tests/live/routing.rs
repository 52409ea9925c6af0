//! OSPF between two real routers, heard on the cable; and how long changes take from each source to the twin.

use std::process::Command;
use std::time::{Duration, Instant};

use twin::{Change, Layer, Twin};
use umbra_topology_sync::source::live::now;

use crate::lab::{Netns, Watch, can_run, lines, replayed, sh};
use crate::wires::{Lldpd, cable};

const FRR: &str = "/usr/lib/frr/zebra";
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Routing daemons of a namespace; they end with the test.
pub(crate) struct Frr(String);

impl Frr {
    /// OSPF on `eth1`, with a dead interval of four seconds.
    fn start(netns: &Netns, number: u8) -> Self {
        let conf = format!(
            "interface eth1\n ip address 10.1.0.{number}/24\n ip ospf network point-to-point\n ip ospf area 0\n \
             ip ospf hello-interval 1\n ip ospf dead-interval 4\n ip ospf cost 10\nrouter ospf\n \
             ospf router-id 10.0.0.{number}\n timers throttle lsa all 0\n timers lsa min-arrival 0\n"
        );
        Self::run(netns, &[("zebra", "", &conf), ("ospfd", "", &conf)])
    }

    /// BGP with the other end of `eth1`, `10.1.0.{peer}`, told by BMP to a station at `127.0.0.1:5000`.
    pub(crate) fn start_bgp(netns: &Netns, number: u8, peer: u8) -> Self {
        netns.ip(&format!("addr add 10.1.0.{number}/24 dev eth1"));
        let conf = format!(
            "router bgp 6500{number}\n bgp router-id 10.0.0.{number}\n no bgp ebgp-requires-policy\n \
             no bgp network import-check\n timers connect 1\n neighbor 10.1.0.{peer} remote-as external\n \
             neighbor 10.1.0.{peer} timers connect 1\n neighbor 10.1.0.{peer} advertisement-interval 0\n \
             address-family ipv6 unicast\n  neighbor 10.1.0.{peer} activate\n exit-address-family\n \
             bmp targets t\n  bmp monitor ipv4 unicast post-policy\n  bmp monitor ipv6 unicast post-policy\n  \
             bmp connect 127.0.0.1 port 5000 min-retry 100 max-retry 500\n exit\n"
        );
        Self::run(netns, &[("zebra", "", ""), ("bgpd", "-M bmp", &conf)])
    }

    /// OSPF on `eth1` and `eth2`, and a session of one AS between the loopbacks, told by BMP to `127.0.0.1:5000`.
    pub(crate) fn start_inside(netns: &Netns, number: u8, peer: u8) -> Self {
        let link = |n: u8| {
            format!(
                "interface eth{n}\n ip ospf network point-to-point\n ip ospf area 0\n ip ospf hello-interval 1\n \
                 ip ospf dead-interval 4\n ip ospf cost 10\n"
            )
        };
        let ospf = format!(
            "{}{}interface lo\n ip ospf area 0\nrouter ospf\n ospf router-id 10.0.0.{number}\n \
             timers throttle lsa all 0\n timers lsa min-arrival 0\n",
            link(1),
            link(2)
        );
        let bgp = format!(
            "router bgp 65000\n bgp router-id 10.0.0.{number}\n no bgp network import-check\n timers connect 1\n \
             neighbor 10.0.0.{peer} remote-as internal\n neighbor 10.0.0.{peer} update-source lo\n \
             neighbor 10.0.0.{peer} timers connect 1\n bmp targets t\n  bmp monitor ipv4 unicast post-policy\n  \
             bmp connect 127.0.0.1 port 5000 min-retry 100 max-retry 500\n exit\n"
        );
        Self::run(netns, &[("zebra", "", ""), ("ospfd", "", &ospf), ("bgpd", "-M bmp", &bgp)])
    }

    /// Daemons with their options and configurations.
    fn run(netns: &Netns, daemons: &[(&str, &str, &str)]) -> Self {
        let name = netns.0.clone();
        let (etc, run) = (format!("/etc/frr/{name}"), format!("/var/run/frr/{name}"));
        sh(&format!("mkdir -p {etc} {run} && printf '' > {etc}/vtysh.conf"));
        for (daemon, _, conf) in daemons {
            std::fs::write(format!("{etc}/{daemon}.conf"), conf).expect("a file");
        }
        sh(&format!("chown -R frr:frr {etc} {run}"));
        for (daemon, options, _) in daemons {
            sh(&format!(
                "ip netns exec {name} /usr/lib/frr/{daemon} {options} -d -N {name} -A 127.0.0.1 -f {etc}/{daemon}.conf"
            ));
        }
        Self(name)
    }

    /// Gives a command in a context.
    pub(crate) fn set(&self, context: &str, command: &str) {
        self.say(&["configure terminal", context, command]);
    }

    /// Gives a command in a BGP router's context for IPv6.
    pub(crate) fn set_v6(&self, context: &str, command: &str) {
        self.say(&["configure terminal", context, "address-family ipv6 unicast", command]);
    }

    fn say(&self, commands: &[&str]) {
        let words = ["-N", &self.0].into_iter().chain(commands.iter().flat_map(|c| ["-c", c]));
        let output = Command::new("vtysh").args(words).output().expect("vtysh runs");
        assert!(output.status.success(), "{commands:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

impl Drop for Frr {
    fn drop(&mut self) {
        let name = &self.0;
        let script = format!("kill $(ip netns pids {name}); rm -rf /etc/frr/{name} /var/run/frr/{name}");
        let _ = Command::new("sh").args(["-c", &script]).status();
    }
}

pub(crate) fn can_route() -> bool {
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

/// The daemons end before their namespaces go.
struct Lab {
    frr: [Frr; 2],
    near: Lldpd,
    _far: Lldpd,
    a: Netns,
    b: Netns,
}

fn lab() -> Lab {
    let (a, b) = (Netns::new("ra"), Netns::new("rb"));
    cable(&a, &b);
    let frr = [Frr::start(&a, 1), Frr::start(&b, 2)];
    let (near, far) = (Lldpd::start(&a, "near", 1), Lldpd::start(&b, "far", 1));
    Lab { frr, near, _far: far, a, b }
}

impl Lab {
    /// Kernels, one lldpd, and the wire. No router is asked: adjacencies come from frames alone.
    fn watch(&self) -> Watch {
        let watch = Watch::start(&format!(
            "nodes:\n  near: {{netlink: {{netns: {0}}}, lldpd: {{socket: {1}}}}}\n  far: {{netlink: {{netns: {2}}}}}\n\
             wires:\n  w: {{netns: {0}, interfaces: [eth1]}}\n",
            self.a.0,
            self.near.socket(),
            self.b.0
        ));
        adjacent(watch, 2)
    }
}

/// Waits for so many half-links with full adjacencies.
fn adjacent(mut watch: Watch, count: usize) -> Watch {
    let came = watch.until(LONG, |f| full(f.twin()) == count);
    assert!(came, "an adjacency in both directions: {:?}", igp(watch.follower().twin()));
    watch
}

fn full(twin: &Twin) -> usize {
    igp(twin).iter().filter(|half| half.contains(" full ")).count()
}

/// Drops all frames at a hook of `eth1`, `egress` or `ingress`, without a sign to anybody.
fn silence(netns: &Netns, hook: &str) {
    let chain = format!("type filter hook {hook} device eth1 priority 0; policy drop;");
    sh(&format!("ip netns exec {} nft 'add table netdev t; add chain netdev t c {{ {chain} }}'", netns.0));
}

fn mend(netns: &Netns) {
    sh(&format!("ip netns exec {} nft delete table netdev t", netns.0));
}

#[test]
fn silent_loss_is_seen_after_the_dead_interval_and_carrier_stays() {
    if !can_route() {
        return;
    }
    let lab = lab();
    let mut watch = lab.watch();
    silence(&lab.b, "egress");
    let began = Instant::now();
    assert!(watch.until(LONG, |f| full(f.twin()) < 2), "{:?}", igp(watch.follower().twin()));
    eprintln!("one-way loss seen after {:?} (dead interval 4 s)", began.elapsed());
    assert_eq!(watch.follower().twin().cables().len(), 1, "the cable is still there");
    mend(&lab.b);
    assert!(watch.until(LONG, |f| full(f.twin()) == 2), "healed");
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas));
}

#[test]
fn a_wire_alone_tells_adjacencies_and_which_direction_is_lost() {
    if !can_route() {
        return;
    }
    let (a, b) = (Netns::new("oa"), Netns::new("ob"));
    cable(&a, &b);
    let _frr = [Frr::start(&a, 1), Frr::start(&b, 2)];
    let watch = Watch::start(&format!("wires: {{w: {{netns: {}, interfaces: [eth1]}}}}", a.0));
    let mut watch = adjacent(watch, 2);
    // At the tapped end nothing comes in any more; then what is sent from there is not heard at the other.
    for (netns, hook) in [(&b, "egress"), (&b, "ingress")] {
        silence(netns, hook);
        let began = Instant::now();
        assert!(watch.until(LONG, |f| full(f.twin()) < 2), "{hook}: {:?}", igp(watch.follower().twin()));
        eprintln!("by the wire alone, loss at {hook} seen after {:?} (dead interval 4 s)", began.elapsed());
        mend(netns);
        assert!(watch.until(LONG, |f| full(f.twin()) == 2), "healed");
    }
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas));
}

/// Two routers with a BGP session, of which the first tells by BMP.
fn speakers(kernels: bool) -> (Watch, [Netns; 2], [Frr; 2]) {
    let (a, b) = (Netns::new("ba"), Netns::new("bb"));
    cable(&a, &b);
    let frr = [Frr::start_bgp(&a, 1, 2), Frr::start_bgp(&b, 2, 1)];
    let kernel = |n: &Netns| if kernels { format!("netlink: {{netns: {}}}, ", n.0) } else { String::new() };
    let bmp = |n: &Netns| format!("bmp: {{listen: '127.0.0.1:5000', netns: {}}}", n.0);
    let config =
        format!("nodes:\n  near: {{{}{}}}\n  far: {{{}{}}}\n", kernel(&a), bmp(&a), kernel(&b), bmp(&b));
    (Watch::start(&config), [a, b], frr)
}

/// The BGP layer: who has sessions, by port.
fn sessions(twin: &Twin) -> usize {
    twin.half_links(Layer::Bgp).len()
}

#[test]
fn bgp_sessions_follow_what_routers_tell_by_bmp() {
    if !can_route() {
        return;
    }
    for kernels in [true, false] {
        let (mut watch, _netns, frr) = speakers(kernels);
        assert!(
            watch.until(LONG, |f| sessions(f.twin()) == 2),
            "kernels {kernels}: both ends tell the session"
        );
        frr[0].set("router bgp 65001", "neighbor 10.1.0.2 shutdown");
        assert!(watch.until(LONG, |f| sessions(f.twin()) == 0), "kernels {kernels}: it is down");
        frr[0].set("router bgp 65001", "no neighbor 10.1.0.2 shutdown");
        assert!(watch.until(LONG, |f| sessions(f.twin()) == 2), "kernels {kernels}: it is up again");
        let (journal, deltas) = watch.end();
        assert_eq!(lines(&replayed(&journal)), lines(&deltas));
    }
}

/// As [`how_long_changes_take`], of BGP sessions and routes.
#[test]
#[ignore = "a measurement of a minute"]
fn how_long_bgp_takes() {
    if !can_route() {
        return;
    }
    let (mut watch, _netns, frr) = speakers(true);
    assert!(watch.until(LONG, |f| sessions(f.twin()) == 2));
    measure(
        "BMP: session down/up",
        &mut watch,
        |i| {
            let no = if i % 2 == 0 { "" } else { "no " };
            frr[0].set("router bgp 65001", &format!("{no}neighbor 10.1.0.2 shutdown"));
        },
        |change| matches!(change, Change::HalfLink { key, .. } if key.layer == Layer::Bgp),
    );
    measure(
        "BGP: route announced/withdrawn by the peer",
        &mut watch,
        |i| {
            let no = if i % 2 == 0 { "" } else { "no " };
            frr[1].set("router bgp 65002", &format!("{no}network 192.0.2.0/24"));
        },
        |change| matches!(change, Change::Route { .. }),
    );
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
            lab.frr[0].set("interface eth1", &format!("ip ospf cost {}", 20 + i));
        },
        |change| matches!(change, Change::HalfLink { key, .. } if key.layer == Layer::Igp),
    );
}

/// As [`how_long_changes_take`], of a neighbour's new name that an LLDP agent tells as an event.
#[test]
#[ignore = "a measurement of a minute"]
fn how_long_an_agents_events_take() {
    if !can_run(&["ip", "unshare", "lldpd", "lldpcli"]) {
        return;
    }
    let (a, b) = (Netns::new("ea"), Netns::new("eb"));
    cable(&a, &b);
    let (near, far) = (Lldpd::start(&a, "near", 1), Lldpd::start(&b, "far", 1));
    let mut watch = Watch::start(&format!(
        "nodes: {{near: {{netlink: {{netns: {}}}, lldpd: {{socket: {}}}}}}}",
        a.0,
        near.socket()
    ));
    assert!(watch.until(LONG, |f| f.twin().node_named("far").is_some()), "it is heard");
    measure(
        "lldpd watch: the neighbour's system name",
        &mut watch,
        |i| sh(&format!("lldpcli -u {} configure system hostname far-{i}", far.socket())),
        |change| matches!(change, Change::Entity { after: Some(e), .. } if e.name.starts_with("far-")),
    );
}

pub(crate) fn measure(what: &str, watch: &mut Watch, act: impl Fn(u32), is_it: impl Fn(&Change) -> bool) {
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
