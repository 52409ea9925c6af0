//! Where nodes stand on the drawing: projected coordinates, or a circle if there are none.

use libm::{cos, fabs, sin, sqrt};

use super::data::Map;
use super::format::px;

/// A point of the drawing, y downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// The space to fill.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) width: f64,
    /// Least and greatest height; between them the network decides.
    pub(super) height: (f64, f64),
    /// Left free on every side, for labels.
    pub(super) margin: f64,
    /// Nodes are pushed apart to this distance.
    pub(super) apart: f64,
}

/// A finished arrangement.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) at: Vec<Point>,
    pub(super) height: f64,
    /// Meridians and parallels, as SVG paths; empty without coordinates.
    pub(super) graticule: Vec<String>,
}

/// Arranges the nodes of a map in a frame.
pub(super) fn arrange(map: &Map, frame: &Frame) -> Layout {
    let known: Vec<(f64, f64)> = map.nodes.iter().filter_map(|n| n.place.filter(is_on_earth)).collect();
    if known.len() * 2 < map.nodes.len() || !spread_out(&known) {
        return circle(map.nodes.len(), frame);
    }
    let projection = Projection::fitting(&known);
    let flat: Vec<Point> = known.iter().map(|&p| projection.apply(p)).collect();
    let fit = Fit::new(&flat, frame);
    let mut placed: Vec<Option<Point>> = map
        .nodes
        .iter()
        .map(|n| n.place.filter(is_on_earth).map(|p| fit.apply(projection.apply(p))))
        .collect();
    place_by_neighbours(&mut placed, map, frame.width / 2.0, fit.height / 2.0);
    let mut at: Vec<Point> = placed.into_iter().flatten().collect();
    push_apart(&mut at, frame.apart);
    keep_inside(&mut at, frame.width, fit.height, frame.margin / 2.0);
    Layout { at, height: fit.height, graticule: graticule(&known, &projection, &fit, frame.width) }
}

/// Network files write 0, 0 for a place that is not known.
fn is_on_earth(&(lon, lat): &(f64, f64)) -> bool {
    (lon, lat) != (0.0, 0.0) && lon.is_finite() && lat.is_finite() && fabs(lat) <= 90.0 && fabs(lon) <= 360.0
}

fn spread_out(places: &[(f64, f64)]) -> bool {
    places.iter().any(|p| fabs(p.0 - places[0].0) > 1e-6 || fabs(p.1 - places[0].1) > 1e-6)
}

/// Nodes on an ellipse in their own order, clockwise from the top.
fn circle(nodes: usize, frame: &Frame) -> Layout {
    let height = (frame.width * 0.56).clamp(frame.height.0, frame.height.1);
    let (rx, ry) = (frame.width / 2.0 - frame.margin, height / 2.0 - frame.margin);
    let at = (0..nodes)
        .map(|i| {
            let angle = i as f64 / nodes as f64 * std::f64::consts::TAU;
            Point { x: frame.width / 2.0 + rx * sin(angle), y: height / 2.0 - ry * cos(angle) }
        })
        .collect();
    Layout { at, height, graticule: Vec::new() }
}

/// A map projection: Albers' equal-area conic (Snyder, USGS Professional Paper 1395, §14), whose parallels suit a
/// country or a continent; cylindrical near the equator and for the whole earth, where a cone degenerates.
#[derive(Clone, Copy, Debug)]
enum Projection {
    Conic { lon0: f64, n: f64, c: f64 },
    Cylindrical { lon0: f64, squeeze: f64 },
}

impl Projection {
    fn fitting(places: &[(f64, f64)]) -> Self {
        let (lon0, lon_span) = centre_of_longitudes(places);
        let (lo, hi) = range(places.iter().map(|p| p.1));
        let (phi1, phi2) = ((lo + (hi - lo) / 6.0).to_radians(), (hi - (hi - lo) / 6.0).to_radians());
        let n = (sin(phi1) + sin(phi2)) / 2.0;
        if fabs(n) < 0.2 || fabs(n) > 0.98 || lon_span > 150.0 {
            return Self::Cylindrical { lon0, squeeze: cos(((lo + hi) / 2.0).to_radians()).max(0.2) };
        }
        Self::Conic { lon0, n, c: cos(phi1) * cos(phi1) + 2.0 * n * sin(phi1) }
    }

    fn apply(&self, (lon, lat): (f64, f64)) -> Point {
        match *self {
            Self::Conic { lon0, n, c } => {
                let rho = sqrt((c - 2.0 * n * sin(lat.to_radians())).max(0.0)) / n;
                let theta = n * wrap(lon - lon0).to_radians();
                Point { x: rho * sin(theta), y: rho * cos(theta) }
            }
            Self::Cylindrical { lon0, squeeze } => {
                Point { x: wrap(lon - lon0).to_radians() * squeeze, y: -lat.to_radians() }
            }
        }
    }
}

/// A difference of longitudes in −180 … 180 degrees.
fn wrap(degrees: f64) -> f64 {
    degrees - 360.0 * ((degrees + 180.0) / 360.0).floor()
}

/// The middle and the width of the shortest stretch that holds all longitudes, whichever side of the date line.
fn centre_of_longitudes(places: &[(f64, f64)]) -> (f64, f64) {
    let mut lons: Vec<f64> = places.iter().map(|p| wrap(p.0)).collect();
    lons.sort_by(f64::total_cmp);
    let mut widest = (lons[0] + 360.0 - lons[lons.len() - 1], lons[0]);
    for pair in lons.windows(2) {
        if pair[1] - pair[0] > widest.0 {
            widest = (pair[1] - pair[0], pair[1]);
        }
    }
    let span = 360.0 - widest.0;
    (wrap(widest.1 + span / 2.0), span)
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)))
}

/// The scale and shift that bring projected points into the frame.
#[derive(Clone, Copy, Debug)]
struct Fit {
    scale: f64,
    dx: f64,
    dy: f64,
    height: f64,
}

impl Fit {
    fn new(points: &[Point], frame: &Frame) -> Self {
        let (x0, x1) = range(points.iter().map(|p| p.x));
        let (y0, y1) = range(points.iter().map(|p| p.y));
        let inner = (frame.width - 2.0 * frame.margin, frame.height.1 - 2.0 * frame.margin);
        let scale = (inner.0 / (x1 - x0).max(1e-12)).min(inner.1 / (y1 - y0).max(1e-12));
        let height = ((y1 - y0) * scale + 2.0 * frame.margin).clamp(frame.height.0, frame.height.1);
        Self {
            scale,
            dx: frame.width / 2.0 - (x0 + x1) / 2.0 * scale,
            dy: height / 2.0 - (y0 + y1) / 2.0 * scale,
            height,
        }
    }

    fn apply(&self, p: Point) -> Point {
        Point { x: p.x * self.scale + self.dx, y: p.y * self.scale + self.dy }
    }
}

/// A node without coordinates stands amid its neighbours that have some, or in the middle.
fn place_by_neighbours(placed: &mut [Option<Point>], map: &Map, x: f64, y: f64) {
    let known = placed.to_vec();
    for (node, slot) in placed.iter_mut().enumerate().filter(|(_, slot)| slot.is_none()) {
        let near: Vec<Point> = map
            .links
            .iter()
            .filter(|l| l.a == node || l.b == node)
            .filter_map(|l| known.get(if l.a == node { l.b } else { l.a }).copied().flatten())
            .collect();
        let k = near.len() as f64;
        *slot = Some(if near.is_empty() {
            Point { x, y }
        } else {
            Point {
                x: near.iter().map(|p| p.x).sum::<f64>() / k,
                y: near.iter().map(|p| p.y).sum::<f64>() / k,
            }
        });
    }
}

/// Pushes nodes apart that would cover one another, such as routers of one site. Pairs are visited in a fixed order.
fn push_apart(at: &mut [Point], apart: f64) {
    const ROUNDS: usize = 60;
    for _ in 0..ROUNDS {
        let mut moved = false;
        for i in 0..at.len() {
            for j in i + 1..at.len() {
                let (dx, dy) = (at[j].x - at[i].x, at[j].y - at[i].y);
                let d = sqrt(dx * dx + dy * dy);
                if d >= apart * 0.98 {
                    continue;
                }
                moved = true;
                // Two nodes on one spot part in a direction that their numbers choose (the golden angle).
                let angle = 2.399_963 * j as f64;
                let (ux, uy) = if d < 1e-6 { (cos(angle), sin(angle)) } else { (dx / d, dy / d) };
                let push = (apart - d) / 2.0;
                at[i] = Point { x: at[i].x - ux * push, y: at[i].y - uy * push };
                at[j] = Point { x: at[j].x + ux * push, y: at[j].y + uy * push };
            }
        }
        if !moved {
            return;
        }
    }
}

fn keep_inside(at: &mut [Point], width: f64, height: f64, margin: f64) {
    for p in at {
        *p = Point { x: p.x.clamp(margin, width - margin), y: p.y.clamp(margin, height - margin) };
    }
}

/// Meridians and parallels at a round step, drawn well past the frame (which clips them).
fn graticule(places: &[(f64, f64)], projection: &Projection, fit: &Fit, width: f64) -> Vec<String> {
    let (lon0, lon_span) = centre_of_longitudes(places);
    let (lat_lo, lat_hi) = range(places.iter().map(|p| p.1));
    // What the frame shows, in degrees, and a little more.
    let degrees_wide =
        (width / fit.scale).to_degrees() / cos(((lat_lo + lat_hi) / 2.0).to_radians()).max(0.2);
    let degrees_high = (fit.height / fit.scale).to_degrees();
    let half = (degrees_wide.max(lon_span) * 0.75).min(179.0);
    let mid = (lat_lo + lat_hi) / 2.0;
    let (south, north) = ((mid - degrees_high * 0.9).max(-88.0), (mid + degrees_high * 0.9).min(88.0));
    let step = round_step(degrees_wide.min(degrees_high * 2.0) / 6.0);
    let line = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        let path: Vec<String> = points
            .map(|p| fit.apply(projection.apply(p)))
            .map(|p| format!("{} {}", px(p.x), px(p.y)))
            .collect();
        format!("M{}", path.join("L"))
    };
    const PIECES: u32 = 16;
    let part = |lo: f64, hi: f64, k: u32| lo + (hi - lo) * f64::from(k) / f64::from(PIECES);
    let parallels = multiples(step, south, north)
        .map(|lat| line(&mut (0..=PIECES).map(|k| (part(lon0 - half, lon0 + half, k), lat))));
    let meridians = multiples(step, lon0 - half, lon0 + half)
        .map(|lon| line(&mut (0..=PIECES).map(|k| (lon, part(south, north, k)))));
    parallels.chain(meridians).collect()
}

fn round_step(rough: f64) -> f64 {
    const STEPS: [f64; 11] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];
    STEPS.into_iter().find(|&s| s >= rough).unwrap_or(30.0)
}

/// The multiples of `step` between two bounds, at most 60 of them.
fn multiples(step: f64, lo: f64, hi: f64) -> impl Iterator<Item = f64> {
    let first = (lo / step).ceil();
    (0..60).map(move |k| (first + f64::from(k)) * step).take_while(move |&v| v <= hi)
}

#[cfg(test)]
mod tests {
    use super::super::data::MapNode;
    use super::*;

    const FRAME: Frame = Frame { width: 1000.0, height: (300.0, 600.0), margin: 50.0, apart: 20.0 };

    fn map(places: &[Option<(f64, f64)>]) -> Map {
        let nodes = places.iter().map(|&place| MapNode { name: String::new(), place }).collect();
        Map { nodes, ..Map::default() }
    }

    #[test]
    fn north_is_up_and_east_is_right_on_both_hemispheres() {
        for sign in [1.0, -1.0] {
            let (near, far) = (30.0 * sign, 45.0 * sign);
            let layout = arrange(&map(&[Some((10.0, near)), Some((30.0, near)), Some((20.0, far))]), &FRAME);
            assert!(layout.at[0].x < layout.at[2].x && layout.at[2].x < layout.at[1].x);
            assert_eq!(layout.at[2].y < layout.at[0].y, sign > 0.0);
            assert!(!layout.graticule.is_empty());
        }
    }

    #[test]
    fn albers_keeps_areas() {
        // One degree cells at two latitudes: areas on the sphere are Δλ (sin φ2 − sin φ1).
        let projection = Projection::fitting(&[(0.0, 30.0), (10.0, 60.0)]);
        let area = |lat: f64| {
            let corner = |dx: f64, dy: f64| projection.apply((4.5 + dx, lat + dy));
            let (a, b, c, d) = (corner(0.0, 0.0), corner(1.0, 0.0), corner(1.0, 1.0), corner(0.0, 1.0));
            let cross = |p: Point, q: Point| p.x * q.y - q.x * p.y;
            fabs(cross(a, b) + cross(b, c) + cross(c, d) + cross(d, a)) / 2.0
        };
        let sphere = |lat: f64| 1_f64.to_radians() * (sin((lat + 1.0).to_radians()) - sin(lat.to_radians()));
        for lat in [31.0, 45.0, 58.0] {
            assert!(fabs(area(lat) / sphere(lat) - 1.0) < 1e-3, "at {lat}");
        }
    }

    #[test]
    fn a_network_across_the_date_line_stays_together() {
        assert_eq!(centre_of_longitudes(&[(170.0, 0.0), (-170.0, 0.0)]), (-180.0, 20.0));
        let layout =
            arrange(&map(&[Some((170.0, -40.0)), Some((-170.0, -42.0)), Some((179.0, -30.0))]), &FRAME);
        assert!(layout.at[0].x < layout.at[2].x && layout.at[2].x < layout.at[1].x);
    }

    #[test]
    fn routers_of_one_site_are_pushed_apart() {
        let layout = arrange(
            &map(&[Some((8.5, 47.4)), Some((8.5, 47.4)), Some((8.5, 47.4)), Some((2.3, 48.9))]),
            &FRAME,
        );
        for i in 0..3 {
            for j in i + 1..3 {
                let (p, q) = (layout.at[i], layout.at[j]);
                assert!((p.x - q.x).hypot(p.y - q.y) > 18.0);
            }
        }
    }

    #[test]
    fn without_coordinates_nodes_stand_on_a_circle() {
        let layout = arrange(&map(&[None, None, None, None]), &FRAME);
        assert_eq!(layout.at.len(), 4);
        assert!(layout.graticule.is_empty());
        assert!(layout.at[0].y < layout.at[2].y);
        assert!(arrange(&map(&[]), &FRAME).at.is_empty());
    }

    #[test]
    fn bad_coordinates_count_as_missing() {
        let layout = arrange(&map(&[Some((f64::NAN, 1.0)), Some((10.0, 50.0)), Some((20.0, 40.0))]), &FRAME);
        assert_eq!(layout.at.len(), 3);
        assert!(layout.at.iter().all(|p| p.x.is_finite() && p.y.is_finite()));
    }
}
