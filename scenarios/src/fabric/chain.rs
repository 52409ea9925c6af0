//! The sampler: one state of the fabric after another, each as often as it is probable.
//!
//! A step draws one link's rate given all others (Gibbs), swaps the rates of two links ([`super::swaps`]), turns an event,
//! a black hole or the unknown on or off, exchanges events ([`super::together`]), or draws what the healthy links lose on
//! average. After some sweeps over all links most sweeps go over those alone that might have failed.
//!
//! An event that is on has failed at least two of its links: one is a link that failed on its own.

use engine::Stream;
use rand::RngExt;

use super::averages::{Averages, Drawn, State};
use super::draws::{normalised, pick};
use super::events::{Event, Kind, share};
use super::fit::{Fit, UNKNOWN_SHARES};
use super::flows::Flows;
use super::holes::Hole;
use super::log_sum_exp;
use super::rates::{FAILED, HEALTHY, VALUES, is_failed};
use super::singles::Singles;
use super::together::related;
use super::topology::Link;
use super::usual::Usual;

/// Prior log odds that something is wrong which no hypothesis names: 1 %, for each of the two forms of it.
pub(super) const LOG_ODDS_UNKNOWN: f64 = -4.6;
/// A link is drawn in every sweep while its probability is at least this.
const IN_THE_GAME: f64 = 1e-3;
/// Every so many sweeps go over all links.
const ALL_LINKS: usize = 10;

/// How long a chain runs.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Sweeps over all links, which are forgotten.
    pub forgotten: usize,
    /// Sweeps that count.
    pub kept: usize,
}

/// What is known before the chain starts.
#[derive(Debug)]
pub struct Problem<'a> {
    /// The flows.
    pub flows: &'a Flows,
    /// What may have failed several links.
    pub events: &'a [Event],
    /// What may have swallowed flows whole.
    pub holes: &'a [Hole],
    /// Number of links.
    pub links: usize,
    /// Whether links may fail on their own.
    pub single: bool,
    /// What counters say about the values of a link, as log-likelihoods.
    pub counted: &'a [(Link, [f64; VALUES])],
    /// What healthy links lose on average, where that is known; else it is learnt.
    pub healthy: Option<f64>,
}

/// A link without a loss: its rate is summed out.
#[derive(Clone, Debug)]
pub(super) struct Quiet {
    /// Likelihood of each healthy value.
    healthy: [f64; HEALTHY],
    /// Likelihood of each failed value and all above it.
    above: [f64; FAILED],
}

/// A state of the fabric, and what is needed to change it quickly.
#[derive(Clone)]
pub struct Chain<'a> {
    pub(super) problem: &'a Problem<'a>,
    pub(super) fit: Fit<'a>,
    pub(super) event_on: Vec<Option<u8>>,
    pub(super) events_of: Vec<Vec<u32>>,
    /// Of each event those about the same node, or with a link in common.
    pub(super) related: Vec<Vec<u32>>,
    hole_on: Vec<bool>,
    /// How many links fail on their own: the prior, and now.
    pub(super) singles: Singles,
    pub(super) alone: usize,
    pub(super) quiet: Vec<Option<Quiet>>,
    /// Of each link the lossy flows that it may be on.
    pub(super) lossy_of: Vec<Vec<u32>>,
    usual: Usual,
}

impl<'a> Chain<'a> {
    /// A fabric in which nothing has failed.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        let mut fit = Fit::new(problem.flows, problem.links, problem.counted);
        if let Some(mean) = problem.healthy {
            fit.rates.set_mean(mean);
        }
        let mut events_of = vec![Vec::new(); problem.links];
        for (i, event) in (0u32..).zip(problem.events) {
            event.links.iter().for_each(|l| events_of[*l as usize].push(i));
        }
        let quiet = |link: Link| {
            fit.is_quiet(link).then(|| {
                let likelihood = fit.own(link).map(libm::exp);
                let mut above: [f64; FAILED] = std::array::from_fn(|i| likelihood[HEALTHY + i]);
                (0..FAILED - 1).rev().for_each(|i| above[i] += above[i + 1]);
                Quiet { healthy: std::array::from_fn(|i| likelihood[i]), above }
            })
        };
        let quiet: Vec<_> = (0..problem.links as Link).map(quiet).collect();
        let delivered = problem.flows.expected.iter().zip(&quiet).filter(|(_, q)| q.is_some());
        Self {
            usual: Usual::new(delivered.map(|(packets, _)| *packets)),
            quiet,
            lossy_of: (0..problem.links as Link).map(|l| fit.flows_of(l)).collect(),
            problem,
            related: related(problem.events, &events_of),
            event_on: vec![None; problem.events.len()],
            events_of,
            hole_on: vec![false; problem.holes.len()],
            singles: Singles::new(problem.links, problem.single),
            alone: 0,
            fit,
        }
    }

    /// The rates that it came to; links without a loss have the mean that is left to them.
    pub(super) fn into_fit(mut self) -> Fit<'a> {
        let mean = self.fit.rates.mean();
        for link in (0..self.problem.links as Link).filter(|l| self.quiet[*l as usize].is_some()) {
            let left = 1.0 / (1.0 / mean + self.problem.flows.expected[link as usize]);
            let value = self.fit.rates.nearest_healthy(left);
            self.fit.set(link, value);
        }
        self.fit
    }

    /// Whether a link lost something and has failed.
    pub(super) fn failed(&self, link: Link) -> bool {
        self.quiet[link as usize].is_none() && is_failed(self.fit.value[link as usize])
    }

    /// The probability that the events that are on fail a link, but for those left out.
    pub(super) fn hit(&self, link: Link, without: &[u32]) -> f64 {
        let others = self.events_of[link as usize].iter().filter(|e| !without.contains(e));
        let on = others.filter_map(|e| self.event_on[*e as usize]);
        1.0 - on.map(|s| 1.0 - share(usize::from(s))).product::<f64>()
    }

    /// Whether a link is among those that failed on their own.
    pub(super) fn is_alone(&self, link: Link) -> bool {
        self.failed(link)
            && self.events_of[link as usize].iter().all(|e| self.event_on[*e as usize].is_none())
    }

    /// Counts again how many links failed on their own.
    pub(super) fn recount(&mut self) {
        self.alone = (0..self.problem.links as Link).filter(|l| self.is_alone(*l)).count();
    }

    /// Gives a link another rate.
    pub(super) fn set(&mut self, link: Link, value: u16) {
        self.alone -= usize::from(self.is_alone(link));
        self.fit.set(link, value);
        self.alone += usize::from(self.is_alone(link));
    }

    /// Prior probability that a link fails, and that it does so on its own, given all others.
    pub(super) fn prior(&self, link: Link) -> (f64, f64) {
        let alone = self.singles.one_more(self.alone - usize::from(self.is_alone(link)));
        (1.0 - (1.0 - alone) * (1.0 - self.hit(link, &[])), alone)
    }

    /// Probability of each value of a link's rate, given all else.
    pub(super) fn conditional(&self, link: Link) -> [f64; VALUES] {
        let (prior, _) = self.prior(link);
        let mut weights = self.fit.weights(link);
        weights[..HEALTHY].iter_mut().for_each(|w| *w *= 1.0 - prior);
        weights[HEALTHY..].iter_mut().for_each(|w| *w *= prior);
        let total: f64 = weights.iter().sum();
        weights.map(|w| w / total)
    }

    /// Log probability of a value of a link's rate, given all else, however small.
    pub(super) fn log_probability(&self, link: Link, value: u16) -> f64 {
        let (prior, _) = self.prior(link);
        let kinds = [libm::log1p(-prior), libm::log(prior)];
        let mut logs = self.fit.values(link);
        for (v, log) in logs.iter_mut().enumerate() {
            *log += kinds[usize::from(v >= HEALTHY)] + self.fit.rates.log_prior[v];
        }
        logs[usize::from(value)] - log_sum_exp(&logs)
    }

    /// How many links of an event have failed.
    pub(super) fn failed_of(&self, e: u32) -> usize {
        self.problem.events[e as usize].links.iter().filter(|l| self.failed(**l)).count()
    }

    /// Whether an event with so many failed links may be on.
    pub(super) fn may_be_on(&self, e: u32, failed: usize) -> bool {
        failed >= self.problem.events[e as usize].links.len().min(2)
    }

    /// Whether a failed link must stay so: without it an event that is on would have too few.
    pub(super) fn is_held(&self, link: Link) -> bool {
        let on = self.events_of[link as usize].iter().filter(|e| self.event_on[**e as usize].is_some());
        self.failed(link) && on.into_iter().any(|e| !self.may_be_on(*e, self.failed_of(*e) - 1))
    }

    /// Draws a link's rate.
    fn draw(&mut self, link: Link, stream: &mut Stream) -> Drawn {
        let mut weights = self.conditional(link);
        let (prior, alone) = self.prior(link);
        if self.is_held(link) {
            weights[..HEALTHY].fill(0.0);
            let total: f64 = weights.iter().sum();
            weights.iter_mut().for_each(|w| *w /= total);
        }
        let value = pick(&weights, stream);
        self.set(link, value as u16);
        let failed: f64 = weights[HEALTHY..].iter().sum();
        let (mut first, mut second) = (0.0, 0.0);
        for v in HEALTHY..VALUES {
            let log = self.fit.rates.log_value[v];
            first += weights[v] * log;
            second += weights[v] * log * log;
        }
        Drawn { alone: failed * alone / prior, rate: (first, second, failed) }
    }

    /// How much likelier a link without a loss makes its flows if it failed than if it is healthy.
    fn quiet_odds(&self, quiet: &Quiet) -> f64 {
        let rates = &self.fit.rates;
        let failed = quiet.above[rates.floor - HEALTHY] / (VALUES - rates.floor) as f64;
        let healthy: f64 = quiet.healthy.iter().zip(&rates.prior).map(|(l, w)| l * w).sum();
        failed / healthy.max(f64::MIN_POSITIVE)
    }

    /// Log prior of a link's being failed or not if events hit it so probably and others fail it with the chance `alone`.
    /// Those that fail on their own are weighed by their number.
    pub(super) fn log_link(&self, link: Link, hit: f64, alone: f64) -> f64 {
        let prior = 1.0 - (1.0 - alone) * (1.0 - hit);
        match &self.quiet[link as usize] {
            // Nothing was lost on it: its rate is summed out.
            Some(quiet) => libm::log(1.0 - prior + prior * self.quiet_odds(quiet)),
            None if hit == 0.0 => 0.0,
            None if self.failed(link) => libm::log(prior),
            None => libm::log1p(-prior),
        }
    }

    /// Whether a black hole is there.
    pub(super) fn has_hole(&self, h: usize) -> bool {
        self.hole_on[h]
    }

    /// Puts a black hole there, or takes it away.
    pub(super) fn set_hole(&mut self, h: usize, on: bool) {
        let before = std::mem::replace(&mut self.hole_on[h], on);
        for f in &self.problem.holes[h].swallowed {
            let swallowed = &mut self.fit.swallowed[*f as usize];
            *swallowed = *swallowed + u16::from(on) - u16::from(before);
        }
    }

    /// Log odds of a black hole, given all else.
    pub(super) fn hole_log_odds(&self, h: usize) -> f64 {
        let hole = &self.problem.holes[h];
        let own = u16::from(self.hole_on[h]);
        // What it alone swallows needs no other cause.
        let alone = |f: &&u32| self.fit.swallowed[**f as usize] == own;
        let saved: f64 =
            hole.swallowed.iter().filter(alone).map(|f| -self.fit.unswallowed(*f as usize)).sum();
        hole.log_odds + hole.log_penalty + saved
    }

    /// Draws whether a black hole is there. Returns its probability.
    fn draw_hole(&mut self, h: usize, stream: &mut Stream) -> f64 {
        let p = 1.0 / (1.0 + libm::exp(-self.hole_log_odds(h)));
        self.set_hole(h, stream.random::<f64>() < p);
        p
    }

    /// Draws whether something unknown hits a share of the flows. Returns its probability.
    fn draw_unknown(&mut self, stream: &mut Stream) -> f64 {
        let mut logs = [0.0; UNKNOWN_SHARES.len() + 1];
        for (log, (gain, _)) in logs[1..].iter_mut().zip(self.fit.unknown_gains()) {
            *log = LOG_ODDS_UNKNOWN - libm::log(UNKNOWN_SHARES.len() as f64) + gain;
        }
        let weights = normalised(logs);
        self.fit.unknown = pick(&weights, stream).checked_sub(1).map(|s| s as u8);
        1.0 - weights[0]
    }

    /// Runs the chain, from the state that it is in on.
    pub fn run(&mut self, length: Length, stream: &mut Stream) -> Averages {
        let links = self.problem.links;
        let all: Vec<Link> = (0..links as Link).filter(|l| self.quiet[*l as usize].is_none()).collect();
        let mut first = Averages::sized(self.problem);
        for sweep in 0..length.forgotten {
            if sweep * 2 == length.forgotten {
                first = Averages::sized(self.problem);
            }
            self.sweep(&all, stream, &mut first);
        }
        first.finish();
        let few: Vec<Link> =
            all.iter().copied().filter(|l| first.alone[*l as usize] >= IN_THE_GAME).collect();
        let mut averages = Averages::sized(self.problem);
        for sweep in 0..length.kept {
            if sweep % ALL_LINKS == 0 {
                self.sweep(&all, stream, &mut averages);
                continue;
            }
            // Those that have failed now are drawn too; averages know that others were not.
            let failed = |l: &&Link| is_failed(self.fit.value[**l as usize]);
            let mut links: Vec<Link> = few.iter().chain(all.iter().filter(failed)).copied().collect();
            links.sort_unstable();
            links.dedup();
            self.sweep(&links, stream, &mut averages);
        }
        averages.finish();
        for (l, quiet) in self.quiet.iter().enumerate() {
            if let Some(quiet) = quiet {
                let (prior, odds) = (self.singles.one_more(self.alone), self.quiet_odds(quiet));
                averages.alone[l] = prior * odds / (1.0 - prior + prior * odds);
            }
        }
        averages
    }

    fn sweep(&mut self, links: &[Link], stream: &mut Stream, averages: &mut Averages) {
        for &link in links {
            let had_failed = is_failed(self.fit.value[link as usize]);
            averages.see(link, had_failed, &self.draw(link, stream));
        }
        for &link in links {
            if is_failed(self.fit.value[link as usize])
                && let Some(other) = self.companion(link, stream)
            {
                self.swap(link, other, stream);
            }
        }
        let unnamed = self.sweep_events(stream, averages);
        for h in 0..self.problem.holes.len() {
            averages.holes[h] += self.draw_hole(h, stream);
        }
        let hit = self.draw_unknown(stream);
        if self.problem.healthy.is_none() {
            let lossy = self.fit.value.iter().zip(&self.quiet).filter(|(_, quiet)| quiet.is_none());
            self.usual.draw(lossy.map(|(v, _)| *v), &mut self.fit.rates, stream);
        }
        let common = self.singles.unnamed(self.alone);
        let named = (1.0 - hit) * (1.0 - common) * (1.0 - unnamed);
        averages.unknown += 1.0 - named;
        averages.states += 1;
        averages.healthy += self.fit.rates.mean();
        let state = self.state();
        averages.none += if state.is_whole() { named } else { 0.0 };
        *averages.sets.entry(state).or_default() += 1;
    }

    /// What has failed now.
    fn state(&self) -> State {
        let on = |e: &u32| self.event_on[*e as usize].is_some();
        let unnamed = |e: &u32| matches!(self.problem.events[*e as usize].kind, Kind::Unnamed(_));
        let events: Vec<u32> = (0..self.event_on.len() as u32).filter(on).collect();
        let common = self.singles.unnamed(self.alone) > 0.5 || events.iter().any(unnamed);
        let links = 0..if self.problem.single { self.problem.links as Link } else { 0 };
        State {
            links: links.filter(|l| self.is_alone(*l)).collect(),
            events: events.into_iter().filter(|e| !unnamed(e)).collect(),
            holes: (0..self.hole_on.len() as u32).filter(|h| self.hole_on[*h as usize]).collect(),
            unknown: self.fit.unknown.is_some() || common,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flows::Report;
    use super::super::rates::{MEANS, Rates};
    use super::super::topology::{Fabric, Paths};
    use super::*;
    use engine::{Purpose, Seeds};
    use twin::EntityKey;

    /// Rates of three links in a row by all their values, for each mean of healthy links: what the chain's averages must
    /// come to. Means come with what the other links say about them.
    fn enumerated(flows: &Flows, means: &[(f64, f64)], singles: &Singles, links: [Link; 3]) -> [f64; 3] {
        let mut all = ([0.0; 3], 0.0);
        for (mean, weight) in means {
            let (sums, total) = with_mean(flows, &Rates::new(*mean), singles, links);
            all.0.iter_mut().zip(sums).for_each(|(s, more)| *s += weight * more);
            all.1 += weight * total;
        }
        all.0.map(|s| s / all.1)
    }

    fn with_mean(flows: &Flows, rates: &Rates, singles: &Singles, links: [Link; 3]) -> ([f64; 3], f64) {
        let kinds = |v: [usize; 3]| v.map(|v| v >= HEALTHY);
        let (mut sums, mut total) = ([0.0; 3], 0.0);
        for i in 0..VALUES * VALUES * VALUES {
            let v = [i / (VALUES * VALUES), i / VALUES % VALUES, i % VALUES];
            let failed = kinds(v);
            let mut log = singles.log_weight(failed.iter().filter(|f| **f).count());
            for (link, v) in links.iter().zip(v) {
                log += rates.log_prior[v] + flows.delivered[*link as usize] * rates.log_pass[v];
            }
            for lossy in &flows.lossy {
                let on = |l: &Link| lossy.routes.path(0).any(|p| p == *l);
                let pass: f64 =
                    links.iter().zip(v).filter(|(l, _)| on(l)).map(|(_, v)| rates.log_pass[v]).sum();
                log += lossy.lost * libm::log(-libm::expm1(pass));
            }
            let weight = libm::exp(log);
            total += weight;
            sums.iter_mut().zip(failed).for_each(|(s, f)| *s += if f { weight } else { 0.0 });
        }
        (sums, total)
    }

    /// Means of healthy links, equally probable in the logarithm, by what links without a loss say about them.
    fn means(flows: &Flows, lossy: [Link; 3]) -> Vec<(f64, f64)> {
        let others = (0u32..).zip(&flows.delivered).filter(|(l, _)| !lossy.contains(l));
        let others: Vec<f64> = others.map(|(_, delivered)| *delivered).collect();
        let (low, high) = (libm::log(MEANS.0), libm::log(MEANS.1));
        let mean = |i: i32| libm::exp(low + (high - low) * (f64::from(i) + 0.5) / 100.0);
        let weight = |m: f64| others.iter().map(|d| 1.0 / (1.0 + m * d)).product();
        (0..100).map(mean).map(|m| (m, weight(m))).collect()
    }

    #[test]
    fn averages_of_the_chain_are_those_of_full_enumeration() {
        let links = [(0, 1), (1, 2), (2, 3), (9, 0), (3, 8)];
        let both: Vec<(u32, u32)> = links.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        let fabric = Fabric::new(&both);
        let link = |a, b| fabric.link(fabric.node(a).unwrap(), fabric.node(b).unwrap()).unwrap();
        let report = |src, dst, sent, lost| Report { src, dst, path: Some(0), sent, lost };
        // Two of the three may explain the losses; the more of the second crosses unharmed the less.
        for (sent, lost) in [(60, 2), (400, 2), (40, 5)] {
            let reports = [
                report(0, 2, 90, lost),
                report(0, 1, sent, 1),
                report(1, 3, 2 * sent, 1),
                report(1, 2, sent, 0),
                report(2, 3, 300, 0),
                report(0, 3, 50, 1),
            ];
            let flows = Flows::compile(&fabric, &mut Paths::new(&fabric), &reports, false);
            let inner = [link(0, 1), link(1, 2), link(2, 3)];
            let singles = Singles::new(fabric.link_count(), true);
            // A mean that is not known moves slowly over a range that three links leave wide.
            let known = (Some(1e-4), vec![(1e-4, 1.0)], 20_000, 0.02);
            let learnt = (None, means(&flows, inner), 40_000, 0.035);
            for (healthy, means, kept, margin) in [known, learnt] {
                let exact = enumerated(&flows, &means, &singles, inner);
                let problem = Problem {
                    flows: &flows,
                    events: &[],
                    holes: &[],
                    links: fabric.link_count(),
                    single: true,
                    counted: &[],
                    healthy,
                };
                let mut chain = Chain::new(&problem);
                let mut stream =
                    Seeds::new(3).trial(0).stream(Purpose::new("chain"), &EntityKey::new("test"));
                let found = chain.run(Length { forgotten: 200, kept }, &mut stream);
                for (link, exact) in inner.iter().zip(exact) {
                    let got = found.alone[*link as usize];
                    let place = format!("{sent}, {lost}, link {link}, {healthy:?}");
                    assert!((got - exact).abs() < margin, "{place}: {got} {exact}");
                }
            }
        }
    }
}
