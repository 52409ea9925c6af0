//! Counters as CSV: one row for each reading of an interface, by the names of its columns.

use twin::{InputError, Place, WallTime};

use super::{Direction, Interface, Quantity, Reading, Sample, stamp};

/// What a column holds, by its names in lower case; IF-MIB's are among them (RFC 2863).
const COLUMNS: [(&[&str], Column); 23] = [
    (&["node", "host", "hostname", "device", "sysname", "instance"], Column::Node),
    (&["time", "timestamp", "at"], Column::Time),
    (&["port", "interface", "ifname", "ifdescr"], Column::Name),
    (&["ifindex"], Column::Index),
    (&["alias", "ifalias"], Column::Alias),
    (&["mac", "ifphysaddress"], Column::Mac),
    (&["in_octets", "ifhcinoctets", "rx_bytes"], Column::Count(Direction::In, Quantity::Octets, 64)),
    (&["out_octets", "ifhcoutoctets", "tx_bytes"], Column::Count(Direction::Out, Quantity::Octets, 64)),
    (&["ifinoctets"], Column::Count(Direction::In, Quantity::Octets, 32)),
    (&["ifoutoctets"], Column::Count(Direction::Out, Quantity::Octets, 32)),
    (&["in_packets", "rx_packets"], Column::Count(Direction::In, Quantity::Packets, 64)),
    (&["out_packets", "tx_packets"], Column::Count(Direction::Out, Quantity::Packets, 64)),
    (&["in_errors", "rx_errors"], Column::Count(Direction::In, Quantity::Errors, 64)),
    (&["out_errors", "tx_errors"], Column::Count(Direction::Out, Quantity::Errors, 64)),
    (&["ifinerrors"], Column::Count(Direction::In, Quantity::Errors, 32)),
    (&["ifouterrors"], Column::Count(Direction::Out, Quantity::Errors, 32)),
    (&["in_discards", "rx_dropped"], Column::Count(Direction::In, Quantity::Discards, 64)),
    (&["out_discards", "tx_dropped"], Column::Count(Direction::Out, Quantity::Discards, 64)),
    (&["ifindiscards"], Column::Count(Direction::In, Quantity::Discards, 32)),
    (&["ifoutdiscards"], Column::Count(Direction::Out, Quantity::Discards, 32)),
    (&["in_bps"], Column::Rate(Direction::In)),
    (&["out_bps"], Column::Rate(Direction::Out)),
    (&["sysuptime"], Column::Uptime),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Node,
    /// Seconds since the epoch.
    Time,
    Name,
    Index,
    Alias,
    Mac,
    Count(Direction, Quantity, u8),
    /// bit/s.
    Rate(Direction),
    /// Hundredths of a second.
    Uptime,
    Unknown,
}

/// What a file of counters is, for errors.
pub(super) const FORMS: &str = "counters as JSON, or as CSV with a header: node, port, time, in_octets, out_octets, or node, port, \
                     in_bps, out_bps";

/// Reads a table with the columns `node`, `time` (s; not needed with rates), an interface (`port`, `ifIndex`, `alias` or
/// `mac`) and readings: `in_octets`/`out_octets`, IF-MIB's `ifHCInOctets`, `ifInOctets`, …, or `in_bps`/`out_bps`; also
/// `in_packets`, `in_errors`, `in_discards`, … and IF-MIB's `ifInErrors`, `ifInDiscards`. Where 32- and 64-bit counters
/// stand side by side the 64-bit ones count. `sysUpTime` tells restarts. Other columns are passed over, and so are empty
/// cells.
///
/// # Errors
/// [`InputError`] with the line of a cell that is no number, or for missing columns.
pub fn read(file: &str, text: &str) -> Result<Vec<Sample>, InputError> {
    let mut csv = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = csv.headers().map_err(|e| broken(file, &e))?.clone();
    if header.is_empty() {
        return Err(InputError::new(file, Place::Whole, "an empty file", FORMS));
    }
    let columns: Vec<_> = header.iter().map(column).collect();
    let has = |wanted: &dyn Fn(&Column) -> bool| columns.iter().any(wanted);
    let missing = [
        (has(&|c| *c == Column::Node), "node"),
        (
            has(&|c| matches!(c, Column::Name | Column::Index | Column::Alias | Column::Mac)),
            "port, ifIndex, alias or mac",
        ),
        (
            has(&|c| matches!(c, Column::Count(..) | Column::Rate(_))),
            "in_octets, out_octets, in_bps or out_bps",
        ),
        (has(&|c| *c == Column::Time) || !has(&|c| matches!(c, Column::Count(..))), "time"),
    ];
    if let Some((_, name)) = missing.iter().find(|(there, _)| !there) {
        let what = format!("no column {name}");
        return Err(InputError::new(file, Place::Line(1), what, FORMS));
    }
    let mut samples = Vec::new();
    for record in csv.records() {
        let record = record.map_err(|e| broken(file, &e))?;
        let line = record.position().map_or(0, csv::Position::line);
        row(file, line, &columns, &record, &mut samples)?;
    }
    Ok(samples)
}

fn column(name: &str) -> Column {
    let name = name.to_ascii_lowercase();
    let known = COLUMNS.iter().find(|(names, _)| names.contains(&name.as_str()));
    known.map_or(Column::Unknown, |(_, column)| *column)
}

fn row(
    file: &str,
    line: u64,
    columns: &[Column],
    record: &csv::StringRecord,
    samples: &mut Vec<Sample>,
) -> Result<(), InputError> {
    let (mut interface, mut at, mut uptime) = (Interface::default(), WallTime::default(), None);
    let mut readings: Vec<(Direction, Quantity, Reading)> = Vec::new();
    for (column, cell) in columns.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        let bad = |expected: &str| InputError::new(file, Place::Line(line), format!("'{cell}'"), expected);
        match *column {
            Column::Node => interface.node = cell.to_owned(),
            Column::Time => {
                let seconds = cell.parse().ok().and_then(stamp);
                at = seconds.ok_or_else(|| bad("a time in seconds since 1970"))?;
            }
            Column::Name => interface.name = interface.name.take().or(Some(cell.to_owned())),
            Column::Index => interface.index = Some(cell.parse().map_err(|_| bad("an ifIndex"))?),
            Column::Alias => interface.alias = Some(cell.to_owned()),
            Column::Mac => interface.mac = Some(cell.parse().map_err(|_| bad("a hardware address"))?),
            Column::Count(direction, quantity, bits) => {
                let value = cell.parse().map_err(|_| bad("a count, a whole number from 0 on"))?;
                readings.push((direction, quantity, Reading::Count { value, bits }));
            }
            Column::Rate(direction) => {
                let rate = cell.parse().ok().filter(|r: &f64| r.is_finite() && *r >= 0.0);
                let rate = Reading::Rate(rate.ok_or_else(|| bad("a rate in bit/s, 0 or more"))?);
                readings.push((direction, Quantity::Octets, rate));
            }
            Column::Uptime => uptime = Some(cell.parse().map_err(|_| bad("sysUpTime in 1/100 s"))?),
            Column::Unknown => {}
        }
    }
    let wide: Vec<_> = readings.iter().filter(|(_, _, r)| !narrow(r)).map(|(d, q, _)| (*d, *q)).collect();
    readings.retain(|(direction, quantity, reading)| {
        !narrow(reading) || !wide.contains(&(*direction, *quantity))
    });
    samples.extend(readings.into_iter().map(|(direction, quantity, reading)| Sample {
        interface: interface.clone(),
        direction,
        quantity,
        at,
        reading,
        uptime,
    }));
    Ok(())
}

fn narrow(reading: &Reading) -> bool {
    matches!(reading, Reading::Count { bits: 32, .. })
}

fn broken(file: &str, error: &csv::Error) -> InputError {
    let place = error.position().map_or(Place::Whole, |p| Place::Line(p.line()));
    InputError::new(file, place, format!("not CSV: {error}"), "rows with as many cells as the header")
}
