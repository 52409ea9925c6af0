//! Why a cause is believed: its log Bayes factor, and the shares of it that each part of the data has.
//!
//! log p(D | S) − log p(D | S without the cause), S being the best set with the cause in it. What the cause's unknown size
//! (a rate, a share of ports) costs against knowing it is an item of its own, so that the items sum to the whole.

use std::collections::BTreeMap;

use super::averages::State;
use super::bursts::of_links;
use super::chain::Problem;
use super::events::{SHARES, share};
use super::fit::{Fit, UNKNOWN_SHARES};
use super::flows::Report;
use super::log_sum_exp;
use super::rates::{VALUES, is_failed};
use super::topology::{Fabric, Link};

/// A part of the data and how much it speaks for a cause.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where it comes from: `flows`, `counters`, `prior`.
    pub source: &'static str,
    /// Which part.
    pub item: String,
    /// Its share of the log Bayes factor.
    pub log_bayes: f64,
}

/// The evidence for one cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// The log Bayes factor: the sum of the items.
    pub log_bayes: f64,
    /// The items, in the order of the data.
    pub items: Vec<Item>,
}

impl Ledger {
    /// A ledger whose last item is what the others leave of a total.
    pub(crate) fn closed(total: f64, mut items: Vec<Item>, rest: &str) -> Self {
        let sum: f64 = items.iter().map(|i| i.log_bayes).sum();
        items.push(item("prior", rest, total - sum));
        Self { log_bayes: total, items }
    }

    /// A ledger of these items.
    pub fn of(items: Vec<Item>) -> Self {
        // From zero on: the sum of nothing would be -0.
        Self { log_bayes: items.iter().fold(0.0, |sum, i| sum + i.log_bayes), items }
    }
}

/// An item.
pub fn item(source: &'static str, item: impl Into<String>, log_bayes: f64) -> Item {
    Item { source, item: item.into(), log_bayes }
}

/// The best set of failures, against which causes are weighed.
pub struct Explainer<'a> {
    fabric: &'a Fabric,
    problem: &'a Problem<'a>,
    reports: &'a [Report],
    fit: Fit<'a>,
}

impl<'a> Explainer<'a> {
    /// Puts a state of the fabric into the best set: what has failed there has its usual rate, all else is healthy.
    pub(super) fn new(
        fabric: &'a Fabric,
        problem: &'a Problem<'a>,
        reports: &'a [Report],
        mut fit: Fit<'a>,
        best: &State,
        rate_of: impl Fn(Link) -> Option<f64>,
    ) -> Self {
        let usual = fit.rates.usual();
        let events = best.events.iter().flat_map(|e| &problem.events[*e as usize].links);
        let together: std::collections::BTreeSet<Link> = events.copied().collect();
        for link in 0..problem.links as Link {
            let failed = is_failed(fit.value[link as usize]);
            let rate = || rate_of(link).map_or(fit.value[link as usize], |r| fit.rates.nearest_failed(r));
            let value = match (best.links.contains(&link), together.contains(&link) && failed) {
                (true, _) | (_, true) => rate(),
                _ if failed => usual,
                _ => continue,
            };
            fit.set(link, value);
        }
        fit.unknown = None;
        fit.swallowed.fill(0);
        for hole in &best.holes {
            let flows = &problem.holes[*hole as usize].swallowed;
            flows.iter().for_each(|f| fit.swallowed[*f as usize] += 1);
        }
        Self { fabric, problem, reports, fit }
    }

    /// Rates of the best set.
    pub(super) fn fit_mut(&mut self) -> &mut Fit<'a> {
        &mut self.fit
    }

    /// A link that loses packets on its own.
    pub fn link(&mut self, link: Link, rate: Option<f64>) -> Ledger {
        let before = self.fit.value[link as usize];
        let total = self.fit.log_ratio(link);
        let failed = self.fit.rates.nearest_failed(rate.unwrap_or(1e-2));
        let healthy = self.fit.rates.usual();
        let flows = self.fit.flows_of(link);
        let mut racks = BTreeMap::<(u32, u32), f64>::new();
        for (value, sign) in [(failed, 1.0), (healthy, -1.0)] {
            self.fit.set(link, value);
            for flow in &flows {
                *racks.entry(self.racks(*flow)).or_default() += sign * self.fit.flow(*flow as usize);
            }
        }
        self.fit.set(link, before);
        let mut items = self.lossy(racks);
        let difference = |values: &[f64; VALUES]| values[usize::from(failed)] - values[usize::from(healthy)];
        let counted = self.problem.counted.iter().filter(|(l, _)| *l == link);
        let counted: f64 = counted.map(|(_, values)| difference(values)).sum();
        items.push(item("flows", "packets that arrived", difference(self.fit.own(link)) - counted));
        if counted != 0.0 {
            items.push(item("counters", "packets received with errors", counted));
        }
        Ledger::closed(total, items, "the rate was not known in advance")
    }

    /// A device or a group: link after link, those before it being as the best set has them.
    pub fn event(&mut self, e: usize) -> Ledger {
        let event = &self.problem.events[e];
        let before: Vec<u16> = event.links.iter().map(|l| self.fit.value[*l as usize]).collect();
        let usual = self.fit.rates.usual();
        event.links.iter().for_each(|l| self.fit.set(*l, usual));
        let mut odds = Vec::new();
        for (link, value) in event.links.iter().zip(&before) {
            odds.push(self.fit.log_ratio(*link));
            self.fit.set(*link, *value);
        }
        let of = |share: f64, log: f64| {
            let (spared, hit) = (libm::log1p(-share), libm::log(share) + log);
            log_sum_exp(&[spared, hit])
        };
        let logs: [f64; SHARES] = std::array::from_fn(|i| {
            event.log_share[i] + odds.iter().map(|log| of(share(i), *log)).sum::<f64>()
        });
        let best = (0..SHARES).max_by(|a, b| logs[*a].total_cmp(&logs[*b])).unwrap_or(0);
        let ports = event.links.iter().zip(&odds).map(|(link, log)| {
            let (a, b) = self.fabric.ends(*link);
            let name = format!("link {} → {}", self.fabric.name(a), self.fabric.name(b));
            item("flows", name, of(share(best), *log))
        });
        Ledger::closed(log_sum_exp(&logs), ports.collect(), "the share of its links was not known in advance")
    }

    /// A black hole.
    pub fn hole(&mut self, h: usize) -> Ledger {
        let hole = &self.problem.holes[h];
        let mut racks = BTreeMap::new();
        for flow in &hole.swallowed {
            let f = *flow as usize;
            let before = std::mem::take(&mut self.fit.swallowed[f]);
            *racks.entry(self.racks(*flow)).or_default() -= self.fit.flow(f);
            self.fit.swallowed[f] = before;
        }
        let mut items = self.lossy(racks);
        items.push(item("flows", "flows that came through", hole.log_penalty));
        Ledger::of(items)
    }

    /// Something that has no name: it hits a share of the flows, or lets links lose in bursts, whichever is told better.
    pub fn unknown(&self, bursts: &[(Link, f64)]) -> Ledger {
        let name = |link: Link| {
            let (a, b) = self.fabric.ends(link);
            format!("bursts of loss on {} → {}", self.fabric.name(a), self.fabric.name(b))
        };
        let items = bursts.iter().map(|(link, log)| item("flows", name(*link), of_links(&[(*link, *log)])));
        let (scattered, bursts) = (self.scattered(), Ledger::of(items.collect()));
        if bursts.log_bayes > scattered.log_bayes { bursts } else { scattered }
    }

    fn scattered(&self) -> Ledger {
        let gains = self.fit.unknown_gains();
        let all: Vec<f64> = gains.iter().map(|g| g.0).collect();
        let total = log_sum_exp(&all) - libm::log(UNKNOWN_SHARES.len() as f64);
        let (sum, clean) = gains.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((0.0, 0.0));
        let items = vec![
            item("flows", "flows with a loss", sum - clean),
            item("flows", "flows without a loss", clean),
        ];
        Ledger::closed(total, items, "the share of flows was not known in advance")
    }

    fn racks(&self, flow: u32) -> (u32, u32) {
        let report = &self.reports[self.problem.flows.lossy[flow as usize].report as usize];
        let rack =
            |name: u32| self.fabric.node(name).map_or(name, |n| self.fabric.name(self.fabric.switch_of(n)));
        (rack(report.src), rack(report.dst))
    }

    fn lossy(&self, racks: BTreeMap<(u32, u32), f64>) -> Vec<Item> {
        let name = |(a, b): (u32, u32)| format!("flows with a loss, {a} → {b}");
        racks.into_iter().map(|(pair, log)| item("flows", name(pair), log)).collect()
    }
}
