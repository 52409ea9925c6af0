//! What a case's flows say about links: how much each link delivered, and which flows lost something where.

use super::topology::{Fabric, Link, Paths};
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

/// A flow that lost something, with the paths that it may have taken, equally likely.
#[derive(Clone, Debug, PartialEq)]
pub struct Lossy {
    /// Its position among the reports.
    pub report: u32,
    /// Its paths.
    pub paths: Vec<Vec<Link>>,
    /// Where only flows with a loss are reported: all paths that it might have taken, so that the report says no more
    /// than which of them it was.
    pub instead_of: Vec<Vec<Link>>,
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
    pub paths: Vec<Vec<Link>>,
    /// Packets delivered by a flow, and the number of such flows.
    pub sizes: Vec<(f64, f64)>,
}

/// The flows of a case, compiled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flows {
    /// Packets that a link delivered in flows whose path is known.
    pub delivered: Vec<f64>,
    /// Flows whose path is known, by link.
    pub flows: Vec<u32>,
    /// Flows with a loss, in the order of the reports.
    pub lossy: Vec<Lossy>,
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

impl Flows {
    /// Compiles reports. With `lossy_only` flows without a loss are not among them. What cannot be right (unknown nodes, a path that does not exist, more lost than sent) is left out
    /// and counted.
    pub fn compile(fabric: &Fabric, paths: &mut Paths<'_>, reports: &[Report], lossy_only: bool) -> Self {
        let links = fabric.link_count();
        let mut flows = Self { delivered: vec![0.0; links], flows: vec![0; links], ..Self::default() };
        let mut hidden =
            std::collections::BTreeMap::<(u32, u32), std::collections::BTreeMap<u32, f64>>::new();
        let mut clean = std::collections::BTreeMap::<u32, f64>::new();
        let mut packet_hops = 0.0;
        for (i, report) in reports.iter().enumerate() {
            let (Some(src), Some(dst)) = (fabric.node(report.src), fabric.node(report.dst)) else {
                flows.left_out("unknown-node", "flows from or to nodes that the topology does not have");
                continue;
            };
            if report.lost > report.sent {
                flows.left_out("more-lost-than-sent", "flows with more packets lost than sent");
                continue;
            }
            if report.sent == 0 || src == dst {
                flows.left_out("no-packets", "flows without packets, or from a node to itself");
                continue;
            }
            let all = paths.between(src, dst);
            if all.is_empty() {
                flows.left_out("no-path", "flows between nodes that the topology does not connect");
                continue;
            }
            let taken = match report.path {
                None if all.len() > 1 => None,
                None => Some(&all[0]),
                Some(p) => match all.get(p as usize) {
                    Some(path) => Some(path),
                    None => {
                        flows.left_out("no-such-path", "flows on a path beyond the number of shortest paths");
                        continue;
                    }
                },
            };
            let (delivered, lost) = (f64::from(report.sent - report.lost), f64::from(report.lost));
            flows.reports += 1;
            flows.sent += f64::from(report.sent);
            flows.lost += lost;
            packet_hops += f64::from(report.sent) * all[0].len() as f64;
            if lost == 0.0 {
                *clean.entry(size_class(report.sent)).or_default() += 1.0;
            }
            match taken {
                Some(_) if lossy_only => {}
                Some(path) => {
                    for link in path {
                        flows.delivered[*link as usize] += delivered;
                        flows.flows[*link as usize] += 1;
                    }
                }
                None => {
                    // The hosts' own links are on every path.
                    let fixed = all[0].iter().filter(|l| all.iter().all(|p| p.contains(l)));
                    fixed.for_each(|link| flows.delivered[*link as usize] += delivered);
                    let ends = |n: u32| if fabric.is_leaf(n) { fabric.ends(fabric.out(n)[0]).1 } else { n };
                    if lost == 0.0 {
                        let racks = hidden.entry((ends(src), ends(dst))).or_default();
                        *racks.entry(size_class(report.sent)).or_default() += 1.0;
                    }
                }
            }
            if lost > 0.0 {
                let paths = taken.map_or_else(|| all.to_vec(), |path| vec![path.clone()]);
                let instead_of = if lossy_only { all.to_vec() } else { Vec::new() };
                flows.lossy.push(Lossy { report: i as u32, paths, instead_of, delivered, lost });
            }
        }
        for ((a, b), sizes) in hidden {
            let sizes = sizes.into_iter().map(|(class, n)| (size_of(class), n)).collect();
            flows.hidden.push(Hidden { paths: paths.between(a, b).to_vec(), sizes });
        }
        flows.clean_sizes = clean.into_iter().map(|(class, n)| (size_of(class), n)).collect();
        flows.hops = if flows.sent > 0.0 { packet_hops / flows.sent } else { 0.0 };
        flows
    }

    fn left_out(&mut self, code: &str, what: &str) {
        Diagnostic::count(&mut self.diagnostics, code, || what.to_owned());
    }
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
        assert_eq!(flows.hidden[0].sizes, [(20.0, 1.0)]);
        assert_eq!(flows.hidden[0].paths[0].len(), 2);
        assert_eq!(flows.diagnostics.iter().map(|d| d.count).sum::<u64>(), 4);
    }
}
