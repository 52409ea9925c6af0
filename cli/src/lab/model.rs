//! A lab with everything decided: names, addresses, hardware addresses, protocols.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::IpNet;
use twin::{InputError, MacAddr, Place};

use super::file::{CableSpec, Circuit, End, Igp, LabFile, Lldp, MTU, NodeSpec, Role};

/// A lab that can be built.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    /// Its name.
    pub(crate) name: String,
    /// Its nodes.
    pub(crate) nodes: Vec<Node>,
    /// Its cables: node and port at each end, as positions in [`Lab::nodes`] and [`Node::ports`].
    pub(crate) cables: Vec<[(usize, usize); 2]>,
}

/// A node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its name in the lab.
    pub(crate) name: String,
    /// Its network namespace, also the name of its FRR instance.
    pub(crate) namespace: String,
    /// What is written of it.
    pub(crate) spec: NodeSpec,
    /// The name that it tells others.
    pub(crate) system_name: String,
    /// What its LLDP agent does.
    pub(crate) lldp: Lldp,
    /// Loopback address and router id; routers have one.
    pub(crate) loopback: Option<Ipv4Addr>,
    /// Its ports, in the order of the cables.
    pub(crate) ports: Vec<Port>,
}

/// A port.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    /// Its name.
    pub(crate) name: String,
    /// Its hardware address.
    pub(crate) mac: MacAddr,
    /// Its addresses.
    pub(crate) addresses: Vec<IpNet>,
    /// The operator's description.
    pub(crate) alias: Option<String>,
    /// Largest IP packet in bytes.
    pub(crate) mtu: u32,
    /// Whether the operator has it up.
    pub(crate) up: bool,
    /// Whether what it sends is dropped.
    pub(crate) lost: bool,
    /// Whether it has no addresses of any kind.
    pub(crate) silent: bool,
    /// The protocol on it.
    pub(crate) igp: Igp,
    /// Whether a router may answer there; the IGP only names the subnet otherwise.
    pub(crate) passive: bool,
    /// What the protocol takes the cable for.
    pub(crate) circuit: Circuit,
    /// The cost of sending out of it.
    pub(crate) cost: u32,
    /// The medium it is on: cables joined by bridges and hubs are one medium.
    pub(crate) medium: usize,
}

impl Node {
    /// What it is for.
    pub(crate) fn role(&self) -> Role {
        self.spec.role
    }
    /// Its position's hardware address for port `number`, counted from 1; 0 is the bridge's own.
    pub(crate) fn mac(position: usize, number: usize) -> MacAddr {
        let [_, _, _, _, _, _, a, b] = (position as u64 + 1).to_be_bytes();
        let [_, _, _, _, _, _, c, d] = (number as u64).to_be_bytes();
        MacAddr([2, 0, a, b, c, d]) // Locally administered (IEEE 802 §8.2).
    }
    /// Whether the protocol runs on any port.
    pub(crate) fn runs(&self, igp: Igp) -> bool {
        self.role() == Role::Router && self.ports.iter().any(|p| p.igp == igp)
    }
}

/// Nodes beyond this number have no assigned address.
const NODES_MAX: usize = 65_000;
/// Media beyond this number have no assigned subnet.
const MEDIA_MAX: usize = 32_768;

/// Decides what the file leaves open and checks the rest; `file` is what errors call it.
///
/// # Errors
/// [`InputError`] with line and column for a name, an end, a cost or a combination that cannot be built.
pub(crate) fn resolve(file: &str, lab: LabFile) -> Result<Lab, InputError> {
    let check = Check { file };
    check.name(&lab.name.value, lab.name.place, "-", 30, "a lab's name")?;
    let specs = lab.nodes.0;
    if specs.is_empty() || specs.len() > NODES_MAX {
        let what = format!("{} nodes", specs.len());
        return Err(check.fault(Place::Whole, what, format!("1 to {NODES_MAX}")));
    }
    let mut positions = BTreeMap::new();
    for (position, (name, place, spec)) in specs.iter().enumerate() {
        check.node(name, *place, spec)?;
        positions.insert(name.as_str(), position);
    }
    let ends = check.ends(&lab.cables, &specs, &positions)?;
    let mut nodes: Vec<Node> = specs.iter().enumerate().map(|(i, s)| node(&lab.name.value, i, s)).collect();
    check.loopbacks(&nodes, &specs)?;
    let media = media(&ends, &nodes);
    if media.iter().any(|m| *m >= MEDIA_MAX) {
        return Err(check.fault(Place::Whole, "too many media", format!("at most {MEDIA_MAX}")));
    }
    let mut members = BTreeMap::<usize, u32>::new();
    let mut cables = Vec::new();
    for ((spec, ends), medium) in lab.cables.iter().zip(&ends).zip(media) {
        let igp = check.igp(spec, ends, &nodes)?;
        let mut cable = [(0, 0); 2];
        for side in 0..2 {
            let (this, other) = (ends[side], ends[1 - side]);
            let port = port(spec, side, igp, &nodes[this], this, &nodes[other], medium, &mut members);
            let port = port.ok_or_else(|| {
                check.fault(
                    spec.between[side].place,
                    "more than 254 ports on one medium",
                    "fewer, or addresses",
                )
            })?;
            cable[side] = (this, nodes[this].ports.len());
            nodes[this].ports.push(port);
        }
        cables.push(cable);
    }
    Ok(Lab { name: lab.name.value, nodes, cables })
}

fn node(lab: &str, position: usize, (name, _, spec): &(String, Place, NodeSpec)) -> Node {
    let agent = if spec.role.relays() { Lldp::Off } else { Lldp::On };
    // 172.16.0.0/12 from its second address on.
    let assigned = Ipv4Addr::from(0xac10_0000 + position as u32 + 1);
    Node {
        name: name.clone(),
        namespace: format!("{lab}_{name}"),
        system_name: spec.system_name.clone().unwrap_or_else(|| name.clone()),
        lldp: spec.lldp.unwrap_or(agent),
        loopback: (spec.role == Role::Router).then(|| spec.loopback.unwrap_or(assigned)),
        spec: spec.clone(),
        ports: Vec::new(),
    }
}

/// The medium of each cable, numbered in the order of the cables: what bridges and hubs join is one.
fn media(ends: &[[usize; 2]], nodes: &[Node]) -> Vec<usize> {
    let mut group: Vec<usize> = (0..nodes.len()).collect(); // Of relays, by their least member.
    let relays = |n: usize| nodes[n].role().relays();
    loop {
        let before = group.clone();
        for [a, b] in ends.iter().filter(|[a, b]| relays(*a) && relays(*b)) {
            let least = group[*a].min(group[*b]);
            (group[*a], group[*b]) = (least, least);
        }
        if group == before {
            break;
        }
    }
    let mut known = BTreeMap::new();
    let mut next = 0;
    let mut fresh = || {
        next += 1;
        next - 1
    };
    let of = |[a, b]: &[usize; 2]| {
        let relay = [*a, *b].into_iter().find(|n| relays(*n));
        match relay {
            Some(relay) => *known.entry(group[relay]).or_insert_with(&mut fresh),
            None => fresh(),
        }
    };
    ends.iter().map(of).collect()
}

/// One end of a cable; `None` where the medium has no address left.
fn port(
    spec: &CableSpec,
    side: usize,
    igp: Igp,
    this: &Node,
    position: usize,
    other: &Node,
    medium: usize,
    members: &mut BTreeMap<usize, u32>,
) -> Option<Port> {
    let relayed = other.role().relays();
    let default = if relayed { Circuit::Broadcast } else { Circuit::PointToPoint };
    let mut addresses = Vec::new();
    if let Some(given) = &spec.addresses {
        addresses.clone_from(&given[side].0);
    } else if let (true, Some(loopback)) = (spec.unnumbered, this.loopback) {
        addresses.push(IpNet::from(std::net::IpAddr::V4(loopback)));
    } else if !spec.silent && !this.role().relays() && igp != Igp::Ospf6 {
        let member = members.entry(medium).or_default();
        *member += 1;
        addresses.push(assigned(medium, *member)?);
    }
    Some(Port {
        name: spec.between[side].port.clone(),
        mac: Node::mac(position, this.ports.len() + 1),
        addresses,
        alias: spec.alias[side].clone(),
        mtu: spec.mtu.0[side],
        up: spec.up.0[side],
        lost: spec.lost.0[side],
        silent: spec.silent || this.role().relays(),
        igp: if this.role() == Role::Router { igp } else { Igp::None },
        passive: other.role() == Role::Host,
        circuit: spec.network.unwrap_or(default),
        cost: spec.cost.0[side],
        medium,
    })
}

/// The address of a member, counted from 1, on a medium: 10.128.0.0/24 is the first, 10.255.255.0/24 the last.
fn assigned(medium: usize, member: u32) -> Option<IpNet> {
    let subnet = 0x0a80_0000 + ((medium as u32) << 8);
    let address = Ipv4Addr::from(subnet + member);
    (member < 255).then(|| IpNet::new(address.into(), 24).ok()).flatten()
}

/// What can be wrong with a lab file, and how it is said.
struct Check<'a> {
    file: &'a str,
}

type Specs = [(String, Place, NodeSpec)];

impl Check<'_> {
    fn fault(&self, place: Place, what: impl Into<String>, expected: impl Into<String>) -> InputError {
        InputError::new(self.file, place, what, expected)
    }

    /// Letters, digits and the characters of `also`.
    fn name(
        &self,
        name: &str,
        place: Place,
        also: &str,
        longest: usize,
        what: &str,
    ) -> Result<(), InputError> {
        let good = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
        if (1..=longest).contains(&name.len()) && name.chars().all(good) && !name.starts_with(['-', '.']) {
            return Ok(());
        }
        let expected = format!("1 to {longest} letters, digits or '{also}'");
        Err(self.fault(place, format!("'{name}' as {what}"), expected))
    }

    /// Text that goes to a command's or daemon's configuration as one word or quoted.
    fn word(&self, text: &str, place: Place, spaces: bool, what: &str) -> Result<(), InputError> {
        let bad =
            |c: char| c.is_control() || matches!(c, '"' | '\\' | '\'') || (!spaces && c.is_whitespace());
        if !text.is_empty() && text.len() <= 200 && !text.chars().any(bad) {
            return Ok(());
        }
        let without = if spaces { "quotes or backslashes" } else { "spaces, quotes or backslashes" };
        Err(self.fault(place, format!("'{text}' as {what}"), format!("1 to 200 bytes without {without}")))
    }

    fn node(&self, name: &str, place: Place, spec: &NodeSpec) -> Result<(), InputError> {
        self.name(name, place, "-_", 60, "a node's name")?;
        if let Some(system_name) = &spec.system_name {
            self.word(system_name, place, false, "a system name")?;
        }
        let routes = spec.loopback.is_some() || spec.asn.is_some();
        if routes && spec.role != Role::Router {
            let what = format!("loopback or as of {name}, a {}", spec.role.word());
            return Err(self.fault(place, what, "them at routers"));
        }
        if spec.asn.is_none() && (!spec.networks.is_empty() || spec.bmp.is_some()) {
            let what = format!("networks or bmp of {name}, which has no as");
            return Err(self.fault(place, what, "as beside them"));
        }
        Ok(())
    }

    /// The nodes of each cable's ends.
    fn ends(
        &self,
        cables: &[CableSpec],
        specs: &Specs,
        positions: &BTreeMap<&str, usize>,
    ) -> Result<Vec<[usize; 2]>, InputError> {
        let mut taken = BTreeSet::new();
        let mut all = Vec::new();
        for cable in cables {
            let mut ends = [0; 2];
            for (side, end) in cable.between.iter().enumerate() {
                let Some(&node) = positions.get(end.node.as_str()) else {
                    let fault =
                        self.fault(end.place, format!("unknown node '{}'", end.node), "a node of this lab");
                    return Err(fault.with_nearest(&end.node, positions.keys().copied()));
                };
                self.port_name(end, specs[node].2.role)?;
                if !taken.insert((node, end.port.as_str())) {
                    let what = format!("a second cable at {}:{}", end.node, end.port);
                    return Err(self.fault(end.place, what, "one cable for each port"));
                }
                if let Some(alias) = &cable.alias[side] {
                    self.word(alias, end.place, true, "an alias")?;
                }
                let mtu = cable.mtu.0[side];
                if !(68..=65_535).contains(&mtu) {
                    return Err(self.fault(end.place, format!("an MTU of {mtu} bytes"), "68 to 65535"));
                }
                ends[side] = node;
            }
            all.push(ends);
        }
        Ok(all)
    }

    fn port_name(&self, end: &End, role: Role) -> Result<(), InputError> {
        // The kernel's IFNAMSIZ is 16 with the zero at the end.
        self.name(&end.port, end.place, "-_.", 15, "a port's name")?;
        let own = end.port == "lo" || (role.relays() && end.port == super::config::BRIDGE);
        if own {
            let what = format!("'{}' as a port's name", end.port);
            return Err(self.fault(end.place, what, "a name that is not the node's own"));
        }
        Ok(())
    }

    fn loopbacks(&self, nodes: &[Node], specs: &Specs) -> Result<(), InputError> {
        let mut seen = BTreeMap::new();
        for (node, (_, place, _)) in nodes.iter().zip(specs) {
            let Some(loopback) = node.loopback else { continue };
            if let Some(first) = seen.insert(loopback, &node.name) {
                let what = format!("{loopback} as loopback of {} and of {first}", node.name);
                return Err(self.fault(*place, what, "one router for each"));
            }
        }
        Ok(())
    }

    /// The protocol of a cable.
    fn igp(&self, spec: &CableSpec, ends: &[usize; 2], nodes: &[Node]) -> Result<Igp, InputError> {
        let place = spec.between[0].place;
        let roles = ends.map(|n| nodes[n].role());
        let routers = roles.iter().filter(|r| **r == Role::Router).count();
        let between_routers = routers > 0 && !roles.contains(&Role::Host);
        let igp = spec.igp.unwrap_or(if between_routers && !spec.silent { Igp::Ospf } else { Igp::None });
        if igp != Igp::None && routers == 0 {
            return Err(self.fault(place, "an IGP on a cable without a router", "a router at an end"));
        }
        let largest = match igp {
            Igp::None => u32::MAX,
            Igp::Ospf | Igp::Ospf6 => 65_535, // RFC 2328 §C.3
            Igp::Isis => 16_777_214,          // RFC 5305 §3.7
        };
        if let Some(cost) = spec.cost.0.iter().find(|c| igp != Igp::None && !(1..=largest).contains(*c)) {
            return Err(self.fault(place, format!("a cost of {cost}"), format!("1 to {largest}")));
        }
        if spec.unnumbered && (routers < 2 || spec.addresses.is_some()) {
            return Err(self.fault(place, "an unnumbered cable", "routers at both ends, and no addresses"));
        }
        Ok(igp)
    }
}

/// Whether a port has the MTU that the kernel gives it.
pub(crate) fn usual_mtu(port: &Port) -> bool {
    port.mtu == MTU
}
