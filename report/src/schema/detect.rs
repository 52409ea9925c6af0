//! Series, known anomalies, what was found, and the incidents that it belongs to.

use super::{TableSpec, nullable, required};
use crate::column::ColumnType::{Bool, F64, ListStr, Str, U32, U64};

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
        nullable(
            "p_value",
            F64,
            "",
            "how probable a sample as far out is if nothing is wrong, before calibration",
        ),
        required("threshold", F64, "", "the score above which the bin was flagged"),
        required("window", U32, "bins", "length of the window that gave the score"),
        required(
            "contributors",
            ListStr,
            "",
            "other series that were flagged in that bin, the strongest first",
        ),
        required(
            "model_age",
            U32,
            "bins",
            "bins that its model had learnt from, since the last change of its network",
        ),
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

/// Bins of series with what was expected.
pub static SERIES_BINS: TableSpec = TableSpec {
    name: "series_bins",
    meaning: "One bin of one series with what was expected of it, in the unit of the series (of a path: its share of lost \
              packets); on request.",
    columns: &[
        required("series", Str, "", "name of the series"),
        required("bin", U32, "", "number of the bin"),
        nullable("observed", F64, "by series", "observed value; null where the sample is missing"),
        nullable("expected", F64, "by series", "expected value"),
        nullable("lower", F64, "by series", "two standard deviations below"),
        nullable("upper", F64, "by series", "two standard deviations above"),
        nullable("score", F64, "", "higher is more abnormal; null is no opinion"),
        required("threshold", F64, "", "the score above which a bin is flagged"),
        required("flag", Bool, "", "whether it is flagged"),
    ],
};

/// How many alarms come at which asked rate.
pub static ALARM_RATES: TableSpec = TableSpec {
    name: "alarm_rates",
    meaning: "One rate of false alarms that may be asked for, and what comes of it in the part that is judged.",
    columns: &[
        required("asked", F64, "1/week", "false alarms on each series"),
        required("alarms", U64, "", "alarms that come: false ones, and those of true anomalies"),
        required("alarms_per_week", F64, "1/week", "the same on each series"),
        nullable(
            "false_alarms",
            U64,
            "",
            "of these, those that no known anomaly explains; null without known ones",
        ),
        nullable(
            "false_per_week",
            F64,
            "1/week",
            "the same on each series: near `asked` if the calibration holds",
        ),
        nullable("recall", F64, "", "share of the known anomalies that are found at this rate"),
    ],
};

/// Samples of paths.
pub static PATH_SAMPLES: TableSpec = TableSpec {
    name: "path_samples",
    meaning: "One path in one bin, in a long file that is given to `umbra detect`.",
    columns: &[
        required("bin", U32, "", "number of the bin, from 0"),
        required("series", Str, "", "name of the path"),
        nullable("sent", U64, "packets", "sent; empty where the sample is missing"),
        nullable("lost", U64, "packets", "of these without a reply"),
        nullable("rtt_ms", F64, "ms", "round trip; empty where nothing came back"),
    ],
};

/// Counts of events.
pub static EVENT_COUNTS: TableSpec = TableSpec {
    name: "event_counts",
    meaning: "How many events of one kind came in one bin, in a file that is given to `umbra detect`; a bin without a row is \
              one without an event.",
    columns: &[
        required("bin", U32, "", "number of the bin, from 0"),
        required("series", Str, "", "name of the series, such as a device and a kind of message"),
        nullable("count", U64, "", "events; empty where nobody listened"),
    ],
};

/// Known anomalies.
pub static EVENTS: TableSpec = TableSpec {
    name: "events",
    meaning: "One known anomaly on one series that it touches, in a file that is given to `umbra detect --score`.",
    columns: &[
        required("event", Str, "", "name or number of the anomaly: rows of the same one are one event"),
        required(
            "type",
            Str,
            "",
            "its kind; kinds that begin with `ignore` are neither hits nor false alarms",
        ),
        required("start", U32, "", "first bin"),
        required("end", U32, "", "the bin after the last"),
        required("series", Str, "", "name of the series; `*` means all"),
        nullable("snr", F64, "", "effect in robust standard deviations of the series; empty means large"),
    ],
};

/// Maintenance windows.
pub static SERIES_MAINTENANCE: TableSpec = TableSpec {
    name: "series_maintenance",
    meaning: "One window in which a series is neither flagged nor learnt from (`umbra detect --maintenance`).",
    columns: &[
        required("series", Str, "", "name of the series; `*` means all"),
        required("from", U32, "", "first bin"),
        required("to", U32, "", "the bin after the last"),
    ],
};

/// Changes of the network.
pub static SERIES_CHANGES: TableSpec = TableSpec {
    name: "series_changes",
    meaning: "One change of the network after which a series is learnt anew (`umbra detect --changes`).",
    columns: &[
        required("series", Str, "", "name of the series; `*` means all"),
        required("bin", U32, "", "the first bin of the new state"),
    ],
};
