//! Digests of results.

use sha2::{Digest as _, Sha256};

/// A SHA-256 over canonical rows. Every item is of fixed length or preceded by its length, so different results never
/// feed the same bytes.
///
/// ```
/// use umbra_engine::Digest;
/// let of = |delivered: u64| Digest::new("flows").u64(delivered).f64(0.5).text("a").hex();
/// assert_eq!(of(7), of(7));
/// assert_ne!(of(7), of(8));
/// ```
#[derive(Clone, Debug)]
pub struct Digest(Sha256);

impl Digest {
    /// A digest of a result of this kind.
    pub fn new(kind: &str) -> Self {
        Self(Sha256::new()).text(kind)
    }

    /// Adds a number.
    #[must_use]
    pub fn u64(mut self, value: u64) -> Self {
        self.0.update(value.to_le_bytes());
        self
    }

    /// Adds a number by its bits; all NaNs count as one, and −0 as 0.
    #[must_use]
    pub fn f64(self, value: f64) -> Self {
        let canonical = if value.is_nan() { f64::NAN } else { value + 0.0 };
        self.u64(canonical.to_bits())
    }

    /// Adds text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let mut next = self.u64(bytes.len() as u64);
        next.0.update(bytes);
        next
    }

    /// The first 128 bits in hexadecimal.
    pub fn hex(self) -> String {
        self.0.finalize()[..16].iter().map(|b| format!("{b:02x}")).collect()
    }
}
