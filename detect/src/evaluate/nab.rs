//! The score of the Numenta Anomaly Benchmark: Lavin & Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms" (ICMLA
//! 2015), standard profile, as its published scorer computes it.
//!
//! A window is found by the earliest bin in it at or above the threshold, the earlier the better (a scaled sigmoid of the
//! place in the window); every bin at or above the threshold outside the windows costs, less if it closely follows one; a
//! missed window costs 1. One threshold for all series is chosen to the detector's advantage. 0 is a detector that never
//! speaks, 100 one that speaks at the first bin of each window and nowhere else.

/// Weight of a false alarm in the standard profile; a found and a missed window have weight 1.
const FALSE_WEIGHT: f64 = 0.11;
/// The share at the beginning of a series that is not judged, of at most so many bins.
const PROBATION: f64 = 0.15;
const PROBATION_BINS: f64 = 5_000.0;

/// One series: its scores and the windows in which something was wrong, in order and apart from one another.
#[derive(Clone, Debug, PartialEq)]
pub struct NabSeries {
    /// Higher is more abnormal; NaN: no opinion.
    pub scores: Vec<f64>,
    /// First and last bin of each window, both inside.
    pub windows: Vec<(usize, usize)>,
}

/// The result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NabScore {
    /// At most 100; 0 for a detector that never speaks.
    pub score: f64,
    /// The threshold that gave it; infinite if silence was best.
    pub threshold: f64,
}

/// The normalised score over a set of series; NaN if there is no window.
pub fn nab_score(series: &[NabSeries]) -> NabScore {
    let windows: usize = series.iter().map(|s| s.windows.len()).sum();
    let mut found: Vec<Vec<f64>> = series.iter().map(|s| vec![-1.0; s.windows.len()]).collect();
    let mut judged: Vec<Judged> = series.iter().enumerate().flat_map(|(i, s)| judge(i, s)).collect();
    judged.sort_by(|a, b| b.score.total_cmp(&a.score));
    let silence = -(windows as f64);
    let (mut total, mut best) = (silence, NabScore { score: silence, threshold: f64::INFINITY });
    for (at, bin) in judged.iter().enumerate() {
        match bin.window {
            Some(window) => {
                let gain = &mut found[bin.series][window];
                total += (bin.worth - *gain).max(0.0);
                *gain = gain.max(bin.worth);
            }
            None => total += bin.worth,
        }
        let last_of_its_score = judged.get(at + 1).is_none_or(|next| next.score < bin.score);
        if last_of_its_score && total > best.score {
            best = NabScore { score: total, threshold: bin.score };
        }
    }
    NabScore { score: 100.0 * (best.score - silence) / (2.0 * windows as f64), ..best }
}

/// One bin: what it is worth if the detector speaks there.
struct Judged {
    score: f64,
    worth: f64,
    series: usize,
    window: Option<usize>,
}

fn judge(series: usize, s: &NabSeries) -> Vec<Judged> {
    let bins = s.scores.len() as f64;
    let probation = (PROBATION * bins).floor().min(PROBATION * PROBATION_BINS) as usize;
    let bin = |(i, score): (usize, &f64)| {
        let (worth, window) = worth(i, &s.windows);
        (i >= probation && !score.is_nan()).then_some(Judged { score: *score, worth, series, window })
    };
    s.scores.iter().enumerate().filter_map(bin).collect()
}

fn worth(i: usize, windows: &[(usize, usize)]) -> (f64, Option<usize>) {
    if let Some(w) = windows.iter().position(|(first, last)| (*first..=*last).contains(&i)) {
        let (first, last) = windows[w];
        let place = -((last - i + 1) as f64) / (last - first + 1) as f64;
        return (sigmoid(place) / sigmoid(-1.0), Some(w));
    }
    match windows.iter().rfind(|(_, last)| *last < i) {
        Some((first, last)) => {
            let place = (i - last) as f64 / ((last - first) as f64).max(1.0);
            (FALSE_WEIGHT * sigmoid(place), None)
        }
        None => (-FALSE_WEIGHT, None),
    }
}

/// From about 1 at place −1, the left edge of a window, over 0 at its right edge to −1 far behind it.
fn sigmoid(place: f64) -> f64 {
    if place > 3.0 { -1.0 } else { 2.0 / (1.0 + libm::exp(5.0 * place)) - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(bins: usize, windows: &[(usize, usize)], spoken: &[usize]) -> NabSeries {
        let mut scores = vec![0.0; bins];
        spoken.iter().for_each(|i| scores[*i] = 1.0);
        NabSeries { scores, windows: windows.to_vec() }
    }

    #[test]
    fn silence_is_0_and_the_first_bin_of_each_window_is_100() {
        let windows = [(100, 119), (150, 169)];
        let silent = NabSeries { scores: vec![f64::NAN; 200], windows: windows.to_vec() };
        assert_eq!(nab_score(&[silent]), NabScore { score: 0.0, threshold: f64::INFINITY });
        let perfect = nab_score(&[series(200, &windows, &[100, 150])]);
        assert!((perfect.score - 100.0).abs() < 1e-12 && perfect.threshold == 1.0, "{perfect:?}");
    }

    #[test]
    fn late_is_less_and_each_false_bin_costs() {
        let windows = [(100, 119)];
        let at = |spoken: &[usize]| nab_score(&[series(200, &windows, spoken)]).score;
        // Half way: place −1/2. The scaled sigmoid gives tanh(1.25) there and tanh(2.5) at −1.
        let half = libm::tanh(1.25) / libm::tanh(2.5);
        assert!((at(&[110]) - 50.0 * (1.0 + half)).abs() < 1e-9);
        assert!((at(&[110, 115]) - at(&[110])).abs() < 1e-12, "the earliest counts alone");
        assert!((at(&[100, 50]) - (100.0 - 50.0 * 0.11)).abs() < 1e-9, "before any window");
        // Just behind the window costs next to nothing: tanh(2.5 · 1/19).
        assert!((at(&[100, 120]) - (100.0 - 50.0 * 0.11 * libm::tanh(2.5 / 19.0))).abs() < 1e-9);
        assert!((at(&[100, 199]) - (100.0 - 50.0 * 0.11)).abs() < 1e-9, "far behind it");
    }

    #[test]
    fn the_probation_is_not_judged_and_the_threshold_is_the_best_of_all() {
        let mut s = series(200, &[(100, 119)], &[5, 29, 100]);
        assert!((nab_score(&[s.clone()]).score - 100.0).abs() < 1e-12);
        s.scores[60] = 0.5;
        assert!((nab_score(&[s]).score - 100.0).abs() < 1e-12);
        let blunt = nab_score(&[series(200, &[(100, 119)], &(30..200).collect::<Vec<_>>())]);
        assert!(blunt.score < 0.0 + 1e-12, "{blunt:?}");
    }
}
