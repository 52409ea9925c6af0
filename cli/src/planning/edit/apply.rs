//! What an edit does to the network: changes of a fork of the twin.

use std::sync::Arc;

use twin::{
    BitsPerSec, Change, Csr, Entity, EntityKey, EntityKind, Evidence, HalfLink, HalfLinkKey, InputError,
    Layer, LinkId, Location, NodeId, NodeKind, Place, Port, SimDuration, Snapshot, Twin, WallTime,
};

use super::demands::Demands;
use super::{Absent, AddLink, AddNode, Edit, Edits, Set};
use crate::planning::names::Names;
use crate::planning::words::{Amount, Number, Word, Words};

/// A rate beyond this is a slip of the pen.
const MOST_BPS: f64 = 1e18;

impl Edits {
    /// The network after the edits, one after the other. `file` is what errors call the file they stand in, `layer` the
    /// layer on which traffic is routed.
    pub(super) fn apply(
        &self,
        file: &str,
        net: Snapshot,
        layer: Layer,
        absent: Absent,
    ) -> Result<Snapshot, InputError> {
        let mut csr = Csr::compile(&net.twin, layer);
        let mut it = Editing { file, layer, unit_bps: net.unit_bps, twin: net.twin };
        it.pin_links(&csr);
        let mut demands = Demands::new(file, &self.groups, net.unit_bps, net.demands, absent);
        for edit in &self.list {
            let names = Names::new(&it.twin, &csr);
            let changes = match edit {
                Edit::AddNode(node) => it.add_node(node, &names)?,
                Edit::AddLink(link) => it.add_link(link, &names, &csr)?,
                Edit::Set(set) => it.set(set, &names, &csr)?,
                Edit::Bundle(bundle) => it.bundle(bundle, &names, &csr)?,
                Edit::Down(words) => it.take_away(words, &names, &csr)?.0,
                Edit::Remove(words) => {
                    let (changes, nodes) = it.take_away(words, &names, &csr)?;
                    demands.forget(&nodes, &csr);
                    changes
                }
                Edit::Scale(scale) => demands.scale(scale, &names, &csr)?,
                Edit::Grow(grow) => demands.grow(grow, &names, &csr)?,
                Edit::AddDemand(pair) => demands.add(pair, &names, &csr)?,
                Edit::SetDemand(pair) => demands.set(pair, &names, &csr)?,
                Edit::RemoveDemand(pair) => demands.remove(pair, &names, &csr)?,
            };
            if !changes.is_empty() {
                changes.iter().for_each(|change| it.twin.set(change));
                csr = Csr::compile(&it.twin, layer);
            }
        }
        Ok(Snapshot { twin: it.twin, demands: demands.matrix(), ..net })
    }
}

/// A network that is being edited.
pub(super) struct Editing<'a> {
    pub(super) file: &'a str,
    pub(super) layer: Layer,
    unit_bps: f64,
    pub(super) twin: Twin,
}

impl Editing<'_> {
    /// Links without a cable are numbered behind those that have one, in the order of their half-links: a link more or
    /// less would move their numbers. A cable for each holds them.
    fn pin_links(&mut self, csr: &Csr) {
        let mut ordinal = self.next_cable();
        for link in 0..csr.link_count() {
            let key = &csr.link_keys[link];
            let Some(arc) = csr.link_arcs[link].first() else { continue };
            if self.twin.entity(key).is_none() {
                let (a, b) = csr.ports[arc.index()].clone();
                let change = entity(key, &csr.link_names[link], ordinal, None, EntityKind::Cable { a, b });
                self.twin.set(&change);
                ordinal += 1;
            }
        }
    }

    fn next_cable(&self) -> u32 {
        self.twin.cables().last().map_or(0, |cable| cable.ordinal + 1)
    }

    fn add_node(&self, node: &AddNode, names: &Names<'_>) -> Result<Vec<Change>, InputError> {
        let name = &node.name;
        if names.node_names().contains(&name.text) {
            return Err(self.error(name, "a second node", "a name that no node has"));
        }
        let degrees = |number: &Number, most: f64, what: &str| {
            let fits = number.value.abs() <= most;
            let expected = format!("a {what} from -{most} to {most}");
            if fits {
                Ok(number.value)
            } else {
                Err(InputError::new(self.file, number.place, format!("found {}", number.value), expected))
            }
        };
        let location = match (&node.longitude, &node.latitude) {
            (Some(x), Some(y)) => Some(Location {
                x: degrees(x, 180.0, "longitude")?,
                y: degrees(y, 90.0, "latitude")?,
                geographical: true,
            }),
            (None, None) => None,
            _ => return Err(self.error(name, "half a place for", "longitude and latitude, or neither")),
        };
        let ordinal = self.twin.nodes().last().map_or(0, |n| n.ordinal + 1);
        let key = unused(&self.twin, EntityKey::node(&name.text));
        let kind = EntityKind::Node { role: NodeKind::Router, location };
        Ok(vec![entity(&key, &name.text, ordinal, None, kind)])
    }

    fn add_link(&self, link: &AddLink, names: &Names<'_>, csr: &Csr) -> Result<Vec<Change>, InputError> {
        let [a, b] = [&link.between[0], &link.between[1]].map(|word| self.node(word, names));
        let (a, b) = (a?, b?);
        if a == b {
            return Err(self.error(&link.between[1], "a link from a node to itself:", "another node"));
        }
        let name = link
            .name
            .clone()
            .unwrap_or_else(|| format!("{} - {}", link.between[0].text, link.between[1].text));
        let half = HalfLink {
            ordinal: self.twin.half_links(self.layer).last().map_or(0, |(_, h)| h.ordinal + 1),
            cable: None,
            metric: self.metric(&link.weight)?,
            capacity: self.rate(&link.capacity)?,
            delay: match &link.delay_ms {
                Some(delay) => self.delay(delay)?,
                None => fibre(csr, a, b),
            },
            state: "up".into(),
            evidence: vec![self.evidence(link.between[0].place)],
            freshness: None,
        };
        let mut changes = Vec::new();
        let ports = [a, b].map(|node| {
            let node = &csr.node_keys[node.index()];
            let key = unused(&self.twin, EntityKey::port(node, &name));
            changes.push(entity(&key, &name, 0, Some(node), EntityKind::Port(Port::default())));
            key
        });
        let cable = unused(&self.twin, EntityKey::cable(&ports[0], &ports[1]));
        let kind = EntityKind::Cable { a: ports[0].clone(), b: ports[1].clone() };
        changes.push(entity(&cable, &name, self.next_cable(), None, kind));
        for (i, (from, to)) in [(0, 1), (1, 0)].into_iter().enumerate() {
            let key = HalfLinkKey { layer: self.layer, from: ports[from].clone(), to: ports[to].clone() };
            let half =
                HalfLink { ordinal: half.ordinal + i as u32, cable: Some(cable.clone()), ..half.clone() };
            changes.push(Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
        }
        Ok(changes)
    }

    /// Without its half-links a link carries nothing; it stays as a cable, so that others keep their numbers.
    fn take_away(
        &self,
        words: &Words,
        names: &Names<'_>,
        csr: &Csr,
    ) -> Result<(Vec<Change>, Vec<NodeId>), InputError> {
        let (mut links, mut nodes) = (Vec::<LinkId>::new(), Vec::new());
        for word in &words.0 {
            let set = names.element(&word.text).map_err(|u| u.at(self.file, word.place))?;
            links.extend(set.links());
            for node in set.nodes() {
                let arcs = csr.arcs_out(*node).iter().chain(csr.arcs_in(*node));
                links.extend(arcs.map(|arc| csr.link[arc.index()]));
                nodes.push(*node);
            }
        }
        Ok((self.half_links_of(&links, csr), nodes))
    }

    /// The changes that take the half-links of links away, on all layers.
    pub(super) fn half_links_of(&self, links: &[LinkId], csr: &Csr) -> Vec<Change> {
        let arcs = links.iter().flat_map(|link| &csr.link_arcs[link.index()]);
        let keys = arcs.flat_map(|arc| {
            let (from, to) = csr.ports[arc.index()].clone();
            Layer::ALL.map(|layer| HalfLinkKey { layer, from: from.clone(), to: to.clone() })
        });
        let there = keys.filter_map(|key| {
            let before = Some(Arc::new(self.twin.half_link(&key)?.clone()));
            Some(Change::HalfLink { key, before, after: None })
        });
        there.collect()
    }

    fn set(&self, set: &Set, names: &Names<'_>, csr: &Csr) -> Result<Vec<Change>, InputError> {
        if set.capacity.is_none() && set.weight.is_none() && set.delay_ms.is_none() {
            return Err(self.error(&set.link, "nothing new for", "capacity, weight or delay_ms"));
        }
        let arcs = names.arcs(&set.link.text).map_err(|u| u.at(self.file, set.link.place))?;
        if arcs.is_empty() {
            return Err(self.error(&set.link, "nothing is routed over", "a link that is in use"));
        }
        let mut changes = Vec::new();
        for arc in arcs {
            let (from, to) = csr.ports[arc.index()].clone();
            let key = HalfLinkKey { layer: self.layer, from, to };
            let Some(before) = self.twin.half_link(&key) else { continue };
            let mut after = before.clone();
            if let Some(capacity) = &set.capacity {
                after.capacity = self.rate(capacity)?;
            }
            if let Some(weight) = &set.weight {
                after.metric = self.metric(weight)?;
            }
            if let Some(delay) = &set.delay_ms {
                after.delay = self.delay(delay)?;
            }
            after.evidence.push(self.evidence(set.link.place));
            let before = Some(Arc::new(before.clone()));
            changes.push(Change::HalfLink { key, before, after: Some(Arc::new(after)) });
        }
        Ok(changes)
    }

    fn node(&self, word: &Word, names: &Names<'_>) -> Result<NodeId, InputError> {
        names.node(&word.text).map_err(|u| u.at(self.file, word.place))
    }

    fn rate(&self, amount: &Amount) -> Result<BitsPerSec, InputError> {
        let bps = amount.bps(self.unit_bps).round();
        let rate = if bps <= MOST_BPS { BitsPerSec::new(bps as u64) } else { None };
        rate.ok_or_else(|| {
            let what = format!("a capacity of {bps} bit/s");
            InputError::new(self.file, amount.place, what, "a capacity from 1 to 10^18 bit/s")
        })
    }

    pub(super) fn metric(&self, weight: &Number) -> Result<u32, InputError> {
        let fits = weight.value.fract() == 0.0 && weight.value >= 1.0 && weight.value <= f64::from(u32::MAX);
        let expected = "a whole weight from 1 to 4294967295";
        if fits {
            Ok(weight.value as u32)
        } else {
            Err(InputError::new(self.file, weight.place, format!("found {}", weight.value), expected))
        }
    }

    fn delay(&self, delay: &Number) -> Result<SimDuration, InputError> {
        delay.at_least(0.0, self.file, "a delay in ms").map(|ms| SimDuration::from_secs_f64(ms * 1e-3))
    }

    pub(super) fn evidence(&self, place: Place) -> Evidence {
        let at = match place {
            Place::LineColumn(line, column) => format!("{}:{line}:{column}", self.file),
            _ => self.file.to_owned(),
        };
        Evidence { source: "edit".into(), detail: at.into(), seen_at: WallTime::default() }
    }

    pub(super) fn error(&self, word: &Word, what: &str, expected: &str) -> InputError {
        InputError::new(self.file, word.place, format!("{what} '{}'", word.text), expected)
    }
}

/// Light in fibre from node to node, where both places are known.
fn fibre(csr: &Csr, a: NodeId, b: NodeId) -> SimDuration {
    match (&csr.locations[a.index()], &csr.locations[b.index()]) {
        (Some(a), Some(b)) if a.geographical && b.geographical => SimDuration::fibre_km(a.distance(b)),
        _ => SimDuration::ZERO,
    }
}

pub(super) fn entity(
    key: &EntityKey,
    name: &str,
    ordinal: u32,
    parent: Option<&EntityKey>,
    kind: EntityKind,
) -> Change {
    let entity = Entity {
        key: key.clone(),
        name: name.to_owned(),
        ordinal,
        parent: parent.cloned(),
        aliases: Vec::new(),
        kind,
    };
    Change::Entity { key: key.clone(), before: None, after: Some(Arc::new(entity)) }
}

/// The key, or the first `key#2`, `key#3`, … that is free.
pub(super) fn unused(twin: &Twin, key: EntityKey) -> EntityKey {
    let mut candidates = (2u32..).map(|n| EntityKey::new(format!("{key}#{n}")));
    let mut candidate = key.clone();
    while twin.entity(&candidate).is_some() {
        candidate = candidates.next().expect("numbers do not end");
    }
    candidate
}
