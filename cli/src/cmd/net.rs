//! How network files are read: options that every command with a network shares.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use topology_sync::sndlib::{Capacity, SndlibOptions, Weight};
use topology_sync::source::files;
use twin::{Demand, DemandMatrix, EntityKey, InputError, Place, Snapshot, Twin, no_such_node};

use crate::failure::Failure;
use crate::planning::demand_table::DemandTable;

/// Named at each option: a heading of the whole would be that of all options that a command declares after these.
const SNDLIB: &str = "Reading SNDlib files";

/// How to read what network formats leave open.
#[derive(Clone, Copy, Debug, Args, Serialize, Deserialize)]
pub(crate) struct NetOptions {
    /// Routing weight of a link.
    #[arg(long, value_enum, default_value_t = WeightArg::Km, help_heading = SNDLIB)]
    weight: WeightArg,
    /// Capacity of a link.
    #[arg(long, value_enum, default_value_t = CapacityArg::Designed, help_heading = SNDLIB)]
    capacity: CapacityArg,
    /// Whether to add each demand's reverse.
    #[arg(long, value_enum, default_value_t = SymmetricArg::Auto, help_heading = SNDLIB)]
    symmetric: SymmetricArg,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WeightArg {
    /// Length in km, at least 1.
    Km,
    /// 1 for each link.
    Hop,
    /// Largest capacity over the link's capacity (OSPF auto-cost).
    InverseCapacity,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CapacityArg {
    /// Preinstalled plus the largest module.
    Designed,
    /// Preinstalled alone.
    Preinstalled,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SymmetricArg {
    /// If no pair has demands in both orders.
    Auto,
    /// Always.
    Yes,
    /// Never.
    No,
}

impl NetOptions {
    /// Opens a network and the demand files that belong to it; diagnostics go to the log.
    pub(crate) fn open(&self, sources: &[PathBuf]) -> Result<Snapshot, Failure> {
        let snapshot = files::open_all(sources, &self.reading())?;
        for d in &snapshot.diagnostics {
            match d.code.as_str() {
                // Something that should be there is not in the twin.
                "broken-recording" | "unmatched-neighbour" => {
                    tracing::warn!("{}: {} ({}x)", d.code, d.message, d.count);
                }
                _ => tracing::info!("{}: {} ({}x)", d.code, d.message, d.count),
            }
        }
        Ok(snapshot)
    }

    /// The network with the demands that are asked for: its own, those of a `.demands` file for it, those of a table, or
    /// those of another network file between nodes of the same names.
    pub(crate) fn open_with(&self, sources: &[PathBuf], demands: Option<&Path>) -> Result<Snapshot, Failure> {
        let Some(file) = demands else { return self.open(sources) };
        if file.extension().is_some_and(|s| s.eq_ignore_ascii_case("demands")) {
            let sources: Vec<_> =
                sources.iter().map(PathBuf::as_path).chain([file]).map(Path::to_owned).collect();
            return self.open(&sources);
        }
        let mut net = self.open(sources)?;
        if DemandTable::is_one(file) {
            net.demands = Some(DemandTable::read(file)?.matrix(&net.twin, net.unit_bps)?);
            return Ok(net);
        }
        let other = self.open(&[file.to_owned()])?;
        net.demands = Some(by_name(file, &other, &net.twin)?);
        net.unit_bps = other.unit_bps;
        Ok(net)
    }

    fn reading(&self) -> files::Options {
        let weight = match self.weight {
            WeightArg::Km => Weight::Km,
            WeightArg::Hop => Weight::Hop,
            WeightArg::InverseCapacity => Weight::InverseCapacity,
        };
        let capacity = match self.capacity {
            CapacityArg::Designed => Capacity::Designed,
            CapacityArg::Preinstalled => Capacity::Preinstalled,
        };
        let symmetric = match self.symmetric {
            SymmetricArg::Auto => None,
            SymmetricArg::Yes => Some(true),
            SymmetricArg::No => Some(false),
        };
        files::Options { sndlib: SndlibOptions { weight, capacity, symmetric } }
    }
}

/// Demands of another network file, between the nodes of the same names here.
fn by_name(file: &Path, other: &Snapshot, twin: &Twin) -> Result<DemandMatrix, InputError> {
    let file = file.display().to_string();
    let wrong = |what: String, expected: &str| InputError::new(&file, Place::Whole, what, expected);
    let Some(demands) = &other.demands else {
        return Err(wrong("a network without demands".into(), "a network with a demand matrix"));
    };
    let nodes = twin.nodes();
    let here = |key: &EntityKey| {
        let name = other.twin.entity(key).map_or(key.as_str(), |e| &e.name);
        let node = twin.entity(key).or_else(|| twin.node_named(name));
        node.map(|n| n.key.clone()).ok_or_else(|| {
            let names = || nodes.iter().map(|n| n.name.as_str());
            let what = format!("a demand of '{name}': {}", no_such_node(name, names()));
            wrong(what, "a node of the network").with_nearest(name, names())
        })
    };
    let mut list = Vec::new();
    for demand in demands.demands() {
        list.push(Demand { src: here(&demand.src)?, dst: here(&demand.dst)?, bps: demand.bps });
    }
    Ok(DemandMatrix::new(list))
}
