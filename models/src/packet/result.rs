//! What a packet run gives.

use engine::Digest;
use twin::{ArcId, CounterRow, Fidelity, FlowInfo, FlowRow, NodeId, Observables, Rung, SimDuration, SimTime};

use super::choice::Computed;
use super::discipline::ClassStats;
use super::lost::LostPacket;
use super::net::PacketNet;
use super::network::Network;
use super::queue_stats::{QueueStats, WaitHistogram};
use super::recorder::{Binned, DeliveredFrame, Disposition, DropCounts, DropPlace, FlowStats};
use super::tcp::TcpOutcome;

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct PacketResult {
    /// The rung on which it was computed.
    pub rung: Rung,
    /// Packets sent.
    pub sent: u64,
    /// Packets delivered.
    pub delivered: u64,
    /// Packets lost.
    pub dropped: u64,
    /// Packets still under way. `sent = delivered + dropped + in_flight`.
    pub in_flight: u64,
    /// Half-links crossed by delivered packets.
    pub packet_hops: u64,
    /// What happened: packets sent, packets that came out of a half-link, changes of the network.
    pub events: u64,
    /// How it was computed, which changes nothing in the rest.
    pub engine: Computed,
    /// When the last packet was delivered.
    pub last_delivery: SimTime,
    /// When the last packet was delivered or lost.
    pub last_event: SimTime,
    /// By arc.
    pub links: Vec<LinkStats>,
    /// By arc and class: what each class of a discipline did.
    pub classes: Vec<ClassRow>,
    /// By dense flow number.
    pub flows: Vec<FlowStats>,
    /// The number of each flow in the schedule.
    pub flow_ids: Vec<u32>,
    /// TCP connections, by the number of their first flow.
    pub tcp: Vec<TcpOutcome>,
    /// Where and why packets were lost, by place and reason; no rows of zero.
    pub drops: Vec<DropRow>,
    /// Lost packets one by one, in the order of the run: the first [`PacketConfig::keep_drops`](super::PacketConfig).
    pub lost_packets: Vec<LostPacket>,
    /// Flow and counter rows, if bins were asked for. `FlowRow::flow` is the dense number; `rtt_ms` is the median one-way
    /// delay of the packets sent in the bin plus the propagation delay of the way back, unloaded (mean over equal paths).
    pub observables: Observables,
    /// One-way delay of each packet that was delivered and sent in a bin, with its flow's dense number; by flow, bin and
    /// delay. Empty without bins.
    pub delays: Vec<(u32, SimDuration)>,
    /// Frames that arrived, in order of time, if they were to be kept.
    pub frames: Vec<DeliveredFrame>,
    /// What was not modelled.
    pub fidelity: Fidelity,
}

/// What one arc did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStats {
    /// Its queue; all classes together where it has some, and then waits and busy time are those of packets whose service
    /// has begun.
    pub queue: QueueStats,
    /// How often accepted packets waited how long before their service.
    pub waits: WaitHistogram,
    /// Packets lost in front of it and on it.
    pub drops: DropCounts,
}

/// What one class of an arc's discipline did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassRow {
    /// The arc.
    pub arc: ArcId,
    /// The class, from 0.
    pub class: u8,
    /// What it did.
    pub stats: ClassStats,
}

/// Packets lost at one place for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropRow {
    /// Where.
    pub place: DropPlace,
    /// Why.
    pub why: Disposition,
    /// How many.
    pub packets: u64,
}

impl PacketResult {
    pub(crate) fn collect(net: &PacketNet, mut network: Network, engine: Computed) -> Self {
        network.recorder.settle();
        let network = &network;
        let recorder = &network.recorder;
        let sum = |of: fn(&FlowStats) -> u64| recorder.flows.iter().map(of).sum::<u64>();
        let links = network.half_links.iter().zip(&recorder.arc_drops);
        let result = Self {
            rung: net.rung(),
            sent: sum(|f| f.sent),
            delivered: sum(|f| f.delivered),
            dropped: sum(|f| f.dropped()),
            in_flight: network.in_flight(),
            packet_hops: sum(|f| f.packet_hops),
            events: sum(|f| f.sent) + network.recorder.arrivals + network.recorder.changes,
            engine,
            last_delivery: recorder.last_delivery,
            last_event: recorder.last_delivery.max(recorder.last_loss),
            links: links
                .map(|(h, drops)| LinkStats { queue: h.stats(), waits: h.waits(), drops: *drops })
                .collect(),
            classes: class_rows(network),
            flows: recorder.flows.clone(),
            flow_ids: (0..recorder.flows.len()).map(|f| network.forwarding.workload.flow_id(f)).collect(),
            tcp: network.tcp.outcomes(&network.forwarding.workload),
            drops: drop_rows(network),
            lost_packets: recorder.lost.kept().to_vec(),
            observables: recorder.binned.as_ref().map(|b| observables(net, network, b)).unwrap_or_default(),
            delays: recorder.binned.as_ref().map(delays_by_flow).unwrap_or_default(),
            frames: recorder.frames.clone().unwrap_or_default(),
            fidelity: fidelity(net, network),
        };
        let accounted = result.delivered + result.dropped + result.in_flight;
        assert_eq!(result.sent, accounted, "a packet was lost from the books");
        result
    }

    /// Packets lost for one reason.
    pub fn dropped_by(&self, why: Disposition) -> u64 {
        self.flows.iter().map(|f| f.drops[why as usize]).sum()
    }

    /// A digest over all counts, flows, links and rows.
    pub fn digest(&self) -> String {
        let mut d = Digest::new("packet-result/1").text(self.rung.word());
        for n in [self.sent, self.delivered, self.dropped, self.in_flight, self.packet_hops] {
            d = d.u64(n);
        }
        for (flow, id) in self.flows.iter().zip(&self.flow_ids) {
            let time = |at: Option<SimTime>| at.map_or(u64::MAX, SimTime::as_ps);
            d = d.u64(u64::from(*id)).u64(flow.sent).u64(flow.delivered).u64(flow.delivered_bytes);
            d = d.u64(time(flow.first)).u64(time(flow.last)).bytes(&flow.delay_sum_ps.to_le_bytes());
            // What only disciplines do counts where it is done: it moves no digest of runs without.
            let (plain, more) = flow.drops.split_at(Disposition::EarlyDrop as usize);
            d = plain.iter().fold(d, |d, n| d.u64(*n));
            let some = |d: Digest, word: &str, n: u64| if n > 0 { d.text(word).u64(n) } else { d };
            let words = Disposition::ALL[plain.len()..].iter().map(|why| why.word());
            d = words.zip(more).fold(d, |d, (word, n)| some(d, word, *n));
            d = some(d, "marked", flow.marked);
        }
        for link in &self.links {
            d = d.u64(link.queue.packets).u64(link.queue.bytes).u64(link.queue.drops);
            d = d.bytes(&link.queue.wait_sum_ps.to_le_bytes()).u64(link.queue.wait_max.as_ps());
            d = link.waits.counts().iter().fold(d, |d, n| d.u64(u64::from(*n)));
        }
        for ClassRow { arc, class, stats } in &self.classes {
            d = d.u64(u64::from(arc.0)).u64(u64::from(*class)).u64(stats.packets).u64(stats.marks);
            d = d.u64(stats.drops()).bytes(&stats.wait_sum_ps.to_le_bytes());
        }
        for row in &self.observables.flows {
            d = d.u64(u64::from(row.bin)).u64(u64::from(row.sent)).u64(u64::from(row.lost)).f64(row.rtt_ms);
        }
        for end in self.tcp.iter().flat_map(|c| [&c.client, &c.server]) {
            let time = |at: Option<SimTime>| at.map_or(u64::MAX, SimTime::as_ps);
            d = d
                .u64(end.received)
                .u64(time(end.received_all))
                .u64(time(end.acknowledged_all))
                .u64(end.retransmitted);
        }
        self.frames.iter().fold(d, |d, f| d.u64(f.at.as_ps()).bytes(&f.frame)).hex()
    }
}

fn drop_rows(network: &Network) -> Vec<DropRow> {
    let arcs = network.recorder.arc_drops.iter().enumerate();
    let arcs = arcs.map(|(i, d)| (DropPlace::Arc(ArcId::new(i)), d));
    let nodes = network.recorder.node_drops.iter().enumerate();
    let nodes = nodes.map(|(i, d)| (DropPlace::Node(NodeId::new(i)), d));
    let mut rows = Vec::new();
    for (place, drops) in arcs.chain(nodes) {
        for why in Disposition::ALL {
            let packets = drops[why as usize];
            if packets > 0 {
                rows.push(DropRow { place, why, packets });
            }
        }
    }
    rows
}

fn class_rows(network: &Network) -> Vec<ClassRow> {
    let mut rows = Vec::new();
    for (arc, half_link) in network.half_links.iter().enumerate() {
        let Some(egress) = &half_link.egress else { continue };
        for class in 0..egress.queue().class_count() {
            let stats = *egress.queue().stats(class);
            rows.push(ClassRow { arc: ArcId::new(arc), class: class as u8, stats });
        }
    }
    rows
}

fn observables(net: &PacketNet, network: &Network, binned: &Binned) -> Observables {
    let ends = (0..network.recorder.flows.len()).map(|f| network.forwarding.workload.flow_ends(f));
    Observables {
        counters: counter_rows(net, binned),
        flow_info: ends.map(|(src, dst)| FlowInfo { src, dst }).collect(),
        flows: flow_rows(net, network, binned),
        alarms: Vec::new(),
    }
}

/// By bin, then flow; flows that sent nothing in a bin have no row there.
fn flow_rows(net: &PacketNet, network: &Network, binned: &Binned) -> Vec<FlowRow> {
    let bins = binned.bins.count as usize;
    let medians = medians(binned);
    let flows = network.recorder.flows.len();
    let back: Vec<f64> =
        (0..flows).map(|f| way_back_ms(net, network.forwarding.workload.flow_ends(f))).collect();
    let mut rows = Vec::new();
    for bin in 0..bins {
        for (flow, back_ms) in back.iter().enumerate() {
            let cell = &binned.flows[flow * bins + bin];
            if cell.sent > 0 {
                let rtt_ms = medians[flow * bins + bin] * 1e-9 + back_ms;
                rows.push(FlowRow {
                    bin: bin as u32,
                    flow: flow as u32,
                    sent: cell.sent,
                    lost: cell.lost,
                    rtt_ms,
                });
            }
        }
    }
    rows
}

/// Median one-way delay of each cell in picoseconds; NaN where nothing arrived. The lower of two middle values.
fn medians(binned: &Binned) -> Vec<f64> {
    let mut medians = vec![f64::NAN; binned.flows.len()];
    for cell in binned.delays.chunk_by(|a, b| a.0 == b.0) {
        let (index, median) = cell[(cell.len() - 1) / 2];
        medians[index as usize] = median as f64;
    }
    medians
}

fn delays_by_flow(binned: &Binned) -> Vec<(u32, SimDuration)> {
    let flow = |cell: u32| cell / binned.bins.count;
    binned.delays.iter().map(|(cell, ps)| (flow(*cell), SimDuration::from_ps(*ps))).collect()
}

/// Propagation delay from a flow's destination to its source, mean over equal paths; that of the way there where there
/// is no way back.
fn way_back_ms(net: &PacketNet, (src, dst): (NodeId, NodeId)) -> f64 {
    let along = |from, to| -> f64 {
        let shares = net.routing().shares(net.csr(), from, to);
        shares.iter().map(|(arc, share)| share * net.csr().delay[arc.index()].as_secs_f64() * 1e3).sum()
    };
    if net.routing().reaches(dst, src) { along(dst, src) } else { along(src, dst) }
}

/// By bin, then arc: what the arc's counters show, watched packets and background together.
fn counter_rows(net: &PacketNet, binned: &Binned) -> Vec<CounterRow> {
    let (bins, width) = (binned.bins.count as usize, binned.bins.width);
    let mut rows = Vec::with_capacity(binned.arcs.len());
    for bin in 0..bins {
        let middle = SimTime::from_ps(bin as u64 * width.as_ps() + width.as_ps() / 2);
        for arc in (0..net.csr().arc_count()).map(ArcId::new) {
            let cell = &binned.arcs[arc.index() * bins + bin];
            let unseen = net.background().map_or(0.0, |b| b.bps_at(arc, middle));
            let line = net.csr().capacity[arc.index()].as_f64();
            rows.push(CounterRow {
                bin: bin as u32,
                arc,
                rate_bps: (cell.bytes as f64 * 8.0 / width.as_secs_f64() + unseen).min(line),
                errors: u64::from(cell.errors),
                discards: u64::from(cell.discards),
            });
        }
    }
    rows
}

fn fidelity(net: &PacketNet, network: &Network) -> Fidelity {
    let mut fidelity = Fidelity::default();
    let sent: u64 = network.recorder.flows.iter().map(|f| f.sent).sum();
    let connections = network.forwarding.workload.connections();
    let by_tcp: u64 = connections.iter().flat_map(|c| c.flows).map(|id| sent_by(network, id)).sum();
    if sent > by_tcp || connections.is_empty() {
        fidelity.note("open-loop", "Sources do not react to loss or delay.", Some(sent - by_tcp));
    }
    if !connections.is_empty() {
        let note = "TCP reacts to loss and delay as smoltcp's does; applications are never what limits it.";
        fidelity.note("tcp", note, Some(connections.len() as u64));
    }
    fidelity.note("static-routing", "Next hops change only where the scenario says so.", None);
    if net.background().is_some() {
        let note = "Background does not react to loss or delay. Feeds of a queue are independent of each other; where the \
                    background does not say where it comes from, all of it enters at every hop, and waits are \
                    overestimated.";
        fidelity.note("independent-background", note, None);
    }
    if network.forwarding.workload.has_frames() && network.forwarding.ip.is_none() {
        fidelity.note("frames-by-endpoint", "Frames went to the scheduled endpoint, unread.", None);
    }
    if network.recorder.unknown_addresses > 0 {
        let note = "Nobody owns the destination address: the packet went to its scheduled endpoint.";
        fidelity.note("unknown-address", note, Some(network.recorder.unknown_addresses));
    }
    fidelity
}

/// Packets sent by a flow, by its number in the schedule.
fn sent_by(network: &Network, id: u32) -> u64 {
    network.forwarding.workload.flow_of_id(id).map_or(0, |flow| network.recorder.flows[flow].sent)
}

impl LinkStats {
    /// Share of the time up to `until` in which the arc was sending accepted packets. A packet counts whole when it is
    /// accepted, so a full queue at the end may put it slightly above 1.
    pub fn utilization(&self, until: SimTime) -> f64 {
        self.queue.busy.as_secs_f64() / until.since(SimTime::ZERO).max(SimDuration::from_ps(1)).as_secs_f64()
    }
}
