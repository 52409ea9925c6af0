//! The map: nodes at their places, each link as two half-links that keep to the right, coloured by utilisation.

use std::collections::BTreeMap;

use libm::hypot;

use super::data::{CausePlace, HalfLink, LinkState, Map, MapLink, Page};
use super::format::{count, esc, percent, probability, px, rate};
use super::geo::{Frame, Layout, Point, arrange};
use super::labels::{Obstacles, Rect, Wish, place};
use super::verdict::{Finding, claim, is_element};

/// From this utilisation on a half-link is red, unless [`Map::red_from`] says otherwise.
pub const RED_FROM: f64 = 0.8;

/// Runner-ups below this probability are not marked.
const RUNNER_UP_FROM: f64 = 0.01;

/// The drawing for one width of screen.
#[derive(Clone, Copy, Debug)]
struct Sheet {
    class: &'static str,
    width: f64,
    height: (f64, f64),
    /// Size of the letters in pixels.
    letters: f64,
    /// Whether a pointer can hover here: then each half-link carries its numbers.
    hover: bool,
}

const SHEETS: [Sheet; 2] = [
    Sheet { class: "wide", width: 860.0, height: (340.0, 640.0), letters: 12.0, hover: true },
    Sheet { class: "narrow", width: 380.0, height: (240.0, 460.0), letters: 11.0, hover: false },
];

/// Sizes that depend on how full the sheet is.
#[derive(Clone, Copy, Debug)]
struct Pen {
    radius: f64,
    thickest: f64,
    barb: f64,
}

impl Pen {
    fn for_nodes(nodes: usize, sheet: &Sheet) -> Self {
        let room = sheet.width / 860.0;
        match nodes {
            0..=30 if room < 1.0 => Self { radius: 4.0, thickest: 3.2, barb: 4.8 },
            0..=30 => Self { radius: 5.0, thickest: 4.0, barb: 6.0 },
            31..=80 => Self { radius: 3.6 - 1.2 * (1.0 - room), thickest: 2.8, barb: 4.5 },
            _ => Self { radius: 3.0 - 1.4 * (1.0 - room), thickest: 2.0, barb: 0.0 },
        }
    }
}

/// How strongly an element is marked, and by which cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    RunnerUp(usize),
    Suspect(usize),
}

/// The marks of all elements.
#[derive(Clone, Debug, Default)]
struct Marks {
    /// By link and direction (`true` = from `a` to `b`).
    links: BTreeMap<(usize, bool), Mark>,
    nodes: BTreeMap<usize, Mark>,
}

impl Marks {
    fn of(page: &Page, finding: &Finding) -> Self {
        let mut marks = Self::default();
        let suspects = finding.suspects();
        let runners = page
            .causes
            .iter()
            .enumerate()
            .filter(|(i, c)| is_element(c) && c.probability >= RUNNER_UP_FROM && !suspects.contains(i));
        let all = suspects.iter().map(|&i| Mark::Suspect(i)).chain(runners.map(|(i, _)| Mark::RunnerUp(i)));
        for mark in all {
            let (Mark::Suspect(i) | Mark::RunnerUp(i)) = mark;
            match &page.causes[i].place {
                Some(CausePlace::HalfLink(link, forward)) => {
                    marks.links.entry((*link, *forward)).or_insert(mark);
                }
                Some(CausePlace::Links(links)) => {
                    for key in links.iter().flat_map(|&l| [(l, true), (l, false)]) {
                        marks.links.entry(key).or_insert(mark);
                    }
                }
                Some(CausePlace::Node(node)) => {
                    marks.nodes.entry(*node).or_insert(mark);
                }
                None => {}
            }
        }
        marks
    }

    fn has_runner_up(&self) -> bool {
        self.links.values().chain(self.nodes.values()).any(|m| matches!(m, Mark::RunnerUp(_)))
    }
}

/// The figure with its legend and caption.
pub(super) fn figure(page: &Page, finding: &Finding) -> String {
    let map = &page.map;
    if map.nodes.is_empty() {
        return String::new();
    }
    let marks = Marks::of(page, finding);
    let sheets: String = SHEETS.iter().map(|sheet| drawing(page, &marks, sheet)).collect();
    let loads = if map.loads.is_empty() { String::new() } else { format!(" Loads: {}.", esc(&map.loads)) };
    format!(
        "<figure class=\"map\" id=\"map\">\n{sheets}{}<figcaption><b>Map.</b> {} nodes, {} links. Each line is one \
         direction and keeps to the right of its link, seen from the sender; colour and width show its \
         utilisation in production.{loads}</figcaption>\n</figure>\n",
        legend(map, &marks),
        count(map.nodes.len() as u64),
        count(map.links.len() as u64),
    )
}

fn drawing(page: &Page, marks: &Marks, sheet: &Sheet) -> String {
    let map = &page.map;
    let pen = Pen::for_nodes(map.nodes.len(), sheet);
    let margin = if sheet.hover { 58.0 } else { 30.0 };
    let apart = pen.radius * if map.nodes.len() <= 30 { 6.4 } else { 3.2 };
    let layout = arrange(map, &Frame { width: sheet.width, height: sheet.height, margin, apart });
    let links = drawn_links(map, marks, &layout, &pen);
    let mut out = format!(
        "<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Map of the network\">\n",
        sheet.class,
        px(sheet.width),
        px(layout.height)
    );
    if !layout.graticule.is_empty() {
        out += &format!("<path class=\"grid\" d=\"{}\"/>\n", layout.graticule.join(""));
    }
    out += &halos(&links, marks);
    for line in &links {
        out += &half_link(page, marks, line, sheet);
    }
    out += &nodes(page, marks, &layout, &pen, sheet);
    out += &labels(page, marks, &layout, &pen, &links, sheet);
    out + "</svg>\n"
}

/// One direction of a link, ready to be drawn.
#[derive(Clone, Debug)]
struct Line {
    link: usize,
    forward: bool,
    from: Point,
    to: Point,
    /// Unit vector to the right of the direction of travel.
    right: (f64, f64),
    width: f64,
    barb: f64,
}

impl Line {
    fn path(&self) -> String {
        let Self { from, to, right, barb, .. } = self;
        let length = hypot(to.x - from.x, to.y - from.y);
        let mut d = format!("M{} {}L{} {}", px(from.x), px(from.y), px(to.x), px(to.y));
        if *barb > 0.0 && length > 2.0 * barb {
            let (ux, uy) = ((to.x - from.x) / length, (to.y - from.y) / length);
            let x = to.x - ux * barb + right.0 * barb * 0.62;
            let y = to.y - uy * barb + right.1 * barb * 0.62;
            d += &format!("L{} {}", px(x), px(y));
        }
        d
    }

    fn middle(&self) -> Point {
        Point { x: (self.from.x + self.to.x) / 2.0, y: (self.from.y + self.to.y) / 2.0 }
    }
}

fn utilisation(half: &HalfLink) -> f64 {
    half.observed / half.capacity
}

/// Both directions of every link between two different nodes that exist; parallel links stand side by side.
fn drawn_links(map: &Map, marks: &Marks, layout: &Layout, pen: &Pen) -> Vec<Line> {
    let mut of_pair: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (i, l) in map.links.iter().enumerate().filter(|(_, l)| l.a != l.b) {
        if l.a.max(l.b) < layout.at.len() {
            of_pair.entry((l.a.min(l.b), l.a.max(l.b))).or_default().push(i);
        }
    }
    let mut lines = Vec::with_capacity(map.links.len() * 2);
    for members in of_pair.values() {
        for (k, &i) in members.iter().enumerate() {
            let shift = (k as f64 - (members.len() - 1) as f64 / 2.0) * (pen.thickest * 2.0 + 5.0);
            lines.extend(two_lines(&map.links[i], i, shift, marks, layout, pen));
        }
    }
    lines.sort_by_key(|l| (l.link, !l.forward));
    lines
}

fn two_lines(
    link: &MapLink,
    index: usize,
    shift: f64,
    marks: &Marks,
    layout: &Layout,
    pen: &Pen,
) -> [Line; 2] {
    // Shifts are measured from the same side for both directions.
    let (low, high) = (layout.at[link.a.min(link.b)], layout.at[link.a.max(link.b)]);
    let length = hypot(high.x - low.x, high.y - low.y).max(1e-9);
    let normal = (-(high.y - low.y) / length, (high.x - low.x) / length);
    let line = |from: usize, to: usize, half: &HalfLink, forward: bool| {
        let (p, q) = (layout.at[from], layout.at[to]);
        let (ux, uy) = ((q.x - p.x) / length, (q.y - p.y) / length);
        let right = (-uy, ux);
        let load = utilisation(half);
        let full = if load.is_finite() { load.clamp(0.0, 1.0) } else { 0.1 };
        let width = 1.1 + (pen.thickest - 1.1) * full;
        // A suspect steps aside, so that its outline does not cover the other direction.
        let suspect = matches!(marks.links.get(&(index, forward)), Some(Mark::Suspect(_)));
        let off = width / 2.0 + if suspect { 4.2 } else { 0.7 };
        let move_by = |p: Point, along: f64| Point {
            x: p.x + ux * along + right.0 * off + normal.0 * shift,
            y: p.y + uy * along + right.1 * off + normal.1 * shift,
        };
        let clear = pen.radius + 1.5;
        Line {
            link: index,
            forward,
            from: move_by(p, clear),
            to: move_by(q, -clear),
            right,
            width,
            barb: pen.barb,
        }
    };
    [line(link.a, link.b, &link.forward, true), line(link.b, link.a, &link.backward, false)]
}

/// Marks go below all lines, the strong ones above the light ones.
fn halos(lines: &[Line], marks: &Marks) -> String {
    let mut halos: Vec<(Mark, &Line)> =
        lines.iter().filter_map(|l| marks.links.get(&(l.link, l.forward)).map(|&m| (m, l))).collect();
    halos.sort_by_key(|(m, l)| (*m, l.link, !l.forward));
    halos
        .iter()
        .map(|(mark, l)| {
            let d = format!("M{} {}L{} {}", px(l.from.x), px(l.from.y), px(l.to.x), px(l.to.y));
            match mark {
                Mark::RunnerUp(_) => format!("<path class=\"runner\" d=\"{d}\"/>\n"),
                Mark::Suspect(_) => format!(
                    "<path class=\"glow\" d=\"{d}\"/><path class=\"case\" d=\"{d}\" stroke-width=\"{}\"/>\
                     <path class=\"gap\" d=\"{d}\" stroke-width=\"{}\"/>\n",
                    px(l.width + 7.0),
                    px(l.width + 3.0)
                ),
            }
        })
        .collect()
}

fn half_link(page: &Page, marks: &Marks, line: &Line, sheet: &Sheet) -> String {
    let link = &page.map.links[line.link];
    let half = if line.forward { &link.forward } else { &link.backward };
    let class = load_class(half, red_from(&page.map));
    let d = line.path();
    let stroke = format!("<path class=\"{class}\" d=\"{d}\" stroke-width=\"{}\"/>", px(line.width));
    if !sheet.hover {
        return stroke + "\n";
    }
    let title = tooltip(page, line, half, marks.links.get(&(line.link, line.forward)));
    format!("<g><title>{}</title><path class=\"hit\" d=\"{d}\"/>{stroke}</g>\n", esc(&title))
}

fn red_from(map: &Map) -> f64 {
    if map.red_from > 0.0 { map.red_from } else { RED_FROM }
}

/// Upper ends of the colour classes below red.
fn steps(red: f64) -> [f64; 4] {
    [red / 8.0, red * 5.0 / 16.0, red * 5.0 / 8.0, red]
}

fn load_class(half: &HalfLink, red: f64) -> &'static str {
    let load = utilisation(half);
    match half.state {
        LinkState::Down => "l down",
        LinkState::Stale => "l nodata",
        LinkState::Up if !load.is_finite() => "l nodata",
        LinkState::Up if load >= 1.0 => "l u5",
        LinkState::Up => {
            ["l u0", "l u1", "l u2", "l u3", "l u4"][steps(red).iter().filter(|&&s| load >= s).count()]
        }
    }
}

/// The two ends of a half-link by name: `a → b`.
pub(super) fn arc_name(map: &Map, link: &MapLink, forward: bool) -> String {
    let name = |i: usize| map.nodes.get(i).map_or("?", |n| n.name.as_str());
    let (from, to) = if forward { (link.a, link.b) } else { (link.b, link.a) };
    format!("{} → {}", name(from), name(to))
}

fn tooltip(page: &Page, line: &Line, half: &HalfLink, mark: Option<&Mark>) -> String {
    let state = match half.state {
        LinkState::Up => "",
        LinkState::Down => "\ndown",
        LinkState::Stale => "\nstale data",
    };
    let mut out = format!(
        "{}{state}\nproduction {} ({} of {})\nshadow {}",
        arc_name(&page.map, &page.map.links[line.link], line.forward),
        rate(half.observed),
        percent(utilisation(half)),
        rate(half.capacity),
        rate(half.shadow),
    );
    if let Some(Mark::Suspect(i) | Mark::RunnerUp(i)) = mark {
        let (what, place) = claim(&page.causes[*i]);
        out += &format!("\n{what} {place}: probability {}", probability(page.causes[*i].probability));
    }
    out
}

fn nodes(page: &Page, marks: &Marks, layout: &Layout, pen: &Pen, sheet: &Sheet) -> String {
    let mut out = String::new();
    for (i, (p, node)) in layout.at.iter().zip(&page.map.nodes).enumerate() {
        let (x, y) = (px(p.x), px(p.y));
        match marks.nodes.get(&i) {
            Some(Mark::Suspect(_)) => {
                out += &format!(
                    "<circle class=\"glow\" cx=\"{x}\" cy=\"{y}\" r=\"{0}\"/><circle class=\"case\" cx=\"{x}\" \
                     cy=\"{y}\" r=\"{0}\" stroke-width=\"2\"/>\n",
                    px(pen.radius + 5.0)
                );
            }
            Some(Mark::RunnerUp(_)) => {
                out +=
                    &format!("<circle class=\"runner\" cx=\"{x}\" cy=\"{y}\" r=\"{}\"/>\n", px(pen.radius));
            }
            None => {}
        }
        let r = px(pen.radius);
        out += &if sheet.hover {
            format!(
                "<circle class=\"n\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"><title>{}</title></circle>\n",
                esc(&node.name)
            )
        } else {
            format!("<circle class=\"n\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"/>\n")
        };
    }
    out
}

/// How many names a sheet bears at most.
fn names_at_most(sheet: &Sheet) -> usize {
    if sheet.hover { 60 } else { 16 }
}

/// A text with its wish.
struct Text {
    text: String,
    class: &'static str,
    wish: Wish,
}

/// Call-outs of the suspects first, then nodes: ends of marked links, then by degree.
fn labels(page: &Page, marks: &Marks, layout: &Layout, pen: &Pen, lines: &[Line], sheet: &Sheet) -> String {
    let mut texts = callouts(page, marks, layout, pen, lines, sheet);
    let map = &page.map;
    let nodes = map.nodes.len();
    let mut degree = vec![0_usize; nodes];
    let mut rank = vec![2_u8; nodes];
    for (i, l) in map.links.iter().enumerate().filter(|(_, l)| l.a.max(l.b) < nodes) {
        for end in [l.a, l.b] {
            degree[end] += 1;
            for forward in [true, false] {
                rank[end] = rank[end].min(mark_rank(marks.links.get(&(i, forward))));
            }
        }
    }
    for (&node, mark) in marks.nodes.iter().filter(|(n, _)| **n < nodes) {
        rank[node] = rank[node].min(mark_rank(Some(mark)));
    }
    let mut order: Vec<usize> = (0..map.nodes.len()).collect();
    order.sort_by_key(|&i| (rank[i], std::cmp::Reverse(degree[i]), i));
    let few = map.nodes.len() <= 30;
    for &i in &order {
        let text = map.nodes[i].name.clone();
        let wish = Wish {
            anchor: layout.at[i],
            gap: pen.radius + 3.5,
            size: text_size(&text, sheet.letters * if rank[i] == 0 { 1.1 } else { 1.0 }),
            must: rank[i] == 0 || few,
        };
        texts.push(Text { text, class: if rank[i] == 0 { "name strong" } else { "name" }, wish });
    }
    // A suspect weighs as much as several links: its outline should stay free.
    let weight = |l: &&Line| match marks.links.get(&(l.link, l.forward)) {
        Some(Mark::Suspect(_)) => 4,
        _ => usize::from(l.forward),
    };
    let obstacles = Obstacles {
        nodes: layout.at.clone(),
        radius: pen.radius,
        links: lines.iter().flat_map(|l| std::iter::repeat_n((l.from, l.to), weight(&l))).collect(),
    };
    let wishes: Vec<Wish> = texts.iter().map(|t| t.wish.clone()).collect();
    let placed = place(&wishes, &obstacles, sheet.width, layout.height);
    let shown = texts.iter().zip(placed).filter_map(|(text, rect)| rect.map(|r| label(text, &r)));
    shown.take(names_at_most(sheet)).collect()
}

fn mark_rank(mark: Option<&Mark>) -> u8 {
    match mark {
        Some(Mark::Suspect(_)) => 0,
        Some(Mark::RunnerUp(_)) => 1,
        None => 2,
    }
}

/// One call-out per suspect cause, at its first element.
fn callouts(
    page: &Page,
    marks: &Marks,
    layout: &Layout,
    pen: &Pen,
    lines: &[Line],
    sheet: &Sheet,
) -> Vec<Text> {
    let mut told = Vec::new();
    let mut texts = Vec::new();
    let on_links = lines.iter().filter_map(|l| match marks.links.get(&(l.link, l.forward)) {
        Some(Mark::Suspect(i)) => Some((*i, l.middle(), 11.0)),
        _ => None,
    });
    let on_nodes = marks.nodes.iter().filter_map(|(&n, mark)| match mark {
        Mark::Suspect(i) => layout.at.get(n).map(|&p| (*i, p, pen.radius + 9.0)),
        Mark::RunnerUp(_) => None,
    });
    for (i, anchor, gap) in on_links.chain(on_nodes) {
        if told.contains(&i) {
            continue;
        }
        told.push(i);
        let text = short_claim(page, i);
        let size = text_size(&text, sheet.letters * 1.08);
        texts.push(Text { text, class: "callout", wish: Wish { anchor, gap, size, must: true } });
    }
    texts
}

fn short_claim(page: &Page, i: usize) -> String {
    let cause = &page.causes[i];
    let what = match cause.class.as_str() {
        "link_loss" => "silent loss".to_owned(),
        "link_down" => "link down".to_owned(),
        other => other.replace('_', " "),
    };
    match &cause.severity {
        Some(severity) => format!("{what} {}", percent(severity.value)),
        None => what,
    }
}

/// A generous estimate of the room a text takes in the fonts that browsers come with.
fn text_size(text: &str, letters: f64) -> (f64, f64) {
    (text.chars().count() as f64 * letters * 0.62 + 2.0, letters * 1.2)
}

fn label(text: &Text, r: &Rect) -> String {
    let x = text.wish.anchor.x;
    let (at, side) = if r.x1 <= x {
        (r.x1, " text-anchor=\"end\"")
    } else if r.x0 >= x {
        (r.x0, "")
    } else {
        ((r.x0 + r.x1) / 2.0, " text-anchor=\"middle\"")
    };
    let baseline = r.y1 - (r.y1 - r.y0) * 0.24;
    format!(
        "<text class=\"{}\" x=\"{}\" y=\"{}\"{side}>{}</text>\n",
        text.class,
        px(at),
        px(baseline),
        esc(&text.text)
    )
}

/// The legend: the colour classes with their bounds, then the marks that occur.
fn legend(map: &Map, marks: &Marks) -> String {
    let red = red_from(map);
    let [a, b, c, d] = steps(red).map(|s| format!("{:.0}", s * 100.0));
    let ranges = [
        ("u0", format!("under {a}")),
        ("u1", format!("{a}–{b}")),
        ("u2", format!("{b}–{c}")),
        ("u3", format!("{c}–{d}")),
        ("u4", format!("{d}–100")),
        ("u5", "over 100".to_owned()),
    ];
    let line = |class: &str, width: f64| {
        let w = px(width);
        format!(
            "<svg viewBox=\"0 0 26 8\"><path class=\"l {class}\" d=\"M1 4H25\" stroke-width=\"{w}\"/></svg>"
        )
    };
    let mut out = format!("<ul class=\"legend\">\n<li class=\"head\">Utilisation, % (red from {d})</li>\n");
    for (k, (class, text)) in ranges.iter().enumerate() {
        out += &format!("<li>{}{text}</li>\n", line(class, 1.6 + 0.6 * k as f64));
    }
    let halves = || map.links.iter().flat_map(|l| [&l.forward, &l.backward]);
    if halves().any(|h| h.state == LinkState::Down) {
        out += &format!("<li>{}down</li>\n", line("down", 1.6));
    }
    if halves().any(|h| load_class(h, red) == "l nodata") {
        out += &format!("<li>{}no data, or stale</li>\n", line("nodata", 1.6));
    }
    if marks.links.values().chain(marks.nodes.values()).any(|m| matches!(m, Mark::Suspect(_))) {
        out += "<li><svg viewBox=\"0 0 26 14\"><path class=\"glow\" d=\"M4 7H22\"/><path class=\"case\" d=\"M4 7H22\" \
                stroke-width=\"8\"/><path class=\"gap\" d=\"M4 7H22\" stroke-width=\"4\"/></svg>suspect</li>\n";
    }
    if marks.has_runner_up() {
        out += "<li><svg viewBox=\"0 0 26 14\"><path class=\"runner\" d=\"M4 7H22\"/></svg>runner-up</li>\n";
    }
    out + "</ul>\n"
}
