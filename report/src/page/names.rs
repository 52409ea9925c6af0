//! The texts on the map: call-outs of the suspects and names of nodes.

use super::data::Page;
use super::format::{esc, percent, px};
use super::geo::Layout;
use super::labels::{Obstacles, Rect, Wish, place};
use super::lines::{Line, Pen, Sheet};
use super::marks::{Mark, Marks};

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
pub(super) fn labels(
    page: &Page,
    marks: &Marks,
    layout: &Layout,
    pen: &Pen,
    lines: &[Line],
    sheet: &Sheet,
) -> String {
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
        "link_loss" => "packet loss".to_owned(),
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
