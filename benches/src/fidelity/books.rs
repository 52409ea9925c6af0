//! The books of random networks: Little's law at every queue, and no packet lost from the accounts.

use std::collections::BTreeMap;

use engine::Seeds;
use models::packet::{Buffer, Fault, PacketConfig, PacketNet, PacketResult, TimedFault, Workload};
use models::{Failures, Routing};
use testkit::{NextHops, SplitMix64, Wires, random_network, send_packets};
use twin::{
    ArcId, Bytes, Csr, Layer, LinkId, NodeId, PacketSchedule, ScheduledPacket, SimDuration, SimTime, Twin,
};

use super::{Check, Scale};

/// Rows 6 and 8.
pub(super) fn checks(scale: Scale) -> Vec<Check> {
    let nets: Vec<RandomNet> = (0..scale_of(scale)).filter_map(RandomNet::new).collect();
    vec![little(&nets), conservation(&nets)]
}

fn scale_of(scale: Scale) -> u64 {
    match scale {
        Scale::Full => 100,
        Scale::Smoke => 10,
    }
}

/// L = λW at every queue over one window that ends while packets are queued.
///
/// L comes from the slow reference, which adds up the area under the number in each queue step by step; λW from the
/// engine's statistics, which count a packet's whole time in the queue when it is accepted. What of that lies beyond the
/// window, the reference knows from the packets that it still holds.
fn little(nets: &[RandomNet]) -> Check {
    let (mut queues, mut cut, mut worst) = (0, 0, 0.0f64);
    for net in nets {
        let window = SimTime::from_ps(net.last_sent().as_ps() / 2);
        let result = net.run(&[], window);
        let slow = net.run_slowly(window);
        for (link, slow) in result.links.iter().zip(&slow.queues).filter(|(_, slow)| slow.accepted > 0) {
            let in_queue = link.queue.wait_sum_ps + u128::from(link.queue.busy.as_ps());
            let lambda_w = in_queue as f64 - slow.ahead_ps as f64;
            let error = if in_queue.checked_sub(slow.ahead_ps) == Some(slow.area_ps) {
                0.0
            } else {
                (lambda_w / slow.area_ps as f64 - 1.0).abs()
            };
            (queues, cut) = (queues + 1, cut + u64::from(slow.ahead_ps > 0));
            worst = if error.is_nan() { f64::INFINITY } else { worst.max(error) };
        }
    }
    Check {
        row: 6,
        what: format!("Little's law, {queues} queues of {} networks, {cut} busy at the end", nets.len()),
        expected: "L = λW".into(),
        measured: format!("off by {worst:e} at worst"),
        tolerance: "1e-9".into(),
        pass: queues > 0 && cut > 0 && worst <= 1e-9,
    }
}

/// sent = delivered + dropped + in flight, in mid-run and at the end, while links flap. What should have been sent is
/// counted in the schedule, and what was dropped by place.
fn conservation(nets: &[RandomNet]) -> Check {
    let (mut expected, mut measured, mut under_way, mut wrong) = (0, 0, 0, 0);
    for net in nets {
        for until in [SimTime::from_ps(net.last_sent().as_ps() / 2), SimTime::MAX] {
            let result = net.run(&net.flaps(), until);
            let due = net.schedule.packets.iter().filter(|p| p.at <= until).count() as u64;
            let delivered: u64 = result.flows.iter().map(|f| f.delivered).sum();
            let dropped: u64 = result.drops.iter().map(|d| d.packets).sum();
            let accounted = delivered + dropped + result.in_flight;
            let at_end = until < SimTime::MAX || result.in_flight == 0;
            wrong += u64::from(!(result.sent == due && accounted == due && at_end));
            (expected, measured, under_way) =
                (expected + due, measured + accounted, under_way + result.in_flight);
        }
    }
    let mut check = Check::exact(8, "sent = delivered + dropped + in flight", expected, measured);
    check.what += &format!(", {} runs, {under_way} in flight at the cut", 2 * nets.len());
    check.pass &= wrong == 0 && under_way > 0;
    check
}

/// A random network with random flows on shortest paths.
struct RandomNet {
    twin: Twin,
    csr: Csr,
    paths: BTreeMap<u32, Vec<ArcId>>,
    schedule: PacketSchedule,
}

/// So small that queues overflow.
const BUFFER: Bytes = Bytes::new(15_000);

impl RandomNet {
    /// `None` if nobody in it reaches anybody.
    fn new(seed: u64) -> Option<Self> {
        let twin = random_network(seed);
        let csr = Csr::compile(&twin, Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let mut random = SplitMix64::new(seed);
        let (mut paths, mut packets) = (BTreeMap::new(), Vec::new());
        for _ in 0..40 {
            let [src, dst] = [(); 2].map(|()| NodeId::new(random.below(csr.node_count())));
            if src == dst || !routing.reaches(src, dst) {
                continue;
            }
            let flow = paths.len() as u32;
            paths.insert(flow, shortest_path(&csr, &routing, src, dst));
            let mut at = SimTime::ZERO;
            for _ in 0..300 {
                // 1 Gbit/s on average: several flows overload one link of the slower ones.
                at += SimDuration::nanos(random.below(12_512) as u64);
                let size = Bytes::new(64 + random.below(1_437) as u64);
                packets.push(ScheduledPacket { at, src: src.0, dst: dst.0, flow, size, frame: None });
            }
        }
        let schedule = PacketSchedule::new(csr.node_keys.clone(), packets);
        (!paths.is_empty()).then_some(Self { twin, csr, paths, schedule })
    }

    fn last_sent(&self) -> SimTime {
        self.schedule.packets.last().map_or(SimTime::ZERO, |p| p.at)
    }

    fn run(&self, faults: &[TimedFault], until: SimTime) -> PacketResult {
        let routing = Routing::compute(&self.csr, &Failures::none(&self.csr));
        let config = PacketConfig { buffer: Buffer::Bytes(BUFFER), ..PacketConfig::default() };
        let net = PacketNet::build(&self.csr, routing, config);
        let workload = Workload::compile(&self.csr, &self.schedule).expect("endpoints are nodes");
        net.run(&workload.with_paths(&self.csr, &self.paths), faults, until, Seeds::new(0).trial(0))
    }

    fn run_slowly(&self, until: SimTime) -> testkit::SlowOutcome {
        let hops = NextHops::along(&self.twin, &self.paths);
        send_packets(&Wires::of(&self.twin), &self.schedule, BUFFER, &hops, &[], until)
    }

    /// Every link goes down for a while, one after the other.
    fn flaps(&self) -> Vec<TimedFault> {
        let links = self.csr.link_count() as u64;
        let step = self.last_sent().as_ps() / (links + 1);
        let at = |ps, fault| TimedFault { at: SimTime::from_ps(ps), fault };
        let flap = |link: u64| {
            let id = LinkId::new(link as usize);
            [at(link * step, Fault::LinkDown(id)), at(link * step + 3 * step / 2, Fault::LinkUp(id))]
        };
        (0..links).flat_map(flap).collect()
    }
}

fn shortest_path(csr: &Csr, routing: &Routing, src: NodeId, dst: NodeId) -> Vec<ArcId> {
    let (mut at, mut path) = (src, Vec::new());
    while at != dst {
        let arc = routing.next_arcs(at, dst)[0];
        path.push(arc);
        at = csr.dst[arc.index()];
    }
    path
}
