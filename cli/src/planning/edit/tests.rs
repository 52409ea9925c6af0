use expect_test::expect;
use twin::{BitsPerSec, Csr, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};
use twin::{Demand, DemandMatrix, EntityKey, Location, Snapshot};

use super::*;

/// A triangle and a link twice, in kbit/s, with a demand between each two of a, b, c.
fn net() -> Snapshot {
    let mut net = TwinBuilder::new("t");
    let [a, b, c] = [("a", 0.0), ("b", 1.0), ("c", 2.0)]
        .map(|(name, x)| net.node(name, NodeKind::Router, Some(Location { x, y: 0.0, geographical: true })));
    let spec = LinkSpec::symmetric(10, BitsPerSec::mbps(1), SimDuration::ZERO);
    net.link("ab", &a, &b, spec);
    net.link("bc", &b, &c, spec);
    net.link("bc2", &b, &c, spec);
    net.link("ca", &c, &a, spec);
    let pairs = [(&a, &b), (&a, &c), (&b, &a), (&b, &c), (&c, &a), (&c, &b)];
    let demand =
        |(src, dst): (&EntityKey, &EntityKey)| Demand { src: src.clone(), dst: dst.clone(), bps: 1e3 };
    Snapshot {
        demands: Some(DemandMatrix::new(pairs.map(demand))),
        twin: net.finish(),
        unit_bps: 1e3,
        ..Snapshot::default()
    }
}

fn edit(edits: &str) -> Result<Snapshot, InputError> {
    let text = format!("format: umbra-edit/1\ngroups: {{two: [a, b]}}\nedits:\n{edits}");
    EditFile::parse("e.yaml", &text)?.apply(net(), Layer::Igp)
}

/// Each link with its arcs as `src-dst weight capacity-in-kbit/s`.
fn links(net: &Snapshot) -> Vec<String> {
    let csr = Csr::compile(&net.twin, Layer::Igp);
    let arc = |a: &twin::ArcId| {
        let name = |n: twin::NodeId| &csr.node_names[n.index()];
        let i = a.index();
        format!(
            "{}-{} {} {}",
            name(csr.src[i]),
            name(csr.dst[i]),
            csr.metric[i],
            csr.capacity[i].get() / 1000
        )
    };
    let link = |(name, arcs): (&String, &Vec<twin::ArcId>)| {
        format!("{name}: {}", arcs.iter().map(arc).collect::<Vec<_>>().join(", "))
    };
    csr.link_names.iter().zip(&csr.link_arcs).map(link).collect()
}

/// Demands in kbit/s.
fn demands(net: &Snapshot) -> Vec<(String, String, f64)> {
    let name = |key: &EntityKey| net.twin.entity(key).unwrap().name.clone();
    let list = net.demands.as_ref().unwrap().demands();
    list.iter().map(|d| (name(&d.src), name(&d.dst), d.bps / 1e3)).collect()
}

#[test]
fn links_keep_their_numbers_and_new_ones_follow() {
    let net = edit(
        "  - remove: ab\n  - add_node: {name: d, longitude: 3, latitude: 0}\n  \
           - add_link: {between: [c, d], capacity: 2M, weight: 5}\n  \
           - set: {link: bc2, capacity: 10, weight: 7}\n  - set: {link: a -> c, weight: 3}\n",
    )
    .unwrap();
    expect![[r#"
        ab: 
        bc: b-c 10 1000, c-b 10 1000
        bc2: b-c 7 10, c-b 7 10
        ca: c-a 10 1000, a-c 3 1000
        c - d: c-d 5 2000, d-c 5 2000"#]]
    .assert_eq(&links(&net).join("\n"));
    let csr = Csr::compile(&net.twin, Layer::Igp);
    let delay = csr.delay[csr.arc_count() - 1].as_secs_f64();
    assert!((delay - 111.19 * 5e-6).abs() < 1e-7, "one degree of the equator in fibre: {delay}");
}

#[test]
fn links_without_cables_keep_their_numbers_too() {
    let mut base = net();
    // As discovery does where only the IGP speaks: half-links without cables.
    for cable in base.twin.cables().into_iter().map(|c| c.key.clone()).collect::<Vec<_>>() {
        base.twin.set(&twin::Change::Entity { key: cable, before: None, after: None });
    }
    let before = Csr::compile(&base.twin, Layer::Igp);
    let text =
        "format: umbra-edit/1\nedits: [{remove: 1}, {add_link: {between: [a, b], capacity: 1, weight: 1}}]\n";
    let edited = EditFile::parse("e", text).unwrap().apply(base, Layer::Igp).unwrap();
    let after = Csr::compile(&edited.twin, Layer::Igp);
    assert_eq!(after.link_keys[..4], before.link_keys[..]);
    assert_eq!((after.link_arcs[1].len(), after.link_arcs[4].len()), (0, 2));
}

#[test]
fn a_link_becomes_members_and_links_become_a_bundle() {
    let net = edit(
        "  - bundle: {links: ca, members: 3, min_links: 2}\n  - bundle: {links: b - c, name: trunk, weight: 7}\n  \
           - remove: ab\n",
    )
    .unwrap();
    expect![[r#"
        ab: 
        bc: 
        bc2: 
        ca: c-a 10 1000, a-c 10 1000
        ca/1: 
        ca/2: 
        ca/3: 
        trunk: b-c 7 2000, c-b 7 2000"#]]
    .assert_eq(&links(&net).join("\n"));
    let csr = Csr::compile(&net.twin, Layer::Igp);
    let link = |l: u32| twin::LinkId(l);
    let of = |b: &twin::Bundle| (b.link, b.members.clone(), b.min_links);
    assert_eq!(
        csr.bundles.iter().map(of).collect::<Vec<_>>(),
        [(link(3), vec![link(4), link(5), link(6)], 2), (link(7), vec![link(1), link(2)], 1)]
    );
    // A snapshot holds it.
    let read = Snapshot::from_json("net.json", &net.to_json()).unwrap();
    assert_eq!(Csr::compile(&read.twin, Layer::Igp).bundles, csr.bundles);
}

#[test]
fn a_node_goes_with_its_demands_or_stands_still_and_loses_them() {
    let gone = edit("  - remove: c\n").unwrap();
    assert_eq!(demands(&gone).len(), 2);
    let down = edit("  - down: [c]\n").unwrap();
    assert_eq!(demands(&down).len(), 6);
    assert_eq!(links(&gone), links(&down));
    assert_eq!(links(&down)[1..], ["bc: ", "bc2: ", "ca: "]);
}

#[test]
fn demands_are_scaled_grown_set_and_moved_in_order() {
    let edits = "  - scale: {factor: 2}\n  - scale: {factor: 3, from: two, to: c}\n  \
         - grow: {percent_per_year: 50, years: 2, from: c}\n  - add_demand: {from: a, to: b, volume: 1k}\n  \
         - set_demand: {from: b, to: a, volume: 7}\n  - remove_demand: {from: c, to: b}\n";
    let volumes: Vec<_> = demands(&edit(edits).unwrap()).iter().map(|d| d.2).collect();
    assert_eq!(volumes, [3.0, 6.0, 7.0, 6.0, 4.5], "a-b, a-c, b-a, b-c, c-a");
    let at: f64 = demands(&edit("  - scale: {factor: 0, at: [b]}\n").unwrap()).iter().map(|d| d.2).sum();
    assert_eq!(at, 2.0, "what has no end at b stays");
}

#[test]
fn errors_name_place_expectation_and_nearest_name() {
    let wrong = [
        "  - remove: abc\n",
        "  - add_link: {between: [a, d], capacity: 1, weight: 1}\n",
        "  - add_link: {between: [a, a], capacity: 1, weight: 1}\n",
        "  - add_link: {between: [a, b], capacity: 0, weight: 1}\n",
        "  - add_link: {between: [a, b], capacity: fast, weight: 1}\n",
        "  - add_link: {between: [a, b], capacity: 1, weight: 1.5}\n",
        "  - add_link: {between: [a, b], capacity: 1}\n",
        "  - add_node: {name: a}\n",
        "  - add_node: {name: d, longitude: 3}\n",
        "  - add_node: {name: d, longitude: 3, latitude: 91}\n",
        "  - set: {link: ab}\n",
        "  - set: {link: a -> x, weight: 1}\n",
        "  - set: {link: ab, wieght: 1}\n",
        "  - bundle: {links: ab}\n",
        "  - bundle: {links: ab, members: 2.5}\n",
        "  - bundle: {links: ab, members: 2, min_links: 3}\n",
        "  - bundle: {links: b - c, members: 2}\n",
        "  - bundle: {links: [ab, bc]}\n",
        "  - set: {link: bc2, weight: 3}\n  - bundle: {links: b - c}\n",
        "  - set: {link: bc2, capacity: 3}\n  - bundle: {links: b - c}\n",
        "  - bundle: {links: b - c}\n  - bundle: {links: bc, members: 2}\n",
        "  - sacle: {factor: 2}\n",
        "  - scale: {factor: -1}\n",
        "  - scale: {factor: 2, from: tow}\n",
        "  - scale: {factor: 2, from: a, to: a}\n",
        "  - add_demand: {from: a, to: a, volume: 1}\n",
        "  - add_demand: {from: a, to: b, volume: -1}\n",
        "  - remove: ab\n  - set: {link: ab, weight: 2}\n",
        "  - remove_demand: {from: a, to: b}\n  - remove_demand: {from: a, to: b}\n",
    ];
    let errors: Vec<_> = wrong.iter().map(|text| edit(text).unwrap_err().to_string()).collect();
    expect![[r#"
        e.yaml:4:13: unknown element 'abc'; expected a node or link by name, 'A - B' for all links between two nodes, link:N or node:N by number; did you mean 'ab'?
        e.yaml:4:29: unknown node 'd'; expected a node of the network by name or number (0 to 2)
        e.yaml:4:29: a link from a node to itself: 'a'; expected another node
        e.yaml:4:43: a capacity of 0 bit/s; expected a capacity from 1 to 10^18 bit/s
        e.yaml:4:43: 'fast' is no amount; expected one such as 10G, 2.5T, 100M (bit/s) or 620 (in the network's own unit)
        e.yaml:4:54: found 1.5; expected a whole weight from 1 to 4294967295
        e.yaml:4:33: missing field `weight`; expected a file of edits
        e.yaml:4:22: a second node 'a'; expected a name that no node has
        e.yaml:4:22: half a place for 'd'; expected longitude and latitude, or neither
        e.yaml:4:49: found 91; expected a latitude from -90 to 90
        e.yaml:4:17: nothing new for 'ab'; expected capacity, weight or delay_ms
        e.yaml:4:17: unknown node 'x'; expected a node of the network by name or number (0 to 2)
        e.yaml:4:21: unknown member 'wieght'; expected one of link, capacity, weight, delay_ms; did you mean 'weight'?
        e.yaml:4:21: one link 'ab'; expected members: N, or several links
        e.yaml:4:34: found 2.5; expected a whole number of members from 1 to 256
        e.yaml:4:48: found 3; expected a whole number of members from 1 to 2
        e.yaml:4:21: several links 'b - c'; expected one link, where members are counted
        e.yaml:4:22: not all join the same two nodes both ways: 'ab'; expected parallel links
        e.yaml:5:21: different weights of 'b - c'; expected a weight for the bundle
        e.yaml:5:21: different capacities of 'b - c'; expected members of one rate (IEEE 802.1AX)
        e.yaml:5:21: no plain link, or nothing goes over 'bc'; expected links in use that are no bundle
        e.yaml:4:5: unknown word 'sacle'; expected one of add_node, add_link, remove, down, set, bundle, scale, grow, add_demand, set_demand, remove_demand; did you mean 'scale'?
        e.yaml:4:21: found -1; expected a factor of at least 0
        e.yaml:4:30: unknown node 'tow'; expected a node of the network by name or number (0 to 2)
        e.yaml:4:21: no demand is meant by this; expected nodes between which there are demands
        e.yaml:4:31: a demand of 'a' to itself; expected another node
        e.yaml:4:42: '-1' is no amount; expected one such as 10G, 2.5T, 100M (bit/s) or 620 (in the network's own unit)
        e.yaml:5:17: nothing is routed over 'ab'; expected a link that is in use
        e.yaml:5:34: no demand from 'a' to 'b'; expected one to c"#]].assert_eq(&errors.join("\n"));
}
