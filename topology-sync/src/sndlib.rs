//! SNDlib native XML (Orlowski, Pióro, Tomaszewski, Wessäly: *SNDlib 1.0 – Survivable Network Design Library*, 2010).
//!
//! Conventions: every link is used in both directions with its full capacity each way; link *i* in file order gives the
//! arcs 2*i* (source to target) and 2*i*+1. Capacity is the preinstalled capacity plus the largest module that can be
//! added; 0 becomes 1. The weight is the length in km, rounded, at least 1. If no pair has demands in both orders, the
//! instance is undirected and each demand's reverse is added. Units are the network's own: one is taken as 1 Mbit/s.

use std::collections::BTreeMap;

use roxmltree::Node;
use twin::{
    BitsPerSec, Demand, DemandMatrix, Diagnostic, EntityKey, InputError, LinkSpec, Location, NodeKind,
    SimDuration, Snapshot, TwinBuilder,
};

use crate::xml::{Xml, child, children, text};

/// bit/s in one unit of capacity or demand.
const UNIT_BPS: f64 = 1e6;

/// How to read what the format leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SndlibOptions {
    /// Where routing weights come from.
    pub weight: Weight,
    /// Which capacity a link has.
    pub capacity: Capacity,
    /// Whether each demand's reverse is added; `None` decides by the file (see the module).
    pub symmetric: Option<bool>,
}

/// Where routing weights come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// Great-circle km, or file units where coordinates are pixels; rounded, at least 1.
    #[default]
    Km,
    /// 1 for each link.
    Hop,
    /// The reference bandwidth over the capacity, rounded, at least 1 (the auto-cost of OSPF implementations); the
    /// reference is the largest capacity of the network.
    InverseCapacity,
}

/// Which capacity a link has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capacity {
    /// Preinstalled plus the largest addable module.
    #[default]
    Designed,
    /// Preinstalled alone.
    Preinstalled,
}

struct Link<'a> {
    id: &'a str,
    ends: [EntityKey; 2],
    capacity: BitsPerSec,
    /// Distance and whether it is in km; `None` where an end has no coordinates.
    length: Option<(f64, bool)>,
}

type Nodes<'a> = BTreeMap<&'a str, (EntityKey, Option<Location>)>;

/// Reads a network with its demands; `file` is what errors call it.
///
/// # Errors
/// [`InputError`] with line and column for malformed XML, a missing element, an unknown or repeated node, or a capacity
/// or demand that is negative or not finite.
pub fn read(file: &str, text: &str, options: &SndlibOptions) -> Result<Snapshot, InputError> {
    let xml = Xml::parse(file, text)?;
    let network = xml.root("network")?;
    let structure = xml.child(network, "networkStructure")?;
    let mut net = TwinBuilder::new(file);
    let mut diagnostics = Vec::new();
    check_unit(network, &mut diagnostics);
    let nodes = read_nodes(&xml, structure, &mut net, &mut diagnostics)?;
    let links = read_links(&xml, structure, &nodes, options.capacity, &mut diagnostics)?;
    let reference = links.iter().map(|l| l.capacity.get()).max().unwrap_or(1);
    for link in &links {
        let metric = weight(link, options.weight, reference);
        let delay = match link.length {
            Some((km, true)) => SimDuration::fibre_km(km),
            _ => SimDuration::ZERO,
        };
        let spec = LinkSpec::symmetric(metric, link.capacity, delay);
        net.link(link.id, &link.ends[0], &link.ends[1], spec);
    }
    let demands = match child(network, "demands") {
        Some(element) => Some(read_demands(&xml, element, &nodes, options.symmetric, &mut diagnostics)?),
        None => None,
    };
    Ok(Snapshot { twin: net.finish(), demands, unit_bps: UNIT_BPS, diagnostics })
}

/// What can be added to each link, in the order of the file: capacity in both directions and its cost, in the network's own
/// unit of money. A module may be added any number of times.
///
/// # Errors
/// [`InputError`] as of [`read`], for a capacity or cost that is negative or not finite.
pub fn modules(file: &str, text: &str) -> Result<Vec<Vec<(BitsPerSec, f64)>>, InputError> {
    let xml = Xml::parse(file, text)?;
    let structure = xml.child(xml.root("network")?, "networkStructure")?;
    let of_link = |link| {
        let added = child(link, "additionalModules").into_iter();
        added
            .flat_map(|list| children(list, "addModule"))
            .filter_map(|module| offer(&xml, module).transpose())
            .collect()
    };
    children(xml.child(structure, "links")?, "link").map(of_link).collect()
}

/// Capacity and cost of a module; `None` for one without capacity.
fn offer(xml: &Xml<'_>, module: Node<'_, '_>) -> Result<Option<(BitsPerSec, f64)>, InputError> {
    let bps = (xml.volume(xml.child(module, "capacity")?)? * UNIT_BPS).round();
    let cost = xml.volume(xml.child(module, "cost")?)?;
    if bps >= u64::MAX as f64 || !cost.is_finite() {
        return Err(xml.error(module, "a module that is too large", "a finite capacity and cost"));
    }
    Ok(BitsPerSec::new(bps as u64).map(|capacity| (capacity, cost)))
}

fn check_unit(network: Node<'_, '_>, diagnostics: &mut Vec<Diagnostic>) {
    let unit = child(network, "meta").and_then(|m| child(m, "unit")).map(text).unwrap_or_default();
    match unit {
        "MBITPERSEC" => {}
        "" => Diagnostic::count(diagnostics, "unit", || {
            "no <unit>: one unit of capacity or demand is taken as 1 Mbit/s".into()
        }),
        other => Diagnostic::count(diagnostics, "unit", || {
            format!("<unit> is '{other}': one unit of capacity or demand is taken as 1 Mbit/s all the same")
        }),
    }
}

fn read_nodes<'n>(
    xml: &'n Xml<'_>,
    structure: Node<'n, '_>,
    net: &mut TwinBuilder,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Nodes<'n>, InputError> {
    let element = xml.child(structure, "nodes")?;
    // SNDlib: `geographical` is degrees, `pixel` a drawing; the schema's default is geographical.
    let geographical = element.attribute("coordinatesType") != Some("pixel");
    let mut nodes = Nodes::new();
    for node in children(element, "node") {
        let id = xml.attribute(node, "id")?;
        let location = match child(node, "coordinates") {
            None => {
                Diagnostic::count(diagnostics, "missing-coordinates", || {
                    format!("without coordinates a link has delay 0 and km weight 1 (node '{id}')")
                });
                None
            }
            Some(c) => Some(Location {
                x: xml.number(xml.child(c, "x")?)?,
                y: xml.number(xml.child(c, "y")?)?,
                geographical,
            }),
        };
        let key = net.node(id, NodeKind::Router, location);
        if nodes.insert(id, (key, location)).is_some() {
            return Err(xml.error(node, format!("a second node '{id}'"), "each id once"));
        }
    }
    Ok(nodes)
}

fn read_links<'n>(
    xml: &'n Xml<'_>,
    structure: Node<'n, '_>,
    nodes: &Nodes<'_>,
    which: Capacity,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<Link<'n>>, InputError> {
    let mut links = Vec::new();
    for link in children(xml.child(structure, "links")?, "link") {
        let id = xml.attribute(link, "id")?;
        let (a, a_at) = end(xml, link, "source", nodes)?;
        let (b, b_at) = end(xml, link, "target", nodes)?;
        if a == b {
            Diagnostic::count(diagnostics, "self-loop", || {
                format!("a link from a node to itself keeps its number and carries nothing ('{id}')")
            });
        }
        let length = match (a_at, b_at) {
            (Some(a), Some(b)) => Some((a.distance(&b), a.geographical)),
            _ => None,
        };
        links.push(Link { id, ends: [a, b], capacity: capacity(xml, link, which)?, length });
    }
    Ok(links)
}

fn end(
    xml: &Xml<'_>,
    parent: Node<'_, '_>,
    which: &str,
    nodes: &Nodes<'_>,
) -> Result<(EntityKey, Option<Location>), InputError> {
    let element = xml.child(parent, which)?;
    let name = text(element);
    nodes.get(name).cloned().ok_or_else(|| {
        xml.error(element, format!("unknown node '{name}'"), "a node of this file")
            .with_nearest(name, nodes.keys().copied())
    })
}

fn capacity(xml: &Xml<'_>, link: Node<'_, '_>, which: Capacity) -> Result<BitsPerSec, InputError> {
    let module = |m| xml.volume(xml.child(m, "capacity")?);
    let mut units = child(link, "preInstalledModule").map(module).transpose()?.unwrap_or(0.0);
    let mut largest = 0.0_f64;
    for added in child(link, "additionalModules").iter().flat_map(|a| children(*a, "addModule")) {
        largest = largest.max(module(added)?);
    }
    if which == Capacity::Designed {
        units += largest;
    }
    let units = if units == 0.0 { 1.0 } else { units };
    let bps = (units * UNIT_BPS).round();
    if bps >= u64::MAX as f64 {
        return Err(xml.error(link, format!("a capacity of {units} units"), "less than 1.8e13 units"));
    }
    Ok(BitsPerSec::new((bps as u64).max(1)).expect("at least 1"))
}

fn weight(link: &Link<'_>, weight: Weight, reference_bps: u64) -> u32 {
    let value = match weight {
        Weight::Km => link.length.map_or(1.0, |(length, _)| length),
        Weight::Hop => 1.0,
        Weight::InverseCapacity => reference_bps as f64 / link.capacity.as_f64(),
    };
    value.round().clamp(1.0, f64::from(u32::MAX)) as u32
}

fn read_demands(
    xml: &Xml<'_>,
    element: Node<'_, '_>,
    nodes: &Nodes<'_>,
    symmetric: Option<bool>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<DemandMatrix, InputError> {
    let mut demands = Vec::new();
    for demand in children(element, "demand") {
        let (src, _) = end(xml, demand, "source", nodes)?;
        let (dst, _) = end(xml, demand, "target", nodes)?;
        let value = xml.child(demand, "demandValue")?;
        let bps = xml.volume(value)? * UNIT_BPS;
        if !bps.is_finite() {
            return Err(xml.value_error(value, text(value), "a finite demand"));
        }
        if src == dst {
            Diagnostic::count(diagnostics, "self-demand", || {
                format!("a demand from a node to itself is dropped ('{src}')")
            });
        } else if bps == 0.0 {
            Diagnostic::count(diagnostics, "zero-demand", || {
                format!("a demand of 0 is dropped ('{src}' to '{dst}')")
            });
        }
        demands.push(Demand { src, dst, bps });
    }
    let matrix = DemandMatrix::new(demands);
    Ok(match symmetric {
        None => matrix.symmetric_if_undirected(),
        Some(false) => matrix,
        Some(true) => mirrored(&matrix),
    })
}

fn mirrored(matrix: &DemandMatrix) -> DemandMatrix {
    let reverse = |d: &Demand| Demand { src: d.dst.clone(), dst: d.src.clone(), bps: d.bps };
    let there = matrix.demands().iter().cloned();
    DemandMatrix::new(there.chain(matrix.demands().iter().map(reverse)))
}

#[cfg(test)]
mod tests {
    use twin::{Csr, Layer};

    use super::*;

    /// Three nodes in a row a degree of latitude (111.19 km) apart; the first link has 10 preinstalled and modules of 5
    /// and 90, the second nothing.
    fn network(kind: &str, demands: &str) -> String {
        let node = |id: &str, y: u32| {
            format!("<node id=\"{id}\"><coordinates><x>0.0</x><y>{y}.0</y></coordinates></node>")
        };
        let module = |capacity: u32| {
            format!("<addModule><capacity>{capacity}.0</capacity><cost>1.0</cost></addModule>")
        };
        format!(
            "<network><networkStructure><nodes coordinatesType=\"{kind}\">{}{}{}</nodes><links>\
             <link id=\"ab\"><source>a</source><target>b</target>\
             <preInstalledModule><capacity>10.0</capacity><cost>0.0</cost></preInstalledModule>\
             <additionalModules>{}{}</additionalModules></link>\
             <link id=\"bc\"><source>b</source><target>c</target></link>\
             </links></networkStructure><demands>{demands}</demands></network>",
            node("a", 0),
            node("b", 1),
            node("c", 2),
            module(90),
            module(5),
        )
    }

    fn demand(src: &str, dst: &str, value: f64) -> String {
        format!(
            "<demand id=\"{src}{dst}\"><source>{src}</source><target>{dst}</target>\
             <demandValue>{value}</demandValue></demand>"
        )
    }

    fn compiled(kind: &str, options: SndlibOptions) -> Csr {
        Csr::compile(&read("n.xml", &network(kind, ""), &options).unwrap().twin, Layer::Igp)
    }

    #[test]
    fn weights_by_length_hop_and_inverse_capacity() {
        let with = |weight| SndlibOptions { weight, ..SndlibOptions::default() };
        assert_eq!(compiled("geographical", with(Weight::Km)).metric, [111, 111, 111, 111]);
        assert_eq!(compiled("pixel", with(Weight::Km)).metric, [1, 1, 1, 1]);
        assert_eq!(compiled("geographical", with(Weight::Hop)).metric, [1, 1, 1, 1]);
        assert_eq!(compiled("geographical", with(Weight::InverseCapacity)).metric, [1, 1, 100, 100]);
    }

    #[test]
    fn capacity_is_preinstalled_plus_the_largest_module_and_never_zero() {
        let mbps = |capacity| {
            let csr = compiled("geographical", SndlibOptions { capacity, ..SndlibOptions::default() });
            csr.capacity.iter().map(|c| c.get() / 1_000_000).collect::<Vec<_>>()
        };
        assert_eq!(mbps(Capacity::Designed), [100, 100, 1, 1]);
        assert_eq!(mbps(Capacity::Preinstalled), [10, 10, 1, 1]);
    }

    #[test]
    fn modules_of_a_link_are_read_with_their_cost() {
        let mbps = |n: u64| BitsPerSec::new(n * 1_000_000).unwrap();
        let of = |text: &str| modules("n.xml", text);
        let known = vec![vec![(mbps(90), 1.0), (mbps(5), 1.0)], vec![]];
        assert_eq!(of(&network("geographical", "")).unwrap(), known);
        let error = of(&network("geographical", "").replace("<cost>1.0", "<cost>-1.0")).unwrap_err();
        assert!(error.to_string().contains("-1.0"), "{error}");
    }

    #[test]
    fn delay_is_fibre_on_the_globe_and_unknown_on_a_drawing() {
        let microseconds = |kind| {
            let csr = compiled(kind, SndlibOptions::default());
            (csr.delay[0].as_secs_f64() * 1e6).round()
        };
        assert_eq!((microseconds("geographical"), microseconds("pixel")), (556.0, 0.0));
    }

    #[test]
    fn an_undirected_instance_is_mirrored_unless_told_otherwise() {
        let total = |demands: &str, symmetric| {
            let options = SndlibOptions { symmetric, ..SndlibOptions::default() };
            let net = read("n.xml", &network("pixel", demands), &options).unwrap();
            net.demands.unwrap().total_bps() / 1e6
        };
        let one_way = demand("a", "b", 1.0) + &demand("a", "c", 2.0) + &demand("c", "c", 7.0);
        assert_eq!(total(&one_way, None), 6.0);
        assert_eq!(total(&one_way, Some(false)), 3.0);
        let both = demand("a", "b", 1.0) + &demand("b", "a", 2.0);
        assert_eq!(total(&both, None), 3.0);
        assert_eq!(total(&both, Some(true)), 6.0);
    }

    #[test]
    fn oddities_are_counted() {
        let text = network("pixel", &(demand("a", "a", 1.0) + &demand("a", "b", 0.0)))
            .replace("<target>c</target></link>", "<target>b</target></link>");
        let net = read("n.xml", &text, &SndlibOptions::default()).unwrap();
        let codes: Vec<_> = net.diagnostics.iter().map(|d| (d.code.as_str(), d.count)).collect();
        assert_eq!(codes, [("unit", 1), ("self-loop", 1), ("self-demand", 1), ("zero-demand", 1)]);
        assert_eq!(Csr::compile(&net.twin, Layer::Igp).link_count(), 2, "a self-loop keeps its number");
    }

    #[test]
    fn a_repeated_node_and_a_missing_element_are_errors() {
        let e = |from: &str, to: &str| {
            let text = network("pixel", &demand("a", "b", 1.0)).replacen(from, to, 1);
            read("n.xml", &text, &SndlibOptions::default()).unwrap_err().to_string()
        };
        assert!(e("node id=\"b\"", "node id=\"a\"").contains("a second node 'a'; expected each id once"));
        assert!(e("<demandValue>1</demandValue>", "").contains("<demand> without <demandValue>"));
        assert!(
            e("<demandValue>1", "<demandValue>inf")
                .contains("<demandValue> is 'inf'; expected a finite number")
        );
        assert!(e("<x>0.0", "<x>west").contains("<x> is 'west'"));
    }
}
