//! Monte Carlo: failure sets drawn by their probability, each evaluated once, with 95 % intervals.
//!
//! States with at most one component down are few and most of the probability: they are summed exactly. Chance decides
//! about the others alone, so that an interval is about what is not known. Maintenance is no chance: each state counts by
//! its mean over the phases of the year.

use std::collections::BTreeMap;

use engine::{Purpose, Seeds, Stream};

use super::interval::Sampled;
use super::{Answer, Effect, Effects, Estimate, FailureModel, Measures, Phase};

/// Trials that are drawn at once: bounds what is held in memory.
const BLOCK: u64 = 1 << 16;

/// Sets that are evaluated at once.
const BATCH: usize = 8192;

/// Whether failures are drawn more often than they happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bias {
    /// As often as they happen.
    None,
    /// So often that this many components are down in a mean trial, if fewer are. Each trial then counts by how much more
    /// probable its set is in truth (failure biasing; Lewis and Böhm, 1984), so that rare sets are seen, and no mean is
    /// shifted.
    Towards(f64),
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The measures with 95 % intervals.
    pub answer: Answer,
    /// Trials.
    pub trials: u64,
    /// Different sets among them.
    pub sets: u64,
    /// The number of unweighted trials that are worth as much: (Σw)² / Σw² (Kish, *Survey sampling*, 1965).
    pub effective: f64,
}

/// Draws `trials` states of a model, for those with two components down or more. The chance of each component has its own
/// address, so that neither other components nor further trials change what is drawn. Memory: some 100 bytes for each
/// different set.
///
/// # Panics
/// With no trials.
pub fn sample(
    effects: &mut Effects<'_>,
    model: &FailureModel,
    trials: u64,
    bias: Bias,
    seeds: Seeds,
) -> Sample {
    assert!(trials > 0, "an estimate needs a trial");
    let demands = effects.plan().demands().len();
    let mut known = Known::new(demands);
    let few = few_down(model);
    visit(effects, model, &few, |probability, _, effect| known.add(*probability, effect));
    let drawn = Drawn::new(model, bias);
    let many: Vec<_> =
        drawn.sets(model, trials, seeds).into_iter().filter(|(down, _)| down.len() > 1).collect();
    let mut tally = Tally::new(demands, drawn.weight_max());
    visit(effects, model, &many, |count, down, effect| tally.add(*count, drawn.weight(down), effect));
    let sets = few.len() + many.len();
    Sample { answer: known.with(&tally), trials, sets: sets as u64, effective: tally.effective() }
}

/// What a state of the components does, as a mean over the phases of the year.
struct Mean {
    disconnected: f64,
    lost_share: f64,
    over: f64,
    /// Demands that are lost in some phase, ascending, with the share of time.
    lost: Vec<(u32, f64)>,
}

impl Mean {
    fn of(phases: &[Phase], effects: &[Effect]) -> Self {
        let mut mean = Self { disconnected: 0.0, lost_share: 0.0, over: 0.0, lost: Vec::new() };
        for (Phase { share, .. }, effect) in phases.iter().zip(effects) {
            if effect.over {
                mean.over += share;
            }
            if !effect.all_connected() {
                mean.disconnected += share;
                mean.lost_share += share * effect.lost_share;
                mean.lost.extend(effect.lost.iter().map(|demand| (*demand, *share)));
            }
        }
        if phases.len() > 1 {
            mean.lost.sort_by_key(|(demand, _)| *demand); // stable: shares add up in the order of phases
            mean.lost.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                kept.1 += if same { next.1 } else { 0.0 };
                same
            });
        }
        mean
    }
}

/// The effect of each set of components, with what goes with the set.
fn visit<T>(
    effects: &mut Effects<'_>,
    model: &FailureModel,
    sets: &[(Vec<u32>, T)],
    mut see: impl FnMut(&T, &[u32], &Mean),
) {
    let phases = &model.phases;
    for batch in sets.chunks((BATCH / phases.len()).max(1)) {
        let in_phases = |(down, _): &(Vec<u32>, T)| {
            let set = model.set(down.iter().copied());
            phases.iter().map(move |phase| set.union(&phase.out))
        };
        let failures: Vec<_> = batch.iter().flat_map(in_phases).collect();
        let found = effects.of(&failures);
        let means = found.chunks(phases.len()).map(|of_set| Mean::of(phases, of_set));
        batch.iter().zip(means).for_each(|((down, with), mean)| see(with, down, &mean));
    }
}

/// The states with nothing or one component down, with their probabilities, as far as they are possible.
fn few_down(model: &FailureModel) -> Vec<(Vec<u32>, f64)> {
    let n = model.components.len();
    let mut before = vec![1.0; n + 1]; // that all before a component are up
    for (i, component) in model.components.iter().enumerate() {
        before[i + 1] = before[i] * (1.0 - component.down);
    }
    let mut after = 1.0;
    let mut few = vec![(Vec::new(), before[n])];
    for (i, component) in model.components.iter().enumerate().rev() {
        few.push((vec![i as u32], before[i] * component.down * after));
        after *= 1.0 - component.down;
    }
    few.retain(|(_, probability)| *probability > 0.0);
    few
}

/// What is known without chance.
struct Known {
    mass: f64,
    disconnected: f64,
    lost_share: f64,
    over: f64,
    lost: Vec<f64>,
}

impl Known {
    fn new(demands: usize) -> Self {
        Self { mass: 0.0, disconnected: 0.0, lost_share: 0.0, over: 0.0, lost: vec![0.0; demands] }
    }

    fn add(&mut self, probability: f64, effect: &Mean) {
        self.mass += probability;
        self.over += probability * effect.over;
        self.disconnected += probability * effect.disconnected;
        self.lost_share += probability * effect.lost_share;
        effect.lost.iter().for_each(|(d, share)| self.lost[*d as usize] += probability * share);
    }

    /// Known and drawn together.
    fn with(&self, tally: &Tally) -> Answer {
        let rest = (1.0 - self.mass).max(0.0);
        let join = |known: f64, drawn: Estimate| {
            let of = |x: f64| (known + rest * x).clamp(0.0, 1.0);
            Estimate { value: of(drawn.value), lo: of(drawn.lo), hi: of(drawn.hi) }
        };
        let lost = self.lost.iter().zip(&tally.lost);
        Answer {
            measures: Measures {
                p_all_connected: join(self.disconnected, tally.mean(&tally.disconnected)).complement(),
                expected_lost_share: join(self.lost_share, tally.mean(&tally.lost_share)),
                p_util_over: join(self.over, tally.mean(&tally.over)),
            },
            demands: lost.map(|(known, drawn)| join(*known, tally.mean(drawn)).complement()).collect(),
        }
    }
}

/// How often components are drawn as down, and what a draw then counts.
struct Drawn {
    down: Vec<f64>,
    /// Logarithm of the weight of the state with nothing down, and what each component adds that is down.
    log_up: f64,
    log_down: Vec<f64>,
}

impl Drawn {
    fn new(model: &FailureModel, bias: Bias) -> Self {
        let expected = model.expected_down();
        let factor = match bias {
            Bias::Towards(wanted) if expected > 0.0 && expected < wanted => wanted / expected,
            _ => 1.0,
        };
        // Never past one half: what is down half of the time is no rare event.
        let often = |p: f64| (p * factor).min(p.max(0.5));
        let down: Vec<_> = model.components.iter().map(|c| often(c.down)).collect();
        let (mut log_up, mut log_down) = (0.0, Vec::with_capacity(down.len()));
        for (component, q) in model.components.iter().zip(&down) {
            let p = component.down;
            let up = if p < 1.0 { libm::log1p(-p) - libm::log1p(-q) } else { 0.0 };
            log_up += up;
            log_down.push(libm::log(p / q) - up);
        }
        Self { down, log_up, log_down }
    }

    /// True probability / probability of being drawn.
    fn weight(&self, down: &[u32]) -> f64 {
        libm::exp(self.log_up + down.iter().map(|c| self.log_down[*c as usize]).sum::<f64>())
    }

    /// The largest weight of a set of two components: no larger one is drawn more seldom for its probability.
    fn weight_max(&self) -> f64 {
        let mut log_down = self.log_down.clone();
        log_down.sort_by(f64::total_cmp);
        libm::exp(self.log_up + log_down.iter().rev().take(2).sum::<f64>())
    }

    /// How often each set of components was down.
    fn sets(&self, model: &FailureModel, trials: u64, seeds: Seeds) -> BTreeMap<Vec<u32>, u64> {
        let mut renewals: Vec<_> =
            model.components.iter().zip(&self.down).map(|(c, q)| Renewal::new(seeds, &c.key, *q)).collect();
        let mut sets = BTreeMap::new();
        let mut block: Vec<Vec<u32>> = Vec::new();
        for from in (0..trials).step_by(BLOCK as usize) {
            let to = trials.min(from + BLOCK);
            block.iter_mut().for_each(Vec::clear);
            block.resize((to - from) as usize, Vec::new());
            for (component, renewal) in (0..).zip(&mut renewals) {
                while renewal.next < to {
                    block[(renewal.next - from) as usize].push(component);
                    renewal.advance(1);
                }
            }
            for down in &block {
                match sets.get_mut(down) {
                    Some(count) => *count += 1,
                    None => drop(sets.insert(down.clone(), 1)),
                }
            }
        }
        sets
    }
}

/// The trials in which one component is down: gaps between them are geometric.
struct Renewal {
    stream: Stream,
    /// ln(1 - q), minus infinity for what is always down.
    log_up: f64,
    next: u64,
}

impl Renewal {
    fn new(seeds: Seeds, key: &twin::EntityKey, q: f64) -> Self {
        let stream = seeds.trial(0).stream(Purpose::LINK_FAILURE, key);
        let mut renewal = Self { stream, log_up: libm::log1p(-q), next: 0 };
        renewal.advance(0);
        renewal
    }

    fn advance(&mut self, by: u64) {
        let gap = libm::floor(-self.stream.exp() / self.log_up); // beyond 64 bits: saturates
        self.next = self.next.saturating_add(by).saturating_add(gap as u64);
    }
}

/// Sums over the trials with a value other than 0: Σ w^k f^j of weights w and values f.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    /// Of w, for j = 1, 2, 3.
    first: [f64; 3],
    /// Of w², for j = 0, 1, 2.
    second: [f64; 3],
    /// Of w³, for j = 0 to 3.
    third: [f64; 4],
}

impl Moments {
    fn add(&mut self, count: f64, weight: f64, value: f64) {
        if value == 0.0 {
            return;
        }
        let powers = [1.0, value, value * value, value * value * value];
        let [w1, w2, w3] = [weight, weight * weight, weight * weight * weight].map(|w| count * w);
        self.first.iter_mut().zip(&powers[1..]).for_each(|(sum, f)| *sum += w1 * f);
        self.second.iter_mut().zip(powers).for_each(|(sum, f)| *sum += w2 * f);
        self.third.iter_mut().zip(powers).for_each(|(sum, f)| *sum += w3 * f);
    }
}

/// Without a trial.
const NOTHING_KNOWN: Estimate = Estimate { value: 0.0, lo: 0.0, hi: 1.0 };

/// Values this near to each other, as a share of their squares, are equal but for rounding.
const EQUAL: f64 = 1e-12;

/// Trials with two components down or more.
struct Tally {
    n: f64,
    /// Σ w^k of all.
    weights: [f64; 3],
    disconnected: Moments,
    lost_share: Moments,
    over: Moments,
    /// By demand.
    lost: Vec<Moments>,
    weight_max: f64,
}

impl Tally {
    fn new(demands: usize, weight_max: f64) -> Self {
        let none = Moments::default();
        Self {
            n: 0.0,
            weights: [0.0; 3],
            disconnected: none,
            lost_share: none,
            over: none,
            lost: vec![none; demands],
            weight_max,
        }
    }

    fn add(&mut self, count: u64, weight: f64, effect: &Mean) {
        let count = count as f64;
        self.n += count;
        let powers = [weight, weight * weight, weight * weight * weight];
        self.weights.iter_mut().zip(powers).for_each(|(sum, power)| *sum += count * power);
        self.over.add(count, weight, effect.over);
        self.disconnected.add(count, weight, effect.disconnected);
        self.lost_share.add(count, weight, effect.lost_share);
        effect.lost.iter().for_each(|(d, share)| self.lost[*d as usize].add(count, weight, *share));
    }

    fn effective(&self) -> f64 {
        let [first, second, _] = self.weights;
        if second > 0.0 { first * first / second } else { 0.0 }
    }

    /// The estimate of the mean value.
    fn mean(&self, of: &Moments) -> Estimate {
        if self.n == 0.0 {
            return NOTHING_KNOWN;
        }
        let [w1, w2, w3] = self.weights;
        let mean = (of.first[0] / w1).clamp(0.0, 1.0);
        let (square, cube) = (mean * mean, mean * mean * mean);
        // Of z = w (f - mean): trials with a value, then those without.
        let [s0, s1, s2] = of.second;
        let [t0, t1, t2, t3] = of.third;
        let second = s2 - 2.0 * mean * s1 + square * s0 + square * (w2 - s0).max(0.0);
        let third = t3 - 3.0 * mean * t2 + 3.0 * square * t1 - cube * t0 - cube * (w3 - t0).max(0.0);
        let (second, third) = if second <= EQUAL * (s2 + square * w2) { (0.0, 0.0) } else { (second, third) };
        let scale = self.n / w1;
        let size = if of.first[1] > 0.0 { of.first[2] / of.first[1] } else { 1.0 };
        let sampled = Sampled {
            n: self.n,
            mean,
            second: second / self.n * scale * scale,
            third: third / self.n * scale * scale * scale,
            weight_max: self.weight_max * scale,
            size,
        };
        sampled.interval()
    }
}
