//! Link loads and other gauges, together: the detector of `umbra detect` for wide series.
//!
//! Two questions of each bin, both put to what a link does beyond its own season and beyond what all links share: did it
//! jump (innovation), is it off (mean of an hour at five-minute bins)? The answers make one score, the root of the sum of
//! their squares, so that evidence of both kinds adds up.

use serde::{Deserialize, Serialize};

use crate::detector::{Bin, Detector, Verdict};
use crate::innovation::Innovation;
use crate::seasonal::{Residual, SeasonalConfig, SeasonalDetector};
use crate::subspace::Subspace;

/// Series that share one subspace: the refit is cubic in them.
const GROUP_MAX: usize = 128;
/// Memory of correlations, in days.
const MEMORY_DAYS: f64 = 20.0;
/// Bins of the mean that says whether a link is off.
const LEVEL_BINS: usize = 12;
/// An average of wandering residuals has a lighter tail than an innovation: its standard deviations count for more.
const LEVEL_WEIGHT: f64 = 1.8;
/// A jump of so many standard deviations counts for so many bins: what jumped is still off, though the jump is over.
const JUMP_SIGMA: f64 = 5.0;
const JUMP_BINS: usize = 6;

/// Seasons, subspace and innovations of a set of gauges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkDetector {
    seasonal: SeasonalDetector,
    groups: Vec<Group>,
    day_bins: f64,
    bin: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Group {
    first: usize,
    levels: Subspace,
    jumps: Subspace,
    links: Vec<Link>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Link {
    innovation: Innovation,
    /// Own part of the residual over the latest bins, NaN if missing; `latest[bin % LEVEL_BINS]`.
    latest: [f64; LEVEL_BINS],
    /// Own part of the innovation over the latest bins, in the same way.
    jumps: [f64; JUMP_BINS],
    /// Answers to the two questions in the latest bin.
    answers: [f64; 2],
}

impl LinkDetector {
    /// A detector of so many series that has seen nothing yet.
    pub fn new(series: usize, config: SeasonalConfig) -> Self {
        let starts = (0..series).step_by(GROUP_MAX);
        let groups = starts.map(|first| Group::new(first, GROUP_MAX.min(series - first))).collect();
        Self { seasonal: SeasonalDetector::new(series, config), groups, day_bins: config.day_bins(), bin: 0 }
    }

    /// What a series did in the latest bin beyond its season and beyond what the others did too, in standard deviations:
    /// its jump and its mean over the last hour. NaN: no opinion.
    pub fn answers(&self, series: usize) -> [f64; 2] {
        let group = &self.groups[series / GROUP_MAX];
        group.links[series - group.first].answers
    }
}

impl Detector for LinkDetector {
    type Sample = f64;

    fn step(&mut self, bin: &Bin<'_, f64>, verdicts: &mut [Verdict]) {
        assert_eq!(verdicts.len(), bin.samples.len(), "one verdict for each series");
        let mut residuals = Vec::with_capacity(verdicts.len());
        self.seasonal.residuals(bin, |_, residual| residuals.push(residual));
        let memory = MEMORY_DAYS * self.day_bins;
        self.bin += 1;
        let refit = self.bin.is_multiple_of(self.day_bins as u64) && self.bin >= 2 * self.day_bins as u64;
        for group in &mut self.groups {
            group.step(bin, self.bin, &residuals, verdicts, memory);
            if refit {
                group.refit();
            }
        }
    }

    fn rebaseline(&mut self, series: usize) {
        self.seasonal.rebaseline(series);
        let group = &mut self.groups[series / GROUP_MAX];
        group.links[series - group.first].forget_state();
    }
}

impl Group {
    fn new(first: usize, series: usize) -> Self {
        // A factor is shared by many: eight links at least where it is a level (a slow common factor takes much of an
        // anomaly with it), four where it is a jump.
        Self {
            first,
            levels: Subspace::new(series, (series / 8).min(3)),
            jumps: Subspace::new(series, (series / 4).min(6)),
            links: vec![Link::new(); series],
        }
    }

    fn step(
        &mut self,
        bin: &Bin<'_, f64>,
        index: u64,
        residuals: &[Residual],
        verdicts: &mut [Verdict],
        memory: f64,
    ) {
        let n = self.links.len();
        let here = self.first..self.first + n;
        let residuals = &residuals[here.clone()];
        for (link, residual) in self.links.iter_mut().zip(residuals) {
            if residual.renewed {
                link.forget_state();
            }
        }
        let z: Vec<f64> = residuals.iter().map(|r| r.z).collect();
        let learns = |i: usize| bin.learns(self.first + i);
        let jumps: Vec<f64> = self
            .links
            .iter_mut()
            .zip(&z)
            .enumerate()
            .map(|(i, (link, z))| link.innovation.step(*z, learns(i), memory))
            .collect();
        let mut own = vec![f64::NAN; n];
        self.levels.own_parts(&z, &mut own);
        let mut own_jump = vec![f64::NAN; n];
        self.jumps.own_parts(&jumps, &mut own_jump);
        for (i, link) in self.links.iter_mut().enumerate() {
            verdicts[self.first + i] = link.judge(index, own[i], own_jump[i], &residuals[i]);
        }
        let taught = |values: &[f64]| -> Vec<f64> {
            (0..n).map(|i| if bin.learns(self.first + i) { values[i] } else { f64::NAN }).collect()
        };
        self.levels.learn(&taught(&z), memory);
        self.jumps.learn(&taught(&jumps), memory);
    }

    fn refit(&mut self) {
        self.levels.refit();
        self.jumps.refit();
        self.links.iter_mut().for_each(|link| link.innovation.refit());
    }
}

impl Link {
    fn new() -> Self {
        Self {
            innovation: Innovation::new(),
            latest: [f64::NAN; LEVEL_BINS],
            jumps: [f64::NAN; JUMP_BINS],
            answers: [f64::NAN; 2],
        }
    }

    fn forget_state(&mut self) {
        self.innovation.forget_state();
        self.latest = [f64::NAN; LEVEL_BINS];
        self.jumps = [f64::NAN; JUMP_BINS];
    }

    fn judge(&mut self, index: u64, own: f64, jump: f64, residual: &Residual) -> Verdict {
        self.latest[index as usize % LEVEL_BINS] = own;
        self.jumps[index as usize % JUMP_BINS] = jump;
        if own.is_nan() {
            self.answers = [f64::NAN; 2];
            return Verdict::NONE;
        }
        let past = self.jumps.iter().copied().filter(|j| j.abs() > JUMP_SIGMA);
        let jump = past.fold(jump, |most, j| if j.abs() > most.abs() || most.is_nan() { j } else { most });
        self.answers = [jump, self.level()];
        let [jump, level] = self.answers.map(|a| if a.is_nan() { 0.0 } else { a });
        let level = LEVEL_WEIGHT * level;
        let norm = 1.0 + LEVEL_WEIGHT * LEVEL_WEIGHT;
        Verdict {
            window: if jump.abs() >= level.abs() { 1 } else { LEVEL_BINS as u32 },
            ..residual.verdict(libm::sqrt((jump * jump + level * level) / norm))
        }
    }

    /// Mean over the latest bins; NaN if fewer than half of them are there.
    fn level(&self) -> f64 {
        let there = self.latest.iter().filter(|x| x.is_finite());
        let (sum, count) = there.fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
        if 2 * count >= LEVEL_BINS { sum / count as f64 } else { f64::NAN }
    }
}
