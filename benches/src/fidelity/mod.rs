//! Whether the packet engine tells the truth: what it measures beside what a formula, a published count or a slow
//! reference says.
//!
//! A [`Check`] is a line of the table; a group is a file that computes some of them, each in this very run. To add checks,
//! write a function of [`Scale`] and name it in [`GROUPS`].

mod books;
mod estimate;
mod exact;
mod fairness;
mod queueing;
mod repeat;
mod tandem;
mod tcp;
mod workloads;

pub use estimate::Estimate;

use std::fmt::{Display, Write};

/// How much is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Every check at the accuracy that its line promises. Minutes, if not optimised.
    Full,
    /// The same checks with fewer packets; what rests on chance is held against the interval that it can reach. Seconds.
    Smoke,
}

/// Computes some checks.
pub type Group = fn(Scale) -> Vec<Check>;

/// All groups, with the rows that they compute, in the order of the table.
pub const GROUPS: &[(&str, Group)] = &[
    ("1–4", queueing::checks),
    ("5", tandem::checks),
    ("6, 8", books::checks),
    ("7, 15", exact::checks),
    ("9", workloads::checks),
    ("10", fairness::checks),
    ("11, 12", tcp::checks),
    ("16", repeat::checks),
];

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its number in the list of checks.
    pub row: u8,
    /// What is checked.
    pub what: String,
    /// What should come out.
    pub expected: String,
    /// What came out.
    pub measured: String,
    /// How far apart the two may be.
    pub tolerance: String,
    /// Whether they are not farther apart.
    pub pass: bool,
}

impl Check {
    /// Two things that must be equal.
    pub fn exact<T: Display + PartialEq>(row: u8, what: impl Into<String>, expected: T, measured: T) -> Self {
        Self {
            row,
            what: what.into(),
            expected: expected.to_string(),
            measured: measured.to_string(),
            tolerance: "exact".into(),
            pass: expected == measured,
        }
    }

    /// A mean that must be `expected`, within `relative` where enough packets were sent for that, and within its own 99 %
    /// interval in a smoke run.
    pub fn mean(
        row: u8,
        what: impl Into<String>,
        expected: f64,
        measured: Estimate,
        relative: f64,
        scale: Scale,
    ) -> Self {
        let (tolerance, allowed) = match scale {
            Scale::Full => (format!("{} %", relative * 100.0), expected.abs() * relative),
            Scale::Smoke => ("99 % interval".into(), measured.half_width),
        };
        Self {
            row,
            what: what.into(),
            expected: format!("{expected:.4}"),
            measured: measured.to_string(),
            tolerance,
            // A NaN passes nothing.
            pass: (measured.mean - expected).abs() <= allowed,
        }
    }

    /// A mean that must differ from `other` by more than the share `relative` of it, and by more than chance explains.
    pub fn differs(row: u8, what: impl Into<String>, other: f64, measured: Estimate, relative: f64) -> Self {
        Self {
            row,
            what: what.into(),
            expected: format!("not {other:.4}"),
            measured: measured.to_string(),
            tolerance: format!("> {} %", relative * 100.0),
            pass: (measured.mean - other).abs() > (other.abs() * relative).max(measured.half_width),
        }
    }
}

/// The checks as a table in Markdown, its columns aligned.
pub fn table(checks: &[Check]) -> String {
    let head = ["row", "check", "expected", "measured", "tolerance", "pass"].map(str::to_owned);
    let cells = |c: &Check| {
        let pass = if c.pass { "yes" } else { "NO" };
        let text = [&c.what, &c.expected, &c.measured, &c.tolerance].map(Clone::clone);
        let [what, expected, measured, tolerance] = text;
        [c.row.to_string(), what, expected, measured, tolerance, pass.into()]
    };
    let mut rows = vec![head];
    rows.extend(checks.iter().map(cells));
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            write!(text, "| {cell:<width$} ").expect("a string takes everything");
        }
        text += "|\n";
        if number == 0 {
            widths.iter().for_each(|width| text += &format!("|{}", "-".repeat(width + 2)));
            text += "|\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: Estimate = Estimate { mean: 4.0, half_width: 0.1 };

    #[test]
    fn a_mean_passes_just_inside_its_tolerance_and_fails_just_outside() {
        let full = |expected| Check::mean(1, "", expected, FOUR, 0.01, Scale::Full).pass;
        assert!(full(3.97) && full(4.03) && !full(3.95) && !full(4.05));
        let smoke = |expected| Check::mean(1, "", expected, FOUR, 0.01, Scale::Smoke).pass;
        assert!(smoke(3.91) && smoke(4.09) && !smoke(3.89) && !smoke(4.11));
        let nothing = Estimate { mean: f64::NAN, half_width: f64::NAN };
        assert!(!Check::mean(1, "", 4.0, nothing, 0.01, Scale::Full).pass);
        assert!(!Check::differs(5, "", 4.0, nothing, 0.01).pass);
    }

    #[test]
    fn what_must_differ_does_so_by_more_than_chance() {
        let differs = |other, relative| Check::differs(5, "", other, FOUR, relative).pass;
        assert!(differs(5.0, 0.1) && !differs(4.2, 0.1) && !differs(4.05, 0.001));
    }

    #[test]
    fn the_table_says_which_check_failed() {
        let checks = [Check::exact(7, "delay", 17, 17), Check::exact(8, "µ", 1, 2)];
        let expected = "\
| row | check | expected | measured | tolerance | pass |
|-----|-------|----------|----------|-----------|------|
| 7   | delay | 17       | 17       | exact     | yes  |
| 8   | µ     | 1        | 2        | exact     | NO   |
";
        assert_eq!(table(&checks), expected);
    }
}
