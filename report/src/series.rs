//! Measured demand series: wide Parquet with a column `time` and one column `SRC>DST` in Mbit/s for each ordered pair.
//!
//! A pair that is absent from a step is stored as 0. A step in which every pair is 0 is a gap of the source: missing, not
//! zero traffic.

use twin::{
    DemandSeries, Diagnostic, EntityKey, InputError, Place, SimDuration, Twin, WallTime, no_such_node,
};

use crate::column::Column;
use crate::parquet_in::ParquetFile;

const TIME: &str = "time";
const BPS_PER_MBPS: f64 = 1e6;
const PS_PER_NS: u64 = 1_000;

/// Reads a series and resolves its names in a network. Steps must be multiples of the smallest one; a step that is not in
/// the file is missing. A pair of a node with itself is left out and counted.
///
/// # Errors
/// [`InputError`] for a file that is no such series, an unknown node (with the nearest name), two columns of one pair,
/// times that do not ascend or have no common step, and volumes that are negative or not finite.
pub fn read(file: &ParquetFile, twin: &Twin) -> Result<(DemandSeries, Vec<Diagnostic>), InputError> {
    let times = times(file)?;
    let step = step(file.name(), &times)?;
    let mut diagnostics = Vec::new();
    let (mut pairs, mut volumes) = (Vec::new(), Vec::new());
    for column in file.columns().filter(|c| *c != TIME) {
        let pair = pair(file.name(), column, twin)?;
        if pair.0 == pair.1 {
            Diagnostic::count(&mut diagnostics, "self-demand", || format!("column '{column}' is left out"));
            continue;
        }
        if pairs.contains(&pair) {
            let what = format!("column '{column}': this pair has a column already");
            return Err(InputError::new(file.name(), Place::Whole, what, "one column for each ordered pair"));
        }
        volumes.push(mbps(file, column)?);
        pairs.push(pair);
    }
    let start = WallTime::from_ns(times[0]);
    Ok((DemandSeries { start, step, pairs, bins: bins(&times, step, &volumes) }, diagnostics))
}

fn bad(file: &str, what: impl Into<String>, expected: &str) -> InputError {
    InputError::new(file, Place::Whole, what, expected)
}

fn times(file: &ParquetFile) -> Result<Vec<i64>, InputError> {
    let expected = "a column 'time' of time stamps and columns 'SRC>DST' in Mbit/s";
    let column = file.column(TIME)?;
    let Column::I64(values) = column else {
        return Err(bad(file.name(), format!("column '{TIME}' is {}", column.kind().word()), expected));
    };
    if !file.is_time(TIME) {
        return Err(bad(file.name(), format!("column '{TIME}' holds numbers, not time stamps"), expected));
    }
    let times: Option<Vec<i64>> = values.into_iter().collect();
    times.ok_or_else(|| bad(file.name(), format!("column '{TIME}' has a null"), "a time in every row"))
}

fn step(file: &str, times: &[i64]) -> Result<SimDuration, InputError> {
    let expected = "at least two steps in ascending order at a fixed distance";
    let gaps: Vec<u64> =
        times.windows(2).map(|w| w[1].checked_sub(w[0]).unwrap_or(0).max(0) as u64).collect();
    let Some(&step) = gaps.iter().min() else {
        return Err(bad(file, format!("{} rows", times.len()), expected));
    };
    if step == 0 {
        let row = gaps.iter().position(|g| *g == 0).map_or(0, |i| i + 1);
        return Err(bad(file, format!("column '{TIME}', row {row}: not after the row before"), expected));
    }
    if let Some(row) = gaps.iter().position(|g| g % step != 0 || g / step > 1_000_000) {
        let what = format!("column '{TIME}', row {}: {} ns after the row before", row + 1, gaps[row]);
        return Err(bad(file, what, &format!("a multiple of the step of {step} ns")));
    }
    let ps =
        step.checked_mul(PS_PER_NS).ok_or_else(|| bad(file, format!("a step of {step} ns"), expected))?;
    Ok(SimDuration::from_ps(ps))
}

fn pair(file: &str, column: &str, twin: &Twin) -> Result<(EntityKey, EntityKey), InputError> {
    let Some((src, dst)) = column.split_once('>') else {
        return Err(bad(file, format!("column '{column}'"), "'time' or 'SRC>DST'"));
    };
    let node = |name: &str| {
        twin.node_named(name).map(|n| n.key.clone()).ok_or_else(|| {
            let names: Vec<_> = twin.nodes().iter().map(|n| n.name.as_str()).collect();
            let what = no_such_node(name, names.iter().copied());
            bad(file, format!("column '{column}': {what}"), "a node of the network").with_nearest(name, names)
        })
    };
    Ok((node(src)?, node(dst)?))
}

fn mbps(file: &ParquetFile, column: &str) -> Result<Vec<f64>, InputError> {
    let read = file.column(column)?;
    let Column::F64(values) = read else {
        return Err(bad(file.name(), format!("column '{column}' is {}", read.kind().word()), "f32 or f64"));
    };
    let values: Vec<f64> = values.into_iter().map(|v| v.unwrap_or(0.0)).collect();
    match values.iter().position(|v| !(v.is_finite() && *v >= 0.0)) {
        None => Ok(values),
        Some(row) => {
            let what = format!("column '{column}', row {row}: {}", values[row]);
            Err(bad(file.name(), what, "a finite volume of at least 0"))
        }
    }
}

fn bins(times: &[i64], step: SimDuration, volumes: &[Vec<f64>]) -> Vec<Option<Vec<f64>>> {
    let step = (step.as_ps() / PS_PER_NS) as i64;
    let mut bins = Vec::new();
    for (row, time) in times.iter().enumerate() {
        let bin = ((time - times[0]) / step) as usize;
        bins.resize_with(bin, || None);
        let step: Vec<f64> = volumes.iter().map(|v| v[row] * BPS_PER_MBPS).collect();
        bins.push(step.iter().any(|v| *v > 0.0).then_some(step));
    }
    bins
}
