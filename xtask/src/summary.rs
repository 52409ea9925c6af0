//! Counting what ran.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Summary {
    /// One test by its outcome.
    pub(crate) fn one(passed: bool) -> Self {
        Self { passed: u64::from(passed), failed: u64::from(!passed), skipped: 0 }
    }

    /// `count` tests that could not run, said aloud with the reason.
    pub(crate) fn skip(count: u64, what: &str, reason: &str) -> Self {
        println!("SKIPPED {what}: {reason}");
        Self { skipped: count, ..Self::default() }
    }

    /// Whether something ran and nothing failed. A run without a single test proves nothing.
    pub(crate) fn is_good(self) -> bool {
        self.failed == 0 && self.passed > 0
    }

    /// The counts in the result line of one Rust test binary (`test result: ok. 3 passed; 0 failed; 1 ignored; …`).
    pub(crate) fn of_libtest(line: &str) -> Option<Self> {
        let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
        Some(Self {
            passed: count(counts, "passed")?,
            failed: count(counts, "failed")?,
            skipped: count(counts, "ignored")?,
        })
    }

    /// The counts in a line as this type prints it; the skipped part may be absent.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let only_counts = line.split([',', ' ']).all(|w| {
            w.is_empty() || w.parse::<u64>().is_ok() || ["passed", "failed", "skipped"].contains(&w)
        });
        let (passed, failed) = (count(line, "passed")?, count(line, "failed")?);
        only_counts.then(|| Self { passed, failed, skipped: count(line, "skipped").unwrap_or(0) })
    }
}

fn count(text: &str, word: &str) -> Option<u64> {
    let part = text.split([',', ';']).map(str::trim).find(|part| part.ends_with(word))?;
    part.split(' ').next()?.parse().ok()
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_cargo_test_is_counted() {
        let line = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(Summary::of_libtest(line), Some(Summary { passed: 12, failed: 1, skipped: 2 }));
        assert_eq!(Summary::of_libtest("test tests::twelve_passed ... ok"), None);
    }

    #[test]
    fn our_own_line_reads_back() {
        let summary = Summary { passed: 3, failed: 0, skipped: 1 };
        assert_eq!(Summary::of_line(&summary.to_string()), Some(summary));
        assert_eq!(
            Summary::of_line("2 passed, 1 failed"),
            Some(Summary { passed: 2, failed: 1, skipped: 0 })
        );
        assert_eq!(Summary::of_line("so far 2 passed, 1 failed"), None);
    }

    #[test]
    fn nothing_run_is_not_good() {
        assert!(!Summary { skipped: 5, ..Summary::default() }.is_good());
        assert!(!Summary { passed: 5, failed: 1, skipped: 0 }.is_good());
        assert!(Summary::one(true).is_good());
    }
}
