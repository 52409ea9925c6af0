//! The walk.

use std::net::IpAddr;

use engine::Seeds;
use twin::{ArcId, Csr, EntityKey, EntityKind, Layer, NextHop, NodeId, RouteAction, Twin};

use super::links::is_link_local;
use super::{Disposition, Hop, Links, Lookup, Question, Start, Station, Trace, Traces};
use crate::packet::{FlowHash, meant};
use crate::{Failures, Spf, UNREACHABLE};

/// A twin made ready for traces.
#[derive(Debug)]
pub struct Tracer<'a> {
    links: Links<'a>,
    /// What load balancers hash with.
    hash: FlowHash,
    /// The arcs of packet runs: a load balancer numbers its next hops by them.
    arcs: Csr,
    igp: Csr,
    down: Failures,
}

/// A way as far as it is known.
#[derive(Clone)]
struct Way {
    hops: Vec<Hop>,
    share: f64,
    next: Next,
}

/// How a way goes on.
#[derive(Clone)]
enum Next {
    /// To a node, on a port.
    Node(EntityKey, Option<EntityKey>),
    /// Nowhere.
    End(Disposition, String),
}

/// One of a node's next hops: where it leads, or why it leads nowhere.
struct Branch {
    port: EntityKey,
    gateway: Option<IpAddr>,
    onward: Result<Station, (Disposition, String)>,
}

/// What a node does.
enum Decision {
    End(Disposition, String),
    Onward(Vec<Branch>),
}

impl<'a> Tracer<'a> {
    /// Ways that are listed; the rest is summed up.
    pub const WAYS_MAX: usize = 1_000;

    /// Makes a twin ready. `seed` is that of packet runs, for the ways of flows; `layer` the one whose arcs they use.
    pub fn new(twin: &'a Twin, layer: Layer, seed: u64) -> Self {
        let (arcs, igp) = (Csr::compile(twin, layer), Csr::compile(twin, Layer::Igp));
        let mut down = Failures::none(&igp);
        for (key, half) in twin.half_links(Layer::Igp) {
            let cable = half
                .cable
                .as_ref()
                .and_then(|_| twin.half_link(&twin::HalfLinkKey { layer: Layer::Cable, ..key.clone() }));
            if half.is_dark() || cable.is_some_and(|c| c.is_dark()) {
                let arc = igp.ports.iter().position(|(from, to)| *from == key.from && *to == key.to);
                down = arc.into_iter().fold(down, |down, arc| down.with_link(igp.link[arc]));
            }
        }
        let hash = FlowHash::new(&arcs, Seeds::new(seed).trial(0));
        Self { links: Links::new(twin), hash, arcs, igp, down }
    }

    /// Links and addresses.
    pub fn links(&self) -> &Links<'a> {
        &self.links
    }

    /// All ways from the start to the target, or that of one flow. A way that comes back to a node ends there: tables
    /// look at nothing but the destination, so it would go round for ever.
    pub fn trace(&self, question: &Question) -> Traces {
        let spf = question.target.node.as_ref().and_then(|node| self.spf_to(node));
        let (node, received_on) = match &question.start {
            Start::At(node) => (Some(node), None),
            Start::On(port) => (self.links.node(port), Some(port.clone())),
        };
        let mut answer = Traces::default();
        let first = node.map(|node| Next::Node(node.clone(), received_on));
        let mut open: Vec<_> =
            first.into_iter().map(|next| Way { hops: Vec::new(), share: 1.0, next }).collect();
        while let Some(way) = open.pop() {
            match &way.next {
                _ if answer.ways.len() == Self::WAYS_MAX => answer.left_out += way.share,
                Next::End(disposition, why) => {
                    let (disposition, why) = (*disposition, why.clone());
                    answer.ways.push(Trace { hops: way.hops, disposition, why, share: way.share });
                }
                Next::Node(node, received_on) => {
                    let hop = Hop::at(node.clone(), received_on.clone());
                    let further = self.advance(question, spf.as_ref(), way, hop);
                    answer.by_igp |= further.iter().any(|w| w.hops.last().is_some_and(Hop::by_igp));
                    open.extend(further.into_iter().rev()); // the first next hop on top
                }
            }
        }
        answer
    }

    /// The way with one hop more, once for each next hop there.
    fn advance(&self, question: &Question, spf: Option<&Spf>, mut way: Way, mut hop: Hop) -> Vec<Way> {
        let node = hop.node.clone();
        if way.hops.iter().any(|passed| passed.node == node) {
            way.next = Next::End(Disposition::Loop, format!("{} was passed before", self.name(&node)));
            way.hops.push(hop);
            return vec![way];
        }
        let (lookup, decision) = self.decide(question, spf, &node);
        hop.lookup = Some(lookup);
        way.hops.push(hop);
        let branches = match decision {
            Decision::End(disposition, why) => {
                way.next = Next::End(disposition, why);
                return vec![way];
            }
            Decision::Onward(branches) => self.chosen(question, &node, branches),
        };
        let share = way.share / branches.len() as f64;
        branches.into_iter().map(|branch| self.follow(way.clone(), share, branch)).collect()
    }

    /// The way over one next hop of its last node.
    fn follow(&self, mut way: Way, share: f64, branch: Branch) -> Way {
        way.share = share;
        let (mut through, port) = (Vec::new(), Some(branch.port));
        way.next = match branch.onward {
            Err((disposition, why)) => Next::End(disposition, why),
            Ok(station) => match self.links.node(&station.port) {
                Some(node) => {
                    through = station.through;
                    Next::Node(node.clone(), Some(station.port))
                }
                None => Next::End(Disposition::ExitsNetwork, format!("{} is of no node", station.port)),
            },
        };
        if let Some(hop) = way.hops.last_mut() {
            (hop.gateway, hop.sent_on, hop.through) = (branch.gateway, port, through);
        }
        way
    }

    fn decide(&self, question: &Question, spf: Option<&Spf>, node: &EntityKey) -> (Lookup, Decision) {
        let target = &question.target;
        if target.address.is_some_and(|ip| self.links.owns(node, None, ip) && !is_link_local(ip)) {
            return (Lookup::Own, Decision::End(Disposition::Accepted, String::new()));
        }
        match (self.links.twin.fib(node), target.address) {
            (Some(fib), Some(ip)) => match fib.longest_match(ip) {
                None => (Lookup::NoMatch, Decision::End(Disposition::NoRoute, format!("no route to {ip}"))),
                Some((prefix, action)) => {
                    (Lookup::Route(prefix, action.clone()), self.by_route(action, ip, node))
                }
            },
            _ => self.without_table(question, spf, node),
        }
    }

    fn by_route(&self, action: &RouteAction, ip: IpAddr, node: &EntityKey) -> Decision {
        match action {
            RouteAction::Local => Decision::End(Disposition::Accepted, String::new()),
            RouteAction::Blackhole => Decision::End(Disposition::NullRouted, "a black hole".into()),
            RouteAction::Unreachable => {
                Decision::End(Disposition::NullRouted, "an unreachable route: dropped with ICMP".into())
            }
            RouteAction::Forward(hops) if hops.is_empty() => {
                let why = format!("the route of {} has no next hop", self.name(node));
                Decision::End(Disposition::InsufficientInfo, why)
            }
            RouteAction::Forward(hops) => {
                let branch = |hop: &NextHop| Branch {
                    port: hop.port.clone(),
                    gateway: hop.gateway,
                    onward: self.resolve(hop, ip),
                };
                Decision::Onward(hops.iter().map(branch).collect())
            }
        }
    }

    /// A node without a table: the destination's own node takes it, the boundary ends the way, others go by the IGP.
    fn without_table(&self, question: &Question, spf: Option<&Spf>, node: &EntityKey) -> (Lookup, Decision) {
        let name = self.name(node);
        if question.target.node.as_ref() == Some(node) {
            let (disposition, why) = match question.target.address {
                Some(ip) => (Disposition::DeliveredToSubnet, format!("{ip} lies in a subnet of {name}")),
                None => (Disposition::Accepted, String::new()),
            };
            return (Lookup::NoTable, Decision::End(disposition, why));
        }
        let outside =
            matches!(self.links.twin.entity(node), Some(e) if matches!(e.kind, EntityKind::External { .. }));
        if outside {
            let why = format!("{name} is beyond what the twin holds");
            return (Lookup::NoTable, Decision::End(Disposition::ExitsNetwork, why));
        }
        let id = self.igp.node_keys.iter().position(|k| k == node).map(NodeId::new);
        let (Some(spf), Some(id)) = (spf, id) else {
            let why = format!("{name} has no forwarding table, and no known node has the destination");
            return (Lookup::NoTable, Decision::End(Disposition::InsufficientInfo, why));
        };
        if spf.distance(id) == UNREACHABLE {
            let (disposition, why) = if self.igp.arc_count() == 0 {
                (
                    Disposition::InsufficientInfo,
                    format!("{name} has no forwarding table, and the twin no IGP"),
                )
            } else {
                (Disposition::NoRoute, format!("{name} has no path in the IGP"))
            };
            return (Lookup::NoTable, Decision::End(disposition, why));
        }
        let branches = spf.next_arcs(id).iter().map(|arc| self.over(*arc)).collect();
        (Lookup::Igp(spf.distance(id)), Decision::Onward(branches))
    }

    /// A next hop of the IGP is an arc.
    fn over(&self, arc: ArcId) -> Branch {
        let (from, to) = self.igp.ports[arc.index()].clone();
        let onward = Ok(Station { port: to, up: true, through: Vec::new() });
        Branch { port: from, gateway: None, onward }
    }

    fn spf_to(&self, node: &EntityKey) -> Option<Spf> {
        let id = self.igp.node_keys.iter().position(|k| k == node).map(NodeId::new)?;
        Some(Spf::to(&self.igp, &self.down, id))
    }

    /// Who gets a packet that goes to a next hop: the neighbour behind the port that has the gateway's address (the
    /// destination's, where there is no gateway), or else the only one there.
    fn resolve(&self, hop: &NextHop, dst: IpAddr) -> Result<Station, (Disposition, String)> {
        let (links, target) = (&self.links, hop.gateway.unwrap_or(dst));
        let port = self.port_name(&hop.port);
        let unreachable = |why: String| Err((Disposition::NeighborUnreachable, why));
        if links.port(&hop.port).is_some_and(|p| p.carrier == Some(false)) {
            return unreachable(format!("{port} has no carrier"));
        }
        let stations = links.stations(&hop.port);
        let owns = |s: &&Station| links.node(&s.port).is_some_and(|n| links.owns(n, Some(&s.port), target));
        let up: Vec<&Station> = stations.iter().filter(|s| s.up).collect();
        let behind = meant(&up, owns);
        if let Some(owner) = behind.iter().find(|s| owns(s)) {
            return Ok((*owner).clone());
        }
        if up.is_empty() && !stations.is_empty() || stations.iter().any(|s| owns(&s)) {
            return unreachable(format!("the cable at {port} is down"));
        }
        if !is_link_local(target)
            && let Some(elsewhere) = links.owners(target).iter().find_map(|p| links.node(p))
        {
            return unreachable(format!(
                "{target} is of {}, which is not behind {port}",
                self.name(elsewhere)
            ));
        }
        if hop.gateway.is_none()
            && let Some((net, full)) = links.subnet(&hop.port, dst)
        {
            return match full {
                true => unreachable(format!("nobody in {net} has {dst}")),
                false => Err((Disposition::DeliveredToSubnet, format!("{dst} lies in {net} at {port}"))),
            };
        }
        // Nobody is known to have the address: it may be that of a neighbour whose addresses are not known.
        let silent: Vec<_> = behind.iter().filter(|s| !self.is_known(s, target)).collect();
        match (behind.as_slice(), silent.as_slice()) {
            ([], _) => Err((Disposition::ExitsNetwork, format!("nothing is known behind {port}"))),
            (_, [only]) => Ok((**only).clone()),
            ([only], []) if hop.gateway.is_none() => Ok((*only).clone()), // an unnumbered line
            (_, []) => unreachable(format!("nobody behind {port} has {target}")),
            _ => {
                let why =
                    format!("which of {} neighbours behind {port} has {target} is not known", silent.len());
                Err((Disposition::InsufficientInfo, why))
            }
        }
    }

    /// Whether a station's addresses of this kind are known.
    fn is_known(&self, station: &Station, ip: IpAddr) -> bool {
        let same = |a: IpAddr| a.is_ipv4() == ip.is_ipv4() && is_link_local(a) == is_link_local(ip);
        self.links.port(&station.port).is_some_and(|p| p.addresses.iter().any(|a| same(a.ip)))
    }

    /// The branches to follow: all, or that of the flow.
    fn chosen(&self, question: &Question, node: &EntityKey, mut branches: Vec<Branch>) -> Vec<Branch> {
        let Some(flow) = question.flow.filter(|_| branches.len() > 1) else { return branches };
        let Some(id) = self.arcs.node_keys.iter().position(|k| k == node).map(NodeId::new) else {
            return branches;
        };
        let arc = |b: &Branch| {
            let station = b.onward.as_ref().ok()?;
            self.arcs.ports.iter().position(|(from, to)| *from == b.port && *to == station.port)
        };
        branches.sort_by_cached_key(|b| (arc(b).is_none(), arc(b)));
        branches.dedup_by(|b, a| arc(a).is_some() && arc(a) == arc(b));
        let chosen = self.hash.index(id, branches.len(), flow.five_tuple_hash());
        branches.into_iter().skip(chosen).take(1).collect()
    }

    fn name<'b>(&'b self, node: &'b EntityKey) -> &'b str {
        self.links.twin.entity(node).map_or(node.as_str(), |e| &e.name)
    }

    /// `node:port`, for people.
    fn port_name(&self, port: &EntityKey) -> String {
        match (self.links.node(port), self.links.twin.entity(port)) {
            (Some(node), Some(entity)) => format!("{}:{}", self.name(node), entity.name),
            _ => port.to_string(),
        }
    }
}
