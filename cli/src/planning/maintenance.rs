//! Maintenance: what is taken down on purpose, and when.
//!
//! ```yaml
//! format: umbra-maintenance/1
//! maintenance:
//!   - {down: CHINng, from: 2004-03-01T01:00, until: +2h}
//!   - {name: fibre works, down: [ATLAng - HSTNng, WASHng], from: 2004-03-02, until: 2004-03-02T04:00}
//!   - {down: DNVRng, hours_per_year: 8}             # known in advance, though not yet on which day
//! ```
//!
//! The same list stands in scenario files under the same key, and one entry of it on the command line as `X@FROM..UNTIL`
//! or `X@8h` (a year).

use std::path::{Path, PathBuf};
use std::str::FromStr;

use scenarios::planning::FailureSet;
use scenarios::planning::availability::{Phase, Planned, When, phases};
use serde::Deserialize;
use topology_sync::source::files;
use topology_sync::{encoding, yaml};
use twin::{InputError, SimDuration, WallTime};

use super::names::Names;
use super::study::Study;
use super::words::{Number, Word, Words, check_format};
use super::{instant, names};
use crate::duration;
use crate::failure::Failure;

/// The value of the `format` key.
pub(crate) const FORMAT: &str = "umbra-maintenance/1";

/// What `--maintenance` takes, for its help.
pub(crate) const FORMS: &str = "FILE|X@FROM..UNTIL|X@HOURS";

const NS_PER_H: f64 = 3.6e12;

/// A list of maintenance as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    file: String,
    list: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Yaml {
    format: Word,
    maintenance: Vec<Item>,
}

/// One entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Item {
    name: Option<String>,
    down: Words,
    from: Option<Word>,
    until: Option<Word>,
    hours_per_year: Option<Number>,
}

/// When it is down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Time {
    /// From an instant to another.
    Window(WallTime, WallTime),
    /// So many hours a year, at no certain time.
    Hours(f64),
}

impl Time {
    /// The time for people.
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Window(from, until) => {
                let text = |at| {
                    let text = instant::text(at).replace('T', " ").replace('Z', "");
                    text.strip_suffix(":00").unwrap_or(&text).to_owned()
                };
                let (from, until) = (text(from), text(until));
                let same_day = from.split_once(' ').and_then(|(day, _)| until.strip_prefix(day));
                format!("{from} to {} UTC", same_day.unwrap_or(&until).trim_start())
            }
            Self::Hours(hours) => format!("{hours} h a year"),
        }
    }
}

/// Maintenance of a network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Maintenance {
    /// What people call it.
    pub(crate) name: String,
    /// What is down.
    pub(crate) out: FailureSet,
    /// When.
    pub(crate) time: Time,
}

/// The argument `--maintenance`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MaintenanceArg {
    /// A file.
    File(PathBuf),
    /// An element, and when it is down.
    Entry(String, Time),
}

impl FromStr for MaintenanceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((element, time)) = text.rsplit_once('@') else { return Ok(Self::File(text.into())) };
        let time = match time.split_once("..") {
            Some((from, until)) => {
                let from = instant::parse(from)?;
                Time::Window(from, instant::after(from, until)?)
            }
            None => Time::Hours(hours(duration::parse(time)?)),
        };
        match time {
            Time::Window(from, until) if until < from => Err("it ends before it begins".into()),
            _ => Ok(Self::Entry(element.to_owned(), time)),
        }
    }
}

fn hours(span: SimDuration) -> f64 {
    span.as_secs_f64() / 3600.0
}

impl MaintenanceArg {
    /// The file that it names.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Entry(..) => None,
        }
    }
}

/// All maintenance of a network: that of the command line, or else that of a scenario file.
pub(crate) fn of(
    args: &[MaintenanceArg],
    calendar: Option<&Calendar>,
    study: &Study,
) -> Result<Vec<Maintenance>, Failure> {
    let names = Names::new(&study.twin, &study.csr);
    let mut all = Vec::new();
    for arg in args {
        match arg {
            MaintenanceArg::File(file) => all.extend(Calendar::read(file)?.resolve(&names)?),
            MaintenanceArg::Entry(element, time) => {
                let out = names.element(element);
                let out = out.map_err(|unknown| Failure::word(format!("--maintenance: {unknown}")))?;
                let name = names::of_set(&study.csr, &out);
                all.push(Maintenance { name, out, time: *time });
            }
        }
    }
    if args.is_empty()
        && let Some(calendar) = calendar
    {
        all = calendar.resolve(&names)?;
    }
    Ok(all)
}

/// The parts of a year by what is down on purpose then.
pub(crate) fn phases_of(all: &[Maintenance]) -> Result<Vec<Phase>, Failure> {
    let hour = |at: WallTime| at.as_ns() as f64 / NS_PER_H;
    let planned = |m: &Maintenance| Planned {
        out: m.out.clone(),
        when: match m.time {
            Time::Window(from, until) => When::Between(hour(from), hour(until)),
            Time::Hours(hours) => When::Hours(hours),
        },
    };
    let planned: Vec<_> = all.iter().map(planned).collect();
    phases(&planned).map_err(|long| Failure::Usage(format!("--maintenance: {long}")))
}

impl Calendar {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, InputError> {
        let (file, bytes) = (path.display().to_string(), files::read(path)?);
        let read: Yaml = yaml::read(&file, encoding::utf8(&file, &bytes)?, "a calendar of maintenance")?;
        check_format(&file, &read.format, FORMAT)?;
        Self::inline(&file, read.maintenance)
    }

    /// A list that stands in a file of another format.
    pub(crate) fn inline(file: &str, list: Vec<Item>) -> Result<Self, InputError> {
        let calendar = Self { file: file.to_owned(), list };
        calendar.list.iter().try_for_each(|item| calendar.time(item).map(drop))?;
        Ok(calendar)
    }

    /// How many entries, and how many hours in all.
    pub(crate) fn counts(&self) -> Result<(usize, f64), InputError> {
        let hours = self.list.iter().map(|item| {
            Ok(match self.time(item)? {
                Time::Window(from, until) => (until.as_ns() - from.as_ns()) as f64 / NS_PER_H,
                Time::Hours(hours) => hours,
            })
        });
        Ok((self.list.len(), hours.sum::<Result<f64, InputError>>()?))
    }

    /// What it is in a network.
    pub(crate) fn resolve(&self, names: &Names<'_>) -> Result<Vec<Maintenance>, InputError> {
        let resolve = |item: &Item| {
            let mut out = FailureSet::default();
            for word in &item.down.0 {
                let set = names.element(&word.text).map_err(|unknown| unknown.at(&self.file, word.place))?;
                out = out.union(&set);
            }
            let words = item.down.0.iter().map(|word| word.text.as_str());
            let name = item.name.clone().unwrap_or_else(|| words.collect::<Vec<_>>().join(", "));
            Ok(Maintenance { name, out, time: self.time(item)? })
        };
        self.list.iter().map(resolve).collect()
    }

    fn time(&self, item: &Item) -> Result<Time, InputError> {
        let wrong = |word: &Word, expected: String| {
            let expected = expected.strip_prefix("expected ").unwrap_or(&expected).to_owned();
            InputError::new(&self.file, word.place, format!("found '{}'", word.text), expected)
        };
        match (&item.from, &item.until, item.hours_per_year) {
            (Some(start), end, None) => {
                let from = instant::parse(&start.text).map_err(|e| wrong(start, e))?;
                let Some(end) = end else { return Ok(Time::Window(from, from)) };
                let until = instant::after(from, &end.text).map_err(|e| wrong(end, e))?;
                if until < from {
                    return Err(wrong(end, "a time after 'from'".into()));
                }
                Ok(Time::Window(from, until))
            }
            (None, None, Some(hours)) => Ok(Time::Hours(hours.above_0(&self.file, "hours")?)),
            _ => {
                let place = item.down.0.first().map_or(twin::Place::Whole, |word| word.place);
                let expected = "'from' and 'until', or 'hours_per_year'";
                Err(InputError::new(&self.file, place, "maintenance without its time", expected))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Calendar, InputError> {
        let read: Yaml = yaml::read("m", &format!("format: {FORMAT}\nmaintenance:\n{text}"), "maintenance")?;
        Calendar::inline("m", read.maintenance)
    }

    #[test]
    fn an_entry_is_a_window_or_hours_a_year() {
        let at = |text: &str| instant::parse(text).unwrap();
        let calendar = read(
            "- {down: a, from: 2026-01-01, until: +2h}\n- {down: [a, b], hours_per_year: 8}\n\
             - {down: c, from: 2025-12-31T23:00, until: 2025-12-31T23:30}\n",
        );
        let calendar = calendar.unwrap();
        assert_eq!(calendar.counts().unwrap(), (3, 10.5));
        let arg = |text: &str| text.parse::<MaintenanceArg>();
        let window = Time::Window(at("2026-01-01"), at("2026-01-01T02:00"));
        assert_eq!(arg("a - b@2026-01-01..+2h"), Ok(MaintenanceArg::Entry("a - b".into(), window)));
        assert_eq!(window.in_words(), "2026-01-01 00:00 to 02:00 UTC");
        let night = Time::Window(at("2025-12-31T23:00:30"), at("2026-01-01T01:00"));
        assert_eq!(night.in_words(), "2025-12-31 23:00:30 to 2026-01-01 01:00 UTC");
        assert_eq!(Time::Hours(1.5).in_words(), "1.5 h a year");
        assert_eq!(arg("a@90m"), Ok(MaintenanceArg::Entry("a".into(), Time::Hours(1.5))));
        assert_eq!(arg("plan.yaml"), Ok(MaintenanceArg::File("plan.yaml".into())));
        for wrong in ["a@", "a@soon..+2h", "a@2026-01-02..2026-01-01", "a@8"] {
            assert!(arg(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert!(error("- {down: a}\n").starts_with("m:3:10: maintenance without its time; expected 'from'"));
        assert!(error("- {down: a, from: 2026-01-01, hours_per_year: 1}\n").contains("m:3:10: "));
        assert!(
            error("- {down: a, hours_per_year: 0}\n").contains("m:3:29: found 0; expected hours above 0")
        );
        assert!(error("- {down: a, from: soon}\n").contains("m:3:19: found 'soon'; expected a time in UTC"));
        let back = "- {down: a, from: 2026-01-02, until: 2026-01-01}\n";
        assert!(error(back).contains("found '2026-01-01'; expected a time after 'from'"));
        assert!(error("- {donw: a, hours_per_year: 1}\n").contains("unknown member 'donw'"));
    }
}
