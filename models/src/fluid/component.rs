//! Links that flows connect, filled together.
//!
//! **Water-filling** (Bertsekas and Gallager, *Data Networks*, 1992, §6.5.2): all flows rise at one rate per weight. Where
//! a link is full its flows are frozen at that level, likewise a flow that reaches its cap; the others rise on. Links fill
//! in the order of their levels, so what happens below a level does not depend on what happens above it. That is what
//! makes a re-share cheap: the state is kept at *checkpoints* on the way up, and a change restarts at the last one below
//! everything that it touches.
//!
//! A checkpoint at level v survives a change if nothing that changes was decided below it:
//!
//! - a flow left: it was not yet frozen. Without it its links fill later than they did, never earlier;
//! - a flow came, or a capacity changed: its links were not yet full, and with the change they would still not be, that is
//!   left ≥ v · weight. This one comparison is enough, since a link that would have filled up at a lower level u has
//!   left < u · weight from there on: whatever is frozen above u takes more than u per weight;
//! - a cap changed, or a flow with a cap came: the flow was not yet frozen, and the cap is not below v.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::net::{Level, NONE, Net};

/// Entries of paths frozen between two checkpoints, by link of the component. Fewer checkpoints cost more work below the
/// change, more of them cost copies: a checkpoint is 16 bytes for each link.
const SPACING: usize = 4;

/// What a link may have given away beyond its capacity, as a share of it, by rounding alone.
const ROUNDING: f64 = 1e-12;

/// The share of its capacity below which what is left of a link makes it scarce. Any value is correct: links above it that
/// fill up the next time cost a second run, links below it that do not fill up cost a little each time.
const SCARCE: f64 = 1.0 / 16.0;

/// Links that flows connect, and the order in which they fill.
#[derive(Clone, Debug, Default)]
pub(super) struct Component {
    pub(super) links: Vec<u32>,
    /// Groups in the order of freezing; those beyond the last checkpoint are out of date after a change.
    pub(super) frozen: Vec<u32>,
    /// Groups with a cap, by the level at which they reach it.
    caps: Vec<(f64, u32)>,
    /// On the way up; the first, at level zero, is always there.
    checkpoints: Vec<Checkpoint>,
    /// Groups with flows.
    pub(super) groups: usize,
    /// Groups that left since it was last looked whether it is still one piece.
    pub(super) left: usize,
    pub(super) dirty: bool,
}

/// The state of a component when the water stands at `level`.
#[derive(Clone, Debug, Default)]
struct Checkpoint {
    level: f64,
    /// How many groups are frozen.
    frozen: usize,
    /// By local number of the link.
    links: Vec<Level>,
}

/// What filling needs for the moment, kept for its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    /// Links that may fill, by the bits of their level (non-negative floats sort as their bits do) above their number.
    heap: BinaryHeap<Reverse<u128>>,
    rising: Vec<u32>,
}

impl Component {
    pub(super) fn new() -> Self {
        Self { checkpoints: vec![Checkpoint::default()], ..Self::default() }
    }

    /// Adds a link that no flow crosses.
    pub(super) fn add_link(&mut self, net: &mut Net, number: u32, link: u32) {
        let l = &mut net.links[link as usize];
        (l.component, l.local, l.scarce) = (number, self.links.len() as u32, true);
        net.full_after[link as usize] = NONE;
        self.links.push(link);
        for checkpoint in &mut self.checkpoints {
            checkpoint.links.push(Level { left: l.capacity, weight: 0.0 });
        }
    }

    /// Takes over everything of another component. All is filled anew.
    pub(super) fn absorb(&mut self, net: &mut Net, number: u32, other: Component) {
        self.checkpoints.truncate(1);
        let bottom = &mut self.checkpoints[0];
        bottom.links.extend_from_slice(&other.checkpoints[0].links);
        for link in other.links {
            let l = &mut net.links[link as usize];
            (l.component, l.local) = (number, self.links.len() as u32);
            self.links.push(link);
        }
        self.frozen.extend(other.frozen);
        self.caps.extend(other.caps);
        self.caps.sort_unstable_by(by_level);
        self.groups += other.groups;
        self.left += other.left;
    }

    /// Enters a group that is on its links by now, but has no flows yet.
    pub(super) fn add_group(&mut self, net: &mut Net, group: u32) {
        self.groups += 1;
        net.frozen_at[group as usize] = NONE;
        self.enter_cap(net, group);
    }

    /// Takes out a group that has no flows any more.
    pub(super) fn remove_group(&mut self, net: &mut Net, group: u32) {
        self.groups -= 1;
        self.left += 1;
        self.leave_cap(net, group);
        net.groups[group as usize].rate = 0.0;
    }

    /// Changes the number of a group's flows.
    pub(super) fn set_flows(&mut self, net: &mut Net, group: u32, flows: u32) {
        let before = net.groups[group as usize].total_weight();
        net.groups[group as usize].flows = flows;
        let more = net.groups[group as usize].total_weight() - before;
        let (frozen_at, cap) =
            (net.frozen_at[group as usize] as usize, net.groups[group as usize].cap_level());
        let path = net.path(group);
        // A path that crosses a link twice weighs on it twice.
        let on = |link: &u32| more * path.iter().filter(|l| *l == link).count() as f64;
        self.keep(|c| {
            c.frozen <= frozen_at
                && (more <= 0.0 || c.level <= cap && path.iter().all(|link| c.bears(net, *link, on(link))))
        });
        for checkpoint in &mut self.checkpoints {
            for &link in net.path(group) {
                checkpoint.links[net.links[link as usize].local as usize].weight += more;
            }
        }
    }

    /// Changes the cap of a group's flows.
    pub(super) fn set_cap(&mut self, net: &mut Net, group: u32, cap: f64) {
        self.leave_cap(net, group);
        net.groups[group as usize].cap = cap;
        self.enter_cap(net, group);
        let (frozen_at, level) =
            (net.frozen_at[group as usize] as usize, net.groups[group as usize].cap_level());
        self.keep(|c| c.frozen <= frozen_at && c.level <= level);
    }

    /// Changes the capacity of a link. Checkpoints where a flow of the link is frozen already are not corrected but
    /// dropped: what is left of a huge capacity has lost the digits that matter to a tiny one.
    pub(super) fn set_capacity(&mut self, net: &mut Net, link: u32, capacity: f64) {
        let l = &mut net.links[link as usize];
        let before = std::mem::replace(&mut l.capacity, capacity);
        let (local, full_after) = (l.local as usize, net.full_after[link as usize] as usize);
        self.keep(|c| {
            let level = c.links[local];
            c.frozen == 0
                || c.frozen <= full_after && level.left == before && capacity >= c.level * level.weight
        });
        for checkpoint in &mut self.checkpoints {
            checkpoint.links[local].left = capacity;
        }
    }

    /// Drops the checkpoints that a change reaches. If one is out of reach, so are those below it.
    fn keep(&mut self, out_of_reach: impl Fn(&Checkpoint) -> bool) {
        while self.checkpoints.len() > 1 && !out_of_reach(&self.checkpoints[self.checkpoints.len() - 1]) {
            self.checkpoints.pop();
        }
        self.dirty = true;
    }

    fn enter_cap(&mut self, net: &Net, group: u32) {
        let entry = (net.groups[group as usize].cap_level(), group);
        if entry.0.is_finite() {
            let at = self.caps.partition_point(|c| by_level(c, &entry).is_lt());
            self.caps.insert(at, entry);
        }
    }

    fn leave_cap(&mut self, net: &Net, group: u32) {
        let entry = (net.groups[group as usize].cap_level(), group);
        if let Ok(at) = self.caps.binary_search_by(|c| by_level(c, &entry)) {
            self.caps.remove(at);
        }
    }

    /// Lets the water rise from the last checkpoint on. Returns where in `frozen` the new part begins. Cost: the entries
    /// of the paths above the checkpoint, and the logarithm of the scarce links for each of them that fills.
    ///
    /// Most links are never full, so only those are watched that were scarce the last time. That is checked afterwards: a
    /// link that would have filled up has given away more than it had, and then all is done again with it watched.
    pub(super) fn fill(&mut self, net: &mut Net, scratch: &mut Scratch) -> usize {
        let kept = self.checkpoints.len();
        loop {
            let start = self.checkpoints[kept - 1].frozen;
            self.restart(net, scratch);
            self.rise(net, scratch);
            if !self.find_scarce(net) {
                self.dirty = false;
                return start;
            }
            self.checkpoints.truncate(kept);
        }
    }

    /// Goes back to the last checkpoint.
    fn restart(&mut self, net: &mut Net, scratch: &mut Scratch) {
        let from = &self.checkpoints[self.checkpoints.len() - 1];
        let mut entries = std::mem::take(&mut scratch.heap).into_vec();
        entries.clear();
        for (&link, level) in self.links.iter().zip(&from.links) {
            net.levels[link as usize] = *level;
            let full_after = &mut net.full_after[link as usize];
            if *full_after as usize >= from.frozen {
                *full_after = NONE;
            }
            if level.weight > 0.0 && net.links[link as usize].scarce {
                entries.push(Reverse(entry(*level, link)));
            }
        }
        scratch.heap = BinaryHeap::from(entries);
        for group in self.frozen.drain(from.frozen..) {
            net.frozen_at[group as usize] = NONE;
        }
    }

    /// Freezes group after group until none rises.
    fn rise(&mut self, net: &mut Net, scratch: &mut Scratch) {
        let mut level = self.checkpoints[self.checkpoints.len() - 1].level;
        let mut cap = self.caps.partition_point(|c| c.0 < level);
        let mut work = 0;
        loop {
            while self.caps.get(cap).is_some_and(|c| net.frozen_at[c.1 as usize] != NONE) {
                cap += 1;
            }
            work += match (self.caps.get(cap), next_full(net, &mut scratch.heap)) {
                (Some(&(at, group)), full) if full.is_none_or(|f| at <= f.0) => {
                    level = at.max(level);
                    let rate = net.groups[group as usize].cap;
                    self.frozen.push(group);
                    net.freeze(group, self.frozen.len() - 1, rate, NONE)
                }
                (_, Some((at, link))) => {
                    level = at.max(level);
                    scratch.heap.pop();
                    self.freeze_all(net, link, level, &mut scratch.rising)
                }
                _ => return,
            };
            if work >= SPACING * self.links.len() {
                self.checkpoint(net, level);
                work = 0;
            }
        }
    }

    /// A link is full: its flows stay where they are. Returns the entries of their paths.
    fn freeze_all(&mut self, net: &mut Net, link: u32, level: f64, rising: &mut Vec<u32>) -> usize {
        net.full_after[link as usize] = self.frozen.len() as u32;
        // Which groups still rise cannot be foreseen, so they are picked without a branch.
        let crossing = &net.links[link as usize].crossing;
        rising.resize(rising.len().max(crossing.len()), NONE);
        let mut count = 0;
        for c in crossing {
            rising[count] = c.group;
            count += usize::from(net.frozen_at[c.group as usize] == NONE);
        }
        let mut work = 0;
        for &group in &rising[..count] {
            // A path may cross a link twice.
            if net.frozen_at[group as usize] == NONE {
                let g = &net.groups[group as usize];
                let rate = (g.weight * level).min(g.cap);
                work += net.freeze(group, self.frozen.len(), rate, link);
                self.frozen.push(group);
            }
        }
        net.levels[link as usize].left = 0.0;
        work
    }

    /// Notes which links are scarce, and returns whether one is overfull that was not watched. Flows that still rise cross
    /// no link that was watched.
    fn find_scarce(&self, net: &mut Net) -> bool {
        let mut missed = false;
        for &link in &self.links {
            let Level { left, weight } = net.levels[link as usize];
            let l = &mut net.links[link as usize];
            let overfull = weight > 0.0 || left < -ROUNDING * l.capacity;
            missed |= overfull && !l.scarce;
            l.scarce = overfull || left <= SCARCE * l.capacity;
        }
        missed
    }

    fn checkpoint(&mut self, net: &Net, level: f64) {
        let links = self.links.iter().map(|link| net.levels[*link as usize]).collect();
        self.checkpoints.push(Checkpoint { level, frozen: self.frozen.len(), links });
    }
}

impl Checkpoint {
    /// Whether a link would not have filled up by now with this much more weight.
    fn bears(&self, net: &Net, link: u32, more: f64) -> bool {
        let level = self.links[net.links[link as usize].local as usize];
        net.full_after[link as usize] as usize >= self.frozen
            && level.left >= self.level * (level.weight + more)
    }
}

/// The next link to fill and its level. Levels in the heap are lower bounds, since a link's level only rises while lower
/// ones are frozen; a stale one is put right when it comes first.
fn next_full(net: &Net, heap: &mut BinaryHeap<Reverse<u128>>) -> Option<(f64, u32)> {
    use std::collections::binary_heap::PeekMut;
    loop {
        let mut first = heap.peek_mut()?;
        let link = first.0 as u32;
        let level = net.levels[link as usize];
        if level.weight == 0.0 {
            PeekMut::pop(first);
            continue;
        }
        let now = entry(level, link);
        if now <= first.0 {
            return Some((f64::from_bits((first.0 >> 32) as u64), link));
        }
        *first = Reverse(now);
    }
}

fn entry(level: Level, link: u32) -> u128 {
    u128::from(level.full_at().to_bits()) << 32 | u128::from(link)
}

fn by_level(a: &(f64, u32), b: &(f64, u32)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}
