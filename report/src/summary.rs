//! `summary.json`: what a result is, what it was made from, and what it does not know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use twin::{Fidelity, HalfLink, Layer, Twin, WallTime};

use crate::digest::hex;

/// The summary of a result folder. Everything but [`run`](Self::run) is the same for the same command, seed and input.
///
/// ```
/// use umbra_report::Summary;
///
/// let mut summary = Summary::new("isolate", 7);
/// summary.fidelity.note("static-routing", "routes do not change during a run", None);
/// summary.extra.insert("predictive_p_value".into(), 0.41.into());
/// let text = summary.to_json();
/// assert_eq!(serde_json::from_str::<Summary>(&text)?, summary);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The command that made the result.
    pub command: String,
    /// The seed of all chance in it.
    pub seed: u64,
    /// The version of Umbra.
    pub version: String,
    /// See [`network_digest`]; empty where the command has no network.
    #[serde(default)]
    pub network_digest: String,
    /// The instants as of which the network was taken, where it has a history.
    #[serde(default)]
    pub as_of: Option<AsOf>,
    /// See [`InputDigest`].
    #[serde(default)]
    pub input_digest: String,
    /// SHA-256 over the canonical rows of all tables; filled in by [`ResultFolder::commit`](crate::ResultFolder::commit).
    #[serde(default)]
    pub result_digest: String,
    /// Rows of each table; filled in by [`ResultFolder::commit`](crate::ResultFolder::commit).
    #[serde(default)]
    pub tables: BTreeMap<String, u64>,
    /// Monte Carlo trials, 0 where nothing was sampled.
    #[serde(default)]
    pub trials: u64,
    /// How many independent trials the weighted ones are worth, where weights were used.
    #[serde(default)]
    pub effective_sample_size: Option<f64>,
    /// What was not modelled, and what was assumed.
    #[serde(default)]
    pub fidelity: Fidelity,
    /// When and how it ran: the only wall times of a result.
    #[serde(default)]
    pub run: Run,
    /// What belongs to this command alone, such as `measures`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Two instants: `valid`, when it was so, and `learned`, when we knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOf {
    /// The network as it was at this instant …
    #[serde(rename = "valid_ns")]
    pub valid: WallTime,
    /// … as far as was known at this instant.
    #[serde(rename = "learned_ns")]
    pub learned: WallTime,
}

/// The run itself: differs from run to run and is part of no digest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// When it began, since the Unix epoch.
    #[serde(default, rename = "started_ns")]
    pub started: Option<WallTime>,
    /// How long it took, in seconds.
    #[serde(default)]
    pub wall_s: Option<f64>,
    /// How many threads it used.
    #[serde(default)]
    pub threads: Option<u32>,
    /// The command line.
    #[serde(default)]
    pub command_line: Vec<String>,
}

impl Summary {
    /// The summary of a command with a seed; the rest is empty.
    pub fn new(command: &str, seed: u64) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { command: command.to_owned(), seed, version, ..Self::default() }
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a summary is always JSON");
        text.push('\n');
        text
    }
}

/// SHA-256 over a network: entities, half-links and forwarding tables in key order, without the evidence, so that the
/// same network read from another path or at another time has the same digest.
pub fn network_digest(twin: &Twin) -> String {
    let mut digest = JsonDigest::default();
    twin.entities().for_each(|entity| digest.add(entity));
    for layer in Layer::ALL {
        for (key, half) in twin.half_links(layer) {
            digest.add(key);
            digest.add(&HalfLink { evidence: Vec::new(), ..half.clone() });
        }
    }
    twin.fibs().for_each(|node_and_fib| digest.add(&node_and_fib));
    hex(&digest.hash.finalize())
}

/// SHA-256 over values as JSON, each behind its length.
#[derive(Default)]
struct JsonDigest {
    hash: Sha256,
    text: Vec<u8>,
}

impl JsonDigest {
    fn add(&mut self, value: &impl Serialize) {
        self.text.clear();
        serde_json::to_writer(&mut self.text, value).expect("twin types are always JSON");
        self.hash.update((self.text.len() as u64).to_le_bytes());
        self.hash.update(&self.text);
    }
}

/// SHA-256 over the contents of the input files, in the order in which they were given; names do not count.
///
/// ```
/// use umbra_report::InputDigest;
///
/// let mut digest = InputDigest::default();
/// digest.add(b"network");
/// digest.add(b"demands");
/// assert_eq!(digest.finish().len(), 64);
/// ```
#[derive(Clone, Debug, Default)]
pub struct InputDigest(Sha256);

impl InputDigest {
    /// Adds a file.
    pub fn add(&mut self, content: &[u8]) {
        self.0.update((content.len() as u64).to_le_bytes());
        self.0.update(content);
    }

    /// The digest in hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::{BitsPerSec, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    fn pair(source: &str, metric: u32) -> Twin {
        let mut net = TwinBuilder::new(source);
        let (a, b) = (net.node("a", NodeKind::Router, None), net.node("b", NodeKind::Router, None));
        net.link("a-b", &a, &b, LinkSpec::symmetric(metric, BitsPerSec::gbps(1), SimDuration::micros(5)));
        net.finish()
    }

    #[test]
    fn the_network_digest_is_about_the_network_alone() {
        assert_eq!(network_digest(&pair("here.xml", 1)), network_digest(&pair("there.xml", 1)));
        assert_ne!(network_digest(&pair("here.xml", 1)), network_digest(&pair("here.xml", 2)));
    }

    #[test]
    fn the_input_digest_tells_files_apart() {
        let digest = |files: &[&[u8]]| {
            let mut d = InputDigest::default();
            files.iter().for_each(|f| d.add(f));
            d.finish()
        };
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
    }
}
