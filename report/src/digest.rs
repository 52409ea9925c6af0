//! Digests of canonical rows: what makes two results the same result.

use sha2::{Digest, Sha256};

use crate::column::{Member, each};
use crate::schema::TableSpec;
use crate::table::Table;

/// SHA-256 over a table's name, column names and types, and rows in order: independent of the file's bytes and of how
/// the rows were split into parts.
#[derive(Clone, Debug)]
pub struct TableDigest {
    hash: Sha256,
    rows: u64,
}

impl TableDigest {
    /// Begins the digest of a table.
    pub fn new(spec: &TableSpec) -> Self {
        let mut hash = Sha256::new();
        text(&mut hash, spec.name);
        for column in spec.columns {
            text(&mut hash, column.name);
            text(&mut hash, column.kind.word());
        }
        Self { hash, rows: 0 }
    }

    /// Adds rows.
    pub fn update(&mut self, part: &Table) {
        for row in 0..part.len() {
            for column in part.columns() {
                each!(column, v => v[row].canonical(&mut self.hash));
            }
        }
        self.rows += part.len() as u64;
    }

    /// The digest in hexadecimal.
    pub fn finish(mut self) -> String {
        self.hash.update(self.rows.to_le_bytes());
        hex(&self.hash.finalize())
    }

    /// The number of rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

/// The canonical bytes of a value: a tag for null or present, then fixed-width little-endian numbers, or a length and
/// the content.
trait Canonical {
    fn canonical(&self, hash: &mut Sha256);
}

impl<T: Canonical> Canonical for Option<T> {
    fn canonical(&self, hash: &mut Sha256) {
        hash.update([u8::from(self.is_some())]);
        if let Some(value) = self {
            value.canonical(hash);
        }
    }
}

impl<T: Canonical> Canonical for Vec<T> {
    fn canonical(&self, hash: &mut Sha256) {
        hash.update((self.len() as u64).to_le_bytes());
        for value in self {
            value.canonical(hash);
        }
    }
}

/// `canonical_number! { u8 }` expands to `impl Canonical for u8` over its little-endian bytes.
macro_rules! canonical_number {
    ($($type:ty)*) => {
        $(impl Canonical for $type {
            fn canonical(&self, hash: &mut Sha256) {
                hash.update(self.to_le_bytes());
            }
        })*
    };
}

canonical_number! { u8 u32 u64 i64 }

impl Canonical for f64 {
    fn canonical(&self, hash: &mut Sha256) {
        hash.update((*self + 0.0).to_bits().to_le_bytes()); // + 0.0 makes -0.0 equal to 0.0, as == has it
    }
}

impl Canonical for bool {
    fn canonical(&self, hash: &mut Sha256) {
        hash.update([u8::from(*self)]);
    }
}

impl Canonical for String {
    fn canonical(&self, hash: &mut Sha256) {
        text(hash, self);
    }
}

impl Canonical for Member {
    fn canonical(&self, hash: &mut Sha256) {
        self.class.canonical(hash);
        self.a.canonical(hash);
        self.b.canonical(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn worst(rows: &[(u32, f64)]) -> Table {
        let mut table = Table::new(&schema::WORST);
        for &(arc, util) in rows {
            table.row().set("arc", arc).set("rank", 1u8).set("scenario", 0u32).set("util", util).end();
        }
        table
    }

    #[test]
    fn the_digest_does_not_depend_on_the_split() {
        let mut whole = TableDigest::new(&schema::WORST);
        whole.update(&worst(&[(1, 0.5), (2, 0.25), (3, -0.0)]));
        let mut parts = TableDigest::new(&schema::WORST);
        parts.update(&worst(&[(1, 0.5)]));
        parts.update(&worst(&[]));
        parts.update(&worst(&[(2, 0.25), (3, 0.0)]));
        assert_eq!(whole.finish(), parts.finish());
    }

    #[test]
    fn the_digest_tells_values_and_schemas_apart() {
        let digest = |t: &Table| {
            let mut d = TableDigest::new(t.spec());
            d.update(t);
            d.finish()
        };
        assert_ne!(digest(&worst(&[(1, 0.5)])), digest(&worst(&[(1, 0.25)])));
        assert_ne!(digest(&worst(&[])), digest(&Table::new(&schema::SCENARIOS)));
    }
}
