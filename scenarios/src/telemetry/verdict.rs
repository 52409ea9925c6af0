//! From a recording to incidents with their causes.
//!
//! Within an incident, links fail independently of one another, unless a router takes several of its links with it; at most
//! one router does. So the posterior is a product over links for each such case, and exact.

use std::collections::BTreeMap;

use models::failure::FailureModel;

use super::case::{Case, Choice, Possible};
use super::change::{Change, Kind, changes};
use super::classes::{Class, MISSED};
use super::recording::Nanos;
use super::signs::{Habits, Sign, incidents};
use super::watch::Watch;
use crate::LISTED;
use crate::base_loss::log_sum_exp;
use crate::fabric::check::Check;
use crate::fabric::explain::{Item, Ledger, item};
use crate::fabric::verdict::{Cause, Verdict, What, retain_listed};

/// Sets that are listed.
const SETS: usize = 20;
/// An incident of which this is more probable than anything else is none.
const NOTHING: f64 = 0.5;

/// The number of a cause among all that a recording may have: see [`What::Listed`].
pub fn number(watch: &Watch<'_>, class: Class, at: u32) -> u32 {
    let class = Class::ALL.iter().position(|c| *c == class).unwrap_or(0) as u32;
    class * width(watch) + at
}

/// Class and port (of a router's causes the router) of a number.
pub fn of_number(watch: &Watch<'_>, number: u32) -> Option<(Class, u32)> {
    let class = Class::ALL.get((number / width(watch)) as usize)?;
    Some((*class, number % width(watch)))
}

fn width(watch: &Watch<'_>) -> u32 {
    watch.ports.len().max(watch.devices.len()).max(1) as u32
}

/// An incident and the answer to it.
#[derive(Debug)]
pub struct Answer {
    /// When.
    pub from: Nanos,
    /// By when all of it was seen.
    pub to: Nanos,
    /// Why.
    pub verdict: Verdict,
}

/// Judges all incidents of a recording, by time; those that are probably none are left out.
pub fn judge(watch: &Watch<'_>, model: &FailureModel, without: &[Class]) -> Vec<Answer> {
    let changes = changes(watch);
    let habits = Habits::new(watch, &changes, model.link_down_per_h);
    let check = Check::new();
    let mut list = Vec::new();
    for incident in incidents(watch, &changes) {
        let signs = habits.signs(&incident);
        let case = Case::new(watch, &incident, signs, model, without);
        let answer = case.answer(&check);
        let none = answer.causes.iter().find(|c| c.what == What::None).map_or(0.0, |c| c.probability);
        if none < NOTHING {
            list.push(Answer { from: incident.from, to: incident.to, verdict: answer });
        }
    }
    list
}

impl Case<'_> {
    fn answer(&self, check: &Check) -> Verdict {
        let named: f64 = self.choices.iter().map(|c| c.log_mix).sum();
        let mut worlds = vec![named, self.log_unknown];
        worlds.extend(self.routers.iter().map(|(_, log, _)| named + log));
        let total = log_sum_exp(&worlds);
        let share = |log: f64| libm::exp(log - total);
        let mut causes = Vec::new();
        for choice in &self.choices {
            let others = self.routers.iter().filter(|(d, ..)| !choice.devices.contains(&Some(*d)));
            let world = share(named) + others.map(|(_, log, _)| share(named + log)).sum::<f64>();
            for possible in &choice.possible {
                self.list(&mut causes, possible, world * libm::exp(possible.weight() - choice.log_mix));
            }
        }
        for (device, log, part) in &self.routers {
            let probability = share(named + log);
            if probability >= LISTED {
                causes.push(self.router(*device, probability, *part));
            }
        }
        let unknown =
            Cause { ledger: self.unknown(), ..Cause::plain(What::Unknown, share(self.log_unknown)) };
        causes.push(unknown);
        causes.push(Cause::plain(What::None, share(0.0)));
        causes.sort_by(|a, b| {
            b.probability.total_cmp(&a.probability).then(a.same_as.cmp(&b.same_as)).then(a.what.cmp(&b.what))
        });
        self.point_same(&mut causes);
        let mut sets = self.sets(&worlds, total);
        retain_listed(&mut sets, causes.iter());
        sets.truncate(SETS);
        let best = sets.first().map_or(&[][..], |(set, _)| set);
        Verdict {
            p_value: self.predictive(best, check.clone()),
            causes,
            sets,
            diagnostics: Vec::new(),
            reports: self.signs.len(),
            healthy: 0.0,
        }
    }

    /// Lists a cause of a link; one of both ends has a row for each and shares its probability.
    fn list(&self, causes: &mut Vec<Cause>, possible: &Possible, probability: f64) {
        let Possible { class, at, .. } = *possible;
        let peer = self.watch.recording.ports.get(at as usize).and_then(|p| p.peer);
        let peer = peer.filter(|_| Class::OF_LINKS.contains(&class));
        // The end that was heard comes first.
        let mut ends: Vec<u32> = std::iter::once(at).chain(peer).collect();
        ends.sort_by_key(|p| !self.is_heard(*p));
        let probability = probability / ends.len() as f64;
        if probability < LISTED {
            return;
        }
        let first = number(self.watch, class, ends[0]);
        for (i, end) in ends.iter().enumerate() {
            let what = What::Listed(number(self.watch, class, *end));
            causes.push(Cause {
                ledger: self.ledger(class, at),
                onset: self.onset(class, at),
                severity: self.severity(class, at),
                // Positions are known when all causes are listed.
                same_as: (i > 0).then_some(first),
                ..Cause::plain(what, probability)
            });
        }
    }

    /// Turns numbers of causes into positions.
    fn point_same(&self, causes: &mut [Cause]) {
        let positions: BTreeMap<What, u32> = (0..).zip(causes.iter()).map(|(i, c)| (c.what, i)).collect();
        causes
            .iter_mut()
            .for_each(|c| c.same_as = c.same_as.and_then(|n| positions.get(&What::Listed(n)).copied()));
    }

    fn ledger(&self, class: Class, at: u32) -> Ledger {
        let counted = self.losses_are_counted(class, at);
        let items = self.scope(class, at).map(|s| told(class, s, counted));
        Ledger::of(items.filter(|i| i.log_bayes != 0.0).collect())
    }

    fn router(&self, device: u32, probability: f64, share: f64) -> Cause {
        let mine = self.choices.iter().filter(|c| c.devices.contains(&Some(device)));
        let mut items = Vec::new();
        let mut span: Option<(Nanos, Nanos)> = None;
        for choice in mine {
            let Some((log, at)) = choice.log_down.zip(choice.possible.first().map(|p| p.at)) else {
                continue;
            };
            // Against nothing on this link.
            let gain = log_sum_exp(&[libm::log1p(-share), libm::log(share) + log]);
            let name = self.watch.recording.ports[at as usize].name();
            let what = if log > 0.0 { "is down" } else { "stays up" };
            items.push(item("links", format!("link of {name} {what}"), gain));
            if let Some((_, from, to)) = self.onset(Class::LinkDown, at).filter(|_| log > 0.0) {
                span = Some(span.map_or((from, to), |(a, b)| (a.min(from), b.max(to))));
            }
        }
        let down = items.iter().filter(|i| i.log_bayes > 0.0).count() as f64 / items.len().max(1) as f64;
        Cause {
            ledger: Ledger::of(items),
            onset: span.map(|(from, to)| (from + (to - from) / 2, from, to)),
            severity: Some((down, down, down)),
            ..Cause::plain(What::Listed(number(self.watch, Class::Device, device)), probability)
        }
    }

    fn explained(&self, class: Class, at: u32) -> Vec<Change> {
        self.scope(class, at).filter(|s| class.explains(s)).filter_map(|s| s.change).collect()
    }

    /// When it began: after every sample that was without it, before every one that was with it.
    fn onset(&self, class: Class, at: u32) -> Option<(Nanos, Nanos, Nanos)> {
        let changes = self.explained(class, at);
        let latest = changes.iter().map(|c| c.from).max()?;
        let earliest = changes.iter().map(|c| c.to).min()?;
        let (from, to) = if latest < earliest {
            (latest, earliest)
        } else {
            // Effects that follow one another: it began before the first of them.
            (changes.iter().map(|c| c.from).min()?, earliest)
        };
        let told = changes.iter().filter_map(|c| c.when).filter(|w| (from..=to).contains(w));
        let told: Vec<f64> = told.map(|w| (w - from) as f64).collect();
        let middle = if told.is_empty() { (to - from) / 2 } else { twin::stats::median(told) as Nanos };
        Some((from + middle, from, to))
    }

    fn severity(&self, class: Class, at: u32) -> Option<(f64, f64, f64)> {
        let change = self
            .explained(class, at)
            .into_iter()
            .find(|c| matches!(c.kind, Kind::LinkLoss | Kind::Deficit))?;
        let margin = 1.96 * change.error;
        Some((change.amount, (change.amount - margin).max(0.0), (change.amount + margin).min(1.0)))
    }

    fn sets(&self, worlds: &[f64], total: f64) -> Vec<(Vec<What>, f64)> {
        let what = |p: &Possible| What::Listed(number(self.watch, p.class, p.at));
        let mut list: BTreeMap<Vec<What>, f64> = BTreeMap::new();
        let weight = |chosen: &[&Possible], rest: f64| rest + chosen.iter().map(|p| p.weight()).sum::<f64>();
        let mut add = |mut set: Vec<What>, log: f64| {
            set.sort();
            list.entry(set).or_insert_with(|| libm::exp(log - total));
        };
        let routers = std::iter::once(None).chain(self.routers.iter().map(Some));
        for router in routers {
            let free = |c: &&Choice| router.is_none_or(|(d, ..)| !c.devices.contains(&Some(*d)));
            let (base, own) = router.map_or((0.0, None), |(d, log, _)| {
                let mixes = self.choices.iter().filter(|c| c.devices.contains(&Some(*d)));
                (
                    log + mixes.map(|c| c.log_mix).sum::<f64>(),
                    Some(What::Listed(number(self.watch, Class::Device, *d))),
                )
            });
            let best: Vec<&Possible> = self.choices.iter().filter(free).filter_map(Choice::best).collect();
            let named =
                |set: &[&Possible]| own.into_iter().chain(set.iter().map(|p| what(p))).collect::<Vec<_>>();
            add(named(&best), weight(&best, base));
            for choice in self.choices.iter().filter(free) {
                let here = choice.best();
                let others: Vec<&Possible> =
                    best.iter().copied().filter(|p| here.is_none_or(|h| !std::ptr::eq(*p, h))).collect();
                add(named(&others), weight(&others, base));
                for other in &choice.possible {
                    let set: Vec<&Possible> = others.iter().copied().chain([other]).collect();
                    add(named(&set), weight(&set, base));
                }
            }
        }
        add(Vec::new(), 0.0);
        add(vec![What::Unknown], worlds[1]);
        let mut list: Vec<_> = list.into_iter().filter(|(_, p)| *p >= 1e-9).collect();
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        list
    }

    /// Whether the best set explains the signs: those that it demands and that are missing, and those that it leaves over.
    fn predictive(&self, best: &[What], mut check: Check) -> f64 {
        let (mut demanded, mut missing) = (0.0, 0);
        let mut explained = vec![false; self.signs.len()];
        for what in best {
            let What::Listed(n) = what else { continue };
            let Some((class, at)) = of_number(self.watch, *n) else { continue };
            let ports: Vec<u32> =
                if class == Class::Device { self.watch.devices[at as usize].ports.clone() } else { vec![at] };
            let effective = if class == Class::Device { Class::LinkDown } else { class };
            for port in ports {
                let counted = self.losses_are_counted(effective, port);
                for sign in self.scope(effective, port) {
                    if effective.demands(sign, counted) && class != Class::Device {
                        demanded += 1.0;
                        missing += u32::from(!sign.changed);
                    }
                    let same = |s: &Sign| std::ptr::eq(s, sign);
                    if let Some(i) = self.signs.iter().position(same).filter(|_| effective.explains(sign)) {
                        explained[i] = true;
                    }
                }
            }
        }
        if best.contains(&What::Unknown) {
            return 1.0;
        }
        check.see(missing, MISSED * demanded);
        for (sign, explained) in self.signs.iter().zip(explained) {
            if !explained {
                check.see(u32::from(sign.changed), sign.chance);
            }
        }
        check.p_value()
    }
}

/// An item of the ledger: what was seen, and what would have been.
fn told(class: Class, sign: &Sign, counted: bool) -> Item {
    let source = match sign.kind {
        Kind::Carrier => "carrier",
        Kind::SessionDown | Kind::SessionUp => "bfd",
        Kind::TrafficStops | Kind::TrafficStarts => "traffic",
        Kind::Errors => "errors",
        Kind::OutputDrops | Kind::Full => "queue",
        Kind::LinkLoss | Kind::Deficit => "balance",
    };
    let log_bayes = class.log_ratio(sign, counted);
    let ought = class.demands(sign, counted) && !sign.changed;
    let text = if ought { format!("{}; it ought to have changed", sign.text) } else { sign.text.clone() };
    item(source, text, log_bayes)
}
