//! The answers of `umbra availability` as tables and as part of `summary.json`.

use std::path::Path;

use report::{Table, schema};
use scenarios::planning::FailureSet;
use scenarios::planning::availability::{
    Answer, Estimate, FailureModel, Measures, Mission, Preset, RiskGroup, nines,
};
use serde_json::{Map, Value, json};
use twin::{EntityKey, EntityKind, InputError, LinkId, NodeId};

use super::groups::{Group, GroupFile};
use super::names::Names;
use super::study::Study;

/// The risk groups of the twin that hold a link or a node of the network; none where links are asked to be independent.
pub(crate) fn risk_groups(study: &Study, preset: Preset) -> Vec<RiskGroup> {
    let mut groups = Vec::new();
    if matches!(preset, Preset::Links(_)) {
        return groups;
    }
    for entity in study.twin.entities() {
        let EntityKind::RiskGroup { members, .. } = &entity.kind else { continue };
        let set = members.iter().fold(FailureSet::default(), |set, key| set.union(&fails_with(study, key)));
        if !set.is_empty() {
            groups.push(RiskGroup { key: entity.key.clone(), set, failures: None });
        }
    }
    groups
}

/// The risk groups of a file.
pub(crate) fn groups_of_file(path: &Path, study: &Study) -> Result<Vec<RiskGroup>, InputError> {
    let groups = GroupFile::read(path)?.resolve(&Names::new(&study.twin, &study.csr))?;
    let group = |Group { name, set, failures }| {
        let key = EntityKey::new(format!("risk-group:{name}"));
        RiskGroup { key, set, failures }
    };
    Ok(groups.into_iter().map(group).collect())
}

/// What is down when this entity is: a node, a cable, or the links at a port or slot.
fn fails_with(study: &Study, key: &EntityKey) -> FailureSet {
    let csr = &study.csr;
    let is_in = |port: &EntityKey| {
        port == key || study.twin.entity(port).is_some_and(|p| p.parent.as_ref() == Some(key))
    };
    if let Some(node) = csr.node_keys.iter().position(|k| k == key) {
        return FailureSet::new(Vec::new(), vec![NodeId::new(node)]);
    }
    let of_key = (0..csr.link_count()).filter(|l| csr.link_keys[*l] == *key).map(LinkId::new);
    let at_port =
        csr.ports.iter().zip(&csr.link).filter(|((a, b), _)| is_in(a) || is_in(b)).map(|(_, link)| *link);
    FailureSet::new(of_key.chain(at_port).collect(), Vec::new())
}

/// `availability`: one row for each measure.
pub(crate) fn measures(measures: &Measures) -> Table {
    let mut table = Table::new(&schema::AVAILABILITY);
    for (name, Estimate { value, lo, hi }, _) in measures.named() {
        table.row().set("measure", name).set("value", value).set("lo", lo).set("hi", hi).end();
    }
    table
}

/// `nines`: one row for each demand.
pub(crate) fn demands(study: &Study, answer: &Answer) -> Table {
    let mut table = Table::new(&schema::NINES);
    for (demand, Estimate { value, lo, hi }) in study.demands.iter().zip(&answer.demands) {
        let name = |node: NodeId| study.csr.node_names[node.index()].as_str();
        table
            .row()
            .set("src", name(demand.src))
            .set("dst", name(demand.dst))
            .set("volume", study.volume(demand.bps))
            .set("availability", *value)
            .set("lo", *lo)
            .set("hi", *hi)
            .set("nines", (*value < 1.0).then(|| nines(1.0 - value)))
            .end();
    }
    table
}

/// `outages`: one row for each.
pub(crate) fn outages(mission: &Mission) -> Table {
    let mut table = Table::new(&schema::OUTAGES);
    for outage in &mission.outages {
        let row = table.row().set("year", outage.year).set("start_h", outage.start_h);
        row.set("hours", outage.hours).set("lost_share", outage.lost_share).end();
    }
    table
}

/// `mission` of a summary: minutes without a path per year, and how long outages last.
pub(crate) fn mission_json(mission: &Mission, years: u32) -> Value {
    let mut minutes: Vec<_> = mission.outages.iter().map(|o| o.hours * 60.0).collect();
    minutes.sort_by(f64::total_cmp);
    let at = |share: f64| {
        minutes.get(((minutes.len() as f64 * share) as usize).min(minutes.len().wrapping_sub(1)))
    };
    let Estimate { value, lo, hi } = mission.outage_h;
    let lost = mission.lost_share;
    json!({
        "years": years,
        "outages_per_year": minutes.len() as f64 / f64::from(years),
        "outage_minutes_per_year": { "value": value * 60.0, "lo": lo * 60.0, "hi": hi * 60.0 },
        "outage_minutes": { "p50": at(0.5), "p90": at(0.9), "p99": at(0.99) },
        "lost_share": { "value": lost.value, "lo": lost.lo, "hi": lost.hi },
    })
}

/// `measures` of a summary.
pub(crate) fn measures_json(measures: &Measures) -> Value {
    let row = |(name, e, _): (&str, Estimate, Estimate)| {
        (name.to_owned(), json!({ "value": e.value, "lo": e.lo, "hi": e.hi }))
    };
    Value::Object(measures.named().map(row).into_iter().collect())
}

/// A failure model in a summary: what it is, and who says so.
pub(crate) fn model_json(model: &FailureModel) -> Map<String, Value> {
    let citation = model.preset.citation();
    let mut map = Map::new();
    map.insert("preset".into(), model.preset.to_string().into());
    map.insert("source".into(), citation.source.into());
    map.insert("mark".into(), citation.mark.into());
    map.insert("components".into(), model.components.len().into());
    map.insert("expected_down".into(), model.expected_down().into());
    let out = model.phases.iter().filter(|phase| !phase.out.is_empty()).map(|phase| phase.share);
    map.insert("maintenance_share".into(), out.fold(0.0, |sum, share| sum + share).into());
    map
}
