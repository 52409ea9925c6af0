//! Which part of a fabric loses packets? Flows, probes and counters in; causes with probabilities out.
//!
//! Everything is one model. Each directed link has a loss rate, healthy or failed ([`rates`]); failures come alone, or
//! together through a device or a group of links ([`events`]); a black hole swallows what passes a device for one rack; and
//! something that no hypothesis names may be wrong. A flow of which `s` packets arrived and `r` were lost on a path has the
//! likelihood Π(1 − x)^s · (1 − Π(1 − x))^r over the links of the path, summed over the paths that it may have taken. What
//! arrived is linear in the logarithms of the links, so it is kept by link; only flows with a loss are kept one by one.
//!
//! The posterior over sets of failures is sampled ([`chain`]): rates are never assumed and no constant is set by cases with
//! known answers.

pub mod averages;
mod bursts;
pub mod cases;
pub mod chain;
pub mod check;
mod climb;
pub mod congestion;
mod draws;
pub mod events;
pub mod explain;
mod fit;
pub mod flows;
pub mod holes;
pub mod probes;
pub mod rates;
mod reports;
mod singles;
pub mod stale;
mod sum;
mod swaps;
pub mod telemetry;
mod together;
pub mod topology;
mod twins;
mod usual;
pub mod verdict;
mod ways;

pub(crate) use crate::base_loss::log_sum_exp;
