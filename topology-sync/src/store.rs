//! What has been said, and what of it stands.
//!
//! The store is a join-semilattice: taking observations is commutative, associative and idempotent. Whatever the order in
//! which the words of several sources arrive, and however often, the same store comes out; a saved store plus the words
//! since is as good as all of them. Time comes in as data alone: each word bears its instant, and what stands is asked
//! *at* an instant.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use twin::WallTime;

use crate::observation::{Fact, FactKey, Observation, Observer, Said, Scope, Source, Topic};

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

/// One observer's words.
#[derive(Clone, Debug, Default, PartialEq)]
struct Account {
    words: BTreeMap<(Source, FactKey), Words>,
    /// When each finished reading began.
    read: BTreeMap<(Source, Scope), WallTime>,
    /// When each source was last lost.
    lost: BTreeMap<Source, WallTime>,
}

/// The words on one subject that may still come to stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Words {
    /// The latest withdrawal: what was said then or before does not stand.
    withdrawn: Option<WallTime>,
    /// Words that no other beats in both instant and version, in the order of their instants. One, nearly always: a
    /// second is an advertisement with an older sequence number that came later, as a router's after a restart.
    words: Vec<Word>,
}

/// One word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Word {
    at: WallTime,
    fact: Fact,
    lifetime: Option<Duration>,
}

/// A fact that stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// By what means the observer knows.
    pub source: Source,
    /// When it was last said.
    pub at: WallTime,
    /// Until when it stands without being said again.
    pub until: Option<WallTime>,
    /// Whether the source was lost since it was said.
    pub lost: bool,
    /// What is said.
    pub fact: &'a Fact,
}

impl Word {
    /// Larger is newer, whatever the instant: the sequence number of an advertisement.
    fn version(&self) -> u32 {
        match &self.fact {
            Fact::LinkState(l) => l.sequence,
            _ => 0,
        }
    }
    fn until(&self) -> Option<WallTime> {
        let nanos = i64::try_from(self.lifetime?.as_nanos()).unwrap_or(i64::MAX);
        Some(WallTime::from_ns(self.at.as_ns().saturating_add(nanos)))
    }
    fn lives_at(&self, now: WallTime) -> bool {
        self.at <= now && self.until().is_none_or(|until| now < until)
    }
    /// Whether it is kept when it is withdrawn, so that it is known when it was last said: who was heard, which is little,
    /// and not routes.
    fn is_remembered(&self) -> bool {
        matches!(self.fact, Fact::Neighbor(_))
    }
}

impl Words {
    /// Adds a word unless it is withdrawn (and not remembered) or beaten, and drops those that it beats.
    fn add(&mut self, word: Word) {
        let beats = |a: &Word, b: &Word| {
            let (a_rank, b_rank) = ((a.at, a.version()), (b.at, b.version()));
            a_rank.0 >= b_rank.0 && a_rank.1 >= b_rank.1 && (a_rank != b_rank || a >= b)
        };
        let is_over = self.withdrawn.is_some_and(|w| word.at <= w) && !word.is_remembered();
        if is_over || self.words.iter().any(|w| beats(w, &word)) {
            return;
        }
        self.words.retain(|w| !beats(&word, w));
        // Room for one, as nearly always: there are as many of these lists as there are facts, and facts are large.
        self.words.reserve_exact(1);
        let place = self.words.partition_point(|w| *w < word);
        self.words.insert(place, word);
    }

    fn withdraw(&mut self, at: WallTime) {
        self.withdrawn = self.withdrawn.max(Some(at));
        self.words.retain(|w| w.at > at || w.is_remembered());
    }

    /// When they lapse.
    fn untils(&self) -> impl Iterator<Item = WallTime> {
        self.words.iter().filter_map(Word::until)
    }

    /// The word that stands: the highest version among those that live.
    fn standing(&self, read: Option<WallTime>, now: WallTime) -> Option<&Word> {
        let said_since = |w: &&Word| read.is_none_or(|r| w.at >= r || now < r);
        let not_withdrawn = |w: &&Word| self.withdrawn.is_none_or(|at| w.at > at);
        let living = self.words.iter().filter(|w| w.lives_at(now)).filter(not_withdrawn);
        living.filter(said_since).max_by_key(|w| (w.version(), w.at))
    }

    /// The remembered word that stood and does not any more.
    fn past(&self, read: Option<WallTime>, now: WallTime) -> Option<&Word> {
        let past = self.words.iter().filter(|w| w.at <= now && w.is_remembered()).max_by_key(|w| w.at);
        past.filter(|_| self.standing(read, now).is_none())
    }
}

impl Account {
    /// The means by which the observer has spoken, the most trusted first. Cost: a search for each.
    fn sources(&self) -> Vec<Source> {
        let mut sources = Vec::new();
        for source in Source::ALL {
            let mut from = self.words.range((source, FactKey::new(Topic::ALL[0], &[]))..);
            match from.next() {
                Some(((next, _), _)) if *next == source => sources.push(source),
                Some(_) => {}
                None => break,
            }
        }
        sources
    }

    /// When the last finished reading began that looked at a subject.
    fn read_of(&self, source: Source, key: &FactKey) -> Option<WallTime> {
        if self.read.is_empty() {
            return None;
        }
        let of = |scope: Scope| self.read.get(&(source, scope)).copied();
        of(key.topic.into()).max(key.part().and_then(|p| of(Scope::of(key.topic, p))))
    }

    fn standing<'a>(&'a self, source: Source, word: &'a Word, now: WallTime) -> Standing<'a> {
        let lost = self.lost.get(&source).is_some_and(|lost| word.at < *lost && *lost <= now);
        Standing { source, at: word.at, until: word.until(), lost, fact: &word.fact }
    }

    /// The words of a source on a topic.
    fn on_topic(&self, source: Source, topic: Topic) -> impl Iterator<Item = (&FactKey, &Words)> {
        let of_topic = self.words.range((source, FactKey::new(topic, &[]))..);
        let of_topic = of_topic.take_while(move |((s, k), _)| *s == source && k.topic == topic);
        of_topic.map(|((_, key), words)| (key, words))
    }
}

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

/// A store on disk: maps with keys that JSON has no names for, as lists.
#[derive(Serialize, Deserialize)]
struct Saved {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::observation::{
        Chassis, Id, IgpNeighbor, IgpProtocol, Link, LinkState, LinkStateId, LinkStateKind, LldpNeighbor,
        Part, RouteFact, RouteKind,
    };

    fn at(seconds: i64) -> WallTime {
        WallTime::from_ns(seconds * 1_000_000_000)
    }

    fn link(name: &str, mtu: u32) -> Fact {
        Fact::Link(Link { name: name.into(), mtu: Some(mtu), ..Link::default() }.into())
    }

    fn advertisement(sequence: u32) -> Fact {
        Fact::LinkState(LinkState {
            id: LinkStateId {
                protocol: IgpProtocol::Ospf2,
                area: "0.0.0.0".into(),
                kind: LinkStateKind::Router,
                router: "10.0.0.1".into(),
                number: "10.0.0.1".into(),
            },
            sequence,
            name: None,
            links: Vec::new(),
            addresses: Vec::new(),
            prefixes: Vec::new(),
            overload: false,
        })
    }

    fn is(seconds: i64, fact: Fact) -> Observation {
        Observation::is(&Observer::node("r1"), Source::Kernel, at(seconds), fact)
    }

    fn not(seconds: i64, fact: &Fact) -> Observation {
        Observation::not(&Observer::node("r1"), Source::Kernel, at(seconds), fact.key())
    }

    fn read(seconds: i64) -> Observation {
        Observation::read(&Observer::node("r1"), Source::Kernel, at(seconds), Topic::Links)
    }

    fn lost(seconds: i64) -> Observation {
        Observation::lost(&Observer::node("r1"), Source::Kernel, at(seconds))
    }

    fn heard() -> Fact {
        let id = |value: &str| Id { kind: "mac".into(), value: value.into() };
        let chassis = Chassis {
            id: id("02:00:00:00:00:01"),
            name: None,
            description: None,
            management: Vec::new(),
            router: false,
            bridge: false,
        };
        let (port, on) = (id("02:00:00:00:00:02"), "e1".to_owned());
        let (description, aggregate, mac, max_frame) = (None, None, None, None);
        Fact::Neighbor(LldpNeighbor { on, chassis, port, description, aggregate, mac, max_frame }.into())
    }

    fn stands(words: &[Observation], now: i64) -> Vec<Fact> {
        let mut store = Store::default();
        store.extend(words.iter().cloned());
        store.standing(&Observer::node("r1"), at(now)).map(|s| s.fact.clone()).collect()
    }

    #[test]
    fn a_finished_reading_ends_what_it_did_not_see_and_an_unfinished_one_ends_nothing() {
        let words = [is(1, link("e1", 1)), is(1, link("e2", 1)), is(5, link("e1", 2))];
        assert_eq!(stands(&words, 9), [link("e1", 2), link("e2", 1)]);
        let finished = [&words[..], &[read(5)]].concat();
        assert_eq!(stands(&finished, 9), [link("e1", 2)]);
        assert_eq!(
            stands(&finished, 4),
            [link("e2", 1)],
            "e1 at 4 was overwritten: a store holds no history"
        );
    }

    #[test]
    fn a_lifetime_passes() {
        let o = Observer::node("r1");
        let words = [Observation::lives(&o, Source::Lldpd, at(1), link("e1", 1), Duration::from_secs(8))];
        assert_eq!(stands(&words, 8).len(), 1);
        assert_eq!(stands(&words, 9).len(), 0);
    }

    #[test]
    fn a_word_lapses_when_it_was_last_said_also_in_a_saved_store() {
        let o = Observer::node("r1");
        let lives = |seconds, name, span| {
            let span = Duration::from_secs(span);
            Observation::lives(&o, Source::Lldpd, at(seconds), link(name, 1), span)
        };
        let gone = Observation::not(&o, Source::Lldpd, at(6), link("e2", 1).key());
        let words = [(lives(1, "e1", 8), 9), (lives(4, "e2", 3), 7), (lives(5, "e1", 8), 7), (gone, 13)];
        let mut store = Store::default();
        for (word, looks) in words {
            store.take(word);
            assert_eq!(store.next_look(), Some(at(looks)));
            let saved = serde_json::to_string(&store).unwrap();
            let read: Store = serde_json::from_str(&saved).unwrap();
            assert_eq!(read.lapses, store.lapses);
        }
        assert_eq!(store.take_lapsed(at(12)).len(), 0, "it was said again");
        assert_eq!((store.take_lapsed(at(13)).len(), store.next_look()), (1, None));
    }

    #[test]
    fn what_a_lost_source_said_stands_and_is_stale_until_it_is_said_again() {
        let o = Observer::node("r1");
        let lost_at = |words: &[Observation], now| {
            let mut store = Store::default();
            store.extend(words.iter().cloned());
            store.standing(&o, at(now)).map(|s| s.lost).collect::<Vec<_>>()
        };
        let words = [is(1, link("e1", 1)), lost(3), is(5, link("e2", 1))];
        assert_eq!(lost_at(&words[..2], 2), [false], "before it was lost");
        assert_eq!(lost_at(&words[..2], 3), [true]);
        assert_eq!(lost_at(&words, 9), [true, false], "what was said since is not stale");
        assert_eq!(lost_at(&[&words[..], &[is(6, link("e1", 1))]].concat(), 9), [false, false]);
        let other = Observation::lost(&o, Source::Lldpd, at(3));
        assert_eq!(lost_at(&[is(1, link("e1", 1)), other], 9), [false], "another source");
    }

    #[test]
    fn a_neighbour_that_is_not_heard_any_more_is_remembered() {
        let o = Observer::node("r1");
        let past = |words: &[Observation], now| {
            let mut store = Store::default();
            store.extend(words.iter().cloned());
            let past: Vec<_> = store.past_neighbors(&o, at(now)).map(|s| s.at).collect();
            (store.standing(&o, at(now)).count(), past)
        };
        let (said, gone, back) = (is(1, heard()), not(3, &heard()), is(5, heard()));
        assert_eq!(past(std::slice::from_ref(&said), 4), (1, vec![]));
        assert_eq!(past(&[said.clone(), gone.clone()], 4), (0, vec![at(1)]));
        assert_eq!(past(&[gone.clone(), said.clone()], 4), (0, vec![at(1)]));
        assert_eq!(past(&[said, gone, back], 6), (1, vec![]));
        let lives = Observation::lives(&o, Source::Lldp, at(1), heard(), Duration::from_secs(4));
        assert_eq!(past(std::slice::from_ref(&lives), 4), (1, vec![]));
        assert_eq!(past(&[lives], 5), (0, vec![at(1)]), "it lapsed");
        let read = Observation::read(&o, Source::Kernel, at(3), Topic::Neighbors);
        assert_eq!(past(&[is(1, heard()), read], 4), (0, vec![at(1)]), "a finished reading did not find it");
    }

    #[test]
    fn a_restarted_router_begins_its_sequence_anew() {
        let (old, purge, new) = (is(1, advertisement(9)), not(2, &advertisement(9)), is(3, advertisement(1)));
        assert_eq!(
            stands(&[new.clone(), old.clone()], 9),
            [advertisement(9)],
            "without a purge the higher wins"
        );
        assert_eq!(stands(&[new, old, purge], 9), [advertisement(1)]);
    }

    #[test]
    fn a_reading_of_one_protocol_says_nothing_of_another() {
        let neighbor = |protocol, id: &str| {
            Fact::IgpNeighbor(IgpNeighbor {
                protocol,
                on: "e1".into(),
                id: id.into(),
                address: None,
                mac: None,
                state: "Full".into(),
                role: None,
            })
        };
        let (ospf, isis) = (neighbor(IgpProtocol::Ospf2, "10.0.0.2"), neighbor(IgpProtocol::Isis, "r2"));
        let read = |seconds, protocol| {
            let scope = Scope::of(Topic::IgpNeighbors, protocol);
            Observation::read(&Observer::node("r1"), Source::Kernel, at(seconds), scope)
        };
        let words = [
            is(1, ospf.clone()),
            read(1, IgpProtocol::Ospf2),
            is(2, isis.clone()),
            read(2, IgpProtocol::Isis),
        ];
        assert_eq!(stands(&words, 9), [isis.clone(), ospf]);
        let later = [&words[..], &[read(3, IgpProtocol::Ospf2)]].concat();
        assert_eq!(stands(&later, 9), [isis]);
    }

    #[test]
    fn a_reading_of_one_family_says_nothing_of_the_other() {
        let route = |prefix: &str| {
            let (table, prefix) = ("main".to_owned(), prefix.parse().unwrap());
            Fact::Route(RouteFact { table, prefix, metric: 20, kind: RouteKind::Blackhole })
        };
        let (v4, v6) = (route("10.0.0.0/8"), route("2001:db8::/32"));
        let read = |seconds, part: Part| {
            let scope = Scope::of(Topic::Routes, part);
            Observation::read(&Observer::node("r1"), Source::Kernel, at(seconds), scope)
        };
        let words = [is(1, v4.clone()), read(1, Part::Ipv4), is(2, v6.clone()), read(2, Part::Ipv6)];
        assert_eq!(stands(&words, 9), [v4.clone(), v6.clone()]);
        let later = [&words[..], &[read(3, Part::Ipv4)]].concat();
        assert_eq!(stands(&later, 9), [v6]);
    }

    fn word() -> impl Strategy<Value = Observation> {
        (0i64..6, 0u32..3, 0u8..9).prop_map(|(t, n, kind)| match kind {
            0 => is(t, link("e1", n)),
            1 => is(t, link("e2", n)),
            2 => is(t, advertisement(n)),
            3 => not(t, &link("e1", 0)),
            4 => not(t, &advertisement(0)),
            5 => is(t, heard()),
            6 => not(t, &heard()),
            7 => lost(t),
            _ => read(t),
        })
    }

    proptest! {
        #[test]
        fn any_order_repetition_or_break_gives_the_same(
            words in prop::collection::vec(word(), 0..12), seed in any::<u64>(), cut in 0usize..12,
        ) {
            let take = |list: &[Observation]| {
                let mut store = Store::default();
                store.extend(list.iter().cloned());
                store
            };
            let whole = take(&words);
            let mut shuffled = [&words[..], &words[..words.len() / 2]].concat();
            shuffled.sort_by_key(|w| twin::stable_hash(&[&seed.to_le_bytes(), format!("{w:?}").as_bytes()]));
            prop_assert_eq!(&take(&shuffled), &whole);
            let cut = cut.min(words.len());
            let text = serde_json::to_string(&take(&words[..cut])).unwrap();
            let mut resumed: Store = serde_json::from_str(&text).unwrap();
            resumed.extend(words[cut..].iter().cloned());
            prop_assert_eq!(&resumed, &whole);
        }
    }
}
