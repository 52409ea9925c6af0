//! The links and groups that components share.

use twin::ArcId;

/// No position, no component, no link.
pub(super) const NONE: u32 = u32::MAX;

/// What is left of a link while the water rises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    /// Capacity that no frozen flow takes, in bit/s.
    pub(super) left: f64,
    /// Weight of the flows that are not frozen: an integer below 2^53, so that sums are exact in any order.
    pub(super) weight: f64,
}

impl Level {
    /// The rate per weight at which the link is full; meaningless without weight.
    pub(super) fn full_at(self) -> f64 {
        // Rounding may take a hair more than there is.
        self.left.max(0.0) / self.weight
    }
}

/// A half-link.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) capacity: f64,
    /// The component it belongs to, [`NONE`] while no flow crosses it.
    pub(super) component: u32,
    /// Its position among the component's links.
    pub(super) local: u32,
    /// Whether it was full or nearly so when it was last filled; true before.
    pub(super) scarce: bool,
    /// Groups with flows that cross it, each with the hop where it does.
    pub(super) crossing: Vec<Crossing>,
}

/// A group on a link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossing {
    pub(super) group: u32,
    /// Position in [`Net::hops`].
    hop: u32,
}

/// Flows of one path, weight and cap.
#[derive(Clone, Debug)]
pub(super) struct Group {
    first_hop: u32,
    end_hop: u32,
    /// Weight of one flow.
    pub(super) weight: f64,
    /// Most that one flow sends, in bit/s.
    pub(super) cap: f64,
    pub(super) flows: u32,
    /// Rate of one flow in bit/s.
    pub(super) rate: f64,
    /// The link that froze it; [`NONE`] for its own cap.
    pub(super) bottleneck: u32,
}

impl Group {
    /// The rate per weight at which a flow reaches its own cap.
    pub(super) fn cap_level(&self) -> f64 {
        self.cap / self.weight
    }

    pub(super) fn total_weight(&self) -> f64 {
        self.weight * f64::from(self.flows)
    }
}

/// All links and groups; who crosses what.
#[derive(Clone, Debug)]
pub(super) struct Net {
    pub(super) links: Vec<Link>,
    /// By link: how far it is filled. Beside [`Link`] because the inner loop touches nothing else.
    pub(super) levels: Vec<Level>,
    /// By link: how many groups of its component were frozen when it filled up; [`NONE`] while it is not full.
    pub(super) full_after: Vec<u32>,
    pub(super) groups: Vec<Group>,
    /// By group: its position in the component's order of freezing; [`NONE`] while it rises. Beside [`Group`] because a
    /// link that fills asks it of all groups that cross it.
    pub(super) frozen_at: Vec<u32>,
    /// The links of all paths, one path after the other.
    hops: Vec<u32>,
    /// By hop: the group's position in the link's `crossing`.
    slots: Vec<u32>,
}

impl Net {
    pub(super) fn new(capacities: impl IntoIterator<Item = f64>) -> Self {
        let link =
            |capacity| Link { capacity, component: NONE, local: NONE, scarce: true, crossing: Vec::new() };
        let links: Vec<_> = capacities.into_iter().map(link).collect();
        Self {
            levels: links.iter().map(|l| Level { left: l.capacity, weight: 0.0 }).collect(),
            full_after: vec![NONE; links.len()],
            groups: Vec::new(),
            frozen_at: Vec::new(),
            hops: Vec::new(),
            slots: Vec::new(),
            links,
        }
    }

    /// A group without flows.
    pub(super) fn add_group(&mut self, path: &[ArcId], weight: f64, cap: f64) -> u32 {
        let first_hop = self.hops.len() as u32;
        self.hops.extend(path.iter().map(|arc| arc.0));
        self.slots.resize(self.hops.len(), NONE);
        let end_hop = u32::try_from(self.hops.len()).expect("fewer than 2^32 hops");
        self.groups.push(Group { first_hop, end_hop, weight, cap, flows: 0, rate: 0.0, bottleneck: NONE });
        self.frozen_at.push(NONE);
        u32::try_from(self.groups.len() - 1).expect("fewer than 2^32 groups")
    }

    /// The links of a group's path.
    pub(super) fn path(&self, group: u32) -> &[u32] {
        let g = &self.groups[group as usize];
        &self.hops[g.first_hop as usize..g.end_hop as usize]
    }

    /// Enters a group into the lists of its links.
    pub(super) fn enter(&mut self, group: u32) {
        let g = &self.groups[group as usize];
        for hop in g.first_hop..g.end_hop {
            let crossing = &mut self.links[self.hops[hop as usize] as usize].crossing;
            self.slots[hop as usize] = crossing.len() as u32;
            crossing.push(Crossing { group, hop });
        }
    }

    /// Takes a group out of the lists of its links.
    pub(super) fn leave(&mut self, group: u32) {
        let g = &self.groups[group as usize];
        for hop in g.first_hop..g.end_hop {
            let slot = self.slots[hop as usize];
            let crossing = &mut self.links[self.hops[hop as usize] as usize].crossing;
            crossing.swap_remove(slot as usize);
            if let Some(moved) = crossing.get(slot as usize) {
                self.slots[moved.hop as usize] = slot;
            }
        }
    }

    /// Fixes the rate of a group's flows and takes it from its links. Returns how many links those are.
    pub(super) fn freeze(&mut self, group: u32, position: usize, rate: f64, bottleneck: u32) -> usize {
        let g = &mut self.groups[group as usize];
        g.rate = rate;
        self.frozen_at[group as usize] = position as u32;
        g.bottleneck = bottleneck;
        let (taken, weight) = (rate * f64::from(g.flows), g.total_weight());
        let path = &self.hops[g.first_hop as usize..g.end_hop as usize];
        for &link in path {
            let level = &mut self.levels[link as usize];
            level.left -= taken;
            level.weight -= weight;
        }
        path.len()
    }
}
