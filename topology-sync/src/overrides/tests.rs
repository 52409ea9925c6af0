//! Overrides over a small network.

use expect_test::{Expect, expect};
use twin::{
    BitsPerSec, EntityKey, EntityKind, HalfLinkKey, Layer, LinkSpec, NodeKind, SimDuration, Snapshot,
    TwinBuilder,
};

use super::*;

/// a - b - c with 10 Gbit/s; the ports are called by the links. A link of their own joins x and y.
fn net() -> Snapshot {
    let mut net = TwinBuilder::new("net");
    let [a, b, c, x, y] = ["a", "b", "c", "x", "y"].map(|n| net.node(n, NodeKind::Router, None));
    let spec = LinkSpec::symmetric(5, BitsPerSec::gbps(10), SimDuration::ZERO);
    for (name, from, to) in [("ab", &a, &b), ("bc", &b, &c), ("xy", &x, &y)] {
        net.link(name, from, to, spec);
    }
    Snapshot { twin: net.finish(), ..Snapshot::default() }
}

fn lay(text: &str) -> (Snapshot, Report) {
    let overrides = Overrides::parse("o.yaml", &format!("format: umbra-overrides/1\n{text}")).unwrap();
    apply(&overrides, net())
}

fn check(text: &str, expected: Expect) -> Snapshot {
    let (snapshot, report) = lay(text);
    let line =
        |r: &ReportRow| format!("{}:{} {}: {} ({})\n", r.line, r.column, r.outcome.word(), r.what, r.detail);
    expected.assert_eq(&report.rows.iter().map(line).collect::<String>());
    let flagged = snapshot.diagnostics.iter().filter(|d| d.code == "stale-override").count();
    assert_eq!(flagged, report.stale().count());
    snapshot
}

fn half(from: &str, to: &str, link: &str) -> HalfLinkKey {
    let port = |node: &str| EntityKey::port(&EntityKey::node(node), link);
    HalfLinkKey { layer: Layer::Igp, from: port(from), to: port(to) }
}

#[test]
fn a_capacity_wins_in_both_directions_or_in_one_and_says_so() {
    let net = check(
        "capacities:\n  - { link: [a, b], capacity: 40G }\n  - { port: 'b:bc', capacity: 2.5G }\n  - link: ['x:xy', 'y:xy']\n    capacity: 10G\n",
        expect![[r#"
            3:14 applied: the capacity of a - b is 40000000000 bit/s (discovered 10000000000)
            4:13 applied: the capacity of b:bc is 2500000000 bit/s (discovered 10000000000)
            5:12 same-as-discovered: the capacity of x:xy - y:xy is 10000000000 bit/s (discovery says the same: it can be deleted)
        "#]],
    );
    let rate = |from, to, link| net.twin.half_link(&half(from, to, link)).unwrap().capacity.get();
    assert_eq!((rate("a", "b", "ab"), rate("b", "a", "ab")), (40_000_000_000, 40_000_000_000));
    assert_eq!((rate("b", "c", "bc"), rate("c", "b", "bc")), (2_500_000_000, 10_000_000_000));
    let evidence = &net.twin.half_link(&half("b", "c", "bc")).unwrap().evidence;
    assert_eq!(evidence.last().unwrap().source, "override");
    assert_eq!(
        &*evidence.last().unwrap().detail,
        "o.yaml:4:13: capacity 2500000000 bit/s, discovered 10000000000"
    );
    assert!(
        net.twin.half_link(&half("x", "y", "xy")).unwrap().evidence.iter().all(|e| e.source != "override")
    );
}

#[test]
fn names_come_first_and_the_discovered_name_still_finds_the_node() {
    let net = check(
        "sites:\n- {node: core-1, site: fra}\n- {node: a, site: fra}\n- {node: bb, site: fra}\nnames:\n- {node: a, name: core-1}\n- {node: c, name: c}\n",
        expect![[r#"
            7:10 applied: a is called core-1 (discovered as a)
            8:10 same-as-discovered: c is called c (discovery says the same: it can be deleted)
            3:10 applied: core-1 is at site fra (no site was known)
            4:10 same-as-discovered: a is at site fra (discovery says the same: it can be deleted)
            5:10 matches-nothing: bb is at site fra (no node 'bb'; did you mean 'b'?)
        "#]],
    );
    let node = net.twin.node_named("core-1").unwrap();
    assert_eq!(node.key, EntityKey::node("a"), "a name is no identity");
    let site = net.twin.entity(node.parent.as_ref().unwrap()).unwrap();
    assert_eq!((site.name.as_str(), site.kind.word()), ("fra", "site"));
}

#[test]
fn an_ignored_link_is_gone_from_every_layer_and_a_known_one_is_there() {
    let net = check(
        "ignored_links:\n- [a, b]\n- [a, c]\nlinks:\n- {between: ['a:ab', 'x:xy'], metric: 7, capacity: 1G}\n- {between: ['b:bc', 'c:bc']}\n- {between: ['b:b', 'c:bc']}\n",
        expect![[r#"
            3:4 applied: the link a - b is ignored (2 half-links of 1 cables taken out)
            4:4 matches-nothing: the link a - c is ignored (no link between a and c)
            6:14 applied: a link a:ab - x:xy (instead of cable:port:node:name:x/xy|port:node:name:y/xy)
            7:14 same-as-discovered: a link b:bc - c:bc (discovery says the same: it can be deleted)
            8:14 matches-nothing: a link b:b - c:bc (node 'b' has no port 'b'; did you mean 'bc'?)
        "#]],
    );
    assert!(net.twin.half_link(&half("a", "b", "ab")).is_none());
    assert!(net.twin.half_link(&half("x", "y", "xy")).is_none(), "a port has one cable");
    let port = |node: &str, name: &str| EntityKey::port(&EntityKey::node(node), name);
    let key = HalfLinkKey { layer: Layer::Igp, from: port("x", "xy"), to: port("a", "ab") };
    let half = net.twin.half_link(&key).unwrap();
    assert_eq!((half.metric, half.capacity), (7, BitsPerSec::gbps(1)));
    assert_eq!(net.twin.cables().len(), 2);
}

#[test]
fn a_risk_group_has_the_members_that_are_there() {
    let net = check(
        "risk_groups:\n- {name: duct, cause: conduit, links: [[a, b], [a, c]], nodes: [c]}\n- {name: none, cause: power, nodes: [q]}\n",
        expect![[r#"
            3:49 matches-nothing: a member of risk group duct (no link between a and c)
            3:10 applied: risk group duct (conduit) (2 members)
            4:38 matches-nothing: a member of risk group none (no node 'q')
            4:10 matches-nothing: risk group none (power) (none of its members is there)
        "#]],
    );
    let EntityKind::RiskGroup { members, .. } =
        &net.twin.entity(&EntityKey::new("risk-group:duct")).unwrap().kind
    else {
        panic!("a risk group")
    };
    assert_eq!(members.len(), 2);
}

#[test]
fn an_override_laid_twice_is_stale_the_second_time() {
    let text = "format: umbra-overrides/1\nnames: [{node: a, name: A}]\nsites: [{node: A, site: s}]\ncapacities: [{link: [a, b], capacity: 1G}]\nlinks: [{between: ['a:ab', 'c:bc'], metric: 1}]\nrisk_groups: [{name: g, cause: span, nodes: [c]}]\n";
    let overrides = Overrides::parse("o.yaml", text).unwrap();
    let (once, first) = apply(&overrides, net());
    let (twice, second) = apply(&overrides, once.clone());
    let outcomes = |r: &Report| r.rows.iter().map(|r| r.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes(&first), {
        let mut all = vec![Outcome::Applied; 5];
        all[3] = Outcome::MatchesNothing; // the link a - b gave way to a - c
        all
    });
    assert!(second.stale().count() == 5, "{:?}", second.rows);
    assert_eq!(twice.twin, once.twin);
}

#[test]
fn errors_name_place_expectation_and_nearest_name() {
    let errors = [
        "format: umbra-overrides/2\n",
        "format: umbra-overrides/1\ncapacites: []\n",
        "format: umbra-overrides/1\ncapacities:\n  - { link: [a, b], capacity: fast }\n",
        "format: umbra-overrides/1\ncapacities:\n  - { capacity: 1G }\n",
        "format: umbra-overrides/1\nlinks:\n  - { between: [a, 'b:ab'] }\n",
        "format: umbra-overrides/1\nnames: [ {node: a\n",
        "names: []\n",
    ];
    let text: String =
        errors.iter().map(|t| format!("{}\n", Overrides::parse("o.yaml", t).unwrap_err())).collect();
    expect![[r#"
        o.yaml:1:9: format 'umbra-overrides/2'; expected format 'umbra-overrides/1'
        o.yaml:2:1: unknown member 'capacites'; expected one of format, names, sites, capacities, risk_groups, ignored_links, links; did you mean 'capacities'?
        o.yaml:3:31: 'fast' is no rate such as 10G, 2.5G, 100M or 1000000 (bit/s); expected a file of overrides
        o.yaml:3:17: a capacity of neither or both; expected link or port
        o.yaml:3:17: 'a'; expected a port as node:port
        o.yaml:2:10: unclosed bracket '{'; expected a file of overrides
        o.yaml:1:1: missing field `format`; expected a file of overrides
    "#]].assert_eq(&text);
}

#[test]
fn rates() {
    let bps = |text| rate(text).map(BitsPerSec::get);
    assert_eq!(
        (bps("10G"), bps("2.5g"), bps("64k"), bps("1000")),
        (Some(10_000_000_000), Some(2_500_000_000), Some(64_000), Some(1000))
    );
    for bad in ["", "G", "0", "-1G", "nan", "inf", "1e30", "0.4"] {
        assert_eq!(bps(bad), None, "{bad}");
    }
}
