//! Black holes: a device that drops all that it should forward to one rack (a missing route, an ACL, a broken table entry).
//!
//! Flows that pass the device towards the rack lose every packet; one that delivers anything speaks against it. Nothing
//! else suffers, so links look healthy.

use std::collections::BTreeMap;

use super::flows::Report;
use super::topology::{Fabric, Paths};

/// A device and a rack that may be one.
#[derive(Clone, Debug, PartialEq)]
pub struct Hole {
    /// The device, by node.
    pub device: u32,
    /// The switch of the rack, by node.
    pub rack: u32,
    /// Lossy flows, by position among these, that it would explain.
    pub swallowed: Vec<u32>,
    /// Log prior odds.
    pub log_odds: f64,
    /// What flows that passed it unharmed speak against it.
    pub log_penalty: f64,
}

/// Expected number of them for each failed link: misconfiguration and software bugs against hardware and the rest (Meza et
/// al., IMC 2018: 13 % + 12 % of causes, of 55 % with a known one).
const EXPECTED: f64 = 0.25 / 0.3;

/// A packet passes a black hole with at most this chance.
const LEAK: f64 = 1e-3;

/// The pairs that explain at least one flow which lost everything. `lossy` are the positions of the reports that the list
/// of lossy flows holds.
pub fn candidates(fabric: &Fabric, paths: &mut Paths<'_>, reports: &[Report], lossy: &[u32]) -> Vec<Hole> {
    let rack = |dst: u32| if fabric.is_leaf(dst) { fabric.ends(fabric.out(dst)[0]).1 } else { dst };
    let mut holes: BTreeMap<(u32, u32), (Vec<u32>, f64)> = BTreeMap::new();
    for (position, &i) in (0u32..).zip(lossy) {
        let report = &reports[i as usize];
        if report.lost != report.sent {
            continue;
        }
        for (device, target) in passed(fabric, paths, report, rack).unwrap_or_default() {
            holes.entry((device, target)).or_default().0.push(position);
        }
    }
    if holes.is_empty() {
        return Vec::new();
    }
    for report in reports.iter().filter(|r| r.lost < r.sent) {
        let delivered = f64::from(report.sent - report.lost);
        for key in passed(fabric, paths, report, rack).unwrap_or_default() {
            if let Some((_, delivered_there)) = holes.get_mut(&key) {
                *delivered_there += delivered;
            }
        }
    }
    let switches = (0..fabric.node_count() as u32).filter(|n| !fabric.is_leaf(*n)).count().max(1);
    let log_odds = libm::log(EXPECTED / (switches * switches) as f64);
    let hole = |((device, rack), (swallowed, delivered)): ((u32, u32), (Vec<u32>, f64))| Hole {
        device,
        rack,
        swallowed,
        log_odds,
        log_penalty: delivered * libm::log(LEAK),
    };
    holes.into_iter().map(hole).collect()
}

/// The devices that a report's packets certainly pass, each with the rack that they are for. Probes to a device and what
/// stays in its rack pass none on the way to a rack.
fn passed(
    fabric: &Fabric,
    paths: &mut Paths<'_>,
    report: &Report,
    rack: impl Fn(u32) -> u32,
) -> Option<Vec<(u32, u32)>> {
    let (src, dst) = (fabric.node(report.src)?, fabric.node(report.dst)?);
    if !fabric.is_leaf(dst) {
        return None;
    }
    let all = paths.between(src, dst);
    let path = match report.path {
        Some(p) => all.get(p as usize)?,
        None if all.len() == 1 => &all[0],
        None => return None,
    };
    Some(path.iter().skip(1).map(|link| (fabric.ends(*link).0, rack(dst))).collect())
}
