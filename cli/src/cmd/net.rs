//! How network files are read: options that every command with a network shares.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use topology_sync::sndlib::{Capacity, SndlibOptions, Weight};
use topology_sync::source::files;
use twin::Snapshot;

use crate::failure::Failure;

/// How to read what network formats leave open.
#[derive(Clone, Copy, Debug, Args)]
#[command(next_help_heading = "Reading SNDlib files")]
pub(crate) struct NetOptions {
    /// Routing weight of a link.
    #[arg(long, value_enum, default_value_t = WeightArg::Km)]
    weight: WeightArg,
    /// Capacity of a link.
    #[arg(long, value_enum, default_value_t = CapacityArg::Designed)]
    capacity: CapacityArg,
    /// Whether to add each demand's reverse.
    #[arg(long, value_enum, default_value_t = SymmetricArg::Auto)]
    symmetric: SymmetricArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WeightArg {
    /// Length in km, at least 1.
    Km,
    /// 1 for each link.
    Hop,
    /// Largest capacity over the link's capacity (OSPF auto-cost).
    InverseCapacity,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CapacityArg {
    /// Preinstalled plus the largest module.
    Designed,
    /// Preinstalled alone.
    Preinstalled,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
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
