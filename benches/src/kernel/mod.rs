//! Workloads of the kernel alone: no network, only events. What is popped is checked against published values before a
//! rate is given.

mod hold;
mod phold;
mod split_mix;

pub use hold::{Hold, HoldReport, hold};
pub use phold::{Phold, PholdReport, phold};
pub(crate) use split_mix::SplitMix;

use std::time::Duration;

use cpu_time::ProcessTime;

/// Processor time of the whole process that `work` took.
fn cpu(work: impl FnOnce()) -> Duration {
    let start = ProcessTime::now();
    work();
    start.elapsed()
}

/// The middle one, or the lower of the two in the middle.
fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[(seconds.len() - 1) / 2]
}
