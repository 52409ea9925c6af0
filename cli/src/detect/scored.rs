//! The figures of a detector as rows.

use detect::CalibrationConfig;
use detect::evaluate::{Alarms, Evaluation, Labels, Recall, Tolerance};
use report::schema;
use serde_json::{Map, Value, json};

use super::meta::Meta;
use super::run::{Judged, flags_at};
use crate::output::Table;

/// Rates of false alarms a week that are tried for the table of calibration.
const RATES: [f64; 6] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// What comes of rates that may be asked for.
pub(crate) fn calibration(judged: &Judged, labels: Option<&Labels>, meta: &Meta) -> report::Table {
    let mut table = report::Table::new(&schema::ALARM_RATES);
    let tolerance = Tolerance::for_bins(meta.frame.bin_s);
    let none = Labels::default();
    for asked in RATES {
        let (_, flags) = flags_at(
            &judged.scores,
            meta,
            CalibrationConfig { alarms_per_week: asked, ..judged.calibration },
        );
        let alarms = Alarms::of(&flags, labels.unwrap_or(&none), meta.frame, &tolerance);
        let all = alarms.true_alarms + alarms.false_alarms;
        let known = labels.map(|_| alarms.false_alarms as u64);
        table
            .row()
            .set("asked", asked)
            .set("alarms", all as u64)
            .set("alarms_per_week", all as f64 / alarms.series_weeks)
            .set("false_alarms", known)
            .set("false_per_week", labels.map(|_| alarms.false_per_series_week))
            .set("recall", labels.map(|_| alarms.recall.share()))
            .end();
    }
    table
}

/// Each measure with its value, and the counts that it is made of.
pub(crate) fn table(evaluation: &Evaluation) -> Table {
    let mut table = Table::new(&["measure", "value", "count", "of"]);
    for Measure { name, value, counts } in measures(evaluation) {
        let (count, of) = counts.map_or((Value::Null, Value::Null), |(count, of)| (json!(count), json!(of)));
        table.push(vec![json!(name), number(value), count, of]);
    }
    table
}

/// The same for `summary.json`.
pub(crate) fn object(evaluation: &Evaluation) -> Value {
    let members = measures(evaluation).into_iter().map(|m| (m.name, number(m.value)));
    Value::Object(members.collect::<Map<_, _>>())
}

struct Measure {
    name: String,
    value: f64,
    counts: Option<(usize, usize)>,
}

/// Null where there is nothing to measure; four decimals are more than a few dozen events say.
fn number(value: f64) -> Value {
    if value.is_finite() { json!((value * 1e4).round() / 1e4) } else { Value::Null }
}

fn measures(evaluation: &Evaluation) -> Vec<Measure> {
    let alarms = &evaluation.alarms;
    let plain = |name: &str, value: f64| Measure { name: name.to_owned(), value, counts: None };
    let share = |name: String, value: f64, count: usize, of: usize| Measure {
        name,
        value,
        counts: Some((count, of)),
    };
    let recall = |name: String, r: Recall| share(name, r.share(), r.found, r.total);
    let (right, wrong) = (alarms.true_alarms, alarms.false_alarms);
    let incidents = &alarms.incidents;
    let (incidents_right, incidents_wrong) = (incidents.true_incidents, incidents.false_incidents);
    let mut measures = vec![recall("recall".to_owned(), alarms.recall)];
    measures.extend(alarms.by_kind.iter().map(|(kind, r)| recall(format!("recall_{kind}"), *r)));
    measures.extend([
        plain("delay_median_bins", alarms.delay.median),
        plain("delay_p90_bins", alarms.delay.p90),
        share("alarm_precision".to_owned(), alarms.precision, right, right + wrong),
        plain("false_alarms_per_series_week", alarms.false_per_series_week),
        plain("f1", alarms.f1),
        share(
            "incident_precision".to_owned(),
            incidents.precision,
            incidents_right,
            incidents_right + incidents_wrong,
        ),
        plain("false_incidents_per_week", incidents.false_per_week),
        plain("event_cover", incidents.event_cover),
        plain("vus_pr", evaluation.vus_pr),
        plain("auc_pr", evaluation.auc_pr),
    ]);
    measures
}
