//! Thresholds from the clean week.

use super::{Frame, Labels, finite};

/// For each series the score above which a bin is flagged: of the scores of the week before `train_end` the k-th largest,
/// k being the false alarms a week that are asked for (rounded, at least 1). Labelled bins are left out. With fewer than k
/// scores the smallest, with none +∞: no bin is flagged.
pub fn clean_week(scores: &[Vec<f64>], labels: &Labels, frame: Frame, per_week: f64) -> Vec<f64> {
    let rank = per_week.round().max(1.0) as usize;
    let first = frame.train_end.saturating_sub(frame.week_bins());
    let threshold = |(series, scores): (usize, &Vec<f64>)| {
        let clean = (first..frame.train_end).filter(|bin| labels.is_clean(series, *bin));
        let mut clean: Vec<f64> = clean.map(|bin| scores[bin]).filter(|s| !s.is_nan()).collect();
        clean.sort_by(|a, b| b.total_cmp(a));
        clean.get(rank - 1).or(clean.last()).copied().unwrap_or(f64::INFINITY)
    };
    finite(scores).iter().enumerate().map(threshold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::EventRow;

    /// A week has seven bins.
    const FRAME: Frame = Frame { bins: 12, bin_s: 86_400.0, train_end: 9 };

    #[test]
    fn the_kth_largest_of_the_week_before_is_the_threshold() {
        // The first two bins are older than a week; bins from 9 on are judged.
        let scores = [vec![99.0, 98.0, 1.0, 2.0, 7.0, 3.0, f64::NAN, 4.0, 5.0, 97.0, 96.0, 95.0]];
        let threshold = |rate| clean_week(&scores, &Labels::default(), FRAME, rate)[0];
        assert_eq!([0.2, 1.0, 1.4, 2.0, 3.0, 60.0].map(threshold), [7.0, 7.0, 7.0, 5.0, 4.0, 1.0]);
    }

    #[test]
    fn labelled_bins_do_not_teach() {
        let scores = [vec![5.0; 12], (0..12).map(f64::from).collect()];
        let row = EventRow { event: 0, series: 1, start: 7, end: 20, snr: 0.1 };
        let labels = Labels { rows: vec![row], ..Labels::default() };
        assert_eq!(clean_week(&scores, &labels, FRAME, 1.0), [5.0, 6.0]);
    }

    #[test]
    fn without_an_opinion_nothing_is_flagged() {
        let scores = [vec![f64::NAN; 12], vec![f64::INFINITY; 12]];
        assert_eq!(clean_week(&scores, &Labels::default(), FRAME, 1.0), [f64::INFINITY, 1.0]);
    }
}
