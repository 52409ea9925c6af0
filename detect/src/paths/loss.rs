//! Does this path lose more than it used to? A count scan over several windows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::tail_fit::TailFit;
use super::{HOLD, Part, PathConfig, TELL};
use crate::tail::log_negative_binomial_tail;

/// Blocks of an hour that teach the base rate: a week.
const BLOCKS: usize = 168;

/// Shape of the rate's prior (Jeffreys).
const PRIOR_LOST: f64 = 0.5;

/// Squared coefficient of variation of the loss rate from minute to minute before any was seen, and how much it weighs
/// (the inverse of its own variance): losses come in bursts, how large is learnt where losses are many enough to show it.
const PRIOR_BURSTINESS: f64 = 0.25;
const PRIOR_WEIGHT: f64 = 4.0;

/// In each bin and for each window that ends there: how likely are so many losses, at a rate that is known only as well as
/// what was seen has taught it and that varies from window to window as much as it did (Gamma–Poisson, a negative binomial)?
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LossTrack {
    /// The last bins, newest first: sent and lost.
    recent: VecDeque<(u64, u64)>,
    windows: Vec<Window>,
    /// Sent and lost of the last hours.
    blocks: VecDeque<(u64, u64)>,
    /// The hour that is not complete.
    block: (u64, u64),
    block_age: u32,
    /// Lost and sent that teach the rate, without the hours that stand out.
    base: (f64, f64),
}

/// What is known for one length of window.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Window {
    bins: u32,
    tail: TailFit,
    /// The window that is not complete, of those which do not overlap: bins, sent, lost.
    open: (u32, u64, u64),
    /// Sums for the burstiness: excess of squares over Poisson's, squares of the mean, variance of the former under Poisson.
    excess: f64,
    squares: f64,
    variance: f64,
}

impl Window {
    fn new(bins: u32) -> Self {
        Self { bins, tail: TailFit::default(), open: (0, 0, 0), excess: 0.0, squares: 0.0, variance: 0.0 }
    }

    /// Squared coefficient of variation of the rate at this length, given the prior one. The moment estimate is weighed by
    /// its precision.
    fn burstiness(&self, prior: f64) -> f64 {
        if self.variance <= 0.0 {
            return prior;
        }
        let precision = self.squares * self.squares / self.variance;
        let weighed = self.squares * self.excess / self.variance;
        ((prior * PRIOR_WEIGHT + weighed) / (PRIOR_WEIGHT + precision)).max(0.0)
    }

    /// Takes a bin into the window; when it is complete, into the sums.
    fn learn(&mut self, sent: u64, lost: u64, rate: f64, prior: f64, week_bins: f64) {
        let (bins, s, l) = self.open;
        self.open = (bins + 1, s + sent, l + lost);
        if self.open.0 < self.bins {
            return;
        }
        let (_, sent, lost) = std::mem::take(&mut self.open);
        let mean = sent as f64 * rate;
        // One burst teaches that there are bursts, but not more than this.
        let cap = 25.0 * (mean + self.burstiness(prior) * mean * mean);
        let keep = libm::exp(-f64::from(self.bins) / week_bins);
        let square = (lost as f64 - mean) * (lost as f64 - mean);
        self.excess = keep * self.excess + square.min(cap) - mean;
        self.squares = keep * self.squares + mean * mean;
        self.variance = keep * self.variance + 2.0 * mean * mean + mean;
    }
}

impl LossTrack {
    pub(super) fn new(config: &PathConfig) -> Self {
        Self {
            recent: VecDeque::new(),
            windows: config.windows.iter().map(|w| Window::new(*w)).collect(),
            blocks: VecDeque::new(),
            block: (0, 0),
            block_age: 0,
            base: (0.0, 0.0),
        }
    }

    /// The usual share of losses; `None` while learning.
    pub(super) fn rate(&self) -> Option<f64> {
        (self.base.1 > 0.0).then(|| (self.base.0 + PRIOR_LOST) / self.base.1)
    }

    /// Takes the next bin and judges it; `None` while learning or with nothing sent.
    pub(super) fn step(&mut self, sent: u64, lost: u64, config: &PathConfig) -> Option<Part> {
        let lost = lost.min(sent);
        self.recent.push_front((sent, lost));
        self.recent.truncate(config.longest() as usize);
        let rate = self.rate();
        let mut part = rate.filter(|_| sent > 0).and_then(|rate| self.judge(rate));
        if let Some(bins) = part.as_ref().filter(|p| p.score > TELL).and_then(|p| self.calm(p.window)) {
            self.recent.truncate(bins);
            part = rate.and_then(|rate| self.judge(rate));
        }
        if let (Some(rate), Some(part)) = (rate, &part) {
            self.learn_spread(sent, lost, rate, part, config);
        }
        self.learn_rate(sent, lost, config);
        part
    }

    /// A bin that says nothing: time goes on.
    pub(super) fn skip(&mut self, config: &PathConfig) {
        self.recent.push_front((0, 0));
        self.recent.truncate(config.longest() as usize);
    }

    fn judge(&self, rate: f64) -> Option<Part> {
        let mut best: Option<Part> = None;
        let mut burstiness = PRIOR_BURSTINESS;
        for window in &self.windows {
            burstiness = window.burstiness(burstiness);
            let Some(found) = self.judge_window(window, rate, burstiness) else { continue };
            let part = Part { score: window.tail.calibrated(found.score), ..found };
            if best.as_ref().is_none_or(|b| part.score > b.score) {
                best = Some(part);
            }
        }
        best
    }

    /// Losses of this window that are over are no news, and must not be told again as long as the window lasts: how many
    /// bins ago they ended. At the window's rate eight losses are expected in those bins, and fewer than half came.
    fn calm(&self, window: u32) -> Option<usize> {
        let (sent, lost) = self.sum(window);
        let rate = lost as f64 / sent as f64;
        let mut since = (0.0, 0);
        let bins = self.recent.iter().take(window as usize).position(|(sent, lost)| {
            since = (since.0 + *sent as f64 * rate, since.1 + lost);
            since.0 >= 8.0
        })?;
        ((since.1 as f64) < 0.5 * since.0).then_some(bins + 1)
    }

    /// Sent and lost of the last bins.
    fn sum(&self, bins: u32) -> (u64, u64) {
        self.recent.iter().take(bins as usize).fold((0, 0), |(s, l), bin| (s + bin.0, l + bin.1))
    }

    /// The model's word on the window that ends now.
    fn judge_window(&self, window: &Window, rate: f64, burstiness: f64) -> Option<Part> {
        let (sent, lost) = self.sum(window.bins);
        if sent == 0 {
            return None;
        }
        let mean = sent as f64 * rate;
        // Variance of the rate: what it varies by, and how well it is known.
        let shape = 1.0 / (burstiness + 1.0 / (self.base.0 + PRIOR_LOST));
        let log_p = log_negative_binomial_tail(lost, sent as f64, shape, shape / rate);
        let sigma = libm::sqrt(mean + mean * mean / shape) / sent as f64;
        Some(Part { score: -log_p, raw: -log_p, window: window.bins, expected: rate, sigma })
    }

    fn learn_spread(&mut self, sent: u64, lost: u64, rate: f64, part: &Part, config: &PathConfig) {
        if part.score > HOLD {
            self.windows.iter_mut().for_each(|w| w.open = (0, 0, 0));
            return;
        }
        let mut prior = PRIOR_BURSTINESS;
        for i in 0..self.windows.len() {
            let complete = self.windows[i].open.0 + 1 == self.windows[i].bins;
            let burstiness = self.windows[i].burstiness(prior);
            if complete && let Some(found) = self.judge_window(&self.windows[i], rate, burstiness) {
                self.windows[i].tail.learn(found.raw);
            }
            self.windows[i].learn(sent, lost, rate, prior, f64::from(config.day_bins) * 7.0);
            prior = burstiness;
        }
    }

    fn learn_rate(&mut self, sent: u64, lost: u64, config: &PathConfig) {
        self.block = (self.block.0 + sent, self.block.1 + lost);
        self.block_age += 1;
        if self.block_age < config.hour_bins {
            return;
        }
        self.block_age = 0;
        self.blocks.push_front(std::mem::take(&mut self.block));
        self.blocks.truncate(BLOCKS);
        self.forget_what_no_longer_holds();
        self.base = self.usual(PRIOR_BURSTINESS);
    }

    /// Lost and sent of the hours that do not stand out: begins with all and leaves out, thrice, what is improbable given
    /// the rest. What most hours show is never left out.
    fn usual(&self, burstiness: f64) -> (f64, f64) {
        let total = |keep: &dyn Fn(&(u64, u64)) -> bool| {
            let kept = self.blocks.iter().filter(|b| keep(b));
            kept.fold((0.0, 0.0), |(l, s), b| (l + b.1 as f64, s + b.0 as f64))
        };
        let mut base = total(&|_| true);
        for _ in 0..3 {
            base = total(&|block| !stands_out(block, base, burstiness, self.blocks.len()));
        }
        base
    }

    /// After a day in which every hour stood out, what was before no longer counts.
    fn forget_what_no_longer_holds(&mut self) {
        let (base, burstiness) = (self.usual(PRIOR_BURSTINESS), PRIOR_BURSTINESS);
        let day = self.blocks.iter().take(24);
        if self.blocks.len() > 24 && day.clone().all(|b| stands_out(b, base, burstiness, BLOCKS)) {
            self.blocks.truncate(24);
        }
    }
}

/// Whether an hour lost more than is usual; once in e⁵ such tests if nothing is wrong.
fn stands_out((sent, lost): &(u64, u64), base: (f64, f64), burstiness: f64, tests: usize) -> bool {
    if *sent == 0 || base.1 <= 0.0 {
        return false;
    }
    let rate = (base.0 + PRIOR_LOST) / base.1;
    let shape = 1.0 / (burstiness + 1.0 / (base.0 + PRIOR_LOST));
    let log_p = log_negative_binomial_tail(*lost, *sent as f64, shape, shape / rate);
    log_p < -5.0 - libm::log(tests.max(1) as f64)
}
