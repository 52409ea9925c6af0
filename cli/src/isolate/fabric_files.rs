//! The files of fabric cases: `topology.csv`, flows, counters, groups.

use std::collections::BTreeMap;
use std::path::Path;

use clap::ValueEnum;
use report::{ParquetFile, Table, schema};
use scenarios::fabric::congestion::Counter;
use scenarios::fabric::flows::Report;
use scenarios::fabric::topology::{Fabric, Link};
use serde::Deserialize;
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{InputError, Place};

use crate::failure::Failure;

/// Hosts are named by this number and their index.
const HOSTS: u32 = 10_000;

/// What of the flows may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Telemetry {
    /// The path of every flow.
    #[value(name = "INT")]
    Int,
    /// Probes alone.
    #[value(name = "A1")]
    A1,
    /// The path of flows with a loss; no others.
    #[value(name = "A2")]
    A2,
    /// All application flows, without their paths.
    #[value(name = "P")]
    P,
    /// Probes, and application flows without their paths.
    #[value(name = "A1+P")]
    A1P,
    /// Application flows, with the path of those with a loss.
    #[value(name = "A2+P")]
    A2P,
    /// Probes, and application flows with the path of those with a loss.
    #[value(name = "A1+A2+P")]
    A1A2P,
}

impl Telemetry {
    /// Its name.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned())
    }

    fn probes(self) -> bool {
        matches!(self, Self::Int | Self::A1 | Self::A1P | Self::A1A2P)
    }

    fn application(self) -> bool {
        self != Self::A1
    }

    /// Whether only flows with a loss are reported.
    pub(crate) fn lossy_only(self) -> bool {
        self == Self::A2
    }

    fn has_path(self, lost: u32) -> bool {
        match self {
            Self::Int => true,
            Self::A2 | Self::A2P | Self::A1A2P => lost > 0,
            Self::A1 | Self::P | Self::A1P => false,
        }
    }
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
    Ok(Fabric::new(&links))
}

/// Reads flows: the reports of each case, by the case's number.
pub(crate) fn flows(path: &Path, mode: Telemetry) -> Result<BTreeMap<u32, Vec<Report>>, Failure> {
    let table = ParquetFile::open(path)?.table(&schema::FABRIC_FLOWS)?;
    let column = |name: &str| table.u32(name);
    let (case, probe, path) = (column("case"), column("probe"), column("path"));
    let (src, dst, sent, lost) = (column("src"), column("dst"), column("pkts"), column("retx"));
    let mut cases: BTreeMap<u32, Vec<Report>> = BTreeMap::new();
    for i in 0..table.len() {
        let at = |column: &[Option<u32>]| column[i].unwrap_or_default();
        // A case of which nothing may be used is a case all the same.
        let reports = cases.entry(at(case)).or_default();
        let host = at(src).saturating_add(HOSTS);
        let lost = at(lost);
        let application = at(probe) == 0;
        let wanted = if application { mode.application() } else { mode.probes() };
        if !wanted || (application && mode.lossy_only() && lost == 0) {
            continue;
        }
        let granted = !application || mode.has_path(lost);
        let (src, dst) = match at(probe) {
            0 => (host, at(dst).saturating_add(HOSTS)),
            1 => (host, at(dst)),
            _ => (at(dst), host),
        };
        reports.push(Report { src, dst, path: path[i].filter(|_| granted), sent: at(sent), lost });
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

/// Reads groups: a JSON list of lists of directed links `[a, b]`.
pub(crate) fn groups(path: &Path, fabric: &Fabric) -> Result<Vec<Vec<Link>>, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let expected = "a list of groups, each a list of directed links [a, b]";
    let groups: Vec<Vec<(u32, u32)>> = serde_json::from_str(encoding::utf8(&file, &bytes)?).map_err(|e| {
        InputError::new(&file, Place::LineColumn(e.line() as u64, e.column() as u64), e.to_string(), expected)
    })?;
    let link = |(a, b): &(u32, u32)| fabric.link(fabric.node(*a)?, fabric.node(*b)?);
    Ok(groups.iter().map(|group| group.iter().filter_map(link).collect()).collect())
}
