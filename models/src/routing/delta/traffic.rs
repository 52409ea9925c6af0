//! Traffic to one destination, moved from the old paths to the new ones.

use super::base::Row;
use super::graph::{Graph, count, each_bit, has, put};
use super::repair::Repair;
use super::sums::Moved;

/// A change this small, relative to what was there, is rounding: sums of some dozens of parts are that exact.
const ROUNDING: f64 = 1e-13;

/// Where less than this part is left of what was there, a difference would be too coarse, and what is left is added up
/// anew.
const LITTLE: f64 = 1.0 / 1024.0;

/// Passes on by how much the traffic at a node changes, from the farthest node that is affected to the destination. A node
/// whose next hops stayed passes on the difference; one that lost some, what it has; an orphan takes all it had off its old
/// arcs.
///
/// Nodes wait in the order of the old distances, as bits by rank; the orphans, whose place changed, come in between by
/// their new distance. All by rank, so that what comes next is the next bit.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    /// What comes more, in bit/s; of an orphan all that comes.
    more: Vec<f64>,
    /// What each next hop carries now, where `done`.
    each: Vec<f64>,
    done: Vec<u64>,
    waiting: Vec<u64>,
    /// The first word of `waiting` that may have a bit.
    word: usize,
}

impl Traffic {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            more: vec![0.0; nodes],
            each: vec![0.0; nodes],
            done: vec![0; nodes.div_ceil(64)],
            waiting: vec![0; nodes.div_ceil(64)],
            word: 0,
        }
    }

    /// Moves the traffic to a destination that is up.
    pub(super) fn shift(
        &mut self,
        graph: &Graph,
        to: &Row<'_>,
        new: &Repair,
        gone: &[u32],
        moved: &mut Moved,
    ) {
        self.done.fill(0);
        self.word = 0;
        for &slot in gone {
            let (tail, head) = (graph.tail[slot as usize], graph.head[slot as usize]);
            if has(to.used, slot as usize) && !new.is_orphan(head) {
                self.bring(to.rank[head as usize], -to.each[tail as usize]);
            }
        }
        for &node in new.thinned.iter().filter(|v| !new.is_orphan(**v)) {
            put(&mut self.waiting, to.rank[node as usize] as usize);
        }
        let mut orphans = new.settled.iter().rev().copied().peekable();
        loop {
            let next = self.first_waiting();
            let first = |orphan: &u32| {
                next.is_none_or(|rank| new.distance(to, *orphan) >= to.dist[to.order[rank].index()])
            };
            if let Some(orphan) = orphans.next_if(first) {
                self.reroute(graph, to, new, orphan, moved);
            } else if let Some(rank) = next {
                let word = rank / 64;
                let level = self.waiting[word] & up_to_next(to.levels[word], rank % 64);
                self.waiting[word] &= !level;
                self.done[word] |= level;
                each_bit(level, |bit| self.pass_on(graph, to, new, 64 * word + bit, moved));
            } else {
                break;
            }
        }
        new.stranded().for_each(|node| withdraw(graph, to, node, moved));
    }

    #[inline]
    fn first_waiting(&mut self) -> Option<usize> {
        while let Some(&bits) = self.waiting.get(self.word) {
            if bits != 0 {
                return Some(64 * self.word + bits.trailing_zeros() as usize);
            }
            self.word += 1;
        }
        None
    }

    #[inline]
    fn bring(&mut self, rank: u32, bps: f64) {
        self.more[rank as usize] += bps;
        put(&mut self.waiting, rank as usize);
    }

    /// A node that keeps its distance.
    #[inline]
    fn pass_on(&mut self, graph: &Graph, to: &Row<'_>, new: &Repair, rank: usize, moved: &mut Moved) {
        let node = to.order[rank].0;
        let (words, mask) = graph.span(node);
        let word = words.start;
        if words.len() != 1 || (to.used[word] ^ new.now[word]) & mask != 0 {
            return self.pass_on_less(graph, to, new, rank, moved);
        }
        let next = to.used[word] & mask;
        let (more, old, degree) = (self.more[rank], to.each[node as usize], f64::from(count(next)));
        let before = old * degree;
        if before + more <= LITTLE * before && next != 0 {
            return self.pass_on_less(graph, to, new, rank, moved);
        }
        self.more[rank] = 0.0;
        if next == 0 || more.abs() <= ROUNDING * before {
            self.each[rank] = old; // the destination, or no difference
            return;
        }
        let part = more / degree;
        self.each[rank] = old + part;
        moved.touch(word, next);
        each_bit(next, |bit| {
            let slot = 64 * word + bit;
            moved.add(slot, part);
            self.bring(to.rank[graph.head[slot] as usize], part);
        });
    }

    /// The same for any node: one that has fewer next hops or little traffic left, or arcs in several words.
    #[inline(never)]
    fn pass_on_less(&mut self, graph: &Graph, to: &Row<'_>, new: &Repair, rank: usize, moved: &mut Moved) {
        let node = to.order[rank].0;
        let (more, old) = (std::mem::take(&mut self.more[rank]), to.each[node as usize]);
        let before = old * f64::from(graph.degree(to.used, node));
        let now = f64::from(graph.degree(&new.now, node));
        if now == 0.0 || (more == 0.0 && old == 0.0) {
            self.each[rank] = 0.0; // the destination, or no traffic
            return;
        }
        let little = before + more <= LITTLE * before;
        let all = if little { self.inflow(graph, to, new, node) } else { before + more };
        let each = all / now;
        self.each[rank] = each;
        let (words, mask) = graph.span(node);
        for word in words {
            let (was, is) = (to.used[word] & mask, new.now[word] & mask);
            moved.touch(word, was);
            each_bit(was & !is, |bit| moved.add(64 * word + bit, -old));
            each_bit(is, |bit| {
                let slot = 64 * word + bit;
                if little {
                    moved.add(slot, -old);
                    moved.add(slot, each);
                } else {
                    moved.add(slot, each - old);
                }
                self.bring(to.rank[graph.head[slot] as usize], each - old);
            });
        }
    }

    /// An orphan with a new path. All that came to it came over arcs that its neighbours lost.
    fn reroute(&mut self, graph: &Graph, to: &Row<'_>, new: &Repair, node: u32, moved: &mut Moved) {
        let rank = to.rank[node as usize] as usize;
        let at = to.volume[node as usize] + std::mem::take(&mut self.more[rank]);
        let old = to.each[node as usize];
        if at == 0.0 && old == 0.0 {
            return;
        }
        let mut each = at / f64::from(graph.degree(&new.now, node));
        let stays = (each - old).abs() <= ROUNDING * old && graph.same(to.used, &new.now, node);
        if stays {
            each = old;
        } else {
            withdraw(graph, to, node, moved);
        }
        self.each[rank] = each;
        put(&mut self.done, rank);
        let (words, mask) = graph.span(node);
        for word in words {
            let is = new.now[word] & mask;
            if !stays {
                moved.touch(word, is);
                each_bit(is, |bit| moved.add(64 * word + bit, each));
            }
            each_bit(is, |bit| {
                let head = graph.head[64 * word + bit];
                let rank = to.rank[head as usize];
                if new.is_orphan(head) {
                    self.more[rank as usize] += each;
                } else {
                    self.bring(rank, each);
                    self.word = self.word.min(rank as usize / 64);
                }
            });
        }
    }

    /// All that comes to a node, added up anew.
    fn inflow(&self, graph: &Graph, to: &Row<'_>, new: &Repair, node: u32) -> f64 {
        let slots = graph.slots_in(node).iter().filter(|slot| has(&new.now, **slot as usize));
        let each = slots.map(|slot| {
            let tail = graph.tail[*slot as usize] as usize;
            let rank = to.rank[tail] as usize;
            if has(&self.done, rank) { self.each[rank] } else { to.each[tail] }
        });
        to.volume[node as usize] + each.sum::<f64>()
    }
}

/// The bits from one on, up to the next in a set.
#[inline]
fn up_to_next(set: u64, bit: usize) -> u64 {
    let from = u64::MAX << bit;
    let behind = set & from & !(1 << bit);
    from & if behind == 0 { u64::MAX } else { (behind & behind.wrapping_neg()) - 1 }
}

/// Takes off all that a node sent.
pub(super) fn withdraw(graph: &Graph, to: &Row<'_>, node: u32, moved: &mut Moved) {
    let old = to.each[node as usize];
    if old != 0.0 {
        graph.each_out(to.used, node, |slot| {
            moved.touch_slot(slot);
            moved.add(slot, -old);
        });
    }
}
