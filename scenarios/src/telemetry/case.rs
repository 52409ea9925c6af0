//! An incident with all that may have caused it.

use std::collections::BTreeMap;

use models::failure::FailureModel;

use super::change::Kind;
use super::classes::{Class, log_ratio};
use super::recording::seconds;
use super::signs::{Incident, Sign};
use super::watch::Watch;
use crate::base_loss::log_sum_exp;
use crate::fabric::explain::{Ledger, item};

/// Shares of its links that a router takes with it.
const SHARES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];
/// Shares of all series that something without a name changes.
const UNKNOWN_SHARES: [f64; 3] = [0.02, 0.1, 0.5];
/// Something without a name, against all causes that have one.
const UNKNOWN: f64 = 0.01;

/// A possible cause of a link: its class, its port, ln of its prior, and how much likelier the signs are with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Possible {
    pub(super) class: Class,
    pub(super) at: u32,
    log_prior: f64,
    log_ratio: f64,
}

impl Possible {
    pub(super) fn weight(&self) -> f64 {
        self.log_prior + self.log_ratio
    }
}

/// A link, or a router's black hole: causes that exclude one another.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) devices: [Option<u32>; 2],
    pub(super) possible: Vec<Possible>,
    /// ln of the sum over all causes and none.
    pub(super) log_mix: f64,
    /// How much likelier the signs are if the link is down; `None` if it has no sign that would tell.
    pub(super) log_down: Option<f64>,
}

impl Choice {
    fn new(devices: [Option<u32>; 2], possible: Vec<Possible>, log_down: Option<f64>) -> Self {
        let weights: Vec<f64> = std::iter::once(0.0).chain(possible.iter().map(Possible::weight)).collect();
        Self { devices, possible, log_mix: log_sum_exp(&weights), log_down }
    }

    pub(super) fn best(&self) -> Option<&Possible> {
        self.possible.iter().filter(|p| p.weight() > 0.0).max_by(|a, b| a.weight().total_cmp(&b.weight()))
    }
}

/// An incident's signs, and how likely each cause makes them.
pub(super) struct Case<'a> {
    pub(super) watch: &'a Watch<'a>,
    pub(super) signs: Vec<Sign>,
    of_port: BTreeMap<u32, Vec<usize>>,
    pub(super) choices: Vec<Choice>,
    /// Routers that may take links with them: router, ln of prior times likelihood against no router, best share.
    pub(super) routers: Vec<(u32, f64, f64)>,
    pub(super) log_unknown: f64,
}

impl<'a> Case<'a> {
    pub(super) fn new(
        watch: &'a Watch<'a>,
        incident: &'a Incident,
        signs: Vec<Sign>,
        model: &FailureModel,
        without: &[Class],
    ) -> Self {
        let mut of_port = BTreeMap::<u32, Vec<usize>>::new();
        let of_links = signs.iter().enumerate().filter(|(_, s)| s.kind != Kind::Deficit);
        of_links.for_each(|(i, s)| of_port.entry(s.at).or_default().push(i));
        let mut case =
            Self { watch, signs, of_port, choices: Vec::new(), routers: Vec::new(), log_unknown: 0.0 };
        let hours = seconds(incident.from, incident.to).max(1.0) / 3600.0;
        let log_prior = |class: Class| libm::log(class.per_hour(model) * hours);
        let has = |class: Class| !without.contains(&class);
        case.choices = case.links(&has, &log_prior);
        if has(Class::BlackHole) {
            case.choices.extend(case.black_holes(log_prior(Class::BlackHole)));
        }
        if has(Class::Device) {
            case.routers = case.routers(log_prior(Class::Device));
        }
        let all = case.choices.iter().flat_map(|c| &c.possible).map(|p| libm::exp(p.log_prior)).sum::<f64>();
        case.log_unknown = libm::log((UNKNOWN * all).max(f64::MIN_POSITIVE)) + case.unknown().log_bayes;
        case
    }

    /// The links with an end that was heard, each once: by its lower port.
    fn links(&self, has: &impl Fn(Class) -> bool, log_prior: &impl Fn(Class) -> f64) -> Vec<Choice> {
        let mut choices = Vec::new();
        for (at, port) in (0u32..).zip(&self.watch.recording.ports) {
            let ends = [Some(at), port.peer];
            let is_heard = ends.into_iter().flatten().any(|end| self.is_heard(end));
            if port.peer.is_some_and(|peer| peer < at) || !is_heard {
                continue;
            }
            let links = Class::OF_LINKS.iter().map(|c| (*c, at));
            let directions = ends
                .into_iter()
                .flatten()
                .flat_map(|end| Class::OF_DIRECTIONS.iter().map(move |c| (*c, end)));
            let possible = links.chain(directions).filter(|(class, _)| has(*class)).map(|(class, at)| {
                Possible { class, at, log_prior: log_prior(class), log_ratio: self.log_ratio(class, at) }
            });
            let possible = possible.collect();
            let tells = self.scope(Class::LinkDown, at).any(|s| Class::LinkDown.demands(s, false));
            let log_down = tells.then(|| self.log_ratio(Class::LinkDown, at));
            let devices = ends.map(|end| end.map(|p| self.watch.device_of[p as usize]));
            choices.push(Choice::new(devices, possible, log_down));
        }
        choices
    }

    fn black_holes(&self, log_prior: f64) -> Vec<Choice> {
        let class = Class::BlackHole;
        let hole = |device| {
            let log_ratio = self.log_ratio(class, device);
            Choice::new(
                [Some(device), None],
                vec![Possible { class, at: device, log_prior, log_ratio }],
                None,
            )
        };
        (0..self.watch.devices.len() as u32).map(hole).collect()
    }

    pub(super) fn is_heard(&self, port: u32) -> bool {
        self.of_port.contains_key(&port)
    }

    /// The signs that a cause is judged by.
    pub(super) fn scope(&self, class: Class, at: u32) -> impl Iterator<Item = &Sign> {
        let peer = self.watch.recording.ports.get(at as usize).and_then(|p| p.peer);
        let (near, far): (Vec<u32>, Vec<u32>) = match class {
            Class::BlackHole | Class::Device => (Vec::new(), Vec::new()),
            Class::LinkLoss | Class::Congestion => (vec![at], peer.into_iter().collect()),
            _ => (std::iter::once(at).chain(peer).collect(), Vec::new()),
        };
        let of = |ports: Vec<u32>| ports.into_iter().flat_map(|p| self.of_port.get(&p).into_iter().flatten());
        let far = of(far).filter(|i| self.signs[**i].kind == Kind::Errors);
        let near =
            of(near).filter(move |i| class != Class::LinkLoss || self.signs[**i].kind == Kind::LinkLoss);
        let holes = self
            .signs
            .iter()
            .filter(move |s| s.kind == Kind::Deficit && s.at == at && class == Class::BlackHole);
        near.chain(far).map(|i| &self.signs[*i]).chain(holes)
    }

    pub(super) fn losses_are_counted(&self, class: Class, at: u32) -> bool {
        self.scope(class, at).any(|s| s.kind == Kind::LinkLoss)
    }

    pub(super) fn log_ratio(&self, class: Class, at: u32) -> f64 {
        let counted = self.losses_are_counted(class, at);
        self.scope(class, at).map(|s| class.log_ratio(s, counted)).sum()
    }

    /// Routers of which at least two links have changed.
    fn routers(&self, log_prior: f64) -> Vec<(u32, f64, f64)> {
        let mut touched = BTreeMap::<u32, Vec<&Choice>>::new();
        for choice in self.choices.iter().filter(|c| c.log_down.is_some()) {
            choice.devices.into_iter().flatten().for_each(|d| touched.entry(d).or_default().push(choice));
        }
        let down = |choice: &&&Choice| choice.log_down.is_some_and(|log| log > 0.0);
        touched.retain(|_, choices| choices.iter().filter(down).count() >= 2);
        let mut list = Vec::new();
        for (device, choices) in touched {
            let of_share = |share: f64| -> f64 {
                let of = |c: &Choice| {
                    let hit = libm::log(share) + c.log_down.unwrap_or(0.0);
                    log_sum_exp(&[libm::log1p(-share) + c.log_mix, hit]) - c.log_mix
                };
                choices.iter().map(|c| of(c)).sum()
            };
            let logs = SHARES.map(of_share);
            let best = (0..SHARES.len()).max_by(|a, b| logs[*a].total_cmp(&logs[*b])).unwrap_or(0);
            let log = log_prior + log_sum_exp(&logs) - libm::log(SHARES.len() as f64);
            list.push((device, log, SHARES[best]));
        }
        list
    }

    /// Something that changes a share of all series, whatever they are.
    pub(super) fn unknown(&self) -> Ledger {
        let sums = |share: f64| {
            let of = |changed: bool| -> f64 {
                self.signs.iter().filter(|s| s.changed == changed).map(|s| log_ratio(s, share)).sum()
            };
            (of(true), of(false))
        };
        let all = UNKNOWN_SHARES.map(sums);
        let total = log_sum_exp(&all.map(|(a, b)| a + b)) - libm::log(all.len() as f64);
        let best = all.into_iter().max_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1))).unwrap_or((0.0, 0.0));
        let items = vec![
            item("telemetry", "series that changed", best.0),
            item("telemetry", "series that did not change", best.1),
        ];
        Ledger::closed(total, items, "the share of series was not known in advance")
    }
}
