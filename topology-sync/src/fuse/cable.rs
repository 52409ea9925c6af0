//! One cable: what both ends say, how sure it is, and what is odd about it.

use twin::Evidence;

use super::claim::{Adjacency, Body, Claim, Finding, PortId};
use super::device::Device;
use super::emit::evidence;
use super::ground::{Ground, Placed};
use super::medium::igp_word;

/// A cable with the claims about it.
pub(crate) struct Cable<'a> {
    ground: &'a Ground,
    pub(crate) a: PortId,
    pub(crate) b: PortId,
    claims: Vec<&'a Placed>,
    disputed: bool,
}

/// One of the two directions of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ab,
    Ba,
}

impl<'a> Cable<'a> {
    /// The cable between two ports; disputed where another source puts somebody else on one of them.
    pub(crate) fn between(ground: &'a Ground, a: PortId, b: PortId, disputed: bool) -> Self {
        let is = |c: &&Placed| c.ends == (a, b) || c.ends == (b, a);
        let mut claims: Vec<_> = ground.claims_of(a).filter(is).collect();
        claims.sort_by_key(|c| (c.claim.source, c.claim.word(), c.ends.0 == b, ground.order(c.claim.from)));
        Self { ground, a, b, claims, disputed }
    }

    /// Whether the line is up at both ends, as far as they say.
    pub(crate) fn carrier(&self) -> Option<bool> {
        let of = |port| self.ground.interface(port).and_then(|i| i.link.carrier);
        match (of(self.a), of(self.b)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), _) | (_, Some(true)) => Some(true),
            (None, None) => None,
        }
    }

    /// Whether the far end hears the near one by LLDP or CDP.
    pub(crate) fn is_heard(&self, direction: Direction) -> bool {
        let ends = self.ends(direction);
        self.claims.iter().any(|c| matches!(c.claim.body, Body::Heard { .. }) && c.ends == ends)
    }

    fn ends(&self, direction: Direction) -> (PortId, PortId) {
        match direction {
            Direction::Ab => (self.a, self.b),
            Direction::Ba => (self.b, self.a),
        }
    }

    /// The furthest that an adjacency has come, as the direction's near end has it.
    fn adjacency(&self, direction: Direction) -> Option<Adjacency> {
        let ends = self.ends(direction);
        let state = |c: &&Placed| match &c.claim.body {
            Body::Adjacent { state, .. } if c.ends == ends => Some(*state),
            _ => None,
        };
        self.claims.iter().filter_map(state).max()
    }

    /// The contract's word for the IGP's state.
    pub(crate) fn igp(&self) -> &'static str {
        igp_word(self.adjacency(Direction::Ab), self.adjacency(Direction::Ba))
    }

    /// The cost of sending in a direction, where either end knows an IGP neighbour over it.
    pub(crate) fn cost(&self, direction: Direction) -> Option<u32> {
        let (near, far) = self.ends(direction);
        let (device, peer) = (self.ground.device_of(near)?, self.ground.device_of(far).map(AsRef::as_ref));
        let adjacent = self.claims.iter().filter_map(|c| match &c.claim.body {
            Body::Adjacent { protocol, .. } => Some((*protocol, self.logical(&c.claim, near))),
            _ => None,
        });
        let mut adjacent: Vec<_> = adjacent.collect();
        adjacent.sort();
        adjacent.into_iter().find_map(|(protocol, port)| {
            let interface = device.interfaces.get(&*self.ground.ports[port].name)?;
            self.ground.lsdb.cost(device, interface, protocol, peer)
        })
    }

    /// The port of the near node that a claim names: a VLAN's on the cable's port.
    fn logical(&self, claim: &Claim<PortId>, near: PortId) -> PortId {
        let node = self.ground.ports[near].node;
        if self.ground.ports[claim.from].node == node { claim.from } else { claim.to }
    }

    /// Who says so, in a direction: who hears its near end, and its near end's word on the adjacency.
    pub(crate) fn evidence(&self, direction: Direction) -> Vec<Evidence> {
        let ends = self.ends(direction);
        self.claims.iter().filter(|c| c.ends == ends).map(|c| evidence(&c.claim)).collect()
    }

    /// How sure it is that the cable is there, from 0 to 1: 1 where frames are known to pass in both directions; in one
    /// direction alone .8 if two means say so, else .6; half of it where another source puts somebody else on a port.
    pub(crate) fn confidence(&self) -> f64 {
        let (mut ab, mut ba) = (false, false);
        let mut means = std::collections::BTreeSet::new();
        for placed in &self.claims {
            let forward = placed.ends == (self.a, self.b);
            means.insert(placed.claim.word());
            match &placed.claim.body {
                // A neighbour's hello that lists this router has passed one way, and this router's the other.
                Body::Adjacent { state: Adjacency::Full | Adjacency::Stuck, .. } => (ab, ba) = (true, true),
                Body::Adjacent { state: Adjacency::Init, .. } if forward => ba = true,
                Body::Adjacent { state: Adjacency::Init, .. } => ab = true,
                Body::Paired => {}
                Body::Heard { .. } | Body::Resolved { .. } | Body::Learnt if forward => ab = true,
                Body::Heard { .. } | Body::Resolved { .. } | Body::Learnt => ba = true,
            }
        }
        let sure = match (ab && ba, means.len()) {
            (true, _) => 1.0,
            (false, 2..) => 0.8,
            (false, _) => 0.6,
        };
        if self.disputed { sure / 2.0 } else { sure }
    }

    /// What is odd about it.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let device = |port| self.ground.device_of(port).map(AsRef::as_ref);
        let of = |port: PortId| {
            let name = &*self.ground.ports[port].name;
            let mtu = device(port).and_then(|d: &Device| d.interfaces.get(name)?.link.mtu);
            (self.ground.node_name(self.ground.ports[port].node), name, mtu)
        };
        let ((a_node, a_port, a_mtu), (b_node, b_port, b_mtu)) = (of(self.a), of(self.b));
        if let (Some(here), Some(there)) = (a_mtu, b_mtu)
            && here != there
        {
            let why = format!("its MTU is {here}, that of {b_node}:{b_port} is {there}");
            findings.push(Finding::new("mtu-mismatch", a_node, a_port, why));
        }
        if self.igp() == "one_way" {
            let (knows, other) = match self.adjacency(Direction::Ab) {
                Some(_) => ((a_node, a_port), b_node),
                None => ((b_node, b_port), a_node),
            };
            let why = format!("it has an adjacency of which {other} does not know");
            findings.push(Finding::new("igp-one-way", knows.0, knows.1, why));
        }
        findings
    }
}
