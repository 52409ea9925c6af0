//! What the operator knows better than discovery: `overrides.yaml`.
//!
//! An override wins over what was discovered, leaves its trace ([`twin::Evidence`] `override` on half-links, a row in the
//! [`Report`] for everything), and is flagged as stale when it matches nothing or says what discovery says anyway.
//!
//! ```yaml
//! format: umbra-overrides/1
//! names:                        # the name that a discovered node is to have
//!   - { node: r1, name: core-fra-1 }
//! sites:
//!   - { node: core-fra-1, site: fra }
//! capacities:                   # of a link's both directions, or of what one port sends
//!   - { link: [core-fra-1:eth1, r2:eth1], capacity: 40G }
//!   - { port: r2:eth2, capacity: 2.5G }
//! risk_groups:
//!   - { name: conduit-7, cause: conduit, links: [[r1:eth1, r2:eth1]], nodes: [r3] }
//! ignored_links:
//!   - [h6:eth1, r4:eth3]
//! links:                        # cables that no source shows; both ports must exist
//!   - { between: [r1:eth5, r3:eth5], metric: 10, capacity: 10G }
//! ```
//!
//! A node is called by its name, discovered or given here, or by its key; a port is `node:port`. Names come first, then
//! sites, ignored links, links, capacities, risk groups.

mod apply;
mod names;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use twin::{BitsPerSec, InputError, Place};

use crate::yaml;

pub use apply::apply;

/// The value of the `format` key.
pub const FORMAT: &str = "umbra-overrides/1";

/// The overrides of a file.
#[derive(Clone, Debug)]
pub struct Overrides {
    /// What evidence and rows call the file.
    name: String,
    file: File,
}

/// What became of the overrides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One row for each override, in the order in which they were applied.
    pub rows: Vec<ReportRow>,
}

/// What became of one override.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportRow {
    /// Line of the file, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// What it asks for.
    pub what: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What it took the place of, or why it is stale.
    pub detail: String,
}

/// What became of an override.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The twin says it now.
    Applied,
    /// Stale: discovery says the same.
    SameAsDiscovered,
    /// Stale: what it is about is not there.
    MatchesNothing,
}

impl Outcome {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::SameAsDiscovered => "same-as-discovered",
            Self::MatchesNothing => "matches-nothing",
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: Spanned<String>,
    #[serde(default)]
    names: Vec<NameOverride>,
    #[serde(default)]
    sites: Vec<SiteOverride>,
    #[serde(default)]
    capacities: Vec<CapacityOverride>,
    #[serde(default)]
    risk_groups: Vec<RiskGroupOverride>,
    #[serde(default)]
    ignored_links: Vec<[Spanned<String>; 2]>,
    #[serde(default)]
    links: Vec<LinkOverride>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NameOverride {
    node: Spanned<String>,
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteOverride {
    node: Spanned<String>,
    site: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CapacityOverride {
    link: Option<[Spanned<String>; 2]>,
    port: Option<Spanned<String>>,
    capacity: Spanned<Rate>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RiskGroupOverride {
    name: Spanned<String>,
    cause: String,
    #[serde(default)]
    links: Vec<[Spanned<String>; 2]>,
    #[serde(default)]
    nodes: Vec<Spanned<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkOverride {
    between: [Spanned<String>; 2],
    /// Without one no routing protocol runs over it.
    metric: Option<u32>,
    capacity: Option<Spanned<Rate>>,
}

/// A rate as people write it: `10G`, `2.5G`, `100M`, or a number of bit/s.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate(BitsPerSec);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        rate(&text).map(Rate).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "'{text}' is no rate such as 10G, 2.5G, 100M or 1000000 (bit/s)"
            ))
        })
    }
}

fn rate(text: &str) -> Option<BitsPerSec> {
    let (number, unit) = match text.chars().last()?.to_ascii_uppercase() {
        'K' => (&text[..text.len() - 1], 1e3),
        'M' => (&text[..text.len() - 1], 1e6),
        'G' => (&text[..text.len() - 1], 1e9),
        'T' => (&text[..text.len() - 1], 1e12),
        _ => (text, 1.0),
    };
    let bps = number.trim().parse::<f64>().ok()? * unit;
    // Beyond 10^18 bit/s it is a slip of the pen.
    (1.0..=1e18).contains(&bps).then(|| BitsPerSec::new(bps.round() as u64))?
}

impl Overrides {
    /// Reads the text of a file; `name` is what errors, evidence and rows call it.
    ///
    /// # Errors
    /// [`InputError`] with line, column, expectation and the nearest valid name.
    pub fn parse(name: &str, text: &str) -> Result<Self, InputError> {
        let file: File = yaml::read(name, text, "a file of overrides")?;
        if file.format.value != FORMAT {
            let what = format!("format '{}'", file.format.value);
            let place = yaml::place(file.format.referenced);
            return Err(InputError::new(name, place, what, format!("format '{FORMAT}'")));
        }
        for capacity in &file.capacities {
            if capacity.link.is_some() == capacity.port.is_some() {
                let place = yaml::place(capacity.capacity.referenced);
                return Err(InputError::new(name, place, "a capacity of neither or both", "link or port"));
            }
        }
        let ports = file.links.iter().flat_map(|l| &l.between);
        for port in ports.chain(file.capacities.iter().filter_map(|c| c.port.as_ref())) {
            if !port.value.contains(':') {
                let place = yaml::place(port.referenced);
                return Err(InputError::new(name, place, format!("'{}'", port.value), "a port as node:port"));
            }
        }
        Ok(Self { name: name.to_owned(), file })
    }
}

impl Report {
    fn push(&mut self, place: Place, what: String, outcome: Outcome, detail: impl Into<String>) {
        let (line, column) = match place {
            Place::LineColumn(line, column) => (line, column),
            _ => (0, 0),
        };
        self.rows.push(ReportRow { line, column, what, outcome, detail: detail.into() });
    }

    /// The rows of overrides that change nothing.
    pub fn stale(&self) -> impl Iterator<Item = &ReportRow> {
        self.rows.iter().filter(|r| r.outcome != Outcome::Applied)
    }
}
