//! The words of one observer, and which of them stands at an instant.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use twin::WallTime;

use crate::observation::{Fact, FactKey, Scope, Source, Topic};

/// One observer's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Account {
    pub(super) words: BTreeMap<(Source, FactKey), Words>,
    /// When each finished reading began.
    pub(super) read: BTreeMap<(Source, Scope), WallTime>,
    /// When each source was last lost.
    pub(super) lost: BTreeMap<Source, WallTime>,
}

/// The words on one subject that may still come to stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Words {
    /// The latest withdrawal: what was said then or before does not stand.
    pub(super) withdrawn: Option<WallTime>,
    /// Words that no other beats in both instant and version, in the order of their instants. One, nearly always: a
    /// second is an advertisement with an older sequence number that came later, as a router's after a restart.
    pub(super) words: Vec<Word>,
}

/// One word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Word {
    pub(super) at: WallTime,
    pub(super) fact: Fact,
    pub(super) lifetime: Option<Duration>,
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
    pub(super) fn add(&mut self, word: Word) {
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

    pub(super) fn withdraw(&mut self, at: WallTime) {
        self.withdrawn = self.withdrawn.max(Some(at));
        self.words.retain(|w| w.at > at || w.is_remembered());
    }

    /// When they lapse.
    pub(super) fn untils(&self) -> impl Iterator<Item = WallTime> {
        self.words.iter().filter_map(Word::until)
    }

    /// The word that stands: the highest version among those that live.
    pub(super) fn standing(&self, read: Option<WallTime>, now: WallTime) -> Option<&Word> {
        let said_since = |w: &&Word| read.is_none_or(|r| w.at >= r || now < r);
        let not_withdrawn = |w: &&Word| self.withdrawn.is_none_or(|at| w.at > at);
        let living = self.words.iter().filter(|w| w.lives_at(now)).filter(not_withdrawn);
        living.filter(said_since).max_by_key(|w| (w.version(), w.at))
    }

    /// The remembered word that stood and does not any more.
    pub(super) fn past(&self, read: Option<WallTime>, now: WallTime) -> Option<&Word> {
        let past = self.words.iter().filter(|w| w.at <= now && w.is_remembered()).max_by_key(|w| w.at);
        past.filter(|_| self.standing(read, now).is_none())
    }
}

impl Account {
    /// The means by which the observer has spoken, the most trusted first. Cost: a search for each.
    pub(super) fn sources(&self) -> Vec<Source> {
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
    pub(super) fn read_of(&self, source: Source, key: &FactKey) -> Option<WallTime> {
        if self.read.is_empty() {
            return None;
        }
        let of = |scope: Scope| self.read.get(&(source, scope)).copied();
        of(key.topic.into()).max(key.part().and_then(|p| of(Scope::of(key.topic, p))))
    }

    pub(super) fn standing<'a>(&'a self, source: Source, word: &'a Word, now: WallTime) -> Standing<'a> {
        let lost = self.lost.get(&source).is_some_and(|lost| word.at < *lost && *lost <= now);
        Standing { source, at: word.at, until: word.until(), lost, fact: &word.fact }
    }

    /// The words of a source on a topic.
    pub(super) fn on_topic(&self, source: Source, topic: Topic) -> impl Iterator<Item = (&FactKey, &Words)> {
        let of_topic = self.words.range((source, FactKey::new(topic, &[]))..);
        let of_topic = of_topic.take_while(move |((s, k), _)| *s == source && k.topic == topic);
        of_topic.map(|((_, key), words)| (key, words))
    }
}
