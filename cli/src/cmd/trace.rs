//! `umbra trace`: the way of a packet through the twin.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use models::packet::IpHeader;
use models::trace::{Hop, Links, Lookup, Question, Start, Target, Trace, Tracer, Traces};
use report::schema;
use serde_json::{Value, json};
use twin::{Csr, EntityKey, EntityKind, InputError, NodeId, Place, RouteAction, Twin};

use crate::cmd::net::NetOptions;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::Table;
use crate::planning::names::Names;
use crate::replay::{self, addresses};

/// Follow a packet through the network, and say what becomes of it.
///
/// SRC is a node, a port as node:port (the packet comes in there) or an address; DST is an address or a node. Each node
/// forwards by its forwarding table; one without a table by the shortest paths of the IGP. One row for each hop of each
/// equal-cost way; with a port or protocol, of the one way that this flow takes by the hash of packet runs. The last hop
/// of a way has its disposition, in Batfish's words: ACCEPTED, DELIVERED_TO_SUBNET, EXITS_NETWORK, NO_ROUTE, NULL_ROUTED,
/// NEIGHBOR_UNREACHABLE, LOOP, INSUFFICIENT_INFO.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The network.
    #[arg(value_name = "NET")]
    source: PathBuf,
    /// Where the packet begins: node, node:port or address.
    #[arg(value_name = "SRC")]
    src: String,
    /// Where it is going: address or node.
    #[arg(value_name = "DST")]
    dst: String,
    /// Of a DST that is a node, take an IPv6 address.
    #[arg(long)]
    ipv6: bool,
    /// Protocol of the flow: tcp, udp, icmp or a number [default with a port: tcp].
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    proto: Option<u8>,
    /// Source port of the flow.
    #[arg(long, value_name = "PORT")]
    src_port: Option<u16>,
    /// Destination port of the flow.
    #[arg(long, value_name = "PORT")]
    dst_port: Option<u16>,
    #[command(flatten)]
    net: NetOptions,
}

fn protocol(text: &str) -> Result<u8, String> {
    match text {
        "icmp" => Ok(1),
        "tcp" => Ok(6),
        "udp" => Ok(17),
        other => other.parse().map_err(|_| "expected tcp, udp, icmp or a protocol number".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let net = args.net.open(std::slice::from_ref(&args.source))?;
    let layer = replay::layer(&net.twin);
    let tracer = Tracer::new(&net.twin, layer, global.seed);
    let (file, csr) = (args.source.display().to_string(), Csr::compile(&net.twin, layer));
    let names = Names::new(&net.twin, &csr);
    let words = Words { file: &file, twin: &net.twin, names, links: tracer.links() };
    let (start, from) = words.start(&args.src).map_err(Failure::word)?;
    let target = words.target(&args.dst, args.ipv6).map_err(Failure::word)?;
    let question = Question { flow: args.flow(from, &target), start, target };
    let answer = tracer.trace(&question);
    warn(&question.target, &answer);
    table(&net.twin, &answer).sparing(&SPARE).print(global.format())?;
    Ok(Outcome::Done)
}

/// What a narrow terminal can do without, the first first: most of it stands in the rows beside.
const SPARE: [&str; 5] = ["share", "lookup", "through", "received_on", "gateway"];

fn warn(target: &Target, answer: &Traces) {
    if let Some(ip) = target.address {
        tracing::info!("destination address {ip}");
    }
    if answer.by_igp {
        tracing::warn!("nodes without a forwarding table: by the shortest paths of the IGP");
    }
    if answer.left_out > 0.0 {
        let (most, percent) = (Tracer::WAYS_MAX, answer.left_out * 100.0);
        tracing::warn!("only the first {most} ways are listed; the others carry {percent:.1} % of flows");
    }
}

impl Args {
    /// The header of the flow, if one is described.
    fn flow(&self, from: Option<IpAddr>, target: &Target) -> Option<IpHeader> {
        if self.proto.is_none() && self.src_port.is_none() && self.dst_port.is_none() {
            return None;
        }
        let dst = target.address?;
        let nobody: IpAddr =
            if dst.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let src = from.filter(|ip| ip.is_ipv4() == dst.is_ipv4()).unwrap_or(nobody);
        let ports = (self.src_port.unwrap_or(0), self.dst_port.unwrap_or(0));
        Some(IpHeader {
            offset: 14,
            src,
            dst,
            traffic_class: 0,
            ttl: 64,
            protocol: self.proto.unwrap_or(6),
            ports: Some(ports),
        })
    }
}

/// What the words of the command line mean.
struct Words<'a> {
    file: &'a str,
    twin: &'a Twin,
    names: Names<'a>,
    links: &'a Links<'a>,
}

impl Words<'_> {
    fn key(&self, node: NodeId) -> &EntityKey {
        &self.names.csr().node_keys[node.index()]
    }

    /// Where a packet begins, and its source address.
    fn start(&self, text: &str) -> Result<(Start, Option<IpAddr>), InputError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return self.start_of_address(ip).map(|start| (start, Some(ip)));
        }
        let unknown = match self.names.node_or(text, ", a port as node:port, or an address") {
            Ok(node) => {
                let node = self.key(node);
                return Ok((Start::At(node.clone()), self.address(node, None)));
            }
            Err(unknown) => unknown,
        };
        match self.names.node_before_port(text) {
            Ok(Some((node, port))) => self.port(node, port).map(|port| (Start::On(port), None)),
            Ok(None) => Err(unknown.at(self.file, Place::Whole)),
            Err(several) => Err(several.at(self.file, Place::Whole)),
        }
    }

    /// The port of a node with this name.
    fn port(&self, node: NodeId, name: &str) -> Result<EntityKey, InputError> {
        let ports = self.links.ports_of(self.key(node)).iter().filter_map(|key| self.twin.entity(key));
        let ports: Vec<_> = ports.collect();
        let found = ports.iter().find(|port| port.name == name).map(|port| port.key.clone());
        found.ok_or_else(|| {
            let what = format!("node '{}' has no port '{name}'", self.names.node_names()[node.index()]);
            InputError::new(self.file, Place::Whole, what, "a port of that node")
                .with_nearest(name, ports.iter().map(|p| p.name.as_str()))
        })
    }

    /// A packet of an address comes from the node that has it, or comes in on the port of its subnet.
    fn start_of_address(&self, ip: IpAddr) -> Result<Start, InputError> {
        if let Some(node) = self.links.owners(ip).iter().find_map(|port| self.links.node(port)) {
            return Ok(Start::At(node.clone()));
        }
        match self.links.port_towards(ip) {
            Some(port) => Ok(Start::On(port)),
            None => {
                let what = format!("no node has the address {ip} or a subnet that holds it");
                Err(InputError::new(self.file, Place::Whole, what, "an address of the network, or a node"))
            }
        }
    }

    fn target(&self, text: &str, ipv6: bool) -> Result<Target, InputError> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Target { address: Some(ip), node: self.links.node_for(ip).cloned() });
        }
        let node = self.names.node_or(text, ", or an address");
        let node = self.key(node.map_err(|unknown| unknown.at(self.file, Place::Whole))?);
        let v6 = self.address(node, Some(true));
        let address = if ipv6 { v6 } else { self.address(node, Some(false)).or(v6) };
        if ipv6 && address.is_none() {
            let what = format!("node '{text}' has no IPv6 address");
            return Err(InputError::new(self.file, Place::Whole, what, "a node with one"));
        }
        Ok(Target { address, node: Some(node.clone()) })
    }

    /// The address by which a node is called: a host route's (a loopback's) before others, by port.
    fn address(&self, node: &EntityKey, ipv6: Option<bool>) -> Option<IpAddr> {
        let mut ports: Vec<_> =
            self.links.ports_of(node).iter().filter_map(|key| self.twin.entity(key)).collect();
        ports.sort_by_key(|p| p.ordinal);
        let addresses = ports.iter().flat_map(|entity| match &entity.kind {
            EntityKind::Port(port) => port.addresses.as_slice(),
            _ => &[],
        });
        let wanted = |ip: IpAddr| ipv6.is_none_or(|v6| ip.is_ipv6() == v6) && addresses::is_global(ip);
        let usable: Vec<_> = addresses.filter(|a| wanted(a.ip)).collect();
        let host = usable.iter().find(|a| a.len == if a.ip.is_ipv4() { 32 } else { 128 });
        host.or(usable.first()).map(|a| a.ip)
    }
}

fn table(twin: &Twin, answer: &Traces) -> Table {
    let mut table = Table::of(&schema::TRACES);
    for (number, way) in answer.ways.iter().enumerate() {
        for position in 0..way.hops.len() {
            table.push(row(twin, number, way, position));
        }
    }
    table
}

fn row(twin: &Twin, number: usize, way: &Trace, position: usize) -> Vec<Value> {
    let hop: &Hop = &way.hops[position];
    let name = |key: &EntityKey| twin.entity(key).map_or(key.as_str(), |e| &e.name).to_owned();
    let last = position + 1 == way.hops.len();
    let (lookup, route) = hop.lookup.as_ref().map_or((None, None), |lookup| {
        let (word, route) = words(lookup);
        (Some(word), route)
    });
    let through: Vec<_> = hop.through.iter().map(name).collect();
    vec![
        json!(number),
        json!(way.share),
        json!(position),
        json!(name(&hop.node)),
        json!(hop.received_on.as_ref().map(name)),
        json!(lookup),
        json!(route),
        json!(hop.gateway),
        json!(hop.sent_on.as_ref().map(name)),
        json!((!through.is_empty()).then(|| through.join(" "))),
        json!(last.then(|| way.disposition.word())),
        json!((last && !way.why.is_empty()).then_some(&way.why)),
    ]
}

/// What was found, and the prefix of the longest match.
fn words(lookup: &Lookup) -> (&'static str, Option<String>) {
    match lookup {
        Lookup::Own => ("own", None),
        Lookup::Route(prefix, action) => {
            let word = match action {
                RouteAction::Forward(_) => "forward",
                RouteAction::Local => "local",
                RouteAction::Blackhole => "blackhole",
                RouteAction::Unreachable => "unreachable",
            };
            (word, Some(prefix.to_string()))
        }
        Lookup::NoMatch => ("none", None),
        Lookup::Igp(_) => ("igp", None),
        Lookup::NoTable => ("no-table", None),
    }
}
