//! Syslog: who said what kind of thing when.
//!
//! Lines of RFC 5424, of RFC 3164 (with or without priority, as files have them), and of Cisco's log buffers (IOS XR:
//! `RP/0/RP0/CPU0:Aug  4 10:14:32.450 : bgp[1050]: %ROUTING-BGP-5-ADJCHANGE : text`; IOS: `*Mar  1 00:00:10.123: %LINK-3-UPDOWN:
//! text`), whose header says the time zone. Other lines are a counted [`Diagnostic`].

use twin::{Diagnostic, WallTime};

const DAY_S: i64 = 86_400;

/// What lines leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyslogContext<'a> {
    /// Who wrote lines that do not say it.
    pub device: &'a str,
    /// The year of stamps without one is the latest in which they are not after this.
    pub latest: WallTime,
    /// Seconds ahead of UTC of stamps that do not say it.
    pub utc_offset_s: i32,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogRecord {
    /// When it was written, by its writer's clock.
    pub at: WallTime,
    /// Its writer.
    pub device: String,
    /// Its kind: Cisco's `ROUTING-BGP-5-ADJCHANGE`, an RFC 5424 program with its message id, or a program.
    pub kind: String,
    /// 0 (emergency) to 7 (debug), where it is said.
    pub severity: Option<u8>,
}

/// The messages of a log, in its order, and how many lines were none.
pub fn read(file: &str, text: &str, context: SyslogContext<'_>) -> (Vec<SyslogRecord>, Vec<Diagnostic>) {
    let (mut records, mut diagnostics) = (Vec::new(), Vec::new());
    let mut context = context;
    for (i, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(record) = record(line, &context) {
            records.push(record);
        } else if let Some(offset) = header_zone(line) {
            context.utc_offset_s = offset;
        } else if !line.is_empty() {
            // What comes before the first message is the header of a log buffer.
            let code = if records.is_empty() { "syslog-header" } else { "syslog-line" };
            Diagnostic::count(&mut diagnostics, code, || {
                format!("{file}:{}: no message: {}", i + 1, start(line))
            });
        }
    }
    (records, diagnostics)
}

fn start(line: &str) -> String {
    line.chars().take(60).collect()
}

fn record(line: &str, context: &SyslogContext<'_>) -> Option<SyslogRecord> {
    let (priority, rest) = priority(line);
    let severity = priority.map(|p| (p % 8) as u8);
    let found = rfc5424(rest).or_else(|| cisco(rest, context)).or_else(|| rfc3164(rest, context))?;
    Some(SyslogRecord { severity: found.severity.or(severity), ..found })
}

/// `<34>`: facility × 8 + severity (RFC 5424 §6.2.1), at most 191.
fn priority(line: &str) -> (Option<u32>, &str) {
    let inside = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match inside.and_then(|(number, rest)| Some((number.parse::<u32>().ok().filter(|p| *p <= 191)?, rest))) {
        Some((priority, rest)) => (Some(priority), rest),
        None => (None, line),
    }
}

/// `1 2003-10-11T22:14:15.003Z host app procid msgid …` (RFC 5424 §6).
fn rfc5424(line: &str) -> Option<SyslogRecord> {
    let mut words = line.strip_prefix("1 ")?.splitn(6, ' ');
    let at = rfc3339(words.next()?)?;
    let (device, app, _, id) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let said = |word: &str| word != "-" && !word.is_empty();
    let own = match (said(app), said(id)) {
        (true, true) => format!("{app} {id}"),
        (false, true) => id.to_owned(),
        _ => app.to_owned(),
    };
    let (kind, severity) = words.next().and_then(cisco_kind).map_or((own, None), |(k, s)| (k, Some(s)));
    Some(SyslogRecord { at, device: device.to_owned(), kind, severity })
}

/// `Oct 11 22:14:15 host tag[pid]: …` (RFC 3164 §4.1); a file may have a stamp of RFC 3339 there.
fn rfc3164(line: &str, context: &SyslogContext<'_>) -> Option<SyslogRecord> {
    let long = line.split_once(' ').and_then(|(word, rest)| Some((rfc3339(word)?, rest)));
    let (at, rest) = long.or_else(|| stamp(line, context))?;
    let mut words = rest.trim_start().splitn(2, ' ');
    let (device, message) = (words.next()?, words.next()?.trim_start());
    if let Some((kind, severity)) = cisco_kind(message) {
        return Some(SyslogRecord { at, device: device.to_owned(), kind, severity: Some(severity) });
    }
    // The tag ends at the first character that is none of a program's name.
    let end = message.find(|c: char| !(c.is_alphanumeric() || "_-./".contains(c)))?;
    let tagged = matches!(message[end..].chars().next(), Some(':' | '['));
    let kind = if tagged && end > 0 { &message[..end] } else { "-" };
    Some(SyslogRecord { at, device: device.to_owned(), kind: kind.to_owned(), severity: None })
}

/// A line of a log buffer, which is its device's own: before the stamp may be the line card or a number, a star or a dot.
fn cisco(line: &str, context: &SyslogContext<'_>) -> Option<SyslogRecord> {
    let (kind, severity) = cisco_kind(line)?;
    let mut rest = line;
    // `RP/0/RP0/CPU0:` or `000123: `, perhaps both.
    while !starts_with_month(rest) {
        rest = rest.split_once(':')?.1.trim_start_matches([' ', '*', '.']);
    }
    let (at, rest) = stamp(rest, context)?;
    // A time zone or nothing stands between the stamp and its colon; a name there is a host of RFC 3164.
    let between = rest.trim_start().split([':', ' ']).next()?;
    (between.is_empty() || zone(between).is_some()).then_some(())?;
    Some(SyslogRecord { at, device: context.device.to_owned(), kind, severity: Some(severity) })
}

/// The first `%FACILITY-SEVERITY-MNEMONIC`, where FACILITY may have dashes, without the percent sign.
fn cisco_kind(text: &str) -> Option<(String, u8)> {
    text.match_indices('%').find_map(|(at, _)| {
        let word = text[at + 1..].split([':', ' ']).next()?;
        let mut parts = word.rsplitn(3, '-');
        let (mnemonic, severity, facility) = (parts.next()?, parts.next()?, parts.next()?);
        let severity: u8 = severity.parse().ok().filter(|s| *s <= 7)?;
        (!mnemonic.is_empty() && !facility.is_empty()).then(|| (word.to_owned(), severity))
    })
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn month(word: &str) -> Option<i64> {
    MONTHS.iter().position(|m| *m == word).map(|m| m as i64 + 1)
}

fn starts_with_month(text: &str) -> bool {
    let text = text.trim_start_matches(['*', '.']);
    // `2017 Aug` or `Aug`.
    let text =
        text.split_once(' ').filter(|(year, _)| year.parse::<u16>().is_ok()).map_or(text, |(_, rest)| rest);
    text.get(..3).is_some_and(|m| month(m).is_some()) && text[3..].starts_with(' ')
}

/// `[2017 ]Aug  4 [2017 ]10:14:32[.450]`, and what follows.
fn stamp<'a>(text: &'a str, context: &SyslogContext<'_>) -> Option<(WallTime, &'a str)> {
    let mut rest = text.trim_start_matches(['*', '.']);
    let mut word = || {
        rest = rest.trim_start();
        let (word, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
        rest = after;
        word
    };
    let year = |word: &str| word.parse::<i64>().ok().filter(|y| (1_970..2_200).contains(y));
    let mut first = word();
    let mut said = year(first);
    if said.is_some() {
        first = word();
    }
    let month = month(first)?;
    let day: i64 = word().parse().ok().filter(|d| (1..=31).contains(d))?;
    let mut clock = word();
    if said.is_none()
        && let Some(year) = year(clock)
    {
        said = Some(year);
        clock = word();
    }
    let clock_end = clock.trim_end_matches(':');
    let ns = time_of_day(clock_end)?;
    let after = &text[text.len() - rest.len() - (clock.len() - clock_end.len())..];
    let offset = zone(after.trim_start().split([':', ' ']).next()?).unwrap_or(context.utc_offset_s);
    let at = |year: i64| {
        let seconds = days_from_civil(year, month, day) * DAY_S - i64::from(offset);
        seconds.checked_mul(1_000_000_000)?.checked_add(ns)
    };
    let year = match said {
        Some(year) => year,
        None => {
            let this = civil_year(context.latest);
            // A clock may be a day fast.
            let latest = context.latest.as_ns().saturating_add(DAY_S * 1_000_000_000);
            if at(this + 1)? <= latest {
                this + 1
            } else if at(this)? <= latest {
                this
            } else {
                this - 1
            }
        }
    };
    Some((WallTime::from_ns(at(year)?), after))
}

/// `HH:MM:SS[.fraction]` in nanoseconds; a leap second is the second after.
fn time_of_day(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':').map(|p| p.parse::<i64>().ok().filter(|_| p.len() == 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let valid = parts.next().is_none()
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    let digits = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
    (valid && digits).then_some(())?;
    let ns: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000_000 + ns)
}

/// `2003-10-11T22:14:15.003Z` or with an offset such as `-07:00` (RFC 3339).
fn rfc3339(text: &str) -> Option<WallTime> {
    let (date, rest) = text.split_once('T')?;
    let mut parts = date.split('-').map(|p| p.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let valid = parts.next().is_none()
        && (1_678..2_262).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day);
    valid.then_some(())?;
    let (clock, offset) = match rest.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let at = rest.rfind(['+', '-'])?;
            (&rest[..at], numeric_offset(&rest[at..])?)
        }
    };
    let seconds = days_from_civil(year, month, day) * DAY_S - i64::from(offset);
    Some(WallTime::from_ns(seconds.checked_mul(1_000_000_000)?.checked_add(time_of_day(clock)?)?))
}

/// `-07:00` in seconds.
fn numeric_offset(text: &str) -> Option<i32> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..24).contains(&hours) && (0..60).contains(&minutes)).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Seconds ahead of UTC of the zones that RFC 5322 §4.3 names.
fn zone(name: &str) -> Option<i32> {
    let hours = match name {
        "UTC" | "GMT" | "UT" | "Z" => 0,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        _ => return None,
    };
    Some(hours * 3_600)
}

/// The zone in the first line of a log buffer: `Fri Aug  4 10:53:15.926 PDT`.
fn header_zone(line: &str) -> Option<i32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [weekday, name, _, clock, zone_name] = words[..] else { return None };
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    (days.contains(&weekday) && month(name).is_some()).then_some(())?;
    time_of_day(clock).and_then(|_| zone(zone_name))
}

/// Days since 1 January 1970 in the Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_year(at: WallTime) -> i64 {
    let days = at.as_ns().div_euclid(DAY_S * 1_000_000_000);
    let near = 1_970 + days.div_euclid(366);
    // A year of 366 days is at most a year off in either direction within two centuries of the epoch.
    (near - 1..near + 4).rev().find(|y| days_from_civil(*y, 1, 1) <= days).unwrap_or(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUGUST_2017: SyslogContext<'_> =
        SyslogContext { device: "leaf1", latest: WallTime::from_secs(1_501_891_200), utc_offset_s: 0 };

    fn one(line: &str) -> Option<SyslogRecord> {
        read("x.log", line, AUGUST_2017).0.pop()
    }

    fn is(line: &str, seconds: f64, device: &str, kind: &str, severity: Option<u8>) {
        let at = WallTime::from_ns((seconds * 1e3).round() as i64 * 1_000_000);
        let expected = SyslogRecord { at, device: device.into(), kind: kind.into(), severity };
        assert_eq!(one(line), Some(expected), "{line}");
    }

    #[test]
    fn the_examples_of_the_standards_are_read() {
        let at = 1_065_910_455.003;
        is(
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - BOM'su root' failed",
            at,
            "mymachine.example.com",
            "su ID47",
            Some(2),
        );
        is(
            "<165>1 2003-08-24T05:14:15.003-07:00 192.0.2.1 myproc 8710 - - %% It's time",
            1_061_727_255.003,
            "192.0.2.1",
            "myproc",
            Some(5),
        );
        // Without a year: the latest that is not to come. 11 October 2016.
        is(
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick",
            1_476_224_055.0,
            "mymachine",
            "su",
            Some(2),
        );
        is(
            "Aug  4 10:14:32 r1 bgpd[77]: %ADJCHANGE: neighbor 10.0.0.1 Up",
            1_501_841_672.0,
            "r1",
            "bgpd",
            None,
        );
        is("2017-08-04T10:14:32+02:00 r1 zebra[1]: x", 1_501_834_472.0, "r1", "zebra", None);
    }

    #[test]
    fn log_buffers_are_read_with_the_zone_of_their_header() {
        let text = "\nFri Aug  4 10:53:15.926 PDT\nSyslog logging: enabled (0 messages dropped)\nLog Buffer (2097152 bytes):\n\n\
            RP/0/RP0/CPU0:Aug  4 10:19:44.199 : bgp[1050]: %ROUTING-BGP-5-ADJCHANGE : neighbor 172.31.11.0 Down - User clear\n\
            LC/0/1/CPU0:Aug  4 10:49:01.994 : fia_driver[285]: %PLATFORM-CIH-5-ASIC_ERROR_SPECIAL_HANDLE : fia[5]: An error\n\
            \tsecond line of it\n";
        let (records, diagnostics) = read("leaf1.log", text, AUGUST_2017);
        assert_eq!(records.len(), 2);
        assert_eq!((records[0].kind.as_str(), records[0].severity), ("ROUTING-BGP-5-ADJCHANGE", Some(5)));
        assert_eq!(records[0].at, WallTime::from_ns(1_501_867_184_199_000_000), "17:19:44.199 UTC");
        assert_eq!(records[1].device, "leaf1");
        let counts: Vec<_> = diagnostics.iter().map(|d| (d.code.as_str(), d.count)).collect();
        assert_eq!(counts, [("syslog-header", 2), ("syslog-line", 1)]);
        is(
            "000123: *Mar  1 00:00:10.123: %LINK-3-UPDOWN: Interface up",
            1_488_326_410.123,
            "leaf1",
            "LINK-3-UPDOWN",
            Some(3),
        );
        is(
            "<189>Aug  4 10:14:32 edge2 %SYS-5-CONFIG_I: Configured",
            1_501_841_672.0,
            "edge2",
            "SYS-5-CONFIG_I",
            Some(5),
        );
        is(
            "RP/0/RSP0/CPU0:2016 Aug  4 10:14:32.450 EDT: x[1]: %A-B-6-C : t",
            1_470_320_072.45,
            "leaf1",
            "A-B-6-C",
            Some(6),
        );
    }

    #[test]
    fn what_is_no_message_is_counted_and_never_a_panic() {
        for line in [
            "",
            "<",
            "<999>x",
            "1 - - - - -",
            "Aug",
            "Aug 99 10:00:00 a b: c",
            "Aug 4 25:00:00 a b: c",
            "%-%--9-",
            "é: é%é-5-é",
            "Feb  3 04:05:06",
            "*.",
            "<1>1 2017-08-04TZ a b c d e",
        ] {
            assert_eq!(one(line), None, "{line}");
        }
        // A line cut or garbled at any place.
        let line = "<34>RP/0/RP0/CPU0:Aug  4 10:19:44.199 : bgp[1050]: %ROUTING-BGP-5-ADJCHANGE : é";
        for (at, _) in line.char_indices() {
            one(&line[at..]);
            one(&line[..at]);
        }
    }

    #[test]
    fn dates_are_right_across_leap_years() {
        assert_eq!(days_from_civil(2_000, 3, 1) - days_from_civil(2_000, 2, 28), 2);
        assert_eq!(days_from_civil(2_100, 3, 1) - days_from_civil(2_100, 2, 28), 1);
        for year in 1_902..2_200 {
            let first = days_from_civil(year, 1, 1) * DAY_S;
            assert_eq!(civil_year(WallTime::from_secs(first)), year);
            assert_eq!(civil_year(WallTime::from_secs(first - 1)), year - 1);
        }
    }
}
