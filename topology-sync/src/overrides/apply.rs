//! Overrides over a discovered twin.

use std::sync::Arc;

use serde_saphyr::Spanned;
use twin::{
    BitsPerSec, Change, Diagnostic, Entity, EntityKey, EntityKind, Evidence, HalfLink, HalfLinkKey, Layer,
    Place, SimDuration, Snapshot, Twin, WallTime,
};

use super::{
    CapacityOverride, LinkOverride, NameOverride, Outcome, Overrides, Report, RiskGroupOverride,
    SiteOverride, names,
};
use crate::yaml::place;

/// Where neither the override nor discovery says the line rate.
const ASSUMED: BitsPerSec = BitsPerSec::gbps(10);

/// What an override did: what it took the place of, or why it is stale.
type Done = Result<String, (Outcome, String)>;

/// Lays overrides over a snapshot. Each gives a row, and a diagnostic `override` or `stale-override` of the snapshot; what
/// they change on half-links bears the evidence `override`.
pub fn apply(overrides: &Overrides, mut snapshot: Snapshot) -> (Snapshot, Report) {
    let mut it = Applying { name: &overrides.name, twin: snapshot.twin, report: Report::default() };
    let file = &overrides.file;
    file.names.iter().for_each(|o| it.name(o));
    file.sites.iter().for_each(|o| it.site(o));
    file.ignored_links.iter().for_each(|o| it.ignore(o));
    file.links.iter().for_each(|o| it.link(o));
    file.capacities.iter().for_each(|o| it.capacity(o));
    file.risk_groups.iter().for_each(|o| it.risk_group(o));
    for row in &it.report.rows {
        let code = if row.outcome == Outcome::Applied { "override" } else { "stale-override" };
        let message = format!("{}:{}:{}: {}: {}", overrides.name, row.line, row.column, row.what, row.detail);
        snapshot.diagnostics.push(Diagnostic { code: code.to_owned(), message, count: 1 });
    }
    snapshot.twin = it.twin;
    (snapshot, it.report)
}

struct Applying<'a> {
    name: &'a str,
    twin: Twin,
    report: Report,
}

impl Applying<'_> {
    fn row(&mut self, at: Place, what: String, done: Done) {
        match done {
            Ok(detail) => self.report.push(at, what, Outcome::Applied, detail),
            Err((outcome, detail)) => self.report.push(at, what, outcome, detail),
        }
    }

    fn name(&mut self, o: &NameOverride) {
        let done = self.set_name(&o.node.value, &o.name);
        self.row(place(o.node.referenced), format!("{} is called {}", o.node.value, o.name), done);
    }

    fn set_name(&mut self, node: &str, name: &str) -> Done {
        let before = names::node(&self.twin, node).map_err(nothing)?.clone();
        if before.name == name {
            return Err(same());
        }
        let detail = format!("discovered as {}", before.name);
        // The discovered name still finds the node.
        let old = EntityKey::node(&before.name);
        let mut after = Entity { name: name.to_owned(), ..before };
        if after.key != old && !after.aliases.contains(&old) {
            after.aliases.push(old);
        }
        self.put(after);
        Ok(detail)
    }

    fn site(&mut self, o: &SiteOverride) {
        let done = self.set_site(&o.node.value, &o.site);
        self.row(place(o.node.referenced), format!("{} is at site {}", o.node.value, o.site), done);
    }

    fn set_site(&mut self, node: &str, site: &str) -> Done {
        let before = names::node(&self.twin, node).map_err(nothing)?.clone();
        let discovered = before.parent.as_ref().and_then(|key| self.twin.entity(key)).cloned();
        if discovered.as_ref().is_some_and(|s| s.name == site) {
            return Err(same());
        }
        let is_site = |e: &&Entity| matches!(e.kind, EntityKind::Site { .. });
        let sites: Vec<_> = self.twin.entities().filter(is_site).collect();
        let known = sites.iter().find(|s| s.name == site).map(|s| s.key.clone());
        let ordinal = sites.len() as u32;
        let key = known.unwrap_or_else(|| {
            let key = EntityKey::new(format!("site:{site}"));
            let kind = EntityKind::Site { location: None };
            self.put(entity(key.clone(), site, ordinal, kind));
            key
        });
        self.put(Entity { parent: Some(key), ..before });
        Ok(discovered.map_or("no site was known".to_owned(), |s| format!("discovered at {}", s.name)))
    }

    fn ignore(&mut self, ends: &[Spanned<String>; 2]) {
        let [a, b] = ends;
        let what = format!("the link {} - {} is ignored", a.value, b.value);
        let done = self.remove_link(&a.value, &b.value);
        self.row(place(a.referenced), what, done);
    }

    fn remove_link(&mut self, a: &str, b: &str) -> Done {
        let halves = names::between(&self.twin, a, b).map_err(nothing)?;
        let cables: std::collections::BTreeSet<_> =
            halves.iter().filter_map(|key| self.twin.half_link(key)?.cable.clone()).collect();
        for key in &halves {
            self.twin.set(&Change::HalfLink { key: key.clone(), before: None, after: None });
        }
        for key in &cables {
            self.twin.set(&Change::Entity { key: key.clone(), before: None, after: None });
        }
        Ok(format!("{} half-links of {} cables taken out", halves.len(), cables.len()))
    }

    fn link(&mut self, o: &LinkOverride) {
        let [a, b] = &o.between;
        let done = self.add_link(o);
        self.row(place(a.referenced), format!("a link {} - {}", a.value, b.value), done);
    }

    fn add_link(&mut self, o: &LinkOverride) -> Done {
        let [a, b] = &o.between;
        let ends = [names::port(&self.twin, &a.value), names::port(&self.twin, &b.value)];
        let [a_key, b_key] = ends.map(|end| end.map_err(nothing));
        let (a_key, b_key) = (a_key?, b_key?);
        if a_key == b_key {
            return Err(nothing("a cable has two ends".to_owned()));
        }
        let others = self.cables_at(&a_key, &b_key);
        if others.iter().any(|(_, ends)| ends.contains(&a_key) && ends.contains(&b_key)) {
            return Err(same());
        }
        for (cable, _) in &others {
            self.remove_cable(cable);
        }
        let cable = EntityKey::cable(&a_key, &b_key);
        let ordinal = self.twin.cables().last().map_or(0, |c| c.ordinal + 1);
        let kind = EntityKind::Cable { a: a_key.clone(), b: b_key.clone() };
        self.put(entity(cable.clone(), &format!("{} - {}", a.value, b.value), ordinal, kind));
        let evidence = self.evidence(a, "a cable that the operator knows of");
        let capacity = o.capacity.as_ref().map_or(ASSUMED, |c| c.value.0);
        let layers = [(Layer::Cable, Some(1)), (Layer::Igp, o.metric)];
        for (layer, metric) in layers.into_iter().filter_map(|(l, m)| Some((l, m?))) {
            for (from, to) in [(&a_key, &b_key), (&b_key, &a_key)] {
                let ordinal = self.twin.half_links(layer).last().map_or(0, |(_, h)| h.ordinal + 1);
                let half = HalfLink {
                    ordinal,
                    cable: Some(cable.clone()),
                    metric,
                    capacity,
                    delay: SimDuration::ZERO,
                    state: "up".into(),
                    evidence: vec![evidence.clone()],
                    freshness: None,
                };
                self.put_half(HalfLinkKey { layer, from: from.clone(), to: to.clone() }, half);
            }
        }
        let names: Vec<_> = others.iter().map(|(key, _)| key.as_str()).collect();
        Ok(if names.is_empty() {
            "not discovered".into()
        } else {
            format!("instead of {}", names.join(", "))
        })
    }

    /// The cables at either port, with their ends.
    fn cables_at(&self, a: &EntityKey, b: &EntityKey) -> Vec<(EntityKey, [EntityKey; 2])> {
        let ends = |e: &&Entity| match &e.kind {
            EntityKind::Cable { a, b } => Some((e.key.clone(), [a.clone(), b.clone()])),
            _ => None,
        };
        let mut all: Vec<_> = self.twin.cables().iter().filter_map(ends).collect();
        all.retain(|(_, ends)| ends.contains(a) || ends.contains(b));
        all
    }

    fn remove_cable(&mut self, cable: &EntityKey) {
        for layer in Layer::ALL {
            let halves = self.twin.half_links(layer).into_iter();
            let keys: Vec<_> =
                halves.filter(|(_, h)| h.cable.as_ref() == Some(cable)).map(|(k, _)| k.clone()).collect();
            for key in keys {
                self.twin.set(&Change::HalfLink { key, before: None, after: None });
            }
        }
        self.twin.set(&Change::Entity { key: cable.clone(), before: None, after: None });
    }

    fn capacity(&mut self, o: &CapacityOverride) {
        let to = o.capacity.value.0;
        let (at, of, found) = match (&o.link, &o.port) {
            (Some([a, b]), _) => {
                let found = names::between(&self.twin, &a.value, &b.value);
                (a, format!("{} - {}", a.value, b.value), found)
            }
            (None, Some(port)) => (port, port.value.clone(), self.sent_from(&port.value)),
            (None, None) => return, // refused when the file was read
        };
        let done = found.map_err(nothing).and_then(|keys| self.set_capacity(at, &keys, to));
        self.row(place(at.referenced), format!("the capacity of {of} is {} bit/s", to.get()), done);
    }

    /// The half-links that leave a port.
    fn sent_from(&self, port: &str) -> Result<Vec<HalfLinkKey>, String> {
        let key = names::port(&self.twin, port)?;
        let halves = Layer::ALL.iter().flat_map(|layer| self.twin.half_links(*layer));
        let keys: Vec<_> = halves.filter(|(k, _)| k.from == key).map(|(k, _)| k.clone()).collect();
        if keys.is_empty() { Err(format!("no link at {port}")) } else { Ok(keys) }
    }

    fn set_capacity(&mut self, at: &Spanned<String>, keys: &[HalfLinkKey], to: BitsPerSec) -> Done {
        let mut discovered = std::collections::BTreeSet::new();
        for key in keys {
            let Some(half) = self.twin.half_link(key).filter(|h| h.capacity != to) else { continue };
            let mut after = half.clone();
            discovered.insert(after.capacity.get());
            let detail = format!("capacity {} bit/s, discovered {}", to.get(), after.capacity.get());
            after.evidence.push(self.evidence(at, &detail));
            after.capacity = to;
            self.put_half(key.clone(), after);
        }
        if discovered.is_empty() {
            return Err(same());
        }
        let list: Vec<_> = discovered.iter().map(ToString::to_string).collect();
        Ok(format!("discovered {}", list.join(" and ")))
    }

    fn risk_group(&mut self, o: &RiskGroupOverride) {
        let done = self.add_group(o);
        let what = format!("risk group {} ({})", o.name.value, o.cause);
        self.row(place(o.name.referenced), what, done);
    }

    /// A member that is not there makes a row of its own; the group holds the others.
    fn add_group(&mut self, o: &RiskGroupOverride) -> Done {
        let mut members = std::collections::BTreeSet::new();
        for [a, b] in &o.links {
            let found = names::between(&self.twin, &a.value, &b.value);
            let cable = |key: &HalfLinkKey| self.twin.half_link(key)?.cable.clone();
            let cables = found.map(|keys| keys.iter().filter_map(cable).collect::<Vec<_>>());
            match cables {
                Ok(cables) => members.extend(cables),
                Err(why) => self.missing_member(a, &o.name.value, why),
            }
        }
        for node in &o.nodes {
            match names::node(&self.twin, &node.value).map(|n| n.key.clone()) {
                Ok(key) => drop(members.insert(key)),
                Err(why) => self.missing_member(node, &o.name.value, why),
            }
        }
        if members.is_empty() {
            return Err(nothing("none of its members is there".to_owned()));
        }
        let key = EntityKey::new(format!("risk-group:{}", o.name.value));
        let members: Vec<_> = members.into_iter().collect();
        let count = members.len();
        let groups = self.twin.entities().filter(|e| matches!(e.kind, EntityKind::RiskGroup { .. })).count();
        let before = self.twin.entity(&key).cloned();
        let ordinal = before.as_ref().map_or(groups as u32, |e| e.ordinal);
        let kind = EntityKind::RiskGroup { cause: o.cause.clone(), members };
        let after = entity(key, &o.name.value, ordinal, kind);
        if before.as_ref() == Some(&after) {
            return Err(same());
        }
        self.put(after);
        Ok(format!("{count} members"))
    }

    fn missing_member(&mut self, at: &Spanned<String>, group: &str, why: String) {
        let what = format!("a member of risk group {group}");
        self.report.push(place(at.referenced), what, Outcome::MatchesNothing, why);
    }

    fn evidence(&self, at: &Spanned<String>, detail: &str) -> Evidence {
        let (line, column) = (at.referenced.line(), at.referenced.column());
        let detail = format!("{}:{line}:{column}: {detail}", self.name);
        // An override holds whenever it is laid over discovery: it has no instant of its own.
        Evidence { source: "override".into(), detail: detail.into(), seen_at: WallTime::default() }
    }

    fn put(&mut self, entity: Entity) {
        let key = entity.key.clone();
        self.twin.set(&Change::Entity { key, before: None, after: Some(Arc::new(entity)) });
    }

    fn put_half(&mut self, key: HalfLinkKey, half: HalfLink) {
        self.twin.set(&Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
    }
}

fn entity(key: EntityKey, name: &str, ordinal: u32, kind: EntityKind) -> Entity {
    Entity { key, name: name.to_owned(), ordinal, parent: None, aliases: Vec::new(), kind }
}

fn nothing(why: String) -> (Outcome, String) {
    (Outcome::MatchesNothing, why)
}

fn same() -> (Outcome, String) {
    (Outcome::SameAsDiscovered, "discovery says the same: it can be deleted".to_owned())
}
