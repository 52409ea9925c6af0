//! Bundles made of links: what a network file tells as one link, as the cables that it consists of.

use std::sync::Arc;

use crate::{Change, Entity, EntityKey, EntityKind, Port, Twin};

impl Twin {
    /// The changes that turn what goes from port to port into a bundle (IEEE 802.1AX): so many cables of its own, called
    /// `NAME/1`, `NAME/2`, …, numbered after all that are there. The half-links between the two ports stay as they are; their
    /// capacity is that of all members.
    pub fn split_into_members(
        &self,
        name: &str,
        [a, b]: [&EntityKey; 2],
        members: u32,
        min_links: u32,
    ) -> Vec<Change> {
        let first = self.cables().last().map_or(0, |cable| cable.ordinal + 1);
        let (mut changes, mut cables) = (Vec::new(), Vec::new());
        for number in 1..=members {
            let ports = [a, b].map(|end| {
                let node = self.node_of(end).map(|node| node.key.clone());
                let key = EntityKey::new(format!("{end}/{number}"));
                let port = EntityKind::Port(Port::default());
                changes.push(change(&key, format!("{name}/{number}"), 0, node, port));
                key
            });
            let [a, b] = ports;
            let key = EntityKey::cable(&a, &b);
            let kind = EntityKind::Cable { a, b };
            changes.push(change(&key, format!("{name}/{number}"), first + number - 1, None, kind));
            cables.push(key);
        }
        changes.push(self.bundle(name, [a, b], cables, min_links));
        changes
    }

    /// The change that makes cables the members of a bundle between two bundle interfaces.
    pub fn bundle(
        &self,
        name: &str,
        ends: [&EntityKey; 2],
        members: Vec<EntityKey>,
        min_links: u32,
    ) -> Change {
        let kind = EntityKind::Bundle { members, min_links };
        change(&EntityKey::bundle(ends), name.to_owned(), 0, None, kind)
    }
}

fn change(
    key: &EntityKey,
    name: String,
    ordinal: u32,
    parent: Option<EntityKey>,
    kind: EntityKind,
) -> Change {
    let entity = Entity { key: key.clone(), name, ordinal, parent, aliases: Vec::new(), kind };
    Change::Entity { key: key.clone(), before: None, after: Some(Arc::new(entity)) }
}

#[cfg(test)]
mod tests {
    use crate::{BitsPerSec, Csr, Layer, LinkId, LinkSpec, NodeKind, SimDuration, TwinBuilder};

    #[test]
    fn a_link_keeps_its_number_and_its_members_follow() {
        let mut net = TwinBuilder::new("t");
        let [a, b] = ["a", "b"].map(|name| net.node(name, NodeKind::Router, None));
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(40), SimDuration::ZERO);
        net.link("trunk", &a, &b, spec);
        net.link("other", &a, &b, spec);
        let mut twin = net.finish();
        let csr = Csr::compile(&twin, Layer::Igp);
        assert!(csr.bundles.is_empty());
        let (from, to) = &csr.ports[0];
        twin.split_into_members("trunk", [to, from], 4, 3).iter().for_each(|change| twin.set(change));
        let csr = Csr::compile(&twin, Layer::Igp);
        assert_eq!(csr.link_names, ["trunk", "other", "trunk/1", "trunk/2", "trunk/3", "trunk/4"]);
        let [bundle] = csr.bundles.as_slice() else { panic!("{:?}", csr.bundles) };
        assert_eq!((bundle.link, bundle.min_links), (LinkId(0), 3));
        assert_eq!(bundle.members, [2, 3, 4, 5].map(LinkId));
        assert_eq!((csr.bundle_of(LinkId(3)), csr.bundle_of(LinkId(1))), (Some(0), None));
    }
}
