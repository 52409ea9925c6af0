//! Flows and probes of a case, packet losses and all.

use engine::Stream;
use rand::RngExt;

use super::Plan;
use super::faults::{World, square};
use super::shape::Net;
use crate::fabric::telemetry::{HOSTS, Row};
use crate::fabric::topology::{Link, Paths, Routes};

/// A flow that cannot pass a black hole sends so many packets before it gives up.
const ATTEMPTS: u32 = 3;
const PACKET_BYTES: f64 = 1_500.0;

/// Sends all flows and probes.
pub(super) struct Traffic<'a, 'b> {
    pub(super) plan: &'a Plan,
    pub(super) net: &'a Net,
    pub(super) paths: &'a mut Paths<'b>,
    pub(super) world: &'a mut World,
    /// What each link dropped at its queue.
    pub(super) discards: Vec<u32>,
}

impl Traffic<'_, '_> {
    /// The rows of a case: application flows, then probes.
    pub(super) fn send(&mut self, skewed: bool, stream: &mut Stream) -> Vec<Row> {
        let hosts = self.net.hosts;
        let silent: Vec<bool> = (0..hosts).map(|_| stream.f64_open() < self.plan.silent).collect();
        self.world.answer.silent_hosts = silent.iter().filter(|s| **s).count() as u32;
        let (from, to) = (self.hot(skewed, stream), self.hot(skewed, stream));
        let mut rows = Vec::new();
        for _ in 0..self.plan.flows {
            let (src, dst) = (self.host(&from, stream), self.host(&to, stream));
            if src == dst || silent[src as usize] {
                continue;
            }
            let packets = size(self.plan, stream);
            let row = Row { probe: 0, src, dst, path: None, sent: packets, lost: 0 };
            rows.extend(self.cross(row, HOSTS + src, HOSTS + dst, stream));
        }
        self.world.answer.app_flows = rows.len() as u32;
        for src in (0..hosts).filter(|h| !silent[*h as usize]) {
            for probe in 1..=2 {
                for _ in 0..self.plan.probes {
                    let dst = self.net.targets[stream.random_range(0..self.net.targets.len())];
                    let row =
                        Row { probe, src, dst, path: None, sent: self.plan.probe_packets.max(1), lost: 0 };
                    let ends = if probe == 1 { (HOSTS + src, dst) } else { (dst, HOSTS + src) };
                    rows.extend(self.cross(row, ends.0, ends.1, stream));
                }
            }
        }
        let answer = &mut self.world.answer;
        answer.probes = rows.len() as u32 - answer.app_flows;
        answer.flows_with_retx = rows.iter().filter(|r| r.lost > 0).count() as u32;
        rows
    }

    /// A twentieth of the racks, at least one, where traffic is skewed.
    fn hot(&self, skewed: bool, stream: &mut Stream) -> Vec<u32> {
        let racks = self.net.racks();
        let n = if skewed { racks.div_ceil(20) } else { 0 };
        (0..n).map(|_| stream.random_range(0..racks)).collect()
    }

    fn host(&self, hot: &[u32], stream: &mut Stream) -> u32 {
        if hot.is_empty() || stream.f64_open() < 0.5 {
            return stream.random_range(0..self.net.hosts);
        }
        let rack = hot[stream.random_range(0..hot.len())];
        rack * self.net.hosts_per_rack + stream.random_range(0..self.net.hosts_per_rack)
    }

    /// One flow on a path of which all links are there.
    fn cross(&mut self, row: Row, src: u32, dst: u32, stream: &mut Stream) -> Option<Row> {
        let fabric = &self.net.fabric;
        let routes = self.paths.between(fabric.node(src)?, fabric.node(dst)?);
        let path = self.way(&routes, stream)?;
        let row = Row { path: Some(path as u32), ..row };
        if row.probe == 0 && self.swallowed(&routes, path, dst) {
            return Some(Row { sent: ATTEMPTS, lost: ATTEMPTS, ..row });
        }
        let mut left = row.sent;
        for link in routes.path(path) {
            let l = link as usize;
            left -= losses(left, self.world.loss[l], stream);
            if self.world.queue[l] > 0.0 {
                let dropped = losses(left, (self.world.queue[l] * square(stream)).min(0.9), stream);
                self.discards[l] += dropped;
                left -= dropped;
            }
        }
        Some(Row { lost: row.sent - left, ..row })
    }

    fn way(&self, routes: &Routes, stream: &mut Stream) -> Option<usize> {
        let there = |p: &usize| !routes.path(*p).any(|l| self.world.absent[l as usize]);
        let ways: Vec<usize> = (0..routes.len()).filter(there).collect();
        (!ways.is_empty()).then(|| ways[stream.random_range(0..ways.len())])
    }

    /// Whether a black hole takes a flow to this host.
    fn swallowed(&mut self, routes: &Routes, path: usize, dst: u32) -> bool {
        let rack = self.net.rack(dst - HOSTS);
        let fabric = &self.net.fabric;
        let passes =
            |device: u32| routes.path(path).skip(1).any(|l: Link| fabric.name(fabric.ends(l).0) == device);
        let hole = self.world.answer.acl.iter_mut().find(|h| h.dst_rack == rack && passes(h.device));
        hole.map(|h| h.affected_flows += 1).is_some()
    }
}

/// Packets of a flow: Pareto with this mean and shape, cut off.
fn size(plan: &Plan, stream: &mut Stream) -> u32 {
    let shape = plan.flow_shape.max(1.001);
    let least = plan.flow_bytes * (shape - 1.0) / shape;
    let bytes = least * libm::pow(stream.f64_open(), -1.0 / shape);
    libm::ceil(bytes.min(plan.flow_most_bytes) / PACKET_BYTES).max(1.0) as u32
}

/// How many of so many packets are lost: gaps between losses are geometric.
fn losses(packets: u32, rate: f64, stream: &mut Stream) -> u32 {
    if rate <= 0.0 {
        return 0;
    }
    let (mut left, mut lost) = (f64::from(packets), 0);
    loop {
        left -= libm::floor(libm::log(stream.f64_open()) / libm::log1p(-rate)) + 1.0;
        if left < 0.0 {
            return lost;
        }
        lost += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Purpose, Seeds};
    use twin::EntityKey;

    #[test]
    fn losses_are_binomial() {
        let mut stream = Seeds::new(1).trial(0).stream(Purpose::LINK_LOSS, &EntityKey::new("losses"));
        let (n, rate, trials) = (50u32, 0.1, 20_000);
        let drawn: Vec<f64> = (0..trials).map(|_| f64::from(losses(n, rate, &mut stream))).collect();
        let mean = drawn.iter().sum::<f64>() / f64::from(trials);
        let variance = drawn.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / f64::from(trials);
        // n·p = 5 and n·p·(1 − p) = 4.5, with standard errors .015 and .045.
        assert!((mean - 5.0).abs() < 0.06 && (variance - 4.5).abs() < 0.18, "{mean} {variance}");
        assert_eq!(losses(7, 0.999_999_999, &mut stream), 7);
        assert_eq!(losses(7, 0.0, &mut stream), 0);
    }
}
