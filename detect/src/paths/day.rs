//! What is usual at this time of day: medians of the last week.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use twin::stats::{mad_sigma, median};

use super::PathConfig;

/// Days that are remembered.
const DAYS: usize = 7;

/// Buckets on either side that share a value.
const HALF_WIDTH: usize = 3;

/// Buckets of a day that has become usual do not count where they stray by more spreads than this.
const STRAYS: f64 = 5.0;

/// A day is the course before, moved, if it strays from that at most so many times as far as the day before the change did.
/// Of buckets a third may be wrong for another reason.
const AS_BEFORE: f64 = 3.0;

/// Buckets of the two stretches that say what is usual while no day is complete: an hour each.
const STRETCH: usize = 12;

/// What becomes of the usual values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Same,
    /// Earlier days say something for the first time: residuals stray otherwise from them than from a line.
    Begins,
    /// What was abnormal for a day is usual: its residuals say nothing.
    Moved,
}

/// The usual course of a day, as medians over the last seven days and over half an hour around; before a day is complete,
/// the line through the medians of the last two hours.
///
/// Time is cut into buckets of about five minutes, whose medians are kept; buckets in which something was wrong do not
/// count, until a whole day was so, or the same time of two days by much the same: then that is what is usual.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DayCourse {
    /// Medians of the last buckets, newest first; `None` where nothing was seen.
    medians: VecDeque<Option<f32>>,
    /// Whether something was wrong in them.
    abnormal: VecDeque<bool>,
    /// Samples of the bucket that is not complete.
    open: Vec<f32>,
    open_abnormal: bool,
    /// Bins in it so far.
    age: u32,
    /// Usual values at the middle of the bucket before, of this one and of the next.
    centers: [Option<f64>; 3],
    /// How many earlier days say something of this time of day.
    days: u32,
    /// Whether earlier days have said something yet.
    seasonal: bool,
}

impl DayCourse {
    pub(super) fn new() -> Self {
        Self {
            medians: VecDeque::new(),
            abnormal: VecDeque::new(),
            open: Vec::new(),
            open_abnormal: false,
            age: 0,
            centers: [None; 3],
            days: 0,
            seasonal: false,
        }
    }

    /// The usual value in the bin that comes next; `None` while learning.
    pub(super) fn expected(&self, config: &PathConfig) -> Option<f64> {
        let [before, here, after] = self.centers;
        let here = here?;
        let at = (f64::from(self.age) + 0.5) / f64::from(config.bucket_bins) - 0.5;
        let (other, share) = if at < 0.0 { (before, -at) } else { (after, at) };
        Some(other.map_or(here, |other| here + share * (other - here)))
    }

    /// Whether earlier days say something of this time of day.
    pub(super) fn is_known(&self) -> bool {
        self.days > 0
    }

    /// How much larger the variance of residuals' means over so many bins is than that of what is measured, as the usual value
    /// is known from a few days only. Half an hour of each day makes it: its error is as large as that of a mean over half an
    /// hour, smaller than one over `bins` by their ratio if noise is independent, and as large if it lasts; between the two
    /// (geometric mean).
    pub(super) fn doubt(&self, bins: u32, config: &PathConfig) -> f64 {
        let share = f64::from(bins) / (f64::from(config.bucket_bins) * (2 * HALF_WIDTH + 1) as f64);
        if self.days == 0 { 1.0 } else { 1.0 + libm::sqrt(share).min(1.0) / f64::from(self.days) }
    }

    /// Takes the next bin's value (`None`: no value, or not to be learnt from), and whether it was found abnormal. Says
    /// whether from now on the usual values are others.
    pub(super) fn push(&mut self, value: Option<f64>, abnormal: bool, config: &PathConfig) -> Course {
        self.open.extend(value.map(|v| v as f32));
        self.open_abnormal |= abnormal;
        self.age += 1;
        if self.age < config.bucket_bins {
            return Course::Same;
        }
        self.age = 0;
        let middle = median(self.open.drain(..).map(f64::from));
        self.medians.push_front((!middle.is_nan()).then_some(middle as f32));
        self.abnormal.push_front(std::mem::take(&mut self.open_abnormal));
        let day = config.day_buckets();
        self.medians.truncate(DAYS * day + HALF_WIDTH + 1);
        self.abnormal.truncate(DAYS * day + HALF_WIDTH + 1);
        self.accept_again(day);
        let accepted = self.accept(day);
        match (self.recenter(day), accepted) {
            (true, _) => Course::Begins,
            (false, true) => Course::Moved,
            (false, false) => Course::Same,
        }
    }

    /// What was abnormal at the same time of two days, and by much the same, is usual: else what was wrong on the only day that
    /// says what is usual would be told at that time of each day.
    fn accept_again(&mut self, day: usize) {
        let value = |at: usize| self.medians.get(at).copied().flatten().map(f64::from);
        let (Some(now), Some(before), Some(usual)) = (value(0), value(day), self.centers[1]) else { return };
        let both = self.abnormal[0] && self.abnormal[day];
        if both && (now - before).abs() < 0.5 * (now - usual).abs().min((before - usual).abs()) {
            (self.abnormal[0], self.abnormal[day]) = (false, false);
        }
    }

    /// After a day of which nine tenths were abnormal, that is what is usual, and what was before is not. If it is the course
    /// before, moved, as far as days differ, all that is remembered moves, and what else was wrong on that day stays so.
    fn accept(&mut self, day: usize) -> bool {
        let odd = self.abnormal.iter().take(day).filter(|a| **a).count();
        if self.abnormal.len() < day || 10 * odd < 9 * day {
            return false;
        }
        let moves: Vec<Option<f64>> = (0..day).map(|bucket| self.moved(bucket, day)).collect();
        let known: Vec<f64> =
            moves.iter().zip(&self.abnormal).filter(|(_, odd)| **odd).filter_map(|(by, _)| *by).collect();
        let (center, spread) = middle(&known);
        let normal = (day..2 * day).filter(|bucket| self.abnormal.get(*bucket) == Some(&false));
        let earlier: Vec<f64> = normal.filter_map(|bucket| self.moved(bucket, day)).collect();
        let (_, before) = middle(&earlier);
        let as_before = spread <= AS_BEFORE * before;
        let limit = STRAYS * if as_before { before } else { spread };
        let usual = median(known.iter().copied().filter(|by| (by - center).abs() <= limit));
        let strays = |by: Option<f64>| by.is_some_and(|by| (by - usual).abs() > limit);
        if as_before {
            self.shift(usual, &moves.into_iter().map(strays).collect::<Vec<_>>());
        } else {
            self.replace(usual, &moves, strays);
        }
        true
    }

    /// All that is remembered moves, but for the last day's buckets that have: these are usual unless they stray.
    fn shift(&mut self, usual: f64, strays: &[bool]) {
        for (bucket, (median, abnormal)) in self.medians.iter_mut().zip(&mut self.abnormal).enumerate() {
            match strays.get(bucket) {
                Some(strays) if *abnormal => *abnormal = *strays,
                _ => *median = median.map(|m| (f64::from(m) + usual) as f32).filter(|m| m.is_finite()),
            }
        }
    }

    /// Only the last day says what is usual. Of times of which it does not, as they were before the change or something else
    /// was wrong (they stray), the course before says it, moved as the day as a whole.
    fn replace(&mut self, usual: f64, moves: &[Option<f64>], strays: impl Fn(Option<f64>) -> bool) {
        for (bucket, (median, abnormal)) in self.medians.iter_mut().zip(&mut self.abnormal).enumerate() {
            let odd = std::mem::take(abnormal);
            let by = moves.get(bucket).copied().flatten();
            *median = match (*median, by) {
                _ if bucket >= moves.len() => None,
                (Some(now), _) if odd && !strays(by) => Some(now),
                (Some(now), Some(by)) if odd => Some((f64::from(now) - by + usual) as f32),
                (Some(now), _) => Some((f64::from(now) + usual) as f32).filter(|m| m.is_finite()),
                (None, _) => None,
            };
        }
    }

    /// By how much a bucket of the last day differs from the same time of earlier days.
    fn moved(&self, bucket: usize, day: usize) -> Option<f64> {
        let now = self.medians.get(bucket).copied().flatten()?;
        let near = (1..=DAYS).map(|d| (bucket + d * day).saturating_sub(HALF_WIDTH));
        let before = some_median(near.flat_map(|from| self.normal(from, from + 2 * HALF_WIDTH + 1)))?;
        Some(f64::from(now) - before)
    }

    /// Where earlier days say nothing of this time of day, the line does. True when they say something for the first time.
    fn recenter(&mut self, day: usize) -> bool {
        let seasonal = [-1, 0, 1].map(|offset| self.seasonal_value(day, offset));
        self.days =
            self.near(day, 0).filter(|(from, to)| self.normal(*from, *to).next().is_some()).count() as u32;
        let first = seasonal[1].is_some() && !self.seasonal;
        self.seasonal |= first;
        let line = [-1.0, 0.0, 1.0].map(|offset| self.line(offset));
        self.centers = [0, 1, 2].map(|i| seasonal[i].or(line[i]));
        first
    }

    /// The median of earlier days `offset` buckets after the one that begins now.
    fn seasonal_value(&self, day: usize, offset: isize) -> Option<f64> {
        some_median(self.near(day, offset).flat_map(|(from, to)| self.normal(from, to)))
    }

    /// Half an hour of each earlier day, around `offset` buckets after the one that begins now: indices of medians.
    fn near(&self, day: usize, offset: isize) -> impl Iterator<Item = (usize, usize)> + use<> {
        // The bucket that begins now would have index −1.
        let middles = (1..=DAYS).map(move |d| (d * day) as isize - 1 - offset);
        middles.filter_map(|middle| {
            let from = usize::try_from(middle - HALF_WIDTH as isize).ok()?;
            Some((from, (middle + HALF_WIDTH as isize) as usize + 1))
        })
    }

    /// The line through the last two hours, `offset` buckets after the one that begins now.
    fn line(&self, offset: f64) -> Option<f64> {
        let before = some_median(self.normal(STRETCH, 2 * STRETCH))?;
        let last = some_median(self.normal(0, STRETCH))?;
        // The middle of the last stretch lies half of its length before the border to the bucket that begins now.
        let length = STRETCH as f64;
        Some(last + (last - before) / length * (length / 2.0 + 0.5 + offset))
    }

    fn normal(&self, from: usize, to: usize) -> impl Iterator<Item = f64> {
        let to = to.min(self.medians.len());
        let range = from.min(to)..to;
        let both = self.medians.range(range.clone()).zip(self.abnormal.range(range));
        both.filter(|(_, odd)| !**odd).filter_map(|(m, _)| m.map(f64::from))
    }
}

/// Median and spread.
fn middle(values: &[f64]) -> (f64, f64) {
    let middle = median(values.iter().copied());
    (middle, mad_sigma(values, middle))
}

fn some_median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let value = median(values);
    (!value.is_nan()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_becomes_usual_does_so_without_what_else_was_wrong_on_it() {
        let config = PathConfig::new(300);
        let day = config.day_buckets();
        let mut course = DayCourse::new();
        let noise = |bin: usize| 0.1 * crate::noise::uniform(bin, 0);
        for bin in 0..3 * day {
            course.push(Some(10.0 + noise(bin)), false, &config);
        }
        let fault = 3 * day + 100..3 * day + 130;
        for bin in 3 * day..4 * day {
            let more = if fault.contains(&bin) { 30.0 } else { 7.0 };
            course.push(Some(10.0 + more + noise(bin)), true, &config);
        }
        for bin in 4 * day..5 * day {
            let expected = course.expected(&config).unwrap();
            assert!((expected - 17.0).abs() < 0.5, "{bin}: {expected}");
            course.push(Some(17.0 + noise(bin)), false, &config);
        }
    }

    #[test]
    fn what_a_day_does_not_say_of_itself_is_said_by_the_days_before_as_far_as_it_moved() {
        let config = PathConfig::new(300);
        let day = config.day_buckets();
        let mut course = DayCourse::new();
        let usual = |bin: usize| {
            let day = std::f64::consts::TAU * bin as f64 / day as f64;
            10.0 + 2.0 * libm::sin(day) + 0.1 * crate::noise::uniform(bin, 0)
        };
        let change = 3 * day + 50;
        for bin in 0..change {
            course.push(Some(usual(bin)), false, &config);
        }
        let moved = (change..4 * day + 50)
            .find(|bin| course.push(Some(7.0 + usual(*bin)), true, &config) == Course::Moved);
        // From then on something else is wrong as well, which must not be followed.
        for bin in moved.unwrap() + 1..change + day {
            let expected = course.expected(&config).unwrap();
            assert!((expected - 7.0 - usual(bin)).abs() < 0.5, "{bin}: {expected}");
            course.push(Some(30.0 + usual(bin)), true, &config);
        }
    }

    #[test]
    fn a_course_that_moved_does_not_take_what_drifted_on_that_day_for_usual() {
        let config = PathConfig::new(300);
        let day = config.day_buckets();
        let mut course = DayCourse::new();
        let usual = |bin: usize| 10.0 + 0.1 * crate::noise::normal(bin, 0);
        for bin in 0..3 * day {
            course.push(Some(usual(bin)), false, &config);
        }
        // For seven hours of that day it drifts besides, by up to half a millisecond.
        let drift =
            |bin: usize| bin.checked_sub(3 * day + 100).filter(|k| *k < 84).map_or(0.0, |k| k as f64 / 168.0);
        for bin in 3 * day..4 * day {
            course.push(Some(7.0 + drift(bin) + usual(bin)), true, &config);
        }
        for bin in 4 * day..5 * day {
            let expected = course.expected(&config).unwrap();
            assert!((expected - 17.0).abs() < 0.2, "{bin}: {expected}");
            course.push(Some(7.0 + usual(bin)), false, &config);
        }
    }

    #[test]
    fn what_was_wrong_on_the_only_day_that_is_known_is_told_twice_at_most() {
        let config = PathConfig::new(300);
        let day = config.day_buckets();
        let mut course = DayCourse::new();
        let mut found = [0; 6];
        for bin in 0..6 * day {
            let wrong = (70..82).contains(&bin);
            let value = 10.0 + if wrong { 3.0 } else { 0.0 } + 0.1 * crate::noise::normal(bin, 0);
            let odd = bin >= day && (value - course.expected(&config).unwrap()).abs() > 1.0;
            found[bin / day] += usize::from(odd);
            course.push(Some(value), odd, &config);
        }
        assert!(found[1] > 0 && found[3..] == [0; 3], "{found:?}");
    }
}
