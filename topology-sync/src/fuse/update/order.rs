//! Sorting many keys.
//!
//! Keys share long beginnings (`port:node:chassis:…`) and lie all over memory, so that comparing two of them is slow. Here
//! a range is sorted by a few bytes that follow what all of its texts share, held side by side; each run that is still
//! equal is sorted by the next few.

use rayon::prelude::*;
use twin::{EntityKey, HalfLinkKey};

use super::FEW;

/// What is sorted by a number, then by two texts.
pub(super) trait Keyed: Ord + Send + Sync {
    /// The number.
    fn group(&self) -> u8;
    /// The texts.
    fn texts(&self) -> [&str; 2];
}

impl Keyed for EntityKey {
    fn group(&self) -> u8 {
        0
    }
    fn texts(&self) -> [&str; 2] {
        [self.as_str(), ""]
    }
}

impl Keyed for HalfLinkKey {
    fn group(&self) -> u8 {
        self.layer as u8
    }
    fn texts(&self) -> [&str; 2] {
        [self.from.as_str(), self.to.as_str()]
    }
}

/// A few bytes of a text, and the place of its key in the list.
type Place = (u128, u32);

/// Bytes of a text that are compared at once: as many as there is room for beside their number.
const AT_ONCE: usize = 15;

/// Shorter ranges are sorted by whole keys.
const SHORT: usize = 32;

/// A list in the order of its keys, those of one key in the order in which they came.
pub(super) fn sorted<K: Keyed, V: Send + Sync>(mut list: Vec<(K, V)>) -> Vec<(K, V)> {
    if list.len() < FEW {
        list.sort_by(|a, b| a.0.cmp(&b.0));
        return list;
    }
    let mut places: Vec<Place> =
        (0..).zip(&list).map(|(at, (key, _))| (u128::from(key.group()), at)).collect();
    places.par_sort_unstable();
    for run in places.chunk_by_mut(|a, b| a.0 == b.0) {
        sort(&list, run, 0, 0);
    }
    let mut slots: Vec<Option<(K, V)>> = list.into_iter().map(Some).collect();
    places.into_iter().filter_map(|(_, at)| slots[at as usize].take()).collect()
}

/// Sorts keys that are alike before byte `skip` of the text with number `text`.
fn sort<K: Keyed, V: Sync>(list: &[(K, V)], places: &mut [Place], text: usize, skip: usize) {
    let key = |place: &Place| &list[place.1 as usize].0;
    if places.len() <= SHORT {
        places.sort_unstable_by(|a, b| key(a).cmp(key(b)).then(a.1.cmp(&b.1)));
        return;
    }
    let rest = |place: &Place| &key(place).texts()[text].as_bytes()[skip..];
    let first = rest(&places[0]);
    let shared = places.par_iter().map(|p| alike(first, rest(p))).min().unwrap_or(0);
    places.par_iter_mut().for_each(|place| place.0 = head(&rest(place)[shared..]));
    places.par_sort_unstable();
    for run in places.chunk_by_mut(|a, b| a.0 == b.0).filter(|run| run.len() > 1) {
        match (is_whole(run[0].0), text) {
            (false, _) => sort(list, run, text, skip + shared + AT_ONCE),
            (true, 0) => sort(list, run, 1, 0),
            (true, _) => {}
        }
    }
}

/// The number of bytes in which two texts begin alike.
fn alike(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The first bytes of a text as a number in the order of texts, with how many they are.
fn head(text: &[u8]) -> u128 {
    let some = &text[..text.len().min(AT_ONCE)];
    let mut bytes = [0; 16];
    bytes[..some.len()].copy_from_slice(some);
    bytes[AT_ONCE] = text.len().min(AT_ONCE + 1) as u8;
    u128::from_be_bytes(bytes)
}

/// Whether these are all bytes of the text.
fn is_whole(head: u128) -> bool {
    (head & 0xff) as usize <= AT_ONCE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use twin::Layer;

    use super::*;

    /// Texts that begin alike, end early, repeat, and hold zeros.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab\u{0}]{0,4}",
            "port:node:chassis:0[12]:0[12]/eth[0-9]{1,2}",
            "port:node:chassis:02:00:00:00:00:[0-9]{0,2}",
        ]
    }

    proptest! {
        #[test]
        fn keys_come_in_the_order_of_whole_keys(
            keys in prop::collection::vec((0usize..3, text(), text()), 0..600),
        ) {
            let of = |(layer, from, to): &(usize, String, String)| HalfLinkKey {
                layer: Layer::ALL[*layer],
                from: EntityKey::new(from),
                to: EntityKey::new(to),
            };
            let list: Vec<_> = keys.iter().map(of).zip(0..).collect();
            let mut slow = list.clone();
            slow.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(sorted(list), slow);
            let entities: Vec<_> = keys.iter().map(|k| EntityKey::new(&k.1)).zip(0..).collect();
            let mut slow = entities.clone();
            slow.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert_eq!(sorted(entities), slow);
        }
    }
}
