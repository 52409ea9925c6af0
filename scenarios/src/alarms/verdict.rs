//! From the alarms of a case to its causes.

use std::collections::BTreeMap;

use super::network::Network;
use super::search::{Class, Set, Space, classes, factor};
use super::sources::{Alarms, ENDS, Source};
use crate::LISTED;
use crate::base_loss::log_sum_exp;
use crate::fabric::check::Check;
use crate::fabric::explain::{Item, Ledger, item};
use crate::fabric::verdict::{Cause, Verdict, What, retain_listed};

/// Sets that are listed.
const SETS: usize = 20;

/// Judges cases of one network.
#[derive(Debug)]
pub struct Judge<'a> {
    names: &'a [String],
    sources: &'a [Source],
    classes: Vec<Class>,
    check: Check,
}

impl<'a> Judge<'a> {
    /// What does not depend on a case. Each source has its name.
    pub fn new(network: &Network, names: &'a [String], sources: &'a [Source]) -> Self {
        Self { names, sources, classes: classes(network), check: Check::new() }
    }

    /// Judges a case that is on the network's links.
    pub fn judge(&self, network: &Network, alarms: &Alarms) -> Verdict {
        let links = 0..network.links.len() as u32;
        let log_ratio: Vec<f64> = links.map(|l| self.by_source(alarms, l).iter().sum()).collect();
        let mut space = Space::new(&self.classes, &log_ratio);
        let sets = space.search();
        let mut causes = Vec::new();
        let mut of_class = BTreeMap::<u32, (f64, &Set)>::new();
        for (set, p) in &sets {
            set.classes.iter().for_each(|c| of_class.entry(*c).or_insert((0.0, set)).0 += p);
        }
        for (class, (p, set)) in of_class.iter().filter(|(_, (p, _))| *p >= LISTED) {
            let ledger = self.group(&space, alarms, set, *class);
            let groups = self.classes[*class as usize].groups.iter();
            for (group, share) in groups.filter(|(_, share)| p * share >= LISTED) {
                causes.push(cause(What::Group(*group), p * share, ledger.clone()));
            }
        }
        let sum = |of: fn(&Set) -> bool| -> f64 { sets.iter().filter(|(s, _)| of(s)).map(|(_, p)| p).sum() };
        let best = sets.first().map(|(set, _)| set.clone()).unwrap_or_default();
        causes.push(cause(What::Unknown, sum(|s| s.unknown > 0), self.unknown(&space, alarms, &best)));
        causes.push(cause(What::None, sum(|s| *s == Set::default()), Ledger::default()));
        causes.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.what.cmp(&b.what)));
        self.mark_same(&mut causes);
        let named = |set: &Set| -> Vec<What> {
            let first = |c: &u32| self.classes[*c as usize].groups.first().map(|g| What::Group(g.0));
            let unknown = (set.unknown > 0).then_some(What::Unknown);
            set.classes.iter().filter_map(first).chain(unknown).collect()
        };
        let mut listed = BTreeMap::<Vec<What>, f64>::new();
        sets.iter().for_each(|(set, p)| *listed.entry(named(set)).or_default() += p);
        let mut listed: Vec<_> = listed.into_iter().collect();
        retain_listed(&mut listed, causes.iter());
        listed.sort_by(|a, b| b.1.total_cmp(&a.1));
        listed.truncate(SETS);
        Verdict {
            causes,
            sets: listed,
            diagnostics: Vec::new(),
            reports: alarms.total(),
            healthy: 0.0,
            p_value: self.predictive(&space, alarms, &best),
        }
    }

    fn by_source(&self, alarms: &Alarms, link: u32) -> Vec<f64> {
        self.sources.iter().zip(alarms.of(link)).map(|(s, n)| s.log_ratio(*n)).collect()
    }

    /// What changes between two sets, by link and source.
    fn items(&self, space: &Space<'_>, alarms: &Alarms, from: &Set, to: &Set) -> Vec<Item> {
        let (from, to) = (space.spared(from), space.spared(to));
        let mut items = Vec::new();
        for (link, (from, to)) in (0u32..).zip(from.iter().zip(&to)).filter(|(_, (from, to))| from != to) {
            let (mut log_ratio, mut before) = (0.0, 0.0);
            for (i, more) in self.by_source(alarms, link).into_iter().enumerate() {
                log_ratio += more;
                let now = factor(*to, log_ratio) - factor(*from, log_ratio);
                let (name, seen) = (&self.names[i], alarms.of(link)[i]);
                let text = format!("{name} of link {link}: {seen} of {ENDS} ends");
                items.push(item("alarms", text, now - before));
                before = now;
            }
        }
        items
    }

    /// A group, in the best set that holds it.
    fn group(&self, space: &Space<'_>, alarms: &Alarms, set: &Set, class: u32) -> Ledger {
        let mut less = set.clone();
        less.classes.retain(|c| *c != class);
        Ledger::of(self.items(space, alarms, &less, set))
    }

    /// Something that takes down a share of all links besides the best set.
    fn unknown(&self, space: &Space<'_>, alarms: &Alarms, best: &Set) -> Ledger {
        let named = Set { unknown: 0, ..best.clone() };
        let by_share = (1..=Space::SHARES.len() as u8)
            .map(|unknown| self.items(space, alarms, &named, &Set { unknown, ..named.clone() }));
        let by_share: Vec<(f64, Vec<Item>)> =
            by_share.map(|items| (items.iter().map(|i| i.log_bayes).sum(), items)).collect();
        let all: Vec<f64> = by_share.iter().map(|s| s.0).collect();
        let total = log_sum_exp(&all) - libm::log(all.len() as f64);
        let most = by_share.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let (sum, items) = most.unwrap_or_default();
        let spoken: Vec<Item> = items.into_iter().filter(|i| i.log_bayes > 0.05).collect();
        let rest = sum - spoken.iter().map(|i| i.log_bayes).sum::<f64>();
        let clean = item("alarms", "all other links", rest);
        Ledger::closed(
            total,
            spoken.into_iter().chain([clean]).collect(),
            "the share of links was not known in advance",
        )
    }

    /// Of equal groups the first in the list stands for the others.
    fn mark_same(&self, causes: &mut [Cause]) {
        let groups = |c: &Class| c.groups.iter().map(|g| g.0).collect::<Vec<_>>();
        for class in self.classes.iter().filter(|c| c.groups.len() > 1).map(groups) {
            let mut first = None;
            for (i, cause) in (0u32..).zip(causes.iter_mut()) {
                if matches!(cause.what, What::Group(g) if class.contains(&g)) {
                    cause.same_as = first;
                    first = first.or(Some(i));
                }
            }
        }
    }

    /// Whether the best set explains the alarms: those that links that are down did not raise, and those of links that are up.
    fn predictive(&self, space: &Space<'_>, alarms: &Alarms, best: &Set) -> f64 {
        let mut check = self.check.clone();
        let ends = f64::from(ENDS);
        for (link, spared) in (0u32..).zip(space.spared(best)) {
            let log_odds = libm::log((1.0 - spared) / spared.max(1e-300)) + space.log_ratio[link as usize];
            let down = spared < 1.0 && log_odds > 0.0;
            let seen: u32 = alarms.of(link).iter().map(|n| u32::from(*n)).sum();
            let all = self.sources.len() as u32 * u32::from(ENDS);
            let expected = |p: fn(&Source) -> f64| self.sources.iter().map(|s| ends * p(s)).sum::<f64>();
            if down {
                check.see(all.saturating_sub(seen), expected(|s| 1.0 - s.detected));
            } else {
                check.see(seen, expected(|s| s.spurious));
            }
        }
        check.p_value()
    }
}

fn cause(what: What, probability: f64, ledger: Ledger) -> Cause {
    Cause { ledger, ..Cause::plain(what, probability.clamp(0.0, 1.0)) }
}
