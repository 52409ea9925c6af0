//! Plans and refusals, without root. What a lab does is tested from outside, in `tests/lab.rs`.

use std::path::Path;

use expect_test::{Expect, expect, expect_file};

use super::{file, from_twin, model, plan};

fn lab(text: &str) -> super::Lab {
    model::resolve("l.yaml", file::parse("l.yaml", text).unwrap()).unwrap()
}

fn script(steps: &[plan::Step]) -> String {
    steps.iter().map(|s| format!("{s}\n")).collect()
}

fn testdata(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name)
}

const SMALL: &str = r#"
format: umbra-lab/1
name: small
nodes:
  r1: {role: router, as: 65000, networks: [192.0.2.0/24], bmp: "127.0.0.1:5000"}
  r2: {role: router, as: 65001, system-name: core.example.net, loopback: 10.0.0.2}
  h1: {role: host, lldp: receive-only}
  x1: {role: hub}
cables:
  - {between: [r1:eth1, r2:eth1], cost: [10, 20], alias: [to r2, null], mtu: [1500, 1400]}
  - {between: [r1:eth2, x1:p1], igp: isis, cost: 30}
  - {between: [r2:eth2, x1:p2], igp: isis, network: broadcast, lost: true}
  - {between: [r2:eth3, h1:eth1], igp: ospf, addresses: ["10.9.0.1/24", ["10.9.0.2/24", "2001:db8::2/64"]]}
  - {between: [r1:eth3, r2:eth4], unnumbered: true, up: [true, false]}
"#;

#[test]
fn the_plan_of_a_small_lab() {
    let lab = lab(SMALL);
    expect_file!["golden/small-up.sh"].assert_eq(&script(&plan::up(&lab, Path::new("/usr/lib/frr"))));
    expect_file!["golden/small-down.sh"].assert_eq(&script(&plan::down(&lab)));
}

/// Replaces `from` by `to` in the small lab, which must then be refused so.
fn refused(from: &str, to: &str, expected: Expect) {
    assert!(SMALL.contains(from), "{from}");
    let parsed = file::parse("l.yaml", &SMALL.replacen(from, to, 1));
    let error = parsed.and_then(|l| model::resolve("l.yaml", l)).unwrap_err();
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_wrong_lab_file_is_refused_with_place_and_nearest_word() {
    refused(
        "umbra-lab/1",
        "umbra-lab/2",
        expect!["l.yaml:2:9: the format 'umbra-lab/2'; expected format: umbra-lab/1"],
    );
    refused(
        "name: small",
        "name: a_b",
        expect!["l.yaml:3:7: 'a_b' as a lab's name; expected 1 to 30 letters, digits or '-'"],
    );
    refused(
        "role: host",
        "role: hots",
        expect![
            "l.yaml:7:14: unknown word 'hots'; expected one of router, host, bridge, hub; did you mean 'host'?"
        ],
    );
    refused(
        "lldp:",
        "ldlp:",
        expect![
            "l.yaml:7:20: unknown member 'ldlp'; expected one of role, system-name, lldp, loopback, as, networks, bmp, recorded; did you mean 'lldp'?"
        ],
    );
    refused(
        "igp: isis",
        "igp: [isis]",
        expect!["l.yaml:11:38: externally tagged enum; expected scalar or mapping"],
    );
    refused(
        "[r1:eth1, r2:eth1]",
        "[r1:eth1, r22:eth1]",
        expect!["l.yaml:10:25: unknown node 'r22'; expected a node of this lab; did you mean 'r2'?"],
    );
    refused(
        "[r1:eth1, r2:eth1]",
        "[r1:eth1]",
        expect!["l.yaml:10:6: invalid length 1; expected an array of length 2"],
    );
    refused(
        "[r1:eth1, r2:eth1]",
        "[r1-eth1, r2:eth1]",
        expect!["l.yaml:10:16: 'r1-eth1' is no end of a cable; expected node:port"],
    );
    refused(
        "r1:eth2",
        "r1:eth1",
        expect!["l.yaml:11:16: a second cable at r1:eth1; expected one cable for each port"],
    );
    refused(
        "r1:eth2",
        "r1:much-too-long-a-name",
        expect![
            "l.yaml:11:16: 'much-too-long-a-name' as a port's name; expected 1 to 15 letters, digits or '-_.'"
        ],
    );
    refused(
        "r1:eth2",
        "r1:lo",
        expect!["l.yaml:11:16: 'lo' as a port's name; expected a name that is not the node's own"],
    );
    refused("cost: 30", "cost: 0", expect!["l.yaml:11:16: a cost of 0; expected 1 to 16777214"]);
    refused(
        "cost: [10, 20]",
        "cost: [10, 65536]",
        expect!["l.yaml:10:16: a cost of 65536; expected 1 to 65535"],
    );
    refused(
        "cost: [10, 20]",
        "cost: [10, 20, 30]",
        expect!["l.yaml:10:41: 3 values; expected one for each end"],
    );
    refused(
        "cost: [10, 20]",
        "cost: [10, -1]",
        expect!["l.yaml:10:46: invalid u32; expected a lab file (umbra-lab/1)"],
    );
    refused(
        "10.9.0.1/24",
        "10.9.0.1/33",
        expect!["l.yaml:13:58: invalid IP address syntax; expected a lab file (umbra-lab/1)"],
    );
    refused(
        "loopback: 10.0.0.2",
        "loopback: 172.16.0.1",
        expect!["l.yaml:6:7: 172.16.0.1 as loopback of r2 and of r1; expected one router for each"],
    );
    refused(
        "as: 65000, ",
        "",
        expect!["l.yaml:5:7: networks or bmp of r1, which has no as; expected as beside them"],
    );
    refused(
        "role: host",
        "role: host, as: 65000",
        expect!["l.yaml:7:7: loopback or as of h1, a host; expected them at routers"],
    );
    refused(
        "system-name: core.example.net",
        "system-name: \"a b\"",
        expect![
            "l.yaml:6:7: 'a b' as a system name; expected 1 to 200 bytes without spaces, quotes or backslashes"
        ],
    );
    refused(
        "to r2",
        "to \\\"r2",
        expect![[
            r#"l.yaml:10:16: 'to \"r2' as an alias; expected 1 to 200 bytes without quotes or backslashes"#
        ]],
    );
    refused(
        "mtu: [1500, 1400]",
        "mtu: 20",
        expect!["l.yaml:10:16: an MTU of 20 bytes; expected 68 to 65535"],
    );
    refused(
        "unnumbered: true",
        "unnumbered: true, addresses: [10.0.0.1/31, 10.0.0.0/31]",
        expect!["l.yaml:14:16: an unnumbered cable; expected routers at both ends, and no addresses"],
    );
    refused(
        "  x1: {role: hub}",
        "  x1: {role: hub}\n  x1: {role: hub}",
        expect!["l.yaml:9:3: a second 'x1'; expected each name once"],
    );
    refused("cables:", "cables", expect!["l.yaml:9:1: simple key; expected ':'"]);
}

#[test]
fn a_medium_has_one_subnet_however_many_relays_join_it() {
    let text = "format: umbra-lab/1\nname: media\nnodes: {a: {role: host}, b: {role: host}, c: {role: host}, \
                x: {role: bridge}, y: {role: hub}}\ncables:\n- {between: [a:e, x:1]}\n- {between: [b:e, y:1]}\n\
                - {between: [x:2, y:2]}\n- {between: [c:e, a:f]}\n";
    let lab = lab(text);
    let address = |n: usize, p: usize| lab.nodes[n].ports[p].addresses[0].to_string();
    assert_eq!([address(0, 0), address(1, 0)], ["10.128.0.1/24", "10.128.0.2/24"]);
    assert_eq!([address(2, 0), address(0, 1)], ["10.128.1.1/24", "10.128.1.2/24"], "a cable of its own");
}

#[test]
fn a_full_medium_is_refused() {
    let hosts: String = (0..255).map(|n| format!("  h{n}: {{role: host}}\n")).collect();
    let cables: String = (0..255).map(|n| format!("  - {{between: [h{n}:e, x:p{n}]}}\n")).collect();
    let text =
        format!("format: umbra-lab/1\nname: full\nnodes:\n  x: {{role: hub}}\n{hosts}cables:\n{cables}");
    let error = model::resolve("l.yaml", file::parse("l.yaml", &text).unwrap()).unwrap_err();
    assert!(error.to_string().starts_with("l.yaml:515:"), "{error}");
    let fewer = text.replace("  - {between: [h254:e, x:p254]}\n", "");
    assert!(model::resolve("l.yaml", file::parse("l.yaml", &fewer).unwrap()).is_ok());
}

#[test]
fn a_recorded_lab_is_shadowed_with_its_names_addresses_and_costs() {
    let lab = super::open(&testdata("lab-a/full")).unwrap();
    let names: Vec<_> = lab.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["e5", "h6", "r1", "r2", "r3", "r4"]);
    let mut cables: Vec<_> = lab
        .cables
        .iter()
        .map(|ends| {
            let end = |(n, p): (usize, usize)| {
                let port = &lab.nodes[n].ports[p];
                format!("{}:{} {} {}", lab.nodes[n].name, port.name, port.addresses[0], port.cost)
            };
            ends.map(end).join(" -- ")
        })
        .collect();
    cables.sort();
    expect![[r#"
        e5:eth1 10.2.0.1/31 10 -- r2:eth3 10.2.0.0/31 10
        h6:eth1 10.3.0.6/24 10 -- r4:eth3 10.3.0.1/24 10
        r1:eth1 10.1.0.0/31 10 -- r2:eth1 10.1.0.1/31 10
        r1:eth2 10.1.3.1/31 20 -- r4:eth2 10.1.3.0/31 20
        r1:eth3 10.1.4.0/31 50 -- r3:eth3 10.1.4.1/31 50
        r2:eth2 10.1.1.0/31 10 -- r3:eth1 10.1.1.1/31 10
        r3:eth2 10.1.2.0/31 10 -- r4:eth1 10.1.2.1/31 10"#]]
    .assert_eq(&cables.join("\n"));
}

#[test]
fn names_that_the_kernel_would_refuse_are_changed() {
    use twin::{BitsPerSec, LinkSpec, NodeKind, SimDuration, TwinBuilder};
    let mut net = TwinBuilder::new("t");
    let nodes = ["São Paulo", "S?o Paulo", "a"].map(|n| net.node(n, NodeKind::Router, None));
    let spec = LinkSpec::symmetric(70_000, BitsPerSec::gbps(10), SimDuration::micros(5));
    net.link("a very long name of a link", &nodes[0], &nodes[1], spec);
    net.link("lo", &nodes[1], &nodes[2], spec);
    let lab = model::resolve("t", from_twin::lab_file("my network", &net.finish())).unwrap();
    let said: Vec<_> = lab
        .nodes
        .iter()
        .map(|n| {
            let ports: Vec<_> = n.ports.iter().map(|p| format!("{} {}", p.name, p.cost)).collect();
            format!("{} {} {}", n.namespace, n.system_name, ports.join(", "))
        })
        .collect();
    expect![[r#"
        my-network_S-o-Paulo S-o-Paulo eth1 65535
        my-network_S-o-Paulo1 S-o-Paulo eth1 65535, eth2 65535
        my-network_a a eth1 65535"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn every_sample_network_has_a_plan() {
    for name in ["lab-d/lab-d.yaml", "lab-d/full", "lab-a/full"] {
        let lab = super::open(&testdata(name)).unwrap();
        assert!(!plan::up(&lab, Path::new("/usr/lib/frr")).is_empty(), "{name}");
    }
}
