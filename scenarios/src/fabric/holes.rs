//! Black holes: a device that drops all that it should forward to one rack (a missing route, an ACL, a broken table entry).
//!
//! Flows that pass the device towards the rack lose every packet; one that delivers anything speaks against it. Nothing
//! else suffers, so links look healthy.

use std::collections::BTreeMap;

use super::flows::{Report, Routed};
use super::topology::Fabric;

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
pub(super) fn candidates(fabric: &Fabric, reports: &[Report], routed: &[Routed], lossy: &[u32]) -> Vec<Hole> {
    let mut holes: BTreeMap<(u32, u32), (Vec<u32>, f64)> = BTreeMap::new();
    for (position, &i) in (0u32..).zip(lossy) {
        let report = &reports[i as usize];
        if report.lost == report.sent {
            let passed = passed(fabric, report, &routed[i as usize]);
            let certain = passed.into_iter().filter(|(_, share)| *share > 0.999);
            certain.for_each(|(key, _)| holes.entry(key).or_default().0.push(position));
        }
    }
    if holes.is_empty() {
        return Vec::new();
    }
    // A rule that drops hosts' flows may let probes of switches pass.
    let of_host = |r: &Report| fabric.node(r.src).is_some_and(|n| fabric.is_leaf(n));
    let whole = reports.iter().zip(routed).filter(|(r, _)| r.lost < r.sent && of_host(r));
    for (report, routed) in whole {
        let leaks = f64::from(report.sent - report.lost) * libm::log(LEAK);
        for (key, share) in passed(fabric, report, routed) {
            if let Some((_, penalty)) = holes.get_mut(&key) {
                // It came through, or it did not pass the device.
                *penalty += if share > 0.999 { leaks } else { libm::log1p(-share) };
            }
        }
    }
    let switches = (0..fabric.node_count() as u32).filter(|n| !fabric.is_leaf(*n)).count().max(1);
    let log_odds = libm::log(EXPECTED / (switches * switches) as f64);
    let hole = |((device, rack), (swallowed, log_penalty)): ((u32, u32), (Vec<u32>, f64))| Hole {
        device,
        rack,
        swallowed,
        log_odds,
        log_penalty,
    };
    holes.into_iter().map(hole).collect()
}

/// The devices that a report's packets pass on their way to a rack, each with the rack, and the share of paths on which they
/// do. Probes to a device and what stays in its rack pass none.
fn passed(fabric: &Fabric, report: &Report, routed: &Routed) -> Vec<((u32, u32), f64)> {
    let Ok((routes, taken)) = routed else { return Vec::new() };
    let Some(dst) = fabric.node(report.dst).filter(|n| fabric.is_leaf(*n)) else { return Vec::new() };
    let rack = fabric.switch_of(dst);
    let mut shares = BTreeMap::new();
    let ways = taken.map_or(0..routes.len(), |p| p as usize..p as usize + 1);
    let part = 1.0 / ways.len().max(1) as f64;
    for i in ways {
        for link in routes.path(i).skip(1) {
            *shares.entry((fabric.ends(link).0, rack)).or_default() += part;
        }
    }
    shares.into_iter().collect()
}
