//! What must hold to the picosecond: the delay of an unloaded chain, and the throughput of a link.

use engine::Seeds;
use models::packet::{Buffer, PacketConfig, PacketNet, Workload};
use models::{Failures, Routing};
use testkit::{topology, workloads};
use twin::{Bytes, Csr, Layer, PacketSchedule, ScheduledPacket, SimTime};

use super::{Check, Scale};

/// Rows 7 and 15.
pub(super) fn checks(scale: Scale) -> Vec<Check> {
    let mut checks = vec![chain8(scale)];
    checks.extend([64, 1_500, 9_000].map(mixed_chain));
    checks.extend([64, 128, 256, 512, 1_024, 1_280, 1_518].map(throughput));
    checks.push(every_size());
    checks
}

/// W1: each packet alone on its way through eight links.
fn chain8(scale: Scale) -> Check {
    let packets = match scale {
        Scale::Full => 100_000,
        Scale::Smoke => 2_000,
    };
    let w1 = workloads::w1(&workloads::Spec { packets, ..workloads::Spec::w1() });
    let csr = Csr::compile(&w1.twin, Layer::Igp);
    let net = network(&csr, PacketConfig::default());
    let workload = Workload::compile(&csr, &w1.schedule()).expect("endpoints are nodes");
    let result = net.run(&workload, &[], SimTime::MAX, Seeds::new(0).trial(0));
    let flow = &result.flows[0];
    let expected = 8 * (1_200_000 + 1_000_000);
    let mut check = Check::exact(7, "unloaded chain, W1: ps", expected, flow.delay_max.as_ps());
    check.pass &= flow.delay_sum_ps == u128::from(packets * expected) && flow.delivered == packets;
    check
}

/// One packet over links whose rates and delays differ; a byte takes a whole number of picoseconds on each.
fn mixed_chain(size: u64) -> Check {
    let text = "a -1G,7ns- b -100G,3us- c -25G,1ps- d -40G,2ms- e -10M,0s- f -400G,123456789ps- g";
    let rates_gbps = [1.0, 100.0, 25.0, 40.0, 0.01, 400.0];
    let propagation: u64 = 7_000 + 3_000_000 + 1 + 2_000_000_000 + 123_456_789;
    let service: f64 = rates_gbps.iter().map(|gbps| 8.0 * size as f64 / gbps * 1_000.0).sum();
    let csr = Csr::compile(&topology(text), Layer::Igp);
    let net = network(&csr, PacketConfig::default());
    let result = run(&csr, &net, size, 1, 0);
    let expected = service.round() as u64 + propagation;
    Check::exact(7, format!("unloaded mixed chain, {size} bytes: ps"), expected, result.delay_max_ps)
}

/// What an Ethernet frame occupies on the wire beyond itself: preamble, start delimiter and gap.
const FRAMING: u64 = 20;
const RATE: u64 = 10_000_000_000;

/// RFC 2544 §26.1: the highest rate at which no frame is lost, found by halving. Expected is that of the line,
/// rate / (8 · (L + 20)) frames a second.
fn throughput(size: u64) -> Check {
    let device = Device::new(size);
    let (mut lossy, mut lossless) = (0, 2 * (size + FRAMING) * 800);
    while lossless - lossy > 1 {
        let middle = (lossy + lossless) / 2;
        if device.loses(middle) { lossy = middle } else { lossless = middle }
    }
    let rate = |gap_ps: u64| format!("{:.3}", 1e12 / gap_ps as f64);
    let line = RATE as f64 / (8.0 * (size + FRAMING) as f64);
    let what = format!("RFC 2544, {size} bytes on 10 Gbit/s: frames/s");
    let mut check = Check::exact(15, what, format!("{line:.3}"), rate(lossless));
    // The text has three digits; the gap itself is exact.
    check.pass &= lossless * RATE == 8 * (size + FRAMING) * 1_000_000_000_000;
    check
}

/// Every size from 64 to 1,518: nothing is lost at line rate, and something one picosecond faster.
fn every_size() -> Check {
    let sizes = 64..=1_518;
    let good = sizes.clone().filter(|size| {
        let (device, gap) = (Device::new(*size), (size + FRAMING) * 800);
        !device.loses(gap) && device.loses(gap - 1)
    });
    let (all, good) = (sizes.clone().count(), good.count());
    Check::exact(15, "RFC 2544, sizes whose limit is line rate to 1 ps", all, good)
}

/// A link of 10 Gbit/s with room for one frame, so that the least excess shows.
struct Device {
    csr: Csr,
    net: PacketNet,
    size: u64,
}

impl Device {
    fn new(size: u64) -> Self {
        let csr = Csr::compile(&topology("a -10G,1us- b"), Layer::Igp);
        let (buffer, framing) = (Buffer::Bytes(Bytes::new(size)), Bytes::new(FRAMING));
        let net = network(&csr, PacketConfig { buffer, framing, ..PacketConfig::default() });
        Self { csr, net, size }
    }

    /// Whether it loses any of 100 frames, one every `gap_ps`.
    fn loses(&self, gap_ps: u64) -> bool {
        run(&self.csr, &self.net, self.size, 100, gap_ps).dropped > 0
    }
}

struct Outcome {
    dropped: u64,
    delay_max_ps: u64,
}

/// `n` packets from the first node to the last.
fn run(csr: &Csr, net: &PacketNet, size: u64, n: u64, gap_ps: u64) -> Outcome {
    let packet = |i| ScheduledPacket {
        at: SimTime::from_ps(i * gap_ps),
        src: 0,
        dst: csr.node_count() as u32 - 1,
        flow: 0,
        size: Bytes::new(size),
        frame: None,
    };
    let schedule = PacketSchedule::new(csr.node_keys.clone(), (0..n).map(packet).collect());
    let workload = Workload::compile(csr, &schedule).expect("endpoints are nodes");
    let result = net.run(&workload, &[], SimTime::MAX, Seeds::new(0).trial(0));
    Outcome { dropped: result.dropped, delay_max_ps: result.flows[0].delay_max.as_ps() }
}

fn network(csr: &Csr, config: PacketConfig) -> PacketNet {
    PacketNet::build(csr, Routing::compute(csr, &Failures::none(csr)), config)
}
