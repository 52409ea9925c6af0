//! `umbra lab` from outside, and `umbra sync read` on a lab that is broken while it runs.
//!
//! These tests need root, FRR and lldpd. Where something is missing they say so loudly and test nothing.

mod lab_support;

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab_support::{Lab, Tables, umbra};

/// Longer than any timer of a lab: IS-IS takes up to 25 s to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the lab of `ring.yaml` is, in the steady state.
fn steady() -> Tables {
    Tables::of(
        "
        r1 r1 router
        r2 r2 router
        r3 core.example.net router
        r4 r4 router
        r5 r5 router
        h6 h6 host
        ",
        "
        r1:eth1 r2:eth1 true true true full 10 10
        r1:eth2 r3:eth1 true true true full 20 30
        r2:eth2 r3:eth2 true true true full 15 16
        r4:eth2 r5:eth1 true true true none - -
        r1:eth3 h6:eth1 true true true none - -
        ",
        &["r2:eth3 r3:eth3 r4:eth1"],
        "",
    )
}

#[test]
fn the_twin_follows_a_lab_that_is_cut_moved_renamed_and_silenced() {
    let Some(lab) = Lab::up(include_str!("lab/ring.yaml"), "follow") else { return };
    // Who is asked now and does not answer hears nobody.
    go_through(&lab, |when, truth| lab.becomes(when, truth, PATIENCE), || lab.net(), false);
}

#[cfg(feature = "live")]
#[test]
fn a_watch_follows_the_lab_even_if_it_is_killed_between_events() {
    let Some(lab) = Lab::up(include_str!("lab/ring.yaml"), "watch") else { return };
    let routers = ["r1", "r2", "r3", "r4", "r5"];
    let mut watch = lab.watch(&routers, &["h6"]);
    let net = watch.snapshot();
    let see = |when: &str, truth: &Tables| {
        watch.start();
        watch.becomes(when, truth, PATIENCE);
        if ["mended", "both ways"].contains(&when) {
            // What comes next happens while nobody watches.
            watch.kill();
            watch.becomes(when, truth, Duration::ZERO);
        }
    };
    // What a source said that is lost stands, and is stale.
    go_through(&lab, see, || fs::read_to_string(&net).unwrap(), true);
}

/// Breaks the lab in all ways, one after another; after each the twin, which `see` waits for, is what the lab then is.
/// `dead_hears`: whether an agent that died counts as hearing its neighbours.
fn go_through(lab: &Lab, mut see: impl FnMut(&str, &Tables), net: impl Fn() -> String, dead_hears: bool) {
    let mut truth = steady();
    see("steady", &truth);
    let end = Instant::now() + PATIENCE;
    while !net().contains("192.0.2.0/24") {
        assert!(Instant::now() < end, "the route of r5 has not reached any table");
        sleep(Duration::from_millis(100));
    }

    // A link is cut: nobody hears anything there any more.
    lab.exec("r1", "ip link set eth1 down");
    let cut = truth.remove_cable("r1:eth1");
    see("cut", &truth);
    lab.exec("r1", "ip link set eth1 up");
    truth.add_cable(&cut);
    see("mended", &truth);

    // One direction is lost without a sign: the carrier stays, r3 hears nothing of r2. FRR keeps r2's adjacency, though
    // r3's hellos do not name it any more.
    lab.exec("r2", "nft 'add table netdev l; add chain netdev l o { type filter hook egress device eth2 priority 0; policy drop; }'");
    truth.replace_cable("r2:eth2", "r2:eth2 r3:eth2 true false true one_way 15 16");
    see("one way", &truth);
    lab.exec("r2", "nft delete table netdev l");
    truth.replace_cable("r2:eth2", "r2:eth2 r3:eth2 true true true full 15 16");
    see("both ways", &truth);

    // The host is plugged into another router.
    lab.exec("r1", "ip link delete eth3");
    lab.cable("r2:eth4", "h6:eth1", "02:00:00:06:00:01");
    truth.replace_cable("h6:eth1", "h6:eth1 r2:eth4 true true true none - -");
    see("moved", &truth);

    // It takes another name.
    lab.lldp("h6", &["configure", "system", "hostname", "renamed.example.net"]);
    truth.rename("h6", "renamed.example.net");
    see("renamed", &truth);

    // An agent dies without a word: its neighbours forget it after 8 s, the IGP still tells the cables.
    lab.kill("r3", "lldpd");
    truth.replace_cable("r1:eth2", &format!("r1:eth2 r3:eth1 true {dead_hears} false full 20 30"));
    truth.replace_cable("r2:eth2", &format!("r2:eth2 r3:eth2 true {dead_hears} false full 15 16"));
    see("agent dead", &truth);

    // A route is withdrawn at r5.
    lab.vtysh(
        "r5",
        &["configure terminal", "router bgp 65002", "address-family ipv4 unicast", "no network 192.0.2.0/24"],
    );
    let end = Instant::now() + PATIENCE;
    while net().contains("192.0.2.0/24") {
        assert!(Instant::now() < end, "the route of r5 is still in a table");
        sleep(Duration::from_millis(100));
    }
    see("withdrawn", &truth);
}

#[test]
fn the_shadow_of_a_recorded_lab_has_its_names_cables_and_costs() {
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-a/full");
    let Some(lab) = Lab::shadow(recorded, "shadow") else { return };
    // OSPF runs on every cable of a shadow; towards the host it is passive.
    let truth = Tables::of(
        "
        e5 e5 router
        h6 h6 host
        r1 r1 router
        r2 r2 router
        r3 r3 router
        r4 r4 router
        ",
        "
        r1:eth1 r2:eth1 true true true full 10 10
        r2:eth2 r3:eth1 true true true full 10 10
        r3:eth2 r4:eth1 true true true full 10 10
        r1:eth2 r4:eth2 true true true full 20 20
        r1:eth3 r3:eth3 true true true full 50 50
        e5:eth1 r2:eth3 true true true full 10 10
        h6:eth1 r4:eth3 true true true none - -
        ",
        &[],
        "",
    );
    lab.becomes("shadow", &truth, PATIENCE);
}

#[test]
fn up_refuses_a_lab_that_is_up_and_down_removes_that_lab_alone() {
    let Some(lab) = Lab::up(&small("NAME"), "twice") else { return };
    let stranger = format!("{}_stranger", lab.name);
    lab_support::run("ip", &["netns", "add", &stranger]);
    let again = umbra(&["lab", "up", &lab.file]);
    assert_eq!(again.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is already up"), "{again:?}");
    let listed = umbra(&["lab", "list", &lab.file]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    let processes = "zebra staticd ospfd lldpd";
    let row = |node: &str, role: &str, processes: &str, state: &str| {
        format!("{0},{node},{role},{0}_{node},{processes},{state}\n", lab.name)
    };
    let head = "lab,node,role,namespace,processes,state\n";
    let expected = [
        row("a", "router", processes, "up"),
        row("b", "router", processes, "up"),
        row("c", "host", "lldpd", "up"),
    ];
    assert_eq!(listed, head.to_owned() + &expected.concat());
    lab.kill("b", "ospfd");
    let listed = String::from_utf8(umbra(&["lab", "list", &lab.file]).stdout).unwrap();
    assert!(listed.contains(&row("b", "router", processes, "missing: ospfd")), "{listed}");
    assert_eq!(umbra(&["lab", "down", &lab.file]).status.code(), Some(0));
    assert_eq!(lab.namespaces(), [stranger.as_str()], "its own are gone, others stay");
    lab_support::run("ip", &["netns", "delete", &stranger]);
    assert_eq!(umbra(&["lab", "down", &lab.file]).status.code(), Some(0), "twice is no fault");
    lab.assert_gone();
}

#[test]
fn down_removes_what_a_killed_up_left() {
    let Some(lab) = Lab::prepare(&small("NAME"), "killed") else { return };
    let mut up = Command::new(env!("CARGO_BIN_EXE_umbra"))
        .args(["lab", "up", &lab.file])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    while lab.namespaces().len() < 2 {
        assert!(Instant::now() < end, "no namespace was made");
        sleep(Duration::from_millis(1));
    }
    up.kill().unwrap();
    up.wait().unwrap();
    assert_eq!(umbra(&["lab", "down", &lab.file]).status.code(), Some(0));
    lab.assert_gone();
}

#[test]
fn a_dry_run_needs_nothing_and_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l.yaml");
    fs::write(&file, small("dry")).unwrap();
    let output = umbra(&["lab", "up", file.to_str().unwrap(), "--dry-run"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("ip netns add dry_a\n"));
    assert!(!fs::exists("/run/umbra-lab/dry").unwrap());
}

#[test]
fn a_lab_file_is_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l.yaml");
    fs::write(&file, small("dry")).unwrap();
    let output = String::from_utf8(umbra(&["inspect", file.to_str().unwrap()]).stdout).unwrap();
    assert!(
        output.contains("nodes,3,") && output.contains("routers,2,") && output.contains("cables,2,"),
        "{output}"
    );
}

#[test]
fn a_wrong_lab_file_is_an_input_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l.yaml");
    fs::write(&file, small("dry").replace("role: host", "role: hots")).unwrap();
    let output = umbra(&["lab", "up", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("l.yaml:6:13: ") && error.contains("did you mean 'host'?"), "{error}");
}

fn small(name: &str) -> String {
    format!(
        "format: umbra-lab/1\nname: {name}\nnodes:\n  a: {{role: router}}\n  b: {{role: router}}\n  \
         c: {{role: host}}\ncables:\n- {{between: [a:eth1, b:eth1]}}\n- {{between: [b:eth2, c:eth1]}}\n"
    )
}
