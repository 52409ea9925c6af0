//! Moves of the chain for what fails several links at once: events on and off, two together, one for another.

use engine::Stream;
use rand::RngExt;

use super::averages::{Averages, add};
use super::chain::Chain;
use super::climb::LEAST;
use super::draws::{normalised, pick};
use super::events::{Event, Kind, SHARES, share};
use super::rates::VALUES;
use super::topology::Link;

/// An event is off, or on with one of the shares.
pub(super) const STATES: usize = SHARES + 1;

/// How often a sweep tries to move an event elsewhere.
const TRIES: usize = 2;

impl Chain<'_> {
    /// Draws all events. Returns the probability that one without a name is on.
    pub(super) fn sweep_events(&mut self, stream: &mut Stream, averages: &mut Averages) -> f64 {
        let mut spared = 1.0;
        for e in 0..self.problem.events.len() {
            let (p, share) = self.draw_event(e, stream);
            averages.events[e] += p;
            add(&mut averages.share[e], share);
            if matches!(self.problem.events[e].kind, Kind::Unnamed(_)) {
                spared *= 1.0 - p;
            }
        }
        for e in 0..self.problem.events.len() {
            if self.event_on[e].is_some()
                && let Some(other) = self.neighbour(e, stream)
            {
                self.draw_pair(e as u32, other, stream);
            }
            for _ in 0..TRIES {
                let related = &self.related[e];
                if self.event_on[e].is_some() && !related.is_empty() {
                    let to = related[stream.random_range(0..related.len())] as usize;
                    self.relocate(e, to, stream);
                }
            }
        }
        1.0 - spared
    }

    /// Draws whether an event happened, and to what share of its links. Returns its probability, and sums for its share.
    fn draw_event(&mut self, e: usize, stream: &mut Stream) -> (f64, (f64, f64, f64)) {
        let Some(logs) = self.event_weights(e) else { return (0.0, (0.0, 0.0, 0.0)) };
        let weights = normalised(logs);
        self.turn(e, pick(&weights, stream));
        let shares = (1..STATES).map(|i| (weights[i], share(i - 1)));
        let sums = shares.fold((0.0, 0.0, 0.0), |s, (w, x)| (s.0 + w * x, s.1 + w * x * x, s.2 + w));
        (1.0 - weights[0], sums)
    }

    /// Log weight of an event's being off, and on with each share, given the rates of all links. None where it cannot be on.
    pub(super) fn event_weights(&self, e: usize) -> Option<[f64; STATES]> {
        let name = [e as u32];
        if !self.may_be_on(name[0], self.failed_of(name[0])) {
            return None;
        }
        let event = &self.problem.events[e];
        let only = |l: &&Link| self.failed(**l) && self.hit(**l, &name) == 0.0;
        let mine = event.links.iter().filter(only).count();
        // Off, its links failed on their own.
        let others = self.alone - if self.event_on[e].is_none() { mine } else { 0 };
        let mut logs = log_prior(event);
        logs[0] += self.singles.log_weight(others + mine);
        logs[1..].iter_mut().for_each(|log| *log += self.singles.log_weight(others));
        let alone = self.singles.one_more(others);
        for &link in &event.links {
            let base = self.hit(link, &name);
            for (i, log) in logs.iter_mut().enumerate() {
                *log += self.log_link(link, 1.0 - (1.0 - base) * spared(i), alone);
            }
        }
        Some(logs)
    }

    /// Turns an event off (0), or on with a share.
    pub(super) fn turn(&mut self, e: usize, state: usize) {
        let before = self.event_on[e];
        self.event_on[e] = state.checked_sub(1).map(|s| s as u8);
        if before.is_some() != self.event_on[e].is_some() {
            self.recount();
        }
    }

    /// Draws two events that share links together: each on or off, with any share. What one explains need not be given up
    /// before the other explains it.
    fn draw_pair(&mut self, a: u32, b: u32, stream: &mut Stream) {
        let (first, second) = (&self.problem.events[a as usize], &self.problem.events[b as usize]);
        let both = [a, b];
        // Failed links that nothing else hits: of the first alone, of the second alone, of both.
        let mut mine = [0; 3];
        let mut logs = [0.0; STATES * STATES];
        let mut single = [[0.0; STATES]; 2];
        let now = (self.event_on[a as usize].is_some(), self.event_on[b as usize].is_some());
        let links = first.links.iter().chain(second.links.iter().filter(|l| !self.is_of(**l, a)));
        let of: Vec<(Link, usize)> = links.map(|l| (*l, self.side(*l, a, b))).collect();
        for &(link, side) in &of {
            mine[side] += usize::from(self.failed(link) && self.hit(link, &both) == 0.0);
        }
        let off = |on: (bool, bool)| {
            let parts = [!on.0, !on.1, !on.0 && !on.1];
            parts.iter().zip(mine).map(|(off, n)| if *off { n } else { 0 }).sum::<usize>()
        };
        let others = self.alone - off(now);
        let alone = self.singles.one_more(others);
        for &(link, side) in &of {
            let base = self.hit(link, &both);
            if side < 2 {
                let sums = single[side].iter_mut().enumerate();
                sums.for_each(|(i, s)| *s += self.log_link(link, 1.0 - (1.0 - base) * spared(i), alone));
            } else {
                for (i, log) in logs.iter_mut().enumerate() {
                    let spared = spared(i / STATES) * spared(i % STATES);
                    *log += self.log_link(link, 1.0 - (1.0 - base) * spared, alone);
                }
            }
        }
        let (prior_a, prior_b) = (log_prior(first), log_prior(second));
        let may = (self.may_be_on(a, self.failed_of(a)), self.may_be_on(b, self.failed_of(b)));
        for (i, log) in logs.iter_mut().enumerate() {
            let (x, y) = (i / STATES, i % STATES);
            let on = (x > 0, y > 0);
            *log += prior_a[x] + prior_b[y] + single[0][x] + single[1][y];
            *log += self.singles.log_weight(others + off(on));
            if (on.0 && !may.0) || (on.1 && !may.1) {
                *log = f64::NEG_INFINITY;
            }
        }
        let picked = pick(&normalised(logs), stream);
        self.turn(a as usize, picked / STATES);
        self.turn(b as usize, picked % STATES);
    }

    fn is_of(&self, link: Link, e: u32) -> bool {
        self.events_of[link as usize].contains(&e)
    }

    /// Whether a link is of the first event (0), of the second (1), or of both (2).
    fn side(&self, link: Link, a: u32, b: u32) -> usize {
        match (self.is_of(link, a), self.is_of(link, b)) {
            (true, true) => 2,
            (true, false) => 0,
            _ => 1,
        }
    }

    /// Turns one event off and a related one on, and draws the rates of all their links anew, one after another: what
    /// several links explain together cannot move to others link by link (Metropolis and Hastings; the start is the same
    /// for both ways, so that only the chance of leaving it counts).
    fn relocate(&mut self, from: usize, to: usize, stream: &mut Stream) {
        let (Some(share_from), None) = (self.event_on[from], self.event_on[to]) else { return };
        let (a, b) = (&self.problem.events[from], &self.problem.events[to]);
        let (back, forth) = (links_of(a, b), links_of(b, a));
        let old: Vec<u16> = back.iter().map(|l| self.fit.value[*l as usize]).collect();
        let before = a.log_odds + self.redrawn(&back, |i, _| usize::from(old[i]));
        let share = pick(&b.log_share.map(libm::exp), stream);
        self.turn(from, 0);
        self.turn(to, share + 1);
        let after = b.log_odds + self.redrawn(&forth, |_, weights| pick(weights, stream));
        let ways = libm::log(self.related[from].len() as f64 / self.related[to].len() as f64);
        let few = !self.may_be_on(to as u32, self.failed_of(to as u32)) || self.lacks();
        if few || after - before + ways < libm::log(stream.f64_open()) {
            back.iter().zip(&old).for_each(|(link, value)| self.set(*link, *value));
            self.turn(to, 0);
            self.turn(from, usize::from(share_from) + 1);
        }
    }

    /// Turns one event off and a related one on, all their links being given their most probable rates one after another, if
    /// that is more probable. Returns whether it is.
    pub(super) fn supplant(&mut self, from: usize, to: usize) -> bool {
        let (Some(share_from), None) = (self.event_on[from], self.event_on[to]) else { return false };
        let (a, b) = (&self.problem.events[from], &self.problem.events[to]);
        let (back, forth) = (links_of(a, b), links_of(b, a));
        let old: Vec<u16> = back.iter().map(|l| self.fit.value[*l as usize]).collect();
        let before = log_prior(a)[usize::from(share_from) + 1] + self.redrawn(&back, |_, w| likeliest(w));
        self.turn(from, 0);
        let mut after = f64::NEG_INFINITY;
        let mut state = likeliest(&b.log_share) + 1;
        // Its share follows from the links that fail with it, and they from the share.
        for _ in 0..2 {
            self.turn(to, state);
            after = log_prior(b)[state] + self.redrawn(&forth, |_, w| likeliest(w));
            let weights = self.event_weights(to).unwrap_or([f64::NEG_INFINITY; STATES]);
            state = likeliest(&weights[1..]) + 1;
        }
        let better =
            after > before + LEAST && self.may_be_on(to as u32, self.failed_of(to as u32)) && !self.lacks();
        if !better {
            self.turn(to, 0);
            back.iter().zip(&old).for_each(|(link, value)| self.set(*link, *value));
            self.turn(from, usize::from(share_from) + 1);
        }
        better
    }

    /// Whether an event that is on has too few failed links.
    fn lacks(&self) -> bool {
        let on = (0..self.event_on.len() as u32).filter(|e| self.event_on[*e as usize].is_some());
        on.into_iter().any(|e| !self.may_be_on(e, self.failed_of(e)))
    }

    /// From healthy links on draws one link after another. Returns the log-posterior of the start less the log-probability
    /// of staying there: what the state that is reached weighs against the chance of reaching it.
    fn redrawn(&mut self, links: &[Link], mut draw: impl FnMut(usize, &[f64; VALUES]) -> usize) -> f64 {
        let usual = self.fit.rates.usual();
        let lossy: Vec<(usize, Link)> =
            links.iter().copied().enumerate().filter(|(_, l)| self.quiet[*l as usize].is_none()).collect();
        lossy.iter().for_each(|(_, l)| self.set(*l, usual));
        let alone = self.singles.one_more(self.alone);
        let start = links.iter().map(|l| self.log_link(*l, self.hit(*l, &[]), alone)).sum::<f64>();
        let mut weight = start + self.singles.log_weight(self.alone);
        for (i, link) in lossy {
            let weights = self.conditional(link);
            let stays = weights[usize::from(usual)];
            // Strong evidence leaves next to nothing to a healthy link: less than a plain number can say.
            weight -= if stays > 1e-290 { libm::log(stays) } else { self.log_probability(link, usual) };
            let value = draw(i, &weights);
            self.set(link, value as u16);
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
}

/// The links of two events. Those of the event that is to explain the losses come first: the first take what they can.
fn links_of(first: &Event, second: &Event) -> Vec<Link> {
    let more = second.links.iter().filter(|l| !first.links.contains(l));
    first.links.iter().chain(more).copied().collect()
}

/// The first of the largest.
fn likeliest(weights: &[f64]) -> usize {
    let largest = |a: &usize, b: &usize| weights[*a].total_cmp(&weights[*b]).then(b.cmp(a));
    (0..weights.len()).max_by(largest).unwrap_or(0)
}

/// Of each event the others that are about the same node, or have a link in common with it.
pub(super) fn related(events: &[Event], events_of: &[Vec<u32>]) -> Vec<Vec<u32>> {
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
fn log_prior(event: &Event) -> [f64; STATES] {
    std::array::from_fn(|i| i.checked_sub(1).map_or(0.0, |s| event.log_odds + event.log_share[s]))
}

/// The chance that an event spares a link: 0 is off, then the shares.
fn spared(i: usize) -> f64 {
    i.checked_sub(1).map_or(1.0, |s| 1.0 - share(s))
}
