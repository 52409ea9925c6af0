//! Flow tables as traffic: CSV or Parquet with the columns of `umbra flows`.

use std::net::IpAddr;
use std::path::Path;

use mirror::schedule::AddressMap;
use report::{Column, ParquetFile, Table, schema};
use twin::{
    Bytes, Csr, Diagnostic, InputError, PacketSchedule, Place, ScheduledPacket, SimDuration, SimTime,
    no_such_node,
};

use super::traffic::{MAX_PACKETS, too_many};
use crate::csv_file::{self, broken};

/// Reads a flow table by its suffix: `.parquet`, `.csv` or `.csv.gz`.
pub(crate) fn read(path: &Path) -> Result<Table, InputError> {
    let name = path.display().to_string();
    if name.to_ascii_lowercase().ends_with(".parquet") {
        return ParquetFile::open(path)?.table(&schema::TRAFFIC);
    }
    read_csv(&name, &csv_file::read(path)?)
}

/// Reads CSV with a header; columns stand in any order.
fn read_csv(name: &str, bytes: &[u8]) -> Result<Table, InputError> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(|e| broken(name, &e))?.clone();
    let mut at = Vec::new();
    for column in schema::TRAFFIC.columns {
        let found = header.iter().position(|h| h == column.name);
        if found.is_none() && !column.nullable {
            let what = format!("no column '{}'", column.name);
            let expected = "the columns src, dst, packets, bytes, first_s, last_s";
            return Err(InputError::new(name, Place::Line(1), what, expected)
                .with_nearest(column.name, header.iter()));
        }
        at.push(found);
    }
    let mut columns: Vec<_> = schema::TRAFFIC.columns.iter().map(|c| Column::empty(c.kind)).collect();
    for record in reader.records() {
        let record = record.map_err(|e| broken(name, &e))?;
        let line = record.position().map_or(0, csv::Position::line);
        for ((spec, column), at) in schema::TRAFFIC.columns.iter().zip(&mut columns).zip(&at) {
            let text = at.and_then(|at| record.get(at)).unwrap_or_default();
            push(column, text, spec.nullable).map_err(|expected| {
                let what = format!("'{text}' in column '{}'", spec.name);
                InputError::new(name, Place::Line(line), what, expected)
            })?;
        }
    }
    let named = schema::TRAFFIC.columns.iter().map(|c| c.name.to_owned()).zip(columns).collect();
    Table::from_columns(&schema::TRAFFIC, named)
        .map_err(|e| InputError::new(name, Place::Whole, e.to_string(), e.expected()))
}

/// Adds a cell to its column, or says what was expected.
fn push(column: &mut Column, text: &str, nullable: bool) -> Result<(), &'static str> {
    let empty = nullable && text.is_empty();
    match column {
        Column::Str(values) => values.push(Some(text.to_owned())),
        Column::U64(values) => values.push(Some(text.parse().map_err(|_| "an integer of at least 0")?)),
        Column::F64(values) if empty => values.push(None),
        Column::F64(values) => {
            let number = text.parse().ok().filter(|x: &f64| x.is_finite());
            values.push(Some(number.ok_or("a finite number of seconds")?));
        }
        _ => unreachable!("the declaration has no other types"),
    }
    Ok(())
}

/// The packets of a flow table: each flow's number is its row, its packets go from `src` to `dst` in even steps.
///
/// # Errors
/// A row whose ends are neither nodes nor addresses, whose packets do not fit its bytes or times, or too many packets.
pub(crate) fn schedule(
    name: &str,
    table: &Table,
    csr: &Csr,
    map: &AddressMap,
) -> Result<(PacketSchedule, Vec<Diagnostic>), InputError> {
    let rows = rows(name, table)?;
    let total = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.packets));
    if total > MAX_PACKETS {
        return Err(too_many(name, total as f64));
    }
    let origin = rows.iter().map(|row| row.first_s).fold(f64::INFINITY, f64::min);
    let (mut packets, mut diagnostics) = (Vec::new(), Vec::new());
    for row in &rows {
        let Some((src, dst)) = ends(name, row, csr, map, &mut diagnostics)? else { continue };
        for (at_s, size) in row.packets() {
            let at = SimTime::ZERO + SimDuration::from_secs_f64(at_s - origin);
            let size = Bytes::new(size);
            packets.push(ScheduledPacket { at, src, dst, flow: row.number, size, frame: None });
        }
    }
    Ok((PacketSchedule::new(csr.node_keys.clone(), packets), diagnostics))
}

/// One flow to send.
struct Row<'a> {
    number: u32,
    src: &'a str,
    dst: &'a str,
    packets: u64,
    bytes: u64,
    first_s: f64,
    last_s: f64,
}

impl Row<'_> {
    /// Instant in seconds and size of each packet; sizes differ by a byte at most.
    fn packets(&self) -> impl Iterator<Item = (f64, u64)> {
        let (count, span) = (self.packets, self.last_s - self.first_s);
        let step = if count > 1 { span / (count - 1) as f64 } else { 0.0 };
        let (size, longer) = (self.bytes / count.max(1), self.bytes % count.max(1));
        (0..count).map(move |i| (self.first_s + step * i as f64, size + u64::from(i < longer)))
    }
}

/// The rows that send something, checked. A flow without times begins, and ends, with the first.
fn rows<'a>(name: &str, table: &'a Table) -> Result<Vec<Row<'a>>, InputError> {
    let required = "the declaration lets no null pass";
    let start = table.f64("first_s").iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let start = if start.is_finite() { start } else { 0.0 };
    let mut rows = Vec::new();
    for i in 0..table.len() {
        let first_s = table.f64("first_s")[i].unwrap_or(start);
        let row = Row {
            number: u32::try_from(i).map_err(|_| too_many(name, table.len() as f64))?,
            src: table.str("src")[i].as_deref().expect(required),
            dst: table.str("dst")[i].as_deref().expect(required),
            packets: table.u64("packets")[i].expect(required),
            bytes: table.u64("bytes")[i].expect(required),
            first_s,
            last_s: table.f64("last_s")[i].unwrap_or(first_s),
        };
        if row.last_s < row.first_s {
            return Err(at_row(name, i, "last_s before first_s", "times in order"));
        }
        if row.bytes < row.packets {
            return Err(at_row(name, i, "fewer bytes than packets", "at least a byte a packet"));
        }
        if row.packets > 0 && row.bytes / row.packets >= u64::from(u32::MAX) {
            return Err(at_row(name, i, "packets larger than 4 GB", "a packet size in bytes below 2^32"));
        }
        if row.last_s - start > SimTime::MAX.as_secs_f64() {
            let what = format!("{:.3e} s after the first flow", row.last_s - start);
            return Err(at_row(name, i, &what, "times within 213 days, the longest run"));
        }
        if row.packets > 0 {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Checks a flow table as far as it can be checked without its network.
///
/// # Errors
/// A row whose packets do not fit its bytes or times.
pub(crate) fn check(name: &str, table: &Table) -> Result<(), InputError> {
    rows(name, table).map(|_| ())
}

/// The nodes of a flow's ends; `None`, counted, where it cannot be sent.
fn ends(
    name: &str,
    row: &Row<'_>,
    csr: &Csr,
    map: &AddressMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Result<Option<(u32, u32)>, InputError> {
    let (src, dst) = (End::of(name, row, row.src, csr)?, End::of(name, row, row.dst, csr)?);
    let (hosts, hashed) = match (src, dst) {
        (End::Address(a), End::Address(b)) => {
            let ends = map.ends(a, b);
            (ends.hosts, ends.hashed)
        }
        (a, b) => ([a.node(map), b.node(map)], false),
    };
    let mut count = |code: &str, packets: u64, what: &str| {
        let text = || format!("{what}, the first of the flow {} -> {}", row.src, row.dst);
        Diagnostic::count(diagnostics, code, text);
        if let Some(d) = diagnostics.iter_mut().find(|d| d.code == code) {
            d.count += packets - 1;
        }
    };
    match hosts {
        [Some(a), Some(b)] if a != b => {
            if hashed {
                let what = "packets whose addresses the network does not know were given nodes by hash";
                count("address-hashed", row.packets, what);
            }
            Ok(Some((a, b)))
        }
        [Some(_), Some(_)] => {
            count("ends-on-one-host", row.packets, "packets between addresses of one host are not sent");
            Ok(None)
        }
        _ => {
            count("address-unmapped", row.packets, "packets of addresses on no host are not sent");
            Ok(None)
        }
    }
}

/// What a flow's end is named by.
#[derive(Clone, Copy)]
enum End {
    Node(u32),
    Address(IpAddr),
}

impl End {
    fn of(name: &str, row: &Row<'_>, text: &str, csr: &Csr) -> Result<Self, InputError> {
        if let Some(node) = csr.node_named(text) {
            return Ok(Self::Node(node.0));
        }
        text.parse().map(Self::Address).map_err(|_| {
            let names = || csr.node_names.iter().map(String::as_str);
            let what = no_such_node(text, names());
            at_row(name, row.number as usize, &what, "an address, or a node of the network")
                .with_nearest(text, names())
        })
    }

    fn node(self, map: &AddressMap) -> Option<u32> {
        match self {
            Self::Node(node) => Some(node),
            Self::Address(address) => map.find(address),
        }
    }
}

/// An error about a row: the line after the header where the file is CSV, and the row's number in any case.
fn at_row(name: &str, row: usize, what: &str, expected: &str) -> InputError {
    InputError::new(name, Place::Whole, format!("row {}: {what}", row + 1), expected)
}
