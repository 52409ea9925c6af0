//! Why is it so? Hypotheses, what each would make observable, and how likely that is.
//!
//! [`rank::rank`] reads like the product: predict every component by formula, weigh it against the observed tables,
//! simulate the leading ones packet by packet, weigh them and their pairs again, normalise. [`world`] makes incidents with
//! a known cause, unlike the model that explains them. [`counterfactual`] says what follows: what a cause explains, whether
//! its element may be drained, which probe would tell two causes apart.
//!
//! **Knows:** components that may fail, priors, likelihoods, posteriors, evidence.
//!
//! **Never knows:** files, clocks, sockets; how an anomaly was detected; tables and pages.
//!
//! ```
//! use twin::ArcId;
//! use umbra_scenarios::component::Component;
//! use umbra_scenarios::posterior::{Hypothesis, Posterior};
//!
//! let lossy = Component::LinkLoss(ArcId(3));
//! let log_prior = (1e-4f64).ln();
//! let log_bayes = 14.0; // what the data say for it
//! let posterior = Posterior::new(vec![
//!     (Hypothesis::None, 0.0),
//!     (Hypothesis::Set(vec![lossy]), log_prior + log_bayes),
//! ]);
//! assert!(posterior.marginals()[&lossy] > 0.99);
//! ```

pub mod alarms;
pub mod base_loss;
pub mod calibration;
pub mod carried;
pub mod causes;
pub mod component;
pub mod counterfactual;
pub mod fabric;
pub mod foreground;
pub mod incident;
pub mod likelihood;
pub mod load_fit;
pub mod load_residuals;
mod mix;
pub mod naive;
pub mod planning;
pub mod posterior;
pub mod prediction;
pub mod rank;
pub mod shadow;
pub mod telemetry;
pub mod validation;
pub mod world;

/// Causes of a lower probability stand in no answer.
pub const LISTED: f64 = 1e-4;
