//! FRR's OSPF as text: `show ip ospf interface`, `show ip ospf neighbor [detail]`, `show ip ospf database TYPE`.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use twin::{Diagnostic, WallTime};

use super::text::{Notes, after, between, indented, is_whole, mask_len, words};
use crate::observation::{
    Fact, IgpInterface, IgpLink, IgpLinkKind, IgpNeighbor, IgpProtocol, LinkEnd, LinkState, LinkStateId,
    LinkStateKind, NodeInfo, Observation, Observer, Scope, Source, Topic,
};

const OSPF: IgpProtocol = IgpProtocol::Ospf2;
/// RFC 2328 appendix B, MaxAge: an advertisement of this age is being withdrawn.
const MAX_AGE_S: u64 = 3600;

/// Reads the text if it is one of these.
pub(super) fn read(
    observer: &Observer,
    at: WallTime,
    text: &str,
    _diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let mut notes = Notes::new(observer, Source::Frr, at);
    let topic = if text.contains("OSPF Router with ID (") {
        database(&mut notes, text)
    } else if text.contains("In the area ") && text.contains(" via interface ") {
        neighbor_details(&mut notes, text);
        Topic::IgpNeighbors
    } else if text.contains("Neighbor ID") && text.contains("Dead Time") && text.contains("Interface") {
        neighbor_table(&mut notes, text);
        Topic::IgpNeighbors
    } else if text.contains("Router ID ") && text.contains("Network Type ") {
        interfaces(&mut notes, text);
        Topic::IgpInterfaces
    } else {
        return None;
    };
    // One kind of advertisement is not the whole database.
    if is_whole(text) && topic != Topic::LinkStates {
        notes.read(Scope::of(topic, OSPF));
    }
    Some(notes.done())
}

fn router(notes: &mut Notes<'_>, id: &str) {
    let router_id = id.parse::<Ipv4Addr>().ok().map(|id| id.to_string());
    notes.is(Fact::Node(NodeInfo { router_id, routing: true, ..NodeInfo::default() }));
}

/// A block for each interface: its name at the margin, then indented lines, which repeat for a second address.
fn interfaces(notes: &mut Notes<'_>, text: &str) {
    let mut port = "";
    let mut area = None;
    let mut known = None;
    for line in text.lines() {
        if !indented(line) && line.contains(" is ") {
            port = line.split_whitespace().next().unwrap_or_default();
            area = None;
        }
        let words = words(line);
        if line.contains("Internet Address") || line.contains("UNNUMBERED") {
            area = after(&words, "Area").map(|a| a.trim_end_matches(',').to_owned());
        }
        let Some(cost) = after(&words, "Cost:") else { continue };
        let id = after(&words, "ID").map(|id| id.trim_end_matches(','));
        if let Some(id) = id.filter(|id| known != Some(*id)) {
            known = Some(id);
            router(notes, id);
        }
        notes.is(Fact::IgpInterface(IgpInterface {
            protocol: OSPF,
            port: port.to_owned(),
            cost: cost.parse().ok(),
            area: area.clone(),
        }));
    }
}

/// ` Neighbor 10.0.0.22, interface address 10.0.0.22`, then where, then the state.
fn neighbor_details(notes: &mut Notes<'_>, text: &str) {
    let mut next: Option<IgpNeighbor> = None;
    let finish = |notes: &mut Notes<'_>, next: Option<IgpNeighbor>| {
        if let Some(n) = next.filter(|n| !n.on.is_empty() && !n.state.is_empty()) {
            notes.is(Fact::IgpNeighbor(n));
        }
    };
    for line in text.lines() {
        if let (Some(id), Some(address)) =
            (between(line, "Neighbor ", ","), between(line, "interface address ", " "))
        {
            finish(notes, next.take());
            next = Some(IgpNeighbor {
                protocol: OSPF,
                on: String::new(),
                id: id.to_owned(),
                address: address.parse().ok(),
                mac: None,
                state: String::new(),
                role: None,
            });
        }
        let Some(neighbor) = &mut next else { continue };
        if let Some(port) = between(line, "via interface ", " ") {
            neighbor.on = port.to_owned();
        }
        // Until 9.0 `State is Full,`; later `State is Full/DR,`.
        if let Some(state) = between(line, "State is ", ",") {
            set_state(neighbor, state);
        }
        if let Some(dr) = between(line, "DR is ", ",").filter(|_| line.trim_start().starts_with("DR is")) {
            let backup = between(line, "BDR is ", " ").and_then(|b| b.parse().ok());
            set_role(neighbor, (dr.parse().ok(), backup));
        }
    }
    finish(notes, next);
}

/// `Full/DR` as state and role.
fn set_state(neighbor: &mut IgpNeighbor, text: &str) {
    let (state, role) = text.split_once('/').unwrap_or((text, ""));
    neighbor.state = state.to_owned();
    neighbor.role =
        matches!(role, "DR" | "Backup" | "DROther").then(|| role.to_owned()).or(neighbor.role.take());
}

/// On a broadcast medium the addresses of the designated routers say the neighbour's role; elsewhere both are 0.0.0.0.
fn set_role(neighbor: &mut IgpNeighbor, (dr, backup): (Option<IpAddr>, Option<IpAddr>)) {
    let none = Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    if neighbor.role.is_some() || neighbor.address.is_none() || dr.is_none() || (dr == none && backup == none)
    {
        return;
    }
    let role = match neighbor.address {
        a if a == dr => "DR",
        a if a == backup => "Backup",
        _ => "DROther",
    };
    neighbor.role = Some(role.to_owned());
}

/// `10.0.0.2  1 Full/-  10m  3.5s  10.1.0.1  eth1:10.1.0.0  0 0 0`: the columns are found by what is in them, for one came
/// between (`Up Time`, FRR 8).
fn neighbor_table(notes: &mut Notes<'_>, text: &str) {
    for line in text.lines() {
        let words = words(line);
        let Some(id) = words.first().filter(|w| w.parse::<Ipv4Addr>().is_ok()) else { continue };
        let Some(state) = words.iter().find(|w| w.contains('/')) else { continue };
        let Some(place) = words.iter().skip(1).position(|w| w.parse::<Ipv4Addr>().is_ok()) else { continue };
        let Some(on) = words.get(place + 2) else { continue };
        let mut neighbor = IgpNeighbor {
            protocol: OSPF,
            on: on.split(':').next().unwrap_or(on).to_owned(),
            id: (*id).to_owned(),
            address: words.get(place + 1).and_then(|a| a.parse().ok()),
            mac: None,
            state: String::new(),
            role: None,
        };
        set_state(&mut neighbor, state);
        notes.is(Fact::IgpNeighbor(neighbor));
    }
}

/// An advertisement while its lines are read.
struct Lsa {
    age_s: u64,
    fact: LinkState,
    /// Of the link that is being read.
    link: Option<(IgpLinkKind, String)>,
    near: Option<LinkEnd>,
    stub: Option<Ipv4Addr>,
    stub_len: Option<u8>,
    network_len: Option<u8>,
    is_summary: bool,
}

/// `show ip ospf database router|network|summary|asbr-summary|external`. The list of headers alone says nothing of links.
fn database(notes: &mut Notes<'_>, text: &str) -> Topic {
    let mut area = "0.0.0.0".to_owned();
    let mut lsa: Option<Lsa> = None;
    for line in text.lines() {
        if let Some(id) = between(line, "OSPF Router with ID (", ")") {
            router(notes, id);
        }
        if let Some(named) = between(line, "Link States (Area ", ")") {
            finish(notes, lsa.take());
            area = named.split_whitespace().next().unwrap_or_default().to_owned();
        } else if line.contains("AS External Link States") {
            finish(notes, lsa.take());
            area = String::new(); // Flooded through all areas.
        }
        if let Some(age) = between(line, "LS age:", "") {
            finish(notes, lsa.take());
            lsa = Some(begin(age.parse().unwrap_or(0), &area));
        } else if let Some(lsa) = &mut lsa {
            lsa_line(lsa, line.trim());
        }
    }
    finish(notes, lsa);
    Topic::LinkStates
}

fn begin(age_s: u64, area: &str) -> Lsa {
    let id = LinkStateId {
        protocol: OSPF,
        area: area.to_owned(),
        kind: LinkStateKind::Other,
        router: String::new(),
        number: String::new(),
    };
    let fact = LinkState {
        id,
        sequence: 0,
        name: None,
        links: Vec::new(),
        addresses: Vec::new(),
        prefixes: Vec::new(),
        overload: false,
    };
    Lsa {
        age_s,
        fact,
        link: None,
        near: None,
        stub: None,
        stub_len: None,
        network_len: None,
        is_summary: false,
    }
}

fn lsa_line(lsa: &mut Lsa, line: &str) {
    let Some((key, value)) = line.split_once(':') else { return };
    let value = value.trim();
    let first = value.split_whitespace().next().unwrap_or_default();
    match key {
        "LS Type" => {
            lsa.fact.id.kind = match value {
                "router-LSA" => LinkStateKind::Router,
                "network-LSA" => LinkStateKind::Network,
                _ => LinkStateKind::Other,
            };
            lsa.is_summary = matches!(value, "summary-LSA" | "AS-external-LSA" | "NSSA-LSA");
        }
        "Link State ID" => lsa.fact.id.number = first.to_owned(),
        "Advertising Router" => lsa.fact.id.router = first.to_owned(),
        "LS Seq Number" => {
            let sequence = u32::from_str_radix(first.trim_start_matches("0x"), 16).unwrap_or(0);
            lsa.fact.sequence = LinkState::ordered_sequence(sequence);
        }
        "Network Mask" => lsa.network_len = mask(first),
        "Attached Router" => {
            lsa.fact.links.push(member(first));
        }
        "Metric" => summary(lsa, first),
        "Link connected to" => {
            lsa.near = None;
            (lsa.stub, lsa.stub_len) = (None, None);
        }
        "(Link ID) Neighboring Router ID" => {
            lsa.link = Some((IgpLinkKind::PointToPoint, first.to_owned()));
        }
        "(Link ID) Designated Router address" => lsa.link = Some((IgpLinkKind::Transit, first.to_owned())),
        "(Link ID) Net" => lsa.stub = first.parse().ok(),
        "(Link Data) Network Mask" => lsa.stub_len = mask(first),
        "(Link Data) Router Interface address" => lsa.near = first.parse().ok().map(near_end),
        _ if key.starts_with("TOS 0 Metric") => metric(lsa, first),
        _ => {}
    }
}

/// `255.255.255.0`, or `/24` as the network-LSA has it.
fn mask(text: &str) -> Option<u8> {
    match text.strip_prefix('/') {
        Some(len) => len.parse().ok().filter(|l| *l <= 32),
        None => mask_len(text.parse().ok()?),
    }
}

/// The link data of an unnumbered link is the interface's index (RFC 2328 §A.4.2): 0.0.0.3.
fn near_end(address: Ipv4Addr) -> LinkEnd {
    match u32::from(address) {
        index @ ..=0x00ff_ffff => LinkEnd::Index(index),
        _ => LinkEnd::Address(IpAddr::V4(address)),
    }
}

fn member(router: &str) -> IgpLink {
    IgpLink { kind: IgpLinkKind::PointToPoint, to: router.to_owned(), near: None, far: None, metric: 0 }
}

/// The metric is the last line of a link.
fn metric(lsa: &mut Lsa, text: &str) {
    let Ok(metric) = text.parse() else { return };
    if let Some((kind, to)) = lsa.link.take() {
        lsa.fact.links.push(IgpLink { kind, to, near: lsa.near.take(), far: None, metric });
    } else if let (Some(net), Some(len)) = (lsa.stub.take(), lsa.stub_len.take()) {
        lsa.fact.prefixes.extend(Ipv4Net::new(net, len).map(|n| (IpNet::V4(n.trunc()), metric)));
    }
}

fn summary(lsa: &mut Lsa, text: &str) {
    let (Ok(metric), Some(len), Ok(net)) = (text.parse(), lsa.network_len, lsa.fact.id.number.parse()) else {
        return;
    };
    if lsa.is_summary {
        lsa.fact.prefixes.extend(Ipv4Net::new(net, len).map(|n| (IpNet::V4(n.trunc()), metric)));
    }
}

fn finish(notes: &mut Notes<'_>, lsa: Option<Lsa>) {
    let Some(Lsa { age_s, mut fact, network_len, .. }) = lsa else { return };
    if fact.id.router.is_empty() || fact.id.number.is_empty() {
        return; // Cut short.
    }
    if fact.id.kind == LinkStateKind::Network
        && let (Ok(ip), Some(len)) = (fact.id.number.parse(), network_len)
    {
        fact.prefixes.extend(Ipv4Net::new(ip, len).map(|n| (IpNet::V4(n.trunc()), 0)));
    }
    // RFC 6987: a router that wants no transit says so by the largest metric on all its links.
    fact.overload = fact.id.kind == LinkStateKind::Router
        && !fact.links.is_empty()
        && fact.links.iter().all(|l| l.metric == 0xffff);
    match age_s {
        MAX_AGE_S.. => notes.not(fact.id.key()),
        age => notes.lives(Fact::LinkState(fact), Some(MAX_AGE_S - age)),
    }
}
