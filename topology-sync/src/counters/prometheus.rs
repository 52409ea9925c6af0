//! Answers of Prometheus' HTTP API (`query`, `query_range`): counters of the SNMP exporter, the node exporter and others.

use serde_json::Value;
use twin::{InputError, Place};

use super::{Direction, Interface, Quantity, Reading, Sample, stamp};

/// Labels that name the node, best first. The node exporter calls the interface `device`.
const NODE: [&str; 8] =
    ["node", "sysName", "hostname", "host", "agent_host", "exported_instance", "instance", "device"];
/// Labels that name the interface, best first.
const NAME: [&str; 6] = ["ifName", "ifname", "interface", "port", "device", "ifDescr"];

/// What a Linux kernel calls its loopback interface: nothing of it enters the network or leaves it.
const LOOPBACK: &str = "lo";

/// Reads an answer of the types `matrix` and `vector`. The direction is that of the metric's name (`ifHCInOctets`,
/// `node_network_transmit_bytes_total`, …) or of a label `direction`; a metric named `…bps` or `…bits_per_second` is a
/// rate, others are counters of what their name says, octets if it says nothing. Series that are neither in nor out are
/// passed over, and so are those of single kinds of packets and errors, and the node exporter's of the loopback interface.
///
/// # Errors
/// [`InputError`] for something else than a successful answer, or a value that is no number.
pub fn read(file: &str, answer: &Value) -> Result<Vec<Sample>, InputError> {
    let wrong = |what: String, expected: &str| InputError::new(file, Place::Whole, what, expected);
    let expected = "an answer of Prometheus' API with status 'success', or samples of format umbra-ip-link/1";
    if answer.get("status").and_then(Value::as_str) != Some("success") {
        let told = answer.get("error").and_then(Value::as_str).unwrap_or("no status 'success'");
        return Err(wrong(told.to_owned(), expected));
    }
    let result = answer.pointer("/data/result").and_then(Value::as_array);
    let series = result.ok_or_else(|| wrong("no data.result".into(), expected))?;
    let mut samples = Vec::new();
    for (i, one) in series.iter().enumerate() {
        let metric = one.get("metric").unwrap_or(&Value::Null);
        let Some((direction, quantity, is_rate)) = kind(metric) else { continue };
        let interface = interface(metric);
        if of_kernel(metric) && interface.name.as_deref() == Some(LOOPBACK) {
            continue;
        }
        let values = one.get("values").and_then(Value::as_array).map(Vec::as_slice);
        let points = values.unwrap_or_else(|| one.get("value").map(std::slice::from_ref).unwrap_or_default());
        for point in points {
            let bad = || wrong(format!("series {i}: the point {point}"), "[seconds, \"number\"]");
            let (at, value) = point_of(point).ok_or_else(bad)?;
            let reading = match (is_rate, value) {
                (_, v) if v.is_nan() => continue, // staleness and division by zero: no reading
                (true, v) if v.is_finite() && v >= 0.0 => Reading::Rate(v),
                (false, v) if (0.0..1.9e19).contains(&v) => {
                    Reading::Count { value: v as u64, bits: bits(metric) }
                }
                _ => return Err(bad()),
            };
            let interface = interface.clone();
            samples.push(Sample { interface, direction, quantity, at, reading, uptime: None });
        }
    }
    Ok(samples)
}

fn label<'a>(metric: &'a Value, name: &str) -> Option<&'a str> {
    metric.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// What a name says is counted. Parts of a whole, which stand beside it, count as nothing: the node exporter's frame and
/// fifo errors and its compressed packets, multicast and broadcast.
fn quantity(name: &str) -> Option<Quantity> {
    let has = |words: &[&str]| words.iter().any(|w| name.contains(w));
    if has(&[
        "multicast",
        "broadcast",
        "fifo",
        "frame",
        "compressed",
        "nohandler",
        "carrier",
        "colls",
        "unknown",
    ]) {
        return None;
    }
    let quantity = if has(&["err"]) {
        Quantity::Errors
    } else if has(&["drop", "discard"]) {
        Quantity::Discards
    } else if has(&["packets", "pkts"]) {
        Quantity::Packets
    } else {
        Quantity::Octets
    };
    Some(quantity)
}

/// The direction of a metric, what it counts, and whether it is a rate.
fn kind(metric: &Value) -> Option<(Direction, Quantity, bool)> {
    let name = label(metric, "__name__").unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    let is_rate = lower.contains("bps") || lower.contains("bits_per_second") || name.is_empty();
    let direction = match label(metric, "direction").map(str::to_ascii_lowercase).as_deref() {
        Some("in" | "receive" | "rx") => Direction::In,
        Some("out" | "transmit" | "tx") => Direction::Out,
        _ if lower.starts_with("ifin") || lower.starts_with("ifhcin") => Direction::In,
        _ if lower.starts_with("ifout") || lower.starts_with("ifhcout") => Direction::Out,
        _ if ["receive", "in_octets", "rx_", "in_bps", "in-octets"].iter().any(|w| lower.contains(w)) => {
            Direction::In
        }
        _ if ["transmit", "out_octets", "tx_", "out_bps", "out-octets"].iter().any(|w| lower.contains(w)) => {
            Direction::Out
        }
        _ => return None,
    };
    Some((direction, quantity(&lower)?, is_rate))
}

/// IF-MIB (RFC 2863): `ifInOctets` has 32 bits, `ifHCInOctets` 64.
fn bits(metric: &Value) -> u8 {
    match label(metric, "__name__") {
        Some(name) if name.starts_with("ifIn") || name.starts_with("ifOut") => 32,
        _ => 64,
    }
}

/// Whether it is the node exporter's.
fn of_kernel(metric: &Value) -> bool {
    label(metric, "__name__").is_some_and(|n| n.starts_with("node_network"))
}

fn interface(metric: &Value) -> Interface {
    let of_kernel = of_kernel(metric);
    let first = |names: &[&str]| names.iter().find_map(|n| label(metric, n)).map(str::to_owned);
    let nodes: Vec<_> = NODE.into_iter().filter(|n| !(of_kernel && *n == "device")).collect();
    let node_label = nodes.iter().find(|n| label(metric, n).is_some()).copied().unwrap_or_default();
    let names: Vec<_> = NAME.into_iter().filter(|n| *n != node_label).collect();
    Interface {
        node: first(&nodes).unwrap_or_default(),
        name: first(&names),
        index: label(metric, "ifIndex").and_then(|t| t.parse().ok()),
        alias: label(metric, "ifAlias").map(str::to_owned),
        mac: label(metric, "ifPhysAddress").or_else(|| label(metric, "mac")).and_then(|t| t.parse().ok()),
    }
}

fn point_of(point: &Value) -> Option<(twin::WallTime, f64)> {
    let [at, value] = point.as_array()?.as_slice() else { return None };
    let value = value.as_str().map_or_else(|| value.as_f64(), |text| text.parse().ok())?;
    Some((stamp(at.as_f64()?)?, value))
}
