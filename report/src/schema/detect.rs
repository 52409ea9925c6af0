//! Anomalies of series, and the incidents that they belong to.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{Bool, F64, ListStr, Str, U32};

/// Anomalies of series.
pub static SERIES_ANOMALIES: TableSpec = TableSpec {
    name: "series_anomalies",
    meaning: "One stretch of bins in which a series is not what it was expected to be. Values are those of the bin with the \
              highest score, in the unit of the series; of a path they are its share of lost packets.",
    columns: &[
        required("anomaly", U32, "", "number of the anomaly"),
        required("incident", U32, "", "the incident that it belongs to"),
        required("role", Str, "", "`cause`: the others of its incident may follow from it; else `symptom`"),
        required("series", Str, "", "name of the series"),
        required("first_bin", U32, "", "first flagged bin"),
        required("last_bin", U32, "", "last flagged bin"),
        required("peak_bin", U32, "", "bin with the highest score"),
        nullable("observed", F64, "by series", "observed value; null where the sample is missing"),
        nullable("expected", F64, "by series", "expected value"),
        nullable("lower", F64, "by series", "lower end of what was expected: two standard deviations below"),
        nullable("upper", F64, "by series", "upper end: two standard deviations above"),
        nullable("score", F64, "", "its score"),
        nullable("p_value", F64, "", "how probable a sample as far out is if nothing is wrong, before calibration"),
        required("threshold", F64, "", "the score above which the bin was flagged"),
        required("window", U32, "bins", "length of the window that gave the score"),
        required("contributors", ListStr, "", "other series that were flagged in that bin, the strongest first"),
        required("model_age", U32, "bins", "bins that its model had learnt from, since the last change of its network"),
    ],
};

/// Incidents.
pub static INCIDENTS: TableSpec = TableSpec {
    name: "incidents",
    meaning: "Anomalies that began together on related series: one incident for one cause.",
    columns: &[
        required("incident", U32, "", "number of the incident"),
        required("first_bin", U32, "", "first flagged bin of its anomalies"),
        required("last_bin", U32, "", "last flagged bin of its anomalies"),
        required("cause", Str, "", "the series that the others may follow from"),
        required("outage", Bool, "", "whether that series fell to next to nothing"),
        required("symptoms", ListStr, "", "the other series, by their first bin"),
        nullable("score", F64, "", "the highest score of its anomalies"),
    ],
};
