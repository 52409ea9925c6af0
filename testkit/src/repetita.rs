//! A second, minimal reader of REPETITA files, so that an oracle does not depend on the product's reader. It panics on
//! files that are not in form: it reads recorded data only.

use crate::{PlainArc, PlainDemand, PlainNet};

/// Reads a `.graph` file. Arc *i* is the *i*-th edge line; an edge takes the link number of the oldest edge in the
/// other direction that has no partner yet, or the next free one. kbit/s become bit/s.
///
/// # Panics
/// On a file that is not in form.
pub fn repetita_graph(text: &str) -> PlainNet {
    let nodes = section(text, "NODES").len();
    let mut arcs: Vec<PlainArc> = Vec::new();
    let mut alone: Vec<PlainArc> = Vec::new();
    let mut links = 0;
    for edge in section(text, "EDGES") {
        let (from, to) = (edge[1] as usize, edge[2] as usize);
        let partner = alone.iter().position(|a| (a.from, a.to) == (to, from));
        let link = partner.map_or(links, |at| alone.remove(at).link);
        let arc = PlainArc { from, to, link, weight: edge[3] as u64, capacity: edge[4] * 1e3 };
        if partner.is_none() {
            links += 1;
            alone.push(arc);
        }
        arcs.push(arc);
    }
    PlainNet { nodes, arcs }
}

/// Reads a `.demands` file: kbit/s become bit/s, zeros and demands to oneself are dropped. Each ordered pair must stand
/// in it once.
///
/// # Panics
/// On a file that is not in form.
pub fn repetita_demands(text: &str) -> Vec<PlainDemand> {
    let rows = section(text, "DEMANDS").into_iter();
    let demands = rows.map(|row| (row[1] as usize, row[2] as usize, row[3] * 1e3));
    demands.filter(|(src, dst, volume)| src != dst && *volume > 0.0).collect()
}

/// The lines after `NAME n` and the header, word by word as numbers; the label is NaN.
fn section(text: &str, name: &str) -> Vec<Vec<f64>> {
    let mut lines = text.lines().skip_while(|l| l.split(' ').next() != Some(name));
    let first = lines.next().unwrap_or_else(|| panic!("no section {name}"));
    let count: usize = first[name.len()..].trim().parse().expect("a number of lines");
    let rows = lines.skip(1).take(count);
    rows.map(|l| l.split(' ').map(|word| word.parse().unwrap_or(f64::NAN)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_k_th_edge_pairs_with_the_k_th_back() {
        let graph = "NODES 2\nlabel x y\na 0 0\nb 0 0\n\nEDGES 4\nlabel src dest weight bw delay\n\
                     e0 0 1 1 10 5\ne1 0 1 2 20 5\ne2 1 0 3 30 5\ne3 1 0 4 40 5\n";
        let net = repetita_graph(graph);
        assert_eq!(net.nodes, 2);
        assert_eq!(net.arcs.iter().map(|a| a.link).collect::<Vec<_>>(), [0, 1, 0, 1]);
        assert_eq!((net.arcs[2].weight, net.arcs[2].capacity), (3, 30e3));
    }

    #[test]
    fn demands_are_read_in_bits() {
        let text = "DEMANDS 3\nlabel src dest bw\nd0 0 1 7\nd1 1 1 7\nd2 1 0 0\n";
        assert_eq!(repetita_demands(text), [(0, 1, 7e3)]);
    }
}
