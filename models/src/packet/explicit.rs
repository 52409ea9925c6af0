//! Explicit routes: flows that are pinned to a path, as a traffic-engineered tunnel is (RFC 3209).

use twin::{ArcId, NodeId};

/// For each pinned flow, the arc by which each node on its way sends it on. A node that changes its entry moves the
/// packets that come to it from then on; those that are past it go on as they were.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExplicitRoutes {
    /// By dense flow number; empty where no flow is pinned.
    spans: Vec<Span>,
    /// Entries of all spans, each in the order in which its path was given.
    entries: Vec<(NodeId, ArcId)>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
    /// Where the flow ends.
    end: NodeId,
}

const NOT_PINNED: Span = Span { start: u32::MAX, len: 0, end: NodeId(u32::MAX) };

/// What an explicit route says at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinned {
    /// The flow follows routing.
    No,
    /// It goes on here.
    Via(ArcId),
    /// It is where it ends.
    Ends,
    /// It has no entry at this node.
    Lost,
}

impl ExplicitRoutes {
    /// Whether no flow is pinned.
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Pins a flow of `flows` to the path `entries` that ends at `end`.
    pub(crate) fn pin(&mut self, flows: usize, flow: usize, entries: &[(NodeId, ArcId)], end: NodeId) {
        self.spans.resize(flows, NOT_PINNED);
        self.spans[flow] = Span { start: self.entries.len() as u32, len: entries.len() as u32, end };
        self.entries.extend_from_slice(entries);
    }

    /// Where a packet that has crossed `hops` half-links goes from `node`. On the path as it was given this is one look at
    /// its entry number `hops`; after a change the flow's other entries are searched.
    #[inline(always)]
    pub(crate) fn next(&self, flow: u32, node: NodeId, hops: u8) -> Pinned {
        let Some(span) = self.spans.get(flow as usize).filter(|s| s.start != u32::MAX) else {
            return Pinned::No;
        };
        if node == span.end && (hops > 0 || span.len == 0) {
            return Pinned::Ends;
        }
        let entries = self.of(span);
        let at_node = |entry: &&(NodeId, ArcId)| entry.0 == node;
        let entry = entries.get(usize::from(hops)).filter(at_node).or_else(|| entries.iter().find(at_node));
        entry.map_or(Pinned::Lost, |(_, arc)| Pinned::Via(*arc))
    }

    /// Sends a pinned flow from `node` over `arc` from now on; a flow that is not pinned stays so. `head` is the node that
    /// an arc leads to.
    pub(crate) fn set(&mut self, flow: usize, node: NodeId, arc: ArcId, head: impl Fn(ArcId) -> NodeId) {
        let Some(span) = self.spans.get(flow).copied().filter(|s| s.start != u32::MAX) else { return };
        let range = span.start as usize..(span.start + span.len) as usize;
        match self.entries[range.clone()].iter_mut().find(|e| e.0 == node) {
            Some(entry) => entry.1 = arc,
            None => {
                // Spans are back to back: one that grows moves to the end.
                self.spans[flow] = Span { start: self.entries.len() as u32, len: span.len + 1, ..span };
                self.entries.extend_from_within(range);
                self.entries.push((node, arc));
            }
        }
        self.put_in_order(flow, head);
    }

    /// Puts the entries that are met from the source on first, in this order, so that they are found at one look.
    fn put_in_order(&mut self, flow: usize, head: impl Fn(ArcId) -> NodeId) {
        let Span { start, len, .. } = self.spans[flow];
        let entries = &mut self.entries[start as usize..(start + len) as usize];
        for hop in 1..entries.len() {
            let node = head(entries[hop - 1].1);
            match entries[hop..].iter().position(|e| e.0 == node) {
                Some(further) => entries.swap(hop, hop + further),
                None => return,
            }
        }
    }

    /// The entries of a flow, if it is pinned.
    pub(crate) fn entries(&self, flow: usize) -> Option<&[(NodeId, ArcId)]> {
        self.spans.get(flow).filter(|s| s.start != u32::MAX).map(|s| self.of(s))
    }

    /// Where a pinned flow ends.
    pub(crate) fn end(&self, flow: usize) -> Option<NodeId> {
        self.spans.get(flow).filter(|s| s.start != u32::MAX).map(|s| s.end)
    }

    fn of(&self, span: &Span) -> &[(NodeId, ArcId)] {
        &self.entries[span.start as usize..(span.start + span.len) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_entry_moves_what_comes_later_and_leaves_the_rest() {
        let mut routes = ExplicitRoutes::default();
        let path = [(NodeId(0), ArcId(0)), (NodeId(1), ArcId(2)), (NodeId(2), ArcId(4))];
        routes.pin(2, 1, &path, NodeId(3));
        assert_eq!(routes.next(0, NodeId(0), 0), Pinned::No);
        assert_eq!(routes.next(1, NodeId(1), 1), Pinned::Via(ArcId(2)));
        let head = |arc: ArcId| NodeId(if arc.0 == 6 { 7 } else { arc.0 / 2 + 1 });
        routes.set(1, NodeId(1), ArcId(6), head);
        routes.set(1, NodeId(7), ArcId(8), head);
        routes.set(0, NodeId(7), ArcId(8), head);
        assert_eq!(routes.entries(1).unwrap()[2], (NodeId(7), ArcId(8)), "the way as it is now comes first");
        assert_eq!(routes.next(1, NodeId(1), 1), Pinned::Via(ArcId(6)));
        assert_eq!(routes.next(1, NodeId(7), 2), Pinned::Via(ArcId(8)));
        assert_eq!(routes.next(1, NodeId(2), 2), Pinned::Via(ArcId(4)));
        assert_eq!(routes.next(1, NodeId(3), 3), Pinned::Ends);
        assert_eq!(routes.next(1, NodeId(9), 3), Pinned::Lost);
        assert_eq!(routes.next(0, NodeId(7), 0), Pinned::No);
    }

    #[test]
    fn a_flow_to_itself_leaves_before_it_ends() {
        let mut routes = ExplicitRoutes::default();
        routes.pin(1, 0, &[(NodeId(0), ArcId(0)), (NodeId(1), ArcId(1))], NodeId(0));
        assert_eq!(routes.next(0, NodeId(0), 0), Pinned::Via(ArcId(0)));
        assert_eq!(routes.next(0, NodeId(0), 2), Pinned::Ends);
    }
}
