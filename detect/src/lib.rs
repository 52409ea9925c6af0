//! What is abnormal.
//!
//! A [`Detector`] takes series bin by bin and says of each bin how unlikely it is, in a logarithm that stays finite:
//! [`LinkDetector`] of link loads and other gauges (seasons, what many series share, lasting shifts), [`PathScan`] of losses
//! and round trips, [`EventRates`] of counts of messages. A [`Calibrator`] turns scores into flags at an asked rate of false
//! alarms; [`evaluate`] says how good they are where anomalies are known; [`Wear`] says when a part will fail.
//!
//! Simulation gives *residuals* (what production showed less what the shadow showed through the same sensor). For their
//! short records a [`SeasonalBaseline`] learns the usual course and spread with medians, and a [`LossScan`] asks at several
//! time scales whether a path loses more than it used to.
//!
//! **Knows:** series, seasons, robust statistics, tail probabilities, calibration.
//!
//! **Never knows:** topology, hypotheses, files, clocks; why something is abnormal.
//!
//! ```
//! use umbra_detect::{BaselineConfig, SeasonalBaseline};
//!
//! let quiet: Vec<f64> = (0..200).map(|i| f64::from(i % 4) + 0.01 * f64::from(i % 7)).collect();
//! let baseline = SeasonalBaseline::fit(&quiet, BaselineConfig {
//!     season_bins: Some(4),
//!     half_width: 0,
//!     ..Default::default()
//! });
//! assert!(baseline.z(200, 0.02).abs() < 3.0);
//! assert!(baseline.z(200, 5.0) > 20.0);
//! ```

mod baseline;
mod calibrate;
mod degradation;
mod detector;
pub mod evaluate;
mod events;
mod expected;
mod gaps;
pub mod incidents;
mod innovation;
mod links;
mod loss_scan;
mod moved;
#[cfg(test)]
mod noise;
mod novelty;
mod paths;
mod peaks;
mod residuals;
mod robust;
mod runs;
mod seasonal;
mod skill;
mod subspace;
mod tail;

pub use baseline::{BaselineConfig, SeasonalBaseline};
pub use calibrate::{CalibrationConfig, Calibrator};
pub use degradation::{Indicator, TimeLeft, Wear, WearConfig};
pub use detector::{Bin, Detector, Verdict};
pub use events::{EventConfig, EventRates};
pub use expected::Relative;
pub use links::LinkDetector;
pub use loss_scan::{LossScan, LossScanConfig, LossVerdict};
pub use paths::{PathConfig, PathSample, PathScan, PathVerdicts};
pub use residuals::{ArcResiduals, learn_residuals};
pub use runs::{Threshold, anomalies_of};
pub use seasonal::{SeasonalConfig, SeasonalDetector};
pub use subspace::Subspace;
pub use tail::{log_negative_binomial_tail, log_p_laplace, log_p_student, log_p_two_sided};
