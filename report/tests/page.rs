//! What must hold for every page: well-formed, escaped, self-contained, deterministic, whatever is missing.

use expect_test::expect;
use roxmltree::{Document, Node};
use twin::Fidelity;
use umbra_report::page::*;

/// A square of four routers with a lossy half-link a → b, every part of the page filled.
fn square() -> Page {
    let node = |name: &str, lon, lat| MapNode { name: name.into(), place: Some((lon, lat)) };
    let half =
        |load: f64| HalfLink { capacity: 1e9, observed: load * 1e9, shadow: 0.4e9, ..HalfLink::default() };
    let link = |a, b, load| MapLink { a, b, forward: half(load), backward: half(0.2) };
    let mut not_modelled = Fidelity::default();
    not_modelled.note("open-loop", "Senders do not slow down.", Some(4));
    let interval = Interval { value: 0.02, lo: 0.01, hi: 0.03 };
    let loss = Cause {
        class: "link_loss".into(),
        a: "a".into(),
        b: Some("b".into()),
        place: Some(CausePlace::HalfLink(0, true)),
        probability: 0.9,
        std_error: 0.01,
        severity: Some(interval),
        explains: Some((3, 3)),
        log_bayes: 13.0,
        evidence: vec![
            Evidence { source: "flow records".into(), item: "a → b lost 9 of 512".into(), log_bayes: 20.0 },
            Evidence { source: "prior".into(), item: "one of 8 half-links".into(), log_bayes: -7.0 },
        ],
        ..Cause::default()
    };
    let device = Cause {
        class: "device".into(),
        a: "b".into(),
        place: Some(CausePlace::Node(1)),
        probability: 0.06,
        ..Cause::default()
    };
    let none = Cause { class: "none".into(), probability: 0.04, ..Cause::default() };
    Page {
        title: "Square".into(),
        subtitle: "six bins".into(),
        management: vec![Reading { what: "Adjacencies up".into(), value: "4 of 4".into(), healthy: true }],
        map: Map {
            nodes: vec![
                node("a", 8.0, 47.0),
                node("b", 9.0, 47.0),
                node("c", 9.0, 46.0),
                node("d", 8.0, 46.0),
            ],
            links: vec![link(0, 1, 0.4), link(1, 2, 0.9), link(2, 3, f64::NAN), link(3, 0, 1.2)],
            loads: "mean of all bins".into(),
            red_from: 0.8,
            full: 0.0,
        },
        axis: Axis {
            bins: 6,
            bin_s: 60.0,
            judged_from: 2,
            onset: Some(Interval { value: 3.0, lo: 2.8, hi: 3.1 }),
        },
        top: vec![Comparison {
            label: "loss a → b".into(),
            unit: Unit::Share,
            observed: vec![0.0, 0.001, 0.0, 0.02, f64::NAN, 0.021],
            shadow: vec![0.001; 6],
            sigma: vec![0.001; 6],
        }],
        residuals: vec![Deviation {
            label: "loss a → b".into(),
            unit: Unit::Share,
            bin: 3,
            observed: 0.02,
            shadow: 0.001,
            sigma: 0.001,
        }],
        timeline: vec![Strip { label: "loss a → b".into(), z: vec![0.0, 0.0, -2.5, 19.0, f64::NAN, 20.0] }],
        causes: vec![loss, device, none],
        drain: Some(Drain {
            element: "a – b".into(),
            busiest: Some(("b → c".into(), 0.9, 0.95)),
            cut_off: vec![],
            moved: 0.25,
        }),
        probe: Some(Probe { action: "Ping.".into(), if_right: "loss".into(), if_wrong: "none".into() }),
        not_modelled,
        reproduce: Reproduce {
            command: "umbra demo --seed 1".into(),
            seed: 1,
            version: "0".into(),
            trials: 64,
            digests: vec![("result".into(), "ab12".into())],
        },
    }
}

/// Parses the page as XML: every tag closed, every attribute quoted, every text escaped.
fn parse(html: &str) -> Document<'_> {
    let xml = html.strip_prefix("<!DOCTYPE html>\n").expect("the document type comes first");
    Document::parse(xml).unwrap_or_else(|e| panic!("not well-formed: {e}"))
}

fn check(page: &Page) -> String {
    let html = page.render();
    parse(&html);
    let body = html.split("<script>").next().unwrap();
    assert!(!body.contains("NaN") && !body.contains("inf"), "a number that is none");
    html
}

fn texts(html: &str, tag: &str) -> Vec<String> {
    let text =
        |n: Node<'_, '_>| n.descendants().filter_map(|d| d.is_text().then(|| d.text()).flatten()).collect();
    parse(html).descendants().filter(|n| n.has_tag_name(tag)).map(text).collect()
}

#[test]
fn the_full_page_has_its_parts_in_order() {
    let html = check(&square());
    let document = parse(&html);
    let parts: Vec<String> = document
        .descendants()
        .filter(|n| n.attribute("id").is_some() || n.has_tag_name("h1"))
        .map(|n| format!("{} {}", n.tag_name().name(), n.attribute("id").unwrap_or_default()))
        .collect();
    expect![[r#"
        h1 
        figure map
        section drain
        section probe
        section shadow
        h3 residuals
        details links
        section timeline
        section causes
        li cause.link_loss.a.b
        li cause.device.b
        li cause.none
        section not-modelled
        section reproduce"#]]
    .assert_eq(&parts.join("\n"));
    assert_eq!(texts(&html, "h1"), ["Packet loss on a → b"]);
}

#[test]
fn every_link_within_the_page_has_a_target() {
    let html = check(&square());
    let document = parse(&html);
    let ids: Vec<&str> = document.descendants().filter_map(|n| n.attribute("id")).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an id occurs twice");
    for target in document.descendants().filter(|n| n.has_tag_name("a")).filter_map(|n| n.attribute("href")) {
        assert!(ids.contains(&target.strip_prefix('#').unwrap()), "{target} leads nowhere");
    }
}

#[test]
fn half_links_are_coloured_by_what_they_carry() {
    let html = check(&square());
    let document = parse(&html);
    let wide = document.descendants().find(|n| n.attribute("class") == Some("wide")).unwrap();
    let titles = wide.descendants().filter(|n| n.has_tag_name("g")).map(|g| {
        let class = g.descendants().filter_map(|n| n.attribute("class")).find(|c| c.starts_with("l "));
        let title =
            g.descendants().find(|n| n.has_tag_name("title")).and_then(|n| n.text()).unwrap_or_default();
        format!("{}: {}", class.unwrap_or_default(), title.replace('\n', "; ").replace('\u{a0}', " "))
    });
    expect![[r#"
        l u2: a → b; production 400 Mbit/s (40 % of 1 Gbit/s); shadow 400 Mbit/s; Packet loss on a → b: probability 0.90
        l u1: b → a; production 200 Mbit/s (20 % of 1 Gbit/s); shadow 400 Mbit/s
        l u4: b → c; production 900 Mbit/s (90 % of 1 Gbit/s); shadow 400 Mbit/s
        l u1: c → b; production 200 Mbit/s (20 % of 1 Gbit/s); shadow 400 Mbit/s
        l nodata: c → d; production – (– of 1 Gbit/s); shadow 400 Mbit/s
        l u1: d → c; production 200 Mbit/s (20 % of 1 Gbit/s); shadow 400 Mbit/s
        l u5: d → a; production 1.20 Gbit/s (120 % of 1 Gbit/s); shadow 400 Mbit/s
        l u1: a → d; production 200 Mbit/s (20 % of 1 Gbit/s); shadow 400 Mbit/s"#]]
    .assert_eq(&titles.collect::<Vec<_>>().join("\n"));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let html = check(&square());
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("url("));
    assert!(!html.contains(" src="));
}

#[test]
fn texts_from_the_network_cannot_become_markup() {
    let evil = "</title><script>alert('x')</script>&\"\u{0}";
    let mut page = square();
    page.title = evil.into();
    page.subtitle = evil.into();
    page.management[0].value = evil.into();
    page.map.loads = evil.into();
    for node in &mut page.map.nodes {
        node.name = evil.into();
    }
    page.top[0].label = evil.into();
    page.residuals[0].label = evil.into();
    page.timeline[0].label = evil.into();
    for cause in &mut page.causes {
        cause.class = format!("{}{evil}", cause.class);
        cause.a = evil.into();
        cause.b = Some(evil.into());
        cause.object = Some(evil.into());
    }
    page.causes[0].evidence[0] = Evidence { source: evil.into(), item: evil.into(), log_bayes: 1.0 };
    page.drain.as_mut().unwrap().cut_off = vec![(evil.into(), evil.into())];
    page.probe = Some(Probe { action: evil.into(), if_right: evil.into(), if_wrong: evil.into() });
    page.not_modelled.note(evil, evil, None);
    page.reproduce.command = evil.into();
    page.reproduce.digests = vec![(evil.into(), evil.into())];
    let html = check(&page);
    assert_eq!(html.matches("<script>").count(), 1);
    assert!(!html.contains("alert('x')"));
}

#[test]
fn equal_pages_have_equal_bytes() {
    assert_eq!(square().render(), square().clone().render());
}

#[test]
fn an_empty_page_says_that_nothing_was_found() {
    let html = check(&Page::default());
    assert_eq!(texts(&html, "h1"), ["No fault found"]);
}

#[test]
fn without_a_likely_cause_the_page_says_so() {
    let headline = |causes: Vec<(&str, f64)>| {
        let mut page = square();
        page.causes = causes
            .into_iter()
            .map(|(class, probability)| Cause { class: class.into(), probability, ..Cause::default() })
            .collect();
        texts(&check(&page), "h1").concat()
    };
    assert_eq!(headline(vec![("none", 0.97), ("unknown", 0.03)]), "No fault found");
    assert_eq!(headline(vec![("unknown", 0.7), ("none", 0.3)]), "Nothing explains the data");
    assert_eq!(headline(vec![("device", 0.4), ("none", 0.3)]), "No cause stands out");
}

#[test]
fn where_no_flow_is_bad_none_is_said_to_be_explained() {
    let mut page = square();
    page.causes[0].explains = Some((0, 0));
    let html = check(&page);
    assert!(html.contains("of the flows loses clearly more by itself") && !html.contains("bad flows"));
}

#[test]
fn bad_references_and_numbers_do_no_harm() {
    let mut page = square();
    page.map.links.push(MapLink { a: 0, b: 99, ..MapLink::default() });
    page.map.links.push(MapLink { a: 2, b: 2, ..MapLink::default() });
    page.causes[0].place = Some(CausePlace::Links(vec![0, 1_000]));
    page.causes[0].same_as = Some(77);
    page.causes[1].place = Some(CausePlace::Node(1_000));
    page.causes[1].same_as = Some(1);
    page.causes[1].probability = f64::NAN;
    page.causes[2].std_error = f64::INFINITY;
    page.causes[0].severity = Some(Interval { value: f64::NAN, lo: 0.0, hi: f64::INFINITY });
    page.causes[0].evidence[0].log_bayes = f64::NEG_INFINITY;
    page.residuals[0].sigma = 0.0;
    page.axis.bin_s = 0.0;
    page.axis.onset = Some(Interval { value: f64::NAN, lo: f64::NAN, hi: f64::INFINITY });
    page.top[0].sigma.clear();
    page.timeline[0].z.clear();
    page.drain.as_mut().unwrap().moved = f64::NAN;
    check(&page);
}

#[test]
fn improbable_and_certain_causes_are_well_formed_too() {
    for p in [0.0, 0.2, 0.6, 1.0] {
        for q in [0.0, 1.0] {
            let mut page = square();
            page.causes[0].probability = p;
            page.causes[1].probability = q * (1.0 - p);
            page.causes[2].probability = (1.0 - q) * (1.0 - p);
            page.drain.as_mut().unwrap().busiest = None;
            check(&page);
        }
    }
}

#[test]
fn a_long_ranking_is_cut() {
    let mut page = square();
    page.causes.resize(3_000, Cause { class: "device".into(), a: "d".into(), ..Cause::default() });
    let html = check(&page);
    assert!(html.contains("2,950 less probable causes are not shown."));
    assert!(html.len() < 100_000, "{} bytes", html.len());
}

#[test]
fn a_map_without_coordinates_is_still_a_map() {
    let mut page = square();
    for node in &mut page.map.nodes {
        node.place = None;
    }
    let html = check(&page);
    assert_eq!(html.matches("<circle class=\"n\"").count(), 2 * page.map.nodes.len());
}

#[test]
fn a_large_network_stays_small_enough_to_send() {
    let mut page = square();
    let at = |k: usize| (f64::from(k as u32 % 14) * 1.7 - 5.0, 40.0 + f64::from(k as u32 / 14) * 1.1);
    page.map.nodes = (0..150).map(|k| MapNode { name: format!("router-{k}"), place: Some(at(k)) }).collect();
    let link = |k: usize| MapLink { a: k, b: (k * 7 + 1) % 150, ..page.map.links[0].clone() };
    page.map.links = (0..150).map(link).collect();
    let html = check(&page);
    assert!(html.len() < 400_000, "{} bytes", html.len());
    let names = texts(&html, "text").iter().filter(|t| t.starts_with("router-")).count();
    assert!((10..=80).contains(&names), "{names} names");
}
