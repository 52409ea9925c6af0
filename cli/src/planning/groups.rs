//! What fails together: groups of a file, or those that the twin knows.
//!
//! ```yaml
//! format: umbra-groups/1
//! groups:
//!   conduit-7: [NYCMng_WASHng, "CHINng - IPLSng"]      # links or nodes
//!   site-atl: {nodes: [ATLAM5, ATLAng], links: [3], failures: p=0.0002}     # how often, for `umbra availability`
//! ```
//!
//! The same as plain text: a line `NAME: member, member` for each group; what follows ` #` is a comment. How members are
//! called: [`Names`].

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use scenarios::planning::FailureSet;
use scenarios::planning::availability::Preset;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use topology_sync::source::files;
use topology_sync::{encoding, yaml};
use twin::{EntityKey, EntityKind, InputError, LinkId, NodeId, Place};

use super::names::Names;
use super::words::{Word, check_format};

/// The value of the `format` key.
pub(crate) const FORMAT: &str = "umbra-groups/1";

/// What fails together, by name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    /// What people call it.
    pub(crate) name: String,
    /// What fails.
    pub(crate) set: FailureSet,
    /// It fails as often as a link does under this preset, where the file says so.
    pub(crate) failures: Option<Preset>,
}

/// A file of groups as it is written.
#[derive(Debug)]
pub(crate) struct GroupFile {
    file: String,
    groups: Vec<Written>,
}

#[derive(Debug)]
struct Written {
    name: String,
    place: Place,
    members: Members,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Yaml {
    format: Word,
    groups: InOrder,
}

#[derive(Debug)]
struct InOrder(Vec<Written>);

/// Members of any kind, or links and nodes apart.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(skip)]
    any: Vec<Word>,
    #[serde(default)]
    links: Vec<Word>,
    #[serde(default)]
    nodes: Vec<Word>,
    failures: Option<Word>,
}

impl GroupFile {
    /// Reads a file: `.yaml`, `.yml` and `.json` are YAML, all others plain text.
    pub(crate) fn read(path: &Path) -> Result<Self, InputError> {
        let (file, bytes) = (path.display().to_string(), files::read(path)?);
        let text = encoding::utf8(&file, &bytes)?;
        let suffix = path.extension().map(|s| s.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if ["yaml", "yml", "json"].contains(&suffix.as_str()) {
            Self::yaml(&file, text)
        } else {
            Self::text(&file, text)
        }
    }

    /// Reads the YAML form.
    pub(crate) fn yaml(file: &str, text: &str) -> Result<Self, InputError> {
        let read: Yaml = yaml::read(file, text, "a file of risk groups")?;
        check_format(file, &read.format, FORMAT)?;
        Self::check(file, read.groups.0)
    }

    /// Reads the plain form.
    pub(crate) fn text(file: &str, text: &str) -> Result<Self, InputError> {
        let mut groups = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let comment = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #") };
            let content = &line[..comment.unwrap_or(line.len())];
            if content.trim().is_empty() {
                continue;
            }
            let place =
                |byte: usize| Place::LineColumn(i as u64 + 1, content[..byte].chars().count() as u64 + 1);
            let Some((name, rest)) = content.split_once(':') else {
                return Err(InputError::new(
                    file,
                    place(0),
                    format!("'{}'", content.trim()),
                    "NAME: member, member",
                ));
            };
            let mut at = name.len() + 1;
            let mut members = Members::default();
            for part in rest.split(',') {
                let from = at + part.len() - part.trim_start().len();
                if !part.trim().is_empty() {
                    members.any.push(Word { text: part.trim().to_owned(), place: place(from) });
                }
                at += part.len() + 1;
            }
            groups.push(Written { name: name.trim().to_owned(), place: place(0), members });
        }
        Self::check(file, groups)
    }

    fn check(file: &str, groups: Vec<Written>) -> Result<Self, InputError> {
        let mut names = BTreeSet::new();
        for group in &groups {
            if group.members.words().next().is_none() {
                let what = format!("group '{}' without members", group.name);
                return Err(InputError::new(file, group.place, what, "links or nodes"));
            }
            if !names.insert(&group.name) {
                return Err(InputError::new(
                    file,
                    group.place,
                    format!("a second '{}'", group.name),
                    "each name once",
                ));
            }
        }
        if groups.is_empty() {
            return Err(InputError::new(file, Place::Whole, "no group", "groups by their names"));
        }
        Ok(Self { file: file.to_owned(), groups })
    }

    /// How many groups, and how many members they have in all.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.groups.len(), self.groups.iter().map(|g| g.members.words().count()).sum())
    }

    /// What the groups are in a network.
    pub(crate) fn resolve(&self, names: &Names<'_>) -> Result<Vec<Group>, InputError> {
        self.groups.iter().map(|group| self.group(group, names)).collect()
    }

    fn group(&self, group: &Written, names: &Names<'_>) -> Result<Group, InputError> {
        let (mut links, mut nodes) = (Vec::new(), Vec::new());
        for word in &group.members.any {
            let set = names.element(&word.text).map_err(|u| u.at(&self.file, word.place))?;
            links.extend(set.links());
            nodes.extend(set.nodes());
        }
        for word in &group.members.links {
            links.extend(names.links(&word.text).map_err(|u| u.at(&self.file, word.place))?);
        }
        for word in &group.members.nodes {
            nodes.push(names.node(&word.text).map_err(|u| u.at(&self.file, word.place))?);
        }
        let failures = group.members.failures.as_ref().map(|word| {
            word.text.parse::<Preset>().map_err(|e| {
                let expected = e.strip_prefix("expected ").unwrap_or(&e).to_owned();
                InputError::new(&self.file, word.place, format!("found '{}'", word.text), expected)
            })
        });
        let set = FailureSet::new(links, nodes);
        Ok(Group { name: group.name.clone(), set, failures: failures.transpose()? })
    }
}

impl Members {
    fn words(&self) -> impl Iterator<Item = &Word> {
        self.any.iter().chain(&self.links).chain(&self.nodes)
    }
}

/// The risk groups of a twin, in their order; members that are neither links nor nodes stand for what they hold.
pub(crate) fn of_twin(names: &Names<'_>) -> Vec<Group> {
    let mut entities: Vec<_> =
        names.twin().entities().filter(|e| matches!(e.kind, EntityKind::RiskGroup { .. })).collect();
    entities.sort_by_key(|e| e.ordinal); // stable: equal ordinals stay in key order
    let groups = entities.iter().map(|entity| {
        let mut held = Held { names, seen: BTreeSet::new(), links: Vec::new(), nodes: Vec::new() };
        held.add(&entity.key);
        Group { name: entity.name.clone(), set: FailureSet::new(held.links, held.nodes), failures: None }
    });
    groups.collect()
}

/// What an entity holds, down to links and nodes.
struct Held<'a> {
    names: &'a Names<'a>,
    seen: BTreeSet<EntityKey>,
    links: Vec<LinkId>,
    nodes: Vec<NodeId>,
}

impl Held<'_> {
    fn add(&mut self, key: &EntityKey) {
        let Some(entity) = self.names.twin().entity(key) else { return };
        if !self.seen.insert(key.clone()) {
            return; // a group may hold itself through another
        }
        match &entity.kind {
            EntityKind::Node { .. } | EntityKind::External { .. } => {
                self.nodes.extend(self.names.node_of(key))
            }
            EntityKind::Cable { .. } => self.links.extend(self.names.link_of(key)),
            EntityKind::Port(_) => self.links.extend(self.names.links_at(key)),
            EntityKind::Bundle { members, .. } | EntityKind::RiskGroup { members, .. } => {
                members.iter().for_each(|member| self.add(member));
            }
            EntityKind::Segment { ports } => ports.iter().for_each(|port| self.add(port)),
            EntityKind::Site { .. } | EntityKind::Slot => {
                let inside = self.names.twin().entities().filter(|e| e.parent.as_ref() == Some(key));
                inside.for_each(|e| self.add(&e.key));
            }
            EntityKind::Vrf | EntityKind::Vlan { .. } | EntityKind::Prefix { .. } | EntityKind::Service => {}
        }
    }
}

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = InOrder;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("groups by their names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut groups = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let members = map.next_value::<Spanned<ListOrKinds>>()?;
                    let place = yaml::place(members.referenced);
                    groups.push(Written { name, place, members: members.value.0 });
                }
                Ok(InOrder(groups))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

struct ListOrKinds(Members);

impl<'de> Deserialize<'de> for ListOrKinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ListOrKinds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of links and nodes, or {links: […], nodes: […], failures: PRESET}")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ListOrKinds, A::Error> {
                let any = Vec::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(ListOrKinds(Members { any, ..Members::default() }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ListOrKinds, A::Error> {
                Members::deserialize(MapAccessDeserializer::new(map)).map(ListOrKinds)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::expect;
    use twin::{BitsPerSec, Change, Csr, Entity, Layer, LinkSpec, NodeKind, SimDuration, Twin, TwinBuilder};

    use super::*;

    fn twin() -> Twin {
        let mut net = TwinBuilder::new("t");
        let [a, b, c] = ["a", "b", "c"].map(|name| net.node(name, NodeKind::Router, None));
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::ZERO);
        net.link("ab", &a, &b, spec);
        net.link("bc", &b, &c, spec);
        net.link("ca", &c, &a, spec);
        net.finish()
    }

    /// The groups of a text, or what is wrong.
    fn read(form: &str, text: &str) -> String {
        let twin = twin();
        let csr = Csr::compile(&twin, Layer::Igp);
        let names = Names::new(&twin, &csr);
        let read = if form == "yaml" { GroupFile::yaml } else { GroupFile::text };
        match read("g", text).and_then(|file| file.resolve(&names)) {
            Ok(groups) => {
                groups.iter().map(|g| format!("{} {:?} {:?}\n", g.name, ids(g).0, ids(g).1)).collect()
            }
            Err(error) => error.to_string(),
        }
    }

    fn ids(group: &Group) -> (Vec<u32>, Vec<u32>) {
        (group.set.links().iter().map(|l| l.0).collect(), group.set.nodes().iter().map(|n| n.0).collect())
    }

    #[test]
    fn both_forms_say_the_same_in_the_order_of_the_file() {
        let yaml = "format: umbra-groups/1\ngroups:\n  z: [ab, 1]\n  a: {nodes: [b], links: [c - a]}\n";
        assert_eq!(read("yaml", yaml), "z [0, 1] []\na [2] [1]\n");
        assert_eq!(
            read("text", "# two\nz: ab, 1\n\na: b, c - a  # a node and a link\n"),
            "z [0, 1] []\na [2] [1]\n"
        );
        let json = "{\"format\": \"umbra-groups/1\", \"groups\": {\"z\": [\"ab\", 1]}}";
        assert_eq!(read("yaml", json), "z [0, 1] []\n");
    }

    #[test]
    fn errors_name_place_expectation_and_nearest_name() {
        let head = "format: umbra-groups/1\ngroups:\n";
        let errors = [
            read("yaml", "format: umbra-groups/2\ngroups: {z: [ab]}\n"),
            read("yaml", &format!("{head}  z: [ab, bd]\n")),
            read("yaml", &format!("{head}  z: {{links: [ab], node: [a]}}\n")),
            read("yaml", &format!("{head}  z: {{links: [ab], failures: wan-cenik}}\n")),
            read("yaml", &format!("{head}  z: []\n")),
            read("yaml", &format!("{head}  z: [ab]\n  z: [bc]\n")),
            read("yaml", &format!("{head}  z: 5\n")),
            read("text", "z: ab\ny:  a - d\n"),
            read("text", "z ab\n"),
            read("text", "\n"),
        ];
        expect![[r#"
            g:1:9: format 'umbra-groups/2'; expected format 'umbra-groups/1'
            g:3:11: unknown element 'bd'; expected a node or link by name, 'A - B' for all links between two nodes, link:N or node:N by number; did you mean 'b'?
            g:3:20: unknown member 'node'; expected one of links, nodes, failures; did you mean 'nodes'?
            g:3:30: found 'wan-cenik'; expected wan-cenic|wan-fibre-km|wan-teavar|dc-gill|uniform-netdice|p=P|mtbf=HOURS,mttr=HOURS; did you mean 'wan-cenic'?
            g:3:6: group 'z' without members; expected links or nodes
            g:4:3: a second 'z'; expected each name once
            g:3:3: invalid type: integer `5`; expected a list of links and nodes, or {links: […], nodes: […], failures: PRESET}
            g:2:5: unknown node 'd'; expected a node of the network by name or number (0 to 2)
            g:1:1: 'z ab'; expected NAME: member, member
            g: no group; expected groups by their names"#]]
        .assert_eq(&errors.join("\n"));
    }

    #[test]
    fn groups_of_the_twin_are_followed_down_to_links_and_nodes() {
        let mut twin = twin();
        let (cables, ports): (Vec<_>, Vec<_>) = (
            twin.cables().iter().map(|c| c.key.clone()).collect(),
            twin.entities()
                .filter(|e| matches!(e.kind, EntityKind::Port(_)))
                .map(|e| e.key.clone())
                .collect(),
        );
        let mut put = |name: &str, ordinal: u32, members: Vec<EntityKey>| {
            let key = EntityKey::new(format!("risk-group:{name}"));
            let kind = EntityKind::RiskGroup { cause: "conduit".into(), members };
            let (parent, aliases, name) = (None, Vec::new(), name.to_owned());
            let entity = Entity { key: key.clone(), name, ordinal, parent, aliases, kind };
            twin.set(&Change::Entity { key: key.clone(), before: None, after: Some(Arc::new(entity)) });
            key
        };
        let inner = put("inner", 1, vec![cables[1].clone(), EntityKey::new("risk-group:outer")]);
        put("outer", 0, vec![inner, EntityKey::node("a"), EntityKey::new("gone")]);
        put("port", 2, vec![ports[0].clone()]);
        let csr = Csr::compile(&twin, Layer::Igp);
        let found: Vec<_> =
            of_twin(&Names::new(&twin, &csr)).iter().map(|g| (g.name.clone(), ids(g))).collect();
        assert_eq!(found[0], ("outer".into(), (vec![1], vec![0])));
        assert_eq!(found[1], ("inner".into(), (vec![1], vec![0])));
        assert_eq!(found[2].1.0.len(), 1);
    }
}
