//! Is this path slower or faster than it used to be? A robust scan over several windows.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use twin::stats::mad_sigma;

use super::day::{Course, DayCourse};
use super::swell::Swell;
use super::tail_fit::TailFit;
use super::{HOLD, Part, PathConfig, TELL};
use crate::tail::log_p_student;

/// Means of windows that teach how far they stray.
const MEANS: usize = 512;

/// As many of those from before a lasting change count: four hours of the shortest windows.
const MEANS_BEFORE: usize = 48;

/// With fewer the spread of a window is not known.
const ENOUGH: usize = 12;

/// The spread by the median of so many values is known as well as by the root mean square of this share of them
/// (Rousseeuw & Croux, J. Am. Stat. Assoc. 88, 1993).
const MAD_EFFICIENCY: f64 = 0.37;

/// A single bin counts for no more than this many spreads in the longer windows.
const CLIP: f64 = 4.0;

/// Residuals from the usual course of the day, each divided by how much further than on the whole they stray at that time of
/// day ([`Swell`]); in each bin and for each window that ends there, how far does the mean of the residuals stray, by what
/// such means usually do? The spread of each length is learnt by itself: noise of paths is correlated, and a longer window
/// gains less than the root of its length.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RttTrack {
    day: DayCourse,
    swell: Swell,
    /// Clipped residuals of the last bins, newest first; `None` where no reply came.
    recent: VecDeque<Option<f32>>,
    windows: Vec<Window>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Window {
    bins: u32,
    /// Means that were seen, newest first, `stride` bins apart, as they would stray if the course of the day were known.
    means: VecDeque<f32>,
    stride: u32,
    wait: u32,
    /// Their spread; `None` while too few were seen.
    sigma: Option<Spread>,
    tail: TailFit,
}

/// One standard deviation, and how many degrees of freedom it has.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Spread {
    sigma: f64,
    freedom: f64,
}

impl Spread {
    /// −log p of a value so many standard deviations off.
    fn score(self, z: f64) -> f64 {
        -log_p_student(z, self.freedom)
    }
}

impl RttTrack {
    pub(super) fn new(config: &PathConfig) -> Self {
        let window = |bins: &u32| Window {
            bins: *bins,
            means: VecDeque::new(),
            stride: (config.hour_bins / 12).max(bins / 2).max(1),
            wait: 0,
            sigma: None,
            tail: TailFit::default(),
        };
        Self {
            day: DayCourse::new(),
            swell: Swell::new(),
            recent: VecDeque::new(),
            windows: config.windows.iter().map(window).collect(),
        }
    }

    /// Takes the next bin and judges it; `None` while learning or without a reply.
    pub(super) fn step(&mut self, rtt_ms: Option<f64>, config: &PathConfig) -> Option<Part> {
        let expected = self.day.expected(config);
        let swell = self.swell.times();
        let residual = rtt_ms.zip(expected).map(|(rtt, usual)| (rtt - usual) / swell);
        self.remember(residual, config);
        let sigmas = self.sigmas(config);
        let mut part = residual.and_then(|residual| self.judge(residual, &sigmas));
        if let Some(bins) =
            part.as_ref().filter(|p| p.score > TELL).and_then(|p| self.calm(p.window, &sigmas))
        {
            self.recent.truncate(bins);
            part = residual.and_then(|residual| self.judge(residual, &sigmas));
        }
        let part = part.zip(expected).map(|(p, expected)| Part { expected, sigma: swell * p.sigma, ..p });
        let abnormal = part.as_ref().is_some_and(|p| p.score > HOLD);
        if let Some(residual) = residual {
            self.learn(residual, abnormal, &sigmas, config);
        }
        // Of a line through two hours it is not known how far residuals from the course of a day stray.
        self.swell.push(residual.filter(|_| self.day.is_known()).map(|r| swell * r), abnormal, config);
        match self.day.push(rtt_ms, abnormal, config) {
            Course::Same => return part,
            Course::Begins => self.windows.iter_mut().for_each(|w| w.forget(u32::MAX)),
            Course::Moved => self.windows.iter_mut().for_each(|w| w.forget(config.day_bins)),
        }
        self.recent.clear();
        part
    }

    fn remember(&mut self, residual: Option<f64>, config: &PathConfig) {
        let clip = self.windows[0].sigma.map_or(f64::INFINITY, |s| CLIP * s.sigma.max(self.least(config)));
        self.recent.push_front(residual.map(|r| r.clamp(-clip, clip) as f32));
        self.recent.truncate(config.longest() as usize);
    }

    /// The spread of residuals for each window; of one that has seen too few, the spread of the next shorter, which is larger.
    fn sigmas(&self, config: &PathConfig) -> Vec<Option<Spread>> {
        let mut known = None;
        let sigma = |w: &Window| {
            let stray = |sigma| sigma * libm::sqrt(self.day.doubt(w.bins, config));
            known = w.sigma.map(|s| Spread { sigma: stray(s.sigma).max(self.least(config)), ..s }).or(known);
            known
        };
        self.windows.iter().map(sigma).collect()
    }

    /// The least spread, as a multiple like residuals.
    fn least(&self, config: &PathConfig) -> f64 {
        config.min_sigma_ms / self.swell.times()
    }

    fn judge(&self, residual: f64, sigmas: &[Option<Spread>]) -> Option<Part> {
        let mut best: Option<Part> = None;
        for (window, sigma) in self.windows.iter().zip(sigmas) {
            let Some(spread) = sigma else { continue };
            let Some(z) = self.z(window.bins, spread.sigma, residual) else { continue };
            let raw = spread.score(z);
            let score = window.tail.calibrated(raw);
            if best.as_ref().is_none_or(|b| score > b.score) {
                let expected = f64::NAN;
                best = Some(Part { score, raw, window: window.bins, expected, sigma: spread.sigma });
            }
        }
        best
    }

    /// How many spreads the mean of a window lies off. One with gaps strays more; with fewer than half of its bins it says
    /// nothing.
    fn z(&self, bins: u32, sigma: f64, residual: f64) -> Option<f64> {
        if bins == 1 {
            return Some(residual / sigma); // not clipped
        }
        let (n, mean) = self.mean(bins)?;
        (2 * n >= bins).then(|| mean / (sigma * libm::sqrt(f64::from(bins) / f64::from(n))))
    }

    /// The mean of the last bins that had a reply, and how many had.
    fn mean(&self, bins: u32) -> Option<(u32, f64)> {
        let values = self.recent.iter().take(bins as usize).flatten();
        let (n, sum) = values.fold((0u32, 0.0), |(n, sum), r| (n + 1, sum + f64::from(*r)));
        (n > 0).then(|| (n, sum / f64::from(n)))
    }

    /// A shift of this window that is over is no news, and must not be told again as long as the window lasts: how many bins
    /// ago it ended. The shortest window in which the shift would be clear shows less than half of it.
    fn calm(&self, window: u32, sigmas: &[Option<Spread>]) -> Option<usize> {
        let (_, shift) = self.mean(window)?;
        let clear = |(w, sigma): &(&Window, &Option<Spread>)| {
            sigma.is_some_and(|s| shift.abs() >= 4.0 * s.sigma) && w.bins < window
        };
        let (shorter, _) = self.windows.iter().zip(sigmas).find(clear)?;
        let (_, now) = self.mean(shorter.bins)?;
        (now * shift.signum() < 0.5 * shift.abs()).then_some(shorter.bins as usize)
    }

    fn learn(&mut self, residual: f64, abnormal: bool, sigmas: &[Option<Spread>], config: &PathConfig) {
        for (i, sigma) in sigmas.iter().enumerate() {
            let bins = self.windows[i].bins;
            self.windows[i].wait += 1;
            let due = self.windows[i].wait >= self.windows[i].stride;
            if !due && bins > 1 {
                continue;
            }
            let score =
                sigma.filter(|_| !abnormal).and_then(|s| self.z(bins, s.sigma, residual).map(|z| s.score(z)));
            let mean = if bins == 1 { Some((1, residual)) } else { self.mean(bins) };
            let doubt = self.day.doubt(bins, config);
            let window = &mut self.windows[i];
            if let Some(score) = score {
                window.tail.learn(score);
            }
            if due
                && let Some((n, mean)) = mean
                && n == bins
            {
                window.wait = 0;
                window.see(mean / libm::sqrt(doubt));
            }
        }
    }
}

impl Window {
    fn see(&mut self, mean: f64) {
        self.means.push_front(mean as f32);
        self.means.truncate(MEANS);
        self.spread();
    }

    /// Leaves out the means of the last bins; of those before few count, as noise need not be what it was.
    fn forget(&mut self, bins: u32) {
        self.means.drain(..self.means.len().min((bins / self.stride) as usize));
        self.means.truncate(MEANS_BEFORE);
        self.wait = 0;
        self.spread();
    }

    fn spread(&mut self) {
        let means: Vec<f64> = self.means.iter().map(|m| f64::from(*m)).collect();
        self.sigma = (means.len() >= ENOUGH)
            .then(|| Spread { sigma: mad_sigma(&means, 0.0), freedom: MAD_EFFICIENCY * means.len() as f64 });
    }
}
