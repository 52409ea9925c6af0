//! The classes of causes. A new one is a file here and a line in [`CLASSES`].

mod capacity;
mod hash;
mod link_down;
mod link_loss;
mod metric;
mod queue;
mod shaper;

use std::collections::BTreeMap;

use models::Routing;
use twin::{ArcId, Csr, LinkId, NodeId};

use super::state::Change;
pub(super) use metric::METRIC;

/// Every class.
pub static CLASSES: [&Class; 7] = [
    &link_loss::LINK_LOSS,
    &link_down::LINK_DOWN,
    &metric::METRIC,
    &capacity::CAPACITY,
    &shaper::SHAPER,
    &queue::QUEUE,
    &hash::HASH,
];

/// A class of causes: where they may be, and what they change.
#[derive(Debug)]
pub struct Class {
    /// Its name in tables.
    pub name: &'static str,
    /// What it is, for people; the place comes after it.
    pub words: &'static str,
    /// What its severity is, for people, if it has one.
    pub severity: &'static str,
    /// Where it may be.
    pub places: fn(&Csr, &Routing) -> Vec<Place>,
    /// The forms that it may take at a place, for a severity to be summed over.
    pub forms: fn(&Csr, Place) -> Vec<Form>,
    /// What a severity between those of the forms changes; nothing if there is none between.
    pub between: Option<fn(ArcId, f64) -> Change>,
    /// All forms at a place with their shares of the prior, where [`forms`](Self::forms) are some of them only.
    pub finer: Option<Finer>,
    /// How often it begins at one place, per hour.
    pub per_h: f64,
    /// Whether a part that wears out shows so.
    pub wears: bool,
}

/// The forms at a place with their shares of the prior.
pub type Finer = fn(&Csr, &Routing, Place) -> Vec<(Form, f64)>;

/// Where a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// One direction of a link.
    Arc(ArcId),
    /// A link.
    Link(LinkId),
    /// A node.
    Node(NodeId),
}

/// One form of a cause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// What it changes.
    pub change: Change,
    /// How severe it is, if the class has a severity.
    pub severity: Option<f64>,
}

/// A cause: a class at a place.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    /// What it is.
    pub class: &'static Class,
    /// Where it is.
    pub place: Place,
}

impl PartialEq for Cause {
    fn eq(&self, other: &Self) -> bool {
        self.class.name == other.class.name && self.place == other.place
    }
}

impl Cause {
    /// Every cause of a network, in a fixed order, but for the classes that are left out by name.
    pub fn all(csr: &Csr, routing: &Routing, without: &[String]) -> Vec<Cause> {
        let classes = CLASSES.into_iter().filter(|c| !without.iter().any(|w| w == c.name));
        classes
            .flat_map(|class| {
                (class.places)(csr, routing).into_iter().map(move |place| Cause { class, place })
            })
            .collect()
    }

    /// How often it begins, per hour, where links wear out at these rates, per hour.
    pub fn per_h(&self, csr: &Csr, worn: &BTreeMap<LinkId, f64>) -> f64 {
        let link = match self.place {
            Place::Arc(arc) => Some(csr.link[arc.index()]),
            Place::Link(link) => Some(link),
            Place::Node(_) => None,
        };
        let worn = link.filter(|_| self.class.wears).and_then(|link| worn.get(&link));
        self.class.per_h + worn.copied().unwrap_or(0.0)
    }

    /// The forms that it may take. Severities, where there are some between, stand for their cells in the logarithm; other
    /// forms are equally likely.
    pub fn forms(&self, csr: &Csr) -> Vec<Form> {
        (self.class.forms)(csr, self.place)
    }

    /// The form of a severity, if there are others than those of the forms.
    pub fn form_at(&self, severity: f64) -> Option<Form> {
        match (self.class.between, self.place) {
            (Some(change), Place::Arc(arc)) => {
                Some(Form { change: change(arc, severity), severity: Some(severity) })
            }
            _ => None,
        }
    }

    /// The names of its ends: from a to b, a link's first arc, or a node and nothing.
    pub fn ends(&self, csr: &Csr) -> (String, Option<String>) {
        let name = |n: NodeId| csr.node_names[n.index()].clone();
        let ends = |arc: ArcId| (name(csr.src[arc.index()]), Some(name(csr.dst[arc.index()])));
        match self.place {
            Place::Arc(arc) => ends(arc),
            Place::Link(link) => ends(csr.link_arcs[link.index()][0]),
            Place::Node(node) => (name(node), None),
        }
    }

    /// The element as people write it.
    pub fn element(&self, csr: &Csr) -> String {
        match self.place {
            Place::Arc(arc) => csr.arc_name(arc),
            Place::Link(link) => csr.arc_name(csr.link_arcs[link.index()][0]).replacen(" -> ", " - ", 1),
            Place::Node(node) => csr.node_names[node.index()].clone(),
        }
    }
}

/// All half-links that lead from one node to another.
fn arcs(csr: &Csr, _: &Routing) -> Vec<Place> {
    let arcs = (0..csr.arc_count()).map(ArcId::new);
    arcs.filter(|a| csr.src[a.index()] != csr.dst[a.index()]).map(Place::Arc).collect()
}

/// All links between two nodes.
fn links(csr: &Csr, _: &Routing) -> Vec<Place> {
    let links = (0..csr.link_count()).map(LinkId::new);
    let real = |l: &LinkId| csr.link_arcs[l.index()].iter().any(|a| csr.src[a.index()] != csr.dst[a.index()]);
    links.filter(real).map(Place::Link).collect()
}

/// Severities that are even in the logarithm.
fn log_grid(low: f64, high: f64, points: usize) -> impl Iterator<Item = f64> {
    let step = libm::log(high / low) / (points - 1) as f64;
    (0..points).map(move |i| low * libm::exp(step * i as f64))
}

/// The forms of a class that changes half-links.
fn at_arc(
    place: Place,
    severities: impl Iterator<Item = f64>,
    change: impl Fn(ArcId, f64) -> Change,
) -> Vec<Form> {
    let Place::Arc(arc) = place else { return Vec::new() };
    severities.map(|s| Form { change: change(arc, s), severity: Some(s) }).collect()
}
