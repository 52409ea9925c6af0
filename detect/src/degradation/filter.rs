//! Level and slope of one indicator: a Kalman filter for a local linear trend, with measured values or counts.

use serde::{Deserialize, Serialize};

/// A sample more than this many spreads off counts as if it were this far off.
const CLIP: f64 = 3.5;

/// After so many such samples in a row on one side it is not the samples that are off.
const JUMP: i32 = 4;

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    /// A value, with noise.
    Gauge(f64),
    /// A number of events in so many hours; the level is the logarithm of their rate per hour.
    Count { events: f64, hours: f64 },
}

/// Level, slope per hour, and how uncertain they are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Outlook {
    pub(super) level: f64,
    pub(super) slope: f64,
    /// Variance of the level, covariance, variance of the slope.
    pub(super) cov: [f64; 3],
    /// What the level's variance grows by in an hour, and the slope's.
    pub(super) wander: f64,
    pub(super) bend: f64,
}

/// One filter of the bank.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Filter {
    bend_h: f64,
    wander_h: f64,
    state: Option<Outlook>,
    /// Samples in a row that were too far off: above 0, up.
    off: i32,
}

impl Filter {
    /// The slope bends over about `bend_h` hours, the level forgets over `wander_h`.
    pub(super) fn new(bend_h: f64, wander_h: f64) -> Self {
        Self { bend_h, wander_h, state: None, off: 0 }
    }

    pub(super) fn outlook(&self) -> Outlook {
        self.state.unwrap_or(Outlook { level: 0.0, slope: 0.0, cov: [1e9, 0.0, 0.0], wander: 0.0, bend: 0.0 })
    }

    /// Predicts `hours` ahead, takes what was seen, and says how likely that was. `noise` is the variance of a sample
    /// (of a count: of the logarithm of its rate), and `pace_h` the usual time between two.
    pub(super) fn step(&mut self, hours: f64, seen: &Seen, noise: f64, pace_h: f64) -> f64 {
        let Some(state) = &mut self.state else {
            self.state = Some(begin(seen, noise, self.bend_h));
            return 0.0;
        };
        // The steady filter averages the level over √(noise · pace / wander) hours, and the slope over √(wander / bend) or, where
        // the level hardly wanders, over (noise · pace / bend)^¼.
        let density = noise * pace_h;
        state.wander = density / (self.wander_h * self.wander_h);
        let bend_square = self.bend_h * self.bend_h;
        state.bend = (state.wander + density / bend_square) / bend_square;
        state.predict(hours);
        let before = (state.level, state.cov[0]);
        let (update, log_likelihood, off) = match seen {
            Seen::Gauge(y) => gauge(before, *y, noise),
            Seen::Count { events, hours } => count(before, *events, *hours, noise),
        };
        self.off = if off == 0 || off.signum() * self.off.signum() < 0 { off } else { self.off + off };
        if self.off.abs() >= JUMP {
            // The level moved at once (a reset, a patch in another fibre): it begins anew, the slope stays likely.
            let slope = (state.slope, state.cov[2]);
            let mut anew = begin(seen, noise, self.bend_h);
            (anew.slope, anew.cov[2]) = (slope.0, slope.1 * 4.0);
            (anew.wander, anew.bend) = (state.wander, state.bend);
            (self.state, self.off) = (Some(anew), 0);
        } else {
            state.correct(update);
        }
        log_likelihood
    }
}

/// The level's variance before and after, and its change.
struct Update {
    before: f64,
    after: f64,
    change: f64,
}

impl Outlook {
    fn predict(&mut self, hours: f64) {
        let [level, both, slope] = self.cov;
        let bent = self.bend * hours;
        self.level += self.slope * hours;
        self.cov = [
            level
                + 2.0 * hours * both
                + hours * hours * slope
                + self.wander * hours
                + bent * hours * hours / 3.0,
            both + hours * slope + bent * hours / 2.0,
            slope + bent,
        ];
    }

    /// What is learnt of the level moves the slope as far as the two go together.
    fn correct(&mut self, update: Update) {
        let [level, both, slope] = self.cov;
        let gain = both / level;
        let shrink = 1.0 - update.after / update.before;
        self.level += update.change;
        self.slope += gain * update.change;
        self.cov = [level * (1.0 - shrink), both * (1.0 - shrink), slope - gain * both * shrink];
    }
}

fn begin(seen: &Seen, noise: f64, bend_h: f64) -> Outlook {
    let (level, variance) = match seen {
        Seen::Gauge(y) => (*y, noise),
        Seen::Count { events, hours } => (libm::log((events + 0.5) / hours), noise + 1.0 / (events + 0.5)),
    };
    // A slope that would move the level by several times its noise in the time over which it may bend.
    let slope = 4.0 * noise / (bend_h.min(24.0) * bend_h.min(24.0)) * 4.0;
    Outlook { level, slope: 0.0, cov: [4.0 * variance, 0.0, slope], wander: 0.0, bend: 0.0 }
}

fn gauge((level, variance): (f64, f64), y: f64, noise: f64) -> (Update, f64, i32) {
    let total = variance + noise;
    let spread = libm::sqrt(total);
    let z = (y - level) / spread;
    let clipped = z.clamp(-CLIP, CLIP);
    let change = variance / total * clipped * spread;
    let log_likelihood = -0.5 * (clipped * clipped + libm::log(total));
    let off = if z == clipped { 0 } else { z.signum() as i32 };
    (Update { before: variance, after: variance * noise / total, change }, log_likelihood, off)
}

/// A count by conjugate updating: the rate has a Gamma distribution whose logarithm has this mean and variance.
fn count((level, variance): (f64, f64), events: f64, hours: f64, noise: f64) -> (Update, f64, i32) {
    let total = (variance + noise).min(50.0);
    // Shape with trigamma(shape) = total, to first order.
    let shape = 1.0 / total + 0.5 / (1.0 + total);
    let per_hour = libm::exp(digamma(shape) - level);
    let mean = shape / per_hour * hours;
    let spread = libm::sqrt(mean + mean * mean / shape).max(1.0);
    let most = mean + 2.0 * CLIP * spread;
    let least = (mean - CLIP * spread).max(0.0);
    let counted = events.clamp(least, most);
    let log_likelihood = log_negative_binomial(counted, shape, per_hour, hours);
    let after = 1.0 / (shape + counted) + 0.5 / ((shape + counted) * (shape + counted));
    let moved = digamma(shape + counted) - libm::log(per_hour + hours) - level;
    // What moved is level and noise together; the level's part of it is its part of the variance.
    let part = variance / (variance + noise);
    let learnt = (1.0 - (after / total).min(1.0)) * part;
    let off = if events > most { 1 } else { -i32::from(events < least) };
    (Update { before: variance, after: variance * (1.0 - learnt), change: part * moved }, log_likelihood, off)
}

fn log_negative_binomial(events: f64, shape: f64, per_hour: f64, hours: f64) -> f64 {
    libm::lgamma(shape + events) - libm::lgamma(shape) - libm::lgamma(events + 1.0)
        + shape * libm::log(per_hour / (per_hour + hours))
        + events * libm::log(hours / (per_hour + hours))
}

/// ψ(x) for x > 0: recurrence up to 6, then the asymptotic series (Abramowitz & Stegun 6.3.5, 6.3.18).
fn digamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 6.0 {
        below -= 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    below + libm::log(x) - 0.5 / x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_has_its_known_values() {
        let euler = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + euler).abs() < 1e-8);
        assert!((digamma(0.5) + euler + 2.0 * 2f64.ln()).abs() < 1e-8);
    }

    #[test]
    fn a_line_is_followed_and_an_outlier_is_not() {
        let mut filter = Filter::new(24.0, 500.0);
        for i in 0..200u32 {
            let wiggle = 0.05 * (f64::from(i * 7_919 % 101) / 50.0 - 1.0);
            let y = if i == 150 { 40.0 } else { 0.3 * f64::from(i) * 0.25 + wiggle };
            filter.step(0.25, &Seen::Gauge(y), 0.001, 0.25);
        }
        let outlook = filter.outlook();
        assert!((outlook.slope - 0.3).abs() < 0.01, "{outlook:?}");
        assert!((outlook.level - 0.3 * 199.0 * 0.25).abs() < 0.1, "{outlook:?}");
    }

    #[test]
    fn a_rate_that_doubles_each_day_is_followed_through_zeros() {
        let mut filter = Filter::new(96.0, 500.0);
        let growth = 2f64.ln() / 24.0;
        // Expected counts, rounded down with the remainder carried: no chance, the right rate.
        let mut owed = 0.0;
        for i in 0..240u32 {
            owed += 0.2 * (growth * f64::from(i)).exp();
            let events = f64::floor(owed);
            owed -= events;
            filter.step(1.0, &Seen::Count { events, hours: 1.0 }, 0.05, 1.0);
        }
        let outlook = filter.outlook();
        assert!((outlook.slope / growth - 1.0).abs() < 0.2, "{outlook:?}");
        let rate = 0.2 * (growth * 239.0).exp();
        assert!((outlook.level - rate.ln()).abs() < 0.2, "{outlook:?} {rate}");
    }
}
