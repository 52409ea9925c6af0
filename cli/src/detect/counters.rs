//! Readings of interface counters as series: a series for each interface and direction.

use std::path::Path;

use clap::ValueEnum;
use topology_sync::counters::bins::{Grid, binned};
use topology_sync::counters::{self, Quantity};
use twin::{InputError, Place};

use super::meta::Meta;
use super::series::Series;
use super::stamped::{Binning, Stamped};
use crate::csv_file::unpacked;
use crate::inputs::files_of;

/// Seconds of the beginning in which nothing is flagged, unless something else is said or there is less than twice as much.
const LEARN_S: u32 = 7 * 86_400;

/// Which of an interface's counters are judged.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Counted {
    /// Octets, as rates.
    Octets,
    /// Packets, as rates.
    Packets,
    /// Damaged packets, as counts.
    Errors,
    /// Packets that were discarded, as counts.
    Discards,
}

/// Reads a file of counters or all files of a folder, plain or `.gz`, in the forms of `umbra validate`.
///
/// # Errors
/// What cannot be read; files without a reading of this kind, or with readings in one bin alone.
pub(crate) fn open(path: &Path, binning: Binning, counted: Counted) -> Result<Stamped, InputError> {
    let quantity = match counted {
        Counted::Octets => Quantity::Octets,
        Counted::Packets => Quantity::Packets,
        Counted::Errors => Quantity::Errors,
        Counted::Discards => Quantity::Discards,
    };
    let mut samples = Vec::new();
    for file in files_of(path) {
        let (name, bytes) = (file.display().to_string(), unpacked(&file)?);
        samples.extend(counters::read(&name, &bytes)?);
    }
    samples.retain(|sample| sample.quantity == quantity);
    let name = path.display().to_string();
    let wrong = |what: &str| {
        let expected = "readings of an interface's counter at two instants, more than a bin apart";
        InputError::new(&name, Place::Whole, what, expected)
    };
    let grid = Grid::of(&samples, binning.bin_s).ok_or_else(|| wrong("no reading of such a counter"))?;
    if grid.bins < 2 {
        return Err(wrong("all readings are of one bin"));
    }
    // Before any memory is taken: a stamp may be of another century.
    let frame = binning.frame(grid.bins, (grid.bins as u32 / 2).saturating_mul(grid.bin_s).min(LEARN_S));
    Meta::of_records(&name, grid.start(), frame, vec!["any".to_owned()])?;
    let (series, diagnostics) = binned(samples, quantity, grid);
    let meta = Meta::of_records(&name, grid.start(), frame, series.iter().map(|s| s.name()).collect())?;
    let values = match counted {
        Counted::Octets => Series::Gauges(series.iter().map(|s| bits(s.rates())).collect()),
        Counted::Packets => Series::Gauges(series.iter().map(|s| s.rates()).collect()),
        Counted::Errors | Counted::Discards => Series::Events(series.iter().map(|s| s.counts()).collect()),
    };
    let interfaces = series.into_iter().map(|s| (s.interface, s.direction)).collect();
    Ok(Stamped { meta, series: values, interfaces, diagnostics })
}

fn bits(octets: Vec<f64>) -> Vec<f64> {
    octets.into_iter().map(|rate| 8.0 * rate).collect()
}
