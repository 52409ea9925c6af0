//! Link loads and other gauges, together: the detector of `umbra detect` for wide series.
//!
//! Two questions of each bin, both put to what a link does beyond its own season and beyond what all links share: did it
//! jump (innovation), is it off (mean of an hour at five-minute bins)? The answers make one score, the root of the sum of
//! their squares, so that evidence of both kinds adds up.
//!
//! A series that has neither peers nor a season is asked instead whether it has ever done this before ([`Novelty`]).

use serde::{Deserialize, Serialize};

use crate::detector::{Bin, Detector, Verdict};
use crate::innovation::Innovation;
use crate::novelty::Novelty;
use crate::seasonal::{Residual, SeasonalConfig, SeasonalDetector};
use crate::subspace::Subspace;

/// Series that share one subspace: the refit is cubic in them.
const GROUP_MAX: usize = 128;
/// From so many series on they have factors in common. Fewer are judged each by itself; those without seasons by novelty,
/// whose scores do not pool with others.
const PEERS: usize = 8;
/// Memory of correlations, in days.
const MEMORY_DAYS: f64 = 20.0;
/// Bins of the mean that says whether a link is off.
const LEVEL_BINS: usize = 12;
/// An average of wandering residuals has a lighter tail than an innovation: its standard deviations count for more.
const LEVEL_WEIGHT: f64 = 1.7;
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
    #[serde(with = "crate::gaps")]
    latest: [f64; LEVEL_BINS],
    /// Own part of the innovation over the latest bins, in the same way.
    #[serde(with = "crate::gaps")]
    jumps: [f64; JUMP_BINS],
    /// Judges a series without peers as long as no season is to be seen in it.
    novelty: Option<Box<Novelty>>,
    /// Answers to the two questions in the latest bin.
    #[serde(with = "crate::gaps")]
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
                group.refit(&residuals);
            }
        }
    }

    fn rebaseline(&mut self, series: usize) {
        self.seasonal.rebaseline(series);
        let group = &mut self.groups[series / GROUP_MAX];
        group.renew(series - group.first);
    }

    fn moved(&mut self, series: usize, times: f64) {
        self.seasonal.moved(series, times);
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
            levels: Subspace::new(series, (series / PEERS).min(3)),
            jumps: Subspace::new(series, (series / 4).min(6)),
            links: vec![Link::new(series < PEERS); series],
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
        for (i, _) in residuals.iter().enumerate().filter(|(_, residual)| residual.renewed) {
            self.renew(i);
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
            let verdict = link.judge(index, own[i], own_jump[i], &residuals[i]);
            verdicts[self.first + i] = link.renew(verdict, &residuals[i], bin.learns(self.first + i));
        }
        let taught = |values: &[f64]| -> Vec<f64> {
            (0..n).map(|i| if bin.learns(self.first + i) { values[i] } else { f64::NAN }).collect()
        };
        self.levels.learn(&taught(&z), memory);
        self.jumps.learn(&taught(&jumps), memory);
    }

    /// A series is to be judged by what it does from now on.
    fn renew(&mut self, series: usize) {
        self.links[series].forget_state();
        self.levels.renew(series);
        self.jumps.renew(series);
    }

    fn refit(&mut self, residuals: &[Residual]) {
        self.levels.refit();
        self.jumps.refit();
        let alone = self.links.len() < PEERS;
        for (link, residual) in self.links.iter_mut().zip(&residuals[self.first..]) {
            link.innovation.refit();
            if !residual.seasonless {
                link.novelty = None;
            } else if alone && link.novelty.is_none() {
                link.novelty = Some(Box::default());
            }
        }
    }
}

impl Link {
    fn new(alone: bool) -> Self {
        Self {
            novelty: alone.then(Box::default),
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

    /// The verdict of a series without seasons is by what it has not done before.
    fn renew(&mut self, verdict: Verdict, residual: &Residual, learns: bool) -> Verdict {
        let Some(novelty) = self.novelty.as_mut().filter(|_| !residual.value.is_nan()) else {
            return verdict;
        };
        let log_p = novelty.step(residual.value, verdict.score(), learns);
        if residual.seasonless && !log_p.is_nan() && !verdict.log_p.is_nan() {
            return Verdict { log_p, ..verdict };
        }
        verdict
    }

    /// Mean over the latest bins; NaN if fewer than half of them are there.
    fn level(&self) -> f64 {
        let there = self.latest.iter().filter(|x| x.is_finite());
        let (sum, count) = there.fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
        if 2 * count >= LEVEL_BINS { sum / count as f64 } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::normal;
    use proptest::prelude::*;

    const DAY: usize = 48;
    const SERIES: usize = 16;

    /// Daily waves that share a wandering factor, and noise of their own.
    fn loads(i: usize) -> Vec<f64> {
        let shared = 0.1 * (0..6).map(|k| normal(i.saturating_sub(k), 99)).sum::<f64>();
        let day = 1.0 + 0.3 * libm::sin(i as f64 * std::f64::consts::TAU / DAY as f64);
        (0..SERIES).map(|s| 100.0 * day * (1.0 + shared + 0.02 * normal(i, s)).max(0.0)).collect()
    }

    fn detector() -> LinkDetector {
        LinkDetector::new(SERIES, SeasonalConfig::new(1_800))
    }

    fn step(detector: &mut LinkDetector, samples: &[f64]) -> Vec<Verdict> {
        let mut verdicts = vec![Verdict::NONE; samples.len()];
        detector.step(&Bin { samples, paused: &[] }, &mut verdicts);
        verdicts
    }

    #[test]
    fn what_all_do_is_less_than_what_one_does() {
        let mut detector = detector();
        let quiet: Vec<f64> = (0..21 * DAY).map(|i| step(&mut detector, &loads(i))[3].score()).collect();
        let usual = twin::stats::median(quiet.iter().copied().filter(|s| s.is_finite()));
        let (mut all, mut one) = (detector.clone(), detector);
        let mut together = loads(21 * DAY);
        together.iter_mut().for_each(|x| *x *= 1.25);
        let together = step(&mut all, &together)[3].score();
        let mut alone = loads(21 * DAY);
        alone[3] *= 1.25;
        let verdicts = step(&mut one, &alone);
        assert!(verdicts[3].score() > 3.0 * together, "{} {together}", verdicts[3].score());
        assert!(verdicts[3].score() > 10.0 * usual, "{usual}");
        // It is not smeared over the others, and the explanation names it.
        assert!(verdicts.iter().enumerate().all(|(i, v)| i == 3 || v.score() < 0.3 * verdicts[3].score()));
        assert!(one.answers(3)[0] > 5.0, "{:?}", one.answers(3));
    }

    /// Alarms of series 3, which does `what`, on each day from the fourth week on, at scores above 10. None is beyond what a
    /// chart can show: a spread of nothing is not believed.
    fn alarms(days: usize, what: impl Fn(usize) -> f64) -> Vec<usize> {
        let mut detector = detector();
        let mut score = |i: usize| {
            let mut samples = loads(i);
            samples[3] = what(i);
            let score = step(&mut detector, &samples)[3].score();
            assert!(score.is_nan() || score < 1e4, "{i}: {score}");
            score
        };
        (0..21 * DAY).for_each(|i| _ = score(i));
        let mut day = |day: usize| (day * DAY..(day + 1) * DAY).filter(|i| score(*i) > 10.0).count();
        (21..21 + days).map(&mut day).collect()
    }

    #[test]
    fn a_link_that_was_idle_and_one_that_becomes_so_are_usual_two_days_later() {
        // At midnight, and amid a day, when what followed that hour before is not seen before the next day.
        for change in [21 * DAY, 21 * DAY + 20] {
            let begins = alarms(6, |i| if i < change { 0.0 } else { loads(i)[3] });
            let ends = alarms(6, |i| if i < change { loads(i)[3] } else { 50.0 });
            for days in [begins, ends] {
                assert!(days[0] > DAY / 2 && days[2..].iter().all(|n| *n == 0), "{change}: {days:?}");
            }
        }
    }

    #[test]
    fn a_series_that_hardly_ever_does_anything_is_told_when_it_does_and_at_no_other_time() {
        let days = alarms(8, |i| if i.is_multiple_of(3 * DAY + 5) { 1.0 } else { 0.0 });
        assert!(days.iter().sum::<usize>() <= 3 * LEVEL_BINS && days.contains(&0), "{days:?}");
    }

    #[test]
    fn a_missing_sample_has_no_verdict() {
        let mut detector = detector();
        (0..5 * DAY).for_each(|i| drop(step(&mut detector, &loads(i))));
        let mut samples = loads(5 * DAY);
        samples[7] = f64::NAN;
        let verdicts = step(&mut detector, &samples);
        assert!(verdicts[7].log_p.is_nan() && verdicts[6].log_p.is_finite());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn no_verdict_is_infinite_and_a_stored_state_goes_on_as_if_nothing_had_happened(
            samples in prop::collection::vec(
                prop::collection::vec(prop_oneof![Just(f64::NAN), Just(0.0), -1e12..1e12f64, 0.0..10.0f64, Just(1e300)], 9),
                80..160,
            ),
            cut in 1usize..80,
        ) {
            let mut detector = LinkDetector::new(9, SeasonalConfig::new(7_200));
            for row in &samples[..cut] {
                step(&mut detector, row);
            }
            let stored = serde_json::to_string(&detector).unwrap();
            let mut restored: LinkDetector = serde_json::from_str(&stored).unwrap();
            for row in &samples[cut..] {
                let (one, other) = (step(&mut detector, row), step(&mut restored, row));
                for (a, b) in one.iter().zip(&other) {
                    prop_assert!(a.log_p.is_nan() || (a.log_p.is_finite() && a.log_p <= 0.0));
                    prop_assert_eq!(a.log_p.to_bits(), b.log_p.to_bits());
                }
            }
        }
    }
}
