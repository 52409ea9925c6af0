//! Max-min fair rates that follow changes.

use twin::ArcId;

use super::component::{Component, Scratch};
use super::net::{NONE, Net};

/// A group's number: flows of equal path, weight and cap, in the order in which they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl GroupId {
    /// The position.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Max-min fair rates of flows on fixed paths: no flow can have more without another, that has no more per weight,
/// having less. Each flow runs at its cap, or crosses a full link on which no flow has more per weight.
///
/// Flows of equal path, weight and cap are one *group* and cost as one. After changes [`share`](Self::share) computes
/// anew what they can reach: groups that are connected to them by links, at levels not below theirs. The rates are exact
/// up to rounding, about 10⁻¹⁶ of a capacity for each flow that crosses it. The same calls give the same bits.
///
/// ```
/// use twin::ArcId;
/// use umbra_models::fluid::MaxMin;
///
/// let mut net = MaxMin::new([1e9, 2e9]);
/// let long = net.add_group(&[ArcId(0), ArcId(1)], 1, f64::INFINITY);
/// let short = net.add_group(&[ArcId(1)], 1, f64::INFINITY);
/// net.set_flows(long, 1);
/// net.set_flows(short, 1);
/// net.share();
/// assert_eq!((net.rate(long), net.rate(short)), (1e9, 1e9));
/// net.set_capacity(ArcId(0), 0.5e9);
/// net.share();
/// assert_eq!((net.rate(long), net.rate(short)), (0.5e9, 1.5e9));
/// ```
#[derive(Clone, Debug)]
pub struct MaxMin {
    net: Net,
    components: Vec<Component>,
    /// Numbers of components that are no more.
    free: Vec<u32>,
    /// Components to fill, in the order of the changes.
    dirty: Vec<u32>,
    changed: Vec<GroupId>,
    scratch: Scratch,
}

impl MaxMin {
    /// Links of these capacities in bit/s, numbered from 0, without flows.
    ///
    /// # Panics
    /// On a capacity that is negative or not finite.
    pub fn new(capacities: impl IntoIterator<Item = f64>) -> Self {
        let net = Net::new(capacities.into_iter().inspect(|c| check_capacity(*c)));
        Self {
            net,
            components: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            changed: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Adds a group without flows: the links that they cross, the weight of a flow, and the most that a flow sends in
    /// bit/s (infinity: as much as it gets). A link may be crossed more than once. Groups stay; one without flows costs
    /// only memory.
    ///
    /// # Panics
    /// On an empty path, an unknown link, a weight of 0, or a cap that is negative or NaN.
    pub fn add_group(&mut self, path: &[ArcId], weight: u64, cap: f64) -> GroupId {
        assert!(!path.is_empty(), "a flow crosses at least one link");
        assert!(path.iter().all(|arc| arc.index() < self.net.links.len()), "a path of known links");
        assert!(weight > 0, "a weight is positive");
        assert!(cap >= 0.0, "a cap is {cap}");
        GroupId(self.net.add_group(path, weight as f64, cap))
    }

    /// Sets how many flows a group has. Weights of the flows on one link must add up to less than 2^53.
    pub fn set_flows(&mut self, group: GroupId, flows: u32) {
        let before = self.net.groups[group.index()].flows;
        if flows == before {
            return;
        }
        let component = if before == 0 { self.connect(group.0) } else { self.component_of(group.0) };
        let c = &mut self.components[component as usize];
        if before == 0 {
            self.net.enter(group.0);
            c.add_group(&mut self.net, group.0);
        }
        c.set_flows(&mut self.net, group.0, flows);
        if flows == 0 {
            c.remove_group(&mut self.net, group.0);
            self.net.leave(group.0);
        }
        self.dirty.push(component);
    }

    /// Sets the most that one flow of a group sends, in bit/s.
    ///
    /// # Panics
    /// On a cap that is negative or NaN.
    pub fn set_cap(&mut self, group: GroupId, cap: f64) {
        assert!(cap >= 0.0, "a cap is {cap}");
        let g = &mut self.net.groups[group.index()];
        if g.flows == 0 {
            g.cap = cap;
        } else if g.cap != cap {
            let component = self.component_of(group.0);
            self.components[component as usize].set_cap(&mut self.net, group.0, cap);
            self.dirty.push(component);
        }
    }

    /// Sets the capacity of a link in bit/s.
    ///
    /// # Panics
    /// On a capacity that is negative or not finite.
    pub fn set_capacity(&mut self, link: ArcId, capacity: f64) {
        check_capacity(capacity);
        let l = &mut self.net.links[link.index()];
        if l.component == NONE {
            l.capacity = capacity;
        } else if l.capacity != capacity {
            let component = l.component;
            self.components[component as usize].set_capacity(&mut self.net, link.0, capacity);
            self.dirty.push(component);
        }
    }

    /// Brings the rates up to date.
    pub fn share(&mut self) {
        self.changed.clear();
        for number in std::mem::take(&mut self.dirty) {
            if self.components[number as usize].dirty {
                for part in self.split(number) {
                    let component = &mut self.components[part as usize];
                    let start = component.fill(&mut self.net, &mut self.scratch);
                    self.changed.extend(component.frozen[start..].iter().map(|g| GroupId(*g)));
                }
            }
        }
    }

    /// The groups with flows whose rates the last [`share`](Self::share) computed anew; they may be what they were.
    pub fn changed(&self) -> &[GroupId] {
        &self.changed
    }

    /// The rate of one flow of a group in bit/s; 0 without flows.
    pub fn rate(&self, group: GroupId) -> f64 {
        self.net.groups[group.index()].rate
    }

    /// How many flows a group has.
    pub fn flows(&self, group: GroupId) -> u32 {
        self.net.groups[group.index()].flows
    }

    /// The full link that holds a group's flows back; `None` where they run at their cap, or there are none.
    pub fn bottleneck(&self, group: GroupId) -> Option<ArcId> {
        let g = &self.net.groups[group.index()];
        (g.flows > 0 && g.bottleneck != NONE).then_some(ArcId(g.bottleneck))
    }

    /// What the flows send over a link, in bit/s. Cost: the groups that cross it.
    pub fn load(&self, link: ArcId) -> f64 {
        let crossing = self.net.links[link.index()].crossing.iter();
        let groups = crossing.map(|c| &self.net.groups[c.group as usize]);
        groups.map(|g| g.rate * f64::from(g.flows)).sum()
    }

    fn component_of(&self, group: u32) -> u32 {
        self.net.links[self.net.path(group)[0] as usize].component
    }

    /// Makes the links of a group's path one component; the largest takes over the others.
    fn connect(&mut self, group: u32) -> u32 {
        let path = self.net.path(group).to_vec();
        let mut numbers: Vec<u32> =
            path.iter().map(|link| self.net.links[*link as usize].component).collect();
        numbers.retain(|n| *n != NONE);
        numbers.sort_unstable();
        numbers.dedup();
        let size = |n: &u32| self.components[*n as usize].links.len();
        let into = numbers.iter().copied().max_by_key(size).unwrap_or_else(|| self.new_component());
        let mut component = std::mem::take(&mut self.components[into as usize]);
        for other in numbers.into_iter().filter(|n| *n != into) {
            component.absorb(&mut self.net, into, std::mem::take(&mut self.components[other as usize]));
            self.free.push(other);
        }
        for link in path {
            if self.net.links[link as usize].component == NONE {
                component.add_link(&mut self.net, into, link);
            }
        }
        self.components[into as usize] = component;
        into
    }

    fn new_component(&mut self) -> u32 {
        let number = self.free.pop().unwrap_or_else(|| {
            self.components.push(Component::default());
            self.components.len() as u32 - 1
        });
        self.components[number as usize] = Component::new();
        number
    }

    /// The connected parts of a component, itself if it is one. It is only looked at when more groups have left than there
    /// are, so that looking costs no more than the groups did.
    fn split(&mut self, number: u32) -> Vec<u32> {
        let component = &mut self.components[number as usize];
        if component.groups > 0 && component.left <= component.groups {
            return vec![number];
        }
        component.left = 0;
        let parts = self.parts(number);
        if parts.len() == 1 {
            return vec![number];
        }
        let old = std::mem::take(&mut self.components[number as usize]);
        self.free.push(number);
        for link in &old.links {
            self.net.links[*link as usize].component = NONE;
        }
        parts.into_iter().map(|links| self.rebuild(&links)).collect()
    }

    /// The links of a component that flows connect, by part; links without flows are in none.
    fn parts(&self, number: u32) -> Vec<Vec<u32>> {
        let links = &self.components[number as usize].links;
        let mut seen = vec![false; links.len()];
        let mut parts = Vec::new();
        for &root in links {
            let mut part = Vec::new();
            let mut next = vec![root];
            while let Some(link) = next.pop() {
                let l = &self.net.links[link as usize];
                if l.crossing.is_empty() || std::mem::replace(&mut seen[l.local as usize], true) {
                    continue;
                }
                part.push(link);
                next.extend(l.crossing.iter().flat_map(|c| self.net.path(c.group)));
            }
            if !part.is_empty() {
                parts.push(part);
            }
        }
        parts
    }

    /// A component of connected links, with all their groups.
    fn rebuild(&mut self, links: &[u32]) -> u32 {
        let number = self.new_component();
        let mut component = Component::new();
        links.iter().for_each(|link| component.add_link(&mut self.net, number, *link));
        let crossing = |link: &u32| self.net.links[*link as usize].crossing.iter().map(|c| c.group);
        let mut groups: Vec<u32> = links.iter().flat_map(crossing).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let flows = std::mem::take(&mut self.net.groups[group as usize].flows);
            component.add_group(&mut self.net, group);
            component.set_flows(&mut self.net, group, flows);
        }
        self.components[number as usize] = component;
        number
    }
}

fn check_capacity(capacity: f64) {
    assert!(capacity.is_finite() && capacity >= 0.0, "a capacity is {capacity}");
}
