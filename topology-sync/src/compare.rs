//! What differs between two versions of a network, for people: renames and moves recognised.
//!
//! Nodes are the same if their keys are, or if one's key is an earlier key (alias) of the other. So a node with another
//! name is *renamed*, and a cable of which one end was put elsewhere is *moved*. Who said something, and when, is no
//! difference.

mod halves;
mod rekey;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use twin::{Change, Entity, EntityKey, EntityKind, Port, Twin};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Difference {
    /// Of what kind of thing.
    pub subject: Subject,
    /// What became of it.
    pub change: Kind,
    /// What it is about, as people call it in the second version (or, if it is gone, in the first).
    pub element: String,
    /// What was so in the first version, where it says more than the element.
    pub before: Option<String>,
    /// What is so in the second.
    pub after: Option<String>,
}

/// Of what kind of thing a difference is. The order is that of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A device, host or external.
    Node,
    /// A place, a risk group, a VLAN, ….
    Other,
    /// A cable.
    Cable,
    /// A shared medium.
    Segment,
    /// A port's carrier, MTU, hardware address or description.
    Port,
    /// An address of a port.
    Address,
    /// A half-link of LLDP, the IGP or BGP.
    Adjacency,
    /// The metric of a half-link.
    Cost,
    /// The line rate or delay of a half-link.
    Capacity,
    /// A node's forwarding table as a whole: how many routes differ.
    Routes,
    /// One of the routes that differ; the first few of each node.
    Route,
}

impl Subject {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Other => "other",
            Self::Cable => "cable",
            Self::Segment => "segment",
            Self::Port => "port",
            Self::Address => "address",
            Self::Adjacency => "adjacency",
            Self::Cost => "cost",
            Self::Capacity => "capacity",
            Self::Routes => "routes",
            Self::Route => "route",
        }
    }
}

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another name.
    Renamed,
    /// It is plugged elsewhere.
    Moved,
    /// It is there and differs.
    Changed,
}

impl Kind {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
            Self::Moved => "moved",
            Self::Changed => "changed",
        }
    }
}

impl Difference {
    fn new(subject: Subject, change: Kind, element: String) -> Self {
        Self { subject, change, element, before: None, after: None }
    }
    fn between(mut self, before: impl fmt::Display, after: impl fmt::Display) -> Self {
        (self.before, self.after) = (Some(before.to_string()), Some(after.to_string()));
        self
    }
    fn one(subject: Subject, element: String, before: Option<String>, after: Option<String>) -> Self {
        let change = if before.is_none() { Kind::Added } else { Kind::Removed };
        Self { subject, change, element, before, after }
    }
}

/// All differences that lead from one version to another, by subject, change and element.
pub fn compare(before: &Twin, after: &Twin) -> Vec<Difference> {
    let before = &rekey::with_keys_of(before, after);
    let mut it = Comparison { before, after, out: Vec::new() };
    let changes = before.changes_to(after);
    it.entities(&changes);
    it.out.extend(halves::differences(before, after, &changes));
    it.out.extend(changes.iter().flat_map(|change| match change {
        Change::Fib { node, before: old, after: new } => {
            routes::differences(&name(after, before, node), old.as_deref(), new.as_deref(), before, after)
        }
        _ => Vec::new(),
    }));
    it.out.sort();
    it.out
}

struct Comparison<'a> {
    before: &'a Twin,
    after: &'a Twin,
    out: Vec<Difference>,
}

type Ends = [EntityKey; 2];

impl Comparison<'_> {
    fn entities(&mut self, changes: &[Change]) {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for change in changes {
            let Change::Entity { before, after, .. } = change else { continue };
            match (before, after) {
                (Some(before), Some(after)) => self.changed(before, after),
                (Some(before), None) => gone.push(before.as_ref()),
                (None, Some(after)) => new.push(after.as_ref()),
                (None, None) => {}
            }
        }
        self.cables(&gone, &new);
        self.segments(&gone, &new);
        gone.into_iter().for_each(|e| self.single(e, Kind::Removed));
        new.into_iter().for_each(|e| self.single(e, Kind::Added));
    }

    /// Something of the same key that differs.
    fn changed(&mut self, before: &Entity, after: &Entity) {
        let subject = subject(&after.kind);
        let element = match &after.kind {
            EntityKind::Port(_) => name(self.after, self.before, &after.key),
            _ => after.name.clone(),
        };
        let of = |change| Difference::new(subject, change, element.clone());
        // The name of a cable or a segment is made of its ends'.
        if before.name != after.name && !matches!(subject, Subject::Cable | Subject::Segment) {
            self.out.push(of(Kind::Renamed).between(&before.name, &after.name));
        }
        if before.parent != after.parent {
            let place = |twin: &Twin, key: &Option<EntityKey>| {
                key.as_ref().map_or("nowhere".to_owned(), |key| name(twin, twin, key))
            };
            let (from, to) = (place(self.before, &before.parent), place(self.after, &after.parent));
            self.out.push(of(Kind::Moved).between(from, to));
        }
        match (&before.kind, &after.kind) {
            (EntityKind::Port(old), EntityKind::Port(new)) => self.port(&element, old, new),
            (old, new) if old != new => {
                let (old, new) = (self.describe(self.before, old), self.describe(self.after, new));
                self.out.push(of(Kind::Changed).between(old, new));
            }
            _ => {}
        }
    }

    fn port(&mut self, element: &str, old: &Port, new: &Port) {
        let texts = |p: &Port| {
            [
                ("carrier", p.carrier.map(|c| if c { "up" } else { "down" }.to_owned())),
                ("MTU", p.mtu.map(|m| m.get().to_string())),
                ("MAC", p.mac.map(|m| m.to_string())),
                ("description", p.alias.clone()),
            ]
        };
        for ((what, old), (_, new)) in texts(old).into_iter().zip(texts(new)) {
            if old != new {
                let text =
                    |v: Option<String>| format!("{what} {}", v.unwrap_or_else(|| "unknown".to_owned()));
                let row = Difference::new(Subject::Port, Kind::Changed, element.to_owned());
                self.out.push(row.between(text(old), text(new)));
            }
        }
        self.addresses(element, old, new);
    }

    fn addresses(&mut self, element: &str, old: &Port, new: &Port) {
        let text =
            |p: &Port| p.addresses.iter().map(|a| format!("{}/{}", a.ip, a.len)).collect::<BTreeSet<_>>();
        let (old, new) = (text(old), text(new));
        let row = |before, after| Difference::one(Subject::Address, element.to_owned(), before, after);
        self.out.extend(old.difference(&new).map(|a| row(Some(a.clone()), None)));
        self.out.extend(new.difference(&old).map(|a| row(None, Some(a.clone()))));
    }

    /// Cables that are new or gone; of a pair with an end in common, one cable that moved.
    fn cables(&mut self, gone: &[&Entity], new: &[&Entity]) {
        let (mut gone, mut new): (Vec<_>, Vec<_>) = (ends(gone), ends(new));
        for closeness in [Self::same_port_and_far_node, Self::same_port, Self::same_nodes] {
            gone.retain(|old| {
                let Some(at) = new.iter().position(|cable| closeness(self, old, cable)) else { return true };
                let cable = new.remove(at);
                let (from, to) = (self.cable(self.before, old), self.cable(self.after, &cable));
                self.out.push(Difference::new(Subject::Cable, Kind::Moved, to.clone()).between(from, to));
                false
            });
        }
        for (twin, list, kind) in [(self.before, gone, Kind::Removed), (self.after, new, Kind::Added)] {
            let rows = list.iter().map(|ends| Difference::new(Subject::Cable, kind, self.cable(twin, ends)));
            let rows: Vec<_> = rows.collect();
            self.out.extend(rows);
        }
    }

    fn same_port_and_far_node(&self, old: &Ends, new: &Ends) -> bool {
        self.same_port(old, new) && self.same_nodes(old, new)
    }

    fn same_port(&self, old: &Ends, new: &Ends) -> bool {
        old.iter().any(|end| new.contains(end))
    }

    fn same_nodes(&self, old: &Ends, new: &Ends) -> bool {
        let nodes = |twin: &Twin, ends: &Ends| {
            let mut nodes = ends.each_ref().map(|p| twin.node_of(p).map(|n| n.key.clone()));
            nodes.sort();
            nodes
        };
        nodes(self.before, old) == nodes(self.after, new)
    }

    /// Segments that are new or gone; of a pair with a port in common, one with other members.
    fn segments(&mut self, gone: &[&Entity], new: &[&Entity]) {
        let (gone, mut new) = (members(gone), members(new));
        for old in gone {
            let common = |other: &BTreeSet<EntityKey>| old.intersection(other).count();
            let best = (0..new.len()).max_by_key(|i| (common(&new[*i]), std::cmp::Reverse(*i)));
            let (before, row) = (self.ports(self.before, &old), Difference::new);
            match best.filter(|i| common(&new[*i]) > 0) {
                Some(i) => {
                    let after = self.ports(self.after, &new.remove(i));
                    let row = row(Subject::Segment, Kind::Changed, after.clone());
                    self.out.push(row.between(before, after));
                }
                None => self.out.push(row(Subject::Segment, Kind::Removed, before)),
            }
        }
        for ports in new {
            let element = self.ports(self.after, &ports);
            self.out.push(Difference::new(Subject::Segment, Kind::Added, element));
        }
    }

    /// A node or something else that is new or gone. Ports and addresses of a node that is new or gone are not told.
    fn single(&mut self, entity: &Entity, kind: Kind) {
        let element = match subject(&entity.kind) {
            Subject::Cable | Subject::Segment => return,
            Subject::Port => {
                let twin = if kind == Kind::Added { self.after } else { self.before };
                let other = if kind == Kind::Added { self.before } else { self.after };
                let stays = twin.node_of(&entity.key).is_some_and(|n| other.entity(&n.key).is_some());
                if !stays {
                    return;
                }
                name(twin, twin, &entity.key)
            }
            _ => entity.name.clone(),
        };
        if let EntityKind::Port(port) = &entity.kind {
            let none = Port::default();
            let (old, new) = if kind == Kind::Added { (&none, port) } else { (port, &none) };
            self.addresses(&element, old, new);
        }
        let twin = if kind == Kind::Added { self.after } else { self.before };
        let mut row = Difference::new(subject(&entity.kind), kind, element);
        if subject(&entity.kind) != Subject::Port {
            let text = Some(self.describe(twin, &entity.kind));
            *(if kind == Kind::Added { &mut row.after } else { &mut row.before }) = text;
        }
        self.out.push(row);
    }

    fn describe(&self, twin: &Twin, kind: &EntityKind) -> String {
        let names =
            |keys: &[EntityKey]| keys.iter().map(|k| name(twin, twin, k)).collect::<Vec<_>>().join(", ");
        match kind {
            EntityKind::Node { role, .. } => role.word().to_owned(),
            EntityKind::External { role } => format!("external {}", role.word()),
            EntityKind::RiskGroup { cause, members } => format!("risk-group {cause}: {}", names(members)),
            EntityKind::Bundle { members, min_links } => {
                format!("bundle of at least {min_links}: {}", names(members))
            }
            EntityKind::Vlan { id } => format!("vlan {id}"),
            EntityKind::Prefix { net } => format!("prefix {net}"),
            other => other.word().to_owned(),
        }
    }

    fn cable(&self, twin: &Twin, ends: &Ends) -> String {
        let mut names = ends.each_ref().map(|p| name(twin, twin, p));
        names.sort();
        names.join(" - ")
    }

    fn ports(&self, twin: &Twin, ports: &BTreeSet<EntityKey>) -> String {
        let mut names: Vec<_> = ports.iter().map(|p| name(twin, twin, p)).collect();
        names.sort();
        names.join(", ")
    }
}

fn subject(kind: &EntityKind) -> Subject {
    match kind {
        EntityKind::Node { .. } | EntityKind::External { .. } => Subject::Node,
        EntityKind::Cable { .. } => Subject::Cable,
        EntityKind::Segment { .. } => Subject::Segment,
        EntityKind::Port(_) => Subject::Port,
        _ => Subject::Other,
    }
}

fn ends(entities: &[&Entity]) -> Vec<Ends> {
    let ends = |e: &&Entity| match &e.kind {
        EntityKind::Cable { a, b } => Some([a.clone(), b.clone()]),
        _ => None,
    };
    entities.iter().filter_map(ends).collect()
}

fn members(entities: &[&Entity]) -> Vec<BTreeSet<EntityKey>> {
    let members = |e: &&Entity| match &e.kind {
        EntityKind::Segment { ports } => Some(ports.iter().cloned().collect()),
        _ => None,
    };
    entities.iter().filter_map(members).collect()
}

/// What people call an entity: `node:port` for a port. The second twin is asked where the first does not hold it.
fn name(first: &Twin, second: &Twin, key: &EntityKey) -> String {
    let twin = if first.entity(key).is_some() { first } else { second };
    match twin.entity(key) {
        None => key.to_string(),
        Some(entity) => match (&entity.kind, twin.node_of(key)) {
            (EntityKind::Port(_), Some(node)) => format!("{}:{}", node.name, entity.name),
            _ => entity.name.clone(),
        },
    }
}

/// How many differences of each subject and change there are, in the order of a report; single routes do not count.
pub fn counts(differences: &[Difference]) -> BTreeMap<(Subject, Kind), usize> {
    let mut counts = BTreeMap::new();
    for d in differences.iter().filter(|d| d.subject != Subject::Route) {
        *counts.entry((d.subject, d.change)).or_default() += 1;
    }
    counts
}
