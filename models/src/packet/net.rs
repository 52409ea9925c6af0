//! A network made ready for packets.

use std::sync::Arc;

use engine::{Purpose, Trial};
use twin::{ArcId, BitsPerSec, Bytes, Csr, EntityKey, InputError, Place, Rung, SimDuration};

use super::background::Background;
use super::background_load::BackgroundLoad;
use super::ecmp::FlowHash;
use super::egress::{Buffers, Disciplines};
use super::forwarding::{Forwarding, NodeState};
use super::half_link::HalfLink;
use super::ip::IpForwarding;
use super::lost::FirstLost;
use super::network::Network;
use super::recorder::{Bins, Recorder};
use super::tcp::{Segments, TcpHosts};
use super::unseen::BackgroundTraffic;
use super::workload::Workload;
use crate::Routing;

/// How much an egress queue holds, the packet in service included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// So many bytes.
    Bytes(Bytes),
    /// So many bytes as the arc sends in this time at its nominal rate, and never less than 15,000.
    Time(SimDuration),
}

impl Buffer {
    fn limit(self, rate: BitsPerSec) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Time(time) => {
                let bits = u128::from(rate.get()) * u128::from(time.as_ps()) / 1_000_000_000_000;
                Bytes::new(u64::try_from(bits / 8).unwrap_or(u64::MAX).max(15_000))
            }
        }
    }
}

/// What a packet run keeps and assumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PacketConfig {
    /// The egress queues; 100 packets of 1,500 bytes by default.
    pub buffer: Buffer,
    /// Bytes that each packet occupies on the wire beyond its size, in service but not in queues and counters; 0 by
    /// default. Ethernet: 20 for preamble, start delimiter and inter-packet gap (IEEE 802.3 §3.1.1, §4.4.2), 24 where
    /// sizes leave out the frame check sequence. The background's packets count as they are.
    pub framing: Bytes,
    /// Time bins for flow and counter rows; none by default.
    pub bins: Option<Bins>,
    /// Whether frames that arrive are kept.
    pub keep_frames: bool,
    /// How many lost packets are kept one by one, the first ones; none by default.
    pub keep_drops: usize,
}

impl Default for PacketConfig {
    fn default() -> Self {
        Self {
            buffer: Buffer::Bytes(Bytes::new(150_000)),
            framing: Bytes::new(0),
            bins: None,
            keep_frames: false,
            keep_drops: 0,
        }
    }
}

/// A network made ready for packets. `Clone` is cheap, and the `with_…` methods give variants that share the rest.
///
/// ```
/// use engine::Seeds;
/// use twin::*;
/// use umbra_models::packet::{PacketConfig, PacketNet, Workload};
/// use umbra_models::{Failures, Routing};
///
/// let mut net = TwinBuilder::new("lab");
/// let [a, b] = ["a", "b"].map(|name| net.node(name, NodeKind::Router, None));
/// net.link("a-b", &a, &b, LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(1)));
/// let csr = Csr::compile(&net.finish(), Layer::Igp);
/// let packet = ScheduledPacket {
///     at: SimTime::ZERO, src: 0, dst: 1, flow: 0, size: Bytes::new(1_500), frame: None,
/// };
/// let workload = Workload::compile(&csr, &PacketSchedule::new(vec![a, b], vec![packet])).unwrap();
///
/// let routing = Routing::compute(&csr, &Failures::none(&csr));
/// let net = PacketNet::build(&csr, routing, PacketConfig::default());
/// let result = net.run(&workload, &[], SimTime::MAX, Seeds::new(0).trial(0));
/// assert_eq!(result.flows[0].last, Some(SimTime::from_ps(2_200_000))); // 1.2 µs on the wire and 1 µs along it
/// ```
#[derive(Clone, Debug)]
pub struct PacketNet {
    csr: Arc<Csr>,
    /// Key of each arc's streams of chance.
    arc_keys: Arc<[EntityKey]>,
    routing: Arc<Routing>,
    ip: Option<Arc<IpForwarding>>,
    background: Option<(Arc<BackgroundLoad>, BackgroundTraffic)>,
    disciplines: Option<Arc<Disciplines>>,
    config: PacketConfig,
}

impl PacketNet {
    /// Makes a network ready.
    pub fn build(csr: &Csr, routing: Routing, config: PacketConfig) -> Self {
        let key = |(from, to): &(EntityKey, EntityKey)| EntityKey::new(format!("half-link:{from}>{to}"));
        Self {
            arc_keys: csr.ports.iter().map(key).collect(),
            csr: Arc::new(csr.clone()),
            routing: Arc::new(routing),
            ip: None,
            background: None,
            disciplines: None,
            config,
        }
    }

    /// The same with packets that carry a frame forwarded by its IP header.
    #[must_use]
    pub fn with_ip(mut self, ip: IpForwarding) -> Self {
        self.ip = Some(Arc::new(ip));
        self
    }

    /// The same over this background load.
    ///
    /// # Panics
    /// If the load is of another number of arcs, bursts have less than one packet, or an arc has a discipline: unseen
    /// packets have no class.
    #[must_use]
    pub fn with_background(mut self, load: Arc<BackgroundLoad>, traffic: BackgroundTraffic) -> Self {
        assert_eq!(load.arc_count(), self.csr.arc_count(), "one background load for each arc");
        assert!(traffic.burst >= 1.0 && traffic.size_scv >= 0.0, "impossible background {traffic:?}");
        assert!(self.disciplines.is_none(), "a background behind a discipline is not modelled");
        self.background = Some((load, traffic));
        self
    }

    /// The same with other queues than the plain FIFO in front of some arcs. All others stay on the fast path.
    ///
    /// # Errors
    /// If a discipline cannot be built, there is no such arc or node, or the network has a background load.
    pub fn with_disciplines(mut self, disciplines: Disciplines) -> Result<Self, InputError> {
        if self.background.is_some() {
            let what = "disciplines over a background load, whose packets have no class";
            return Err(InputError::new("queue disciplines", Place::Whole, what, "one or the other"));
        }
        disciplines.validate(&self.csr)?;
        self.disciplines = (!disciplines.queues.is_empty()).then(|| Arc::new(disciplines));
        Ok(self)
    }

    /// The network's dense view.
    pub fn csr(&self) -> &Csr {
        &self.csr
    }

    /// The rung on which its runs stand.
    pub fn rung(&self) -> Rung {
        if self.background.is_some() { Rung::Foreground } else { Rung::Packets }
    }

    /// The network at time zero.
    pub(crate) fn network(&self, workload: &Workload, chance: Trial) -> Network {
        let (nodes, arcs) = (self.csr.node_count(), self.csr.arc_count());
        let mut recorder =
            Recorder::new(workload.flow_count(), arcs, nodes, workload.packet_count(), self.config.bins);
        recorder.frames = self.config.keep_frames.then(Vec::new);
        recorder.lost = FirstLost::new(self.config.keep_drops);
        let forwarding = Forwarding {
            csr: Arc::clone(&self.csr),
            nodes: vec![NodeState { down: false, routing: 0 }; nodes],
            hash: FlowHash::new(&self.csr, chance),
            routings: vec![Arc::clone(&self.routing)],
            explicit: Arc::clone(workload.routes()),
            ip: self.ip.clone(),
            workload: workload.clone(),
            segments: Segments::default(),
        };
        let mut buffers = self.disciplines.as_ref().map(|d| d.buffers(&self.csr)).unwrap_or_default();
        let half_links = (0..arcs).map(|arc| self.half_link(ArcId::new(arc), chance, &mut buffers)).collect();
        Network {
            forwarding,
            half_links,
            buffers,
            link_down: vec![false; self.csr.link_count()],
            tcp: TcpHosts::new(workload, chance),
            recorder,
            outbox: Vec::new(),
            elsewhere: 0,
        }
    }

    fn half_link(&self, arc: ArcId, chance: Trial, buffers: &mut Buffers) -> HalfLink {
        let (key, rate) = (&self.arc_keys[arc.index()], self.csr.capacity[arc.index()]);
        let background = self.background.as_ref().map(|(load, traffic)| {
            let background = Background::new(Arc::clone(load), *traffic, arc);
            (background, chance.chance(Purpose::BACKGROUND, key))
        });
        let egress = self.disciplines.as_ref().and_then(|disciplines| {
            let luck = chance.chance(Purpose::new("early-detection"), key);
            disciplines.egress(&self.csr, arc, luck, buffers)
        });
        let limit = self.config.buffer.limit(rate);
        let delay = self.csr.delay[arc.index()];
        HalfLink::new(
            limit,
            rate,
            self.config.framing,
            delay,
            chance.chance(Purpose::LINK_LOSS, key),
            background,
            egress,
        )
    }

    pub(crate) fn has_disciplines(&self) -> bool {
        self.disciplines.is_some()
    }

    pub(crate) fn routing(&self) -> &Routing {
        &self.routing
    }

    pub(crate) fn background(&self) -> Option<&BackgroundLoad> {
        self.background.as_ref().map(|(load, _)| &**load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_in_time_follows_the_rate_but_always_holds_a_few_packets() {
        let ten_ms = Buffer::Time(SimDuration::millis(10));
        assert_eq!(ten_ms.limit(BitsPerSec::gbps(10)), Bytes::new(12_500_000));
        assert_eq!(ten_ms.limit(BitsPerSec::mbps(1)), Bytes::new(15_000));
    }
}
