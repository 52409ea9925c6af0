//! TCP against what the literature makes of its loss rate.

use engine::Seeds;
use models::packet::tcp::fidelity::{FormulaCheck, cubic, formula_checks, mathis, pftk};

use super::{Check, Scale};

/// Rows 11 and 12. CUBIC's response function stands beside Mathis's, which is Reno's.
pub(super) fn checks(scale: Scale) -> Vec<Check> {
    let chance = Seeds::new(2544).trial(0);
    let rows = match scale {
        Scale::Full => formula_checks(chance),
        Scale::Smoke => vec![
            mathis(1e-3, 60, chance),
            pftk(1e-2, false, 200, chance),
            pftk(2e-2, true, 200, chance),
            cubic(1e-3, 0.2, 60, chance),
        ],
    };
    rows.iter().map(check).collect()
}

fn check(row: &FormulaCheck) -> Check {
    let (number, relative) = match row.formula {
        "PFTK" => (12, 0.25),
        _ => (11, 0.15),
    };
    let FormulaCheck { formula, p, rtt_s, b, .. } = row;
    Check {
        row: number,
        what: format!("{formula}, p {p:.2e}, RTT {rtt_s} s, {b} segments an ACK: segments/s"),
        expected: format!("{:.2}", row.expected),
        measured: format!("{:.2} ({:+.1} %)", row.measured, (row.ratio() - 1.0) * 100.0),
        tolerance: format!("{} %", relative * 100.0),
        // A NaN passes nothing.
        pass: (row.ratio() - 1.0).abs() <= relative,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_passes_just_inside_the_tolerance_of_its_formula() {
        let pass = |formula, measured| {
            let row = FormulaCheck {
                formula,
                p: 0.01,
                rtt_s: 0.1,
                b: 1.0,
                timeout_s: 1.0,
                expected: 100.0,
                measured,
            };
            check(&row).pass
        };
        assert!(pass("Mathis", 86.0) && !pass("Mathis", 84.0) && !pass("Mathis", f64::NAN));
        assert!(pass("PFTK", 124.0) && !pass("PFTK", 126.0));
    }
}
