//! The files of alarm cases: a network with its risk groups, and alarms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scenarios::alarms::network::{Group, Link, Network};
use scenarios::alarms::sources::Alarms;
use serde::Deserialize;
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{Diagnostic, InputError, Place};

#[derive(Deserialize)]
struct Model {
    links: Vec<LinkEntry>,
    groups: Vec<GroupEntry>,
}

#[derive(Deserialize)]
struct LinkEntry {
    id: u32,
    a: u32,
    b: u32,
}

#[derive(Deserialize)]
struct GroupEntry {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    links: Vec<u32>,
    prior: f64,
}

/// Reads the network: links numbered from 0 in order, groups with their links and priors.
pub(crate) fn model(path: &Path) -> Result<Network, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let expected = "an object with links [{id, a, b}] and groups [{type, name, links, prior}]";
    let model: Model = serde_json::from_str(encoding::utf8(&file, &bytes)?).map_err(|e| {
        InputError::new(&file, Place::LineColumn(e.line() as u64, e.column() as u64), e.to_string(), expected)
    })?;
    let wrong = |what: String, expected: &str| InputError::new(&file, Place::Whole, what, expected);
    if model.links.is_empty() {
        return Err(wrong("no links".to_owned(), expected));
    }
    if let Some((i, link)) = (0u32..).zip(&model.links).find(|(i, link)| *i != link.id) {
        return Err(wrong(
            format!("link {} stands at place {i}", link.id),
            "links in the order of their ids, from 0",
        ));
    }
    let links: Vec<Link> = model.links.iter().map(|l| Link { a: l.a, b: l.b }).collect();
    let mut groups = Vec::with_capacity(model.groups.len());
    for entry in model.groups {
        let GroupEntry { kind, name, links: members, prior } = entry;
        if let Some(link) = members.iter().find(|l| **l as usize >= links.len()) {
            let expected = format!("ids of links, 0 to {}", links.len() - 1);
            return Err(wrong(format!("group `{name}` has link {link}"), &expected));
        }
        if !(prior > 0.0 && prior < 1.0) {
            return Err(wrong(format!("group `{name}` has prior {prior}"), "a probability between 0 and 1"));
        }
        let members = members.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        groups.push(Group { kind, name, links: members, prior });
    }
    Ok(Network::new(links, groups))
}

#[derive(Deserialize)]
struct Row {
    case: u32,
    router: u32,
    link: u32,
    source: String,
}

/// The alarms of all cases.
pub(crate) struct Cases {
    /// Sources by name.
    pub(crate) sources: Vec<String>,
    /// By number of the case its alarms, and what was left out of them.
    pub(crate) cases: BTreeMap<u32, (Alarms, Vec<Diagnostic>)>,
}

/// Reads alarms; those that are of no link of the network, or of none of its ends, are counted and left out.
pub(crate) fn alarms(path: &Path, network: &Network) -> Result<Cases, InputError> {
    let file = path.display().to_string();
    let expected = "columns case, router, link, source, and any others; one row for each alarm";
    let bytes = files::read(path)?;
    let mut reader = csv::Reader::from_reader(encoding::utf8(&file, &bytes)?.as_bytes());
    let mut rows = Vec::new();
    for row in reader.deserialize() {
        let row: Row = row.map_err(|e| {
            let line = e.position().map_or(1, csv::Position::line);
            InputError::new(&file, Place::Line(line), e.to_string(), expected)
        })?;
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(InputError::new(&file, Place::Whole, "no alarms", expected));
    }
    let sources: BTreeSet<&str> = rows.iter().map(|r| r.source.as_str()).collect();
    let sources: Vec<String> = sources.into_iter().map(str::to_owned).collect();
    let mut cases = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in &rows {
        let none = || (Alarms::new(network.links.len(), sources.len()), Vec::new());
        let (alarms, left_out) = cases.entry(row.case).or_insert_with(none);
        let Some(link) = network.links.get(row.link as usize) else {
            Diagnostic::count(left_out, "unknown-link", || {
                "Alarms of links that the network does not have.".to_owned()
            });
            continue;
        };
        if row.router != link.a && row.router != link.b {
            Diagnostic::count(left_out, "not-an-end", || {
                "Alarms of routers that the link does not touch.".to_owned()
            });
            continue;
        }
        let Ok(source) = sources.binary_search(&row.source) else { continue };
        // An end that says the same again says nothing new.
        if seen.insert((row.case, row.link, row.router, source)) {
            alarms.report(row.link, source);
        }
    }
    Ok(Cases { sources, cases })
}

#[derive(Deserialize)]
struct Answer {
    case: u32,
    groups: Vec<GroupName>,
}

#[derive(Deserialize)]
struct GroupName {
    #[serde(rename = "type")]
    kind: String,
    name: String,
}

/// Reads the answers: case and position of each group that failed.
pub(crate) fn truth(path: &Path, network: &Network) -> Result<Vec<(u32, u32)>, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let expected = "a list of cases [{case, groups: [{type, name}]}]";
    let answers: Vec<Answer> = serde_json::from_str(encoding::utf8(&file, &bytes)?).map_err(|e| {
        InputError::new(&file, Place::LineColumn(e.line() as u64, e.column() as u64), e.to_string(), expected)
    })?;
    let position = |g: &GroupName| network.groups.iter().position(|n| n.kind == g.kind && n.name == g.name);
    let failed = answers.iter().flat_map(|a| a.groups.iter().map(|g| (a.case, g)));
    let found = failed.map(|(case, g)| {
        let group = position(g).and_then(|i| u32::try_from(i).ok());
        group.map(|i| (case, i)).ok_or_else(|| {
            let what = format!("case {case} has group `{}`", g.name);
            InputError::new(&file, Place::Whole, what, "groups of the model")
                .with_nearest(&g.name, network.groups.iter().map(|n| n.name.as_str()))
        })
    });
    found.collect()
}
