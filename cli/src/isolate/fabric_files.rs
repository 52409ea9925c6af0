//! The files of fabric cases: `topology.csv`, flows, counters, groups.

use std::collections::BTreeMap;
use std::path::Path;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use report::{ParquetFile, Table, schema};
use scenarios::fabric::cases::truth::Truth;
use scenarios::fabric::congestion::Counter;
use scenarios::fabric::flows::Report;
use scenarios::fabric::telemetry::{Row, Telemetry};
use scenarios::fabric::topology::{Fabric, Link};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{InputError, Place};

use crate::failure::Failure;

/// A telemetry mode and its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it grants.
    pub(crate) grants: Telemetry,
}

/// Takes the name of a mode.
pub(crate) fn mode() -> impl TypedValueParser<Value = Mode> {
    let names = Telemetry::MODES.map(|(name, _)| name);
    PossibleValuesParser::new(names).try_map(|given| {
        let known = Telemetry::MODES.into_iter().find(|(name, _)| *name == given);
        known.map(|(name, grants)| Mode { name, grants }).ok_or("no telemetry mode")
    })
}

#[derive(Deserialize)]
struct LinkRow {
    a: u32,
    b: u32,
}

/// Reads `topology.csv`: one row for each directed link.
pub(crate) fn topology(path: &Path) -> Result<Fabric, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let mut reader = csv::Reader::from_reader(encoding::utf8(&file, &bytes)?.as_bytes());
    let mut links = Vec::new();
    for row in reader.deserialize() {
        let row: LinkRow = row.map_err(|e| {
            let line = e.position().map_or(1, csv::Position::line);
            InputError::new(
                &file,
                Place::Line(line),
                e.to_string(),
                "columns a, b (node numbers), and any others",
            )
        })?;
        links.push((row.a, row.b));
    }
    if links.is_empty() {
        return Err(InputError::new(&file, Place::Whole, "no links", "one row for each directed link"));
    }
    // The order of rows must not reach the answer.
    links.sort_unstable();
    Ok(Fabric::new(&links))
}

/// Reads flows: the reports of each case, by the case's number, in an order of their own: that of rows must not reach the
/// answer.
pub(crate) fn flows(path: &Path, mode: Telemetry) -> Result<BTreeMap<u32, Vec<Report>>, Failure> {
    let file = path.display().to_string();
    let table = ParquetFile::open(path)?.table(&schema::FABRIC_FLOWS)?;
    if table.is_empty() {
        return Err(InputError::new(&file, Place::Whole, "no flows", "a row for each flow or probe").into());
    }
    let column = |name: &str| table.u32(name);
    let (case, probe, path) = (column("case"), column("probe"), column("path"));
    let (src, dst, sent, lost) = (column("src"), column("dst"), column("pkts"), column("retx"));
    let mut cases: BTreeMap<u32, Vec<Report>> = BTreeMap::new();
    for i in 0..table.len() {
        let at = |column: &[Option<u32>]| column[i].unwrap_or_default();
        if at(probe) > 2 {
            let got = format!("column `probe`, row {i}: {}", at(probe));
            return Err(InputError::new(
                &file,
                Place::Whole,
                got,
                "0 (flow), 1 or 2 (probe from, to a host)",
            )
            .into());
        }
        // A case of which nothing may be used is a case all the same.
        let reports = cases.entry(at(case)).or_default();
        let row = Row {
            probe: at(probe),
            src: at(src),
            dst: at(dst),
            path: path[i],
            sent: at(sent),
            lost: at(lost),
        };
        reports.extend(mode.report(&row));
    }
    for reports in cases.values_mut() {
        reports.sort_unstable_by_key(|r| (r.src, r.dst, r.path, r.sent, r.lost));
    }
    Ok(cases)
}

/// Reads counters of directed links, by case; links that the topology does not have are left out.
pub(crate) fn counters(path: &Path, fabric: &Fabric) -> Result<BTreeMap<u32, Vec<Counter>>, Failure> {
    let table: Table = ParquetFile::open(path)?.table(&schema::FABRIC_COUNTERS)?;
    let mut cases: BTreeMap<u32, Vec<Counter>> = BTreeMap::new();
    for i in 0..table.len() {
        let number = |name: &str| table.u32(name)[i].unwrap_or_default();
        let ends = (fabric.node(number("a")), fabric.node(number("b")));
        let counters = cases.entry(number("case")).or_default();
        let (Some(a), Some(b)) = ends else { continue };
        let Some(link) = fabric.link(a, b) else { continue };
        counters.push(Counter {
            link,
            utilization: table.f64("util")[i].unwrap_or_default(),
            discards: f64::from(number("out_discards")),
            errors: f64::from(number("in_errors")),
        });
    }
    Ok(cases)
}

/// Groups as lists of directed links by the names of their ends.
pub(crate) type Groups = Vec<Vec<(u32, u32)>>;

/// Reads groups: a JSON list of lists of directed links `[a, b]`.
pub(crate) fn groups(path: &Path) -> Result<Groups, InputError> {
    json(path, "a list of groups, each a list of directed links [a, b]")
}

/// The links of groups; those that the topology does not have are left out.
pub(crate) fn group_links(groups: &Groups, fabric: &Fabric) -> Vec<Vec<Link>> {
    let link = |(a, b): &(u32, u32)| fabric.link(fabric.node(*a)?, fabric.node(*b)?);
    groups.iter().map(|group| group.iter().filter_map(link).collect()).collect()
}

/// Reads the answers to the cases.
pub(crate) fn truth(path: &Path) -> Result<Truth, InputError> {
    json(
        path,
        "an object with cases: [{case, failed_links, failed_devices, congested_links, acl, srlg, stale_links}]",
    )
}

fn json<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    serde_json::from_str(encoding::utf8(&file, &bytes)?).map_err(|e| {
        InputError::new(&file, Place::LineColumn(e.line() as u64, e.column() as u64), e.to_string(), expected)
    })
}
