//! A first-in, first-out list that lies in one piece.

/// As a `VecDeque`, but in one piece, so that a stretch of it is a slice. What was taken out in front goes when the list
/// is empty, or when it is half of what is held: an amortised move of one item for each.
#[derive(Clone, Debug)]
pub(crate) struct Ring<T> {
    items: Vec<T>,
    /// How many of them, from the front, were taken out.
    taken: usize,
}

/// Items that may stay in front after they were taken out.
const SLACK: usize = 64;

impl<T: Copy> Ring<T> {
    pub(crate) const fn new() -> Self {
        Self { items: Vec::new(), taken: 0 }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.items.len() - self.taken
    }

    /// All items, oldest first.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.items[self.taken..]
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        self.items.push(item);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        let item = *self.items.get(self.taken)?;
        self.forget(1);
        Some(item)
    }

    /// Takes out the oldest `count`.
    #[inline]
    pub(crate) fn forget(&mut self, count: usize) {
        self.taken += count;
        if self.taken == self.items.len() {
            self.items.clear();
            self.taken = 0;
        } else if self.taken >= SLACK && self.taken >= self.items.len() / 2 {
            self.items.drain(..self.taken);
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec(0usize..8, 0..2_000)) {
            let (mut ring, mut twin) = (Ring::new(), VecDeque::new());
            for (i, step) in steps.into_iter().enumerate() {
                if step < 4 {
                    ring.push(i);
                    twin.push_back(i);
                } else if step < 7 {
                    prop_assert_eq!(ring.pop(), twin.pop_front());
                } else {
                    let count = twin.len() / 2;
                    ring.forget(count);
                    twin.drain(..count);
                }
                prop_assert_eq!(ring.as_slice(), &*twin.make_contiguous());
                prop_assert_eq!(ring.len(), twin.len());
            }
        }
    }
}
