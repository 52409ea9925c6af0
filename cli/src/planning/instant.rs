//! Instants on the command line.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use twin::{SimDuration, WallTime};

use crate::duration;

const EXPECTED: &str =
    "expected a time in UTC such as 2004-03-02T02:00, 2004-03-02, or one with its offset (RFC 3339)";

/// Reads an instant: RFC 3339, or a date with or without a time of day, which is UTC.
pub(crate) fn parse(text: &str) -> Result<WallTime, String> {
    let text = text.trim();
    let local = |format: &str| NaiveDateTime::parse_from_str(text, format).ok().map(|t| t.and_utc());
    let instant = DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|t| t.to_utc())
        .or_else(|| local("%Y-%m-%dT%H:%M"))
        .or_else(|| local("%Y-%m-%dT%H:%M:%S"))
        .or_else(|| local("%Y-%m-%d %H:%M"))
        .or_else(|| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|t| t.and_utc())
        });
    let ns = instant.and_then(|t| t.timestamp_nanos_opt()).ok_or(EXPECTED)?;
    Ok(WallTime::from_ns(ns))
}

/// Reads an instant, or a span such as `+4h` after another.
pub(crate) fn after(start: WallTime, text: &str) -> Result<WallTime, String> {
    let Some(span) = text.trim().strip_prefix('+') else {
        return parse(text).map_err(|e| format!("{e}, or a span such as +4h"));
    };
    let span: SimDuration = duration::parse(span)?;
    let ns = i64::try_from(span.as_ps() / 1_000).ok().and_then(|ns| start.as_ns().checked_add(ns));
    ns.map(WallTime::from_ns).ok_or_else(|| EXPECTED.to_owned())
}

/// The instant of the machine's clock.
pub(crate) fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    WallTime::from_ns(since.and_then(|d| i64::try_from(d.as_nanos()).ok()).unwrap_or(0))
}

/// An instant as RFC 3339 in UTC, to the second.
pub(crate) fn text(at: WallTime) -> String {
    DateTime::from_timestamp_nanos(at.as_ns()).to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The date so many days later, `None` beyond what dates there are.
pub(crate) fn date_after(at: WallTime, days: u32) -> Option<String> {
    let date = DateTime::from_timestamp_nanos(at.as_ns()).date_naive();
    date.checked_add_days(chrono::Days::new(u64::from(days))).map(|date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_the_usual_forms() {
        let at = WallTime::from_ns(1_078_192_800_000_000_000);
        for form in
            ["2004-03-02T02:00", "2004-03-02 02:00", "2004-03-02T02:00:00Z", "2004-03-02T03:00:00+01:00"]
        {
            assert_eq!(parse(form), Ok(at), "{form}");
        }
        assert_eq!(text(at), "2004-03-02T02:00:00Z");
        assert_eq!(after(parse("2004-03-02").unwrap(), "+2h"), Ok(at));
        assert_eq!(date_after(at, 366).as_deref(), Some("2005-03-03"));
        for wrong in ["", "tomorrow", "2004-13-01", "02:00", "+4 parsecs"] {
            assert!(after(at, wrong).is_err(), "{wrong}");
        }
    }
}
