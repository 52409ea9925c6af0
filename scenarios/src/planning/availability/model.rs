//! What fails on its own, and how often.

use engine::{Purpose, Seeds};
use rand_distr::{Distribution, Weibull};
use twin::{Csr, EntityKey, LinkId, NodeId};

use super::Preset;
use crate::planning::{FailureSet, Plan};

/// Hours of a year (365.25 days).
pub const YEAR_H: f64 = 8766.0;

/// Mean time to repair where a preset gives only the share of downtime: 10 h, the median of Meza et al., IMC 2018, for
/// backbone edges (unverified).
const REPAIR_H: f64 = 10.0;

/// Mean time to repair of fibre.
const FIBRE_REPAIR_H: f64 = 24.0;

/// The years times kilometres between two cuts of a fibre.
const FIBRE_YEAR_KM: f64 = 450.0;

/// Light in fibre travels a kilometre in 5 µs.
const FIBRE_S_PER_KM: f64 = 5e-6;

/// 30 % of unplanned events hit several links (Markopoulou et al., INFOCOM 2004): three on groups for seven on single
/// links.
const GROUP_SHARE: f64 = 0.3 / 0.7;

/// The downtime of one link, drawn once.
const DOWNTIME: Purpose = Purpose::new("link-downtime");

/// Something that is up or down whatever the others are: a link, a node, or a risk group as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// The address of its chance.
    pub key: EntityKey,
    /// What is down with it.
    pub set: FailureSet,
    /// The share of time that it is down, from 0 to 1.
    pub down: f64,
    /// Mean time to repair in hours.
    pub repair_h: f64,
}

/// Links and nodes that share a fate: a conduit, a line card, a power feed.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskGroup {
    /// Its identity.
    pub key: EntityKey,
    /// What is down with it.
    pub set: FailureSet,
}

/// The independent components of a network with their probabilities. Those that never fail are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureModel {
    /// Where the probabilities come from.
    pub preset: Preset,
    /// The components: links, nodes, groups, each in the order of their numbers.
    pub components: Vec<Component>,
}

/// A length that the preset needs and the network does not tell: name of the link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("link '{0}' has neither coordinates in degrees at both ends nor a delay: its length is unknown")]
pub struct UnknownLength(pub String);

impl FailureModel {
    /// The model of a network under a preset. Risk groups fail besides their members, together as often as three events
    /// in ten (Markopoulou et al., INFOCOM 2004), each group alike; with [`Preset::Links`] links are independent and
    /// groups are not heeded.
    ///
    /// # Errors
    /// If the preset goes by length and a link's is unknown.
    pub fn new(
        preset: Preset,
        plan: &Plan<'_>,
        groups: &[RiskGroup],
        seeds: Seeds,
    ) -> Result<Self, UnknownLength> {
        let csr = plan.csr();
        let mut components = Vec::new();
        let links = (0..csr.link_count()).map(LinkId::new);
        // A link that was taken away keeps its number and has no arcs; a bundle fails by its members.
        for link in links.filter(|link| csr.is_single(*link)) {
            let (down, repair_h) = link_downtime(preset, csr, link, seeds)?;
            let (key, set) = (csr.link_keys[link.index()].clone(), FailureSet::new(vec![link], Vec::new()));
            components.push(Component { key, set, down, repair_h });
        }
        let of_links: f64 = components.iter().map(|c| c.down).sum();
        let edge = edge_nodes(plan);
        for node in (0..csr.node_count()).map(NodeId::new) {
            let down = node_downtime(preset, edge[node.index()]);
            let (key, set) = (csr.node_keys[node.index()].clone(), FailureSet::new(Vec::new(), vec![node]));
            components.push(Component { key, set, down, repair_h: REPAIR_H });
        }
        if !matches!(preset, Preset::Links(_)) {
            let down = (GROUP_SHARE * of_links / groups.len() as f64).min(1.0);
            components.extend(groups.iter().map(|g| Component {
                key: g.key.clone(),
                set: g.set.clone(),
                down,
                repair_h: REPAIR_H,
            }));
        }
        components.retain(|c| c.down > 0.0);
        Ok(Self { preset, components })
    }

    /// The expected number of components that are down.
    pub fn expected_down(&self) -> f64 {
        self.components.iter().map(|c| c.down).sum()
    }

    /// What is down when these components are.
    pub fn set(&self, down: impl IntoIterator<Item = u32>) -> FailureSet {
        let (mut links, mut nodes) = (Vec::new(), Vec::new());
        for component in down {
            let set = &self.components[component as usize].set;
            links.extend_from_slice(set.links());
            nodes.extend_from_slice(set.nodes());
        }
        FailureSet::new(links, nodes)
    }
}

/// Share of time that a link is down, and mean time to repair in hours.
fn link_downtime(preset: Preset, csr: &Csr, link: LinkId, seeds: Seeds) -> Result<(f64, f64), UnknownLength> {
    Ok(match preset {
        Preset::WanCenic => (0.005, REPAIR_H),
        Preset::WanFibreKm => {
            let between_h = FIBRE_YEAR_KM * YEAR_H / length_km(csr, link)?;
            (FIBRE_REPAIR_H / (between_h + FIBRE_REPAIR_H), FIBRE_REPAIR_H)
        }
        Preset::WanTeavar => {
            let mut stream = seeds.trial(0).stream(DOWNTIME, &csr.link_keys[link.index()]);
            let downtime: Weibull<f64> = Weibull::new(1e-4, 0.8).expect("both are above 0");
            (downtime.sample(&mut stream).min(1.0), REPAIR_H)
        }
        Preset::DcGill => (0.0008, REPAIR_H),
        Preset::UniformNetdice => (0.001, REPAIR_H),
        Preset::Links(p) => (p, REPAIR_H),
        Preset::Repaired { mtbf_h, mttr_h } => (mttr_h / (mtbf_h + mttr_h), mttr_h),
    })
}

fn node_downtime(preset: Preset, edge: bool) -> f64 {
    let yearly = |share: f64| {
        let repair = -libm::log1p(-share) * REPAIR_H / YEAR_H;
        repair / (1.0 + repair)
    };
    match preset {
        Preset::DcGill => yearly(if edge { 0.05 } else { 0.10 }),
        Preset::UniformNetdice => 0.0001,
        _ => 0.0,
    }
}

/// Nodes where traffic enters or leaves: in a fabric, the switches at the top of the racks.
fn edge_nodes(plan: &Plan<'_>) -> Vec<bool> {
    let mut edge = vec![false; plan.csr().node_count()];
    for demand in plan.demands() {
        (edge[demand.src.index()], edge[demand.dst.index()]) = (true, true);
    }
    edge
}

/// The great circle between both ends, or else what the delay says; at least 1 km.
fn length_km(csr: &Csr, link: LinkId) -> Result<f64, UnknownLength> {
    let unknown = || UnknownLength(csr.link_names[link.index()].clone());
    let arc = csr.link_arcs[csr.carrier(link).index()].first().ok_or_else(unknown)?;
    let place = |node: NodeId| csr.locations[node.index()].filter(|l| l.geographical);
    if let (Some(a), Some(b)) = (place(csr.src[arc.index()]), place(csr.dst[arc.index()])) {
        return Ok(a.distance(&b).max(1.0));
    }
    let delay_s = csr.delay[arc.index()].as_secs_f64();
    if delay_s > 0.0 { Ok((delay_s / FIBRE_S_PER_KM).max(1.0)) } else { Err(unknown()) }
}
