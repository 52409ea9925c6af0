//! Samples of `ip -s -j link`.
//!
//! ```json
//! { "format": "umbra-ip-link/1",
//!   "samples": [ { "node": "r1", "at": 1700000000.0, "links": [ …what `ip -s -j link` printed… ] }, … ] }
//! ```

use serde_json::Value;
use twin::{InputError, Place};

use super::{Direction, Interface, Quantity, Reading, Sample, stamp};

/// The value of the `format` key.
pub const FORMAT: &str = "umbra-ip-link/1";

const COUNTERS: [(&str, Quantity); 4] = [
    ("bytes", Quantity::Octets),
    ("packets", Quantity::Packets),
    ("errors", Quantity::Errors),
    ("dropped", Quantity::Discards),
];

/// Reads samples of any number of nodes; two of one node make a rate.
///
/// # Errors
/// [`InputError`] for another format, or a sample without node, time or links. Rows without statistics are passed over, and
/// so is the loopback interface: what a node sends to itself neither enters the network nor leaves it.
pub fn read(file: &str, value: &Value) -> Result<Vec<Sample>, InputError> {
    let format = value.get("format").and_then(Value::as_str).unwrap_or_default();
    if format != FORMAT {
        return Err(InputError::new(
            file,
            Place::Whole,
            format!("format '{format}'"),
            format!("format '{FORMAT}'"),
        ));
    }
    let mut samples = Vec::new();
    for (i, sample) in value.get("samples").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let wrong = |what: &str| {
            let what = format!("sample {i} without {what}");
            InputError::new(file, Place::Whole, what, "node (text), at (seconds since 1970), links (a list)")
        };
        let node = sample.get("node").and_then(Value::as_str).ok_or_else(|| wrong("node"))?;
        let at = sample.get("at").and_then(Value::as_f64).and_then(stamp).ok_or_else(|| wrong("at"))?;
        let links = sample.get("links").and_then(Value::as_array).ok_or_else(|| wrong("links"))?;
        for link in links.iter().filter(|link| !is_loopback(link)) {
            for (direction, side) in [(Direction::In, "rx"), (Direction::Out, "tx")] {
                let interface = interface(node, link);
                for (name, quantity) in COUNTERS {
                    let counter = ["stats64", "stats"]
                        .iter()
                        .find_map(|s| Some((*s, link.get(s)?.get(side)?.get(name)?.as_u64()?)));
                    let Some((stats, value)) = counter else { continue };
                    let reading = Reading::Count { value, bits: if stats == "stats64" { 64 } else { 32 } };
                    let interface = interface.clone();
                    samples.push(Sample { interface, direction, quantity, at, reading, uptime: None });
                }
            }
        }
    }
    Ok(samples)
}

fn is_loopback(link: &Value) -> bool {
    link.get("link_type").and_then(Value::as_str) == Some("loopback")
}

fn interface(node: &str, link: &Value) -> Interface {
    let text = |name: &str| link.get(name).and_then(Value::as_str);
    Interface {
        node: node.to_owned(),
        name: text("ifname").map(str::to_owned),
        index: link.get("ifindex").and_then(Value::as_u64).and_then(|i| u32::try_from(i).ok()),
        alias: text("ifalias").map(str::to_owned),
        mac: text("address").and_then(|t| t.parse().ok()).filter(|mac: &twin::MacAddr| mac.0 != [0; 6]),
    }
}
