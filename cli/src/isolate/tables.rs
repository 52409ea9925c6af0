//! Causes, sets, evidence and elements as rows.

use report::{Member, Table, schema};
use scenarios::alarms::network::Network;
use scenarios::fabric::topology::{Fabric, Link};
use scenarios::fabric::verdict::{Verdict, What};
use scenarios::telemetry::classes::Class;
use scenarios::telemetry::verdict::of_number;
use scenarios::telemetry::watch::Watch;

use crate::failure::Failure;
use crate::target::TargetFolder;

/// Where causes are: what they are called, and which elements they are.
pub(crate) trait Names {
    /// Class and names of a cause.
    fn names(&self, what: What) -> (&'static str, String, Option<String>);
    /// The element of a cause by its number in the table of elements.
    fn entity(&self, what: What) -> Option<u32>;
    /// What is counted as a report.
    fn reports(&self) -> &'static str;
    /// What would have been seen if this were not a cause.
    fn otherwise(&self, what: What) -> &'static str {
        match self.names(what).0 {
            "link_loss" => "flows over it would have lost no more packets than flows beside it",
            "device" => "its links would have failed no more often than those of other devices",
            "group" => "no more of its links would have failed than of others",
            "congestion" => {
                "its queue would have discarded nothing, or flows would have lost packets without that"
            }
            "blackhole" => "some of what was for that rack would have come through",
            "stale_link" => "some of the flows that are spread over all paths would have taken it",
            "none" => "something would have lost more than the rest",
            _ => "one of the causes that have a name would have explained what was seen",
        }
    }
    /// The element of a cause in words; empty where its names say it.
    fn element(&self, _: What) -> String {
        String::new()
    }
    /// A cause in words.
    fn words(&self, what: What) -> String {
        let (class, a, b) = self.names(what);
        match (what, b) {
            (What::BlackHole(..), Some(b)) => format!("black hole at {a} for rack {b}"),
            (_, Some(b)) => format!("{} {a} → {b}", class.replace('_', " ")),
            (What::None, _) => "nothing is wrong".to_owned(),
            (What::Unknown, _) => "something that has no name here".to_owned(),
            _ => format!("{class} {a}"),
        }
    }
}

/// The tables of an answer.
pub(crate) struct Tables {
    /// The elements.
    entities: Table,
    /// Causes.
    causes: Table,
    /// Sets of causes.
    sets: Table,
    /// Evidence.
    evidence: Table,
}

impl Tables {
    /// No case yet.
    pub(crate) fn new(entities: Table) -> Self {
        Self {
            entities,
            causes: Table::new(&schema::CAUSES),
            sets: Table::new(&schema::SETS),
            evidence: Table::new(&schema::EVIDENCE),
        }
    }

    /// Writes all of them.
    pub(crate) fn write(&self, folder: &mut TargetFolder) -> Result<(), Failure> {
        [&self.entities, &self.causes, &self.sets, &self.evidence]
            .into_iter()
            .try_for_each(|t| folder.write(t))
    }

    /// Adds the answer to a case.
    pub(crate) fn add(&mut self, case: u32, place: &dyn Names, verdict: &Verdict) {
        for cause in &verdict.causes {
            let (class, a, b) = place.names(cause.what);
            let named = (class, a.as_str(), b.as_deref());
            self.cause(
                case,
                named,
                &CauseRow {
                    entity: place.entity(cause.what),
                    object: matches!(cause.what, What::BlackHole(..)).then_some(b.as_deref()).flatten(),
                    probability: cause.probability,
                    std_error: cause.std_error,
                    severity: cause.severity,
                    onset: cause.onset,
                    log_bayes: cause.ledger.log_bayes,
                    rung: "algebra",
                    same_as: cause.same_as,
                },
            );
            for item in &cause.ledger.items {
                self.evidence(case, named, (item.source, &item.item), item.log_bayes);
            }
        }
        for (rank, (set, probability)) in (1u32..).zip(&verdict.sets) {
            let member = |what: &What| {
                let (class, a, b) = place.names(*what);
                Member { class: class.to_owned(), a, b }
            };
            self.set(case, rank, *probability, set.iter().map(member).collect());
        }
    }

    /// Adds a cause.
    pub(super) fn cause(&mut self, case: u32, (class, a, b): Named<'_>, cause: &CauseRow<'_>) {
        let (severity, onset) = (cause.severity, cause.onset);
        self.causes
            .row()
            .set("case", case)
            .set("class", class)
            .set("a", a)
            .set("b", b)
            .set("entity", cause.entity)
            .set("object", cause.object)
            .set("probability", cause.probability)
            .set("std_error", cause.std_error)
            .set("severity", severity.map(|s| s.0))
            .set("severity_lo", severity.map(|s| s.1))
            .set("severity_hi", severity.map(|s| s.2))
            .set("onset_ns", onset.map(|o| o.0))
            .set("onset_lo", onset.map(|o| o.1))
            .set("onset_hi", onset.map(|o| o.2))
            .set("log_bayes", cause.log_bayes)
            .set("rung", cause.rung)
            .set("same_as", cause.same_as)
            .end();
    }

    /// Adds an item of a cause's ledger: its source, what it is, its log Bayes factor.
    pub(super) fn evidence(
        &mut self,
        case: u32,
        (class, a, b): Named<'_>,
        (source, item): (&str, &str),
        log_bayes: f64,
    ) {
        self.evidence
            .row()
            .set("case", case)
            .set("class", class)
            .set("a", a)
            .set("b", b)
            .set("source", source)
            .set("item", item)
            .set("log_bayes", log_bayes)
            .end();
    }

    /// Adds a set of causes.
    pub(super) fn set(&mut self, case: u32, rank: u32, probability: f64, members: Vec<Member>) {
        self.sets
            .row()
            .set("case", case)
            .set("rank", rank)
            .set("probability", probability)
            .set("members", members)
            .end();
    }
}

/// Class of a cause, and its place as tables name it.
pub(super) type Named<'a> = (&'a str, &'a str, Option<&'a str>);

/// What a table of causes says beside names, however the cause was found.
pub(super) struct CauseRow<'a> {
    pub(super) entity: Option<u32>,
    pub(super) object: Option<&'a str>,
    pub(super) probability: f64,
    pub(super) std_error: f64,
    /// Mean and central 95 % interval.
    pub(super) severity: Option<(f64, f64, f64)>,
    /// Mean and central 95 % interval, in ns since the Unix epoch.
    pub(super) onset: Option<(i64, i64, i64)>,
    pub(super) log_bayes: f64,
    pub(super) rung: &'a str,
    pub(super) same_as: Option<u32>,
}

/// The elements of a fabric: nodes by name, links as in the topology, groups as in their file.
pub(crate) fn of_fabric(fabric: &Fabric, groups: &[Vec<Link>]) -> Table {
    let mut table = Table::new(&schema::ENTITIES);
    let (nodes, links) = (fabric.node_count() as u32, fabric.link_count() as u32);
    let mut groups_of = vec![Vec::new(); links as usize];
    for (number, group) in (nodes + links..).zip(groups) {
        group.iter().for_each(|link| groups_of[*link as usize].push(number));
    }
    for node in 0..nodes {
        add(&mut table, node, "node", fabric.name(node).to_string(), None, Vec::new());
    }
    for (number, link) in (nodes..).zip(0..links) {
        let (a, b) = fabric.ends(link);
        let (a, b) = (fabric.name(a).to_string(), fabric.name(b).to_string());
        let groups = std::mem::take(&mut groups_of[link as usize]);
        add(&mut table, number, "half-link", format!("{a}>{b}"), Some((a, b)), groups);
    }
    for (number, i) in (nodes + links..).zip(0..groups.len()) {
        add(&mut table, number, "risk-group", i.to_string(), None, Vec::new());
    }
    table
}

/// The elements of a network with alarms: links, then groups, as in its file.
pub(crate) fn of_network(network: &Network) -> Table {
    let mut table = Table::new(&schema::ENTITIES);
    let links = network.links.len() as u32;
    let mut groups_of = vec![Vec::new(); links as usize];
    for (number, group) in (links..).zip(&network.groups) {
        group.links.iter().for_each(|link| groups_of[*link as usize].push(number));
    }
    for ((number, link), groups) in (0..links).zip(&network.links).zip(groups_of) {
        let ends = (link.a.to_string(), link.b.to_string());
        add(&mut table, number, "link", number.to_string(), Some(ends), groups);
    }
    for (number, i) in (links..).zip(0..network.groups.len()) {
        add(&mut table, number, "risk-group", i.to_string(), None, Vec::new());
    }
    table
}

/// The routers of a recording and their ports.
pub(crate) fn of_telemetry(watch: &Watch<'_>) -> Table {
    let mut table = Table::new(&schema::ENTITIES);
    let routers = watch.devices.len() as u32;
    for (number, device) in (0..).zip(&watch.devices) {
        add(&mut table, number, "node", device.name.clone(), None, Vec::new());
    }
    let ports = &watch.recording.ports;
    for (number, port) in (routers..).zip(ports) {
        let peer = port.peer.map_or_else(String::new, |p| ports[p as usize].device.clone());
        add(&mut table, number, "interface", port.name(), Some((port.device.clone(), peer)), Vec::new());
    }
    table
}

fn add(
    table: &mut Table,
    number: u32,
    kind: &str,
    name: String,
    ends: Option<(String, String)>,
    groups: Vec<u32>,
) {
    let (a, b) = ends.unzip();
    table
        .row()
        .set("entity", number)
        .set("key", format!("{kind}:{name}"))
        .set("kind", kind)
        .set("name", name)
        .set("node_a", a)
        .set("node_b", b)
        .set("groups", groups)
        .end();
}

impl Names for Fabric {
    fn names(&self, what: What) -> (&'static str, String, Option<String>) {
        let name = |node: u32| self.name(node).to_string();
        let ends = |class, link| {
            let (a, b) = self.ends(link);
            (class, name(a), Some(name(b)))
        };
        match what {
            What::LinkLoss(link) => ends("link_loss", link),
            What::Congestion(link) => ends("congestion", link),
            What::StaleLink(link) => ends("stale_link", link),
            What::Device(node) => ("device", name(node), None),
            What::Group(group) => ("group", group.to_string(), None),
            What::BlackHole(device, rack) => ("blackhole", name(device), Some(name(rack))),
            What::Unknown | What::Listed(_) => ("unknown", String::new(), None),
            What::None => ("none", String::new(), None),
        }
    }

    fn entity(&self, what: What) -> Option<u32> {
        let nodes = self.node_count() as u32;
        match what {
            What::LinkLoss(link) | What::Congestion(link) | What::StaleLink(link) => Some(nodes + link),
            What::Device(node) | What::BlackHole(node, _) => Some(node),
            What::Group(group) => Some(nodes + self.link_count() as u32 + group),
            What::Unknown | What::None | What::Listed(_) => None,
        }
    }

    fn reports(&self) -> &'static str {
        "flows"
    }
}

/// Of routers: the router, and the port of a cause that has one.
impl Names for Watch<'_> {
    fn names(&self, what: What) -> (&'static str, String, Option<String>) {
        let listed = if let What::Listed(n) = what { of_number(self, n) } else { None };
        match (listed, what) {
            (Some((class @ (Class::Device | Class::BlackHole), at)), _) => {
                (class.name(), self.devices[at as usize].name.clone(), None)
            }
            (Some((class, at)), _) => {
                let port = &self.recording.ports[at as usize];
                (class.name(), port.device.clone(), Some(port.interface.clone()))
            }
            (None, What::None) => ("none", String::new(), None),
            (None, _) => ("unknown", String::new(), None),
        }
    }

    fn entity(&self, what: What) -> Option<u32> {
        let What::Listed(n) = what else { return None };
        match of_number(self, n)? {
            (Class::Device | Class::BlackHole, at) => Some(at),
            (_, at) => Some(self.devices.len() as u32 + at),
        }
    }

    fn reports(&self) -> &'static str {
        "series"
    }

    fn otherwise(&self, what: What) -> &'static str {
        match self.names(what).0 {
            "link_down" => {
                "its carrier would have stayed, its sessions up, and its traffic would have gone on"
            }
            "link_up" => "its carrier and its sessions would have stayed down",
            "link_flap" => "its carrier would have stayed",
            "bfd_down" => "its sessions would have stayed up; had the link gone down, its carrier too",
            "bfd_up" => "its sessions would have stayed down",
            "link_loss" => "the other end would have received what was sent, without errors",
            "congestion" => "its queue would have dropped nothing, as it does below its capacity",
            "blackhole" => "it would have put out what it took in",
            "device" => "its links would have failed no more often than those of other routers",
            "none" => "some series would have left what is usual there",
            _ => "one of the causes that have a name would have explained what was seen",
        }
    }

    fn element(&self, what: What) -> String {
        let (_, a, b) = self.names(what);
        b.map_or_else(String::new, |b| format!("{a} {b}"))
    }

    fn words(&self, what: What) -> String {
        let (class, a, b) = self.names(what);
        let class = match class {
            "bfd_down" => "BFD down".to_owned(),
            "bfd_up" => "BFD up".to_owned(),
            "blackhole" => "black hole at".to_owned(),
            _ => class.replace('_', " "),
        };
        match what {
            What::None => "nothing is wrong".to_owned(),
            What::Unknown => "something that has no name here".to_owned(),
            _ => b.map_or_else(|| format!("{class} {a}"), |b| format!("{class} {a} {b}")),
        }
    }
}

/// Of a network with alarms groups alone are causes.
impl Names for Network {
    fn otherwise(&self, what: What) -> &'static str {
        match what {
            What::Group(_) => "its links would have raised no more alarms than others",
            What::None => "links that share a risk would have raised alarms together",
            _ => "the alarms would have followed a group",
        }
    }

    fn names(&self, what: What) -> (&'static str, String, Option<String>) {
        match what {
            What::Group(group) => ("group", group.to_string(), None),
            What::None => ("none", String::new(), None),
            _ => ("unknown", String::new(), None),
        }
    }

    fn entity(&self, what: What) -> Option<u32> {
        match what {
            What::Group(group) => Some(self.links.len() as u32 + group),
            _ => None,
        }
    }

    fn reports(&self) -> &'static str {
        "alarms"
    }
}
