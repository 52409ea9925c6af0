//! What fails on its own, and how often.

use engine::{Purpose, Seeds};
use models::failure::{
    DEVICES_FAIL_A_YEAR, FIBRE_REPAIR_H, FIBRE_YEAR_KM, GROUP_EVENTS, REPAIR_H, TEAVAR_WEIBULL,
};
use rand_distr::{Distribution, Weibull};
use twin::{Csr, EntityKey, LinkId, NodeId};

use super::{Phase, Preset};
use crate::planning::{FailureSet, Plan};

/// Hours of a year (365.25 days).
pub const YEAR_H: f64 = 8766.0;

/// Light in fibre travels a kilometre in 5 µs.
const FIBRE_S_PER_KM: f64 = 5e-6;

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
    /// It fails as often as one link does under this preset, where it has one of its own.
    pub failures: Option<Preset>,
}

/// The independent components of a network with their probabilities, and what is taken down on purpose. Components that
/// never fail are left out.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureModel {
    /// Where the probabilities come from.
    pub preset: Preset,
    /// The components: links, nodes, groups, each in the order of their numbers.
    pub components: Vec<Component>,
    /// The parts of the time by what is out on purpose then; their shares are 1 together.
    pub phases: Vec<Phase>,
}

/// A length that the preset needs and the network does not tell: name of the link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("link '{0}' has neither coordinates in degrees at both ends nor a delay: its length is unknown")]
pub struct UnknownLength(pub String);

impl FailureModel {
    /// The model of a network under a preset, without maintenance. Risk groups fail besides their members: as often as
    /// their own preset says, or else as if all groups together made three events in ten (Markopoulou et al., INFOCOM
    /// 2004), each alike.
    ///
    /// # Errors
    /// If a preset goes by length and a link's is unknown.
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
        let events = GROUP_EVENTS / (1.0 - GROUP_EVENTS) * of_links;
        let alike = ((events / groups.len() as f64).min(1.0), REPAIR_H);
        for group in groups {
            let own = group.failures.map(|preset| group_downtime(preset, csr, group, seeds)).transpose()?;
            let ((down, repair_h), set) = (own.unwrap_or(alike), group.set.clone());
            components.push(Component { key: group.key.clone(), set, down, repair_h });
        }
        components.retain(|c| c.down > 0.0);
        Ok(Self::of(preset, components))
    }

    /// The model of these components, without maintenance.
    pub fn of(preset: Preset, components: Vec<Component>) -> Self {
        Self { preset, components, phases: vec![Phase { share: 1.0, out: FailureSet::default() }] }
    }

    /// The same with other parts of the time: see [`phases`](super::phases).
    #[must_use]
    pub fn with_phases(self, phases: Vec<Phase>) -> Self {
        Self { phases, ..self }
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
    match preset {
        Preset::WanFibreKm => Ok(fibre_downtime(length_km(csr, link)?)),
        _ => Ok(downtime(preset, &csr.link_keys[link.index()], seeds)),
    }
}

/// The same of a group that fails like one link: of its links the longest counts.
fn group_downtime(
    preset: Preset,
    csr: &Csr,
    group: &RiskGroup,
    seeds: Seeds,
) -> Result<(f64, f64), UnknownLength> {
    if preset != Preset::WanFibreKm {
        return Ok(downtime(preset, &group.key, seeds));
    }
    let lengths: Result<Vec<_>, _> = group.set.links().iter().map(|link| length_km(csr, *link)).collect();
    let longest = lengths?.into_iter().fold(0.0, f64::max);
    if longest > 0.0 { Ok(fibre_downtime(longest)) } else { Err(UnknownLength(group.key.to_string())) }
}

fn fibre_downtime(km: f64) -> (f64, f64) {
    let between_h = FIBRE_YEAR_KM * YEAR_H / km;
    (FIBRE_REPAIR_H / (between_h + FIBRE_REPAIR_H), FIBRE_REPAIR_H)
}

/// Share of time that something is down which fails like a link, whatever its length, and mean time to repair in hours.
fn downtime(preset: Preset, key: &EntityKey, seeds: Seeds) -> (f64, f64) {
    match preset {
        Preset::WanTeavar => {
            let (shape, scale) = TEAVAR_WEIBULL;
            let drawn: Weibull<f64> = Weibull::new(scale, shape).expect("both are above 0");
            (drawn.sample(&mut seeds.trial(0).stream(DOWNTIME, key)).min(1.0), REPAIR_H)
        }
        Preset::Links(p) => (p, REPAIR_H),
        Preset::Repaired { mtbf_h, mttr_h } => (mttr_h / (mtbf_h + mttr_h), mttr_h),
        published => (published.published().map_or(0.0, |p| p.link_down), REPAIR_H),
    }
}

fn node_downtime(preset: Preset, edge: bool) -> f64 {
    let yearly = |share: f64| {
        let repair = -libm::log1p(-share) * REPAIR_H / YEAR_H;
        repair / (1.0 + repair)
    };
    let (top_of_rack, above) = DEVICES_FAIL_A_YEAR;
    match preset {
        Preset::DcGill => yearly(if edge { top_of_rack } else { above }),
        _ => preset.published().map_or(0.0, |p| p.node_down),
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
