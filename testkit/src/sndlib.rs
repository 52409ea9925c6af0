//! A second, minimal reader of SNDlib's native XML, so that an oracle does not depend on the product's reader. It looks for
//! tags as text and panics on files that are not in form: it reads recorded data only.

use std::collections::BTreeMap;

use crate::{PlainArc, PlainDemand, PlainNet};

/// bit/s of one unit of capacity or demand.
const UNIT: f64 = 1e6;

/// Kilometres; the sphere by which weights are measured.
const EARTH_RADIUS: f64 = 6_371.0;

/// Reads a network and its demands. Link *i* gives arcs 2*i* and 2*i*+1; its capacity is what is installed plus the largest
/// module, 0 becomes 1; its weight the distance, rounded, at least 1. Where no pair has demands in both orders, each
/// demand's reverse is added.
///
/// # Panics
/// On a file that is not in form.
pub fn sndlib(text: &str) -> (PlainNet, Vec<PlainDemand>) {
    let pixels = text.contains("coordinatesType=\"pixel\"");
    let nodes: Vec<(&str, f64, f64)> = elements(text, "node")
        .map(|node| (attribute(node, "id"), numbers(node, "x")[0], numbers(node, "y")[0]))
        .collect();
    let number = |id: &str| nodes.iter().position(|n| n.0 == id).unwrap_or_else(|| panic!("no node {id}"));
    let ends = |element| (number(word(element, "source")), number(word(element, "target")));
    let mut net = PlainNet { nodes: nodes.len(), arcs: Vec::new() };
    for (link, element) in elements(text, "link").enumerate() {
        let (a, b) = ends(element);
        let of = |name| elements(element, name).flat_map(|module| numbers(module, "capacity"));
        let capacity = of("preInstalledModule").sum::<f64>() + of("addModule").fold(0.0, f64::max);
        let capacity = UNIT * if capacity == 0.0 { 1.0 } else { capacity };
        let ((_, ax, ay), (_, bx, by)) = (nodes[a], nodes[b]);
        let length = if pixels { (ax - bx).hypot(ay - by) } else { great_circle(ax, ay, bx, by) };
        let weight = (length.round() as u64).max(1);
        let arc = |from, to| PlainArc { from, to, link, weight, capacity };
        net.arcs.extend([arc(a, b), arc(b, a)]);
    }
    let listed = elements(text, "demand").map(|element| (ends(element), numbers(element, "demandValue")[0]));
    (net, both_ways(listed.collect()))
}

/// Adds up, drops what is nothing, and adds reverses to an undirected list.
fn both_ways(listed: Vec<((usize, usize), f64)>) -> Vec<PlainDemand> {
    let mut sums: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (pair, volume) in listed.into_iter().filter(|((a, b), volume)| a != b && *volume > 0.0) {
        *sums.entry(pair).or_default() += volume * UNIT;
    }
    let undirected = sums.keys().all(|&(a, b)| !sums.contains_key(&(b, a)));
    let one_way = sums.into_iter().map(|((a, b), volume)| (a, b, volume));
    one_way.flat_map(|d| [Some(d), undirected.then_some((d.1, d.0, d.2))]).flatten().collect()
}

/// Kilometres between two places in degrees, by the haversine formula.
fn great_circle(lon_a: f64, lat_a: f64, lon_b: f64, lat_b: f64) -> f64 {
    let half = |a: f64, b: f64| libm::sin((a - b).to_radians() / 2.0).powi(2);
    let cos = |lat: f64| libm::cos(lat.to_radians());
    let h = half(lat_a, lat_b) + cos(lat_a) * cos(lat_b) * half(lon_a, lon_b);
    2.0 * EARTH_RADIUS * libm::asin(h.sqrt())
}

/// Each `<name …>…</name>`, tags included.
fn elements<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = &'t str> {
    let starts = text.match_indices('<').map(|(at, _)| &text[at..]);
    let ours = starts.filter(move |rest| {
        rest[1..].strip_prefix(name).is_some_and(|r| r.starts_with('>') || r.starts_with(' '))
    });
    ours.map(move |rest| &rest[..rest.find(&format!("</{name}>")).expect("an end")])
}

fn attribute<'t>(element: &'t str, name: &str) -> &'t str {
    let from = element.find(&format!("{name}=\"")).expect("an attribute") + name.len() + 2;
    element[from..].split('"').next().unwrap_or_default()
}

fn word<'t>(element: &'t str, name: &'t str) -> &'t str {
    let inner = elements(element, name).next().unwrap_or_else(|| panic!("no {name} in {element}"));
    inner.split('>').nth(1).unwrap_or_default().trim()
}

fn numbers(element: &str, name: &str) -> Vec<f64> {
    elements(element, name)
        .map(|e| e.split('>').nth(1).unwrap_or_default().trim().parse().expect(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_what_is_there_and_the_largest_module() {
        let text = r#"<nodes coordinatesType="pixel">
            <node id="a"><coordinates><x>0</x><y>0</y></coordinates></node>
            <node id="b"><coordinates><x>3</x><y>4.4</y></coordinates></node></nodes>
            <links><link id="l"><source>b</source><target>a</target>
            <preInstalledModule><capacity>5.0</capacity><cost>0</cost></preInstalledModule>
            <additionalModules><addModule><capacity>7</capacity></addModule><addModule><capacity>2</capacity>
            </addModule></additionalModules></link>
            <link id="m"><source>a</source><target>b</target></link></links>
            <demands><demand id="d"><source>a</source><target>b</target><demandValue>2</demandValue></demand>
            <demand id="e"><source>a</source><target>b</target><demandValue>1</demandValue></demand></demands>"#;
        let (net, demands) = sndlib(text);
        let arcs: Vec<_> = net.arcs.iter().map(|a| (a.from, a.to, a.link, a.weight, a.capacity)).collect();
        assert_eq!(arcs, [(1, 0, 0, 5, 12e6), (0, 1, 0, 5, 12e6), (0, 1, 1, 5, 1e6), (1, 0, 1, 5, 1e6)]);
        assert_eq!(demands, [(0, 1, 3e6), (1, 0, 3e6)]);
    }

    #[test]
    fn an_eighth_of_the_equator_is_5_004_km() {
        assert!((great_circle(-20.0, 0.0, 25.0, 0.0) - 5_003.771_699).abs() < 1e-6);
    }
}
