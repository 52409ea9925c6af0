//! What has been said, and what of it stands.
//!
//! The store is a join-semilattice: taking observations is commutative, associative and idempotent. Whatever the order in
//! which the words of several sources arrive, and however often, the same store comes out; a saved store plus the words
//! since is as good as all of them. Time comes in as data alone: each word bears its instant, and what stands is asked
//! *at* an instant.

mod account;
mod saved;
#[cfg(test)]
mod tests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use twin::WallTime;

use account::{Account, Word, Words};
use saved::Saved;

pub use account::Standing;

use crate::observation::{FactKey, Observation, Observer, Said, Source, Topic};

/// Everything that the observers have said.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Saved", from = "Saved")]
pub struct Store {
    accounts: BTreeMap<Observer, Account>,
    /// What changed since [`Store::take_changed`], with the latest instant of those words.
    dirty: BTreeMap<(Observer, Topic), WallTime>,
    /// Of the link-state databases in `dirty`, the advertisements that changed; `None`: perhaps all.
    advertised: BTreeMap<Observer, Option<BTreeSet<FactKey>>>,
    /// When words lapse, and on how many subjects at once.
    lapses: Lapses,
}

type Lapses = BTreeMap<(WallTime, Observer, Topic), u32>;

impl Store {
    /// Takes a word.
    pub fn take(&mut self, observation: Observation) {
        let Observation { observer, source, at, said } = observation;
        let account = self.accounts.entry(observer.clone()).or_default();
        let (topic, advertised) = match said {
            Said::Is(fact, lifetime) => {
                let key = fact.key();
                let (topic, advertised) = (key.topic, (key.topic == Topic::LinkStates).then(|| key.clone()));
                let words = account.words.entry((source, key)).or_default();
                let before: Vec<_> = words.untils().collect();
                words.add(Word { at, fact: *fact, lifetime });
                note_lapses(&mut self.lapses, (&observer, topic), &before, words);
                (topic, advertised)
            }
            Said::Not(key) => {
                let words = account.words.entry((source, key.clone())).or_default();
                let before: Vec<_> = words.untils().collect();
                words.withdraw(at);
                note_lapses(&mut self.lapses, (&observer, key.topic), &before, words);
                (key.topic, Some(key))
            }
            Said::Read(scope) => {
                let read = account.read.entry((source, scope)).or_insert(at);
                *read = at.max(*read);
                (scope.topic, None)
            }
            Said::Lost => return self.lose(observer, source, at),
        };
        if topic == Topic::LinkStates {
            self.note_advertised(&observer, advertised);
        }
        let latest = self.dirty.entry((observer, topic)).or_insert(at);
        *latest = at.max(*latest);
    }

    /// A source is lost: what it said of others is looked at again.
    fn lose(&mut self, observer: Observer, source: Source, at: WallTime) {
        let account = self.accounts.entry(observer.clone()).or_default();
        let lost = account.lost.entry(source).or_insert(at);
        *lost = at.max(*lost);
        let topics = Topic::ALL.into_iter().filter(|t| t.is_of_neighbors());
        let spoken: Vec<_> = topics.filter(|t| account.on_topic(source, *t).next().is_some()).collect();
        for topic in spoken {
            if topic == Topic::LinkStates {
                self.note_advertised(&observer, None);
            }
            let latest = self.dirty.entry((observer.clone(), topic)).or_insert(at);
            *latest = at.max(*latest);
        }
    }

    /// Who has spoken by what means.
    pub fn speakers(&self) -> BTreeSet<(Observer, Source)> {
        let all = self.accounts.iter();
        all.flat_map(|(observer, a)| a.words.keys().map(|(source, _)| (observer.clone(), *source))).collect()
    }

    /// Remembers that an advertisement was spoken of, or (`None`) that a reading of the database ended.
    fn note_advertised(&mut self, observer: &Observer, key: Option<FactKey>) {
        let known = self.advertised.entry(observer.clone()).or_insert_with(|| Some(BTreeSet::new()));
        match (known, key) {
            (Some(known), Some(key)) => drop(known.insert(key)),
            (known, None) => *known = None,
            (None, Some(_)) => {}
        }
    }

    /// Makes an observer known who has said nothing yet: a node whose recordings are all unreadable is still a node.
    pub fn add_observer(&mut self, observer: &Observer) {
        self.accounts.entry(observer.clone()).or_default();
    }

    /// Everyone who is known, in order.
    pub fn observers(&self) -> impl Iterator<Item = &Observer> {
        self.accounts.keys()
    }

    /// What stands of an observer's words at an instant, by source and subject.
    pub fn standing(&self, observer: &Observer, now: WallTime) -> impl Iterator<Item = Standing<'_>> {
        let account = self.accounts.get(observer);
        account.into_iter().flat_map(move |account| {
            account.words.iter().filter_map(move |((source, key), words)| {
                let read = account.read_of(*source, key);
                Some(account.standing(*source, words.standing(read, now)?, now))
            })
        })
    }

    /// What stands of an observer's words on one subject, by the most trusted source.
    pub fn standing_at(&self, observer: &Observer, key: &FactKey, now: WallTime) -> Option<Standing<'_>> {
        let account = self.accounts.get(observer)?;
        Source::ALL.into_iter().find_map(|source| {
            let words = account.words.get(&(source, key.clone()))?;
            let read = account.read_of(source, key);
            Some(account.standing(source, words.standing(read, now)?, now))
        })
    }

    /// Whether a source has read all of a topic by an instant.
    pub fn was_read(&self, observer: &Observer, source: Source, topic: Topic, now: WallTime) -> bool {
        let account = self.accounts.get(observer);
        account.and_then(|a| a.read.get(&(source, topic.into()))).is_some_and(|began| *began <= now)
    }

    /// The advertisements that were spoken of since the last call, where that is all that changed in an observer's
    /// link-state database: databases are large, and their changes small.
    pub fn take_advertised(&mut self) -> BTreeMap<Observer, BTreeSet<FactKey>> {
        let all = std::mem::take(&mut self.advertised).into_iter();
        all.filter_map(|(observer, keys)| Some((observer, keys?))).collect()
    }

    /// What stands of an observer's words on one topic, by source and subject. Cost: the number of those words.
    pub fn standing_on(
        &self,
        observer: &Observer,
        topic: Topic,
        now: WallTime,
    ) -> impl Iterator<Item = Standing<'_>> {
        self.standing_of(observer, vec![topic], now)
    }

    /// The same of several topics, one after the other.
    pub fn standing_of(
        &self,
        observer: &Observer,
        topics: Vec<Topic>,
        now: WallTime,
    ) -> impl Iterator<Item = Standing<'_>> {
        let account = self.accounts.get(observer);
        account.into_iter().flat_map(move |account| {
            let sources = account.sources();
            let sets = topics
                .clone()
                .into_iter()
                .flat_map(move |t| sources.clone().into_iter().map(move |s| (s, t)));
            sets.flat_map(move |(source, topic)| {
                account.on_topic(source, topic).filter_map(move |(key, words)| {
                    let read = account.read_of(source, key);
                    Some(account.standing(source, words.standing(read, now)?, now))
                })
            })
        })
    }

    /// The neighbours that an observer heard and does not any more, because they lapsed or were taken back; `at` is when
    /// they were last said. Cost: the number of neighbours.
    pub fn past_neighbors(&self, observer: &Observer, now: WallTime) -> impl Iterator<Item = Standing<'_>> {
        let account = self.accounts.get(observer);
        account.into_iter().flat_map(move |account| {
            Source::ALL.into_iter().flat_map(move |source| {
                account.on_topic(source, Topic::Neighbors).filter_map(move |(key, words)| {
                    let read = account.read_of(source, key);
                    Some(account.standing(source, words.past(read, now)?, now))
                })
            })
        })
    }

    /// What changed since the last call, by observer and topic, with the latest instant of the words that were taken.
    pub fn take_changed(&mut self) -> BTreeMap<(Observer, Topic), WallTime> {
        std::mem::take(&mut self.dirty)
    }

    /// By observer and topic, what may have lapsed until `now` since the last call.
    pub fn take_lapsed(&mut self, now: WallTime) -> BTreeSet<(Observer, Topic)> {
        let mut lapsed = BTreeSet::new();
        while self.next_look().is_some_and(|until| until <= now) {
            lapsed.extend(self.lapses.pop_first().map(|((_, observer, topic), _)| (observer, topic)));
        }
        lapsed
    }

    /// When to look for what lapses next: the next instant at which a word does that was not said again since. Cost: a few
    /// steps.
    pub fn next_look(&self) -> Option<WallTime> {
        self.lapses.first_key_value().map(|((until, ..), _)| *until)
    }

    /// The latest instant at which anything was said.
    pub fn latest(&self) -> WallTime {
        let words = self.accounts.values().flat_map(|a| a.words.values());
        let said = words.flat_map(|w| w.words.iter().map(|w| w.at).chain(w.withdrawn));
        let read = self.accounts.values().flat_map(|a| a.read.values().chain(a.lost.values()).copied());
        said.chain(read).max().unwrap_or_default()
    }
}

/// Notes when the words on a subject lapse now, and forgets when those did that are gone: what a store that was saved and
/// read again looks at is what it looked at before.
fn note_lapses(lapses: &mut Lapses, of: (&Observer, Topic), before: &[WallTime], words: &Words) {
    let key = |until: WallTime| (until, of.0.clone(), of.1);
    let after: BTreeSet<_> = words.untils().collect();
    for until in before.iter().filter(|until| !after.contains(until)) {
        if let Entry::Occupied(mut subjects) = lapses.entry(key(*until)) {
            *subjects.get_mut() -= 1;
            if *subjects.get() == 0 {
                subjects.remove();
            }
        }
    }
    for until in after.into_iter().filter(|until| !before.contains(until)) {
        *lapses.entry(key(until)).or_default() += 1;
    }
}

/// Two stores are equal if the same has been said, whatever of it was noticed.
impl PartialEq for Store {
    fn eq(&self, other: &Self) -> bool {
        self.accounts == other.accounts
    }
}

impl Extend<Observation> for Store {
    fn extend<I: IntoIterator<Item = Observation>>(&mut self, observations: I) {
        observations.into_iter().for_each(|o| self.take(o));
    }
}
