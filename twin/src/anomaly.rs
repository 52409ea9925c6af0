//! Residuals and anomalies: the words that detection and inference share.

use serde::{Deserialize, Serialize};

/// What a series is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "subject", rename_all = "kebab-case")]
pub enum Subject {
    /// The load of an arc.
    ArcLoad {
        /// Its number.
        arc: u32,
    },
    /// The loss share of an ordered node pair.
    PairLoss {
        /// Where it enters.
        src: u32,
        /// Where it leaves.
        dst: u32,
    },
    /// The round trip of an ordered node pair.
    PairRtt {
        /// Where it enters.
        src: u32,
        /// Where it leaves.
        dst: u32,
    },
}

/// `observed − sensor(shadow) ± σ` of one series in one bin: the type that detection and inference share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residual {
    /// The series.
    pub subject: Subject,
    /// The bin.
    pub bin: u32,
    /// What production showed, in the series' unit (bit/s, share, ms).
    pub observed: f64,
    /// What the shadow showed through the same sensor.
    pub shadow: f64,
    /// Standard deviation of their difference when nothing is wrong.
    pub sigma: f64,
}

impl Residual {
    /// Observed less shadow in standard deviations.
    pub fn z(&self) -> f64 {
        (self.observed - self.shadow) / self.sigma
    }
}

/// A stretch of bins in which a series is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// The series.
    pub subject: Subject,
    /// First abnormal bin.
    pub first_bin: u32,
    /// Last abnormal bin.
    pub last_bin: u32,
    /// Natural logarithm of the smallest tail probability in the stretch; finite.
    pub log_p: f64,
    /// Observed value where it was least likely.
    pub observed: f64,
    /// Expected value there.
    pub expected: f64,
}
