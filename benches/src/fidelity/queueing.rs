//! One queue: sojourn times and losses against the formulas of queueing theory. Times are in mean services.

use engine::{Purpose, Stream, Trial};
use models::packet::discipline::{DisciplineConfig, Limit};
use models::packet::{Buffer, Disciplines, PacketConfig, PacketNet, PacketResult, Workload};
use models::{Failures, Routing};
use testkit::topology;
use twin::{
    ArcId, BitsPerSec, Bytes, Csr, EntityKey, Layer, PacketSchedule, ScheduledPacket, SimDuration, SimTime,
};

use super::{Check, Estimate, Scale};

/// Rows 1 to 4.
pub(super) fn checks(scale: Scale) -> Vec<Check> {
    let sojourn = |row, what: &str, expected: f64, load: f64, size: &Sizes| {
        let got = Estimate::over_runs(|chance| Queue::endless().run(load, scale, size, chance).sojourn);
        Check::mean(row, format!("{what}, load {load}: sojourn"), expected, got, 0.01, scale)
    };
    let mut checks = Vec::new();
    for load in [0.5, 0.8] {
        checks.push(sojourn(1, "M/M/1", 1.0 / (1.0 - load), load, &EXPONENTIAL));
    }
    for load in [0.5, 0.8] {
        checks.push(sojourn(2, "M/D/1", pollaczek_khinchine(load, 1.0), load, &CONSTANT));
    }
    let (small, large) = (64.0 / BIMODAL.mean, 1_500.0 / BIMODAL.mean);
    let second_moment = (small * small + large * large) / 2.0;
    for load in [0.5, 0.8] {
        let expected = pollaczek_khinchine(load, second_moment);
        checks.push(sojourn(3, "M/G/1 of 64 and 1,500 bytes", expected, load, &BIMODAL));
    }
    for (load, room) in [(0.8, 5), (0.95, 10), (1.2, 4)] {
        let queue = Queue::of_packets(room);
        let got = Estimate::over_runs(|chance| queue.run(load, scale, &EXPONENTIAL, chance).loss);
        let what = format!("M/M/1/{room}, load {load}: loss");
        checks.push(Check::mean(4, what, mm1k_loss(load, u64::from(room)), got, 0.02, scale));
    }
    for (load, room) in [(0.8, 3), (0.95, 5), (1.2, 4)] {
        let queue = Queue::of(room);
        let got = Estimate::over_runs(|chance| queue.run(load, scale, &CONSTANT, chance).loss);
        let what = format!("M/D/1/{room}, load {load}: loss");
        checks.push(Check::mean(4, what, md1k_loss(load, room), got, 0.02, scale));
    }
    checks
}

/// Packets of a run.
pub(super) fn packets(scale: Scale) -> u64 {
    match scale {
        Scale::Full => 10_000_000 / Estimate::runs(),
        Scale::Smoke => 200_000 / Estimate::runs(),
    }
}

/// How large packets are, in bytes.
pub(super) struct Sizes {
    pub(super) mean: f64,
    draw: fn(&mut Stream) -> u64,
}

/// Exponential: so large that whole bytes do not matter, and so small that the longest draw (37 means) is still below
/// the 2^20 bytes that a packet of the engine may have.
pub(super) const EXPONENTIAL: Sizes =
    Sizes { mean: 25_000.0, draw: |s| ((s.exp() * 25_000.0).round() as u64).max(1) };
const CONSTANT: Sizes = Sizes { mean: 1_500.0, draw: |_| 1_500 };
/// Half of each.
const BIMODAL: Sizes = Sizes { mean: 782.0, draw: |s| if s.f64_open() < 0.5 { 64 } else { 1_500 } };

/// Mean sojourn in an M/G/1 queue whose service has mean 1 and this second moment (Pollaczek 1930, Khinchine 1932).
fn pollaczek_khinchine(load: f64, second_moment: f64) -> f64 {
    1.0 + load * second_moment / (2.0 * (1.0 - load))
}

/// The share of arrivals that an M/M/1 queue with room for `room` loses, the one in service included.
fn mm1k_loss(load: f64, room: u64) -> f64 {
    let power = |n: u64| (0..n).fold(1.0, |p, _| p * load);
    (1.0 - load) * power(room) / (1.0 - power(room + 1))
}

/// The same of an M/D/1 queue, by the chain of numbers that a departure leaves behind: with a(j) the Poisson probability
/// of j arrivals in a service, π(j+1) = (π(j) − Σ π(i) a(j−i+1) − π(0) a(j)) / a(0) for 1 ≤ i ≤ j, and the loss is
/// 1 − 1/(π(0) + load) with π normalised over 0 … room − 1 (Gross and Harris, "Fundamentals of Queueing Theory", §5.1.7).
fn md1k_loss(load: f64, room: u64) -> f64 {
    let arrivals = |j: usize| (1..=j).fold(libm::exp(-load), |p, n| p * load / n as f64);
    let mut left = vec![1.0];
    while (left.len() as u64) < room {
        let j = left.len() - 1;
        let others: f64 = (1..=j).map(|i| left[i] * arrivals(j - i + 1)).sum();
        left.push((left[j] - others - left[0] * arrivals(j)) / arrivals(0));
    }
    1.0 - 1.0 / (left[0] / left.iter().sum::<f64>() + load)
}

const RATE: BitsPerSec = BitsPerSec::gbps(10);
const PROPAGATION: SimDuration = SimDuration::micros(1);

/// One link of the engine, from a to b.
struct Queue {
    csr: Csr,
    net: PacketNet,
}

/// What a run gave: mean sojourn in mean services, and the share of packets lost.
struct Outcome {
    sojourn: f64,
    loss: f64,
}

impl Queue {
    /// With room for everything.
    fn endless() -> Self {
        Self::with_buffer(Bytes::new(1 << 40))
    }

    /// With room for so many packets of 1,500 bytes.
    fn of(room: u64) -> Self {
        Self::with_buffer(Bytes::new(room * 1_500))
    }

    /// With room for so many packets, however large.
    fn of_packets(room: u32) -> Self {
        let endless = Self::endless();
        let queue = DisciplineConfig::drop_tail(Limit::Packets(room));
        let net = endless.net.with_disciplines(Disciplines::on([ArcId(0)], &queue));
        Self { csr: endless.csr, net: net.expect("a queue that can be") }
    }

    fn with_buffer(buffer: Bytes) -> Self {
        let csr = Csr::compile(&topology("a -10G,1us- b"), Layer::Igp);
        let net = network(&csr, buffer);
        Self { csr, net }
    }

    fn run(&self, load: f64, scale: Scale, sizes: &Sizes, chance: Trial) -> Outcome {
        let schedule = poisson_packets(&self.csr, load, packets(scale), sizes, chance);
        let result = send(&self.csr, &self.net, &schedule, chance);
        let flow = &result.flows[0];
        let wires = u128::from(flow.delivered) * u128::from(PROPAGATION.as_ps());
        let in_queue = (flow.delay_sum_ps - wires) as f64 / flow.delivered as f64;
        Outcome { sojourn: in_queue / service_ps(sizes), loss: flow.dropped() as f64 / flow.sent as f64 }
    }
}

/// A network with drop-tail queues of `buffer` bytes.
pub(super) fn network(csr: &Csr, buffer: Bytes) -> PacketNet {
    let config = PacketConfig { buffer: Buffer::Bytes(buffer), ..PacketConfig::default() };
    PacketNet::build(csr, Routing::compute(csr, &Failures::none(csr)), config)
}

/// Sends packets through it until all have arrived or are lost.
pub(super) fn send(csr: &Csr, net: &PacketNet, schedule: &PacketSchedule, chance: Trial) -> PacketResult {
    let workload = Workload::compile(csr, schedule).expect("endpoints are nodes");
    net.run(&workload, &[], SimTime::MAX, chance)
}

/// Mean service at 10 Gbit/s in picoseconds.
pub(super) fn service_ps(sizes: &Sizes) -> f64 {
    sizes.mean * 8e12 / RATE.as_f64()
}

/// Poisson packets from the first node to the last that load 10 Gbit/s to this share.
pub(super) fn poisson_packets(csr: &Csr, load: f64, n: u64, sizes: &Sizes, chance: Trial) -> PacketSchedule {
    let key = EntityKey::new("fidelity");
    let (mut gaps, mut draws) = (chance.stream(Purpose::ARRIVALS, &key), chance.stream(Purpose::SIZES, &key));
    let mean_gap = service_ps(sizes) / load;
    let mut at = SimTime::ZERO;
    let packet = |_| {
        at += SimDuration::from_ps((gaps.exp() * mean_gap) as u64);
        let size = Bytes::new((sizes.draw)(&mut draws));
        ScheduledPacket { at, src: 0, dst: csr.node_count() as u32 - 1, flow: 0, size, frame: None }
    };
    PacketSchedule { endpoints: csr.node_keys.clone(), packets: (0..n).map(packet).collect() }
}

/// Mean wait at an arc in mean services.
pub(super) fn wait(result: &PacketResult, arc: ArcId, sizes: &Sizes) -> f64 {
    result.links[arc.index()].queue.wait_mean_s() * 1e12 / service_ps(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_agree_where_one_is_a_case_of_another() {
        // Erlang's loss formula with one server does not care how services are distributed.
        for load in [0.3, 1.0, 2.0] {
            assert!((md1k_loss(load, 1) - load / (1.0 + load)).abs() < 1e-12);
        }
        assert!((mm1k_loss(0.5, 1) - 1.0 / 3.0).abs() < 1e-12);
        // Exponential service has second moment 2.
        assert!((pollaczek_khinchine(0.8, 2.0) - 5.0).abs() < 1e-12);
        // Two places: π(0) = a(0), so the loss is 1 − 1/(e^−load + load).
        assert!((md1k_loss(0.8, 2) - (1.0 - 1.0 / (libm::exp(-0.8) + 0.8))).abs() < 1e-12);
        // Overload without end: all that exceeds the capacity is lost.
        assert!((md1k_loss(2.0, 40) - 0.5).abs() < 1e-9);
    }
}
