//! A store on disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twin::WallTime;

use super::account::{Account, Words};
use super::{Store, note_lapses};
use crate::observation::{FactKey, Observer, Scope, Source};

/// Maps with keys that JSON has no names for, as lists.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    accounts: Vec<SavedAccount>,
}

#[derive(Serialize, Deserialize)]
struct SavedAccount {
    observer: Observer,
    words: Vec<(Source, FactKey, Words)>,
    read: Vec<(Source, Scope, WallTime)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lost: Vec<(Source, WallTime)>,
}

impl From<Store> for Saved {
    fn from(store: Store) -> Self {
        let account = |(observer, a): (Observer, Account)| SavedAccount {
            observer,
            words: a.words.into_iter().map(|((s, k), w)| (s, k, w)).collect(),
            read: a.read.into_iter().map(|((s, t), at)| (s, t, at)).collect(),
            lost: a.lost.into_iter().collect(),
        };
        Self { accounts: store.accounts.into_iter().map(account).collect() }
    }
}

impl From<Saved> for Store {
    fn from(saved: Saved) -> Self {
        let mut store = Self::default();
        for a in saved.accounts {
            let words: BTreeMap<(Source, FactKey), Words> =
                a.words.into_iter().map(|(s, k, w)| ((s, k), w)).collect();
            for ((_, key), words) in &words {
                let latest =
                    words.words.iter().map(|w| w.at).chain(words.withdrawn).max().unwrap_or_default();
                let known = store.dirty.entry((a.observer.clone(), key.topic)).or_insert(latest);
                *known = latest.max(*known);
                note_lapses(&mut store.lapses, (&a.observer, key.topic), &[], words);
            }
            for (_, scope, at) in &a.read {
                let known = store.dirty.entry((a.observer.clone(), scope.topic)).or_insert(*at);
                *known = (*at).max(*known);
            }
            let read = a.read.into_iter().map(|(s, t, at)| ((s, t), at)).collect();
            let lost = a.lost.into_iter().collect();
            store.accounts.insert(a.observer, Account { words, read, lost });
        }
        store
    }
}
