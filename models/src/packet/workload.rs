//! A packet schedule made ready for a network: endpoints become nodes, flows dense numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use twin::{ArcId, Csr, EntityKey, InputError, NodeId, PacketSchedule, Place, SimTime};

use super::frame::ip_header;

/// A workload for one network. `Clone` is cheap; one workload serves any number of runs.
#[derive(Clone, Debug)]
pub struct Workload {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    /// In the order of the schedule: by time, then flow.
    packets: Vec<Planned>,
    flows: Vec<Flow>,
    sources: Vec<Source>,
    path_arcs: Vec<ArcId>,
}

/// One packet to send.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) at: SimTime,
    pub(crate) entropy: u64,
    /// Dense number of the flow.
    pub(crate) flow: u32,
    pub(crate) sequence: u32,
    pub(crate) src: NodeId,
    pub(crate) dst: NodeId,
    pub(crate) size: u32,
    pub(crate) ttl: u8,
    pub(crate) frame: Option<Arc<[u8]>>,
}

/// One flow.
#[derive(Clone, Copy, Debug)]
struct Flow {
    /// Its number in the schedule.
    id: u32,
    src: NodeId,
    dst: NodeId,
    /// Its explicit path in `path_arcs`.
    path: Option<(u32, u32)>,
}

/// What one node sends.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Indices into the packets, in order.
    pub(crate) packets: Vec<u32>,
}

/// Hops after which a packet without a frame is taken to go round in circles.
const TTL_WITHOUT_FRAME: u8 = 255;

impl Workload {
    /// Makes a schedule ready. A node stands for its own host.
    ///
    /// # Errors
    /// If an endpoint is no node of the network, a packet names no endpoint, or a packet is larger than 4 GB.
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
        let ids: BTreeMap<u32, ()> = schedule.packets.iter().map(|p| (p.flow, ())).collect();
        let ids: Vec<u32> = ids.into_keys().collect();
        let mut flows: Vec<Option<Flow>> = vec![None; ids.len()];
        let mut sent = vec![0u32; ids.len()];
        let mut sources = vec![Source { packets: Vec::new() }; csr.node_count()];
        let mut packets = Vec::with_capacity(schedule.packets.len());
        for (index, p) in schedule.packets.iter().enumerate() {
            let flow = ids.partition_point(|id| *id < p.flow);
            let (src, dst) = (node(p.src, index)?, node(p.dst, index)?);
            flows[flow].get_or_insert(Flow { id: p.flow, src, dst, path: None });
            sources[src.index()].packets.push(index as u32);
            let header = p.frame.as_deref().and_then(ip_header);
            packets.push(Planned {
                at: p.at,
                entropy: header.map_or(u64::from(p.flow), |h| h.five_tuple_hash()),
                flow: flow as u32,
                sequence: sent[flow],
                src,
                dst,
                size: u32::try_from(p.size.get()).map_err(|_| too_large(index))?,
                ttl: header.map_or(TTL_WITHOUT_FRAME, |h| h.ttl),
                frame: p.frame.clone(),
            });
            sent[flow] += 1;
        }
        let flows = flows.into_iter().flatten().collect();
        Ok(Self { inner: Arc::new(Inner { packets, flows, sources, path_arcs: Vec::new() }) })
    }

    /// The same with explicit paths (as of a traffic-engineered tunnel, RFC 3209) for some flows, by their number in the
    /// schedule. Such a flow ends where its path ends, whatever its destination, and is lost where its path is broken.
    ///
    /// # Panics
    /// If a path is not connected from the flow's source on.
    #[must_use]
    pub fn with_paths(self, csr: &Csr, paths: &BTreeMap<u32, Vec<ArcId>>) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.inner);
        for flow in &mut inner.flows {
            let Some(path) = paths.get(&flow.id) else { continue };
            let mut at = flow.src;
            for arc in path {
                assert_eq!(
                    csr.src[arc.index()],
                    at,
                    "the path of flow {} is broken at arc {}",
                    flow.id,
                    arc.0
                );
                at = csr.dst[arc.index()];
            }
            flow.path = Some((inner.path_arcs.len() as u32, path.len() as u32));
            inner.path_arcs.extend(path);
        }
        Self { inner: Arc::new(inner) }
    }

    /// The number of packets.
    pub fn packet_count(&self) -> usize {
        self.inner.packets.len()
    }

    /// The number of flows.
    pub fn flow_count(&self) -> usize {
        self.inner.flows.len()
    }

    /// The number of a flow in the schedule, from its dense number.
    pub fn flow_id(&self, flow: usize) -> u32 {
        self.inner.flows[flow].id
    }

    /// Source and destination of a flow's first packet, by dense number.
    pub fn flow_ends(&self, flow: usize) -> (NodeId, NodeId) {
        (self.inner.flows[flow].src, self.inner.flows[flow].dst)
    }

    /// When the last packet is sent; zero for an empty workload.
    pub fn last_sent(&self) -> SimTime {
        self.inner.packets.last().map_or(SimTime::ZERO, |p| p.at)
    }

    /// Whether any packet carries its frame.
    pub(crate) fn has_frames(&self) -> bool {
        self.inner.packets.iter().any(|p| p.frame.is_some())
    }

    /// The explicit path of a flow, by dense number.
    #[inline]
    pub(crate) fn path(&self, flow: u32) -> Option<&[ArcId]> {
        let (start, len) = self.inner.flows[flow as usize].path?;
        Some(&self.inner.path_arcs[start as usize..(start + len) as usize])
    }

    pub(crate) fn packets(&self) -> &[Planned] {
        &self.inner.packets
    }

    pub(crate) fn source(&self, node: NodeId) -> &Source {
        &self.inner.sources[node.index()]
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
    let what = format!("packet {index} is larger than 4 GB");
    InputError::new("packet schedule", Place::Whole, what, "a packet size in bytes below 2^32")
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::{BitsPerSec, Bytes, Layer, LinkSpec, NodeKind, ScheduledPacket, SimDuration, TwinBuilder};

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
        assert!(error(compile("bert", vec![packet(0, 1, 1 << 32)])).contains("larger than 4 GB"));
    }
}
