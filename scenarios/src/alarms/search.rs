//! Sets of groups and their posterior weights, best first.
//!
//! A set's weight is exact. A climb from nothing finds a good set; climbs that must do without each of its members, and climbs
//! from the best single groups, find others; then the best set not yet looked at is varied (one more, one less, one for
//! another, one for all that it covers) until nothing is left that would count. Groups that no set of any weight can hold are left out beforehand.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::network::Network;

/// Groups with the same links: one hypothesis.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// The groups by number, with the share of each in their prior.
    pub groups: Vec<(u32, f64)>,
    /// log of the prior odds that one of them has failed.
    pub log_odds: f64,
    /// Links that go down with it, and how probably.
    pub members: Vec<(u32, f64)>,
}

/// The classes of a network's groups, in the order of their first ones; groups without links are left out.
pub fn classes(network: &Network) -> Vec<Class> {
    let mut equal: BTreeMap<&[u32], Vec<usize>> = BTreeMap::new();
    for (g, group) in network.groups.iter().enumerate().filter(|(_, g)| !g.links.is_empty()) {
        equal.entry(&group.links).or_default().push(g);
    }
    let mut groups: Vec<_> = equal.into_values().collect();
    groups.sort();
    groups
        .into_iter()
        .map(|same| {
            let priors = || same.iter().map(|g| network.groups[*g].prior.clamp(1e-12, 1.0 - 1e-12));
            let (odds, all): (f64, f64) = (priors().map(|p| p / (1.0 - p)).sum(), priors().sum());
            let shares: Vec<_> = same.iter().zip(priors()).map(|(g, p)| (*g as u32, p / all)).collect();
            let mut members = BTreeMap::<u32, f64>::new();
            for (g, share) in &shares {
                for (link, p) in &network.members[*g as usize] {
                    *members.entry(*link).or_default() += share * p;
                }
            }
            let members = members.into_iter().map(|(l, p)| (l, if p > 1.0 - 1e-9 { 1.0 } else { p }));
            Class { groups: shares, log_odds: libm::log(odds), members: members.collect() }
        })
        .collect()
}

/// A set of classes, and with it perhaps something that has no name and takes down a share of all links.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Set {
    /// Classes by number, ascending.
    pub classes: Vec<u32>,
    /// Which share of links the unnamed takes: 0 for none, else that of [`Space::SHARES`] before it.
    pub unknown: u8,
}

/// What is searched.
#[derive(Debug)]
pub struct Space<'a> {
    /// The classes.
    pub classes: &'a [Class],
    /// Of each link, log of how much likelier its alarms are if it is down.
    pub log_ratio: &'a [f64],
    /// The classes that are worth a try.
    candidates: Vec<u32>,
}

/// Sets that are less probable than the best by this in log do not count.
const DEPTH: f64 = 12.0;
/// Sets that are varied.
const VARIED: usize = 300;
/// Single classes that climbs begin with: one step does not lead from several narrow ones to a wide one and a rest.
const ALONE: usize = 8;

struct Here {
    spared: Vec<f64>,
    log_factor: Vec<f64>,
    score: f64,
}

impl<'a> Space<'a> {
    /// Shares of links that something unnamed may take down.
    pub const SHARES: [f64; 4] = [0.01, 0.03, 0.1, 0.3];
    /// Prior of something unnamed, whatever its share.
    pub const UNKNOWN: f64 = 0.01;

    /// All classes are candidates.
    pub fn new(classes: &'a [Class], log_ratio: &'a [f64]) -> Self {
        Self { classes, log_ratio, candidates: (0..classes.len() as u32).collect() }
    }

    /// Of each link the probability that a set spares it.
    pub fn spared(&self, set: &Set) -> Vec<f64> {
        let unknown = set.unknown.checked_sub(1).map_or(0.0, |i| Self::SHARES[usize::from(i)]);
        let mut spared = vec![1.0 - unknown; self.log_ratio.len()];
        for class in &set.classes {
            for (link, p) in &self.classes[*class as usize].members {
                spared[*link as usize] *= 1.0 - p;
            }
        }
        spared
    }

    /// log of how much likelier a link's alarms are than if it is up, a set sparing it with this probability.
    fn log_factor(&self, link: usize, spared: f64) -> f64 {
        factor(spared, self.log_ratio[link])
    }

    fn log_prior(&self, set: &Set) -> f64 {
        let unknown = libm::log(Self::UNKNOWN / (1.0 - Self::UNKNOWN) / Self::SHARES.len() as f64);
        let named: f64 = set.classes.iter().map(|c| self.classes[*c as usize].log_odds).sum();
        named + if set.unknown > 0 { unknown } else { 0.0 }
    }

    /// log of a set's weight; that of the empty one is 0.
    pub fn score(&self, set: &Set) -> f64 {
        self.here(set).score
    }

    fn here(&self, set: &Set) -> Here {
        let spared = self.spared(set);
        let log_factor: Vec<f64> = spared.iter().enumerate().map(|(l, s)| self.log_factor(l, *s)).collect();
        let score = self.log_prior(set) + log_factor.iter().sum::<f64>();
        Here { spared, log_factor, score }
    }

    /// All sets that differ from this one by one step, with their scores.
    fn steps(&self, set: &Set, banned: Option<u32>, see: &mut impl FnMut(Set, f64)) {
        self.additions(set, banned, see);
        for i in 0..set.classes.len() {
            let mut less = set.clone();
            less.classes.remove(i);
            see(less.clone(), self.score(&less));
            self.additions(&less, banned, see);
        }
        for unknown in (0..=Self::SHARES.len() as u8).filter(|u| *u != set.unknown) {
            let other = Set { unknown, ..set.clone() };
            let score = self.score(&other);
            see(other, score);
        }
        for class in self.candidates.iter().filter(|c| Some(**c) != banned && !set.classes.contains(c)) {
            let within = |inner: &u32| {
                let wide = &self.classes[*class as usize].members;
                let mine = self.classes[*inner as usize].members.iter().filter(|m| m.1 == 1.0);
                mine.into_iter().all(|m| wide.binary_search_by_key(&m.0, |w| w.0).is_ok())
            };
            let mut wider = set.clone();
            wider.classes.retain(|c| !within(c));
            if wider.classes.len() + 1 < set.classes.len() {
                wider = with(&wider, *class);
                let score = self.score(&wider);
                see(wider, score);
            }
        }
    }

    fn additions(&self, set: &Set, banned: Option<u32>, see: &mut impl FnMut(Set, f64)) {
        let here = self.here(set);
        for class in self.candidates.iter().filter(|c| Some(**c) != banned && !set.classes.contains(c)) {
            let added = &self.classes[*class as usize];
            let change = |(link, p): &(u32, f64)| {
                let l = *link as usize;
                let new = if *p == 1.0 {
                    self.log_ratio[l]
                } else {
                    self.log_factor(l, here.spared[l] * (1.0 - p))
                };
                new - here.log_factor[l]
            };
            let score = here.score + added.log_odds + added.members.iter().map(change).sum::<f64>();
            see(with(set, *class), score);
        }
    }

    /// The best set that steps upwards lead to.
    fn climb(&self, from: Set, banned: Option<u32>) -> (Set, f64) {
        let score = self.score(&from);
        let mut best = (from, score);
        loop {
            let mut next = best.clone();
            self.steps(&best.0, banned, &mut |set, score| {
                if score > next.1 + 1e-9 {
                    next = (set, score);
                }
            });
            if next.1 <= best.1 + 1e-9 {
                return best;
            }
            best = next;
        }
    }

    /// Sets that count, most probable first, with their probabilities.
    pub fn search(&mut self) -> Vec<(Set, f64)> {
        let (first, score) = self.climb(Set::default(), None);
        self.keep_possible(score - DEPTH);
        let mut scores = BTreeMap::from([(first.clone(), score), (Set::default(), 0.0)]);
        let mut alone = Vec::new();
        self.additions(&Set::default(), None, &mut |set, score| alone.push((set, score)));
        alone.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        for (set, _) in alone.into_iter().take(ALONE) {
            let (set, score) = self.climb(set, None);
            scores.insert(set, score);
        }
        for class in &first.classes {
            let mut less = first.clone();
            less.classes.retain(|c| c != class);
            let (set, score) = self.climb(less, Some(*class));
            scores.insert(set, score);
        }
        let mut best = scores.values().copied().fold(score, f64::max);
        let mut open: BinaryHeap<(Ordered, Set)> =
            scores.iter().map(|(set, score)| (Ordered(*score), set.clone())).collect();
        let mut varied = BTreeSet::new();
        while let Some((Ordered(score), set)) = open.pop() {
            if score < best - DEPTH || varied.len() >= VARIED {
                break;
            }
            if !varied.insert(set.clone()) {
                continue;
            }
            self.steps(&set, None, &mut |next, score| {
                if score >= best - DEPTH && !scores.contains_key(&next) {
                    best = best.max(score);
                    open.push((Ordered(score), next.clone()));
                    scores.insert(next, score);
                }
            });
        }
        let all: f64 = scores.values().map(|s| libm::exp(s - best)).sum();
        let mut sets: Vec<_> = scores.into_iter().map(|(set, s)| (set, libm::exp(s - best) / all)).collect();
        sets.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        sets
    }

    /// Leaves out classes that no set with a score above `least` holds: each link is worth at most what it is if it is down
    /// where its alarms say so and up where they do not, and a class takes its listed links down.
    fn keep_possible(&mut self, least: f64) {
        let most: f64 = self.log_ratio.iter().map(|r| r.max(0.0)).sum();
        let odds: f64 = self.classes.iter().map(|c| c.log_odds.max(0.0)).sum();
        let (classes, log_ratio) = (self.classes, self.log_ratio);
        self.candidates.retain(|c| {
            let class = &classes[*c as usize];
            let listed = class.members.iter().filter(|m| m.1 == 1.0);
            let cost: f64 = listed.map(|m| log_ratio[m.0 as usize].min(0.0)).sum();
            most + odds + cost + class.log_odds.min(0.0) >= least
        });
    }
}

/// log(s + (1 − s)·e^r) without overflow.
pub(super) fn factor(spared: f64, log_ratio: f64) -> f64 {
    if spared >= 1.0 {
        0.0
    } else if log_ratio > 0.0 {
        log_ratio + libm::log(1.0 - spared + spared * libm::exp(-log_ratio))
    } else {
        libm::log(spared + (1.0 - spared) * libm::exp(log_ratio))
    }
}

fn with(set: &Set, class: u32) -> Set {
    let mut more = set.clone();
    let at = more.classes.partition_point(|c| *c < class);
    more.classes.insert(at, class);
    more
}

#[derive(PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::network::{Group, Link};
    use engine::{Purpose, Seeds};
    use rand::RngExt;
    use twin::EntityKey;

    fn group(name: &str, links: &[u32], prior: f64) -> Group {
        Group { kind: "any".to_owned(), name: name.to_owned(), links: links.to_vec(), prior }
    }

    /// All sets, one by one, by the definition: prior odds, and of each link the chance that it is down.
    fn enumerated(classes: &[Class], log_ratio: &[f64]) -> Vec<f64> {
        let mut marginals = vec![0.0; classes.len()];
        let mut all = 0.0;
        for unknown in 0..=Space::SHARES.len() {
            for bits in 0u32..1 << classes.len() {
                let in_set = |c: usize| bits >> c & 1 == 1;
                let odds = Space::UNKNOWN / (1.0 - Space::UNKNOWN) / Space::SHARES.len() as f64;
                let mut weight = if unknown > 0 { odds } else { 1.0 };
                for (_, class) in classes.iter().enumerate().filter(|(c, _)| in_set(*c)) {
                    weight *= class.log_odds.exp();
                }
                for (link, r) in (0u32..).zip(log_ratio) {
                    let mut spared = if unknown > 0 { 1.0 - Space::SHARES[unknown - 1] } else { 1.0 };
                    for (_, class) in classes.iter().enumerate().filter(|(c, _)| in_set(*c)) {
                        let p = class.members.iter().find(|m| m.0 == link).map_or(0.0, |m| m.1);
                        spared *= 1.0 - p;
                    }
                    weight *= spared + (1.0 - spared) * r.exp();
                }
                all += weight;
                (0..classes.len()).filter(|c| in_set(*c)).for_each(|c| marginals[c] += weight);
            }
        }
        marginals.iter().map(|m| m / all).collect()
    }

    #[test]
    fn the_search_finds_what_enumeration_finds() {
        let mut rng = Seeds::new(7).trial(0).stream(Purpose::new("alarms-test"), &EntityKey::new("search"));
        for _ in 0..40 {
            let links: Vec<Link> = (0..10).map(|i| Link { a: i % 5, b: (i * 3 + 1) % 5 }).collect();
            let groups: Vec<Group> = (0..9)
                .map(|i| {
                    let share = [0.1, 0.3, 0.6][i % 3];
                    let mut members: Vec<u32> = (0..10).filter(|_| rng.random_bool(share)).collect();
                    if members.is_empty() {
                        members.push(i as u32);
                    }
                    group(&format!("g{i}"), &members, 0.002 + 0.01 * (i % 4) as f64)
                })
                .collect();
            let network = Network::new(links, groups);
            let classes = classes(&network);
            let log_ratio: Vec<f64> = (0..10)
                .map(|_| if rng.random_bool(0.3) { 6.0 } else { -5.0 + rng.random::<f64>() * 6.0 })
                .collect();
            let sets = Space::new(&classes, &log_ratio).search();
            for (c, exact) in enumerated(&classes, &log_ratio).into_iter().enumerate() {
                let holds = |set: &Set| set.classes.contains(&(c as u32));
                let found: f64 = sets.iter().filter(|(set, _)| holds(set)).map(|(_, p)| p).sum();
                assert!((found - exact).abs() < 3e-3, "class {c}: {found} for {exact}");
            }
        }
    }

    #[test]
    fn a_gap_in_the_way_of_a_link_tells_the_span_that_is_missing() {
        let links = vec![Link { a: 0, b: 2 }, Link { a: 0, b: 1 }, Link { a: 1, b: 2 }];
        let groups = vec![group("span-0-1", &[0, 1], 0.01), group("span-1-2", &[2], 0.01)];
        let network = Network::new(links, groups);
        let hidden = |g: usize, link: u32| network.members[g].iter().find(|m| m.0 == link).map(|m| m.1);
        assert_eq!((hidden(1, 0), hidden(1, 2)), (Some(0.99), Some(1.0)));
        assert!(hidden(0, 2).unwrap_or(0.0) < 0.05);
        assert!(network.missing > LISTED_LOST);
    }

    /// What would be said of a complete list of three memberships.
    const LISTED_LOST: f64 = 1.0 / 53.0;

    #[test]
    fn groups_with_the_same_links_are_one_hypothesis_with_their_priors_as_shares() {
        let links = vec![Link { a: 0, b: 1 }, Link { a: 1, b: 2 }];
        let groups = vec![group("a", &[0], 0.03), group("b", &[1], 0.01), group("c", &[0], 0.01)];
        let classes = classes(&Network::new(links, groups));
        assert_eq!(classes.len(), 2);
        assert_eq!(classes[0].groups.iter().map(|g| g.0).collect::<Vec<_>>(), [0, 2]);
        assert!((classes[0].groups[0].1 - 0.75).abs() < 1e-12);
        assert!((classes[0].log_odds.exp() - (0.03 / 0.97 + 0.01 / 0.99)).abs() < 1e-12);
    }
}
