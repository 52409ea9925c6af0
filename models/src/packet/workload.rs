//! A packet schedule made ready for a network: endpoints become nodes, flows dense numbers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use twin::{ArcId, Bytes, Csr, EntityKey, InputError, NodeId, PacketSchedule, Place, SimTime};

use super::explicit::ExplicitRoutes;
use super::flight::{Flight, SIZE_MAX};
use super::frame::ip_header;
use super::tcp::{TcpConnection, TcpError, check};

/// A workload for one network. `Clone` is cheap; one workload serves any number of runs.
#[derive(Clone, Debug)]
pub struct Workload {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    /// Grouped by source; those of one source by time, then flow.
    packets: Vec<Planned>,
    /// By packet: the frames, if there are any.
    frames: Vec<Option<Arc<[u8]>>>,
    flows: Vec<Flow>,
    /// By node: its packets.
    sources: Vec<Range<u32>>,
    routes: Arc<ExplicitRoutes>,
    connections: Vec<TcpConnection>,
    last_sent: SimTime,
}

/// One packet to send: what every packet has, in 24 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) at: SimTime,
    /// Dense number of the flow.
    pub(crate) flow: u32,
    pub(crate) sequence: u32,
    pub(crate) dst: NodeId,
    pub(crate) size: u32,
}

const _: () = assert!(size_of::<Planned>() == 24, "a large replay is many of these");

/// One flow.
#[derive(Clone, Copy, Debug)]
struct Flow {
    /// Its number in the schedule.
    id: u32,
    src: NodeId,
    dst: NodeId,
    /// Of its packets without a frame.
    traffic_class: u8,
}

/// A flow by the instants at which it sends: packets of one size and without frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedFlow {
    /// Its number; flows have different ones.
    pub id: u32,
    /// Who sends.
    pub src: NodeId,
    /// Who receives.
    pub dst: NodeId,
    /// Size of each packet on the wire, below 1 MiB.
    pub size: Bytes,
    /// When, in order.
    pub at: Vec<SimTime>,
    /// The frame of each packet, or none at all.
    pub frames: Vec<Arc<[u8]>>,
}

/// The way of a flow that does not follow routing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplicitRoute {
    /// The arc by which each node sends the flow on: those of its way at the start first and in order, then those that
    /// are met only after a change.
    pub entries: Vec<(NodeId, ArcId)>,
    /// Where it ends; it may be where it begins.
    pub end: NodeId,
}

/// Hops after which a packet without a frame is taken to go round in circles.
pub(crate) const TTL_WITHOUT_FRAME: u8 = 255;

impl Workload {
    /// Makes a schedule ready. A node stands for its own host.
    ///
    /// # Errors
    /// If an endpoint is no node of the network, a packet names no endpoint, or a packet has 1 MiB or more.
    ///
    /// # Panics
    /// If the packets are not in the order that [`PacketSchedule::new`] gives them.
    pub fn compile(csr: &Csr, schedule: &PacketSchedule) -> Result<Self, InputError> {
        assert!(
            schedule.packets.is_sorted_by_key(|p| (p.at, p.flow)),
            "a schedule is sorted by time, then flow"
        );
        let nodes = endpoint_nodes(csr, schedule)?;
        let node =
            |index: u32, packet| nodes.get(index as usize).copied().ok_or_else(|| no_endpoint(index, packet));
        let mut ids: Vec<u32> = schedule.packets.iter().map(|p| p.flow).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut flows: Vec<Option<Flow>> = vec![None; ids.len()];
        let mut sent = vec![0u32; ids.len()];
        let mut by_source: Vec<Vec<(Planned, u32)>> = vec![Vec::new(); csr.node_count()];
        for (index, p) in schedule.packets.iter().enumerate() {
            let flow = ids.partition_point(|id| *id < p.flow);
            let (src, dst) = (node(p.src, index)?, node(p.dst, index)?);
            flows[flow].get_or_insert(Flow { id: p.flow, src, dst, traffic_class: 0 });
            let size = u32::try_from(p.size.get()).ok().filter(|size| *size <= SIZE_MAX);
            let size = size.ok_or_else(|| too_large(index))?;
            let planned = Planned { at: p.at, flow: flow as u32, sequence: sent[flow], dst, size };
            by_source[src.index()].push((planned, index as u32));
            sent[flow] += 1;
        }
        let flows = flows.into_iter().flatten().collect();
        let frame = |index: u32| schedule.packets[index as usize].frame.clone();
        let has_frames = schedule.packets.iter().any(|p| p.frame.is_some());
        Ok(Self::assemble(flows, by_source, has_frames.then_some(frame)))
    }

    /// The same from flows: cheaper than a schedule of millions of packets, which would have to be sorted.
    ///
    /// # Errors
    /// If a packet has 1 MiB or more.
    ///
    /// # Panics
    /// If an end is no node of the network, a flow's instants are out of order, two flows have one number, or a flow has
    /// frames for some of its packets only.
    pub fn of_flows(csr: &Csr, mut timed: Vec<TimedFlow>) -> Result<Self, InputError> {
        timed.sort_by_key(|f| f.id);
        assert!(timed.windows(2).all(|w| w[0].id < w[1].id), "flows have different numbers");
        let mut by_source: Vec<Vec<(Planned, u32)>> = vec![Vec::new(); csr.node_count()];
        let mut frames: Vec<Option<Arc<[u8]>>> = Vec::new();
        let mut index = 0;
        for (flow, f) in timed.iter().enumerate() {
            assert!(f.at.is_sorted(), "the instants of flow {} are in order", f.id);
            assert!(
                f.frames.is_empty() || f.frames.len() == f.at.len(),
                "a frame for each packet of flow {}",
                f.id
            );
            let size = u32::try_from(f.size.get()).ok().filter(|size| *size <= SIZE_MAX);
            let size = size.ok_or_else(|| too_large(index as usize))?;
            let source = &mut by_source[f.src.index()];
            source.reserve(f.at.len());
            for (sequence, &at) in (0..).zip(&f.at) {
                source.push((Planned { at, flow: flow as u32, sequence, dst: f.dst, size }, index));
                index += 1;
            }
            frames.resize(if f.frames.is_empty() { frames.len() } else { index as usize - f.at.len() }, None);
            frames.extend(f.frames.iter().cloned().map(Some));
        }
        for source in &mut by_source {
            source.sort_by_key(|(p, _)| (p.at, p.flow)); // stable, and no work where one flow is all that a node sends
        }
        let flows =
            timed.iter().map(|f| Flow { id: f.id, src: f.src, dst: f.dst, traffic_class: 0 }).collect();
        let frame = |index: u32| frames.get(index as usize).cloned().flatten();
        Ok(Self::assemble(flows, by_source, (!frames.is_empty()).then_some(frame)))
    }

    fn assemble(
        flows: Vec<Flow>,
        by_source: Vec<Vec<(Planned, u32)>>,
        frame: Option<impl Fn(u32) -> Option<Arc<[u8]>>>,
    ) -> Self {
        let total = by_source.iter().map(Vec::len).sum();
        assert!(total < 1 << 31, "the other half of packet numbers is for those that are made during a run");
        let mut packets = Vec::with_capacity(total);
        let mut frames = Vec::with_capacity(if frame.is_some() { total } else { 0 });
        let mut sources = Vec::with_capacity(by_source.len());
        for source in by_source {
            let start = packets.len() as u32;
            packets.extend(source.iter().map(|(planned, _)| *planned));
            if let Some(frame) = &frame {
                frames.extend(source.iter().map(|(_, index)| frame(*index)));
            }
            sources.push(start..packets.len() as u32);
        }
        let last_sent = packets.iter().map(|p| p.at).max().unwrap_or(SimTime::ZERO);
        let (routes, connections) = (Arc::default(), Vec::new());
        let inner = Inner { packets, frames, flows, sources, routes, connections, last_sent };
        Self { inner: Arc::new(inner) }
    }

    /// The same with explicit paths (as of a traffic-engineered tunnel, RFC 3209) for some flows, by their number in the
    /// schedule. Such a flow ends where its path ends, whatever its destination, and is lost where its path is broken.
    ///
    /// # Panics
    /// If a path is not connected from the flow's source on.
    #[must_use]
    pub fn with_paths(self, csr: &Csr, paths: &BTreeMap<u32, Vec<ArcId>>) -> Self {
        let mut routes = BTreeMap::new();
        for flow in &self.inner.flows {
            let Some(path) = paths.get(&flow.id) else { continue };
            let mut at = flow.src;
            let mut entries = Vec::with_capacity(path.len());
            for arc in path {
                let leaves = csr.src[arc.index()];
                assert_eq!(leaves, at, "the path of flow {} is broken at arc {}", flow.id, arc.0);
                entries.push((at, *arc));
                at = csr.dst[arc.index()];
            }
            routes.insert(flow.id, ExplicitRoute { entries, end: at });
        }
        self.with_routes(csr, &routes)
    }

    /// The same with a next hop at each of some nodes for some flows, by their number in the schedule: as labels switch
    /// packets (RFC 3031). [`Fault::NextHop`](super::Fault::NextHop) changes them in mid-run.
    ///
    /// # Panics
    /// If an entry's arc does not leave its node.
    #[must_use]
    pub fn with_routes(self, csr: &Csr, routes: &BTreeMap<u32, ExplicitRoute>) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.inner);
        let pinned = Arc::make_mut(&mut inner.routes);
        for (number, flow) in inner.flows.iter().enumerate() {
            let Some(route) = routes.get(&flow.id) else { continue };
            for (node, arc) in &route.entries {
                assert_eq!(csr.src[arc.index()], *node, "arc {} does not leave node {}", arc.0, node.0);
            }
            pinned.pin(inner.flows.len(), number, &route.entries, route.end);
        }
        Self { inner: Arc::new(inner) }
    }

    /// The same with a byte of type of service or traffic class (codepoint and ECN: RFC 2474 §3, RFC 3168 §5) for the
    /// packets of some flows, by their number in the schedule. It is 0 for all others, and packets with a frame carry
    /// their own.
    #[must_use]
    pub fn with_traffic_classes(self, classes: &BTreeMap<u32, u8>) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.inner);
        for flow in &mut inner.flows {
            flow.traffic_class = classes.get(&flow.id).copied().unwrap_or(flow.traffic_class);
        }
        Self { inner: Arc::new(inner) }
    }

    /// The same with TCP connections, whose packets depend on how the run goes.
    ///
    /// # Errors
    /// The first connection's that cannot be.
    ///
    /// # Panics
    /// If two flows have one number, or flows have explicit paths already.
    pub fn with_tcp(self, mut connections: Vec<TcpConnection>) -> Result<Self, TcpError> {
        for c in &connections {
            check(&c.flow, &c.config)?;
            if c.nodes[0] == c.nodes[1] {
                return Err(TcpError::OneNode(c.nodes[0]));
            }
        }
        connections.sort_by_key(|c| c.flows[0]);
        let mut inner = Arc::unwrap_or_clone(self.inner);
        assert!(inner.routes.is_empty(), "paths are given after connections");
        let old: Vec<u32> = inner.flows.iter().map(|f| f.id).collect();
        for TcpConnection { flows: [forward, backward], nodes: [client, server], .. } in &connections {
            inner.flows.push(Flow { id: *forward, src: *client, dst: *server, traffic_class: 0 });
            inner.flows.push(Flow { id: *backward, src: *server, dst: *client, traffic_class: 0 });
        }
        inner.flows.sort_by_key(|f| f.id);
        assert!(inner.flows.windows(2).all(|w| w[0].id < w[1].id), "flows have different numbers");
        let dense = |id| inner.flows.partition_point(|f| f.id < id) as u32;
        let renumbered: Vec<u32> = old.into_iter().map(dense).collect();
        inner.packets.iter_mut().for_each(|p| p.flow = renumbered[p.flow as usize]);
        inner.connections.extend(connections);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Its TCP connections, by the number of their first flow.
    pub fn connections(&self) -> &[TcpConnection] {
        &self.inner.connections
    }

    /// Whether what is sent depends on what becomes of earlier packets.
    pub fn is_closed_loop(&self) -> bool {
        !self.inner.connections.is_empty()
    }

    /// The number of scheduled packets.
    pub fn packet_count(&self) -> usize {
        self.inner.packets.len()
    }

    /// The number of flows.
    pub fn flow_count(&self) -> usize {
        self.inner.flows.len()
    }

    /// The number of a flow in the schedule, from its dense number.
    #[inline]
    pub fn flow_id(&self, flow: usize) -> u32 {
        self.inner.flows[flow].id
    }

    /// The dense number of a flow, from its number in the schedule.
    pub fn flow_of_id(&self, id: u32) -> Option<usize> {
        self.inner.flows.binary_search_by_key(&id, |f| f.id).ok()
    }

    /// Source and destination of a flow's first packet, by dense number.
    pub fn flow_ends(&self, flow: usize) -> (NodeId, NodeId) {
        (self.inner.flows[flow].src, self.inner.flows[flow].dst)
    }

    /// When the last packet is sent; zero for an empty workload.
    pub fn last_sent(&self) -> SimTime {
        self.inner.last_sent
    }

    /// The size of the smallest packet in bytes; 0 for an empty workload.
    pub(crate) fn least_size(&self) -> u32 {
        self.inner.packets.iter().map(|p| p.size).min().unwrap_or(0)
    }

    /// Whether any packet carries its frame.
    pub(crate) fn has_frames(&self) -> bool {
        !self.inner.frames.is_empty()
    }

    /// The explicit routes at the start.
    pub(crate) fn routes(&self) -> &Arc<ExplicitRoutes> {
        &self.inner.routes
    }

    /// All packets, grouped by source.
    #[inline]
    pub(crate) fn packets(&self) -> &[Planned] {
        &self.inner.packets
    }

    /// The packet as it leaves its source.
    #[inline]
    pub(crate) fn flight(&self, packet: u32) -> Flight {
        let p = &self.inner.packets[packet as usize];
        Flight::new(p.at, p.flow, p.sequence, packet, p.size)
    }

    /// The frame of a packet.
    #[inline]
    pub(crate) fn frame(&self, packet: u32) -> Option<&Arc<[u8]>> {
        self.inner.frames.get(packet as usize)?.as_ref()
    }

    /// What a load balancer hashes: the flow's number or, with a frame, its 5-tuple.
    #[inline]
    pub(crate) fn entropy(&self, packet: u32) -> u64 {
        let header = self.frame(packet).and_then(|frame| ip_header(frame));
        let flow = self.inner.packets[packet as usize].flow;
        header.map_or_else(|| u64::from(self.flow_id(flow as usize)), |h| h.five_tuple_hash())
    }

    /// The byte of type of service or traffic class with which a packet leaves its source.
    pub(crate) fn traffic_class(&self, packet: u32) -> u8 {
        let header = self.frame(packet).and_then(|frame| ip_header(frame));
        let flow = self.inner.packets[packet as usize].flow;
        header.map_or(self.inner.flows[flow as usize].traffic_class, |h| h.traffic_class)
    }

    /// The time to live with which a packet leaves its source.
    #[inline]
    pub(crate) fn ttl(&self, packet: u32) -> u8 {
        self.frame(packet).and_then(|frame| ip_header(frame)).map_or(TTL_WITHOUT_FRAME, |h| h.ttl)
    }

    /// What a node sends: indices of its packets, in order.
    #[inline]
    pub(crate) fn source(&self, node: NodeId) -> Range<u32> {
        self.inner.sources[node.index()].clone()
    }
}

fn endpoint_nodes(csr: &Csr, schedule: &PacketSchedule) -> Result<Vec<NodeId>, InputError> {
    let ids: BTreeMap<_, _> = csr.node_keys.iter().enumerate().map(|(i, k)| (k, NodeId::new(i))).collect();
    let node = |key: &EntityKey| {
        ids.get(key).copied().ok_or_else(|| {
            InputError::new(
                "packet schedule",
                Place::Whole,
                format!("unknown endpoint '{key}'"),
                "the key of a node of this network",
            )
            .with_nearest(key.as_str(), csr.node_keys.iter().map(|k| k.as_str()))
        })
    };
    schedule.endpoints.iter().map(node).collect()
}

fn no_endpoint(endpoint: u32, packet: usize) -> InputError {
    let what = format!("packet {packet} names endpoint {endpoint}");
    InputError::new("packet schedule", Place::Whole, what, "an index into the schedule's endpoints")
}

fn too_large(index: usize) -> InputError {
    let what = format!("packet {index} has 1 MiB or more");
    InputError::new("packet schedule", Place::Whole, what, "a packet size in bytes below 2^20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::{BitsPerSec, Layer, LinkSpec, NodeKind, ScheduledPacket, SimDuration, TwinBuilder};

    fn net() -> Csr {
        let mut net = TwinBuilder::new("pair");
        let [a, b] = ["anna", "bert"].map(|name| net.node(name, NodeKind::Router, None));
        net.link("ab", &a, &b, LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::micros(1)));
        Csr::compile(&net.finish(), Layer::Igp)
    }

    fn packet(flow: u32, dst: u32, size: u64) -> ScheduledPacket {
        let size = Bytes::new(size);
        ScheduledPacket { at: SimTime::ZERO, src: 0, dst, flow, size, frame: None }
    }

    fn compile(endpoint: &str, packets: Vec<ScheduledPacket>) -> Result<Workload, InputError> {
        let ends = vec![EntityKey::node("anna"), EntityKey::node(endpoint)];
        Workload::compile(&net(), &PacketSchedule::new(ends, packets))
    }

    #[test]
    fn flow_numbers_may_be_sparse() {
        let packets = vec![packet(4_000_000_000, 1, 64), packet(7, 1, 64), packet(7, 1, 64)];
        let workload = compile("bert", packets).unwrap();
        assert_eq!((workload.flow_count(), workload.flow_id(0), workload.flow_id(1)), (2, 7, 4_000_000_000));
        let sequences: Vec<_> = workload.packets().iter().map(|p| (p.flow, p.sequence)).collect();
        assert_eq!(sequences, [(0, 0), (0, 1), (1, 0)]);
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        let error = |r: Result<Workload, InputError>| r.unwrap_err().to_string();
        let unknown = error(compile("brt", vec![packet(0, 1, 64)]));
        assert!(
            unknown.contains("unknown endpoint 'node:name:brt'") && unknown.contains("node:name:bert"),
            "{unknown}"
        );
        assert!(error(compile("bert", vec![packet(0, 2, 64)])).contains("names endpoint 2"));
        assert!(error(compile("bert", vec![packet(0, 1, 1 << 20)])).contains("1 MiB or more"));
        assert!(compile("bert", vec![packet(0, 1, (1 << 20) - 1)]).is_ok());
    }
}
