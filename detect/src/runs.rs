//! From scores to anomalies.

use twin::{Anomaly, Residual};

use crate::tail::log_p_student;

/// When a residual counts as abnormal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Largest natural logarithm of the tail probability.
    pub log_p: f64,
    /// Abnormal bins at most this far apart are one anomaly.
    pub merge_bins: u32,
}

impl Threshold {
    /// The threshold at which `series` series of `bins` bins each give one false alarm in all, on average (Bonferroni),
    /// if residuals follow Student's t with 4 degrees of freedom.
    pub fn one_false_alarm_in(series: usize, bins: usize) -> Self {
        Self { log_p: -libm::log((series * bins).max(1) as f64), merge_bins: 2 }
    }
}

/// The anomalies of one series' residuals, which must be in order of bins. Missing values (NaN) neither start nor end
/// one.
pub fn anomalies_of(residuals: &[Residual], threshold: Threshold) -> Vec<Anomaly> {
    let mut list: Vec<Anomaly> = Vec::new();
    for r in residuals {
        let log_p = log_p_student(r.z());
        if log_p > threshold.log_p {
            continue;
        }
        let hit = Anomaly {
            subject: r.subject,
            first_bin: r.bin,
            last_bin: r.bin,
            log_p,
            observed: r.observed,
            expected: r.shadow,
        };
        match list.last_mut() {
            Some(open) if r.bin <= open.last_bin + 1 + threshold.merge_bins => {
                let first_bin = open.first_bin;
                if hit.log_p < open.log_p {
                    *open = hit;
                }
                (open.first_bin, open.last_bin) = (first_bin, r.bin);
            }
            _ => list.push(hit),
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::Subject;

    #[test]
    fn near_bins_make_one_anomaly_with_the_worst_of_them() {
        let z = [0.0, 50.0, 0.0, 80.0, 0.0, 0.0, 0.0, 0.0, -60.0, f64::NAN];
        let residuals: Vec<_> = (0u32..)
            .zip(z)
            .map(|(bin, observed)| Residual {
                subject: Subject::ArcLoad { arc: 0 },
                bin,
                observed,
                shadow: 0.0,
                sigma: 1.0,
            })
            .collect();
        let found = anomalies_of(&residuals, Threshold { log_p: -10.0, merge_bins: 2 });
        let spans: Vec<_> = found.iter().map(|a| (a.first_bin, a.last_bin, a.observed)).collect();
        assert_eq!(spans, [(1, 3, 80.0), (8, 8, -60.0)]);
    }
}
