//! Where labels go: a greedy search over a few places around each anchor, the most important label first.
//!
//! A place is ruled out if it leaves the frame; it costs a little to lie on links, more to lie on nodes and most to lie
//! on a label that already stands. The method is the usual cheap one of map lettering (Christensen, Marks, Shieber,
//! *An empirical study of algorithms for point-feature label placement*, 1995, §3.1) and depends on nothing but its
//! input, so equal pages have equal bytes.

use libm::hypot;

use super::geo::Point;

/// A label that wants a place.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// What it belongs to.
    pub(super) anchor: Point,
    /// Free space that it keeps from the anchor.
    pub(super) gap: f64,
    /// Width and height of the text.
    pub(super) size: (f64, f64),
    /// Whether it must be shown even where it covers something.
    pub(super) must: bool,
}

/// What labels should not cover.
#[derive(Clone, Debug, Default)]
pub(super) struct Obstacles {
    /// Centres of nodes, and their radius.
    pub(super) nodes: Vec<Point>,
    pub(super) radius: f64,
    /// Links as straight lines.
    pub(super) links: Vec<(Point, Point)>,
}

impl Obstacles {
    fn covers(&self, r: &Rect, node: Point) -> bool {
        r.distance_to(node) < self.radius + 1.0
    }

    /// Those that any of a label's places may meet, which are few; the node that it belongs to is none.
    fn near(&self, wish: &Wish, places: &[Rect]) -> Self {
        let Some(all) = places.iter().copied().reduce(|a, b| a.around(&b)) else { return Self::default() };
        let other = |n: &Point| hypot(n.x - wish.anchor.x, n.y - wish.anchor.y) > 0.5;
        Self {
            nodes: self.nodes.iter().filter(|n| self.covers(&all, **n) && other(n)).copied().collect(),
            radius: self.radius,
            links: self.links.iter().filter(|l| all.is_crossed_by(**l)).copied().collect(),
        }
    }
}

/// A rectangle of the drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) x0: f64,
    pub(super) y0: f64,
    pub(super) x1: f64,
    pub(super) y1: f64,
}

impl Rect {
    fn overlaps(&self, other: &Self) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1 && self.y0 < other.y1 && other.y0 < self.y1
    }

    /// The least rectangle that holds both.
    fn around(&self, other: &Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }

    fn within(&self, width: f64, height: f64) -> bool {
        self.x0 >= 2.0 && self.y0 >= 2.0 && self.x1 <= width - 2.0 && self.y1 <= height - 2.0
    }

    fn distance_to(&self, p: Point) -> f64 {
        let dx = (self.x0 - p.x).max(p.x - self.x1).max(0.0);
        let dy = (self.y0 - p.y).max(p.y - self.y1).max(0.0);
        hypot(dx, dy)
    }

    /// Whether a line crosses the rectangle (Liang and Barsky's clipping).
    fn is_crossed_by(&self, (p, q): (Point, Point)) -> bool {
        let (dx, dy) = (q.x - p.x, q.y - p.y);
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for (d, room) in
            [(-dx, p.x - self.x0), (dx, self.x1 - p.x), (-dy, p.y - self.y0), (dy, self.y1 - p.y)]
        {
            if d == 0.0 {
                if room < 0.0 {
                    return false;
                }
            } else if d < 0.0 {
                enter = enter.max(room / d);
            } else {
                leave = leave.min(room / d);
            }
        }
        enter <= leave
    }
}

/// Places labels in the order given; `None` where one that need not be shown found no room.
pub(super) fn place(wishes: &[Wish], obstacles: &Obstacles, width: f64, height: f64) -> Vec<Option<Rect>> {
    let mut standing: Vec<Rect> = Vec::new();
    wishes
        .iter()
        .map(|wish| {
            let candidates = candidates(wish);
            let near = obstacles.near(wish, &candidates);
            let best = candidates
                .into_iter()
                .enumerate()
                .filter(|(_, r)| r.within(width, height))
                .map(|(rank, r)| (cost(rank, &r, &standing, &near), r))
                .min_by(|a, b| a.0.total_cmp(&b.0))?;
            let limit = if wish.must { f64::INFINITY } else { CROWDED };
            (best.0 < limit).then(|| {
                standing.push(best.1);
                best.1
            })
        })
        .collect()
}

/// The cost from which a place is only taken by a label that must be shown: one node, or many links.
const CROWDED: f64 = 60.0;

fn cost(rank: usize, r: &Rect, standing: &[Rect], obstacles: &Obstacles) -> f64 {
    let labels = standing.iter().filter(|s| s.overlaps(r)).count() as f64;
    let nodes = obstacles.nodes.iter().filter(|n| obstacles.covers(r, **n)).count() as f64;
    let links = obstacles.links.iter().filter(|&&l| r.is_crossed_by(l)).count() as f64;
    labels * 1_000.0 + nodes * 80.0 + links * 12.0 + rank as f64
}

/// Eight directions around the anchor; for a label that must be shown the same again farther out.
fn candidates(wish: &Wish) -> Vec<Rect> {
    let (w, h) = wish.size;
    let mut out = Vec::with_capacity(24);
    let reaches: &[f64] = if wish.must { &[1.0, 2.2, 4.0] } else { &[1.0] };
    for reach in reaches {
        let g = wish.gap * reach;
        let d = g * 0.7;
        let Point { x, y } = wish.anchor;
        for (left, top) in [
            (x + g, y - h / 2.0),
            (x - g - w, y - h / 2.0),
            (x - w / 2.0, y - g - h),
            (x - w / 2.0, y + g),
            (x + d, y - d - h),
            (x - d - w, y - d - h),
            (x + d, y + d),
            (x - d - w, y + d),
        ] {
            out.push(Rect { x0: left, y0: top, x1: left + w, y1: top + h });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wish(x: f64, y: f64, must: bool) -> Wish {
        Wish { anchor: Point { x, y }, gap: 6.0, size: (40.0, 12.0), must }
    }

    #[test]
    fn a_lone_label_stands_to_the_right() {
        let placed = place(&[wish(50.0, 50.0, false)], &Obstacles::default(), 200.0, 100.0);
        assert_eq!(placed, [Some(Rect { x0: 56.0, y0: 44.0, x1: 96.0, y1: 56.0 })]);
    }

    #[test]
    fn a_label_avoids_the_link_that_leaves_to_the_right() {
        let links = vec![(Point { x: 50.0, y: 50.0 }, Point { x: 190.0, y: 50.0 })];
        let placed =
            place(&[wish(50.0, 50.0, false)], &Obstacles { links, ..Obstacles::default() }, 200.0, 100.0);
        assert!(placed[0].unwrap().x1 < 50.0);
    }

    #[test]
    fn a_label_that_must_stand_is_never_dropped() {
        let crowd: Vec<Wish> = (0..40).map(|_| wish(50.0, 50.0, true)).collect();
        assert!(place(&crowd, &Obstacles::default(), 200.0, 100.0).iter().all(Option::is_some));
        let crowd: Vec<Wish> = (0..40).map(|_| wish(50.0, 50.0, false)).collect();
        assert!(place(&crowd, &Obstacles::default(), 200.0, 100.0).iter().any(Option::is_none));
    }

    proptest! {
        #[test]
        fn labels_that_may_be_dropped_never_overlap(points in prop::collection::vec((0.0..400.0, 0.0..300.0), 0..60)) {
            let wishes: Vec<Wish> = points.iter().map(|&(x, y)| wish(x, y, false)).collect();
            let placed: Vec<Rect> = place(&wishes, &Obstacles::default(), 400.0, 300.0).into_iter().flatten().collect();
            for (i, a) in placed.iter().enumerate() {
                prop_assert!(a.within(400.0, 300.0));
                prop_assert!(placed[i + 1..].iter().all(|b| !a.overlaps(b)));
            }
        }
    }
}
