//! How likely a set of components makes what was observed, relative to nothing being wrong.
//!
//! A set has latent numbers: the onset, and one severity for each component that has one. For each point of that grid the
//! log-likelihood ratio is a sum over *blocks* that are independent given the latents: the losses of a node pair, its
//! round trips, an interface's load, whether a node still answers its polls. The Bayes factor sums over the grid, so no
//! severity is ever assumed.

use std::collections::BTreeMap;

use twin::stats::{mad_sigma, median};

use crate::base_loss::{BaseLoss, log_sum_exp};
use crate::incident::{Counts, Incident};
use crate::prediction::{LossMode, Paths, Prediction};

/// Loss rates that are integrated over, log-uniform from 1e-4 (the noise of healthy paths) to 1.
pub const LOSS_GRID: usize = 25;
/// Convergence times that are integrated over, log-uniform from 50 ms (loss of carrier, RFC 5880 detection) to 40 s (the
/// OSPF dead interval, RFC 2328 §C.3).
pub const CONVERGENCE_GRID: usize = 12;
const CONVERGENCE_S: (f64, f64) = (0.05, 40.0);

/// Probability that a flow's path in the twin is not its path in the network, for reasons that no hypothesis names.
const PATH_DOUBT: f64 = 0.02;
/// The loss rate of a flow whose end is dead.
const DEAD: f64 = 0.999;
/// Relative error of a predicted change of load or delay.
const MODEL_ERROR: f64 = 0.1;

/// The source and the item of a block.
pub type Block = (&'static str, String);

/// Everything that likelihoods share, computed once per incident.
pub struct Evidence<'a> {
    /// The incident.
    pub incident: &'a Incident<'a>,
    /// Paths and delays of the twin.
    pub paths: &'a Paths,
    /// Base losses.
    pub base: BaseLoss,
    /// Prior probability of each onset candidate.
    pub onset_weight: f64,
    converge_bins: u32,
    lasting: Vec<f32>,
    converging: Vec<f32>,
    dead: Vec<f32>,
    joint: Vec<u8>,
    suspicious: Vec<u32>,
    rtt: Vec<Option<RttChange>>,
}

#[derive(Clone, Copy, Debug)]
struct RttChange {
    change_ms: f64,
    sigma_ms: f64,
}

/// The loss rate of a grid point.
pub fn loss_rate(g: usize) -> f64 {
    rate_at(g as f64)
}

/// The loss rate between two grid points.
fn rate_at(g: f64) -> f64 {
    libm::pow(10.0, -4.0 + 4.0 * g / (LOSS_GRID - 1) as f64).min(0.9999)
}

/// For each two grid points the one nearest to their joint loss.
fn joint_rates() -> Vec<u8> {
    let joint = |g: usize, h: usize| {
        let (x, y) = (loss_rate(g), loss_rate(h));
        nearest_rate(x + y - x * y) as u8
    };
    (0..LOSS_GRID * LOSS_GRID).map(|i| joint(i / LOSS_GRID, i % LOSS_GRID)).collect()
}

fn convergence_s(g: usize) -> f64 {
    let (lo, hi) = (libm::log(CONVERGENCE_S.0), libm::log(CONVERGENCE_S.1));
    libm::exp(lo + (hi - lo) * g as f64 / (CONVERGENCE_GRID - 1) as f64)
}

impl<'a> Evidence<'a> {
    /// Learns the base losses and tabulates each flow's log-likelihood ratio for each onset and severity. Cost O(flows ·
    /// onsets · severities).
    pub fn new(incident: &'a Incident<'a>, paths: &'a Paths, onset_weight: f64) -> Self {
        let flows = incident.flows;
        let base = BaseLoss::learn(flows, incident.onsets[0]);
        let converge_bins = (CONVERGENCE_S.1 / flows.bin_s).ceil() as u32 + 1;
        let mut e = Self {
            incident,
            paths,
            base,
            onset_weight,
            converge_bins,
            lasting: Vec::new(),
            converging: Vec::new(),
            dead: Vec::new(),
            joint: joint_rates(),
            suspicious: Vec::new(),
            rtt: Vec::new(),
        };
        for flow in 0..flows.len() {
            e.tabulate(flow);
        }
        e
    }

    fn tabulate(&mut self, flow: usize) {
        let flows = self.incident.flows;
        let mut best = 0.0f32;
        for &onset in self.incident.onsets {
            let own = self.base.posterior(flows.count(flow, 0, onset));
            let after = flows.count(flow, onset, flows.bins);
            let first = flows.count(flow, onset, onset + self.converge_bins);
            let ratios = |counts: Counts, rates: &mut dyn Iterator<Item = f64>| -> Vec<f32> {
                let quiet = if counts.lost == 0 { 0.0 } else { own.log_likelihood(counts, 0.0) };
                let ratio = |x: f64| {
                    let gain = if counts.lost == 0 {
                        // Nothing lost: every base rate loses the same factor, and the mixture over them cancels.
                        f64::from(counts.sent) * libm::log1p(-x)
                    } else {
                        own.log_likelihood(counts, x) - quiet
                    };
                    (gain / self.base.over_dispersion()) as f32
                };
                rates.map(ratio).collect()
            };
            let mut lasting = ratios(after, &mut (0..LOSS_GRID).map(loss_rate).chain([DEAD]));
            let span_s = f64::from(self.converge_bins) * flows.bin_s;
            let converging = ratios(first, &mut (0..CONVERGENCE_GRID).map(|g| convergence_s(g) / span_s));
            self.dead.extend(lasting.pop());
            best = lasting.iter().chain(&converging).copied().fold(best, f32::max);
            self.lasting.extend(lasting);
            self.converging.extend(converging);
            self.rtt.push(self.rtt_change(flow, onset));
        }
        // A flow that looks bad counts against every component that its path does not meet.
        if best > 2.0 {
            self.suspicious.push(flow as u32);
        }
    }

    fn rtt_change(&self, flow: usize, onset: u32) -> Option<RttChange> {
        let flows = self.incident.flows;
        let before: Vec<f64> = flows.rtts(flow, 0, onset).collect();
        let after: Vec<f64> = flows.rtts(flow, onset + self.converge_bins, flows.bins).collect();
        if before.len() < 5 || after.is_empty() {
            return None;
        }
        let usual = median(before.iter().copied());
        // The median of n samples has 1.2533 times the standard error of their mean.
        let spread = 1.2533 * mad_sigma(&before, usual);
        let sigma_ms = spread * (1.0 / after.len() as f64 + 1.0 / before.len() as f64).sqrt();
        Some(RttChange { change_ms: median(after) - usual, sigma_ms: sigma_ms.max(0.02) })
    }

    fn index(&self, flow: u32, onset: usize) -> usize {
        flow as usize * self.incident.onsets.len() + onset
    }

    /// Largest log-likelihood ratio of any onset and severity for a flow that lasts.
    pub(crate) fn lasting_ratio(&self, flow: u32, onset: usize, g: usize) -> f64 {
        f64::from(self.lasting[self.index(flow, onset) * LOSS_GRID + g])
    }

    fn ratio(&self, flow: u32, onset: usize, mode: LossMode, g: usize) -> f64 {
        let at = self.index(flow, onset);
        f64::from(match mode {
            LossMode::Lasting => self.lasting[at * LOSS_GRID + g],
            LossMode::UntilConverged => self.converging[at * CONVERGENCE_GRID + g],
            LossMode::Fixed(ppb) => self.lasting[at * LOSS_GRID + nearest_rate(f64::from(ppb) / 1e9)],
        })
    }
}

/// The grid point nearest to a loss rate.
pub fn nearest_rate(x: f64) -> usize {
    let g = (libm::log10(x.max(1e-4)) + 4.0) / 4.0 * (LOSS_GRID - 1) as f64;
    (g.round() as usize).min(LOSS_GRID - 1)
}

fn severities(mode: LossMode) -> usize {
    match mode {
        LossMode::Lasting => LOSS_GRID,
        LossMode::UntilConverged => CONVERGENCE_GRID,
        LossMode::Fixed(_) => 1,
    }
}

/// A set of one or two components, ready to be evaluated.
pub struct SetModel<'a> {
    evidence: &'a Evidence<'a>,
    parts: Vec<&'a Prediction>,
    touched: Vec<Touched>,
}

/// A flow and the probabilities that it meets only the first part, only the second, or both.
#[derive(Clone, Copy, Debug)]
struct Touched {
    flow: u32,
    first: f64,
    second: f64,
    both: f64,
}

/// One point of the latent grid: index of the onset, index of each part's severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latent {
    /// Index into the incident's onsets.
    pub onset: usize,
    /// Severity index of the first part.
    pub first: usize,
    /// Severity index of the second part, 0 if there is none.
    pub second: usize,
}

/// A set's Bayes factor with the posterior over its latents.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// log p(D | set) − log p(D | none).
    pub log_bayes: f64,
    /// Posterior probability of each latent point that has any.
    pub posterior: Vec<(Latent, f64)>,
    /// Kullback–Leibler divergence from prior to posterior over the latents: what not knowing them in advance costs.
    pub divergence: f64,
}

impl<'a> SetModel<'a> {
    /// Joins one or two predictions.
    pub fn new(evidence: &'a Evidence<'a>, parts: Vec<&'a Prediction>) -> Self {
        assert!(matches!(parts.len(), 1 | 2), "a set has one or two components here");
        let mut meets: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
        for (i, part) in parts.iter().enumerate() {
            for (flow, share) in &part.exposed {
                let slot = meets.entry(*flow).or_default();
                *(if i == 0 { &mut slot.0 } else { &mut slot.1 }) = *share;
            }
        }
        for flow in &evidence.suspicious {
            meets.entry(*flow).or_default();
        }
        let popularity = |part: &Prediction| popularity_of(evidence.paths, part);
        let doubt: Vec<f64> = parts.iter().map(|p| PATH_DOUBT * popularity(p)).collect();
        let touched = meets
            .into_iter()
            .map(|(flow, (m, n))| {
                let m = (1.0 - PATH_DOUBT) * m + doubt[0];
                let n = if parts.len() == 2 { (1.0 - PATH_DOUBT) * n + doubt[1] } else { 0.0 };
                let both = m * n;
                Touched { flow, first: m - both, second: n - both, both }
            })
            .collect();
        Self { evidence, parts, touched }
    }

    /// Sums over the whole grid of latents.
    pub fn evaluate(&self) -> Evaluated {
        let all: Vec<usize> = (0..self.evidence.incident.onsets.len()).collect();
        self.evaluate_at(&all)
    }

    /// Sums over the latents of these onsets; the others' share is taken to be nothing.
    pub fn evaluate_at(&self, onsets: &[usize]) -> Evaluated {
        let grid: Vec<Latent> = onsets.iter().flat_map(|onset| self.grid(*onset)).collect();
        let prior = libm::log(self.evidence.onset_weight)
            - self.parts.iter().map(|p| libm::log(severities(p.loss) as f64)).sum::<f64>();
        // Severities matter to the losses of live flows alone; everything else is summed once for each onset.
        let others: BTreeMap<usize, f64> =
            onsets.iter().map(|onset| (*onset, self.other_ratio(*onset, &mut |_, _| {}))).collect();
        let logs: Vec<f64> = grid.iter().map(|l| self.flows_ratio(*l) + others[&l.onset]).collect();
        let log_sum = log_sum_exp(&logs);
        let log_bayes = log_sum + prior;
        let mut divergence = 0.0;
        let mut posterior = Vec::new();
        for (latent, log) in grid.into_iter().zip(logs) {
            let q = libm::exp(log - log_sum);
            if q > 1e-18 {
                divergence += q * (log - log_sum - prior);
                posterior.push((latent, q));
            }
        }
        Evaluated { log_bayes, posterior, divergence }
    }

    /// The latent points of one onset.
    fn grid(&self, onset: usize) -> Vec<Latent> {
        // Two severities are crossed on every second point each: the sum stays within the grid's own resolution.
        let step = if self.parts.len() == 2 { 2 } else { 1 };
        let first = severities(self.parts[0].loss);
        let second = self.parts.get(1).map_or(1, |p| severities(p.loss));
        let mut grid = Vec::new();
        for g in (0..first).step_by(step) {
            for h in (0..second).step_by(step) {
                grid.push(Latent { onset, first: g, second: h });
            }
        }
        grid
    }

    fn flows_ratio(&self, latent: Latent) -> f64 {
        self.touched.iter().map(|t| self.flow_ratio(*t, latent)).sum()
    }

    fn flow_ratio(&self, t: Touched, latent: Latent) -> f64 {
        let e = self.evidence;
        let one = e.ratio(t.flow, latent.onset, self.parts[0].loss, latent.first);
        if self.parts.len() == 1 {
            return mixture(&[(t.first, one)]);
        }
        let two = e.ratio(t.flow, latent.onset, self.parts[1].loss, latent.second);
        let both = match (self.parts[0].loss, self.parts[1].loss) {
            (LossMode::Lasting, LossMode::Lasting) => {
                let joint = e.joint[latent.first * LOSS_GRID + latent.second];
                e.lasting_ratio(t.flow, latent.onset, usize::from(joint))
            }
            _ => one + two,
        };
        mixture(&[(t.first, one), (t.second, two), (t.both, both)])
    }

    /// Everything but the losses of live flows; calls `each` with every term.
    fn other_ratio(&self, onset: usize, each: &mut dyn FnMut(Block, f64)) -> f64 {
        let mut sum = 0.0;
        for part in &self.parts {
            sum += self.dead_flows(part, onset, each);
            sum += self.round_trips(part, onset, each);
            sum += self.loads(part, onset, each);
            sum += self.polls(part, onset, each);
        }
        sum
    }

    fn dead_flows(&self, part: &Prediction, onset: usize, each: &mut dyn FnMut(Block, f64)) -> f64 {
        let mut sum = 0.0;
        for flow in &part.dead {
            let ratio = f64::from(self.evidence.dead[self.evidence.index(*flow, onset)]);
            let term = mixture(&[(1.0 - PATH_DOUBT, ratio)]);
            each(("flows", self.pair_name(*flow)), term);
            sum += term;
        }
        sum
    }

    fn round_trips(&self, part: &Prediction, onset: usize, each: &mut dyn FnMut(Block, f64)) -> f64 {
        let mut sum = 0.0;
        for (flow, cases) in &part.rtt_shift {
            let Some(seen) = self.evidence.rtt[self.evidence.index(*flow, onset)] else { continue };
            let density = |shift: f64| {
                let sigma = seen.sigma_ms.hypot(MODEL_ERROR * shift);
                log_student_density((seen.change_ms - shift) / sigma) - libm::log(sigma)
            };
            let doubt = libm::log(PATH_DOUBT) + density(0.0);
            let mut terms = vec![doubt];
            terms.extend(cases.iter().map(|(w, shift)| libm::log(w * (1.0 - PATH_DOUBT)) + density(*shift)));
            let term = log_sum_exp(&terms) - density(0.0);
            each(("round trips", self.pair_name(*flow)), term);
            sum += term;
        }
        sum
    }

    fn loads(&self, part: &Prediction, onset: usize, each: &mut dyn FnMut(Block, f64)) -> f64 {
        let incident = self.evidence.incident;
        let data = incident.loads;
        let onset_bin = incident.onsets[onset];
        let Some(last) = data.poll_bins.len().checked_sub(1) else { return 0.0 };
        let since_s = f64::from(data.poll_bins[last].saturating_sub(onset_bin)) * incident.flows.bin_s;
        let response = data.sensor.response(since_s);
        let mut sum = 0.0;
        for (arc, shift) in &part.load_shift {
            let i = arc.index();
            let before = (0..last).rev().filter(|k| data.poll_bins[*k] <= onset_bin).take(3);
            let change = data.residual[last][i] - median(before.map(|k| data.residual[k][i]));
            if !change.is_finite() {
                continue;
            }
            let predicted = shift * response;
            let sigma = data.sigma[i].hypot(MODEL_ERROR * predicted);
            let with = log_student_density((change - predicted) / sigma) - libm::log(sigma);
            let without = log_student_density(change / data.sigma[i]) - libm::log(data.sigma[i]);
            let term = data.independence * (with - without);
            each(("counters", incident.csr.arc_name(*arc)), term);
            sum += term;
        }
        sum
    }

    fn polls(&self, part: &Prediction, onset: usize, each: &mut dyn FnMut(Block, f64)) -> f64 {
        /// A poll goes unanswered with this probability when the node is well, and is answered when it is not.
        const STRAY: f64 = 0.002;
        let data = self.evidence.incident.loads;
        let after = self.evidence.incident.onsets[onset] + self.evidence.converge_bins;
        let mut sum = 0.0;
        for arc in &part.unread {
            for (k, _) in data.poll_bins.iter().enumerate().filter(|(_, b)| **b >= after) {
                let unanswered = data.residual[k][arc.index()].is_nan();
                let term = libm::log((1.0 - STRAY) / STRAY) * if unanswered { 1.0 } else { -1.0 };
                each(("polls", self.evidence.incident.csr.arc_name(*arc)), term);
                sum += term;
            }
        }
        sum
    }

    /// The expected log-likelihood ratio of every block under the posterior over the latents. Their sum less the
    /// divergence is the log Bayes factor, exactly: log p(D) = E_q[log p(D|θ)] − KL(q‖prior) for the posterior q.
    pub fn blocks(&self, evaluated: &Evaluated) -> BTreeMap<Block, f64> {
        let mut blocks = BTreeMap::new();
        for (latent, q) in &evaluated.posterior {
            for t in &self.touched {
                let block = ("flows", self.pair_name(t.flow));
                *blocks.entry(block).or_insert(0.0) += q * self.flow_ratio(*t, *latent);
            }
            self.other_ratio(latent.onset, &mut |block, term| {
                *blocks.entry(block).or_insert(0.0) += q * term
            });
        }
        blocks
    }

    fn pair_name(&self, flow: u32) -> String {
        let (s, d) = self.evidence.paths.pairs[self.evidence.paths.pair_of[flow as usize] as usize];
        let names = &self.evidence.incident.csr.node_names;
        format!("{} -> {}", names[s.index()], names[d.index()])
    }
}

fn popularity_of(paths: &Paths, part: &Prediction) -> f64 {
    use crate::component::Component::{Capacity, Device, LinkDown, LinkLoss};
    match part.component {
        LinkLoss(arc) | Capacity(arc) => paths.popularity[arc.index()],
        LinkDown(_) | Device(_) => {
            part.exposed.iter().map(|(_, s)| s).sum::<f64>() / paths.pair_of.len().max(1) as f64
        }
    }
}

/// log(1 − Σp + Σ p·e^ratio), stable for large ratios.
fn mixture(cases: &[(f64, f64)]) -> f64 {
    if let [(p, ratio)] = cases
        && *ratio < 30.0
    {
        return if *p >= 1.0 { *ratio } else { libm::log1p(p * (libm::exp(*ratio) - 1.0)) };
    }
    let rest = 1.0 - cases.iter().map(|(p, _)| p).sum::<f64>();
    let top = cases.iter().map(|(_, r)| *r).fold(0.0, f64::max);
    let sum =
        rest.max(0.0) * libm::exp(-top) + cases.iter().map(|(p, r)| p * libm::exp(r - top)).sum::<f64>();
    top + libm::log(sum.max(1e-300))
}

/// Log density of Student's t with 4 degrees of freedom, up to its constant.
fn log_student_density(t: f64) -> f64 {
    -2.5 * libm::log1p(t * t / 4.0)
}

/// The Bayes factor of *unknown*: each node pair may, on its own and with a small probability, have begun to lose at a rate
/// of its own. It explains anything, at a price for each pair.
pub fn unknown_log_bayes(evidence: &Evidence<'_>) -> f64 {
    /// Probability that a given pair is touched by whatever no hypothesis names.
    const TOUCHED: f64 = 0.02;
    let paths = evidence.paths;
    let mut flows_of: Vec<Vec<u32>> = vec![Vec::new(); paths.pairs.len()];
    for (flow, pair) in (0u32..).zip(&paths.pair_of) {
        flows_of[*pair as usize].push(flow);
    }
    let by_onset: Vec<f64> = (0..evidence.incident.onsets.len())
        .map(|onset| {
            let of_pair = |flows: &Vec<u32>| {
                let by_rate: Vec<f64> = (0..LOSS_GRID)
                    .map(|g| flows.iter().map(|f| evidence.lasting_ratio(*f, onset, g)).sum::<f64>())
                    .collect();
                mixture(&[(TOUCHED, log_sum_exp(&by_rate) - libm::log(LOSS_GRID as f64))])
            };
            flows_of.iter().map(of_pair).sum::<f64>() + libm::log(evidence.onset_weight)
        })
        .collect();
    log_sum_exp(&by_onset)
}

/// Posterior mean and central 95 % interval of the first part's loss rate; `None` for parts without one.
pub fn severity(evaluated: &Evaluated, mode: LossMode) -> Option<(f64, f64, f64)> {
    if mode != LossMode::Lasting {
        return None;
    }
    let mut by_rate = [0.0; LOSS_GRID];
    for (latent, q) in &evaluated.posterior {
        by_rate[latent.first] += q;
    }
    let mean = (0..LOSS_GRID).map(|g| by_rate[g] * loss_rate(g)).sum();
    // A grid point stands for its cell: half a step in the logarithm to either side.
    let quantile = |p: f64| {
        let mut below = 0.0;
        for (g, q) in by_rate.iter().enumerate() {
            if below + q >= p && *q > 0.0 {
                return rate_at(g as f64 - 0.5 + (p - below) / q);
            }
            below += q;
        }
        rate_at((LOSS_GRID - 1) as f64)
    };
    Some((mean, quantile(0.025), quantile(0.975)))
}

/// Posterior mean and central 95 % interval of the onset, in bins.
pub fn onset(evaluated: &Evaluated, onsets: &[u32]) -> (f64, u32, u32) {
    let mut by_onset = vec![0.0; onsets.len()];
    for (latent, q) in &evaluated.posterior {
        by_onset[latent.onset] += q;
    }
    let mean = by_onset.iter().zip(onsets).map(|(q, b)| q * f64::from(*b)).sum();
    let quantile = |p: f64| {
        let mut sum = 0.0;
        let at = by_onset.iter().position(|q| {
            sum += q;
            sum >= p
        });
        onsets[at.unwrap_or(onsets.len() - 1)]
    };
    (mean, quantile(0.025), quantile(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_what_it_says_on_both_sides_of_the_short_cut() {
        let plain = |p: f64, r: f64| (1.0 - p + p * r.exp()).ln();
        for (p, r) in [(0.5, 0.0), (0.3, -700.0), (1.0, -5.0), (0.02, 29.9), (0.02, 30.1), (1e-9, 40.0)] {
            let (got, want) = (mixture(&[(p, r)]), plain(p, r));
            assert!((got - want).abs() < 1e-9 * want.abs().max(1.0), "{p} {r}: {got} {want}");
        }
        let two = mixture(&[(0.25, 1.0), (0.5, -2.0)]);
        assert!((two - (0.25 + 0.25 * 1f64.exp() + 0.5 * (-2f64).exp()).ln()).abs() < 1e-12);
        assert!(mixture(&[(1.0, -800.0)]).is_finite());
    }

    #[test]
    fn the_grid_finds_its_own_points() {
        for g in 0..LOSS_GRID {
            assert_eq!(nearest_rate(loss_rate(g)), g);
        }
        let joint = joint_rates();
        assert_eq!(usize::from(joint[0]), 2, "1e-4 twice is nearest to 2.15e-4");
        assert_eq!(usize::from(joint[LOSS_GRID * LOSS_GRID - 1]), LOSS_GRID - 1);
    }
}
