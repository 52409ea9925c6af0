//! Limits that a user sets: how full, how slow; and which of them make a finding.

use clap::ValueEnum;

use crate::failure::Failure;

const HEADING: &str = "Limits";

/// Limits.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Limits {
    /// How full an arc may become: load / capacity.
    #[arg(long, value_name = "U", value_parser = positive, help_heading = HEADING)]
    pub(crate) threshold: Option<f64>,
    /// How long a demand may take, in ms of propagation delay; writes the table breaches.
    #[arg(long, value_name = "MS", value_parser = positive, help_heading = HEADING)]
    pub(crate) latency_bound: Option<f64>,
    /// End with 1 if this happens in any scenario [without WHAT: overload].
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', num_args = 0..=1)]
    #[arg(default_missing_value = "overload", help_heading = HEADING)]
    pub(crate) fail_on: Vec<FailOn>,
}

/// What makes a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// An arc is fuller than --threshold.
    Overload,
    /// A demand loses its path.
    Lost,
    /// A demand takes longer than --latency-bound.
    Latency,
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| *x > 0.0 && x.is_finite());
    number.ok_or_else(|| "expected a finite number above 0".to_owned())
}

impl Limits {
    /// Refuses a finding without its limit.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let without = |what, limit: &Option<f64>| self.fail_on.contains(&what) && limit.is_none();
        if without(FailOn::Overload, &self.threshold) {
            return Err(Failure::Usage("--fail-on overload without --threshold U".into()));
        }
        if without(FailOn::Latency, &self.latency_bound) {
            return Err(Failure::Usage("--fail-on latency without --latency-bound MS".into()));
        }
        Ok(())
    }
}
