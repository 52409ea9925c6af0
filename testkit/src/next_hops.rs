//! Next hops per node and flow, and what changes them.

use std::collections::BTreeMap;

use twin::{ArcId, BitsPerSec, LinkId, NodeId, SimTime, Twin};

use crate::Wires;

/// What a node does with the packets of a flow that the network brings it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NextHop {
    /// It does not know them: they are lost.
    #[default]
    None,
    /// It is their destination.
    Here,
    /// It sends them into this arc, which leaves it.
    Via(ArcId),
}

/// A table of next hops: for each flow, the arc into which its source sends, and an entry at each node that its packets
/// may come to. The source's arc stands apart because a flow may come back to its source and end there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHops {
    first: Vec<Option<ArcId>>,
    /// `[node · flows + flow]`
    table: Vec<NextHop>,
}

impl NextHops {
    /// A table without entries.
    pub fn new(nodes: usize, flows: usize) -> Self {
        Self { first: vec![None; flows], table: vec![NextHop::None; nodes * flows] }
    }

    /// The table that leads flows 0, 1, … along these paths, each of which ends where it ends. A flow without a path has
    /// no entry.
    ///
    /// # Panics
    /// If a path is not connected, or comes to a node twice (its source apart).
    pub fn along(twin: &Twin, paths: &BTreeMap<u32, Vec<ArcId>>) -> Self {
        let wires = Wires::of(twin);
        let flows = paths.keys().last().map_or(0, |last| *last as usize + 1);
        let mut hops = Self::new(wires.keys.len(), flows);
        for (flow, path) in paths {
            let flow = *flow as usize;
            let Some(first) = path.first() else { continue };
            let source = wires.wires[first.index()].from;
            assert!(wires.walk(source, path).is_some(), "the path of flow {flow} is broken");
            hops.first[flow] = Some(*first);
            let nexts = path[1..].iter().map(|arc| NextHop::Via(*arc)).chain([NextHop::Here]);
            for (arc, next) in path.iter().zip(nexts) {
                let node = NodeId::new(wires.wires[arc.index()].to);
                assert_eq!(hops.get(node, flow), NextHop::None, "flow {flow} comes to node {} twice", node.0);
                hops.set(node, flow, next);
            }
        }
        hops
    }

    /// The number of flows.
    pub fn flow_count(&self) -> usize {
        self.first.len()
    }

    /// The arc into which the source of a flow sends; `None` where it has no route.
    pub fn first(&self, flow: usize) -> Option<ArcId> {
        self.first[flow]
    }

    /// Sets it.
    pub fn set_first(&mut self, flow: usize, arc: ArcId) {
        self.first[flow] = Some(arc);
    }

    /// What a node does with a flow's packets.
    pub fn get(&self, node: NodeId, flow: usize) -> NextHop {
        self.table[node.index() * self.flow_count() + flow]
    }

    /// Sets it.
    pub fn set(&mut self, node: NodeId, flow: usize, next: NextHop) {
        let flows = self.flow_count();
        self.table[node.index() * flows + flow] = next;
    }

    /// The way that a flow's packets take now, to its end; `None` if they are lost on it or go round in circles.
    pub fn path(&self, wires: &Wires, flow: usize) -> Option<Vec<ArcId>> {
        let mut path = vec![self.first(flow)?];
        while path.len() <= wires.keys.len() {
            let at = wires.wires[path.last()?.index()].to;
            match self.get(NodeId::new(at), flow) {
                NextHop::None => return None,
                NextHop::Here => return Some(path),
                NextHop::Via(arc) => path.push(arc),
            }
        }
        None
    }
}

/// Something that changes in mid-run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Both directions of a link go down. What is queued, in service or on the wire is lost, and so is what is sent into it
    /// while it is down. A link that is down already stays so.
    LinkDown(LinkId),
    /// Both directions come up, empty, however often the link was taken down.
    LinkUp(LinkId),
    /// One direction sends at another rate from now on; packets that it has accepted keep their departure.
    Rate {
        /// The direction.
        arc: ArcId,
        /// The new rate.
        rate: BitsPerSec,
    },
    /// A node sends the packets of a flow that reach it from now on into another arc.
    NextHop {
        /// The node.
        node: NodeId,
        /// The flow's number.
        flow: u32,
        /// An arc that leaves the node.
        arc: ArcId,
    },
}

/// A change and its instant. Changes at one instant happen in the order in which they are given, before all packets of
/// that instant: a packet that would come out of a link at the very instant at which it goes down is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedChange {
    /// When.
    pub at: SimTime,
    /// What.
    pub change: Change,
}
