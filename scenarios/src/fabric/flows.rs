//! What a case's flows say about links: how much each link delivered, and which flows lost something where.

use std::collections::BTreeMap;

use super::topology::{Fabric, Paths, Routes};
use twin::Diagnostic;

/// A flow or probe as reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Where it began: a node of the fabric by name.
    pub src: u32,
    /// Where it ended.
    pub dst: u32,
    /// Which of its shortest paths it took, where that was reported: by position in lexicographic order.
    pub path: Option<u32>,
    /// Packets sent.
    pub sent: u32,
    /// Packets lost.
    pub lost: u32,
}

/// A flow that lost something.
#[derive(Clone, Debug, PartialEq)]
pub struct Lossy {
    /// Its position among the reports.
    pub report: u32,
    /// All paths that it may have taken, equally likely.
    pub routes: Routes,
    /// The one that it took, where that is known.
    pub taken: Option<u32>,
    /// Packets delivered.
    pub delivered: f64,
    /// Packets lost.
    pub lost: f64,
}

/// Flows of one pair of racks whose path is not known, by size: how many delivered about so much without any loss. Loss
/// on the hosts' own links is counted there.
#[derive(Clone, Debug, PartialEq)]
pub struct Hidden {
    /// The paths between the racks, equally likely.
    pub routes: Routes,
    /// Packets delivered by a flow, and the number of such flows.
    pub sizes: Vec<(f64, f64)>,
}

/// The flows of a case, compiled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flows {
    /// Packets that a link delivered in flows whose path is known.
    pub delivered: Vec<f64>,
    /// The same with those whose path is not known: as many as their equally likely paths let expect.
    pub expected: Vec<f64>,
    /// Flows whose path is known, by link.
    pub flows: Vec<u32>,
    /// For each link −ln of the chance that all flows missed it which might have taken it, and whose path is known.
    pub missed: Vec<f64>,
    /// Flows with a loss, in the order of the reports.
    pub lossy: Vec<Lossy>,
    /// Whether only flows with a loss were reported: a report then says no more than how much was lost, and where.
    pub lossy_only: bool,
    /// Flows without a loss whose path is not known.
    pub hidden: Vec<Hidden>,
    /// Flows without a loss by size in packets.
    pub clean_sizes: Vec<(f64, f64)>,
    /// The reports that count.
    pub reports: usize,
    /// Packets sent and lost in all.
    pub sent: f64,
    /// See `sent`.
    pub lost: f64,
    /// Mean number of links of a path, weighted with packets.
    pub hops: f64,
    /// What was left out, and why.
    pub diagnostics: Vec<Diagnostic>,
}

/// The paths of a report and which it took, where that is known; or why it cannot be right: a code, and in words.
pub(super) type Routed = Result<(Routes, Option<u32>), (&'static str, &'static str)>;

/// The paths of all reports.
pub(super) fn route(fabric: &Fabric, paths: &mut Paths<'_>, reports: &[Report]) -> Vec<Routed> {
    reports.iter().map(|report| routed(fabric, paths, report)).collect()
}

fn routed(fabric: &Fabric, paths: &mut Paths<'_>, report: &Report) -> Routed {
    let (Some(src), Some(dst)) = (fabric.node(report.src), fabric.node(report.dst)) else {
        return Err(("unknown-node", "flows from or to nodes that the topology does not have"));
    };
    if report.lost > report.sent {
        return Err(("more-lost-than-sent", "flows with more packets lost than sent"));
    }
    if report.sent == 0 || src == dst {
        return Err(("no-packets", "flows without packets, or from a node to itself"));
    }
    let routes = paths.between(src, dst);
    match report.path {
        _ if routes.is_empty() => Err(("no-path", "flows between nodes that the topology does not connect")),
        Some(p) if p as usize >= routes.len() => {
            Err(("no-such-path", "flows on a path beyond the number of shortest paths"))
        }
        None if routes.len() == 1 => Ok((routes, Some(0))),
        taken => Ok((routes, taken)),
    }
}

impl Flows {
    /// Compiles reports. With `lossy_only` flows without a loss are not among them. What cannot
    /// be right (unknown nodes, a path that does not exist, more lost than sent) is left out and counted.
    pub fn compile(fabric: &Fabric, paths: &mut Paths<'_>, reports: &[Report], lossy_only: bool) -> Self {
        let routed = route(fabric, paths, reports);
        Self::of(fabric, paths, reports, &routed, lossy_only)
    }

    /// The same for reports whose paths are known already.
    pub(super) fn of(
        fabric: &Fabric,
        paths: &mut Paths<'_>,
        reports: &[Report],
        routed: &[Routed],
        lossy_only: bool,
    ) -> Self {
        let links = fabric.link_count();
        let zero = vec![0.0; links];
        let mut flows = Self {
            delivered: zero.clone(),
            flows: vec![0; links],
            missed: zero,
            lossy_only,
            ..Self::default()
        };
        let mut rest = Rest::default();
        for ((i, report), routed) in (0u32..).zip(reports).zip(routed) {
            match routed {
                Ok((routes, taken)) => flows.add(i, report, routes, *taken, &mut rest, fabric),
                Err((code, what)) => Diagnostic::count(&mut flows.diagnostics, code, || (*what).to_owned()),
            }
        }
        flows.finish(paths, rest);
        flows
    }

    fn add(
        &mut self,
        i: u32,
        report: &Report,
        routes: &Routes,
        taken: Option<u32>,
        rest: &mut Rest,
        fabric: &Fabric,
    ) {
        let (delivered, lost) = (f64::from(report.sent - report.lost), f64::from(report.lost));
        self.reports += 1;
        self.sent += f64::from(report.sent);
        self.lost += lost;
        rest.packet_hops += f64::from(report.sent) * routes.path(0).count() as f64;
        let racks = || {
            let rack = |name: u32| fabric.node(name).map_or(0, |n| fabric.switch_of(n));
            (rack(report.src), rack(report.dst))
        };
        match taken {
            Some(_) if self.lossy_only => {}
            Some(path) => {
                for link in routes.path(path as usize) {
                    self.delivered[link as usize] += delivered;
                    self.flows[link as usize] += 1;
                }
                if routes.len() > 1 {
                    *rest.known.entry(racks()).or_default() += 1.0;
                }
            }
            None if lost == 0.0 => {
                for link in routes.own() {
                    self.delivered[link as usize] += delivered;
                    self.flows[link as usize] += 1;
                }
                let sizes = rest.hidden.entry(racks()).or_default();
                *sizes.entry(size_class(report.sent)).or_default() += 1.0;
            }
            None => {}
        }
        if lost > 0.0 {
            self.lossy.push(Lossy { report: i, routes: routes.clone(), taken, delivered, lost });
        } else {
            *rest.clean.entry(size_class(report.sent)).or_default() += 1.0;
        }
    }

    fn finish(&mut self, paths: &mut Paths<'_>, rest: Rest) {
        for ((a, b), n) in rest.known {
            for (link, part) in paths.between(a, b).shares() {
                self.missed[link as usize] -= n * libm::log1p(-part.min(0.999));
            }
        }
        let sizes = |s: BTreeMap<u32, f64>| s.into_iter().map(|(c, n)| (size_of(c), n)).collect();
        self.expected.clone_from(&self.delivered);
        for ((a, b), by_size) in rest.hidden {
            let hidden = Hidden { routes: paths.between(a, b), sizes: sizes(by_size) };
            let packets: f64 = hidden.sizes.iter().map(|(size, n)| size * n).sum();
            for (link, part) in hidden.routes.shares() {
                self.expected[link as usize] += part * packets;
            }
            self.hidden.push(hidden);
        }
        self.clean_sizes = sizes(rest.clean);
        self.hops = if self.sent > 0.0 { rest.packet_hops / self.sent } else { 0.0 };
    }
}

/// What is summed up while reports are read.
#[derive(Default)]
struct Rest {
    hidden: BTreeMap<(u32, u32), BTreeMap<u32, f64>>,
    known: BTreeMap<(u32, u32), f64>,
    clean: BTreeMap<u32, f64>,
    packet_hops: f64,
}

/// Sizes are exact up to 64 packets, and within 3 % beyond.
fn size_class(packets: u32) -> u32 {
    if packets <= 64 { packets } else { 64 + (libm::log2(f64::from(packets) / 64.0) * 24.0).round() as u32 }
}

fn size_of(class: u32) -> f64 {
    if class <= 64 { f64::from(class) } else { 64.0 * libm::exp2(f64::from(class - 64) / 24.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_close() {
        for packets in [1, 13, 64, 65, 100, 1_000, 68_651, u32::MAX] {
            let near = size_of(size_class(packets)) / f64::from(packets);
            assert!((near - 1.0).abs() < 0.03, "{packets}: {near}");
        }
    }

    #[test]
    fn what_cannot_be_is_counted_and_left_out() {
        let cables = [(0, 10), (0, 11), (1, 10), (1, 11), (100, 0), (101, 1)];
        let links: Vec<_> = cables.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        let fabric = Fabric::new(&links);
        let report = |src, dst, path, sent, lost| Report { src, dst, path, sent, lost };
        let reports = [
            report(100, 101, Some(1), 10, 0),
            report(100, 101, Some(0), 10, 3),
            report(100, 101, None, 20, 0),
            report(100, 101, Some(2), 10, 0),
            report(100, 7, Some(0), 10, 0),
            report(100, 101, Some(0), 10, 11),
            report(100, 100, None, 10, 0),
        ];
        let flows = Flows::compile(&fabric, &mut Paths::new(&fabric), &reports, false);
        assert_eq!((flows.reports, flows.sent, flows.lost, flows.hops), (3, 40.0, 3.0, 4.0));
        let link = |a, b| fabric.link(fabric.node(a).unwrap(), fabric.node(b).unwrap()).unwrap() as usize;
        assert_eq!(flows.delivered[link(100, 0)], 37.0);
        assert_eq!(flows.delivered[link(0, 10)], 7.0);
        assert_eq!(flows.lossy.len(), 1);
        assert_eq!((flows.expected[link(100, 0)], flows.expected[link(0, 10)]), (37.0, 17.0));
        assert_eq!(flows.hidden[0].sizes, [(20.0, 1.0)]);
        assert_eq!(flows.hidden[0].routes.path(0).count(), 2);
        assert_eq!(flows.diagnostics.iter().map(|d| d.count).sum::<u64>(), 4);
    }
}
