//! REPETITA: `.graph` networks and `.demands` matrices (Gay, Schaus, Vissicchio: *REPETITA: Repeatable Experiments for
//! Performance Evaluation of Traffic-Engineering Algorithms*, 2017).
//!
//! Conventions: a node's identity is its index, since labels may repeat; arc *i* is the *i*-th line of `EDGES`; rates
//! are in kbit/s and delays in µs. Reading arcs in order, `u → v` takes the link number of the oldest still unpaired
//! `v → u` if there is one, else the next new number: the *k*-th `u → v` is paired with the *k*-th `v → u`. An arc that
//! stays alone is a one-way link.

use std::collections::{BTreeMap, VecDeque};

use twin::{
    BitsPerSec, Demand, DemandMatrix, Diagnostic, EntityKey, InputError, LinkSpec, Location, NodeKind,
    SimDuration, Snapshot, Twin, TwinBuilder,
};

use crate::lines::Lines;

/// bit/s in one unit of bandwidth or demand: kbit/s.
pub(crate) const UNIT_BPS: f64 = 1e3;

const NODE: &str = "label x y";
const EDGE: &str = "label src dest weight bw delay";
const DEMAND: &str = "label src dest bw";

struct Node {
    label: String,
    x: f64,
    y: f64,
}

struct Arc {
    label: String,
    src: usize,
    dst: usize,
    half: (u32, BitsPerSec, SimDuration),
}

/// Reads a `.graph`; `file` is what errors call it.
///
/// # Errors
/// [`InputError`] with line and column for a missing section or field, an index that is no node, a count that does not
/// match, or a weight, bandwidth or delay that is negative or not finite.
pub fn read_graph(file: &str, text: &str) -> Result<Snapshot, InputError> {
    let mut diagnostics = Vec::new();
    let mut lines = Lines::new(file, text);
    let nodes = read_nodes(&mut lines)?;
    let arcs = read_arcs(&mut lines, &nodes, &mut diagnostics)?;
    Ok(Snapshot { twin: build(file, &nodes, &arcs), demands: None, unit_bps: UNIT_BPS, diagnostics })
}

/// Reads a `.demands` matrix (kbit/s) for the nodes of `twin` in their order.
///
/// Demands of one ordered pair are added up; self-demands and zeros are dropped and counted.
///
/// # Errors
/// [`InputError`] with line and column for a missing field, an index that is no node of `twin`, or a volume that is
/// negative or not finite.
pub fn read_demands(
    file: &str,
    text: &str,
    twin: &Twin,
) -> Result<(DemandMatrix, Vec<Diagnostic>), InputError> {
    let nodes: Vec<EntityKey> = twin.nodes().into_iter().map(|n| n.key.clone()).collect();
    let mut diagnostics = Vec::new();
    let rows = demand_rows(file, text, nodes.len(), &mut diagnostics)?;
    let demand = |(src, dst, bps): (usize, usize, f64)| Demand {
        src: nodes[src].clone(),
        dst: nodes[dst].clone(),
        bps,
    };
    Ok((DemandMatrix::new(rows.into_iter().map(demand)), diagnostics))
}

/// Reads a `.demands` matrix without its network: nodes are called by their indices.
///
/// # Errors
/// As [`read_demands`], but any index is taken for a node.
pub fn read_loose_demands(file: &str, text: &str) -> Result<(DemandMatrix, Vec<Diagnostic>), InputError> {
    let mut diagnostics = Vec::new();
    let rows = demand_rows(file, text, usize::MAX, &mut diagnostics)?;
    let node = |index: usize| EntityKey::node(&index.to_string());
    let demand = |(src, dst, bps)| Demand { src: node(src), dst: node(dst), bps };
    Ok((DemandMatrix::new(rows.into_iter().map(demand)), diagnostics))
}

/// Source, destination and bit/s of every line.
fn demand_rows(
    file: &str,
    text: &str,
    nodes: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<(usize, usize, f64)>, InputError> {
    let mut lines = Lines::new(file, text);
    let count = lines.section("DEMANDS")?;
    lines.expect(DEMAND)?.columns(DEMAND)?;
    let mut rows = Vec::new();
    for number in 0..count {
        let line = lines.expect(&format!("demand {number} of {count}: '{DEMAND}'"))?;
        let label = line.columns(DEMAND)?[0];
        let (src, dst) = (node_index(&line, 1, nodes)?, node_index(&line, 2, nodes)?);
        let bps = line.volume(3, "demand in kbit/s")? * UNIT_BPS;
        if !bps.is_finite() {
            return Err(line.error(3, "a finite demand in kbit/s of at least 0"));
        }
        if src == dst {
            Diagnostic::count(diagnostics, "self-demand", || {
                format!("a demand from a node to itself is dropped ('{label}')")
            });
        } else if bps == 0.0 {
            Diagnostic::count(diagnostics, "zero-demand", || format!("a demand of 0 is dropped ('{label}')"));
        }
        rows.push((src, dst, bps));
    }
    lines.end(&format!("{count} demands"))?;
    Ok(rows)
}

fn read_nodes(lines: &mut Lines<'_>) -> Result<Vec<Node>, InputError> {
    let count = lines.section("NODES")?;
    lines.expect(NODE)?.columns(NODE)?;
    let mut nodes = Vec::new();
    for _ in 0..count {
        let line = lines.expect(&format!("node {} of {count}: '{NODE}'", nodes.len()))?;
        let label = line.columns(NODE)?[0].to_owned();
        let coordinate = |field| {
            let expected = "a finite coordinate";
            let value: f64 = line.parse(field, expected)?;
            if value.is_finite() { Ok(value) } else { Err(line.error(field, expected)) }
        };
        nodes.push(Node { label, x: coordinate(1)?, y: coordinate(2)? });
    }
    Ok(nodes)
}

fn read_arcs(
    lines: &mut Lines<'_>,
    nodes: &[Node],
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Vec<Arc>, InputError> {
    let count = lines.section("EDGES")?;
    lines.expect(EDGE)?.columns(EDGE)?;
    let mut arcs = Vec::new();
    for _ in 0..count {
        let line = lines.expect(&format!("edge {} of {count}: '{EDGE}'", arcs.len()))?;
        let label = line.columns(EDGE)?[0].to_owned();
        let (src, dst) = (node_index(&line, 1, nodes.len())?, node_index(&line, 2, nodes.len())?);
        if src == dst {
            Diagnostic::count(diagnostics, "self-loop", || {
                format!("a link from a node to itself keeps its number and carries nothing ('{label}')")
            });
        }
        let half = (
            metric(&line, &label, diagnostics)?,
            capacity(&line, &label, diagnostics)?,
            SimDuration::from_secs_f64(line.volume(5, "delay in µs")? * 1e-6),
        );
        arcs.push(Arc { label, src, dst, half });
    }
    lines.end(&format!("{count} edges"))?;
    Ok(arcs)
}

fn node_index(line: &crate::lines::Line<'_>, field: usize, nodes: usize) -> Result<usize, InputError> {
    let expected = match nodes {
        0 => "a node, but the network has none".to_owned(),
        usize::MAX => "a node index".to_owned(),
        n => format!("a node index from 0 to {}", n - 1),
    };
    let index: usize = line.parse(field, &expected)?;
    if index < nodes { Ok(index) } else { Err(line.error(field, &expected)) }
}

fn metric(
    line: &crate::lines::Line<'_>,
    label: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<u32, InputError> {
    let expected = "a whole weight from 0 to 4294967295";
    let value = line.volume(3, "weight")?;
    if value.fract() != 0.0 || value > f64::from(u32::MAX) {
        return Err(line.error(3, expected));
    }
    if value == 0.0 {
        // A weight of 0 would allow equal-cost loops.
        Diagnostic::count(diagnostics, "zero-weight", || format!("a weight of 0 becomes 1 ('{label}')"));
        return Ok(1);
    }
    Ok(value as u32)
}

fn capacity(
    line: &crate::lines::Line<'_>,
    label: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<BitsPerSec, InputError> {
    let bps = (line.volume(4, "bandwidth in kbit/s")? * UNIT_BPS).round();
    if bps >= u64::MAX as f64 {
        return Err(line.error(4, "a bandwidth below 1.8e16 kbit/s"));
    }
    Ok(BitsPerSec::new(bps as u64).unwrap_or_else(|| {
        Diagnostic::count(diagnostics, "zero-capacity", || {
            format!("a bandwidth of 0 becomes 1 kbit/s ('{label}')")
        });
        BitsPerSec::new(1_000).expect("1000 is not 0")
    }))
}

fn build(file: &str, nodes: &[Node], arcs: &[Arc]) -> Twin {
    let mut net = TwinBuilder::new(file);
    let geographical = nodes.iter().all(|n| n.x.abs() <= 180.0 && n.y.abs() <= 90.0);
    let drawn = nodes.iter().any(|n| n.x != 0.0 || n.y != 0.0);
    let keys: Vec<_> = nodes
        .iter()
        .map(|n| {
            let place = Location { x: n.x, y: n.y, geographical };
            net.node(&n.label, NodeKind::Router, drawn.then_some(place))
        })
        .collect();
    for (forward, backward) in pair(arcs) {
        let arc = &arcs[forward];
        let spec = LinkSpec { forward: arc.half, backward: backward.map(|b| arcs[b].half) };
        let (f, b) = (forward as u32, backward.unwrap_or_default() as u32);
        net.link_with_arcs(&arc.label, &keys[arc.src], &keys[arc.dst], spec, f, b);
    }
    net.finish()
}

/// The arcs of each link, in link order.
fn pair(arcs: &[Arc]) -> Vec<(usize, Option<usize>)> {
    let mut links: Vec<(usize, Option<usize>)> = Vec::new();
    let mut unpaired: BTreeMap<(usize, usize), VecDeque<usize>> = BTreeMap::new();
    for (i, arc) in arcs.iter().enumerate() {
        match unpaired.get_mut(&(arc.dst, arc.src)).and_then(VecDeque::pop_front) {
            Some(link) => links[link].1 = Some(i),
            None => {
                unpaired.entry((arc.src, arc.dst)).or_default().push_back(links.len());
                links.push((i, None));
            }
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use twin::{Csr, Layer};

    use super::*;

    fn graph(edges: &[&str]) -> Result<Snapshot, InputError> {
        let text = format!(
            "NODES 3\nlabel x y\nA 0 0\nB 1 0\nA 0 1\n\nEDGES {}\n{EDGE}\n{}\n",
            edges.len(),
            edges.join("\n")
        );
        read_graph("t.graph", &text)
    }

    #[test]
    fn an_arc_pairs_with_the_oldest_unpaired_reverse() {
        let net = graph(&["a 0 1 1 10 1", "b 0 1 2 10 1", "c 1 2 3 10 1", "d 1 0 4 10 1", "e 1 0 5 10 1"]);
        let csr = Csr::compile(&net.unwrap().twin, Layer::Igp);
        let links: Vec<Vec<u32>> = csr.link_arcs.iter().map(|l| l.iter().map(|a| a.0).collect()).collect();
        assert_eq!(links, [vec![0, 3], vec![1, 4], vec![2]]);
        assert_eq!(csr.metric, [1, 2, 3, 4, 5]);
        assert_eq!(csr.capacity[0], BitsPerSec::new(10_000).unwrap());
        assert_eq!(csr.delay[0], SimDuration::micros(1));
    }

    #[test]
    fn equal_labels_stay_two_nodes() {
        let net = graph(&["a 0 2 1 10 1"]).unwrap();
        let names: Vec<_> = net.twin.nodes().iter().map(|n| n.name.clone()).collect();
        assert_eq!(names, ["A", "B", "A"]);
        assert_eq!(net.twin.nodes()[2].key.as_str(), "node:name:A#2");
    }

    #[test]
    fn oddities_are_counted() {
        let net = graph(&["a 0 0 1 10 1", "b 0 1 0 10 1", "c 1 2 1 0 1"]).unwrap();
        let codes: Vec<_> = net.diagnostics.iter().map(|d| (d.code.as_str(), d.count)).collect();
        assert_eq!(codes, [("self-loop", 1), ("zero-weight", 1), ("zero-capacity", 1)]);
        assert_eq!(Csr::compile(&net.twin, Layer::Igp).link_count(), 3, "a self-loop keeps its link number");
    }

    #[test]
    fn errors_name_line_column_and_expectation() {
        let check = |edge: &str, message: &str| {
            assert_eq!(graph(&[edge]).unwrap_err().to_string(), message);
        };
        check("a 0 9 1 10 1", "t.graph:9:5: found '9'; expected a node index from 0 to 2");
        check("a 0 1 -1 10 1", "t.graph:9:7: found '-1'; expected a finite weight of at least 0");
        check("a 0 1 1 -5 1", "t.graph:9:9: found '-5'; expected a finite bandwidth in kbit/s of at least 0");
        check(
            "a 0 1 1 nan 1",
            "t.graph:9:9: found 'nan'; expected a finite bandwidth in kbit/s of at least 0",
        );
        check(
            "a 0 1 1",
            "t.graph:9: 4 fields in 'a 0 1 1'; expected the fields 'label src dest weight bw delay'",
        );
        check("a 0 1 1.5 1 1", "t.graph:9:7: found '1.5'; expected a whole weight from 0 to 4294967295");
        let e = read_graph("t.graph", "NODES 2\nlabel x y\nA 0 0\nEDGES 0\n").unwrap_err();
        assert_eq!(e.to_string(), "t.graph:4: 2 fields in 'EDGES 0'; expected the fields 'label x y'");
        let e = read_graph("t.graph", "NODES 2\nlabel x y\nA 0 0\n").unwrap_err();
        assert_eq!(e.to_string(), "t.graph:3: the text ends here; expected node 1 of 2: 'label x y'");
    }

    #[test]
    fn demands_add_up_and_name_bad_nodes() {
        let net = graph(&["a 0 1 1 10 1"]).unwrap();
        let text = format!("DEMANDS 4\n{DEMAND}\na 0 1 2\nb 0 1 3\nc 1 1 9\nd 1 0 0\n");
        let (matrix, diagnostics) = read_demands("t.demands", &text, &net.twin).unwrap();
        assert_eq!((matrix.len(), matrix.total_bps()), (1, 5_000.0));
        assert_eq!(diagnostics.len(), 2);
        let bad = |line: &str| {
            let text = format!("DEMANDS 1\n{DEMAND}\n{line}\n");
            read_demands("t.demands", &text, &net.twin).unwrap_err().to_string()
        };
        assert_eq!(bad("a 0 3 1"), "t.demands:3:5: found '3'; expected a node index from 0 to 2");
        assert_eq!(
            bad("a 0 1 -1"),
            "t.demands:3:7: found '-1'; expected a finite demand in kbit/s of at least 0"
        );
    }
}
