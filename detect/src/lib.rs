//! What is abnormal.
//!
//! A [`Detector`] takes series bin by bin and says of each bin how unlikely it is, in a logarithm that stays finite:
//! [`LinkDetector`] of link loads and other gauges (seasons, what many series share, lasting shifts), [`PathScan`] of losses
//! and round trips, [`EventRates`] of counts of messages. A [`Calibrator`] turns scores into flags at an asked rate of false
//! alarms; [`evaluate`] says how good they are where anomalies are known; [`Wear`] says when a part will fail.
//!
//! Simulation gives an expected load beside the learnt one: [`Relative`] says how a load compares with it, and that is then
//! what is judged.
//!
//! **Knows:** series, seasons, robust statistics, tail probabilities, calibration.
//!
//! **Never knows:** topology, hypotheses, files, clocks; why something is abnormal.
//!
//! ```
//! use umbra_detect::{Bin, Detector, SeasonalConfig, SeasonalDetector, Verdict};
//!
//! // Half-hours of nine days: more by day than by night.
//! let load = |bin: usize| 100.0 + 50.0 * f64::from(bin % 48 > 16) + (bin * 7 % 5) as f64;
//! let mut detector = SeasonalDetector::new(1, SeasonalConfig::new(1_800));
//! let mut judge = |load: f64| {
//!     let mut verdict = [Verdict::NONE];
//!     detector.step(&Bin { samples: &[load], paused: &[] }, &mut verdict);
//!     verdict[0]
//! };
//! let usual = (0..9 * 48).map(|bin| judge(load(bin))).last().unwrap();
//! let odd = judge(150.0); // a noon's load at midnight
//! assert!(usual.score() < 2.0 && odd.score() > 7.0, "{usual:?} {odd:?}");
//! ```

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
mod moved;
#[cfg(test)]
mod noise;
mod novelty;
mod paths;
mod peaks;
mod robust;
mod seasonal;
mod skill;
mod subspace;
mod tail;

pub use calibrate::{CalibrationConfig, Calibrator, Teach};
pub use degradation::{Indicator, TimeLeft, Wear, WearConfig};
pub use detector::{Bin, Detector, Verdict};
pub use events::{EventConfig, EventRates};
pub use expected::Relative;
pub use links::LinkDetector;
pub use paths::{PathConfig, PathSample, PathScan, PathVerdicts};
pub use seasonal::{SeasonalConfig, SeasonalDetector};
pub use subspace::Subspace;
