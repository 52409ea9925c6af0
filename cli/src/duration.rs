//! Durations on the command line.

use twin::SimDuration;

/// Units by suffix, in picoseconds. Longer suffixes stand before those that end them.
const UNITS: [(&str, f64); 6] =
    [("ns", 1e3), ("us", 1e6), ("ms", 1e9), ("s", 1e12), ("m", 60e12), ("h", 3_600e12)];

/// Reads a positive duration with its unit: `10s`, `1.5ms`, `2m`.
pub(crate) fn parse(text: &str) -> Result<SimDuration, String> {
    let expected = "expected a positive duration such as 10s, 500ms or 2m (ns, us, ms, s, m, h)";
    let (number, unit) = UNITS
        .iter()
        .find_map(|(suffix, ps)| Some((text.strip_suffix(suffix)?, ps)))
        .ok_or_else(|| format!("no unit; {expected}"))?;
    let number: f64 = number.trim().parse().map_err(|_| expected.to_owned())?;
    let ps = (number * unit).round();
    if ps.is_nan() || ps < 1.0 {
        return Err(expected.to_owned());
    }
    if ps >= u64::MAX as f64 {
        return Err("longer than the 213 days that a run can last".to_owned());
    }
    Ok(SimDuration::from_ps(ps as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, duration) in [
            ("10s", SimDuration::secs(10)),
            ("500ms", SimDuration::millis(500)),
            ("2m", SimDuration::secs(120)),
            ("1.5us", SimDuration::nanos(1_500)),
            ("7 ns", SimDuration::nanos(7)),
            ("1h", SimDuration::secs(3_600)),
        ] {
            assert_eq!(parse(text), Ok(duration), "{text}");
        }
        for text in ["", "10", "s", "0s", "-1s", "nans", "infs", "1e300s", "10 parsecs", "6000h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
