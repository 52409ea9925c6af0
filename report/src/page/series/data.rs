//! What the page about series shows, as plain data.

use twin::Fidelity;

use super::super::data::Reproduce;

/// Everything on the page. [`SeriesPage::render`] turns it into HTML.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesPage {
    /// The file of the series.
    pub title: String,
    /// One line below the title: how many, for how long.
    pub subtitle: String,
    /// Length of a bin in seconds.
    pub bin_s: f64,
    /// The first bin that is judged.
    pub train_end: usize,
    /// False alarms a week on each series that were asked for.
    pub fa_week: f64,
    /// How many incidents there are in all.
    pub incident_count: u64,
    /// How many anomalies of single series.
    pub anomaly_count: u64,
    /// How many series.
    pub series_count: u64,
    /// Further figures: value and what it is.
    pub figures: Vec<(String, String)>,
    /// The incidents that are drawn, the most abnormal first.
    pub incidents: Vec<SeriesIncident>,
    /// The series that are drawn whole.
    pub series: Vec<SeriesChart>,
    /// What was assumed.
    pub not_modelled: Fidelity,
    /// How to get this page again.
    pub reproduce: Reproduce,
}

/// Anomalies that belong together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesIncident {
    /// The series that the others may follow from.
    pub cause: String,
    /// Whether that one fell to next to nothing.
    pub outage: bool,
    /// First abnormal bin.
    pub first: usize,
    /// Last abnormal bin.
    pub last: usize,
    /// The other series.
    pub symptoms: Vec<String>,
    /// Some of its series around the time.
    pub charts: Vec<SeriesChart>,
}

/// A stretch of a series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesChart {
    /// Its name.
    pub label: String,
    /// The bin of the first value.
    pub first: usize,
    /// What was observed; NaN where a sample is missing.
    pub observed: Vec<f64>,
    /// What was expected; NaN where nothing was. As long as `observed`.
    pub expected: Vec<f64>,
    /// Its standard deviation. As long as `observed`.
    pub sigma: Vec<f64>,
    /// Abnormal bins, first and last.
    pub spans: Vec<(usize, usize)>,
}
