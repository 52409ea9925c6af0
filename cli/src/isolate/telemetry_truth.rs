//! What was done to a network of routers, against the incidents that were found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scenarios::calibration::{Component, Judged};
use scenarios::fabric::verdict::{Verdict, What};
use scenarios::telemetry::classes::Class;
use scenarios::telemetry::verdict::of_number;
use scenarios::telemetry::watch::Watch;
use serde::Deserialize;
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{InputError, Place};

/// What is done shows within this time: sessions come up, timers expire.
const LATE_NS: i64 = 120_000_000_000;
/// Stamps of who does it and of routers differ by so much.
const EARLY_NS: i64 = 10_000_000_000;

#[derive(Deserialize)]
struct Event {
    timestamp: f64,
    event: String,
    device: String,
    interface: String,
}

impl Event {
    /// The class of what it causes; `None` if it breaks and mends nothing.
    fn class(&self) -> Option<Class> {
        let (verb, what) = self.event.split_once('_')?;
        match (verb, what) {
            ("shutdown" | "disable", "interface") => Some(Class::LinkDown),
            ("enable", "interface") => Some(Class::LinkUp),
            ("shutdown" | "disable", "bfd") => Some(Class::BfdDown),
            ("enable", "bfd") => Some(Class::BfdUp),
            _ => None,
        }
    }

    fn at_ns(&self) -> i64 {
        (self.timestamp * 1e9) as i64
    }
}

/// Reads events and compares them with incidents, link by link: both ends of a link are one cause. Events of routers that
/// reported nothing do not count; one that no incident answers is a case of its own.
pub(crate) fn judged(
    path: &Path,
    watch: &Watch<'_>,
    verdicts: &BTreeMap<u32, Verdict>,
) -> Result<Judged, InputError> {
    let mut judged = Judged { components: watch.ports.len() as u64, ..Judged::default() };
    judged.cases.extend(verdicts.keys());
    let mut sums = BTreeMap::<Component, f64>::new();
    for (case, verdict) in verdicts {
        for cause in &verdict.causes {
            let What::Listed(number) = cause.what else { continue };
            let Some((class, at)) = of_number(watch, number) else { continue };
            *sums.entry(component(watch, *case, class, at)).or_default() += cause.probability;
        }
    }
    judged.causes.extend(sums);
    let mut missed = verdicts.keys().last().copied().unwrap_or(0);
    let mut answered = BTreeSet::new();
    for event in events(path)? {
        let Some(class) = event.class() else { continue };
        let port = watch.recording.find(&event.device, &event.interface);
        let Some(port) = port.filter(|p| watch.recording.ports[*p as usize].is_heard()) else { continue };
        let case = answer(&event, verdicts).filter(|case| answered.insert(*case)).unwrap_or_else(|| {
            missed += 1;
            judged.cases.insert(missed);
            missed
        });
        judged.truth.insert(component(watch, case, class, port));
    }
    Ok(judged)
}

/// The incident that begins nearest to an event.
fn answer(event: &Event, verdicts: &BTreeMap<u32, Verdict>) -> Option<u32> {
    let at = event.at_ns();
    let onsets = verdicts.iter().filter_map(|(case, v)| Some((*case, v.causes.first()?.onset?.0)));
    let near = onsets.filter(|(_, onset)| (at - EARLY_NS..=at + LATE_NS).contains(onset));
    near.min_by_key(|(_, onset)| onset.abs_diff(at)).map(|n| n.0)
}

/// A cause of a link by the end with the lower number.
fn component(watch: &Watch<'_>, case: u32, class: Class, at: u32) -> Component {
    let (a, b) = match class {
        Class::Device | Class::BlackHole => (watch.devices[at as usize].name.clone(), None),
        _ => {
            let one_end = Class::OF_DIRECTIONS.contains(&class);
            let peer = watch.recording.ports[at as usize].peer.filter(|_| !one_end);
            let port = &watch.recording.ports[peer.map_or(at, |p| p.min(at)) as usize];
            (port.device.clone(), Some(port.interface.clone()))
        }
    };
    Component { case, class: class.name().to_owned(), a, b }
}

fn events(path: &Path) -> Result<Vec<Event>, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let mut reader = csv::Reader::from_reader(encoding::utf8(&file, &bytes)?.as_bytes());
    let mut list = Vec::new();
    for row in reader.deserialize() {
        list.push(row.map_err(|e: csv::Error| {
            let line = e.position().map_or(1, csv::Position::line);
            let expected =
                "columns timestamp (seconds since the Unix epoch), event, device, interface, and any others";
            InputError::new(&file, Place::Line(line), e.to_string(), expected)
        })?);
    }
    Ok(list)
}
