//! Monte Carlo: failure sets drawn by their probability, each evaluated once, with 95 % intervals.
//!
//! States with at most one component down are few and most of the probability: they are summed exactly. Chance decides
//! about the others alone, so that an interval is about what is not known.

use std::collections::BTreeMap;

use engine::{Purpose, Seeds, Stream};

use super::interval::Sampled;
use super::{Answer, Effect, Effects, Estimate, FailureModel, Measures};

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
    visit(effects, model, &few, |probability, _, effect| known.add(*probability, &effect));
    let drawn = Drawn::new(model, bias);
    let many: Vec<_> =
        drawn.sets(model, trials, seeds).into_iter().filter(|(down, _)| down.len() > 1).collect();
    let mut tally = Tally::new(demands, drawn.weight_max());
    visit(effects, model, &many, |count, down, effect| tally.add(*count, drawn.weight(down), &effect));
    let sets = few.len() + many.len();
    Sample { answer: known.with(&tally), trials, sets: sets as u64, effective: tally.effective() }
}

/// The effect of each set of components, with what goes with the set.
fn visit<T>(
    effects: &mut Effects<'_>,
    model: &FailureModel,
    sets: &[(Vec<u32>, T)],
    mut see: impl FnMut(&T, &[u32], Effect),
) {
    for batch in sets.chunks(BATCH) {
        let failures: Vec<_> = batch.iter().map(|(down, _)| model.set(down.iter().copied())).collect();
        batch.iter().zip(effects.of(&failures)).for_each(|((down, with), effect)| see(with, down, effect));
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

    fn add(&mut self, probability: f64, effect: &Effect) {
        self.mass += probability;
        if effect.over {
            self.over += probability;
        }
        if !effect.all_connected() {
            self.disconnected += probability;
            self.lost_share += probability * effect.lost_share;
            effect.lost.iter().for_each(|d| self.lost[*d as usize] += probability);
        }
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
                p_all_connected: join(self.disconnected, tally.probability(&tally.disconnected)).complement(),
                expected_lost_share: join(self.lost_share, tally.lost_share()),
                p_util_over: join(self.over, tally.probability(&tally.over)),
            },
            demands: lost.map(|(known, drawn)| join(*known, tally.probability(drawn)).complement()).collect(),
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

/// Σ w^k over trials, and over those with a property, for k = 1, 2, 3.
#[derive(Clone, Copy, Debug, Default)]
struct Powers([f64; 3]);

impl Powers {
    fn add(&mut self, count: f64, weight: f64) {
        let powers = [weight, weight * weight, weight * weight * weight];
        self.0.iter_mut().zip(powers).for_each(|(sum, power)| *sum += count * power);
    }
}

/// Without a trial.
const NOTHING_KNOWN: Estimate = Estimate { value: 0.0, lo: 0.0, hi: 1.0 };

/// Trials with two components down or more.
struct Tally {
    n: f64,
    all: Powers,
    disconnected: Powers,
    over: Powers,
    lost: Vec<Powers>,
    /// Count, weight and lost share of sets that lose volume.
    losses: Vec<(f64, f64, f64)>,
    weight_max: f64,
}

impl Tally {
    fn new(demands: usize, weight_max: f64) -> Self {
        let none = Powers::default();
        Self {
            n: 0.0,
            all: none,
            disconnected: none,
            over: none,
            lost: vec![none; demands],
            losses: Vec::new(),
            weight_max,
        }
    }

    fn add(&mut self, count: u64, weight: f64, effect: &Effect) {
        let count = count as f64;
        self.n += count;
        self.all.add(count, weight);
        if effect.over {
            self.over.add(count, weight);
        }
        if !effect.all_connected() {
            self.disconnected.add(count, weight);
            effect.lost.iter().for_each(|d| self.lost[*d as usize].add(count, weight));
            self.losses.push((count, weight, effect.lost_share));
        }
    }

    fn effective(&self) -> f64 {
        let [first, second, _] = self.all.0;
        if second > 0.0 { first * first / second } else { 0.0 }
    }

    /// The estimate of a probability, from the trials where it holds.
    fn probability(&self, holds: &Powers) -> Estimate {
        if self.n == 0.0 {
            return NOTHING_KNOWN;
        }
        let ([w1, w2, w3], [h1, h2, h3]) = (self.all.0, holds.0);
        let (p, scale) = ((h1 / w1).clamp(0.0, 1.0), self.n / w1);
        let not = [w2 - h2, w3 - h3].map(|x| x.max(0.0));
        let q = 1.0 - p;
        let second = (h2 * q * q + not[0] * p * p) / self.n * scale * scale;
        let third = (h3 * q * q * q - not[1] * p * p * p) / self.n * scale * scale * scale;
        self.interval(p, second, third, 1.0)
    }

    fn lost_share(&self) -> Estimate {
        if self.n == 0.0 {
            return NOTHING_KNOWN;
        }
        let [w1, w2, w3] = self.all.0;
        let [h2, h3] = [self.disconnected.0[1], self.disconnected.0[2]];
        let mean = (self.losses.iter().map(|(n, w, f)| n * w * f).sum::<f64>() / w1).min(1.0);
        // Those that lose nothing, then the others.
        let (mut second, mut third) =
            ((w2 - h2).max(0.0) * mean * mean, -(w3 - h3).max(0.0) * mean * mean * mean);
        for (count, weight, share) in &self.losses {
            let z = weight * (share - mean);
            second += count * z * z;
            third += count * z * z * z;
        }
        let squares: f64 = self.losses.iter().map(|(n, w, f)| n * w * f * f).sum();
        let cubes: f64 = self.losses.iter().map(|(n, w, f)| n * w * f * f * f).sum();
        let size = if squares > 0.0 { cubes / squares } else { 1.0 };
        let scale = self.n / w1;
        self.interval(mean, second / self.n * scale * scale, third / self.n * scale * scale * scale, size)
    }

    fn interval(&self, mean: f64, second: f64, third: f64, size: f64) -> Estimate {
        let weight_max = self.weight_max * self.n / self.all.0[0];
        Sampled { n: self.n, mean, second, third, weight_max, size }.interval()
    }
}
