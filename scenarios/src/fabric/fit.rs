//! How well the rates of links fit the flows, kept so that one link's rate can be tried at all values in one pass.
//!
//! Of a flow on a known path what a link's rate x changes is (a + b·x)^lost, with a and b from the other links: the chance
//! of all its values is a product, and one logarithm a value ends it. Of a flow that may have taken several paths it is
//! a sum of such terms, with what arrived besides.

use super::draws::log_or;
use super::flows::{Flows, Lossy};
use super::log_sum_exp;
use super::rates::{HEALTHY, Rates, VALUES};
use super::sum::Sum;
use super::topology::Link;
use super::ways::{Use, Ways, log_loss, log_weight};

/// Shares of flows that an unknown cause may hit, from one in 10^5 to one in ten.
pub(super) const UNKNOWN_SHARES: [f64; 9] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1];

/// Up to so many lost packets a power is taken of the chance, beyond of its logarithm.
const FEW_LOST: f64 = 8.0;

/// Rates of all links, and their fit.
#[derive(Clone, Debug)]
pub(super) struct Fit<'a> {
    pub(super) flows: &'a Flows,
    pub(super) rates: Rates,
    /// Of each link the index of its rate.
    pub(super) value: Vec<u16>,
    /// The paths that lossy flows took, or may have taken.
    taken: Ways,
    /// Where only lossy flows are reported: all that they might have taken.
    reported: Option<Ways>,
    /// Of each link the log-likelihood of its values by what it delivered.
    own: Vec<[f64; VALUES]>,
    /// The same as weights, relative to the likeliest; of links on lossy flows only.
    own_weight: Vec<[f64; VALUES]>,
    /// Of each lossy flow (1 − x) to the power of what it delivered, or sent where only lossy flows are reported.
    power: Vec<[f64; VALUES]>,
    /// How many black holes swallow each lossy flow.
    pub(super) swallowed: Vec<u16>,
    /// The share of flows that an unknown cause hits.
    pub(super) unknown: Option<u8>,
    /// log ∫ of a lossy flow's chance under an unknown cause.
    unknown_flow: Vec<f64>,
    /// Of each share the log-likelihood of flows without a loss.
    unknown_clean: [f64; UNKNOWN_SHARES.len()],
}

impl<'a> Fit<'a> {
    /// A fabric in which nothing has failed. `extra` is what counters say about the values of each link.
    pub(super) fn new(flows: &'a Flows, links: usize, extra: &[(Link, [f64; VALUES])]) -> Self {
        let mean = if flows.sent > 0.0 { flows.lost / flows.sent / flows.hops.max(1.0) } else { 1e-5 };
        // Half of the losses may be due to failures: what is left is learnt.
        let rates = Rates::new((mean * 0.5).max(1e-6));
        let usual = rates.usual();
        let log_pass = rates.log_pass[usize::from(usual)];
        let way = |f: &Lossy| match f.taken {
            Some(path) => path as usize..path as usize + 1,
            None => 0..f.routes.len(),
        };
        let mut own = own(flows, links, &rates);
        for (link, values) in extra {
            own[*link as usize].iter_mut().zip(values).for_each(|(o, v)| *o += v);
        }
        let power = |f: &Lossy| {
            let packets = if flows.lossy_only { f.delivered + f.lost } else { f.delivered };
            rates.log_pass.map(|l| libm::exp(packets * l))
        };
        let spared = |share: f64| -> f64 {
            let one =
                |(size, n): &(f64, f64)| n * libm::log1p(share * libm::expm1(rates.log_failed(*size, 0.0)));
            flows.clean_sizes.iter().map(one).sum()
        };
        let taken = Ways::new(&flows.lossy, links, log_pass, way);
        let weight = |(own, uses): (&[f64; VALUES], &Vec<Use>)| {
            let top = own.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if uses.is_empty() { [0.0; VALUES] } else { own.map(|log| libm::exp(log - top)) }
        };
        Self {
            own_weight: own.iter().zip(&taken.uses).map(weight).collect(),
            value: vec![usual; links],
            taken,
            reported: flows
                .lossy_only
                .then(|| Ways::new(&flows.lossy, links, log_pass, |f| 0..f.routes.len())),
            own,
            power: flows.lossy.iter().map(power).collect(),
            swallowed: vec![0; flows.lossy.len()],
            unknown: None,
            unknown_flow: flows.lossy.iter().map(|f| rates.log_failed(f.delivered, f.lost)).collect(),
            unknown_clean: UNKNOWN_SHARES.map(spared),
            flows,
            rates,
        }
    }

    /// Log-likelihood of each value of a link by what it delivered alone.
    pub(super) fn own(&self, link: Link) -> &[f64; VALUES] {
        &self.own[link as usize]
    }

    /// Where a link stands.
    pub(super) fn uses(&self, link: Link) -> &[Use] {
        &self.taken.uses[link as usize]
    }

    /// Whether a link is on no path of a lossy flow.
    pub(super) fn is_quiet(&self, link: Link) -> bool {
        let none = |ways: &Ways| ways.uses[link as usize].is_empty();
        none(&self.taken) && self.reported.as_ref().is_none_or(none)
    }

    /// Lossy flows that a link may be on, each once.
    pub(super) fn flows_of(&self, link: Link) -> Vec<u32> {
        let of = |ways: &Ways| ways.uses[link as usize].iter().map(|u| u.flow).collect::<Vec<_>>();
        let mut flows = of(&self.taken);
        flows.extend(self.reported.iter().flat_map(of));
        flows.sort_unstable();
        flows.dedup();
        flows
    }

    /// Gives a link another rate.
    pub(super) fn set(&mut self, link: Link, value: u16) {
        let l = link as usize;
        if self.value[l] == value {
            return;
        }
        let shift = self.rates.log_pass[usize::from(value)] - self.rates.log_pass[usize::from(self.value[l])];
        self.value[l] = value;
        for ways in std::iter::once(&mut self.taken).chain(&mut self.reported) {
            ways.shift(link, shift, &self.flows.lossy);
        }
    }

    /// Log-likelihood of each value of a link's rate, given all others.
    pub(super) fn values(&self, link: Link) -> [f64; VALUES] {
        let mut logs = self.lossy(link).finish();
        logs.iter_mut().zip(self.own(link)).for_each(|(log, own)| *log += own);
        logs
    }

    /// Posterior weight of each value of a link's rate within its kind, given all others, up to a factor. Where few packets
    /// were lost no logarithm is needed.
    pub(super) fn weights(&self, link: Link) -> [f64; VALUES] {
        let sum = self.lossy(link);
        let prior = &self.rates.prior;
        if let Some(product) = sum.product() {
            let own = &self.own_weight[link as usize];
            let weights: [f64; VALUES] = std::array::from_fn(|v| own[v] * product[v] * prior[v]);
            if weights.iter().sum::<f64>() > f64::MIN_POSITIVE {
                return weights;
            }
        }
        let mut logs = sum.finish();
        logs.iter_mut().zip(self.own(link)).for_each(|(log, own)| *log += own);
        let weighed = (0..VALUES).filter(|v| prior[*v] > 0.0);
        let top = weighed.map(|v| logs[v]).fold(f64::NEG_INFINITY, f64::max);
        std::array::from_fn(|v| if prior[v] > 0.0 { libm::exp(logs[v] - top) * prior[v] } else { 0.0 })
    }

    /// log of how much likelier the data are if a link failed, its rate unknown either way, given all others.
    pub(super) fn log_ratio(&self, link: Link) -> f64 {
        let weights = self.weights(link);
        let (healthy, failed) = weights.split_at(HEALTHY);
        let (healthy, failed): (f64, f64) = (healthy.iter().sum(), failed.iter().sum());
        if healthy > f64::MIN_POSITIVE && failed > f64::MIN_POSITIVE {
            return libm::log(failed / healthy);
        }
        let mut logs = self.values(link);
        logs.iter_mut().zip(&self.rates.log_prior).for_each(|(log, prior)| *log += prior);
        log_sum_exp(&logs[HEALTHY..]) - log_sum_exp(&logs[..HEALTHY])
    }

    /// What lossy flows say about the values of a link's rate, given all others.
    fn lossy(&self, link: Link) -> Sum {
        let now = self.rates.log_pass[usize::from(self.value[link as usize])];
        let mut sum = Sum::new();
        for uses in self.taken.uses[link as usize].chunk_by(|a, b| a.flow == b.flow) {
            let flow = uses[0].flow as usize;
            if self.swallowed[flow] > 0 {
                continue;
            }
            if self.taken.of(flow).len() == 1 {
                self.one_path(flow, self.taken.pass[uses[0].path as usize] - now, &mut sum);
            } else {
                self.many_paths(flow, uses, now, &mut sum);
            }
        }
        if let Some(ways) = &self.reported {
            for uses in ways.uses[link as usize].chunk_by(|a, b| a.flow == b.flow) {
                if self.swallowed[uses[0].flow as usize] == 0 {
                    self.being_reported(ways, uses, now, &mut sum);
                }
            }
        }
        sum
    }

    /// A flow on one path, of whose other links `rest` is Σ ln(1 − x). What it delivered is counted by link.
    fn one_path(&self, flow: usize, rest: f64, sum: &mut Sum) {
        let lossy = &self.flows.lossy[flow];
        let a = -libm::expm1(rest);
        let mut terms = self.rates.value.map(|x| a + (1.0 - a) * x);
        let (share, hit) = self.unknown_of(flow, 0.0);
        if lossy.lost <= FEW_LOST {
            raise(&mut terms, lossy.lost);
            if share > 0.0 {
                terms.iter_mut().for_each(|t| *t = (1.0 - share) * *t + share * hit);
            }
            // The lowest rate has the least chance, the highest the most.
            sum.times_within(&terms, (terms[0], terms[VALUES - 1]));
        } else {
            let log_hit = self.unknown_flow[flow] + libm::log(share);
            sum.add(&terms.map(|t| log_or(libm::log1p(-share) + lossy.lost * libm::log(t), log_hit)));
        }
        if self.flows.lossy_only {
            let (n, pass) = (lossy.delivered, &self.rates.log_pass);
            sum.add(&std::array::from_fn(|v| n * pass[v]));
        }
    }

    /// A flow that may have taken several paths, on some of which the link is.
    fn many_paths(&self, flow: usize, uses: &[Use], now: f64, sum: &mut Sum) {
        let lossy = &self.flows.lossy[flow];
        let paths = self.taken.of(flow);
        let top = self.taken.likeliest[flow];
        let mut on = uses.iter().map(|u| u.path as usize).peekable();
        let (mut others, mut terms, mut line) = (0.0, [0.0; VALUES], (0.0, 0.0));
        for p in paths.clone() {
            let rest = self.taken.pass[p] - now;
            match on.next_if_eq(&p) {
                None => others += self.taken.likelihood[p],
                // Linear in the rate: paths are summed before it is tried.
                Some(_) if lossy.lost == 1.0 => {
                    let whole = libm::exp((lossy.delivered * rest - top).min(600.0));
                    let lost = -libm::expm1(rest);
                    line = (line.0 + whole * lost, line.1 + whole * (1.0 - lost));
                }
                Some(_) => self.on_path(lossy, rest, top, &mut terms),
            }
        }
        if lossy.lost == 1.0 {
            terms = self.rates.value.map(|x| line.0 + line.1 * x);
        }
        let power = &self.power[flow];
        let (share, hit) = self.unknown_of(flow, top);
        let n = paths.len() as f64;
        if uses.len() == paths.len() && share == 0.0 {
            // On all paths: what arrived counts in full, and may be too small for a plain number.
            sum.add(&std::array::from_fn(|v| {
                lossy.delivered * self.rates.log_pass[v] + libm::log((terms[v] / n).max(f64::MIN_POSITIVE))
            }));
            return;
        }
        let chances = |v: usize| (1.0 - share) * (others + power[v] * terms[v]) / n + share * hit;
        let chances: [f64; VALUES] = std::array::from_fn(chances);
        if chances.iter().all(|c| (1e-100..1e100).contains(c)) {
            sum.times(&chances);
        } else {
            sum.add(&chances.map(|c| libm::log(c.max(f64::MIN_POSITIVE))));
        }
    }

    /// Adds the chance of a flow on a path with the link, for each value of its rate: `rest` is Σ ln(1 − x) of the other
    /// links. Relative to e^`top`, and without what the link itself lets through.
    fn on_path(&self, lossy: &Lossy, rest: f64, top: f64, terms: &mut [f64; VALUES]) {
        let a = -libm::expm1(rest);
        let arrives = lossy.delivered * rest;
        let rates = terms.iter_mut().zip(&self.rates.value).map(|(t, x)| (t, a + (1.0 - a) * x));
        if lossy.lost <= FEW_LOST {
            let (whole, factor) = (libm::exp(arrives), libm::exp(-top / lossy.lost));
            let power = lossy.lost as i32;
            rates.for_each(|(term, chance)| *term += whole * (chance * factor).powi(power));
        } else {
            let log = |chance: f64| (arrives + lossy.lost * libm::log(chance) - top).min(600.0);
            rates.for_each(|(term, chance)| *term += libm::exp(log(chance)));
        }
    }

    /// Only flows with a loss are reported: divides by the chance of that, over all paths that the flow might have taken.
    fn being_reported(&self, ways: &Ways, uses: &[Use], now: f64, sum: &mut Sum) {
        let flow = uses[0].flow as usize;
        let lossy = &self.flows.lossy[flow];
        let sent = lossy.delivered + lossy.lost;
        let mut on = uses.iter().map(|u| u.path as usize).peekable();
        let (mut others, mut clean) = (0.0, 0.0);
        for p in ways.of(flow) {
            if on.next_if_eq(&p).is_some() {
                clean += libm::exp(sent * (ways.pass[p] - now));
            } else {
                others -= libm::expm1(sent * ways.pass[p]);
            }
        }
        let (n, paths) = (uses.len() as f64, ways.of(flow).len() as f64);
        let power = &self.power[flow];
        sum.add(&std::array::from_fn(|v| {
            -libm::log(((others + n - power[v] * clean) / paths).max(f64::MIN_POSITIVE))
        }));
    }

    /// The share of flows that the unknown hits, and a flow's chance then, relative to e^`top`.
    fn unknown_of(&self, flow: usize, top: f64) -> (f64, f64) {
        match self.unknown {
            None => (0.0, 0.0),
            Some(i) => {
                (UNKNOWN_SHARES[usize::from(i)], libm::exp((self.unknown_flow[flow] - top).min(600.0)))
            }
        }
    }

    /// Log-likelihood of a lossy flow without the unknown, on a known path without what it delivered.
    fn known(&self, flow: usize) -> f64 {
        let lossy = &self.flows.lossy[flow];
        let passes = &self.taken.pass[self.taken.of(flow)];
        let Some(ways) = &self.reported else {
            return match passes {
                [one] => lossy.lost * log_loss(*one),
                _ => {
                    let terms: Vec<f64> = passes.iter().map(|p| log_weight(lossy, *p)).collect();
                    log_sum_exp(&terms) - libm::log(terms.len() as f64)
                }
            };
        };
        let (paths, sent) = (ways.of(flow), lossy.delivered + lossy.lost);
        let reported: f64 = paths.clone().map(|p| -libm::expm1(sent * ways.pass[p])).sum();
        log_weight(lossy, passes[0]) - libm::log((reported / paths.len() as f64).max(f64::MIN_POSITIVE))
    }

    /// Log-likelihood of a lossy flow, on a known path without what it delivered.
    pub(super) fn flow(&self, flow: usize) -> f64 {
        if self.swallowed[flow] > 0 { 0.0 } else { self.unswallowed(flow) }
    }

    /// The same if no black hole swallows it.
    pub(super) fn unswallowed(&self, flow: usize) -> f64 {
        match self.unknown {
            None => self.known(flow),
            Some(i) => {
                let share = UNKNOWN_SHARES[usize::from(i)];
                log_or(libm::log1p(-share) + self.known(flow), libm::log(share) + self.unknown_flow[flow])
            }
        }
    }

    /// What each share of an unknown cause gains over none: the sum, then what flows without a loss say, for each share.
    pub(super) fn unknown_gains(&self) -> [(f64, f64); UNKNOWN_SHARES.len()] {
        let mut sum = [0.0; UNKNOWN_SHARES.len()];
        for flow in (0..self.unknown_flow.len()).filter(|f| self.swallowed[*f] == 0) {
            let gain = (self.unknown_flow[flow] - self.known(flow)).min(600.0);
            let ratio = libm::exp(gain) - 1.0;
            sum.iter_mut().zip(UNKNOWN_SHARES).for_each(|(s, share)| *s += libm::log1p(share * ratio));
        }
        std::array::from_fn(|i| (sum[i] + self.unknown_clean[i], self.unknown_clean[i]))
    }
}

/// Raises all to a small whole power.
fn raise(terms: &mut [f64; VALUES], power: f64) {
    let base = *terms;
    for _ in 1..power as u32 {
        terms.iter_mut().zip(&base).for_each(|(t, b)| *t *= b);
    }
}

/// What links delivered; of flows whose path is not known, other links being healthy.
fn own(flows: &Flows, links: usize, rates: &Rates) -> Vec<[f64; VALUES]> {
    let mut own: Vec<[f64; VALUES]> =
        (0..links).map(|l| rates.log_pass.map(|pass| flows.delivered[l] * pass)).collect();
    let mut terms = std::collections::BTreeMap::<(u64, u64), [f64; VALUES]>::new();
    for group in &flows.hidden {
        // Links on equally many of the paths have the same terms.
        let mut of_part = std::collections::BTreeMap::<u64, [f64; VALUES]>::new();
        for (link, part) in group.routes.shares() {
            let sum = of_part.entry(part.to_bits()).or_insert_with(|| {
                let mut sum = [0.0; VALUES];
                for (size, n) in &group.sizes {
                    let of = |pass: f64| libm::log1p(part.min(1.0 - 1e-12) * libm::expm1(size * pass));
                    let key = (part.to_bits(), size.to_bits());
                    let term = terms.entry(key).or_insert_with(|| rates.log_pass.map(of));
                    sum.iter_mut().zip(term.iter()).for_each(|(s, t)| *s += n * t);
                }
                sum
            });
            own[link as usize].iter_mut().zip(sum.iter()).for_each(|(o, s)| *o += s);
        }
    }
    own
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::fabric::flows::Report;
    use crate::fabric::topology::{Fabric, Paths};

    /// Two racks of two hosts each under three spines: 20 directed links.
    pub(in crate::fabric) fn fabric() -> Fabric {
        let up = [0, 1].into_iter().flat_map(|r| [10, 11, 12].map(|s| (r, s)));
        let hosts = [(100, 0), (101, 0), (102, 1), (103, 1)];
        let links: Vec<_> = up.chain(hosts).flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        Fabric::new(&links)
    }

    fn reports(path: impl Fn(u32, u32) -> Option<u32>) -> Vec<Report> {
        let of = |i: u32| {
            let lost = [0, 1, 0, 2, 12, 0, 3][i as usize % 7];
            let (src, dst) = (100 + i % 2, 102 + (i / 2) % 2);
            Report { src, dst, path: path(i % 3, lost), sent: 30 + 17 * i, lost }
        };
        (0..21).map(of).collect()
    }

    /// Log-likelihood of all lossy flows, and of what was delivered, from the definition.
    fn slow(fit: &Fit<'_>) -> f64 {
        let pass = |link: Link| fit.rates.log_pass[usize::from(fit.value[link as usize])];
        let flow = |f: &Lossy| {
            let path = |i: usize| f.routes.path(i).map(pass).sum::<f64>();
            let ways = f.taken.map_or(0..f.routes.len(), |p| p as usize..p as usize + 1);
            let n = ways.len() as f64;
            let chance = |p: f64| libm::exp(f.delivered * p + f.lost * libm::log(1.0 - libm::exp(p)));
            let all: f64 = ways.map(|i| chance(path(i))).sum::<f64>() / n;
            if !fit.flows.lossy_only {
                return libm::log(all);
            }
            let total = f.delivered + f.lost;
            let seen: f64 = (0..f.routes.len()).map(|i| 1.0 - libm::exp(total * path(i))).sum();
            libm::log(all) - libm::log(seen / f.routes.len() as f64)
        };
        let lossy: f64 = fit.flows.lossy.iter().map(flow).sum();
        // What lossy flows on known paths delivered is in both sums: once by flow, once by link.
        let twice = |f: &Lossy| match f.taken {
            Some(p) if !fit.flows.lossy_only => {
                f.delivered * f.routes.path(p as usize).map(pass).sum::<f64>()
            }
            _ => 0.0,
        };
        let own: f64 = (0u32..).zip(&fit.value).map(|(l, v)| fit.own(l)[usize::from(*v)]).sum();
        lossy + own - fit.flows.lossy.iter().map(twice).sum::<f64>()
    }

    #[test]
    fn trying_a_link_is_the_same_as_computing_everything_again() {
        type Mode = (&'static str, bool, fn(u32, u32) -> Option<u32>);
        let modes: [Mode; 4] = [
            ("all paths", false, |p, _| Some(p)),
            ("paths of lossy flows", false, |p, lost| (lost > 0).then_some(p)),
            ("no paths", false, |_, _| None),
            ("lossy flows alone", true, |p, _| Some(p)),
        ];
        for (name, lossy_only, path) in modes {
            let fabric = fabric();
            let mut reports = reports(path);
            reports.retain(|r| !lossy_only || r.lost > 0);
            let flows = Flows::compile(&fabric, &mut Paths::new(&fabric), &reports, lossy_only);
            let mut fit = Fit::new(&flows, fabric.link_count(), &[]);
            fit.set(3, 30);
            fit.set(9, 22);
            for link in 0..fabric.link_count() as Link {
                let before = fit.value[link as usize];
                let base = slow(&fit);
                let values = fit.values(link);
                for value in [0, 5, 20, 33, 45] {
                    fit.set(link, value);
                    let expected = slow(&fit) - base;
                    let got = values[usize::from(value)] - values[usize::from(before)];
                    assert!(
                        (expected - got).abs() < 1e-6 * (1.0 + got.abs()),
                        "{name}, link {link}: {expected} {got}"
                    );
                    fit.set(link, before);
                }
            }
        }
    }
}
