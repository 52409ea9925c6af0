//! The recorded networks of `testdata/topologies`, read by the readers of this crate.

use crate::{PlainDemand, PlainNet, repetita_demands, repetita_graph, sndlib};

/// Networks of REPETITA: seven of the Topology Zoo, two inferred by Rocketfuel. Small ones first.
pub const REPETITA: [&str; 9] = [
    "Abilene",
    "AttMpls",
    "BtNorthAmerica",
    "Geant2012",
    "Uninett2011",
    "rf1755_real_hard",
    "Interoute",
    "Colt",
    "rf3257_real_hard",
];

/// Networks of SNDlib.
pub const SNDLIB: [&str; 10] = [
    "abilene",
    "cost266",
    "geant",
    "germany50",
    "india35",
    "janos-us",
    "nobel-germany",
    "nobel-us",
    "norway",
    "polska",
];

/// A recorded network and its demands.
///
/// # Panics
/// If there is none of this name.
pub fn recorded(name: &str) -> (PlainNet, Vec<PlainDemand>) {
    if SNDLIB.contains(&name) {
        return sndlib(&read(&format!("{name}.xml")));
    }
    let demands = if name.starts_with("rf") { "demands" } else { "0000.demands" };
    let demands = repetita_demands(&read(&format!("{name}.{demands}")));
    (repetita_graph(&read(&format!("{name}.graph"))), demands)
}

/// A recorded list of failures: the numbers of the links that are down in each.
///
/// # Panics
/// If there is none of this name.
pub fn recorded_failures(name: &str) -> Vec<Vec<usize>> {
    let text = read(&format!("patterns/{name}.txt"));
    text.lines().map(|line| line.split(',').map(|word| word.parse().expect("a link")).collect()).collect()
}

fn read(file: &str) -> String {
    let path = format!("{}/../testdata/topologies/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes, links and demands, as published for these networks.
    #[test]
    fn sizes_are_the_known_ones() {
        for (name, nodes, links, demands) in [
            ("Abilene", 11, 14, 110),
            ("AttMpls", 25, 57, 600),
            ("BtNorthAmerica", 36, 76, 1_260),
            ("Geant2012", 40, 61, 1_556),
            ("Uninett2011", 69, 98, 4_688),
            ("Interoute", 110, 158, 11_938),
            ("Colt", 153, 191, 23_168),
            ("rf1755_real_hard", 87, 161, 7_441),
            ("rf3257_real_hard", 161, 328, 25_330),
            ("abilene", 12, 15, 132),
            ("cost266", 37, 57, 1_332),
            ("geant", 22, 36, 462),
            ("germany50", 50, 88, 1_324),
            ("india35", 35, 80, 1_190),
            ("janos-us", 26, 84, 650),
            ("nobel-germany", 17, 26, 242),
            ("nobel-us", 14, 21, 182),
            ("norway", 27, 51, 702),
            ("polska", 12, 18, 132),
        ] {
            let (net, list) = recorded(name);
            assert_eq!((net.nodes, net.links(), list.len()), (nodes, links, demands), "{name}");
        }
    }
}
