//! History: any instant, by what was so and by what was known.

use crate::{ApplyError, Twin, TwinDelta, WallTime};

/// A base version and the deltas learned since.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    base: Twin,
    deltas: Vec<TwinDelta>,
    head: Twin,
}

impl Timeline {
    /// A history that begins with `base`.
    pub fn new(base: Twin) -> Self {
        Self { head: base.clone(), base, deltas: Vec::new() }
    }

    /// Appends a delta that fits the head.
    ///
    /// # Errors
    /// [`ApplyError`] if it does not fit; the history stays as it was.
    pub fn push(&mut self, delta: TwinDelta) -> Result<(), ApplyError> {
        self.head.apply(&delta)?;
        self.deltas.push(delta);
        Ok(())
    }

    /// The latest version.
    pub fn head(&self) -> &Twin {
        &self.head
    }

    /// The deltas in the order in which they were pushed.
    pub fn deltas(&self) -> &[TwinDelta] {
        &self.deltas
    }

    /// The network at `valid` as far as it was known at `learned`: deltas learned by then and valid by then, in order of
    /// validity. A delta learned late but valid early lands before those that followed it in reality, so the last
    /// *valid* word on a key wins, not the last heard. Cost: the number of deltas.
    pub fn as_of(&self, valid: WallTime, learned: WallTime) -> Twin {
        let mut known: Vec<_> =
            self.deltas.iter().filter(|d| d.learned_at <= learned && d.valid_at <= valid).collect();
        known.sort_by_key(|d| (d.valid_at, d.learned_at)); // stable: equal times keep their push order
        let mut twin = self.base.clone();
        for change in known.iter().flat_map(|d| &d.changes) {
            twin.set(change);
        }
        twin
    }
}
