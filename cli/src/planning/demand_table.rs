//! Demands as a table (`.csv`, `.csv.gz`): `src,dst,volume` and, where demands have classes, `class`.

use std::collections::BTreeMap;
use std::path::Path;

use topology_sync::encoding;
use twin::{Demand, DemandMatrix, EntityKey, InputError, Place, Twin};

use super::words::Amount;
use crate::csv_file;

/// A row; names are those of the file.
#[derive(Clone, Debug)]
struct Row {
    line: u64,
    src: String,
    dst: String,
    volume: Amount,
    class: String,
}

/// The rows of a file.
#[derive(Clone, Debug)]
pub(crate) struct DemandTable {
    file: String,
    has_classes: bool,
    rows: Vec<Row>,
}

/// What share of a demand is of which class, by class; they add up to 1.
pub(crate) type Shares = BTreeMap<(EntityKey, EntityKey), Vec<(String, f64)>>;

impl DemandTable {
    /// Whether this is such a file by its suffix.
    pub(crate) fn is_one(path: &Path) -> bool {
        let name = path.to_string_lossy().to_ascii_lowercase();
        name.ends_with(".csv") || name.ends_with(".csv.gz")
    }

    /// Whether these are the columns of one.
    pub(crate) fn has_columns(columns: &[&str]) -> bool {
        COLUMNS.iter().all(|column| columns.contains(column))
    }

    /// Reads a file. Further columns are not looked at.
    pub(crate) fn read(path: &Path) -> Result<Self, InputError> {
        let file = path.display().to_string();
        let bytes = csv_file::read(path)?;
        let mut reader = csv::Reader::from_reader(encoding::utf8(&file, &bytes)?.as_bytes());
        let header = reader.headers().map_err(|e| csv_file::broken(&file, &e))?.clone();
        let find = |name: &str| header.iter().position(|column| column.trim() == name);
        let needed = |name: &'static str| {
            find(name).ok_or_else(|| {
                let expected = format!("a header with {}, and perhaps class", COLUMNS.join(", "));
                InputError::new(&file, Place::Line(1), format!("no column '{name}'"), expected)
                    .with_nearest(name, header.iter())
            })
        };
        let ([src, dst, volume], class) =
            ([needed("src")?, needed("dst")?, needed("volume")?], find("class"));
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|e| csv_file::broken(&file, &e))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cell = |at: usize| record.get(at).unwrap_or_default().trim().to_owned();
            let text = cell(volume);
            let volume = Amount::parse(&text, Place::Line(line)).ok_or_else(|| {
                let expected =
                    "a number that is finite and not negative, or one with a unit such as 620M (bit/s)";
                InputError::new(&file, Place::Line(line), format!("a demand of '{text}'"), expected)
            })?;
            rows.push(Row {
                line,
                src: cell(src),
                dst: cell(dst),
                volume,
                class: class.map(cell).unwrap_or_default(),
            });
        }
        Ok(Self { file, has_classes: class.is_some(), rows })
    }

    /// The demands between nodes of this network, whose own unit is so many bit/s.
    pub(crate) fn matrix(&self, twin: &Twin, unit_bps: f64) -> Result<DemandMatrix, InputError> {
        let demand = |((src, dst), row): ((EntityKey, EntityKey), &Row)| Demand {
            src,
            dst,
            bps: row.volume.bps(unit_bps),
        };
        Ok(DemandMatrix::new(self.pairs(twin)?.into_iter().zip(&self.rows).map(demand)))
    }

    /// The classes of each pair; `None` without a column for them.
    pub(crate) fn shares(&self, twin: &Twin, unit_bps: f64) -> Result<Option<Shares>, InputError> {
        if !self.has_classes {
            return Ok(None);
        }
        let mut shares = Shares::new();
        for (pair, row) in self.pairs(twin)?.into_iter().zip(&self.rows) {
            let of = shares.entry(pair).or_default();
            let bps = row.volume.bps(unit_bps);
            match of.iter_mut().find(|(class, _)| *class == row.class) {
                Some((_, sum)) => *sum += bps,
                None => of.push((row.class.clone(), bps)),
            }
        }
        for of in shares.values_mut() {
            let all: f64 = of.iter().map(|(_, bps)| bps).sum();
            of.iter_mut().for_each(|(_, bps)| *bps = if all > 0.0 { *bps / all } else { 0.0 });
        }
        Ok(Some(shares))
    }

    /// How many rows there are, and the names of the classes in the order of their first mention.
    pub(crate) fn survey(&self) -> (usize, Vec<&str>) {
        let mut classes: Vec<&str> = Vec::new();
        for row in self.rows.iter().filter(|_| self.has_classes) {
            if !classes.contains(&row.class.as_str()) {
                classes.push(&row.class);
            }
        }
        (self.rows.len(), classes)
    }

    /// The ends of each row.
    fn pairs(&self, twin: &Twin) -> Result<Vec<(EntityKey, EntityKey)>, InputError> {
        let nodes = twin.nodes();
        let keys = nodes.iter().map(|node| (node.key.as_str(), &node.key));
        // Names win over keys, and the first of equal names over the others.
        let names = nodes.iter().rev().map(|node| (node.name.as_str(), &node.key));
        let by_name: BTreeMap<&str, &EntityKey> = keys.chain(names).collect();
        let key = |row: &Row, name: &str| {
            by_name.get(name).map(|key| EntityKey::clone(key)).ok_or_else(|| {
                let what = format!("a demand of '{name}'");
                InputError::new(&self.file, Place::Line(row.line), what, "a node of the network")
                    .with_nearest(name, nodes.iter().map(|node| node.name.as_str()))
            })
        };
        self.rows.iter().map(|row| Ok((key(row, &row.src)?, key(row, &row.dst)?))).collect()
    }
}

/// The columns that every such file has.
const COLUMNS: [&str; 3] = ["src", "dst", "volume"];
