//! The page about a study: well-formed, escaped, self-contained, with the answer first, whatever is missing.

use roxmltree::{Document, Node};
use umbra_report::page::*;

/// Three nodes in a row; the failure of a – b fills b → c.
fn study() -> PlanPage {
    let node = |name: &str, lon| MapNode { name: name.into(), place: Some((lon, 47.0)) };
    let half = |util: f64| HalfLink { capacity: 1.0, observed: util, ..HalfLink::default() };
    let link = |a, b, util| MapLink { a, b, forward: half(util), backward: half(0.2) };
    let full = |arc: &str, util| Full { arc: arc.into(), util };
    let event = |failure: &str, util, lost| Event {
        failure: failure.into(),
        full: full("b → c", util),
        lost,
        pairs: 2,
    };
    PlanPage {
        title: "row".into(),
        subtitle: "3 nodes; failures: links".into(),
        base: Some(full("a → b", 0.6)),
        failures: 2,
        worst: vec![event("a - b <1>", 1.4, 0.0), event("b - c", 0.5, 0.25)],
        lossiest: vec![event("b - c", 0.5, 0.25)],
        spread: vec![(0.5, 1), (1.4, 1)],
        threshold: Some((0.8, 1)),
        latency: Some(Breaches { bound_ms: 20.0, base: 0, most: 3, failure: "b - c".into() }),
        optimal: Some(0.45),
        map: Map {
            nodes: vec![node("a", 8.0), node("b", 9.0), node("c", 10.0)],
            links: vec![link(0, 1, 0.6), link(1, 2, 1.4)],
            ..Map::default()
        },
        marked: Some(CausePlace::HalfLink(1, true)),
        down: vec![CausePlace::Links(vec![0])],
        arcs: vec![FullArc { arc: "b → c".into(), base: 0.4, causes: vec![("a - b <1>".into(), 1.4)] }],
        cut_off_by: 1,
        exposed_by: 1,
        spare: vec![SpareLost {
            failure: "a - b <1>".into(),
            exposed: vec!["a".into(), "<b>".into()],
            demands: 3,
            volume: 0.125,
            links: 2,
            ..SpareLost::default()
        }],
        windows: vec![
            WindowPart {
                name: "fibre & <ducts>".into(),
                when: "from now".into(),
                alone: 0.7,
                worst: full("b → c", 0.9),
                failure: Some("a - b <1>".into()),
                cut_off: 0,
                exposed: 4,
            },
            WindowPart { worst: full("a → b", 0.6), ..WindowPart::default() },
        ],
        classes: vec![ClassPart {
            name: "best & effort".into(),
            volume: 0.75,
            base: 0.6,
            worst: 1.4,
            worst_arc: Some("b -> c".into()),
            worst_failure: "a - b <1>".into(),
            least_served: 0.4,
            squeezed_arc: Some("b -> c".into()),
            squeezed_failure: Some("none".into()),
            most_lost: 0.25,
        }],
        changes: Some((vec![Change { arc: "b → c".into(), base: (0.4, 0.4), worst: (0.9, 1.4) }], 1, 0)),
        ..PlanPage::default()
    }
}

/// Parses the page as XML: every tag closed, every attribute quoted, every text escaped.
fn parse(html: &str) -> Document<'_> {
    let xml = html.strip_prefix("<!DOCTYPE html>\n").expect("the document type comes first");
    Document::parse(xml).unwrap_or_else(|e| panic!("not well-formed: {e}"))
}

fn check(page: &PlanPage) -> String {
    let html = page.render();
    parse(&html);
    let body = html.split("<script>").next().unwrap();
    assert!(!body.contains("NaN") && !body.contains("inf"), "a number that is none");
    assert!(
        !html.contains("http://") && !html.contains("https://") && !html.contains("url("),
        "it stands alone"
    );
    html
}

fn texts(html: &str, tag: &str) -> Vec<String> {
    let text =
        |n: Node<'_, '_>| n.descendants().filter_map(|d| d.is_text().then(|| d.text()).flatten()).collect();
    let texts = parse(html).descendants().filter(|n| n.has_tag_name(tag)).map(text).collect::<Vec<String>>();
    texts.into_iter().map(|t| t.replace('\u{a0}', " ")).collect()
}

#[test]
fn the_answer_is_the_first_sentence() {
    let html = check(&study());
    assert_eq!(texts(&html, "h1"), ["If a - b <1> fails, b → c is 140 % full"]);
    let lede = &texts(&html, "p")[1];
    assert!(
        lede.contains("Most is lost when b - c fails: 25 % of all traffic, 2 pairs without a path."),
        "{lede}"
    );
    assert!(lede.contains("One scenario fills an arc beyond 80 %."), "{lede}");
}

#[test]
fn the_tables_name_the_failures() {
    let html = check(&study());
    let cells = texts(&html, "td");
    assert!(cells.contains(&"a - b <1> (140 %)".to_owned()), "{cells:?}");
    assert!(cells.contains(&"+50 %".to_owned()), "the change by the edit: {cells:?}");
    let limits: Vec<_> = texts(&html, "text").into_iter().filter(|t| t.contains("threshold")).collect();
    assert_eq!(limits, ["threshold 80 %", "threshold 80 %"], "one on each sheet");
}

#[test]
fn a_harmless_failure_is_no_headline() {
    let mut page = study();
    page.worst.remove(0);
    assert_eq!(
        texts(&check(&page), "h1"),
        ["No failure fills more than the fullest now: a → b is 60 % full"]
    );
    page.worst.clear();
    page.failures = 0;
    assert_eq!(texts(&check(&page), "h1"), ["With nothing down a → b is 60 % full"]);
}

#[test]
fn whatever_is_missing_leaves_a_page() {
    check(&PlanPage::default());
    check(&PlanPage { changes: Some((Vec::new(), 0, 0)), ..PlanPage::default() });
    let mut page = study();
    page.map = Map::default();
    check(&page);
    // Load on an arc without capacity.
    let mut page = study();
    page.worst[0].full.util = f64::INFINITY;
    page.arcs[0].causes[0].1 = f64::INFINITY;
    page.spread[1].0 = f64::INFINITY;
    assert!(texts(&check(&page), "h1")[0].ends_with("b → c is ∞ full"));
}

#[test]
fn who_loses_the_spare_way_is_named_apart_from_who_is_cut_off() {
    let html = check(&study());
    let section = html.split("id=\"redundancy\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(
        section.contains("One failure cuts somebody off; one failure cuts nobody off and leaves somebody")
    );
    assert!(section.contains("<td class=\"text\">–</td><td class=\"text\">a, &lt;b&gt;</td>"), "{section}");
    let names = (0..9).map(|i| format!("n{i}")).collect();
    let many = SpareLost { cut_off: names, ..SpareLost::default() };
    let html = check(&PlanPage { failures: 3, exposed_by: 3, spare: vec![many], ..PlanPage::default() });
    assert!(html.contains("n5 and 3 more") && !html.contains("n6"));
    assert!(html.contains("No failure cuts somebody off; 3 failures cut nobody off and leave somebody"));
}

#[test]
fn classes_say_where_and_when_they_are_squeezed() {
    let html = check(&study());
    let section = html.split("id=\"classes\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(section.contains("b → c, when a - b &lt;1&gt; fails") && section.contains("b → c, nothing down"));
    let holds = |text: &str| section.contains(&text.replace(' ', "\u{a0}"));
    assert!(section.contains("best &amp; effort") && holds("140 %") && holds(">40 %"), "{section}");
    assert!(!check(&PlanPage { classes: Vec::new(), ..study() }).contains("id=\"classes\""));
}

#[test]
fn windows_of_maintenance_have_a_row_each_and_the_fullest_a_sentence() {
    let html = check(&study());
    let lede = &texts(&html, "p")[1];
    let says = "While fibre & <ducts> is down for maintenance, b → c gets 90 % full if a - b <1> fails, too.";
    assert!(lede.ends_with(says), "{lede}");
    let section = html.split("id=\"windows\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(section.matches("<th scope=\"row\">").count(), 2);
    assert!(section.contains("b → c, if a - b &lt;1&gt; fails") && section.contains(">a → b<"), "{section}");
    let none = check(&PlanPage { windows: Vec::new(), ..study() });
    assert!(!none.contains("id=\"windows\"") && !none.contains("maintenance"));
}
