//! How busy a half-link is, in words and colour classes.

use super::data::{HalfLink, LinkState, Map, MapLink};

/// From this utilisation on a half-link is red, unless [`Map::red_from`] says otherwise.
pub const RED_FROM: f64 = 0.8;

/// Where the darkest class begins on this map.
pub(super) fn full(map: &Map) -> f64 {
    if map.full > 0.0 { map.full } else { 1.0 }
}

/// Where red begins on this map.
pub(super) fn red_from(map: &Map) -> f64 {
    if map.red_from > 0.0 { map.red_from.min(0.99 * full(map)) } else { RED_FROM * full(map) }
}

/// Upper ends of the colour classes below red.
pub(super) fn steps(red: f64) -> [f64; 4] {
    [red / 8.0, red * 5.0 / 16.0, red * 5.0 / 8.0, red]
}

/// The style of a half-link; `style.css` gives it a colour.
pub(super) fn load_class(half: &HalfLink, map: &Map) -> &'static str {
    let (load, red) = (utilisation(half), red_from(map));
    match half.state {
        LinkState::Down => "l down",
        LinkState::Stale => "l nodata",
        LinkState::Up if !load.is_finite() => "l nodata",
        LinkState::Up if load >= full(map) => "l u5",
        LinkState::Up => {
            ["l u0", "l u1", "l u2", "l u3", "l u4"][steps(red).iter().filter(|&&s| load >= s).count()]
        }
    }
}

/// Load by capacity; not finite where either is not known.
pub(super) fn utilisation(half: &HalfLink) -> f64 {
    half.observed / half.capacity
}

/// The two ends of a half-link by name: `a → b`.
pub(super) fn arc_name(map: &Map, link: &MapLink, forward: bool) -> String {
    let name = |i: usize| map.nodes.get(i).map_or("?", |n| n.name.as_str());
    let (from, to) = if forward { (link.a, link.b) } else { (link.b, link.a) };
    format!("{} → {}", name(from), name(to))
}
