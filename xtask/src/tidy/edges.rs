//! Which crate may depend on which, and which outside crates stay in one place.

use crate::house::{Crate, House};
use crate::tidy::Finding;

/// The allowed edges: arrows only go down, siblings never import each other. Development dependencies follow the same
/// table, except that everyone may test with `testkit`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("twin", &[]),
    ("engine", &["twin"]),
    ("models", &["engine", "twin"]),
    ("detect", &["twin"]),
    ("scenarios", &["models", "engine", "twin"]),
    ("report", &["scenarios", "models", "engine", "detect", "twin"]),
    ("frames", &["report", "twin"]),
    ("topology-sync", &["twin"]),
    ("mirror", &["twin"]),
    ("server", PRODUCT),
    ("cli", PRODUCT),
    ("benches", PRODUCT),
    ("testkit", PRODUCT),
    ("xtask", &[]),
];

const PRODUCT: &[&str] = &[
    "twin",
    "engine",
    "models",
    "detect",
    "scenarios",
    "report",
    "frames",
    "topology-sync",
    "mirror",
    "server",
];

/// Outside crates with the only members that may name them, and why.
const KEPT: &[(&str, &[&str], &str)] = &[
    ("polars", &["frames"], "its build time stays out of everybody else's loop"),
    ("polars-io", &["frames"], "its build time stays out of everybody else's loop"),
    ("parquet", &["report"], "tables are written and read in one place"),
    ("tokio", &["topology-sync", "mirror", "server", "cli"], "no async below the adapters"),
    ("clap", &["cli", "server", "benches"], "only processes have a command line"),
    ("anyhow", &["cli", "server", "benches", "xtask"], "libraries name their errors"),
];

pub(super) fn check(house: &House) -> Vec<Finding> {
    house.crates.iter().flat_map(|c| own_edges(c, &house.crates).chain(outside_edges(c))).collect()
}

fn own_edges<'a>(from: &'a Crate, members: &'a [Crate]) -> impl Iterator<Item = Finding> + 'a {
    let name = short(&from.name);
    let row = ALLOWED.iter().find(|(n, _)| *n == name).map(|(_, row)| *row);
    let unknown = row.is_none().then(|| {
        Finding::fault(
            format!("{name}/Cargo.toml"),
            "not in the table of edges; give it a row in xtask/src/tidy/edges.rs",
        )
    });
    let inside = from.dependencies.iter().filter(|d| members.iter().any(|m| m.name == d.name));
    let wrong = inside.filter(move |d| {
        let to = short(&d.name);
        let testing = to == "testkit" && (d.dev || name == "benches");
        !testing && !row.unwrap_or_default().contains(&to)
    });
    let wrong = wrong.map(move |d| {
        let allowed = row.unwrap_or_default().join(", ");
        let what = format!("must not depend on {}; allowed: {allowed}", short(&d.name));
        Finding::fault(format!("{name}/Cargo.toml"), what)
    });
    unknown.into_iter().chain(wrong)
}

fn outside_edges(from: &Crate) -> impl Iterator<Item = Finding> {
    let name = short(&from.name);
    let kept = KEPT.iter().filter(move |(_, homes, _)| !homes.contains(&name));
    let named = kept.filter(|(outside, _, _)| from.dependencies.iter().any(|d| d.name == *outside && !d.dev));
    named.map(move |(outside, homes, why)| {
        let what = format!("names {outside}, which is kept in {}: {why}", homes.join(", "));
        Finding::fault(format!("{name}/Cargo.toml"), what)
    })
}

fn short(package: &str) -> &str {
    package.strip_prefix("umbra-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::Dependency;

    fn findings(name: &str, dependencies: &[(&str, bool)]) -> Vec<String> {
        let to_crate =
            |name: &str, dependencies| Crate { name: name.into(), dependencies, ..Crate::default() };
        let dependencies =
            dependencies.iter().map(|(n, dev)| Dependency { name: (*n).into(), dev: *dev }).collect();
        let mut crates = vec![to_crate(name, dependencies)];
        for other in ["umbra-twin", "umbra-engine", "umbra-detect", "umbra-models", "umbra-testkit"] {
            crates.push(to_crate(other, Vec::new()));
        }
        check(&House { crates, ..House::default() }).iter().map(|f| f.what.clone()).collect()
    }

    #[test]
    fn arrows_down_pass() {
        assert!(findings("umbra-scenarios", &[("umbra-models", false), ("serde", false)]).is_empty());
    }

    #[test]
    fn an_arrow_up_or_sideways_fails_even_for_tests() {
        assert_eq!(
            findings("umbra-scenarios", &[("umbra-detect", true)]),
            ["must not depend on detect; allowed: models, engine, twin"]
        );
        assert_eq!(findings("umbra-xtask", &[("umbra-twin", false)]).len(), 1);
    }

    #[test]
    fn testkit_is_for_tests() {
        assert!(findings("umbra-models", &[("umbra-testkit", true)]).is_empty());
        assert_eq!(findings("umbra-models", &[("umbra-testkit", false)]).len(), 1);
    }

    #[test]
    fn polars_outside_frames_fails() {
        assert_eq!(
            findings("umbra-report", &[("polars", false)]),
            ["names polars, which is kept in frames: its build time stays out of everybody else's loop"]
        );
    }

    #[test]
    fn a_crate_without_a_row_fails() {
        assert_eq!(findings("umbra-common", &[]).len(), 1);
    }
}
