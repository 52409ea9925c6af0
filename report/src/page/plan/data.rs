//! What the page about a study shows, as plain data.

use twin::Fidelity;

use super::super::data::{CausePlace, Map, Reproduce};

/// Everything on the page about a study of failures. [`render`](Self::render) turns it into HTML. Utilisation is load /
/// capacity without a cap; infinite where there is load and no capacity. Lost volume is a share of all volume.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanPage {
    /// The network: `polska`.
    pub title: String,
    /// One line below the title: what was asked.
    pub subtitle: String,
    /// The fullest arc with nothing down; none in a network without arcs.
    pub base: Option<Full>,
    /// Volume without a path with nothing down.
    pub base_lost: f64,
    /// How many failures were looked at.
    pub failures: u64,
    /// The failures with the fullest arcs, fullest first.
    pub worst: Vec<Event>,
    /// The failures that lose most volume, most first; none that loses nothing.
    pub lossiest: Vec<Event>,
    /// Of all failures how full the fullest arc is: a utilisation and how many failures have it, ascending.
    pub spread: Vec<(f64, u64)>,
    /// The utilisation that is not to be exceeded, and how many scenarios exceed it, that with nothing down among them.
    pub threshold: Option<(f64, u64)>,
    /// How a bound of the latency is kept.
    pub latency: Option<Breaches>,
    /// How many failures cut off a node or a demand.
    pub cut_off_by: u64,
    /// How many cut off nobody, and leave somebody whom one more link would cut off.
    pub exposed_by: u64,
    /// The failures that expose most volume, most first.
    pub spare: Vec<SpareLost>,
    /// Windows of maintenance in the order of the calendar; none where nothing is taken down.
    pub windows: Vec<WindowPart>,
    /// Classes of service, highest priority first; none where none are given.
    pub classes: Vec<ClassPart>,
    /// The smallest maximum utilisation that any routing could reach with nothing down.
    pub optimal: Option<f64>,
    /// The network; each half-link with its utilisation in the worst of the failures.
    pub map: Map,
    /// Where the fullest arc of the worst failure is on the map.
    pub marked: Option<CausePlace>,
    /// What is down in that failure.
    pub down: Vec<CausePlace>,
    /// The fullest arcs, of each link the fuller one, fullest first.
    pub arcs: Vec<FullArc>,
    /// Where an edit was made: the arcs whose worst case it changes most, and how many get fuller and emptier.
    pub changes: Option<(Vec<Change>, u64, u64)>,
    /// What is left out.
    pub not_modelled: Fidelity,
    /// How to get this page again.
    pub reproduce: Reproduce,
}

/// An arc and how full it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Full {
    /// The arc: `a → b`; empty in a network without links.
    pub arc: String,
    /// Its utilisation.
    pub util: f64,
}

/// A failure and what it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// What fails, by name.
    pub failure: String,
    /// The fullest arc then.
    pub full: Full,
    /// Volume lost, that of nodes that are down included.
    pub lost: f64,
    /// Ordered pairs with demand and no path, those of nodes that are down not counted.
    pub pairs: u32,
}

/// An arc and the failures that fill it most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FullArc {
    /// The arc: `a → b`.
    pub arc: String,
    /// Its utilisation with nothing down.
    pub base: f64,
    /// The failures that fill it most and how full each makes it, fullest first.
    pub causes: Vec<(String, f64)>,
}

/// A failure that takes the spare way from somebody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpareLost {
    /// What fails, by name.
    pub failure: String,
    /// Nodes that it cuts off.
    pub cut_off: Vec<String>,
    /// Nodes that it does not, and one more link would.
    pub exposed: Vec<String>,
    /// Demands that one more link would cut off.
    pub demands: u64,
    /// Their volume.
    pub volume: f64,
    /// How many links would, each alone.
    pub links: u64,
}

/// A window of maintenance under the traffic that is hardest on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WindowPart {
    /// Its name, or what is taken down.
    pub name: String,
    /// When it is, in words.
    pub when: String,
    /// The fullest utilisation with nothing else down.
    pub alone: f64,
    /// The fullest arc with any one more failure, or alone.
    pub worst: Full,
    /// What fails besides then; none where alone is the worst.
    pub failure: Option<String>,
    /// Demands that lose their path at once, other than of nodes taken down.
    pub cut_off: u64,
    /// Demands that any one link would cut off then, and could not before.
    pub exposed: u64,
}

/// A class of service under strict priority.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassPart {
    /// Its name.
    pub name: String,
    /// Its volume as a share of all.
    pub volume: f64,
    /// The largest utilisation by it and all classes above it, with nothing down.
    pub base: f64,
    /// The same over all scenarios.
    pub worst: f64,
    /// Where that is: `a -> b`; none where nothing is carried.
    pub worst_arc: Option<String>,
    /// What is down then.
    pub worst_failure: String,
    /// The smallest share of its load that an arc serves, over all scenarios.
    pub least_served: f64,
    /// Where that is.
    pub squeezed_arc: Option<String>,
    /// What is down then.
    pub squeezed_failure: Option<String>,
    /// The largest share of it that is lost in one scenario.
    pub most_lost: f64,
}

/// How a bound of the latency is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Breaches {
    /// The bound in ms.
    pub bound_ms: f64,
    /// Demands beyond it with nothing down.
    pub base: u64,
    /// Most of them in one scenario.
    pub most: u64,
    /// What is down in that one.
    pub failure: String,
}

/// An arc before and after an edit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// The arc: `a → b`.
    pub arc: String,
    /// Utilisation with nothing down, before and after.
    pub base: (f64, f64),
    /// Utilisation in the worst failure, before and after.
    pub worst: (f64, f64),
}
