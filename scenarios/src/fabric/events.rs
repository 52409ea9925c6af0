//! Failures that take several links at once: devices and risk groups.
//!
//! An event that happened fails each of its links with one probability, which is latent: a share of a device's ports, and
//! nearly all of a group's. So a few failed links of one device are a few failed links until they are too many for that.

use std::collections::BTreeMap;

use super::chain::LOG_ODDS_UNKNOWN;
use super::topology::{Fabric, Link};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A device, by node.
    Device(u32),
    /// A risk group, by position in the list of groups.
    Group(u32),
    /// Something without a name around a node.
    Unnamed(u32),
}

/// Something that may have failed several links.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    /// The links that it may fail.
    pub links: Vec<Link>,
    /// The node that all of them begin or end at, if there is one.
    pub hub: Option<u32>,
    /// Log prior odds of it.
    pub log_odds: f64,
    /// Log weights of the shares of its links that it fails; see [`SHARES`].
    pub log_share: [f64; SHARES],
}

/// How many shares are told apart: (i + ½) / 10.
pub const SHARES: usize = 10;

/// The share of an index.
pub fn share(i: usize) -> f64 {
    (i as f64 + 0.5) / SHARES as f64
}

/// Expected number of single failed links in a case: about one. A link starts to corrupt packets once in 10,000 hours (Joshi et
/// al., SIGCOMM 2023) and is repaired in 2 to 4 days; a fifth of such links lose more than 5e-4 (Zhuo et al., SIGCOMM 2017,
/// table 1): one in some thousand links at a time, and a case is looked at because something may be wrong.
pub const EXPECTED_LINKS: f64 = 1.0;

/// Of unplanned failures some 30 % take several links, the rest one (Markopoulou et al., INFOCOM 2004): routers and what is
/// shared below them, here in equal parts.
const EXPECTED_EVENTS: f64 = EXPECTED_LINKS * 0.3 / 0.7 / 2.0;

/// Weights of a Beta density with shapes `a` and 1: `a` = 2 rises evenly, large `a` is nearly all.
fn beta(a: f64) -> [f64; SHARES] {
    let logs: [f64; SHARES] = std::array::from_fn(|i| (a - 1.0) * libm::log(share(i)));
    let total = super::log_sum_exp(&logs);
    logs.map(|l| l - total)
}

/// Which classes have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedEvents {
    /// Devices.
    pub devices: bool,
    /// Risk groups.
    pub groups: bool,
}

/// Every device that forwards, with all its links in both directions, and every group. Where devices are no class, what
/// fails several links of a node has no name; where groups are none, what fails one side of a node has none. Both are as
/// improbable as the unknown.
pub fn events(fabric: &Fabric, groups: &[Vec<Link>], named: NamedEvents) -> Vec<Event> {
    let nodes = 0..fabric.node_count() as u32;
    let devices: Vec<_> = nodes.filter(|n| !fabric.is_leaf(*n) && !fabric.out(*n).is_empty()).collect();
    let odds = |n: usize| libm::log(EXPECTED_EVENTS / n.max(1) as f64);
    let unknown = |n: usize| LOG_ODDS_UNKNOWN - libm::log(n.max(1) as f64);
    let device = |node: &u32| {
        let (kind, log_odds) = match named.devices {
            true => (Kind::Device(*node), odds(devices.len())),
            false => (Kind::Unnamed(*node), unknown(devices.len())),
        };
        Event { kind, links: fabric.links_at(*node), hub: Some(*node), log_odds, log_share: beta(2.0) }
    };
    let mut events: Vec<Event> = devices.iter().map(device).collect();
    if !named.groups {
        let sides: Vec<(u32, Vec<Link>)> = devices.iter().flat_map(|n| sides(fabric, *n)).collect();
        let log_odds = unknown(sides.len());
        let side = |(node, links)| Event {
            kind: Kind::Unnamed(node),
            links,
            hub: Some(node),
            log_odds,
            log_share: beta(10.0),
        };
        events.extend(sides.into_iter().map(side));
        return events;
    }
    let group = |(i, links): (usize, &Vec<Link>)| Event {
        kind: Kind::Group(i as u32),
        links: links.clone(),
        hub: hub(fabric, links),
        log_odds: odds(groups.len()),
        log_share: beta(10.0),
    };
    // Nothing can be said of a group of which no link is there.
    events.extend(groups.iter().enumerate().filter(|(_, links)| !links.is_empty()).map(group));
    events
}

/// What may be a line card of a node: its links to hosts, to switches with hosts, and to others; or, where all its neighbours
/// are of one kind, each half of them in order, as neighbouring ports are on one card.
fn sides(fabric: &Fabric, node: u32) -> Vec<(u32, Vec<Link>)> {
    let has_hosts = |n: u32| fabric.out(n).iter().any(|l| fabric.is_leaf(fabric.ends(*l).1));
    let level = |n: u32| if fabric.is_leaf(n) { 0 } else { 1 + usize::from(!has_hosts(n)) };
    let far = |link: Link| {
        let (a, b) = fabric.ends(link);
        if a == node { b } else { a }
    };
    let mut sides = BTreeMap::<usize, Vec<Link>>::new();
    for link in fabric.links_at(node) {
        sides.entry(level(far(link))).or_default().push(link);
    }
    if sides.len() == 1 {
        let mut neighbours: Vec<u32> = fabric.out(node).iter().map(|l| far(*l)).collect();
        neighbours.sort_unstable();
        let middle = neighbours[neighbours.len() / 2];
        sides.clear();
        for link in fabric.links_at(node) {
            sides.entry(usize::from(far(link) >= middle)).or_default().push(link);
        }
    }
    sides.into_values().map(|links| (node, links)).collect()
}

/// The node at all of these links.
fn hub(fabric: &Fabric, links: &[Link]) -> Option<u32> {
    let ends = |link: &Link| {
        let (a, b) = fabric.ends(*link);
        [a, b]
    };
    let first = ends(links.first()?);
    first.into_iter().find(|node| links.iter().all(|link| ends(link).contains(node)))
}
