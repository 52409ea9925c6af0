//! The two directions of every link as lines that keep to the right, and the sheets they are drawn on.

use std::collections::BTreeMap;

use libm::hypot;

use super::data::{HalfLink, Map};
use super::format::px;
use super::geo::{Layout, Point};
use super::load::{full, utilisation};
use super::marks::{Mark, Marks};

/// The drawing for one width of screen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    pub(super) class: &'static str,
    pub(super) width: f64,
    pub(super) height: (f64, f64),
    /// Size of the letters in pixels.
    pub(super) letters: f64,
    /// Whether a pointer can hover here: then each half-link carries its numbers.
    pub(super) hover: bool,
}

pub(super) const SHEETS: [Sheet; 2] = [
    Sheet { class: "wide", width: 860.0, height: (340.0, 640.0), letters: 12.0, hover: true },
    Sheet { class: "narrow", width: 380.0, height: (240.0, 460.0), letters: 11.0, hover: false },
];

/// Sizes that depend on how full the sheet is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pen {
    pub(super) radius: f64,
    pub(super) thickest: f64,
    pub(super) barb: f64,
}

impl Pen {
    pub(super) fn for_nodes(nodes: usize, sheet: &Sheet) -> Self {
        let room = sheet.width / 860.0;
        match nodes {
            0..=30 if room < 1.0 => Self { radius: 4.0, thickest: 3.2, barb: 4.8 },
            0..=30 => Self { radius: 5.0, thickest: 4.0, barb: 6.0 },
            31..=80 => Self { radius: 3.6 - 1.2 * (1.0 - room), thickest: 2.8, barb: 4.5 },
            _ => Self { radius: 3.0 - 1.4 * (1.0 - room), thickest: 2.0, barb: 0.0 },
        }
    }
}

/// One direction of a link, ready to be drawn.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) link: usize,
    pub(super) forward: bool,
    pub(super) from: Point,
    pub(super) to: Point,
    /// Unit vector to the right of the direction of travel.
    pub(super) right: (f64, f64),
    pub(super) width: f64,
    pub(super) barb: f64,
}

impl Line {
    pub(super) fn path(&self) -> String {
        let Self { from, to, right, barb, .. } = self;
        let length = hypot(to.x - from.x, to.y - from.y);
        let (x0, y0, x1, y1) = (px(from.x), px(from.y), px(to.x), px(to.y));
        if *barb > 0.0 && length > 2.0 * barb {
            let (ux, uy) = ((to.x - from.x) / length, (to.y - from.y) / length);
            let x = to.x - ux * barb + right.0 * barb * 0.62;
            let y = to.y - uy * barb + right.1 * barb * 0.62;
            return format!("M{x0} {y0}L{x1} {y1}L{} {}", px(x), px(y));
        }
        format!("M{x0} {y0}L{x1} {y1}")
    }

    pub(super) fn middle(&self) -> Point {
        Point { x: (self.from.x + self.to.x) / 2.0, y: (self.from.y + self.to.y) / 2.0 }
    }
}

/// Both directions of every link between two different nodes that exist; parallel links stand side by side.
pub(super) fn drawn_links(map: &Map, marks: &Marks, layout: &Layout, pen: &Pen) -> Vec<Line> {
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
            lines.extend(two_lines(map, i, shift, marks, layout, pen));
        }
    }
    lines.sort_by_key(|l| (l.link, !l.forward));
    lines
}

fn two_lines(map: &Map, index: usize, shift: f64, marks: &Marks, layout: &Layout, pen: &Pen) -> [Line; 2] {
    let link = &map.links[index];
    // Shifts are measured from the same side for both directions.
    let (low, high) = (layout.at[link.a.min(link.b)], layout.at[link.a.max(link.b)]);
    let length = hypot(high.x - low.x, high.y - low.y).max(1e-9);
    let normal = (-(high.y - low.y) / length, (high.x - low.x) / length);
    let line = |from: usize, to: usize, half: &HalfLink, forward: bool| {
        let (p, q) = (layout.at[from], layout.at[to]);
        let (ux, uy) = ((q.x - p.x) / length, (q.y - p.y) / length);
        let right = (-uy, ux);
        let load = utilisation(half);
        let share = if load.is_finite() { (load / full(map)).clamp(0.0, 1.0) } else { 0.1 };
        let width = 1.1 + (pen.thickest - 1.1) * share;
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
