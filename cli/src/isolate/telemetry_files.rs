//! The files of streaming telemetry: neighbours, rates, counters, BFD sessions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use report::{ParquetFile, Table, TableSpec, schema};
use scenarios::telemetry::recording::{CounterSample, RateSample, Recording, Session};
use serde::Deserialize;
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{Diagnostic, InputError, Place};

use crate::failure::Failure;

#[derive(Deserialize)]
struct Neighbours {
    devices: BTreeMap<String, BTreeMap<String, Neighbour>>,
}

#[derive(Deserialize)]
struct Neighbour {
    target_device: String,
    target_port: String,
}

/// Reads which port is connected to which: devices, their ports, and what CDP or LLDP said of the other end.
pub(crate) fn neighbours(path: &Path, recording: &mut Recording) -> Result<(), InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let expected = "an object devices: {device: {interface: {target_device, target_port}}}";
    let map: Neighbours = serde_json::from_str(encoding::utf8(&file, &bytes)?).map_err(|e| {
        InputError::new(&file, Place::LineColumn(e.line() as u64, e.column() as u64), e.to_string(), expected)
    })?;
    // Ports by their own names first: the other end may name them in short.
    for (device, ports) in &map.devices {
        ports.keys().for_each(|interface| _ = recording.port(device, interface));
    }
    for (device, ports) in &map.devices {
        for (interface, far) in ports {
            let near = recording.port(device, interface);
            let far = recording.port(&far.target_device, &far.target_port);
            recording.connect(near, far);
        }
    }
    Ok(())
}

/// The tables of these files; of a folder those of all its Parquet files that have the columns.
fn tables(paths: &[PathBuf], spec: &'static TableSpec) -> Result<Vec<Table>, Failure> {
    let mut list = Vec::new();
    for path in paths {
        if !path.is_dir() {
            list.push(ParquetFile::open(path)?.table(spec)?);
            continue;
        }
        let before = list.len();
        for file in parquet_files(path)? {
            let file = ParquetFile::open(&file)?;
            let known = |name: &str| file.columns().any(|c| c == name);
            // What tells the kinds apart are the columns behind the port.
            let wanted = spec.columns.iter().all(|c| c.nullable || known(c.name));
            let own = spec.columns.iter().skip(3).any(|c| known(c.name));
            if wanted && own {
                list.push(file.table(spec)?);
            }
        }
        if list.len() == before {
            let expected = format!("Parquet files with the columns of {}", spec.name);
            let name = path.display().to_string();
            return Err(InputError::new(&name, Place::Whole, "no such file in this folder", expected).into());
        }
    }
    Ok(list)
}

fn parquet_files(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let entries = std::fs::read_dir(folder).map_err(|e| {
        let name = folder.display().to_string();
        InputError::new(&name, Place::Whole, format!("cannot be listed: {e}"), "a folder of Parquet files")
    })?;
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "parquet"));
    paths.sort();
    Ok(paths)
}

/// Where a row belongs: when, device, interface.
fn place(table: &Table, row: usize) -> Option<(i64, &str, &str)> {
    let text = |name: &str| table.str(name)[row].as_deref();
    Some((table.i64("ts")[row]?, text("device")?, text("interface")?))
}

/// Reads rates.
pub(crate) fn rates(paths: &[PathBuf], recording: &mut Recording) -> Result<(), Failure> {
    for table in tables(paths, &schema::TELEMETRY_RATES)? {
        let rate = |name: &str, row: usize| table.f64(name)[row].filter(|r| r.is_finite() && *r >= 0.0);
        for row in 0..table.len() {
            let Some((at, device, interface)) = place(&table, row) else { continue };
            let port = recording.port(device, interface) as usize;
            recording.ports[port].rates.push(RateSample {
                at,
                packets_in: rate("input_packet_rate", row),
                packets_out: rate("output_packet_rate", row),
                data_in: rate("input_data_rate", row),
                data_out: rate("output_data_rate", row),
            });
        }
    }
    Ok(())
}

/// Reads counters; one that is negative is counted as odd and left out.
pub(crate) fn counters(
    paths: &[PathBuf],
    recording: &mut Recording,
    odd: &mut Vec<Diagnostic>,
) -> Result<(), Failure> {
    for table in tables(paths, &schema::TELEMETRY_COUNTERS)? {
        let mut count = |name: &str, row: usize| {
            let value = table.i64(name)[row]?;
            if value < 0 {
                Diagnostic::count(odd, "negative-counter", || "Counters below zero.".to_owned());
            }
            u64::try_from(value).ok()
        };
        for row in 0..table.len() {
            let Some((at, device, interface)) = place(&table, row) else { continue };
            let port = recording.port(device, interface) as usize;
            recording.ports[port].counters.push(CounterSample {
                at,
                received: count("packets_received", row),
                sent: count("packets_sent", row),
                input_drops: count("input_drops", row),
                output_drops: count("output_drops", row),
                input_errors: count("input_errors", row),
                crc_errors: count("crc_errors", row),
                carrier: count("carrier_transitions", row),
            });
        }
    }
    Ok(())
}

/// Reads BFD sessions.
pub(crate) fn bfd(paths: &[PathBuf], recording: &mut Recording) -> Result<(), Failure> {
    for table in tables(paths, &schema::TELEMETRY_BFD)? {
        for row in 0..table.len() {
            let Some((at, device, interface)) = place(&table, row) else { continue };
            let Some(state) = table.str("state")[row].as_deref() else { continue };
            let destination = table.str("destination")[row].as_deref().unwrap_or_default();
            let is_up = state.eq_ignore_ascii_case("up") || state.to_ascii_lowercase().ends_with("-up");
            let port = recording.carrier_of(device, interface) as usize;
            let sessions = &mut recording.ports[port].sessions;
            match sessions.iter_mut().find(|s| s.destination == destination) {
                Some(session) => session.states.push((at, is_up)),
                None => {
                    sessions.push(Session { destination: destination.to_owned(), states: vec![(at, is_up)] })
                }
            }
        }
    }
    for session in recording.ports.iter_mut().flat_map(|p| &mut p.sessions) {
        session.states.sort_by_key(|s| s.0);
        session.states.dedup_by_key(|s| s.0);
    }
    Ok(())
}
