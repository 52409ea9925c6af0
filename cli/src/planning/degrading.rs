//! Readings of parts that wear, and how likely each fails soon.

use std::collections::BTreeMap;
use std::path::Path;

use detect::{Indicator, TimeLeft, Wear, WearConfig};
use scenarios::planning::FailureSet;
use serde::Deserialize;
use twin::{InputError, SimDuration, WallTime};

use super::instant;
use super::names::Names;
use crate::csv_file;

#[derive(Deserialize)]
struct Row {
    element: String,
    indicator: String,
    #[serde(default)]
    threshold: Option<f64>,
    at: String,
    value: Option<f64>,
}

const INDICATORS: &str = "dbm (fails below its threshold), ber, percent, errors or flaps (per hour)";

/// One indicator of one element.
struct Part {
    set: FailureSet,
    wear: Wear,
    last: Option<WallTime>,
}

/// An element that wears.
pub(crate) struct Worn {
    /// What it is.
    pub(crate) set: FailureSet,
    /// The probability that one of its indicators reaches its threshold within the horizon.
    pub(crate) probability: f64,
    /// When the first of them does, in hours from its last reading; none where too little was read.
    pub(crate) left: Option<TimeLeft>,
}

/// The elements of a file of readings, each as it is after its last reading.
pub(crate) fn read(path: &Path, known: &Names<'_>, horizon: SimDuration) -> Result<Vec<Worn>, InputError> {
    let file = path.display().to_string();
    let rows = csv_file::rows::<Row>(
        path,
        &["element", "indicator", "at", "value"],
        "element, indicator, threshold, at, value",
    )?;
    let mut parts: BTreeMap<(String, String), Part> = BTreeMap::new();
    for (place, row) in rows {
        let wrong = |what: String, expected: &str| InputError::new(&file, place, what, expected);
        let at = instant::parse(&row.at).map_err(|e| wrong(format!("found '{}'", row.at), &e))?;
        let key = (row.element.clone(), row.indicator.clone());
        if !parts.contains_key(&key) {
            let set = known.element(&row.element).map_err(|unknown| unknown.at(&file, place))?;
            let config =
                config(&row).ok_or_else(|| wrong(format!("indicator '{}'", row.indicator), INDICATORS))?;
            if !config.threshold.is_finite() || (config.threshold <= 0.0 && row.indicator != "dbm") {
                return Err(wrong(
                    "no threshold".to_owned(),
                    "where the part fails, in the column threshold",
                ));
            }
            parts.insert(key.clone(), Part { set, wear: Wear::new(config), last: None });
        }
        if let Some(part) = parts.get_mut(&key) {
            let before = part.last.replace(at);
            if before.is_some_and(|before| at <= before) {
                return Err(wrong(
                    format!("'{}' is not after the row before", row.at),
                    "readings in order of time",
                ));
            }
            // Of the first reading the time that it covers is not known: it only starts the clock.
            if let Some(before) = before {
                let hours = (at.as_ns() - before.as_ns()) as f64 / 3.6e12;
                part.wear.step(hours, row.value.unwrap_or(f64::NAN));
            }
        }
    }
    Ok(by_element(parts, horizon.as_secs_f64() / 3_600.0))
}

fn config(row: &Row) -> Option<WearConfig> {
    let (indicator, usual, above) = match row.indicator.as_str() {
        "dbm" => (Indicator::Linear, f64::NAN, false),
        // What RS(544,514) corrects (IEEE 802.3).
        "ber" => (Indicator::Logarithmic, 2.4e-4, true),
        "percent" => (Indicator::Linear, 95.0, true),
        "errors" | "flaps" => (Indicator::Count, f64::NAN, true),
        _ => return None,
    };
    Some(WearConfig { indicator, threshold: row.threshold.unwrap_or(usual), above })
}

/// An element fails as soon as one of its indicators does.
fn by_element(parts: BTreeMap<(String, String), Part>, hours: f64) -> Vec<Worn> {
    let mut elements: Vec<Worn> = Vec::new();
    for part in parts.into_values() {
        let (p, left) = (part.wear.probability(hours), part.wear.time_left());
        match elements.iter_mut().find(|worn| worn.set == part.set) {
            Some(worn) => {
                worn.probability = 1.0 - (1.0 - worn.probability) * (1.0 - p);
                let both = [worn.left, left].into_iter().flatten();
                worn.left = both.min_by(|a, b| a.median_h.total_cmp(&b.median_h));
            }
            None => elements.push(Worn { set: part.set, probability: p, left }),
        }
    }
    elements
}
