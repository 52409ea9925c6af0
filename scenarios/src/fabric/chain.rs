//! The sampler: one state of the fabric after another, each as often as it is probable.
//!
//! A step draws one link's rate given all others (Gibbs), swaps the rates of two links that explain the same flow, turns an
//! event, a black hole or the unknown on or off, or draws what the healthy links lose on average. After some sweeps over all
//! links only those go on that might have failed. Probabilities are averages of conditional ones (Rao–Blackwell), so that
//! small ones are known too.

use engine::Stream;
use rand::RngExt;

use super::events::{EXPECTED_LINKS, Event, SHARES, share};
use super::flows::{Flows, Lossy};
use super::holes::Hole;
use super::log_sum_exp;
use super::rates::{HEALTHY, Rates, VALUES, is_failed};
use super::topology::Link;

/// Prior log odds that something is wrong which no hypothesis names.
const LOG_ODDS_UNKNOWN: f64 = -4.6; // 1 %
/// Shares of flows that an unknown cause may hit, from one in 10^5 to one in ten.
const UNKNOWN_SHARES: [f64; 9] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1];
/// A link stays in the game while its mean probability is at least this.
const IN_THE_GAME: f64 = 1e-5;

/// How long a chain runs.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Sweeps over all links, of which the first half is forgotten.
    pub all: usize,
    /// Sweeps over those that might have failed.
    pub few: usize,
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
    /// Which hypotheses beyond links, events and holes there are: with `false` nothing is unknown.
    pub unknown: bool,
}

/// Where one link stands on one path of one lossy flow.
#[derive(Clone, Copy, Debug)]
struct Use {
    flow: u32,
    path: u32,
}

/// A state of the fabric, and what is needed to change it quickly.
pub struct Chain<'a> {
    problem: &'a Problem<'a>,
    rates: Rates,
    value: Vec<u16>,
    /// For each link, its uses by lossy flows.
    uses: Vec<Vec<Use>>,
    /// For each lossy flow and path, Σ ln(1 − x).
    pass: Vec<Vec<f64>>,
    instead: Vec<Vec<f64>>,
    instead_uses: Vec<Vec<Use>>,
    hidden: Hidden,
    event_on: Vec<Option<u8>>,
    events_of: Vec<Vec<u32>>,
    hole_on: Vec<bool>,
    swallowed: Vec<u32>,
    unknown: Option<u8>,
    /// log ∫ of a lossy flow's chance under an unknown cause.
    unknown_flow: Vec<f64>,
    /// Expected number of single failed links.
    expected: f64,
    /// What was seen of the link is summed up in `quiet`: it is on no lossy flow's path.
    is_quiet: Vec<bool>,
}

/// What flows of unknown path without loss say about each link: for each share of paths that it is on, sizes and counts.
#[derive(Debug, Default)]
struct Hidden {
    by_link: Vec<Vec<(f64, Vec<(f64, f64)>)>>,
}

impl Hidden {
    fn new(flows: &Flows, links: usize) -> Self {
        type Sizes = std::collections::BTreeMap<u64, f64>;
        let mut by_link: Vec<std::collections::BTreeMap<u64, Sizes>> = vec![Default::default(); links];
        for group in &flows.hidden {
            let mut on = std::collections::BTreeMap::<Link, f64>::new();
            for link in group.paths.iter().flatten() {
                *on.entry(*link).or_default() += 1.0 / group.paths.len() as f64;
            }
            for (link, part) in on {
                // Links on every path are counted exactly, with what they delivered.
                if part < 1.0 - 1e-9 {
                    let sizes = by_link[link as usize].entry(part.to_bits()).or_default();
                    group.sizes.iter().for_each(|(size, n)| *sizes.entry(size.to_bits()).or_default() += n);
                }
            }
        }
        let plain = |sizes: &Sizes| sizes.iter().map(|(s, n)| (f64::from_bits(*s), *n)).collect();
        let parts = |m: &std::collections::BTreeMap<u64, Sizes>| {
            m.iter().map(|(part, sizes)| (f64::from_bits(*part), plain(sizes))).collect()
        };
        Self { by_link: by_link.iter().map(parts).collect() }
    }

    /// Log-likelihood of a link's rate, other links being healthy.
    fn log_likelihood(&self, link: usize, log_pass: f64) -> f64 {
        let term = |part: f64, size: f64| libm::log1p(part * libm::expm1(size * log_pass));
        self.by_link[link]
            .iter()
            .flat_map(|(part, sizes)| sizes.iter().map(move |(s, n)| n * term(*part, *s)))
            .sum()
    }
}

/// Averages over the states of a chain.
#[derive(Clone, Debug, Default)]
pub struct Averages {
    /// Probability that each link failed on its own.
    pub alone: Vec<f64>,
    /// Probability that each link failed, alone or by an event.
    pub failed: Vec<f64>,
    /// Probability of each event.
    pub events: Vec<f64>,
    /// Probability of each hole.
    pub holes: Vec<f64>,
    /// Probability that something unknown is wrong.
    pub unknown: f64,
    /// Probability that nothing is wrong.
    pub none: f64,
    /// For each link the log-weights of its rate when failed: mean and square of ln rate, with the weight.
    pub log_rate: Vec<(f64, f64, f64)>,
    /// How often each set of failures was visited.
    pub sets: std::collections::BTreeMap<State, u32>,
    /// States that were averaged.
    pub states: u32,
    /// Mean loss rate of healthy links.
    pub healthy: f64,
}

/// A set of failures: links that failed alone, events, holes, and whether the unknown is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// Links that failed on their own.
    pub links: Vec<Link>,
    /// Events by position.
    pub events: Vec<u32>,
    /// Holes by position.
    pub holes: Vec<u32>,
    /// Something that has no name.
    pub unknown: bool,
}

fn sigmoid(log_odds: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-log_odds))
}

/// ln(1 − exp(pass)): the chance of losing a packet on a path.
fn log_loss(pass: f64) -> f64 {
    libm::log(-libm::expm1(pass))
}

impl<'a> Chain<'a> {
    /// A fabric in which nothing has failed.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        let flows = problem.flows;
        let mean = if flows.sent > 0.0 { flows.lost / flows.sent / flows.hops.max(1.0) } else { 1e-5 };
        // Half of the losses may be due to failures: what is left is learnt.
        let rates = Rates::new((mean * 0.5).max(1e-6));
        let usual = rates.usual();
        let (uses, is_quiet) = uses(problem.links, flows.lossy.iter().map(|f| &f.paths));
        let (instead_uses, _) = uses_only(problem.links, flows.lossy.iter().map(|f| &f.instead_of));
        let pass = |paths: &Vec<Vec<Link>>| -> Vec<f64> {
            paths.iter().map(|p| p.len() as f64 * rates.log_pass[usual as usize]).collect()
        };
        let mut events_of = vec![Vec::new(); problem.links];
        for (i, event) in problem.events.iter().enumerate() {
            event.links.iter().for_each(|l| events_of[*l as usize].push(i as u32));
        }
        let unknown_flow = flows.lossy.iter().map(|f| rates.log_failed(f.delivered, f.lost)).collect();
        Self {
            problem,
            value: vec![usual; problem.links],
            uses,
            pass: flows.lossy.iter().map(|f| pass(&f.paths)).collect(),
            instead: flows.lossy.iter().map(|f| pass(&f.instead_of)).collect(),
            instead_uses,
            hidden: Hidden::new(flows, problem.links),
            event_on: vec![None; problem.events.len()],
            events_of,
            hole_on: vec![false; problem.holes.len()],
            swallowed: vec![0; flows.lossy.len()],
            unknown: None,
            unknown_flow,
            expected: EXPECTED_LINKS,
            is_quiet,
            rates,
        }
    }

    /// Log-likelihood of one lossy flow, without what its path delivered where that is known.
    fn flow(&self, flow: usize, pass: &[f64], instead: &[f64]) -> f64 {
        if self.swallowed[flow] > 0 {
            return 0.0;
        }
        let lossy = &self.problem.flows.lossy[flow];
        let term = mixture(lossy, pass) - if instead.is_empty() { 0.0 } else { full_mixture(lossy, instead) };
        match self.unknown {
            None => term,
            Some(i) => {
                let share = UNKNOWN_SHARES[usize::from(i)];
                log_sum_exp(&[libm::log1p(-share) + term, libm::log(share) + self.unknown_flow[flow]])
            }
        }
    }

    fn flow_now(&self, flow: usize) -> f64 {
        self.flow(flow, &self.pass[flow], &self.instead[flow])
    }

    /// Lossy flows that a link may be on, each once.
    fn flows_of(&self, link: Link) -> Vec<u32> {
        let mut flows: Vec<_> = self.uses[link as usize]
            .iter()
            .chain(&self.instead_uses[link as usize])
            .map(|u| u.flow)
            .collect();
        flows.dedup();
        flows.sort_unstable();
        flows.dedup();
        flows
    }

    /// Log-likelihood of each value of a link's rate, given all others.
    fn likelihoods(&self, link: Link, flows: &[u32]) -> [f64; VALUES] {
        let l = link as usize;
        let now = self.rates.log_pass[usize::from(self.value[l])];
        let (mut pass, mut instead) = (Vec::new(), Vec::new());
        let mut all = [0.0; VALUES];
        for (v, total) in all.iter_mut().enumerate() {
            let new = self.rates.log_pass[v];
            *total = self.problem.flows.delivered[l] * new;
            if !self.hidden.by_link[l].is_empty() {
                *total += self.hidden.log_likelihood(l, new);
            }
        }
        for &flow in flows {
            let f = flow as usize;
            for (v, total) in all.iter_mut().enumerate() {
                let shift = self.rates.log_pass[v] - now;
                pass.clone_from(&self.pass[f]);
                shifted(&mut pass, &self.uses[l], flow, shift);
                instead.clone_from(&self.instead[f]);
                shifted(&mut instead, &self.instead_uses[l], flow, shift);
                *total += self.flow(f, &pass, &instead);
            }
        }
        all
    }

    fn set(&mut self, link: Link, value: u16) {
        let l = link as usize;
        let shift = self.rates.log_pass[usize::from(value)] - self.rates.log_pass[usize::from(self.value[l])];
        self.value[l] = value;
        self.uses[l].iter().for_each(|u| self.pass[u.flow as usize][u.path as usize] += shift);
        self.instead_uses[l].iter().for_each(|u| self.instead[u.flow as usize][u.path as usize] += shift);
    }

    /// Prior probability that a link fails on its own.
    fn alone(&self) -> f64 {
        (self.expected / self.problem.links as f64).min(0.5)
    }

    /// Prior probability that a link fails, given the events that are on but one.
    fn prior(&self, link: Link, without: Option<usize>) -> f64 {
        let on = self.events_of[link as usize].iter().filter(|e| Some(**e as usize) != without);
        let spared: f64 =
            on.filter_map(|e| self.event_on[*e as usize]).map(|s| 1.0 - share(usize::from(s))).product();
        1.0 - (1.0 - self.alone()) * spared
    }

    /// Draws a link's rate; returns the probabilities that it failed, and that it did so alone, and the log weights of its
    /// rate.
    fn draw(&mut self, link: Link, flows: &[u32], stream: &mut Stream) -> Drawn {
        let mut logs = self.likelihoods(link, flows);
        let prior = self.prior(link, None);
        for (v, log) in logs.iter_mut().enumerate() {
            let kind = if v < HEALTHY { libm::log1p(-prior) } else { libm::log(prior) };
            *log += kind + self.rates.log_prior[v];
        }
        let total = log_sum_exp(&logs);
        let weights = logs.map(|l| libm::exp(l - total));
        let failed: f64 = weights[HEALTHY..].iter().sum();
        let mut left = stream.random::<f64>();
        let mut value = VALUES - 1;
        for (v, weight) in weights.iter().enumerate() {
            left -= weight;
            if left <= 0.0 {
                value = v;
                break;
            }
        }
        self.set(link, value as u16);
        let rate = |power: i32| -> f64 {
            let failed_values = HEALTHY..VALUES;
            failed_values.map(|v| weights[v] * libm::log(self.rates.value[v]).powi(power)).sum()
        };
        Drawn { failed, alone: failed * self.alone() / prior, rate: (rate(1), rate(2), failed) }
    }

    /// Swaps the rates of two links that explain the same flow, if that is likely enough.
    fn swap(&mut self, a: Link, b: Link, stream: &mut Stream) {
        let (x, y) = (self.value[a as usize], self.value[b as usize]);
        if x == y {
            return;
        }
        let mut flows: Vec<_> = self.flows_of(a).into_iter().chain(self.flows_of(b)).collect();
        flows.sort_unstable();
        flows.dedup();
        let score = |chain: &Self| {
            let own = |link: Link| {
                let (l, v) = (link as usize, usize::from(chain.value[link as usize]));
                let prior = chain.prior(link, None);
                let kind = if v < HEALTHY { libm::log1p(-prior) } else { libm::log(prior) };
                let pass = chain.rates.log_pass[v];
                kind + chain.problem.flows.delivered[l] * pass + chain.hidden.log_likelihood(l, pass)
            };
            own(a) + own(b) + flows.iter().map(|f| chain.flow_now(*f as usize)).sum::<f64>()
        };
        let before = score(self);
        self.set(a, y);
        self.set(b, x);
        if score(self) - before < libm::log(stream.f64_open()) {
            self.set(a, x);
            self.set(b, y);
        }
    }

    /// Draws whether an event happened, and to what share of its links. Returns its probability.
    fn draw_event(&mut self, e: usize, stream: &mut Stream) -> f64 {
        let event = &self.problem.events[e];
        let on = |link: Link| !self.is_quiet[link as usize] && is_failed(self.value[link as usize]);
        if !event.links.iter().any(|l| on(*l)) && self.event_on[e].is_none() {
            return 0.0;
        }
        let mut logs = [0.0; SHARES + 1];
        for &link in &event.links {
            let base = self.prior(link, Some(e));
            let quiet = self.is_quiet[link as usize].then(|| self.quiet_odds(link));
            for (i, log) in logs.iter_mut().enumerate() {
                let spared = if i == 0 { 1.0 } else { 1.0 - share(i - 1) };
                let prior = 1.0 - (1.0 - base) * spared;
                *log += match quiet {
                    // Nothing was lost on it: its rate is summed out.
                    Some(odds) => libm::log(1.0 - prior + prior * odds),
                    None if is_failed(self.value[link as usize]) => libm::log(prior),
                    None => libm::log1p(-prior),
                };
            }
        }
        for (i, weight) in event.log_share.iter().enumerate() {
            logs[i + 1] += event.log_odds + weight;
        }
        let total = log_sum_exp(&logs);
        let mut left = stream.random::<f64>();
        self.event_on[e] = None;
        for (i, log) in logs.iter().enumerate() {
            left -= libm::exp(log - total);
            if left <= 0.0 {
                self.event_on[e] = i.checked_sub(1).map(|s| s as u8);
                break;
            }
        }
        1.0 - libm::exp(logs[0] - total)
    }

    /// How much likelier a link without a loss makes its flows if it failed than if it is healthy.
    fn quiet_odds(&self, link: Link) -> f64 {
        let l = link as usize;
        let sum = |from: usize, to: usize| {
            let terms: Vec<f64> = (from..to)
                .map(|v| {
                    let pass = self.rates.log_pass[v];
                    self.rates.log_prior[v]
                        + self.problem.flows.delivered[l] * pass
                        + self.hidden.log_likelihood(l, pass)
                })
                .collect();
            log_sum_exp(&terms)
        };
        libm::exp(sum(HEALTHY, VALUES) - sum(0, HEALTHY))
    }

    /// Draws whether a black hole is there. Returns its probability.
    fn draw_hole(&mut self, h: usize, stream: &mut Stream) -> f64 {
        let hole = &self.problem.holes[h];
        if std::mem::take(&mut self.hole_on[h]) {
            hole.swallowed.iter().for_each(|f| self.swallowed[*f as usize] -= 1);
        }
        // What it swallows needs no other cause.
        let saved: f64 = hole.swallowed.iter().map(|f| -self.flow_now(*f as usize)).sum();
        let p = sigmoid(hole.log_odds + hole.log_penalty + saved);
        if stream.random::<f64>() < p {
            self.hole_on[h] = true;
            hole.swallowed.iter().for_each(|f| self.swallowed[*f as usize] += 1);
        }
        p
    }

    /// Draws whether something unknown hits a share of the flows. Returns its probability.
    fn draw_unknown(&mut self, stream: &mut Stream) -> f64 {
        let flows = self.problem.flows;
        let mut logs = [0.0; UNKNOWN_SHARES.len() + 1];
        for (i, log) in logs.iter_mut().enumerate() {
            self.unknown = i.checked_sub(1).map(|s| s as u8);
            *log = (0..flows.lossy.len()).map(|f| self.flow_now(f)).sum();
            if let Some(share) = i.checked_sub(1).map(|s| UNKNOWN_SHARES[s]) {
                let spared = |(size, n): &(f64, f64)| {
                    n * libm::log1p(share * libm::expm1(self.rates.log_failed(*size, 0.0)))
                };
                *log += LOG_ODDS_UNKNOWN - libm::log(UNKNOWN_SHARES.len() as f64)
                    + flows.clean_sizes.iter().map(spared).sum::<f64>();
            }
        }
        let total = log_sum_exp(&logs);
        let mut left = stream.random::<f64>();
        self.unknown = None;
        for (i, log) in logs.iter().enumerate() {
            left -= libm::exp(log - total);
            if left <= 0.0 {
                self.unknown = i.checked_sub(1).map(|s| s as u8);
                break;
            }
        }
        1.0 - libm::exp(logs[0] - total)
    }

    /// Draws the mean loss of healthy links given the losses, and the expected number of single failures.
    fn draw_means(&mut self, stream: &mut Stream) {
        let sampled = (0..self.problem.links).filter(|l| !self.is_quiet[*l] && !is_failed(self.value[*l]));
        let (mut n, mut sum) = (0.0, 0.0);
        for l in sampled {
            n += 1.0;
            sum += self.rates.value[usize::from(self.value[l])];
        }
        // Links without a loss are healthy, with the mean that is left to them by what they delivered.
        for l in (0..self.problem.links).filter(|l| self.is_quiet[*l]) {
            n += 1.0;
            sum += 1.0 / (1.0 / self.rates.mean() + self.problem.flows.delivered[l]);
        }
        if n > 0.0 {
            // Gamma(n, sum) is close to normal for that many links.
            let relative = 1.0 + normal(stream) / libm::sqrt(n);
            let mean = sum / n / relative.max(0.2);
            self.rates.set_mean(mean);
        }
        let alone = |l: &usize| {
            !self.is_quiet[*l]
                && is_failed(self.value[*l])
                && self.prior(*l as Link, None) <= 2.0 * self.alone()
        };
        let k = (0..self.problem.links).filter(alone).count();
        // Poisson with an exponential prior of mean EXPECTED_LINKS: the sum of k + 1 exponentials.
        let gamma: f64 = (0..=k).map(|_| stream.exp()).sum();
        self.expected = gamma / (1.0 + 1.0 / EXPECTED_LINKS);
    }

    /// Runs the chain.
    pub fn run(&mut self, length: Length, stream: &mut Stream) -> Averages {
        let links = self.problem.links;
        let candidates: Vec<Link> = (0..links as Link).filter(|l| !self.is_quiet[*l as usize]).collect();
        let flows: Vec<Vec<u32>> = (0..links as Link).map(|l| self.flows_of(l)).collect();
        let mut first = Averages::sized(self.problem);
        for sweep in 0..length.all {
            let mut seen = Averages::sized(self.problem);
            self.sweep(&candidates, &flows, stream, &mut seen);
            if sweep >= length.all / 2 {
                first.add(&seen);
            }
        }
        let kept = f64::from(first.states.max(1));
        let few: Vec<Link> = candidates
            .iter()
            .copied()
            .filter(|l| first.failed[*l as usize] / kept >= IN_THE_GAME || is_failed(self.value[*l as usize]))
            .collect();
        let mut averages = Averages::sized(self.problem);
        for _ in 0..length.few {
            self.sweep(&few, &flows, stream, &mut averages);
        }
        averages.finish();
        first.finish();
        for l in (0..links).filter(|l| few.binary_search(&(*l as Link)).is_err()) {
            let p = if self.is_quiet[l] {
                self.quiet_probability(l as Link)
            } else {
                (first.failed[l], first.alone[l])
            };
            (averages.failed[l], averages.alone[l]) = p;
        }
        averages
    }

    /// The probability that a link without a loss failed all the same.
    fn quiet_probability(&self, link: Link) -> (f64, f64) {
        let (prior, odds) = (self.alone(), self.quiet_odds(link));
        let p = prior * odds / (1.0 - prior + prior * odds);
        (p, p)
    }

    fn sweep(&mut self, links: &[Link], flows: &[Vec<u32>], stream: &mut Stream, averages: &mut Averages) {
        for &link in links {
            let drawn = self.draw(link, &flows[link as usize], stream);
            averages.see(link, &drawn);
        }
        for &link in links {
            if is_failed(self.value[link as usize])
                && let Some(other) = self.companion(link, &flows[link as usize], stream)
            {
                self.swap(link, other, stream);
            }
        }
        for e in 0..self.problem.events.len() {
            averages.events[e] += self.draw_event(e, stream);
        }
        for h in 0..self.problem.holes.len() {
            averages.holes[h] += self.draw_hole(h, stream);
        }
        if self.problem.unknown {
            averages.unknown += self.draw_unknown(stream);
        }
        self.draw_means(stream);
        averages.states += 1;
        averages.healthy += self.rates.mean();
        let state = self.state(links);
        averages.none += f64::from(u8::from(state == State::default()));
        *averages.sets.entry(state).or_default() += 1;
    }

    /// Another link on a path of a flow that this one explains.
    fn companion(&self, link: Link, flows: &[u32], stream: &mut Stream) -> Option<Link> {
        let flow = *flows.get(stream.random_range(0..flows.len().max(1)))?;
        let paths = &self.problem.flows.lossy[flow as usize].paths;
        let path = paths.get(stream.random_range(0..paths.len()))?;
        let other = *path.get(stream.random_range(0..path.len()))?;
        (other != link).then_some(other)
    }

    /// What has failed now.
    fn state(&self, links: &[Link]) -> State {
        let covered =
            |l: &Link| self.events_of[*l as usize].iter().any(|e| self.event_on[*e as usize].is_some());
        State {
            links: links
                .iter()
                .copied()
                .filter(|l| is_failed(self.value[*l as usize]) && !covered(l))
                .collect(),
            events: (0..self.event_on.len() as u32)
                .filter(|e| self.event_on[*e as usize].is_some())
                .collect(),
            holes: (0..self.hole_on.len() as u32).filter(|h| self.hole_on[*h as usize]).collect(),
            unknown: self.unknown.is_some(),
        }
    }
}

/// What a draw of a link's rate said.
struct Drawn {
    failed: f64,
    alone: f64,
    rate: (f64, f64, f64),
}

impl Averages {
    fn sized(problem: &Problem<'_>) -> Self {
        Self {
            alone: vec![0.0; problem.links],
            failed: vec![0.0; problem.links],
            events: vec![0.0; problem.events.len()],
            holes: vec![0.0; problem.holes.len()],
            log_rate: vec![(0.0, 0.0, 0.0); problem.links],
            ..Self::default()
        }
    }

    fn see(&mut self, link: Link, drawn: &Drawn) {
        let l = link as usize;
        self.failed[l] += drawn.failed;
        self.alone[l] += drawn.alone;
        let rate = &mut self.log_rate[l];
        *rate = (rate.0 + drawn.rate.0, rate.1 + drawn.rate.1, rate.2 + drawn.rate.2);
    }

    /// Adds sums that have not been finished.
    fn add(&mut self, other: &Self) {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(x, y)| *x += y);
        add(&mut self.failed, &other.failed);
        add(&mut self.alone, &other.alone);
        add(&mut self.events, &other.events);
        add(&mut self.holes, &other.holes);
        self.states += other.states;
    }

    /// Sums become means.
    fn finish(&mut self) {
        let n = f64::from(self.states.max(1));
        let lists = [&mut self.failed, &mut self.alone, &mut self.events, &mut self.holes];
        lists.into_iter().flatten().for_each(|p| *p /= n);
        self.unknown /= n;
        self.none /= n;
        self.healthy /= n;
    }
}

/// log of the mean over a flow's paths of its chance; of a single path without what it delivered, which is kept by link.
fn mixture(lossy: &Lossy, pass: &[f64]) -> f64 {
    match pass {
        [one] => lossy.lost * log_loss(*one),
        _ => full_mixture(lossy, pass),
    }
}

fn full_mixture(lossy: &Lossy, pass: &[f64]) -> f64 {
    let terms: Vec<f64> = pass.iter().map(|p| lossy.delivered * p + lossy.lost * log_loss(*p)).collect();
    log_sum_exp(&terms) - libm::log(pass.len() as f64)
}

fn shifted(pass: &mut [f64], uses: &[Use], flow: u32, shift: f64) {
    uses.iter().filter(|u| u.flow == flow).for_each(|u| pass[u.path as usize] += shift);
}

fn uses_only<'a>(
    links: usize,
    flows: impl Iterator<Item = &'a Vec<Vec<Link>>>,
) -> (Vec<Vec<Use>>, Vec<bool>) {
    let mut uses = vec![Vec::new(); links];
    for (flow, paths) in (0u32..).zip(flows) {
        for (path, links) in (0u32..).zip(paths) {
            links.iter().for_each(|l| uses[*l as usize].push(Use { flow, path }));
        }
    }
    let quiet = uses.iter().map(Vec::is_empty).collect();
    (uses, quiet)
}

fn uses<'a>(links: usize, flows: impl Iterator<Item = &'a Vec<Vec<Link>>>) -> (Vec<Vec<Use>>, Vec<bool>) {
    uses_only(links, flows)
}

/// A standard normal number (Box and Muller, 1958).
fn normal(stream: &mut Stream) -> f64 {
    let radius = libm::sqrt(2.0 * stream.exp());
    radius * libm::cos(std::f64::consts::TAU * stream.f64_open())
}
