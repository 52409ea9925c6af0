//! The sampler: one state of the fabric after another, each as often as it is probable.
//!
//! A step draws one link's rate given all others (Gibbs), swaps the rates of two links that explain the same flow, turns an
//! event, a black hole or the unknown on or off, exchanges two events that share links, or draws what the healthy links
//! lose on average. After some sweeps over all links most sweeps go over those alone that might have failed.

use engine::Stream;
use rand::RngExt;

use super::averages::{Averages, Drawn, State, add};
use super::events::{EXPECTED_LINKS, Event, SHARES, share};
use super::fit::{Fit, UNKNOWN_SHARES};
use super::flows::Flows;
use super::holes::Hole;
use super::rates::{FAILED, HEALTHY, VALUES, is_failed};
use super::topology::Link;

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
}

/// A link without a loss: its rate is summed out.
#[derive(Clone, Debug)]
struct Quiet {
    /// Likelihood of each healthy value.
    healthy: [f64; HEALTHY],
    /// Likelihood of each failed value and all above it.
    above: [f64; FAILED],
}

/// A state of the fabric, and what is needed to change it quickly.
pub struct Chain<'a> {
    problem: &'a Problem<'a>,
    fit: Fit<'a>,
    event_on: Vec<Option<u8>>,
    events_of: Vec<Vec<u32>>,
    /// Of each event those about the same node, or with a link in common.
    related: Vec<Vec<u32>>,
    hole_on: Vec<bool>,
    /// Expected number of single failed links.
    expected: f64,
    /// Whether a cause without a name fails links, many at once.
    common: bool,
    quiet: Vec<Option<Quiet>>,
}

impl<'a> Chain<'a> {
    /// A fabric in which nothing has failed.
    pub fn new(problem: &'a Problem<'a>) -> Self {
        let fit = Fit::new(problem.flows, problem.links, problem.counted);
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
        Self {
            quiet: (0..problem.links as Link).map(quiet).collect(),
            problem,
            related: related(problem.events, &events_of),
            event_on: vec![None; problem.events.len()],
            events_of,
            hole_on: vec![false; problem.holes.len()],
            expected: EXPECTED_LINKS,
            common: false,
            fit,
        }
    }

    /// The rates that it came to; links without a loss have the mean that is left to them.
    pub(super) fn into_fit(mut self) -> Fit<'a> {
        let mean = self.fit.rates.mean();
        for link in (0..self.problem.links as Link).filter(|l| self.quiet[*l as usize].is_some()) {
            let left = 1.0 / (1.0 / mean + self.problem.flows.delivered[link as usize]);
            let value = self.fit.rates.nearest_healthy(left);
            self.fit.set(link, value);
        }
        self.fit
    }

    /// Prior probability that a link fails on its own.
    fn alone(&self) -> f64 {
        if self.problem.single { (self.expected / self.problem.links.max(1) as f64).min(0.5) } else { 1e-12 }
    }

    /// Prior probability that a link fails, given the events that are on but those left out.
    fn prior(&self, link: Link, without: &[u32]) -> f64 {
        let on = self.events_of[link as usize].iter().filter(|e| !without.contains(e));
        let spared: f64 =
            on.filter_map(|e| self.event_on[*e as usize]).map(|s| 1.0 - share(usize::from(s))).product();
        1.0 - (1.0 - self.alone()) * spared
    }

    /// Probability of each value of a link's rate, given all else.
    fn conditional(&self, link: Link) -> [f64; VALUES] {
        let mut logs = self.fit.values(link);
        let prior = self.prior(link, &[]);
        let kinds = [libm::log1p(-prior), libm::log(prior)];
        for (v, log) in logs.iter_mut().enumerate() {
            *log += kinds[usize::from(v >= HEALTHY)] + self.fit.rates.log_prior[v];
        }
        normalised(logs)
    }

    /// Draws a link's rate.
    fn draw(&mut self, link: Link, stream: &mut Stream) -> Drawn {
        let weights = self.conditional(link);
        let prior = self.prior(link, &[]);
        let value = pick(&weights, stream);
        self.fit.set(link, value as u16);
        let failed: f64 = weights[HEALTHY..].iter().sum();
        let (mut first, mut second) = (0.0, 0.0);
        for v in HEALTHY..VALUES {
            let log = libm::log(self.fit.rates.value[v]);
            first += weights[v] * log;
            second += weights[v] * log * log;
        }
        Drawn { alone: failed * self.alone() / prior, rate: (first, second, failed) }
    }

    /// Swaps the rates of two links that explain the same flow, if that is likely enough.
    fn swap(&mut self, a: Link, b: Link, flows: &[Vec<u32>], stream: &mut Stream) {
        let (x, y) = (self.fit.value[a as usize], self.fit.value[b as usize]);
        if x == y {
            return;
        }
        let mut shared: Vec<u32> = flows[a as usize].iter().chain(&flows[b as usize]).copied().collect();
        shared.sort_unstable();
        shared.dedup();
        let score = |chain: &Self| {
            let own = |link: Link| {
                let v = usize::from(chain.fit.value[link as usize]);
                let prior = chain.prior(link, &[]);
                let kind = if v < HEALTHY { libm::log1p(-prior) } else { libm::log(prior) };
                kind + chain.fit.own(link)[v]
            };
            own(a) + own(b) + shared.iter().map(|f| chain.fit.flow(*f as usize)).sum::<f64>()
        };
        let before = score(self);
        self.fit.set(a, y);
        self.fit.set(b, x);
        if score(self) - before < libm::log(stream.f64_open()) {
            self.fit.set(a, x);
            self.fit.set(b, y);
        }
    }

    /// How much likelier a link without a loss makes its flows if it failed than if it is healthy.
    fn quiet_odds(&self, quiet: &Quiet) -> f64 {
        let rates = &self.fit.rates;
        let failed = quiet.above[rates.floor - HEALTHY] / (VALUES - rates.floor) as f64;
        let healthy: f64 = quiet.healthy.iter().zip(&rates.healthy).map(|(l, w)| l * w).sum();
        failed / healthy.max(f64::MIN_POSITIVE)
    }

    /// Log-likelihood of a link's being failed or not with this prior.
    fn log_kind(&self, link: Link, prior: f64) -> f64 {
        match &self.quiet[link as usize] {
            // Nothing was lost on it: its rate is summed out.
            Some(quiet) => libm::log(1.0 - prior + prior * self.quiet_odds(quiet)),
            None if is_failed(self.fit.value[link as usize]) => libm::log(prior),
            None => libm::log1p(-prior),
        }
    }

    /// Whether an event might be on: it is, or one of its links has failed.
    fn might_be_on(&self, e: usize) -> bool {
        let failed = |l: &Link| self.quiet[*l as usize].is_none() && is_failed(self.fit.value[*l as usize]);
        self.event_on[e].is_some() || self.problem.events[e].links.iter().any(failed)
    }

    /// Draws whether an event happened, and to what share of its links. Returns its probability, and sums for its share.
    fn draw_event(&mut self, e: usize, stream: &mut Stream) -> (f64, (f64, f64, f64)) {
        if !self.might_be_on(e) {
            return (0.0, (0.0, 0.0, 0.0));
        }
        let event = &self.problem.events[e];
        let mut logs = log_prior(event);
        for &link in &event.links {
            let base = self.prior(link, &[e as u32]);
            for (i, log) in logs.iter_mut().enumerate() {
                *log += self.log_kind(link, 1.0 - (1.0 - base) * spared(i));
            }
        }
        let weights = normalised(logs);
        self.event_on[e] = pick(&weights, stream).checked_sub(1).map(|s| s as u8);
        let shares = (1..=SHARES).map(|i| (weights[i], share(i - 1)));
        let sums = shares.fold((0.0, 0.0, 0.0), |s, (w, x)| (s.0 + w * x, s.1 + w * x * x, s.2 + w));
        (1.0 - weights[0], sums)
    }

    /// Draws two events that share links together: each on or off, with any share. What one explains need not be given up
    /// before the other explains it.
    fn draw_pair(&mut self, a: u32, b: u32, stream: &mut Stream) {
        let (first, second) = (&self.problem.events[a as usize], &self.problem.events[b as usize]);
        const N: usize = SHARES + 1;
        let (prior_a, prior_b) = (log_prior(first), log_prior(second));
        let mut logs: [f64; N * N] = std::array::from_fn(|i| prior_a[i / N] + prior_b[i % N]);
        let mut alone = [[0.0; N]; 2];
        for (side, (event, other)) in [(first, b), (second, a)].into_iter().enumerate() {
            for &link in &event.links {
                let base = self.prior(link, &[a, b]);
                if !self.events_of[link as usize].contains(&other) {
                    let sums = alone[side].iter_mut().enumerate();
                    sums.for_each(|(i, s)| *s += self.log_kind(link, 1.0 - (1.0 - base) * spared(i)));
                } else if side == 0 {
                    for (i, log) in logs.iter_mut().enumerate() {
                        let both = spared(i / N) * spared(i % N);
                        *log += self.log_kind(link, 1.0 - (1.0 - base) * both);
                    }
                }
            }
        }
        let joint = std::array::from_fn::<f64, { N * N }, _>(|i| logs[i] + alone[0][i / N] + alone[1][i % N]);
        let picked = pick(&normalised(joint), stream);
        let on = |i: usize| i.checked_sub(1).map(|s| s as u8);
        self.event_on[a as usize] = on(picked / N);
        self.event_on[b as usize] = on(picked % N);
    }

    /// Turns one event off and a related one on, and draws the rates of all their links anew, one after another: what
    /// several links explain together cannot move to others link by link (Metropolis and Hastings; the start is the same
    /// for both ways, so that only the chance of leaving it counts).
    fn relocate(&mut self, from: usize, to: usize, stream: &mut Stream) {
        let (Some(share_from), None) = (self.event_on[from], self.event_on[to]) else { return };
        let (a, b) = (&self.problem.events[from], &self.problem.events[to]);
        let mut links: Vec<Link> = a.links.iter().chain(&b.links).copied().collect();
        links.sort_unstable();
        links.dedup();
        let old: Vec<u16> = links.iter().map(|l| self.fit.value[*l as usize]).collect();
        let before = a.log_odds + self.redrawn(&links, |i, _| usize::from(old[i]));
        let share = pick(&b.log_share.map(libm::exp), stream);
        self.event_on[from] = None;
        self.event_on[to] = Some(share as u8);
        let after = b.log_odds + self.redrawn(&links, |_, weights| pick(weights, stream));
        let ways = libm::log(self.related[from].len() as f64 / self.related[to].len() as f64);
        if after - before + ways < libm::log(stream.f64_open()) {
            self.event_on[from] = Some(share_from);
            self.event_on[to] = None;
            links.iter().zip(&old).for_each(|(link, value)| self.fit.set(*link, *value));
        }
    }

    /// From healthy links on draws one link after another. Returns the log-posterior of the start less the log-probability
    /// of staying there: what the state that is reached weighs against the chance of reaching it.
    fn redrawn(&mut self, links: &[Link], mut draw: impl FnMut(usize, &[f64; VALUES]) -> usize) -> f64 {
        let usual = self.fit.rates.usual();
        let lossy: Vec<(usize, Link)> =
            links.iter().copied().enumerate().filter(|(_, l)| self.quiet[*l as usize].is_none()).collect();
        lossy.iter().for_each(|(_, l)| self.fit.set(*l, usual));
        let mut weight: f64 = links.iter().map(|l| self.log_kind(*l, self.prior(*l, &[]))).sum();
        for (i, link) in lossy {
            let weights = self.conditional(link);
            weight -= libm::log(weights[usize::from(usual)].max(f64::MIN_POSITIVE));
            let value = draw(i, &weights);
            self.fit.set(link, value as u16);
        }
        weight
    }

    /// Another event on one of the links of this one.
    fn neighbour(&self, e: usize, stream: &mut Stream) -> Option<u32> {
        let links = &self.problem.events[e].links;
        let link = *links.get(stream.random_range(0..links.len().max(1)))?;
        let events = &self.events_of[link as usize];
        let other = *events.get(stream.random_range(0..events.len().max(1)))?;
        (other as usize != e).then_some(other)
    }

    /// Draws whether a black hole is there. Returns its probability.
    fn draw_hole(&mut self, h: usize, stream: &mut Stream) -> f64 {
        let hole = &self.problem.holes[h];
        if std::mem::take(&mut self.hole_on[h]) {
            hole.swallowed.iter().for_each(|f| self.fit.swallowed[*f as usize] -= 1);
        }
        // What it swallows needs no other cause.
        let saved: f64 = hole.swallowed.iter().map(|f| -self.fit.flow(*f as usize)).sum();
        let p = 1.0 / (1.0 + libm::exp(-(hole.log_odds + hole.log_penalty + saved)));
        if stream.random::<f64>() < p {
            self.hole_on[h] = true;
            hole.swallowed.iter().for_each(|f| self.fit.swallowed[*f as usize] += 1);
        }
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

    /// Draws the mean loss of healthy links given the losses.
    fn draw_mean(&mut self, stream: &mut Stream) {
        let (mut n, mut sum) = (0.0, 0.0);
        let mean = self.fit.rates.mean();
        for (l, quiet) in self.quiet.iter().enumerate() {
            let value = self.fit.value[l];
            if quiet.is_some() {
                // Links without a loss are healthy, with the mean that is left to them by what they delivered.
                sum += 1.0 / (1.0 / mean + self.problem.flows.delivered[l]);
                n += 1.0;
            } else if !is_failed(value) {
                sum += self.fit.rates.value[usize::from(value)];
                n += 1.0;
            }
        }
        if n > 0.0 {
            // Gamma(n, sum) is close to normal for that many links.
            let relative = 1.0 + normal(stream) / libm::sqrt(n);
            self.fit.rates.set_mean(sum / n / relative.max(0.2));
        }
    }

    /// Draws the expected number of single failures: usually about one, exponential; or, if a cause without a name fails
    /// links, log-uniform from one to all. Returns the probability of the latter.
    fn draw_expected(&mut self, stream: &mut Stream) -> f64 {
        let single = |l: usize| {
            self.quiet[l].is_none()
                && is_failed(self.fit.value[l])
                && !self.events_of[l].iter().any(|e| self.event_on[*e as usize].is_some())
        };
        let k = (0..self.problem.links).filter(|l| single(*l)).count();
        let span = libm::log(self.problem.links.max(3) as f64);
        // Poisson summed over the exponential: ½^(k+1); over the log-uniform: 1/(k·span), less for none.
        let usual = -libm::log(2.0) * (k + 1) as f64;
        let common = LOG_ODDS_UNKNOWN - libm::log(k.max(1) as f64 * span) - if k == 0 { 1.5 } else { 0.0 };
        let p = 1.0 / (1.0 + libm::exp(usual - common));
        self.common = stream.random::<f64>() < p;
        let draws = if self.common { k.max(1) } else { k + 1 };
        let gamma: f64 = (0..draws).map(|_| stream.exp()).sum();
        self.expected = if self.common { gamma } else { gamma / (1.0 + 1.0 / EXPECTED_LINKS) };
        p
    }

    /// Runs the chain.
    pub fn run(&mut self, length: Length, stream: &mut Stream) -> Averages {
        let links = self.problem.links;
        let all: Vec<Link> = (0..links as Link).filter(|l| self.quiet[*l as usize].is_none()).collect();
        let flows: Vec<Vec<u32>> = (0..links as Link).map(|l| self.fit.flows_of(l)).collect();
        let mut first = Averages::sized(self.problem);
        for sweep in 0..length.forgotten {
            if sweep * 2 == length.forgotten {
                first = Averages::sized(self.problem);
            }
            self.sweep(&all, &all, &flows, stream, &mut first);
        }
        first.finish();
        let few: Vec<Link> =
            all.iter().copied().filter(|l| first.alone[*l as usize] >= IN_THE_GAME).collect();
        let mut averages = Averages::sized(self.problem);
        for sweep in 0..length.kept {
            if sweep % ALL_LINKS == 0 {
                self.sweep(&all, &all, &flows, stream, &mut averages);
                continue;
            }
            // Those that have failed now are drawn too, but not averaged: that would favour them.
            let failed = |l: &&Link| is_failed(self.fit.value[**l as usize]);
            let mut links: Vec<Link> = few.iter().chain(all.iter().filter(failed)).copied().collect();
            links.sort_unstable();
            links.dedup();
            self.sweep(&links, &few, &flows, stream, &mut averages);
        }
        averages.finish();
        for (l, quiet) in self.quiet.iter().enumerate() {
            if let Some(quiet) = quiet {
                let (prior, odds) = (self.alone(), self.quiet_odds(quiet));
                averages.alone[l] = prior * odds / (1.0 - prior + prior * odds);
            }
        }
        averages
    }

    fn sweep(
        &mut self,
        links: &[Link],
        averaged: &[Link],
        flows: &[Vec<u32>],
        stream: &mut Stream,
        averages: &mut Averages,
    ) {
        for &link in links {
            let drawn = self.draw(link, stream);
            if averaged.binary_search(&link).is_ok() {
                averages.see(link, &drawn);
            }
        }
        for &link in links {
            if is_failed(self.fit.value[link as usize])
                && let Some(other) = self.companion(link, &flows[link as usize], stream)
            {
                self.swap(link, other, flows, stream);
            }
        }
        for e in 0..self.problem.events.len() {
            let (p, share) = self.draw_event(e, stream);
            averages.events[e] += p;
            add(&mut averages.share[e], share);
        }
        for e in 0..self.problem.events.len() {
            if self.event_on[e].is_some()
                && let Some(other) = self.neighbour(e, stream)
            {
                self.draw_pair(e as u32, other, stream);
            }
            let related = &self.related[e];
            if self.event_on[e].is_some() && !related.is_empty() {
                let to = related[stream.random_range(0..related.len())] as usize;
                self.relocate(e, to, stream);
            }
        }
        for h in 0..self.problem.holes.len() {
            averages.holes[h] += self.draw_hole(h, stream);
        }
        let hit = self.draw_unknown(stream);
        self.draw_mean(stream);
        let common = self.draw_expected(stream);
        averages.unknown += 1.0 - (1.0 - hit) * (1.0 - common);
        averages.states += 1;
        averages.healthy += self.fit.rates.mean();
        let state = self.state();
        averages.none += f64::from(u8::from(state == State::default()));
        *averages.sets.entry(state).or_default() += 1;
    }

    /// Another link on a path of a flow that this one explains.
    fn companion(&self, link: Link, flows: &[u32], stream: &mut Stream) -> Option<Link> {
        let flow = *flows.get(stream.random_range(0..flows.len().max(1)))?;
        let lossy = &self.problem.flows.lossy[flow as usize];
        let drawn = stream.random_range(0..lossy.routes.len());
        let path: Vec<Link> = lossy.routes.path(lossy.taken.map_or(drawn, |p| p as usize)).collect();
        let other = path[stream.random_range(0..path.len())];
        (other != link).then_some(other)
    }

    /// What has failed now.
    fn state(&self) -> State {
        let covered =
            |l: &Link| self.events_of[*l as usize].iter().any(|e| self.event_on[*e as usize].is_some());
        let failed = |l: &Link| self.quiet[*l as usize].is_none() && is_failed(self.fit.value[*l as usize]);
        State {
            links: (0..self.problem.links as Link).filter(|l| failed(l) && !covered(l)).collect(),
            events: (0..self.event_on.len() as u32)
                .filter(|e| self.event_on[*e as usize].is_some())
                .collect(),
            holes: (0..self.hole_on.len() as u32).filter(|h| self.hole_on[*h as usize]).collect(),
            unknown: self.fit.unknown.is_some() || self.common,
        }
    }
}

/// Of each event the others that are about the same node, or have a link in common with it.
fn related(events: &[Event], events_of: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let of = |(e, event): (u32, &Event)| {
        let overlapping = event.links.iter().flat_map(|l| &events_of[*l as usize]).copied();
        let same_hub =
            |(i, other): (u32, &Event)| (event.hub.is_some() && other.hub == event.hub).then_some(i);
        let mut related: Vec<u32> = overlapping.chain((0u32..).zip(events).filter_map(same_hub)).collect();
        related.sort_unstable();
        related.dedup();
        related.retain(|r| *r != e);
        related
    };
    (0u32..).zip(events).map(of).collect()
}

/// Log prior of an event's being off, and of each share of its links.
fn log_prior(event: &Event) -> [f64; SHARES + 1] {
    std::array::from_fn(|i| i.checked_sub(1).map_or(0.0, |s| event.log_odds + event.log_share[s]))
}

/// The chance that an event spares a link: 0 is off, then the shares.
fn spared(i: usize) -> f64 {
    i.checked_sub(1).map_or(1.0, |s| 1.0 - share(s))
}

/// Logarithms become weights that sum to one.
fn normalised<const N: usize>(logs: [f64; N]) -> [f64; N] {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights = logs.map(|l| libm::exp(l - top));
    let total: f64 = weights.iter().sum();
    weights.map(|w| w / total)
}

/// Draws a position by weight.
fn pick(weights: &[f64], stream: &mut Stream) -> usize {
    let mut left = stream.random::<f64>();
    let found = weights.iter().position(|w| {
        left -= w;
        left <= 0.0
    });
    found.unwrap_or(weights.len() - 1)
}

/// A standard normal number (Box and Muller, 1958).
fn normal(stream: &mut Stream) -> f64 {
    let radius = libm::sqrt(2.0 * stream.exp());
    radius * libm::cos(std::f64::consts::TAU * stream.f64_open())
}
