//! One or two components against nothing being wrong.

use std::collections::BTreeMap;

use twin::stats::median;

use super::evidence::{Evidence, Ratio};
use super::grid::{LOSS_GRID, severities};
use super::{Block, mixture};
use crate::base_loss::log_sum_exp;
use crate::prediction::{LossMode, Paths, Prediction};

/// Probability that a flow's path in the twin is not its path in the network, for reasons that no hypothesis names.
const PATH_DOUBT: f64 = 0.02;
/// Relative error of a predicted change of load or delay.
const MODEL_ERROR: f64 = 0.1;

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
        // One logarithm of a product of many flows, as there are millions of these terms.
        let (mut sum, mut product) = (0.0, 1.0);
        for t in &self.touched {
            match self.factor(*t, latent) {
                Some(factor) => product *= factor,
                None => sum += self.flow_ratio(*t, latent),
            }
            if !(1e-200..1e200).contains(&product) {
                sum += libm::log(product);
                product = 1.0;
            }
        }
        sum + libm::log(product)
    }

    /// How much likelier a flow's losses are; `None` where that is no number of ordinary size.
    fn factor(&self, t: Touched, latent: Latent) -> Option<f64> {
        let gain = |ratio: Ratio| f64::from(ratio.gain);
        let factor = match self.ratios(t, latent) {
            (one, None) => 1.0 + t.first * gain(one),
            (one, Some((two, joint))) => {
                let both = joint.map_or_else(|| (1.0 + gain(one)) * (1.0 + gain(two)) - 1.0, gain);
                1.0 + t.first * gain(one) + t.second * gain(two) + t.both * both
            }
        };
        (1e-60..1e60).contains(&factor).then_some(factor)
    }

    /// The logarithm of the same, of any size.
    fn flow_ratio(&self, t: Touched, latent: Latent) -> f64 {
        if let Some(factor) = self.factor(t, latent) {
            return libm::log(factor);
        }
        let log = |ratio: Ratio| f64::from(ratio.log);
        match self.ratios(t, latent) {
            (one, None) => mixture(&[(t.first, log(one))]),
            (one, Some((two, joint))) => {
                let both = joint.map_or_else(|| log(one) + log(two), log);
                mixture(&[(t.first, log(one)), (t.second, log(two)), (t.both, both)])
            }
        }
    }

    /// What the first part does to a flow's losses, and the second, and both where that is not their product.
    fn ratios(&self, t: Touched, latent: Latent) -> (Ratio, Option<(Ratio, Option<Ratio>)>) {
        let e = self.evidence;
        let of = |part: &Prediction, g: usize| e.ratio(t.flow, latent.onset, part.loss, g);
        let one = of(self.parts[0], latent.first);
        let Some(second) = self.parts.get(1) else { return (one, None) };
        let last = (self.parts[0].loss, second.loss) == (LossMode::Lasting, LossMode::Lasting);
        let joint = last.then(|| {
            let joint = e.joint[latent.first * LOSS_GRID + latent.second];
            e.lasting(t.flow, latent.onset, usize::from(joint))
        });
        (one, Some((of(second, latent.second), joint)))
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

/// Log density of Student's t with 4 degrees of freedom, up to its constant.
fn log_student_density(t: f64) -> f64 {
    -2.5 * libm::log1p(t * t / 4.0)
}
