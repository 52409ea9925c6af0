//! Bundles with members: a link consists of cables, or links become the members of one.

use std::sync::Arc;

use twin::{
    ArcId, BitsPerSec, Change, Csr, EntityKey, EntityKind, HalfLink, HalfLinkKey, InputError, LinkId, Port,
};

use super::Bundle;
use super::apply::{Editing, entity, unused};
use crate::planning::names::Names;
use crate::planning::words::{Number, Word};

/// More members than any device bundles is a slip of the pen.
const MOST_MEMBERS: f64 = 256.0;

impl Editing<'_> {
    pub(super) fn bundle(
        &self,
        bundle: &Bundle,
        names: &Names<'_>,
        csr: &Csr,
    ) -> Result<Vec<Change>, InputError> {
        let Some(word) = bundle.links.0.first() else {
            let place = bundle.min_links.or(bundle.members).map_or(twin::Place::Whole, |n| n.place);
            return Err(InputError::new(
                self.file,
                place,
                "a bundle of no link",
                "a link, or a list of links",
            ));
        };
        let mut links = Vec::new();
        for word in &bundle.links.0 {
            links.extend(names.links(&word.text).map_err(|u| u.at(self.file, word.place))?);
        }
        links.sort_unstable();
        links.dedup();
        let used = |link: &&LinkId| csr.is_single(**link) && !csr.link_arcs[link.index()].is_empty();
        if links.iter().filter(used).count() < links.len() {
            return Err(self.error(
                word,
                "no plain link, or nothing goes over",
                "links in use that are no bundle",
            ));
        }
        match (&bundle.members, links.as_slice()) {
            (Some(members), [link]) => self.split(bundle, *members, *link, csr),
            (Some(_), _) => Err(self.error(word, "several links", "one link, where members are counted")),
            (None, [_]) => Err(self.error(word, "one link", "members: N, or several links")),
            (None, links) => self.join(bundle, word, links, csr),
        }
    }

    /// A link becomes so many cables; its capacity is that of all of them.
    fn split(
        &self,
        bundle: &Bundle,
        members: Number,
        link: LinkId,
        csr: &Csr,
    ) -> Result<Vec<Change>, InputError> {
        let members = self.whole(members, 1.0, MOST_MEMBERS, "members")?;
        let min_links = self.min_links(bundle, members)?;
        let (a, b) = &csr.ports[csr.link_arcs[link.index()][0].index()];
        let name = bundle.name.as_ref().unwrap_or(&csr.link_names[link.index()]);
        Ok(self.twin.split_into_members(name, [a, b], members, min_links))
    }

    /// Links between two nodes become one, of the capacity of all.
    fn join(
        &self,
        bundle: &Bundle,
        word: &Word,
        links: &[LinkId],
        csr: &Csr,
    ) -> Result<Vec<Change>, InputError> {
        let min_links = self.min_links(bundle, links.len() as u32)?;
        let first = csr.link_arcs[links[0].index()][0];
        let ends = [csr.src[first.index()], csr.dst[first.index()]];
        let mut both = Vec::new();
        for [from, to] in [ends, [ends[1], ends[0]]] {
            let arcs = links.iter().flat_map(|link| &csr.link_arcs[link.index()]).copied();
            let way = |arc: &ArcId| csr.src[arc.index()] == from && csr.dst[arc.index()] == to;
            let arcs: Vec<ArcId> = arcs.filter(way).collect();
            if arcs.len() != links.len() {
                return Err(self.error(word, "not all join the same two nodes both ways:", "parallel links"));
            }
            both.push(self.half(bundle, word, &arcs, csr)?);
        }
        let name = bundle.name.clone().unwrap_or_else(|| {
            let [a, b] = ends.map(|node| csr.node_names[node.index()].as_str());
            format!("{a} - {b} bundle")
        });
        let mut changes = self.half_links_of(links, csr);
        let ports = ends.map(|node| {
            let node = &csr.node_keys[node.index()];
            let key = unused(&self.twin, EntityKey::port(node, &name));
            changes.push(entity(&key, &name, 0, Some(node), EntityKind::Port(Port::default())));
            key
        });
        let members = links.iter().map(|link| csr.link_keys[link.index()].clone()).collect();
        changes.push(self.twin.bundle(&name, [&ports[0], &ports[1]], members, min_links));
        let ordinal = self.twin.half_links(self.layer).last().map_or(0, |(_, half)| half.ordinal + 1);
        for (i, half) in both.into_iter().enumerate() {
            let (from, to) = (ports[i].clone(), ports[1 - i].clone());
            let key = HalfLinkKey { layer: self.layer, from, to };
            let half = HalfLink { ordinal: ordinal + i as u32, ..half };
            changes.push(Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
        }
        Ok(changes)
    }

    /// What all members are in one direction.
    fn half(&self, bundle: &Bundle, word: &Word, arcs: &[ArcId], csr: &Csr) -> Result<HalfLink, InputError> {
        let first = arcs[0].index();
        if arcs.iter().any(|arc| csr.capacity[arc.index()] != csr.capacity[first]) {
            return Err(self.error(word, "different capacities of", "members of one rate (IEEE 802.1AX)"));
        }
        let metric = match &bundle.weight {
            Some(weight) => self.metric(weight)?,
            None if arcs.iter().all(|arc| csr.metric[arc.index()] == csr.metric[first]) => csr.metric[first],
            None => return Err(self.error(word, "different weights of", "a weight for the bundle")),
        };
        let all = csr.capacity[first].get().saturating_mul(arcs.len() as u64);
        Ok(HalfLink {
            ordinal: 0,
            cable: None,
            metric,
            capacity: BitsPerSec::new(all).unwrap_or(csr.capacity[first]),
            delay: arcs.iter().map(|arc| csr.delay[arc.index()]).max().unwrap_or_default(),
            state: "up".into(),
            evidence: vec![self.evidence(word.place)],
            freshness: None,
        })
    }

    fn min_links(&self, bundle: &Bundle, members: u32) -> Result<u32, InputError> {
        match bundle.min_links {
            Some(number) => self.whole(number, 1.0, f64::from(members), "members"),
            None => Ok(1),
        }
    }

    fn whole(&self, number: Number, least: f64, most: f64, what: &str) -> Result<u32, InputError> {
        if number.value.fract() == 0.0 && (least..=most).contains(&number.value) {
            return Ok(number.value as u32);
        }
        let expected = format!("a whole number of {what} from {least} to {most}");
        Err(InputError::new(self.file, number.place, format!("found {}", number.value), expected))
    }
}
