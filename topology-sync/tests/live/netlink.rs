//! The kernel of a namespace, changed by `ip`.

use std::time::Duration;

use twin::{EntityKey, Fib, RouteAction, Twin};

use crate::lab::{Netns, Watch, can_run, lines, replayed, sh};

const LONG: Duration = Duration::from_secs(10);

fn watch(netns: &Netns) -> Watch {
    let mut watch = Watch::start(&format!("nodes: {{r: {{netlink: {{netns: {}}}}}}}", netns.0));
    assert!(
        watch.until(LONG, |f| f.twin().fib(&key(f.twin())).is_some()),
        "the first reading ends with routes"
    );
    watch
}

/// The key of the one node.
fn key(twin: &Twin) -> EntityKey {
    twin.nodes().iter().find(|n| n.name == "r").map_or(EntityKey::new(""), |n| n.key.clone())
}

/// Two namespaces with two cables; the first has addresses and routes of every kind.
fn cabled() -> (Netns, Netns) {
    let (a, b) = (Netns::new("a"), Netns::new("b"));
    for cable in ["eth1", "eth2"] {
        sh(&format!("ip link add {cable} netns {} type veth peer name {cable} netns {}", a.0, b.0));
        a.ip(&format!("link set {cable} up"));
        b.ip(&format!("link set {cable} up"));
    }
    for (number, cable) in [(1, "eth1"), (2, "eth2")] {
        a.ip(&format!("addr add 10.0.{number}.1/24 dev {cable}"));
        a.ip(&format!("-6 addr add 2001:db8:{number}::1/64 dev {cable} nodad"));
    }
    a.ip("nexthop add id 7 via 10.0.1.9 dev eth1");
    a.ip("nexthop add id 8 via 10.0.2.9 dev eth2");
    a.ip("nexthop add id 9 group 7/8");
    a.ip("route add 10.9.0.0/16 nhid 9");
    a.ip("route add 10.8.0.0/16 nexthop via 10.0.1.9 nexthop via 10.0.2.9");
    a.ip("route add 10.7.0.0/16 via 10.0.1.9");
    a.ip("route add blackhole 10.6.0.0/16");
    a.ip("route add unreachable 10.5.0.0/16");
    a.ip("-6 route add 2001:db8:9::/48 nexthop via 2001:db8:1::9 nexthop via 2001:db8:2::9");
    (a, b)
}

fn ports(twin: &Twin, prefix: &str) -> String {
    let prefix = prefix.parse().expect("a prefix");
    match twin.fib(&key(twin)).and_then(|fib| fib.exact(prefix)) {
        Some(RouteAction::Forward(hops)) => {
            let hop = |h: &twin::NextHop| h.port.as_str().rsplit('/').next().unwrap_or_default().to_owned();
            hops.iter().map(hop).collect::<Vec<_>>().join(" ")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn every_change_reaches_the_twin_and_a_fresh_reading_says_the_same() {
    if !can_run(&["ip"]) {
        return;
    }
    let (a, b) = cabled();
    let mut watch = watch(&a);
    let twin = watch.follower().twin();
    assert_eq!(ports(twin, "10.9.0.0/16"), "eth1 eth2", "by a group of next-hop objects");
    assert_eq!(ports(twin, "10.8.0.0/16"), "eth1 eth2");
    assert_eq!(ports(twin, "2001:db8:9::/48"), "eth1 eth2");
    assert_eq!(ports(twin, "10.6.0.0/16"), "Some(Blackhole)");
    assert_eq!(ports(twin, "10.5.0.0/16"), "Some(Unreachable)");
    assert_eq!(ports(twin, "10.0.1.1/32"), "Some(Local)");

    let steps: [(&str, &dyn Fn(), &str, &str); 9] = [
        (
            "a pure change of an object",
            &|| a.ip("nexthop replace id 8 via 10.0.1.8 dev eth1"),
            "10.9.0.0/16",
            "eth1 eth1",
        ),
        ("a member leaves", &|| a.ip("nexthop replace id 9 group 7"), "10.9.0.0/16", "eth1"),
        ("an object goes with its routes", &|| a.ip("nexthop del id 9"), "10.9.0.0/16", "None"),
        ("replaced", &|| a.ip("route replace 10.7.0.0/16 via 10.0.2.9"), "10.7.0.0/16", "eth2"),
        (
            "one hop of IPv6 goes",
            &|| a.ip("-6 route del 2001:db8:9::/48 via 2001:db8:1::9"),
            "2001:db8:9::/48",
            "eth2",
        ),
        ("the far end goes down", &|| b.ip("link set eth2 down"), "10.8.0.0/16", "eth1"),
        ("and up", &|| b.ip("link set eth2 up"), "10.8.0.0/16", "eth1 eth2"),
        ("down takes routes without a word", &|| a.ip("link set eth2 down"), "10.7.0.0/16", "None"),
        ("a better metric", &|| a.ip("route add 10.8.0.0/16 via 10.0.1.7 metric 5"), "10.8.0.0/16", "eth1"),
    ];
    for (what, act, prefix, expected) in steps {
        act();
        let came = watch.until(LONG, |f| ports(f.twin(), prefix) == expected);
        assert!(came, "{what}: {prefix} is {:?}, not {expected:?}", ports(watch.follower().twin(), prefix));
    }
    a.ip("link set eth2 up");
    a.ip("link set eth1 down");
    a.ip("link set eth1 name wan");
    a.ip("link set wan alias uplink");
    a.ip("link set wan up");
    a.ip("addr del 10.0.2.1/24 dev eth2");
    a.ip("addr add 10.0.2.2/24 dev eth2");
    agree(&mut watch, &a);
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas), "live and replayed");
}

#[test]
fn what_the_kernel_could_not_hold_is_read_again() {
    if !can_run(&["ip"]) {
        return;
    }
    let (a, _b) = cabled();
    let mut watch = Watch::start(&format!("nodes: {{r: {{netlink: {{netns: {}, buffer: 4096}}}}}}", a.0));
    assert!(watch.until(LONG, |f| f.twin().fib(&key(f.twin())).is_some()));
    let file = tempfile::NamedTempFile::new().expect("a file");
    let add = (0..20_000u32).map(|i| format!("route add 30.{}.{}.0/24 via 10.0.1.9\n", i >> 8, i & 255));
    let del = (0..20_000u32).step_by(3).map(|i| format!("route del 30.{}.{}.0/24\n", i >> 8, i & 255));
    std::fs::write(file.path(), add.chain(del).collect::<String>()).expect("a file");
    sh(&format!("ip -n {} -batch {}", a.0, file.path().display()));
    // A reading that the kernel broke off for want of room is made again after a while.
    agree(&mut watch, &a);
    let (journal, deltas) = watch.end();
    assert_eq!(lines(&replayed(&journal)), lines(&deltas));
    let began = r#""table":"routes""#.as_bytes();
    let readings = journal.windows(began.len()).filter(|w| *w == began).count();
    assert!(readings > 1, "the buffer of 4 KB overflowed");
}

/// The twin that was followed becomes that of a fresh reading, once the kernel has come to rest (an IPv6 address appears
/// when nobody has objected to it).
fn agree(watch: &mut Watch, netns: &Netns) {
    let mut fresh = crate::netlink::watch(netns);
    fresh.settle(Duration::from_millis(500));
    for _ in 0..15 {
        let whole = state(fresh.follower().twin());
        if state(watch.follower().twin()) == whole {
            return;
        }
        watch.until(Duration::from_secs(2), |f| state(f.twin()) == whole);
        fresh = crate::netlink::watch(netns);
        fresh.settle(Duration::from_millis(500));
    }
    same(watch.follower().twin(), fresh.follower().twin());
}

fn state(twin: &Twin) -> (Vec<String>, Option<std::sync::Arc<Fib>>) {
    (twin.entities().map(|e| format!("{e:?}")).collect(), twin.fib(&key(twin)).cloned())
}

/// Equal but for what the kernel forgets by itself (neighbours age).
fn same(a: &Twin, b: &Twin) {
    let keys = |t: &Twin| t.entities().map(|e| format!("{e:?}")).collect::<Vec<_>>();
    assert_eq!(keys(a), keys(b));
    let routes = |t: &Twin| t.fib(&key(t)).map(|f: &std::sync::Arc<Fib>| f.routes()).unwrap_or_default();
    let (a, b) = (routes(a), routes(b));
    let differ = a.iter().zip(&b).find(|(a, b)| a != b);
    assert!(a == b, "{} and {} routes; the first that differ: {differ:?}", a.len(), b.len());
}

/// How long a large table takes from the request to the twin: `UMBRA_ROUTES=1000000 cargo test --release … -- --ignored
/// --nocapture a_large_table`. Nothing is asserted of time.
#[test]
#[ignore = "a measurement; fills a namespace with routes"]
fn a_large_table_in_the_twin() {
    if !can_run(&["ip"]) {
        return;
    }
    let count: u32 = std::env::var("UMBRA_ROUTES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let (a, _b) = cabled();
    let batch: String = (0..count)
        .map(|i| {
            let net = std::net::Ipv4Addr::from(0x1400_0000 + (i << 8));
            format!("route add {net}/24 via 10.0.{}.{}\n", i % 2 + 1, i % 61 + 10)
        })
        .collect();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), batch).expect("a file");
    sh(&format!("ip -n {} -batch {}", a.0, file.path().display()));
    let began = std::time::Instant::now();
    let watch = watch(&a);
    let wall = began.elapsed();
    let routes = watch.follower().twin().fib(&key(watch.follower().twin())).map_or(0, |fib| fib.len());
    assert!(routes >= count as usize, "{routes}");
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
    eprintln!("{routes} routes in the twin after {wall:?}; {peak}");
    let (journal, _) = watch.end();
    let began = std::time::Instant::now();
    replayed(&journal);
    eprintln!("journal of {} MB replayed in {:?}", journal.len() >> 20, began.elapsed());
}
