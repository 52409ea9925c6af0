//! The map: nodes at their places, each link as two half-links that keep to the right, coloured by utilisation.

use std::fmt::{Arguments, Write};

use super::crop::crop;
use super::data::{HalfLink, LinkState, Map, Page};
use super::format::{count, esc, percent, probability, px, rate};
use super::geo::{Frame, Layout, arrange};
use super::lines::{Line, Pen, SHEETS, Sheet, drawn_links};
use super::load::{arc_name, full, load_class, red_from, steps, utilisation};
use super::marks::{Mark, Marks};
use super::names::labels;
use super::verdict::{Finding, claim};

/// What the lines and marks of a map mean.
#[derive(Debug)]
pub(super) struct Words {
    /// What colour and width show.
    pub(super) load: &'static str,
    /// What a strong mark is.
    pub(super) suspect: &'static str,
    /// What a light mark is.
    pub(super) runner_up: &'static str,
    /// What grey is.
    pub(super) no_data: &'static str,
}

/// The words of the page about a finding.
pub(super) const FINDING: Words = Words {
    load: "utilisation in production",
    suspect: "suspect",
    runner_up: "runner-up",
    no_data: "no data, or stale",
};

/// The figure with its legend and caption.
pub(super) fn figure(page: &Page, finding: &Finding, words: &Words) -> String {
    let map = &page.map;
    if map.nodes.is_empty() {
        return String::new();
    }
    let marks = Marks::of(page, finding);
    let cropped = crop(page, &marks).map(|part| (Marks::of(&part, finding), part));
    let (marks, drawn) = cropped.as_ref().map_or((&marks, page), |(marks, part)| (marks, part));
    let sheets: String = SHEETS.iter().map(|sheet| drawing(drawn, marks, sheet)).collect();
    format!(
        "<figure class=\"map\" id=\"map\">\n{sheets}{}<figcaption><b>Map.</b> {} nodes, {} links.{} Each line is one \
         direction and keeps to the right of its link, seen from the sender; colour and width show its \
         {}.{}</figcaption>\n</figure>\n",
        legend(map, marks, words),
        count(map.nodes.len() as u64),
        count(map.links.len() as u64),
        match cropped {
            Some(_) => format!(" Drawn are the {} nodes nearest to the marks.", drawn.map.nodes.len()),
            None => String::new(),
        },
        words.load,
        if map.loads.is_empty() { String::new() } else { format!(" Loads: {}.", esc(&map.loads)) },
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
        half_link(&mut out, page, marks, line, sheet);
    }
    nodes(&mut out, page, marks, &layout, &pen, sheet);
    out += &labels(page, marks, &layout, &pen, &links, sheet);
    out + "</svg>\n"
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

fn half_link(out: &mut String, page: &Page, marks: &Marks, line: &Line, sheet: &Sheet) {
    let link = &page.map.links[line.link];
    let half = if line.forward { &link.forward } else { &link.backward };
    let (class, d, width) = (load_class(half, &page.map), line.path(), px(line.width));
    if !sheet.hover {
        return put(out, format_args!("<path class=\"{class}\" d=\"{d}\" stroke-width=\"{width}\"/>\n"));
    }
    let title = tooltip(page, line, half, marks.links.get(&(line.link, line.forward)));
    put(
        out,
        format_args!(
            "<g><title>{}</title><path class=\"hit\" d=\"{d}\"/><path class=\"{class}\" d=\"{d}\" \
         stroke-width=\"{width}\"/></g>\n",
            esc(&title)
        ),
    );
}

/// Adds to a text.
fn put(out: &mut String, text: Arguments<'_>) {
    out.write_fmt(text).expect("a text takes everything");
}

fn tooltip(page: &Page, line: &Line, half: &HalfLink, mark: Option<&Mark>) -> String {
    if !half.note.is_empty() {
        return format!("{}\n{}", arc_name(&page.map, &page.map.links[line.link], line.forward), half.note);
    }
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

fn nodes(out: &mut String, page: &Page, marks: &Marks, layout: &Layout, pen: &Pen, sheet: &Sheet) {
    for (i, (p, node)) in layout.at.iter().zip(&page.map.nodes).enumerate() {
        let (x, y, r) = (px(p.x), px(p.y), px(pen.radius));
        match marks.nodes.get(&i) {
            Some(Mark::Suspect(_)) => put(
                out,
                format_args!(
                    "<circle class=\"glow\" cx=\"{x}\" cy=\"{y}\" r=\"{0}\"/><circle class=\"case\" cx=\"{x}\" \
                 cy=\"{y}\" r=\"{0}\" stroke-width=\"2\"/>\n",
                    px(pen.radius + 5.0)
                ),
            ),
            Some(Mark::RunnerUp(_)) => {
                put(out, format_args!("<circle class=\"runner\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"/>\n"));
            }
            None => {}
        }
        if sheet.hover {
            let name = esc(&node.name);
            put(
                out,
                format_args!(
                    "<circle class=\"n\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"><title>{name}</title></circle>\n"
                ),
            );
        } else {
            put(out, format_args!("<circle class=\"n\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"/>\n"));
        }
    }
}

/// The legend: the colour classes with their bounds, then the marks that occur.
fn legend(map: &Map, marks: &Marks, words: &Words) -> String {
    let red = red_from(map);
    let [a, b, c, d] = steps(red).map(|s| format!("{:.0}", s * 100.0));
    let full = format!("{:.0}", full(map) * 100.0);
    let ranges = [
        ("u0", format!("under {a}")),
        ("u1", format!("{a}–{b}")),
        ("u2", format!("{b}–{c}")),
        ("u3", format!("{c}–{d}")),
        ("u4", format!("{d}–{full}")),
        ("u5", format!("over {full}")),
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
    if halves().any(|h| load_class(h, map) == "l nodata") {
        out += &format!("<li>{}{}</li>\n", line("nodata", 1.6), words.no_data);
    }
    if marks.links.values().chain(marks.nodes.values()).any(|m| matches!(m, Mark::Suspect(_))) {
        out += &format!(
            "<li><svg viewBox=\"0 0 26 14\"><path class=\"glow\" d=\"M4 7H22\"/><path class=\"case\" d=\"M4 7H22\" \
             stroke-width=\"8\"/><path class=\"gap\" d=\"M4 7H22\" stroke-width=\"4\"/></svg>{}</li>\n",
            words.suspect
        );
    }
    if marks.has_runner_up() {
        out += &format!(
            "<li><svg viewBox=\"0 0 26 14\"><path class=\"runner\" d=\"M4 7H22\"/></svg>{}</li>\n",
            words.runner_up
        );
    }
    out + "</ul>\n"
}
