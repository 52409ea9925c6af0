//! From claims to media: which ports share a cable, and which a segment.
//!
//! An *area* is a set of ports that claims tie together; no claim leads out of it, so that each area is judged by itself.
//! Within it, means are believed in this order:
//!
//! 1. A bridge that learnt the address of one station alone on a port, or a pair in software with a bridge's port at one
//!    end: a cable between the two.
//! 2. LLDP and CDP: who hears whom shares a medium, unless a bridge stands between (1).
//! 3. IGP adjacencies, where LLDP is silent, or where they confirm what LLDP says and know of more. Where the two
//!    contradict each other that is a conflict; where LLDP knows a bridge there, it is none: the neighbour is behind it.
//! 4. ARP and neighbour tables, likewise.
//!
//! Two ports on a medium are a cable, three or more a segment.

use std::collections::{BTreeMap, BTreeSet};

use super::claim::{Adjacency, Body, Finding, NodeName, PortId};
use super::ground::{Ground, Placed};
use super::layer2::INSIDE;
use super::planned;

/// What the claims of one area come to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Media {
    /// Cables, each with its ports in their order.
    pub(crate) cables: Vec<(PortId, PortId)>,
    /// Segments, each with its members in their order.
    pub(crate) segments: Vec<Vec<PortId>>,
    /// Ports about which sources contradict each other.
    pub(crate) disputed: BTreeSet<PortId>,
    /// Ports of nodes known only from others that a medium or an adjacency has.
    pub(crate) externals: BTreeSet<PortId>,
    /// Conflicts and ports without a known peer.
    pub(crate) findings: Vec<Finding>,
}

impl Media {
    /// The end of an adjacency in the twin. A neighbour that only the IGP names, on a port where LLDP hears one stranger
    /// alone, is that stranger.
    pub(crate) fn adjacent_end(&self, ground: &Ground, near: PortId, far: PortId) -> PortId {
        if ground.is_own(far) {
            return far;
        }
        let heard = |c: &&Placed| matches!(c.claim.body, Body::Heard(_)) && c.ends.1 == near;
        let strangers: BTreeSet<_> = ground.claims_of(near).filter(heard).map(|c| c.ends.0).collect();
        match strangers.iter().copied().collect::<Vec<_>>()[..] {
            [only] if !ground.is_own(only) => only,
            _ => far,
        }
    }
}

/// The pairs of ports that one means ties together, each in both directions, in order.
#[derive(Debug, Default)]
struct Ties(Vec<(PortId, PortId)>);

impl Ties {
    fn between(pairs: impl IntoIterator<Item = (PortId, PortId)>) -> Self {
        let mut ties: Vec<_> = pairs.into_iter().flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        ties.sort_unstable();
        ties.dedup();
        Self(ties)
    }
    fn of(&self, port: PortId) -> impl Iterator<Item = PortId> {
        let first = self.0.partition_point(|(a, _)| *a < port);
        self.0[first..].iter().take_while(move |(a, _)| *a == port).map(|(_, b)| *b)
    }
    fn is_tied(&self, port: PortId) -> bool {
        self.of(port).next().is_some()
    }
    fn pairs(&self) -> impl Iterator<Item = (PortId, PortId)> {
        self.0.iter().copied().filter(|(a, b)| a < b)
    }
}

/// One area while it is judged.
struct Area<'a> {
    ground: &'a Ground,
    /// In the order of ports.
    ports: Vec<PortId>,
    heard: Ties,
    adjacent: Ties,
    resolved: Ties,
    media: Media,
}

/// Judges an area.
pub(crate) fn judge(ground: &Ground, ports: &[PortId]) -> Media {
    let mut ports = ports.to_vec();
    ports.sort_by(|a, b| ground.order(*a, *b));
    let mut area = Area {
        ground,
        ports,
        heard: Ties::default(),
        adjacent: Ties::default(),
        resolved: Ties::default(),
        media: Media::default(),
    };
    let settled = area.bridged();
    area.sort_claims();
    let tied = area.tied();
    area.form(&settled, &tied);
    area.keep_neighbors();
    area.plan(&settled, &tied);
    area.report_strangers();
    area.report_lonely(&settled, &tied);
    area.media
}

impl Area<'_> {
    fn claims(&self) -> impl Iterator<Item = &Placed> {
        let of = |p: &PortId| {
            let port = *p;
            self.ground.claims_of(port).filter(move |c| c.ends.0 == port)
        };
        self.ports.iter().flat_map(of)
    }

    /// Cables between a bridge's port and the only station behind it, or the other end of its pair; all ports of such
    /// cables with their peers.
    fn bridged(&mut self) -> BTreeMap<PortId, PortId> {
        let mut settled = BTreeMap::new();
        let paired = |c: &&Placed| {
            c.claim.body == Body::Paired && self.is_bridged(c.ends.0) != self.is_bridged(c.ends.1)
        };
        for (a, b) in self.claims().filter(paired).map(|c| c.ends).collect::<Vec<_>>() {
            settled.extend([(a, b), (b, a)]);
            self.add_cable(a, b);
        }
        let mut behind: BTreeMap<PortId, BTreeSet<PortId>> = BTreeMap::new();
        for placed in self.claims().filter(|c| c.claim.body == Body::Learnt) {
            behind.entry(placed.ends.1).or_default().insert(placed.ends.0);
        }
        let mut alone: BTreeMap<PortId, Vec<PortId>> = BTreeMap::new();
        for (bridge, stations) in &behind {
            if let [station] = stations.iter().copied().collect::<Vec<_>>()[..]
                && self.ground.is_own(station)
                && !settled.contains_key(bridge)
                && !settled.contains_key(&station)
                && self.may_be_cabled(*bridge, station)
            {
                alone.entry(station).or_default().push(*bridge);
            }
        }
        for (station, bridges) in alone {
            if let [bridge] = bridges[..] {
                settled.extend([(station, bridge), (bridge, station)]);
                self.add_cable(station, bridge);
            }
        }
        settled
    }

    /// LLDP frames that a bridge's port hears come from the other end of its cable: nobody else may be there, and the
    /// station may not be heard by another bridge's port.
    fn may_be_cabled(&self, bridge: PortId, station: PortId) -> bool {
        let heard = |port| {
            self.ground.claims_of(port).filter(|c| matches!(c.claim.body, Body::Heard(_))).map(|c| c.ends)
        };
        let others_there = heard(bridge).any(|(from, to)| to == bridge && from != station);
        let elsewhere =
            heard(station).any(|(from, to)| from == station && to != bridge && self.is_bridged(to));
        !others_there && !elsewhere
    }

    fn is_bridged(&self, port: PortId) -> bool {
        self.ground.device_of(port).is_some_and(|d| d.is_bridged(&self.ground.ports[port].name))
    }

    fn sort_claims(&mut self) {
        let mut ties = [Vec::new(), Vec::new(), Vec::new()];
        for placed in self.claims().filter(|c| !self.is_inside(c.ends.0) && !self.is_inside(c.ends.1)) {
            let tie = match &placed.claim.body {
                Body::Heard(_) => 0,
                Body::Adjacent { .. } => 1,
                Body::Resolved { .. } | Body::Paired => 2,
                Body::Learnt | Body::Planned => continue,
            };
            ties[tie].push(placed.ends);
        }
        [self.heard, self.adjacent, self.resolved] = ties.map(Ties::between);
    }

    fn is_inside(&self, port: PortId) -> bool {
        let node = &self.ground.nodes[self.ground.ports[port].node];
        matches!(&node.name, NodeName::External(id) if id.kind == INSIDE)
    }

    /// The pairs that share a medium, after all means are weighed.
    fn tied(&mut self) -> Ties {
        let mut tied: Vec<_> = self.heard.pairs().collect();
        let mut conflicts = BTreeSet::new();
        for (a, b) in self.adjacent.pairs() {
            let verdicts = [(a, b), (b, a)].map(|(near, far)| self.verdict(near, far));
            if verdicts.iter().all(|v| *v == Verdict::Tied) {
                tied.push((a, b));
            }
            for (verdict, (near, far)) in verdicts.into_iter().zip([(a, b), (b, a)]) {
                if verdict == Verdict::Conflict && self.ground.is_own(near) {
                    conflicts.insert((near, far));
                }
            }
        }
        self.report_conflicts(&conflicts);
        let tied = Ties::between(tied);
        let extends = |(a, b): &(PortId, PortId)| self.extends(*a, *b, &tied) && self.extends(*b, *a, &tied);
        let mut more = self.resolved.pairs().filter(extends).peekable();
        match more.peek() {
            Some(_) => Ties::between(tied.pairs().chain(more)),
            None => tied,
        }
    }

    /// Whether what the IGP says at one end fits what LLDP says there.
    fn verdict(&self, near: PortId, far: PortId) -> Verdict {
        let (heard, adjacent) = (&self.heard, &self.adjacent);
        let peers: BTreeSet<_> = heard.of(near).collect();
        let confirmed = adjacent.of(near).any(|p| peers.contains(&p));
        match () {
            () if peers.is_empty() => Verdict::Tied,
            // A neighbour without words of its own is whom LLDP hears there.
            () if !self.ground.is_own(far) && adjacent.of(near).count() <= peers.len() => Verdict::Behind,
            () if confirmed => Verdict::Tied,
            () if peers.iter().any(|p| self.bridges(near, *p)) => Verdict::Behind,
            () if peers.iter().any(|p| !self.ground.is_own(*p)) => Verdict::Behind,
            // A port with several neighbours is on a medium that others are on too.
            () if [near, far].iter().any(|p| adjacent.of(*p).count() > 1) => Verdict::Tied,
            () => Verdict::Conflict,
        }
    }

    /// Whether an address resolved at one end adds to what is known there.
    fn extends(&self, near: PortId, far: PortId, tied: &Ties) -> bool {
        let mut peers = tied.of(near).peekable();
        if peers.peek().is_none() {
            return true;
        }
        self.ground.is_own(far) && !peers.any(|p| !self.ground.is_own(p) || self.bridges(near, p))
    }

    /// Whether the peer on a port passes frames on to others.
    fn bridges(&self, near: PortId, peer: PortId) -> bool {
        let says = |c: &Placed| c.ends == (peer, near) && c.claim.sender().is_some_and(|s| s.bridge);
        self.is_bridged(peer) || self.ground.claims_of(near).any(says)
    }

    fn report_conflicts(&mut self, conflicts: &BTreeSet<(PortId, PortId)>) {
        for (near, far) in conflicts {
            let heard: Vec<_> = self.heard.of(*near).map(|p| self.ground.name(p)).collect();
            let why = format!("LLDP says {}, the IGP says {}", heard.join(", "), self.ground.name(*far));
            let finding = self.finding("conflict", *near, why);
            self.media.findings.push(finding);
            self.media.disputed.insert(*near);
        }
    }

    /// The media of all ports: connected by ties.
    fn form(&mut self, settled: &BTreeMap<PortId, PortId>, tied: &Ties) {
        let mut seen = BTreeSet::new();
        for start in self.ports.clone() {
            let mut medium = Vec::new();
            let mut open = vec![start];
            while let Some(port) = open.pop() {
                if seen.insert(port) {
                    medium.push(port);
                    open.extend(tied.of(port));
                }
            }
            medium.sort_by(|a, b| self.ground.order(*a, *b));
            self.media
                .externals
                .extend(medium.iter().filter(|p| medium.len() > 1 && !self.ground.is_own(**p)));
            match medium[..] {
                [a, b] if settled.contains_key(&a) || settled.contains_key(&b) => {} // through a bridge
                [a, b] if self.is_named(a) && self.is_named(b) => self.add_cable(a, b),
                [_, _] => {} // The far port is not known by its node's own name: no cable.
                _ => self.add_segment(medium, settled),
            }
        }
    }

    /// Neighbours that only the IGP names are in the twin, whatever medium leads to them.
    fn keep_neighbors(&mut self) {
        let adjacent = |c: &&Placed| matches!(c.claim.body, Body::Adjacent { state: Adjacency::Full, .. });
        let ends = |c: &Placed| self.media.adjacent_end(self.ground, c.ends.0, c.ends.1);
        let far: Vec<_> =
            self.claims().filter(adjacent).map(ends).filter(|p| !self.ground.is_own(*p)).collect();
        self.media.externals.extend(far);
    }

    /// A segment of three or more. Bridges' ports whose cable is known carry it and are not on it; one that ARP alone
    /// shows behind known bridges says nothing new.
    fn add_segment(&mut self, mut medium: Vec<PortId>, settled: &BTreeMap<PortId, PortId>) {
        medium.retain(|p| !(settled.contains_key(p) && self.is_bridged(*p)));
        let said = |p: &PortId| self.heard.is_tied(*p) || self.adjacent.is_tied(*p);
        let known = medium.iter().all(|p| settled.contains_key(p)) && !medium.iter().any(said);
        if medium.len() >= 3 && !known {
            self.media.segments.push(medium);
        }
    }

    fn add_cable(&mut self, a: PortId, b: PortId) {
        let ends = if self.ground.order(a, b).is_le() { (a, b) } else { (b, a) };
        self.media.cables.push(ends);
    }

    /// Whether a port is called by its node's own name for it.
    fn is_named(&self, port: PortId) -> bool {
        let says = |c: &Placed| match c.claim.body {
            Body::Heard(_) => c.ends.0 == port && c.claim.is_named(),
            Body::Planned => true,
            _ => false,
        };
        self.ground.is_own(port) || self.ground.claims_of(port).any(says)
    }

    /// What inventories plan, against all that is seen.
    fn plan(&mut self, settled: &BTreeMap<PortId, PortId>, tied: &Ties) {
        let is_planned = |p: &PortId| self.ground.claims_of(*p).any(|c| c.claim.body == Body::Planned);
        if !self
            .ports
            .iter()
            .any(|p| is_planned(p) || self.ground.inventory.is_wired(self.ground.ports[*p].node))
        {
            return;
        }
        let mut seen = planned::Seen::new();
        let media =
            self.media.cables.iter().map(|(a, b)| vec![*a, *b]).chain(self.media.segments.iter().cloned());
        for medium in media {
            for port in &medium {
                seen.entry(*port).or_default().extend(medium.iter().filter(|p| *p != port));
            }
        }
        for port in &self.ports {
            let more: Vec<_> = tied.of(*port).chain(settled.get(port).copied()).collect();
            if !more.is_empty() {
                seen.entry(*port).or_default().extend(more);
            }
        }
        planned::join(self.ground, &self.ports, &seen, &mut self.media);
    }

    /// Neighbours that are in the twin by what others call them, and whose port nothing names.
    fn report_strangers(&mut self) {
        let mut findings = Vec::new();
        for port in self.media.externals.iter().filter(|p| !self.is_named(**p)) {
            for c in
                self.ground.claims_of(*port).filter(|c| !matches!(c.claim.body, Body::Learnt | Body::Planned))
            {
                let near = if c.ends.0 == *port { c.ends.1 } else { c.ends.0 };
                let stranger = self.ground.node_name(self.ground.ports[*port].node);
                let why = format!("{} neighbour {stranger}: {}", c.claim.word(), c.claim.how);
                findings.push(self.finding("unmatched-neighbour", near, why));
            }
        }
        self.media.findings.extend(findings);
    }

    /// Every port with carrier and no known peer says so: something may be plugged in there that no source shows.
    fn report_lonely(&mut self, settled: &BTreeMap<PortId, PortId>, tied: &Ties) {
        for port in self.ports.clone() {
            let Some(interface) = self.ground.interface(port) else { continue };
            let real =
                interface.link.carrier == Some(true) && !interface.is_loopback() && !interface.is_logical();
            if !real || settled.contains_key(&port) || tied.is_tied(port) {
                continue;
            }
            let behind =
                self.ground.claims_of(port).filter(|c| c.claim.body == Body::Learnt && c.ends.1 == port);
            let why = match behind.map(|c| c.ends.0).collect::<BTreeSet<_>>().len() {
                0 => "carrier is up, no known peer".to_owned(),
                1 => "carrier is up; the bridge learnt one address there, whose port is not known".to_owned(),
                n => format!("carrier is up; the bridge learnt {n} stations there, no known peer"),
            };
            let planned: Vec<_> =
                planned::plans(self.ground, port).into_iter().map(|p| self.ground.name(p)).collect();
            let why = match planned.is_empty() {
                true => why,
                false => format!("{why}; an inventory has {} there", planned.join(", ")),
            };
            let finding = self.finding("no-known-peer", port, why);
            self.media.findings.push(finding);
        }
    }

    fn finding(&self, code: &str, port: PortId, why: String) -> Finding {
        let of = &self.ground.ports[port];
        Finding::new(code, self.ground.node_name(of.node), &of.name, why)
    }
}

/// What one end makes of a tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It fits.
    Tied,
    /// The peer is behind another that is known, or is that other.
    Behind,
    /// It contradicts what LLDP says.
    Conflict,
}

/// The word of an IGP state between two ports, from both ends' words (none where an end knows nothing).
pub(crate) fn igp_word(a: Option<Adjacency>, b: Option<Adjacency>) -> &'static str {
    match (a, b) {
        (None, None) => "none",
        (Some(Adjacency::Init), _) | (_, Some(Adjacency::Init)) => "init",
        (Some(Adjacency::Stuck), _) | (_, Some(Adjacency::Stuck)) => "stuck",
        (Some(Adjacency::Full), Some(Adjacency::Full)) => "full",
        (Some(Adjacency::Full), None) | (None, Some(Adjacency::Full)) => "one_way",
    }
}
