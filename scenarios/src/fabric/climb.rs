//! The most probable state, sought step by step: where the chain begins.
//!
//! From a healthy fabric the change that gains most is made until none gains: a link fails or is healthy again, another link
//! fails in its place, an event or a black hole is there or not. It is the search of Flock (CoNEXT 2023) with one
//! hypothesis that may also step back. The rate of a link is summed out where the link is weighed, while all others have
//! their most probable rates. A change concerns only links that share a lossy flow with it: these alone are weighed again.

use std::collections::BTreeSet;

use super::chain::Chain;
use super::rates::{HEALTHY, is_failed};
use super::topology::Link;

/// A change counts if it gains more log odds than this.
pub(super) const LEAST: f64 = 1e-6;
/// Rounds over the rates of failed links given each other: each raises the posterior, and two or three reach the top.
const ROUNDS: usize = 10;

/// Links with a loss, weighed.
struct Weighed {
    /// Links that may be on a lossy flow.
    links: Vec<Link>,
    /// Of each link the log of how much likelier the data are if it failed, all others being as they are.
    ratio: Vec<f64>,
}

/// A change of the state.
#[derive(Clone, Copy)]
enum Change {
    /// A link fails, or is healthy again.
    Link(Link),
    /// A black hole is there, or not.
    Hole(usize),
}

impl Chain<'_> {
    /// Raises the state to one that no single change improves.
    pub fn climb(&mut self) {
        let links: Vec<Link> =
            (0..self.problem.links as Link).filter(|l| self.quiet[*l as usize].is_none()).collect();
        let mut weighed = Weighed { ratio: vec![0.0; self.problem.links], links };
        self.weigh(&mut weighed, None);
        // Each change gains; a bound all the same, as rates are only as good as the last round.
        for _ in 0..4 * weighed.links.len() + self.problem.holes.len() {
            let changed = self.ascend(&mut weighed)
                || self.settle_events()
                || self.exchange(&mut weighed)
                || self.exchange_events(&mut weighed);
            if !changed {
                break;
            }
        }
    }

    /// Weighs the links again that share a lossy flow with one, itself among them, or all.
    fn weigh(&self, weighed: &mut Weighed, near: Option<Link>) {
        let links = near.map(|link| self.beside(link));
        for &link in links.as_ref().unwrap_or(&weighed.links) {
            weighed.ratio[link as usize] = self.fit.log_ratio(link);
        }
    }

    /// Links on the lossy flows of a link, itself among them.
    fn beside(&self, link: Link) -> Vec<Link> {
        let lossy = |f: &u32| &self.problem.flows.lossy[*f as usize];
        let paths = |f: &u32| {
            let lossy = lossy(f);
            let known = lossy.taken.filter(|_| !self.problem.flows.lossy_only);
            known.map_or(0..lossy.routes.len(), |p| p as usize..p as usize + 1)
        };
        let of = |f: &u32| paths(f).flat_map(|p| lossy(f).routes.path(p)).collect::<Vec<_>>();
        let mut links: Vec<Link> = self.lossy_of[link as usize].iter().flat_map(of).collect();
        links.sort_unstable();
        links.dedup();
        links
    }

    /// Log odds of a link's having failed, all else being as it is.
    fn log_odds(&self, link: Link, weighed: &Weighed) -> f64 {
        let (prior, _) = self.prior(link);
        weighed.ratio[link as usize] + libm::log(prior) - libm::log1p(-prior)
    }

    /// Makes the one change of a link or a black hole that gains most. Returns whether any gains.
    fn ascend(&mut self, weighed: &mut Weighed) -> bool {
        let mut best = (LEAST, None);
        for &link in &weighed.links {
            let odds = self.log_odds(link, weighed);
            let gain = if self.failed(link) { -odds } else { odds };
            if gain > best.0 && !self.is_held(link) {
                best = (gain, Some(Change::Link(link)));
            }
        }
        for hole in 0..self.problem.holes.len() {
            let odds = self.hole_log_odds(hole);
            let gain = if self.has_hole(hole) { -odds } else { odds };
            if gain > best.0 {
                best = (gain, Some(Change::Hole(hole)));
            }
        }
        match best.1 {
            None => return false,
            Some(Change::Link(link)) => self.flip(link, weighed),
            Some(Change::Hole(hole)) => {
                self.set_hole(hole, !self.has_hole(hole));
                self.weigh(weighed, None);
                self.settle_rates(weighed, None);
            }
        }
        true
    }

    /// Makes a healthy link fail with its most probable rate, or a failed one healthy.
    fn flip(&mut self, link: Link, weighed: &mut Weighed) {
        let value = if self.failed(link) { self.fit.rates.usual() } else { self.likeliest(link) };
        self.set(link, value);
        self.weigh(weighed, Some(link));
        self.settle_rates(weighed, Some(link));
    }

    /// The most probable rate of a link that failed.
    fn likeliest(&self, link: Link) -> u16 {
        let weights = self.fit.weights(link);
        let failed = HEALTHY..weights.len();
        failed.max_by(|a, b| weights[*a].total_cmp(&weights[*b]).then(b.cmp(a))).unwrap_or(HEALTHY) as u16
    }

    /// Gives failed links their most probable rates given each other's: those that share a lossy flow with one that changed,
    /// or all.
    fn settle_rates(&mut self, weighed: &mut Weighed, near: Option<Link>) {
        let mut links = near.map_or_else(|| weighed.links.clone(), |link| self.beside(link));
        for _ in 0..ROUNDS {
            let mut concerned = BTreeSet::new();
            for link in links {
                if !is_failed(self.fit.value[link as usize]) {
                    continue;
                }
                let value = self.likeliest(link);
                if value != self.fit.value[link as usize] {
                    self.set(link, value);
                    self.weigh(weighed, Some(link));
                    concerned.extend(self.beside(link));
                }
            }
            if concerned.is_empty() {
                return;
            }
            links = concerned.into_iter().collect();
        }
    }

    /// Lets another link fail in the place of one that did, where that is more probable. Returns whether one was.
    fn exchange(&mut self, weighed: &mut Weighed) -> bool {
        let failed: Vec<Link> = weighed.links.iter().copied().filter(|l| self.is_alone(*l)).collect();
        for link in failed {
            let value = self.fit.value[link as usize];
            let beside = self.beside(link);
            let before: Vec<f64> = beside.iter().map(|l| weighed.ratio[*l as usize]).collect();
            self.set(link, self.fit.rates.usual());
            beside.iter().for_each(|l| weighed.ratio[*l as usize] = self.fit.log_ratio(*l));
            let own = self.log_odds(link, weighed);
            let others = beside.iter().copied().filter(|l| *l != link && !self.failed(*l));
            let odds = others.map(|l| (self.log_odds(l, weighed), l));
            let best = odds.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
            if let Some((odds, other)) = best
                && odds > own + LEAST
            {
                self.flip(other, weighed);
                self.settle_rates(weighed, Some(link));
                return true;
            }
            self.set(link, value);
            beside.iter().zip(before).for_each(|(l, ratio)| weighed.ratio[*l as usize] = ratio);
        }
        false
    }

    /// Turns the event on or off, or to another share, for which that is most probable. Returns whether any was.
    fn settle_events(&mut self) -> bool {
        let mut best = (LEAST, None);
        for e in 0..self.problem.events.len() {
            let Some(logs) = self.event_weights(e) else { continue };
            let now = self.event_on[e].map_or(0, |s| usize::from(s) + 1);
            for (state, log) in logs.iter().enumerate() {
                let gain = log - logs[now];
                if gain > best.0 {
                    best = (gain, Some((e, state)));
                }
            }
        }
        best.1.is_some_and(|(e, state)| {
            self.turn(e, state);
            true
        })
    }

    /// Lets another event explain what one does, with all their links weighed anew, where that is more probable. Returns
    /// whether one was.
    fn exchange_events(&mut self, weighed: &mut Weighed) -> bool {
        for from in 0..self.problem.events.len() {
            if self.event_on[from].is_none() {
                continue;
            }
            let mine = self.failed_of(from as u32);
            for to in self.related[from].clone() {
                // One that leaves most of the failed links without a cause is no better.
                let shared = self.problem.events[to as usize].links.iter();
                let shared = shared
                    .filter(|l| self.failed(**l) && self.events_of[**l as usize].contains(&(from as u32)));
                if 4 * shared.count() > mine && self.supplant(from, to as usize) {
                    self.weigh(weighed, None);
                    self.settle_rates(weighed, None);
                    return true;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::chain::Problem;
    use super::super::fit::tests::fabric;
    use super::super::flows::{Flows, Report};
    use super::super::log_sum_exp;
    use super::super::rates::{Rates, VALUES};
    use super::super::singles::Singles;
    use super::super::topology::{Fabric, Paths};
    use super::*;
    use engine::{Purpose, Seeds, Stream};
    use rand::RngExt;
    use twin::EntityKey;

    /// Flows on known paths of which each packet is lost with the chances of the links.
    fn drawn(fabric: &Fabric, loss: &[f64], stream: &mut Stream) -> Vec<Report> {
        let mut paths = Paths::new(fabric);
        let mut report = |i: u32| {
            let (src, dst) = (100 + i % 4, 100 + (i + 1 + i / 4 % 3) % 4);
            let routes = paths.between(fabric.node(src).unwrap(), fabric.node(dst).unwrap());
            let path = stream.random_range(0..routes.len() as u32);
            let sent = stream.random_range(20..200);
            let pass: f64 = routes.path(path as usize).map(|l| 1.0 - loss[l as usize]).product();
            let lost = (0..sent).filter(|_| stream.f64_open() > pass).count() as u32;
            Report { src, dst, path: Some(path), sent, lost }
        };
        (0..60).map(&mut report).collect()
    }

    fn problem(flows: &Flows, links: usize) -> Problem<'_> {
        Problem { flows, events: &[], holes: &[], links, single: true, counted: &[], healthy: Some(1e-4) }
    }

    /// Log posterior of a set of up to two failed links up to a constant, their rates summed out, all others healthy.
    fn exact(flows: &Flows, links: usize, rates: &Rates, set: &[Link]) -> f64 {
        let usual = rates.log_pass[usize::from(rates.usual())];
        let on = |link: Option<&Link>, path: &[Link]| link.is_some_and(|l| path.contains(l));
        let mut paths = Vec::new();
        let mut rest: f64 = flows.delivered.iter().sum::<f64>() * usual;
        for f in &flows.lossy {
            let path: Vec<Link> = f.routes.path(f.taken.unwrap() as usize).collect();
            let met = (on(set.first(), &path), on(set.get(1), &path));
            if met == (false, false) {
                rest += f.lost * libm::log(-libm::expm1(usual * path.len() as f64));
            } else {
                paths.push((met, path.len() as f64, f.lost));
            }
        }
        let values = |i: usize| if i < set.len() { rates.floor..VALUES } else { 0..1 };
        let value = |i: usize, v: usize| match set.get(i) {
            Some(link) => (rates.log_prior[v], flows.delivered[*link as usize], rates.log_pass[v] - usual),
            None => (0.0, 0.0, 0.0),
        };
        let mut terms = Vec::new();
        for (v, w) in values(0).flat_map(|v| values(1).map(move |w| (v, w))) {
            let (a, b) = (value(0, v), value(1, w));
            let mut log = a.0 + b.0 + a.1 * a.2 + b.1 * b.2;
            for (met, hops, lost) in &paths {
                let more = if met.0 { a.2 } else { 0.0 } + if met.1 { b.2 } else { 0.0 };
                log += lost * libm::log(-libm::expm1(usual * hops + more));
            }
            terms.push(log);
        }
        Singles::new(links, true).log_weight(set.len()) + rest + log_sum_exp(&terms)
    }

    #[test]
    fn what_it_comes_to_is_the_best_of_all_sets() {
        let fabric = fabric();
        let links = fabric.link_count();
        let mut found = [0; 3];
        for trial in 0..15 {
            let mut stream =
                Seeds::new(8).trial(trial).stream(Purpose::new("climb"), &EntityKey::new("test"));
            let mut loss = vec![1e-4; links];
            for _ in 0..trial % 3 {
                loss[stream.random_range(0..links)] = 0.01 * (1.0 + 9.0 * stream.f64_open());
            }
            let reports = drawn(&fabric, &loss, &mut stream);
            let flows = Flows::compile(&fabric, &mut Paths::new(&fabric), &reports, false);
            let problem = problem(&flows, links);
            let mut chain = Chain::new(&problem);
            chain.climb();
            let set: Vec<Link> = (0..links as Link).filter(|l| chain.failed(*l)).collect();
            assert!(set.len() < 3, "{trial}: {set:?}");
            found[set.len()] += 1;
            let rates = Rates::new(1e-4);
            let score = |set: &[Link]| exact(&flows, links, &rates, set);
            let own = score(&set);
            let pairs = (0..links as Link).flat_map(|a| (a..links as Link).map(move |b| (a, b)));
            for (a, b) in pairs {
                let other = if a == b { vec![a] } else { vec![a, b] };
                // Healthy links are summed out by the one and not by the other.
                assert!(own > score(&other) - 0.3, "{trial}: {set:?}, better {other:?}");
            }
            assert!(own > score(&[]) - 0.3, "{trial}: {set:?}, better none");
        }
        assert!(found.iter().all(|n| *n >= 3), "sets of none, one and two: {found:?}");
    }
}
