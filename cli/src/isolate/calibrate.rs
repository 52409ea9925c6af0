//! `--calibrate`: rankings against known answers, as a table, as JSON and in words.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use report::{Table, schema};
use scenarios::calibration::{BINS, Bin, Calibration, Component, Judged};
use scenarios::fabric::verdict::{Verdict, What};
use serde_json::{Value, json};

use super::tables::Names;
use crate::failure::Failure;
use crate::global::Global;
use crate::output::{self, Format};

/// Whether to compare with known answers.
#[derive(Debug, clap::Args)]
pub(crate) struct CalibrateArgs {
    /// Compare the probabilities with known answers.
    #[arg(long, requires = "truth")]
    calibrate: bool,
    /// The answers to the cases: JSON; of telemetry events as CSV.
    #[arg(long, value_name = "FILE", requires = "calibrate")]
    truth: Option<PathBuf>,
}

impl CalibrateArgs {
    /// The file with the answers.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.truth.as_deref().filter(|_| self.calibrate)
    }
}

/// The causes of a verdict that name a component.
pub(crate) fn listed(
    case: u32,
    place: &dyn Names,
    verdict: &Verdict,
) -> impl Iterator<Item = (Component, f64)> {
    let named = verdict.causes.iter().filter(|c| !matches!(c.what, What::Unknown | What::None));
    named.map(move |cause| {
        let (class, a, b) = place.names(cause.what);
        (Component { case, class: class.to_owned(), a, b }, cause.probability)
    })
}

/// Rankings against answers.
pub(crate) struct Calibrated {
    all: Calibration,
    /// By class.
    classes: Vec<(String, Calibration)>,
}

impl Calibrated {
    /// Judges rankings.
    pub(crate) fn new(judged: Judged) -> Self {
        let causes = judged.causes.iter().map(|(c, _)| &c.class);
        let names: BTreeSet<String> = causes.chain(judged.truth.iter().map(|c| &c.class)).cloned().collect();
        let of = |class: String| {
            let mut part = judged.clone();
            part.causes.retain(|(c, _)| c.class == class);
            part.truth.retain(|c| c.class == class);
            let calibration = Calibration::new(&part);
            (class, calibration)
        };
        Self { classes: names.into_iter().map(of).collect(), all: Calibration::new(&judged) }
    }

    /// The reliability diagram, of all causes and by class.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new(&schema::CALIBRATION);
        let classes = self.classes.iter().map(|(name, c)| (Some(name.as_str()), c));
        for (class, calibration) in std::iter::once((None, &self.all)).chain(classes) {
            for (i, bin) in calibration.bins.iter().enumerate().filter(|(_, b)| b.causes > 0) {
                let edge = |i: usize| i as f64 / BINS as f64;
                table
                    .row()
                    .set("class", class)
                    .set("bin_lo", edge(i))
                    .set("bin_hi", edge(i + 1))
                    .set("causes", bin.causes)
                    .set("right", bin.right)
                    .set("mean_probability", bin.mean())
                    .set("share_right", bin.share())
                    .end();
            }
        }
        table
    }

    /// For the summary.
    pub(crate) fn json(&self) -> Value {
        let classes = self.classes.iter().map(|(name, c)| (name.clone(), numbers(c)));
        let mut all = numbers(&self.all);
        all["classes"] = classes.collect::<serde_json::Map<_, _>>().into();
        all
    }

    /// Prints the answer to people.
    pub(crate) fn print(&self, global: &Global) -> Result<(), Failure> {
        if global.format() == Format::Table {
            output::print_bytes(words(&self.all).as_bytes())
        } else {
            Ok(())
        }
    }
}

fn numbers(c: &Calibration) -> Value {
    let (right, faults, named) = c.named();
    let (faulty, first) = c.top(1);
    let error = |i: usize| json!({ "floor": c.errors[i].floor, "ece": c.errors[i].ece, "causes": c.errors[i].causes });
    json!({
        "cases": c.cases.len(),
        "precision": c.precision(),
        "recall": c.recall(),
        "right": right,
        "faults": faults,
        "named": named,
        "cases_with_faults": faulty,
        "top_1": first,
        "top_3": c.top(3).1,
        "ece": [error(0), error(1)],
        "brier": c.brier(),
        "log_loss": c.log_loss(),
        "sure": c.sure.0,
        "sure_and_wrong": c.sure.1,
    })
}

fn words(c: &Calibration) -> String {
    let (right, faults, named) = c.named();
    let (faulty, first) = c.top(1);
    let mut text = format!(
        "against the answers to {} cases: {named} causes named (p > 0.5), {right} of them right, of {faults} that were \
         there: precision {:.3}, recall {:.3}\n",
        c.cases.len(),
        c.precision(),
        c.recall()
    );
    let _ = writeln!(
        text,
        "  first place right in {first} of {faulty} cases with a fault, one of the first three in {}",
        c.top(3).1
    );
    for error in &c.errors {
        let _ = writeln!(
            text,
            "  calibration error {:.3} over {} causes with p >= {}",
            error.ece, error.causes, error.floor
        );
    }
    let _ = writeln!(
        text,
        "  a case: Brier sum {:.3}, log loss {:.3} nats; {} of {} causes with p >= 0.95 wrong",
        c.brier(),
        c.log_loss(),
        c.sure.1,
        c.sure.0
    );
    let told = c.bins.iter().enumerate().filter(|(_, bin)| bin.causes > 0);
    told.for_each(|(i, bin)| bar(&mut text, i, bin));
    text
}

/// A line of the diagram: what was said, and what was so.
fn bar(text: &mut String, i: usize, bin: &Bin) {
    let (low, high) = (i as f64 / BINS as f64, (i + 1) as f64 / BINS as f64);
    let stars = "#".repeat((bin.share() * 40.0).round() as usize);
    let (mean, share) = (bin.mean(), bin.share());
    let _ =
        writeln!(text, "  {low:.1}-{high:.1}: said {mean:.3}, so {share:.3} of {:4}  {stars}", bin.causes);
}
