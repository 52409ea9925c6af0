//! Areas under the precision–recall curve of one series.

use super::Tolerance;
use super::labels::Bin;

/// Thresholds of VUS-PR.
const THRESHOLDS: usize = 250;

/// The areas of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Areas {
    pub(super) vus_pr: f64,
    pub(super) auc_pr: f64,
}

/// The areas of a series with labels; `None` without. Scores are finite or NaN; NaN counts as the smallest.
pub(super) fn areas(scores: &[f64], mask: &[Bin], tolerance: &Tolerance) -> Option<Areas> {
    let bins = || scores.iter().zip(mask).filter(|(_, bin)| **bin != Bin::Out);
    let abnormal: Vec<bool> = bins().map(|(_, bin)| *bin == Bin::Abnormal).collect();
    if !abnormal.contains(&true) {
        return None;
    }
    let lowest = bins().map(|(s, _)| *s).filter(|s| !s.is_nan()).fold(f64::INFINITY, f64::min);
    let scores: Vec<f64> = bins().map(|(s, _)| if s.is_nan() { lowest } else { *s }).collect();
    let ranked = Ranked::new(&scores);
    let widths = 0..=tolerance.buffer;
    let area = |width| ranked.average_precision(&scores, &Softened::new(&abnormal, width));
    let vus_pr = widths.map(area).sum::<f64>() / (tolerance.buffer + 1) as f64;
    Some(Areas { vus_pr, auc_pr: ranked.plain_average_precision(&scores, &abnormal) })
}

/// The bins of a series by falling score.
struct Ranked {
    order: Vec<usize>,
    /// For each threshold its value, and how many bins reach it.
    thresholds: Vec<(f64, usize)>,
}

impl Ranked {
    fn new(scores: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let last = scores.len() - 1;
        let thresholds = (0..THRESHOLDS).map(|k| {
            let value = scores[order[rank(k, last)]];
            (value, order.partition_point(|bin| scores[*bin] >= value))
        });
        let thresholds = thresholds.collect();
        Self { order, thresholds }
    }

    /// AP(w): precision over steps of recall, in the order of falling thresholds.
    fn average_precision(&self, scores: &[f64], soft: &Softened) -> f64 {
        // Of the bins down to each rank: soft labels, and those outside the labelled ranges.
        let (mut all, mut around) = (vec![0.0], vec![0.0]);
        let (mut sum, mut outside) = (0.0, 0.0);
        for bin in &self.order {
            sum += soft.label[*bin];
            outside += if soft.core[*bin] { 0.0 } else { soft.label[*bin] };
            all.push(sum);
            around.push(outside);
        }
        let mut peaks: Vec<f64> = soft.zones.iter().map(|zone| peak(&scores[zone.clone()])).collect();
        peaks.sort_by(|a, b| b.total_cmp(a));
        let positives = soft.core.iter().filter(|c| **c).count() as f64;
        let (mut area, mut before) = (0.0, 0.0);
        for &(threshold, predicted) in &self.thresholds {
            let seen = peaks.partition_point(|p| *p >= threshold);
            let existence = seen as f64 / peaks.len() as f64;
            let labels = positives + around[predicted];
            let hits = all[predicted];
            let recall = (hits / ((positives + labels) / 2.0)).min(1.0) * existence;
            area += (recall - before) * (hits / predicted as f64);
            before = recall;
        }
        area
    }

    /// Average precision without buffers; equal scores are one step.
    fn plain_average_precision(&self, scores: &[f64], abnormal: &[bool]) -> f64 {
        let positives = abnormal.iter().filter(|a| **a).count() as f64;
        let (mut area, mut hits, mut predicted) = (0.0, 0.0, 0.0);
        for equals in self.order.chunk_by(|a, b| scores[*a] == scores[*b]) {
            let new = equals.iter().filter(|bin| abnormal[**bin]).count() as f64;
            hits += new;
            predicted += equals.len() as f64;
            area += new / positives * (hits / predicted);
        }
        area
    }
}

/// The k-th of `THRESHOLDS` evenly spaced ranks from 0 to `last`, rounded down.
fn rank(k: usize, last: usize) -> usize {
    k * last / (THRESHOLDS - 1)
}

fn peak(scores: &[f64]) -> f64 {
    scores.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

/// Labels with soft shoulders of a width.
struct Softened {
    /// Whether a bin is labelled.
    core: Vec<bool>,
    label: Vec<f64>,
    /// Labelled ranges with their shoulders; those that share a bin are one.
    zones: Vec<std::ops::Range<usize>>,
}

impl Softened {
    fn new(abnormal: &[bool], width: usize) -> Self {
        let half = width / 2;
        let mut label: Vec<f64> = abnormal.iter().map(|a| f64::from(u8::from(*a))).collect();
        let mut zones: Vec<std::ops::Range<usize>> = Vec::new();
        for core in ranges(abnormal) {
            let zone = core.start.saturating_sub(half)..(core.end + half).min(abnormal.len());
            for bin in zone.clone() {
                let distance =
                    if bin < core.start { core.start - bin } else { bin + 1 - core.end.min(bin + 1) };
                if distance > 0 {
                    label[bin] += (1.0 - distance as f64 / width as f64).sqrt();
                }
            }
            match zones.last_mut() {
                Some(last) if last.end > zone.start => last.end = zone.end,
                _ => zones.push(zone),
            }
        }
        label.iter_mut().for_each(|l| *l = l.min(1.0));
        Self { core: abnormal.to_vec(), label, zones }
    }
}

/// The runs of `true`.
fn ranges(abnormal: &[bool]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for run in abnormal.chunk_by(|a, b| a == b) {
        if run[0] {
            ranges.push(start..start + run.len());
        }
        start += run.len();
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(abnormal: &[bool]) -> Vec<Bin> {
        abnormal.iter().map(|a| if *a { Bin::Abnormal } else { Bin::Normal }).collect()
    }

    /// VUS-PR as it is defined: every bin looked at for every threshold of every width.
    fn slow(scores: &[f64], abnormal: &[bool], buffer: usize) -> f64 {
        let n = scores.len();
        let mut falling = scores.to_vec();
        falling.sort_by(|a, b| b.partial_cmp(a).unwrap());
        let is_core = |i: isize| i >= 0 && (i as usize) < n && abnormal[i as usize];
        let positives = abnormal.iter().filter(|a| **a).count() as f64;
        let mut total = 0.0;
        for w in 0..=buffer {
            let h = (w / 2) as isize;
            // Each labelled range adds its shoulder; a shoulder belongs to the range whose edge it starts from.
            let soft = |i: usize| {
                if abnormal[i] {
                    return 1.0;
                }
                let i = i as isize;
                let mut sum: f64 = 0.0;
                for d in 1..=h {
                    let edge_right = is_core(i + d) && !is_core(i + d - 1);
                    let edge_left = is_core(i - d) && !is_core(i - d + 1);
                    let shoulder = (1.0 - d as f64 / w as f64).sqrt();
                    sum += shoulder * f64::from(u8::from(edge_right) + u8::from(edge_left));
                }
                sum.min(1.0)
            };
            let in_zone = |i: usize| (-h..=h).any(|d| is_core(i as isize + d));
            let soft: Vec<f64> = (0..n).map(soft).collect();
            let (mut area, mut before) = (0.0, 0.0);
            for k in 0..250 {
                let threshold = falling[(k as f64 * (n - 1) as f64 / 249.0 + 1e-9).floor() as usize];
                let predicted: Vec<bool> = scores.iter().map(|s| *s >= threshold).collect();
                let hits: f64 = (0..n).filter(|i| predicted[*i]).map(|i| soft[i]).sum();
                let labels: f64 = (0..n)
                    .filter(|i| in_zone(*i))
                    .map(|i| if abnormal[i] { 1.0 } else { soft[i] * f64::from(u8::from(predicted[i])) })
                    .sum();
                // Labelled ranges as TSB-AD walks them: a zone goes on as long as the next range's shoulder meets it.
                let starts: Vec<isize> = (0..n as isize).filter(|i| is_core(*i) && !is_core(i - 1)).collect();
                let ends: Vec<isize> = (0..n as isize).filter(|i| is_core(*i) && !is_core(i + 1)).collect();
                let (mut zones, mut seen, mut first) = (0.0, 0.0, 0);
                for k in 0..starts.len() {
                    if k + 1 < starts.len() && ends[k] + h >= starts[k + 1] - h {
                        continue;
                    }
                    let from = (starts[first] - h).max(0) as usize;
                    let to = (ends[k] + h).min(n as isize - 1) as usize;
                    zones += 1.0;
                    seen += f64::from(u8::from(predicted[from..=to].contains(&true)));
                    first = k + 1;
                }
                let recall = (hits / ((positives + labels) / 2.0)).min(1.0) * (seen / zones);
                let count = predicted.iter().filter(|p| **p).count() as f64;
                area += (recall - before) * hits / count;
                before = recall;
            }
            total += area;
        }
        total / (buffer + 1) as f64
    }

    proptest! {
        #[test]
        fn the_fast_area_is_the_slow_one(
            bins in prop::collection::vec((0u8..12, prop::bool::weighted(0.3)), 2..90),
            buffer in 0usize..13,
        ) {
            let scores: Vec<f64> = bins.iter().map(|(s, _)| f64::from(*s)).collect();
            let abnormal: Vec<bool> = bins.iter().map(|(_, a)| *a).collect();
            let tolerance = Tolerance { buffer, ..Tolerance::default() };
            match areas(&scores, &mask(&abnormal), &tolerance) {
                None => prop_assert!(!abnormal.contains(&true)),
                Some(fast) => prop_assert!((fast.vus_pr - slow(&scores, &abnormal, buffer)).abs() < 1e-9),
            }
        }
    }

    #[test]
    fn a_perfect_score_has_area_one_and_the_opposite_one_hardly_any() {
        let abnormal: Vec<bool> = (0..400).map(|i| (100..140).contains(&i)).collect();
        let scores: Vec<f64> = abnormal.iter().map(|a| f64::from(u8::from(*a))).collect();
        let tolerance = Tolerance { buffer: 0, ..Tolerance::default() };
        let areas_of = |scores: &[f64]| areas(scores, &mask(&abnormal), &tolerance).unwrap();
        assert_eq!(areas_of(&scores), Areas { vus_pr: 1.0, auc_pr: 1.0 });
        let upside_down: Vec<f64> = scores.iter().map(|s| -s).collect();
        assert!((areas_of(&upside_down).auc_pr - 0.1).abs() < 1e-12, "all bins as one step: the base rate");
    }

    #[test]
    fn average_precision_by_hand() {
        // Ranked: hit, miss, hit, miss: 1/2 · 1 + 1/2 · 2/3.
        let scores = [4.0, 3.0, 2.0, 1.0];
        let found = areas(&scores, &mask(&[true, false, true, false]), &Tolerance::default()).unwrap();
        assert!((found.auc_pr - 5.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn the_shoulders_of_a_label() {
        let abnormal: Vec<bool> = (0..12).map(|i| i == 4 || i == 8).collect();
        let soft = Softened::new(&abnormal, 4);
        let (near, far) = (0.75f64.sqrt(), 0.5f64.sqrt());
        let expected = [0.0, 0.0, far, near, 1.0, near, 1.0, near, 1.0, near, far, 0.0];
        assert!(soft.label.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{:?}", soft.label);
        let [zone] = &soft.zones[..] else { panic!("{:?}", soft.zones) };
        assert_eq!(*zone, 2..11, "bin 6 is in both, so that they are one");
        assert_eq!(Softened::new(&abnormal, 1).zones, [4..5, 8..9]);
    }

    #[test]
    fn no_opinion_counts_as_the_weakest_and_bins_outside_do_not_count() {
        let scores = [f64::NAN, 5.0, 1.0, 2.0, 9.0];
        let bins = [Bin::Normal, Bin::Abnormal, Bin::Normal, Bin::Normal, Bin::Out];
        let found = areas(&scores, &bins, &Tolerance { buffer: 0, ..Tolerance::default() }).unwrap();
        assert_eq!(found.auc_pr, 1.0);
    }
}
