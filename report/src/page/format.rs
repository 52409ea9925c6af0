//! How the page writes text and numbers: every number is formatted here and nowhere else.

use std::borrow::Cow;
use std::fmt;

use super::data::{Interval, Unit};

/// A no-break space, between a number and its unit.
pub(super) const NBSP: char = '\u{a0}';
/// What stands where nothing is known.
pub(super) const UNKNOWN: &str = "–";

/// Text made safe for HTML content and quoted attributes. Characters that XML forbids become U+FFFD.
pub(super) fn esc(text: &str) -> Cow<'_, str> {
    let special =
        |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || (c.is_control() && c != '\n' && c != '\t');
    if !text.contains(special) && !text.contains(['\u{fffe}', '\u{ffff}']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if special(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A coordinate of a drawing: one decimal, without a trailing `.0` or a negative zero.
pub(super) fn px(value: f64) -> Px {
    Px((value * 10.0).round() as i64)
}

/// A coordinate in tenths. A page shows thousands of them, so digits are put together here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Px(i64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 24]; // 19 digits, a point and a sign fit
        let mut at = text.len();
        let mut put = |byte: u8| {
            at -= 1;
            text[at] = byte;
        };
        let tenths = self.0.unsigned_abs();
        if !tenths.is_multiple_of(10) {
            put(b'0' + (tenths % 10) as u8);
            put(b'.');
        }
        let mut rest = tenths / 10;
        loop {
            put(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if self.0 < 0 {
            put(b'-');
        }
        f.write_str(std::str::from_utf8(&text[at..]).expect("digits are UTF-8"))
    }
}

/// A count with thousands separated.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with so many decimals, with a true minus sign and no negative zero.
fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return UNKNOWN.to_owned();
    }
    let text = format!("{:.decimals$}", value.abs());
    let zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    if value < 0.0 && !zero { format!("\u{2212}{text}") } else { text }
}

/// Decimals that show three significant digits of `value`, at most `most`.
fn decimals(value: f64, most: usize) -> usize {
    match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1.min(most),
        v if v >= 0.9995 || v == 0.0 => 2.min(most),
        _ => 3.min(most),
    }
}

/// A number of any unit with three significant digits; a large one in thousands, millions and so on.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if !(9_999.5..f64::INFINITY).contains(&value.abs()) {
        return fixed(value, decimals(value, 3));
    }
    let (scale, prefix) = prefix(value);
    format!("{}{NBSP}{prefix}", fixed(value / scale, decimals(value / scale, 2)))
}

/// What to divide by, and the prefix that says so.
fn prefix(value: f64) -> (f64, &'static str) {
    match value.abs() {
        v if v >= 999.5e9 => (1e12, "T"),
        v if v >= 999.5e6 => (1e9, "G"),
        v if v >= 999.5e3 => (1e6, "M"),
        v if v >= 999.5 => (1e3, "k"),
        _ => (1.0, ""),
    }
}

/// A rate in bit/s with three significant digits: `3.21 Gbit/s`.
pub(super) fn rate(bps: f64) -> String {
    if !bps.is_finite() {
        return UNKNOWN.to_owned();
    }
    let (scale, prefix) = prefix(bps);
    let value = bps / scale;
    let digits = if value == value.round() { 0 } else { decimals(value, 2) };
    format!("{}{NBSP}{prefix}bit/s", fixed(value, digits))
}

/// Decimals of a percentage: `32 %`, `8.4 %`, `0.83 %`.
fn percent_decimals(percent: f64) -> usize {
    match percent.abs() {
        v if v >= 9.95 => 0,
        v if v >= 0.995 || v == 0.0 => 1,
        _ => 2,
    }
}

/// A share as a percentage: `1.1 %`.
pub(super) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return UNKNOWN.to_owned();
    }
    format!("{}{NBSP}%", fixed(share * 100.0, percent_decimals(share * 100.0)))
}

/// A utilisation in percent; infinite is load where there is no capacity.
pub(super) fn utilization(util: f64) -> String {
    match util {
        f64::INFINITY => "∞".to_owned(),
        0.0 => format!("0{NBSP}%"),
        util => percent(util),
    }
}

/// A share with its interval: `1.1 % (0.8–1.4 %)`.
pub(super) fn percent_interval(i: &Interval) -> String {
    let digits = percent_decimals(i.value * 100.0);
    let text = |share: f64| fixed(share * 100.0, digits);
    format!("{}{NBSP}% ({}–{}{NBSP}%)", text(i.value), text(i.lo), text(i.hi))
}

/// A probability with the digits that tell it from 0 and 1: `0.97`, `0.998`, `> 0.999`.
pub(super) fn probability(p: f64) -> String {
    match p {
        p if !p.is_finite() => UNKNOWN.to_owned(),
        p if p > 0.9995 => format!(">{NBSP}0.999"),
        p if p < 0.0005 => format!("<{NBSP}0.001"),
        p if !(0.01..=0.99).contains(&p) => fixed(p, 3),
        p => fixed(p, 2),
    }
}

/// A value in its unit.
pub(super) fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::BitsPerSec => rate(value),
        Unit::Share => percent(value),
        Unit::Millis if value.is_finite() => format!("{}{NBSP}ms", fixed(value, decimals(value, 2))),
        Unit::Millis => UNKNOWN.to_owned(),
    }
}

/// A signed number with one decimal, such as a logarithm of a Bayes factor: `+12.3`.
pub(super) fn signed(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+∞" } else { "\u{2212}∞" }.to_owned();
    }
    let text = fixed(value, 1);
    if value > 0.0 && text != "0.0" { format!("+{text}") } else { text }
}

/// A residual in standard deviations: `+8.3 σ`.
pub(super) fn sigmas(z: f64) -> String {
    format!("{}{NBSP}σ", signed(z))
}

/// A time since the start of the data: `35 min`, `1 h 40 min`, `2 d 3 h`.
pub(super) fn since_start(seconds: f64) -> String {
    if !seconds.is_finite() {
        return UNKNOWN.to_owned();
    }
    let s = seconds.max(0.0).round() as u64;
    let two = |a: u64, ua: &str, b: u64, ub: &str| match b {
        0 => format!("{a}{NBSP}{ua}"),
        _ => format!("{a}{NBSP}{ua}{NBSP}{b}{NBSP}{ub}"),
    };
    match s {
        0..120 => format!("{s}{NBSP}s"),
        120..3_600 => two(s / 60, "min", s % 60, "s"),
        3_600..86_400 => two(s / 3_600, "h", s % 3_600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(esc("<b a='x' c=\"y\">&\u{1}"), "&lt;b a=&#39;x&#39; c=&quot;y&quot;&gt;&amp;\u{fffd}");
        assert!(matches!(esc("Zürich → Köln"), Cow::Borrowed(_)));
    }

    #[test]
    fn numbers_carry_three_digits_and_their_unit() {
        let rates = [0.0, 950.0, 1_234.0, 12_340_000.0, 999_600_000.0, 10e9, 123.4e9, 2.5e12, f64::NAN];
        let text = rates.map(rate).join(" | ").replace(NBSP, " ");
        assert_eq!(
            text,
            "0 bit/s | 950 bit/s | 1.23 kbit/s | 12.3 Mbit/s | 1.00 Gbit/s | 10 Gbit/s | 123 Gbit/s | 2.50 Tbit/s | –"
        );
        let shares = [0.0, 0.0083, 0.011, 0.0999, 0.32, 1.04].map(percent).join(" | ").replace(NBSP, " ");
        assert_eq!(shares, "0.0 % | 0.83 % | 1.1 % | 10 % | 32 % | 104 %");
        let interval = percent_interval(&Interval { value: 0.011, lo: 0.008, hi: 0.0141 });
        assert_eq!(interval.replace(NBSP, " "), "1.1 % (0.8–1.4 %)");
        assert_eq!([f64::NAN, f64::INFINITY].map(signed), ["–", "+∞"]);
        assert_eq!(signed(-0.04), "0.0");
        assert_eq!(signed(-12.34), "\u{2212}12.3");
        assert_eq!(count(1_234_567), "1,234,567");
        let numbers =
            [0.0, 0.00512, 1336.0, 9_999.0, 10_000.0, -94_358_859.0, 515_866_417.0].map(number).join(" | ");
        assert_eq!(numbers.replace(NBSP, " "), "0 | 0.005 | 1336 | 9999 | 10.0 k | \u{2212}94.4 M | 516 M");
    }

    #[test]
    fn probabilities_never_round_to_certainty() {
        let text = [0.0, 0.0004, 0.004, 0.5, 0.97, 0.9949, 0.9996, 1.0].map(probability);
        assert_eq!(text.join(" ").replace(NBSP, ""), "<0.001 <0.001 0.004 0.50 0.97 0.995 >0.999 >0.999");
    }

    #[test]
    fn coordinates_are_short() {
        let text = [0.04, -0.04, 1.25, -0.3, 10.0, -1234.56].map(|value| px(value).to_string());
        assert_eq!(text.join(" "), "0 0 1.3 -0.3 10 -1234.6");
    }

    #[test]
    fn times_use_at_most_two_units() {
        let text = [45.0, 300.0, 6_000.0, 86_400.0].map(since_start).join(" | ").replace(NBSP, " ");
        assert_eq!(text, "45 s | 5 min | 1 h 40 min | 1 d");
    }
}
