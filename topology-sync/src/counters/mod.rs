//! Interface counters of a management system, put onto the half-links of a twin.
//!
//! [`prometheus`] reads answers of Prometheus' HTTP API, [`table`] CSV (SNMP's IF-MIB columns among them) and [`kernel`]
//! samples of `ip -s -j link`; each gives [`Sample`]s. Wraps are told from resets; then [`rates`](rate::rates)
//! makes mean rates and [`binned`](bins::binned) series, and [`place`](place::place) finds the half-link of each.

pub mod bins;
mod interval;
pub mod kernel;
pub mod place;
pub mod prometheus;
pub mod rate;
pub mod table;
#[cfg(test)]
mod tests;

use twin::{InputError, Place, WallTime};

use crate::encoding;

/// The interface that a counter is of, as its source names it. Empty texts are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interface {
    /// The node: a name, an address, or `address:port` as Prometheus' `instance`.
    pub node: String,
    /// The interface's name (`ifName`, or `ifDescr` where there is none).
    pub name: Option<String>,
    /// Its index (`ifIndex`).
    pub index: Option<u32>,
    /// The operator's description (`ifAlias`).
    pub alias: Option<String>,
    /// Its hardware address (`ifPhysAddress`).
    pub mac: Option<twin::MacAddr>,
}

impl std::fmt::Display for Interface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.node)?;
        match (&self.name, self.index, &self.alias, self.mac) {
            (Some(name), ..) => write!(f, " {name}"),
            (None, Some(index), ..) => write!(f, " ifIndex {index}"),
            (None, None, Some(alias), _) => write!(f, " alias '{alias}'"),
            (None, None, None, Some(mac)) => write!(f, " {mac}"),
            (None, None, None, None) => Ok(()),
        }
    }
}

/// Which way the octets went, seen from the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// What a counter counts (RFC 2863 §3.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Octets, framing included.
    Octets,
    /// Packets.
    Packets,
    /// Packets that were not delivered because they were damaged.
    Errors,
    /// Packets that were not delivered though nothing was wrong with them.
    Discards,
}

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// A counter with so many bits: 32 (`ifInOctets`, `ifInErrors`) or 64 (`ifHCInOctets`, and all others).
    Count {
        /// The count.
        value: u64,
        /// 32 or 64.
        bits: u8,
    },
    /// A rate of octets, in bit/s.
    Rate(f64),
}

/// One reading of one interface in one direction.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Of which interface.
    pub interface: Interface,
    /// In which direction.
    pub direction: Direction,
    /// What is counted.
    pub quantity: Quantity,
    /// When it was read.
    pub at: WallTime,
    /// What was read.
    pub reading: Reading,
    /// Since when the counter runs without a break, if told: how long the node is up (`sysUpTime`), in hundredths of a
    /// second.
    pub uptime: Option<u64>,
}

/// Reads a counter file: JSON (Prometheus' answer, or samples of `ip -s -j link`) or CSV, by its first character.
///
/// # Errors
/// [`InputError`] of the reader.
pub fn read(file: &str, bytes: &[u8]) -> Result<Vec<Sample>, InputError> {
    let text =
        encoding::utf8(file, bytes).map_err(|e| InputError { expected: table::FORMS.to_owned(), ..e })?;
    if !text.trim_start().starts_with(['{', '[']) {
        return table::read(file, text);
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| {
        let place = Place::LineColumn(e.line() as u64, e.column() as u64);
        InputError::new(file, place, format!("not JSON: {e}"), "counters as JSON or CSV")
    })?;
    match value.get("format").and_then(serde_json::Value::as_str) {
        Some(_) => kernel::read(file, &value),
        None => prometheus::read(file, &value),
    }
}

/// Seconds since the epoch as a stamp; `None` outside ±292 years.
fn stamp(seconds: f64) -> Option<WallTime> {
    let ns = seconds * 1e9;
    (ns.is_finite() && ns.abs() < 9.2e18).then(|| WallTime::from_ns(ns.round() as i64))
}
