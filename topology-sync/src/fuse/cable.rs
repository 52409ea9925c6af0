//! One cable: what both ends say, how sure it is, and what is odd about it.

use twin::{Evidence, Freshness};

use super::claim::{Adjacency, Body, Claim, Finding, PortId};
use super::device::Device;
use super::emit::evidence;
use super::ground::Ground;
use super::medium::{Media, igp_word};
use super::stamp::Stamp;

/// A cable with the claims about it.
pub(crate) struct Cable<'a> {
    ground: &'a Ground,
    pub(crate) a: PortId,
    pub(crate) b: PortId,
    claims: Vec<Word<'a>>,
    disputed: bool,
}

/// A claim about the cable, with the cable's ports for its ends.
struct Word<'a> {
    claim: &'a Claim,
    from: PortId,
    ends: (PortId, PortId),
}

/// One of the two directions of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ab,
    Ba,
}

impl<'a> Cable<'a> {
    /// The cable between two ports; disputed where another source puts somebody else on one of them.
    pub(crate) fn between(ground: &'a Ground, media: &Media, a: PortId, b: PortId) -> Self {
        let disputed = media.disputed.contains(&a) || media.disputed.contains(&b);
        // At least one end has words of its own, and all claims name it.
        let near = if ground.is_own(a) { a } else { b };
        let mut claims = Vec::new();
        for placed in ground.claims_of(near) {
            let ends = match placed.claim.body {
                Body::Adjacent { .. } => {
                    (placed.ends.0, media.adjacent_end(ground, placed.ends.0, placed.ends.1))
                }
                _ => placed.ends,
            };
            if ends == (a, b) || ends == (b, a) {
                claims.push(Word { claim: &placed.claim, from: placed.from, ends });
            }
        }
        claims.sort_by(|x, y| {
            let order = |w: &Word<'_>| (w.claim.source, w.claim.word(), w.ends.0 == b);
            let rest = |w: &Word<'a>| (w.claim.at, &w.claim.how);
            let ports = || ground.order(x.from, y.from);
            order(x).cmp(&order(y)).then_with(ports).then_with(|| rest(x).cmp(&rest(y)))
        });
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
    /// Unknown where nothing of the far end's is read.
    pub(crate) fn is_heard(&self, direction: Direction) -> Option<bool> {
        let ends = self.ends(direction);
        let heard = self.claims.iter().any(|c| matches!(c.claim.body, Body::Heard(_)) && c.ends == ends);
        self.ground.is_own(ends.1).then_some(heard)
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
        let state = |c: &Word<'_>| match &c.claim.body {
            Body::Adjacent { state, .. } if c.ends == ends => Some(*state),
            _ => None,
        };
        self.claims.iter().filter_map(state).max()
    }

    /// The contract's word for the IGP's state. Where nothing of one end's is read, the other's word has to do.
    pub(crate) fn igp(&self) -> &'static str {
        let (ab, ba) = (self.adjacency(Direction::Ab), self.adjacency(Direction::Ba));
        match (self.ground.is_own(self.a), self.ground.is_own(self.b)) {
            (true, true) => igp_word(ab, ba),
            (true, false) => igp_word(ab, ab),
            (false, _) => igp_word(ba, ba),
        }
    }

    /// The cost of sending in a direction, where the near end knows an IGP neighbour on its port, or is known as one.
    pub(crate) fn cost(&self, direction: Direction) -> Option<u32> {
        let (near, far) = self.ends(direction);
        match self.ground.device_of(near) {
            Some(device) => self.own_cost(near, far, device),
            None => self.stranger_cost(near, self.ground.device_of(far)?),
        }
    }

    fn own_cost(&self, near: PortId, far: PortId, device: &Device) -> Option<u32> {
        let node = self.ground.ports[near].node;
        let known = self.ground.claims_of(near).filter_map(|c| match &c.claim.body {
            // The port of the near node that the claim names: a VLAN's on the cable's port.
            Body::Adjacent { protocol, .. } => {
                let (from, to) = (c.from, c.to);
                let (own, other) = if self.ground.ports[from].node == node { (from, to) } else { (to, from) };
                Some((c.ends.0 != far && c.ends.1 != far, *protocol, own, other))
            }
            _ => None,
        });
        let mut known: Vec<_> = known.collect();
        known.sort_by(|(elsewhere, protocol, own, other), y| {
            let ports = || self.ground.order(*own, y.2).then_with(|| self.ground.order(*other, y.3));
            (elsewhere, protocol).cmp(&(&y.0, &y.1)).then_with(ports)
        });
        known.into_iter().find_map(|(_, protocol, own, other)| {
            let interface = device.interfaces.get(&*self.ground.ports[own].name)?;
            self.ground.lsdb.cost(
                device,
                interface,
                protocol,
                self.ground.device_of(other).map(AsRef::as_ref),
            )
        })
    }

    /// What a neighbour without words of its own advertises.
    fn stranger_cost(&self, near: PortId, peer: &Device) -> Option<u32> {
        self.claims.iter().filter(|w| w.ends.1 == near).find_map(|w| match &w.claim.body {
            Body::Adjacent { protocol, id, address, .. } => {
                self.ground.lsdb.cost_of(*protocol, id, *address, peer)
            }
            _ => None,
        })
    }

    /// Who says so, in a direction: who hears its near end, and its near end's word on the adjacency; an inventory of both.
    pub(crate) fn evidence(&self, direction: Direction) -> Vec<Evidence> {
        let ends = self.ends(direction);
        let of_both = |c: &&Word<'_>| c.claim.body == Body::Planned;
        let who = || self.claims.iter().filter(|c| c.ends == ends || of_both(c));
        // Room for these alone: there are as many of these lists as half-links.
        let mut all = Vec::with_capacity(who().count());
        all.extend(who().map(|c| evidence(c.claim)));
        all
    }

    /// The state's word: an inventory alone brings no cable up.
    pub(crate) fn state(&self) -> &'static str {
        match self.carrier() {
            Some(false) => "down",
            _ if self.claims.iter().all(|c| c.claim.body == Body::Planned) => "planned",
            _ => "up",
        }
    }

    /// In which directions frames are known to have passed by a word: from `a`, and from `b`.
    fn passed(&self, word: &Word<'_>) -> (bool, bool) {
        let forward = word.ends == (self.a, self.b);
        match &word.claim.body {
            // A neighbour's hello that lists this router has passed one way, and this router's the other.
            Body::Adjacent { state: Adjacency::Full | Adjacency::Stuck, .. } => (true, true),
            Body::Adjacent { state: Adjacency::Init, .. } => (!forward, forward),
            Body::Paired | Body::Planned => (false, false),
            Body::Heard { .. } | Body::Resolved { .. } | Body::Learnt => (forward, !forward),
        }
    }

    /// How recently frames are known to have passed in a direction.
    pub(crate) fn freshness(&self, direction: Direction) -> Freshness {
        let ends = self.ends(direction);
        let tells = |w: &&Word<'_>| match direction {
            Direction::Ab => self.passed(w).0,
            Direction::Ba => self.passed(w).1,
        };
        let heard = self.claims.iter().filter(tells).map(|w| w.claim.at.freshness());
        let past = || self.ground.past(ends.0, ends.1).map(Stamp::freshness);
        heard.reduce(Freshness::or).or_else(past).unwrap_or(Freshness::UNHEARD)
    }

    /// How sure it is that the cable is there, from 0 to 1: 1 where frames are known to pass in both directions; in one
    /// direction alone .8 if two means say so, else .6; .3 where an inventory alone has it; half of it where another source
    /// puts somebody else on a port.
    pub(crate) fn confidence(&self) -> f64 {
        let (mut ab, mut ba) = (false, false);
        let mut means = std::collections::BTreeSet::new();
        for placed in &self.claims {
            let passed = self.passed(placed);
            if placed.claim.body != Body::Planned {
                means.insert(placed.claim.word());
            }
            (ab, ba) = (ab | passed.0, ba | passed.1);
        }
        let sure = match (ab && ba, means.len()) {
            (true, _) => 1.0,
            (false, 2..) => 0.8,
            (false, 1) => 0.6,
            (false, 0) => 0.3,
        };
        if self.disputed { sure / 2.0 } else { sure }
    }

    /// What is odd about it.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let of = |port: PortId| {
            let name = &*self.ground.ports[port].name;
            let mtu = self.ground.interface(port).and_then(|i| i.link.mtu);
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
