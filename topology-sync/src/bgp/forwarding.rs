//! A forwarding table from what a router has chosen (its Loc-RIB, RFC 9069).
//!
//! A BGP route names a next hop that is often several hops away. It is looked up in what else is known of the router's
//! routes, connected and IGP's, and if these do not lead to it in the BGP routes that are resolved already (RFC 4271
//! §9.1.2.1). The result never depends on itself: a route whose next hop only it leads to is not resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use twin::{Fib, NextHop, Route, RouteAction};

use super::rib::{Family, PeerRib};

/// A resolved table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forwarding {
    /// The routes: those given, and those of BGP. A prefix that both have is as given.
    pub fib: Fib,
    /// How many prefixes of BGP have no next hop that leads anywhere.
    pub unresolved: u64,
}

/// Adds the unicast routes of a Loc-RIB to the other routes of a router. Several paths of one prefix share its traffic.
/// Cost: a lookup for each distinct next hop, an insertion for each route.
pub fn resolve(other: &Fib, loc_rib: &PeerRib) -> Forwarding {
    let given: BTreeSet<IpNet> = other.entries().map(|(prefix, _)| prefix).collect();
    let mut open = wanted(loc_rib);
    open.retain(|(prefix, _)| !given.contains(prefix));
    let mut fib = other.clone();
    loop {
        let before = open.len();
        let mut known: BTreeMap<IpAddr, Option<RouteAction>> = BTreeMap::new();
        let table = fib.clone(); // what this round adds counts from the next round on
        open.retain(|(prefix, hops)| {
            let actions = hops
                .iter()
                .filter_map(|hop| known.entry(*hop).or_insert_with(|| towards(&table, *hop)).clone());
            match actions.reduce(join) {
                Some(action) => {
                    fib.insert(Route { prefix: *prefix, action });
                    false
                }
                None => true,
            }
        });
        if open.is_empty() || open.len() == before {
            return Forwarding { fib, unresolved: open.len() as u64 };
        }
    }
}

/// Each prefix with its next hops, in order. What the router originates itself has none that leads away.
fn wanted(loc_rib: &PeerRib) -> Vec<(IpNet, Vec<IpAddr>)> {
    let mut hops: BTreeMap<u32, Option<IpAddr>> = BTreeMap::new();
    let mut rows = Vec::with_capacity(loc_rib.len());
    for route in loc_rib.routes().filter(|r| r.family == Family::Unicast) {
        let hop = *hops
            .entry(route.attributes)
            .or_insert_with(|| loc_rib.attributes(&route).next_hop.filter(|ip| !ip.is_unspecified()));
        rows.extend(hop.map(|hop| (route.prefix, hop)));
    }
    rows.sort_unstable();
    rows.dedup();
    let mut wanted: Vec<(IpNet, Vec<IpAddr>)> = Vec::with_capacity(rows.len());
    for (prefix, hop) in rows {
        match wanted.last_mut().filter(|(last, _)| *last == prefix) {
            Some((_, hops)) => hops.push(hop),
            None => wanted.push((prefix, vec![hop])),
        }
    }
    wanted
}

/// How to send to a next hop: over the link that it is on, or through the gateway that leads to it.
fn towards(table: &Fib, hop: IpAddr) -> Option<RouteAction> {
    match table.lookup(hop)? {
        RouteAction::Forward(hops) => {
            let via = |h: &NextHop| NextHop { port: h.port.clone(), gateway: h.gateway.or(Some(hop)) };
            Some(RouteAction::Forward(hops.iter().map(via).collect()))
        }
        RouteAction::Local => None, // the router itself: nowhere to send to
        drop @ (RouteAction::Blackhole | RouteAction::Unreachable) => Some(drop.clone()),
    }
}

/// Both next hops; one that forwards rather than one that drops.
fn join(a: RouteAction, b: RouteAction) -> RouteAction {
    match (a, b) {
        (RouteAction::Forward(mut hops), RouteAction::Forward(more)) => {
            hops.extend(more);
            hops.sort();
            hops.dedup();
            RouteAction::Forward(hops)
        }
        (forward @ RouteAction::Forward(_), _) | (_, forward @ RouteAction::Forward(_)) => forward,
        (a, _) => a,
    }
}

#[cfg(test)]
mod tests {
    use twin::EntityKey;

    use super::super::rib::{PeerKey, Rib, RibView};
    use super::*;

    fn port(name: &str) -> EntityKey {
        EntityKey::port(&EntityKey::node("r1"), name)
    }

    /// `prefix port [gateway]`, or `prefix drop`, a line each.
    fn given(text: &str) -> Fib {
        let route = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            let gateway = words.get(2).map(|g| g.parse().unwrap());
            let action = match words[1] {
                "drop" => RouteAction::Blackhole,
                "local" => RouteAction::Local,
                name => RouteAction::Forward(vec![NextHop { port: port(name), gateway }]),
            };
            Route { prefix: words[0].parse().unwrap(), action }
        };
        text.lines().filter(|l| !l.trim().is_empty()).map(route).collect()
    }

    /// `prefix next-hop`, a line each; the table as `prefix port>gateway,…` without what was given.
    fn check(other: &str, bgp: &str, expected: &[&str], unresolved: u64) {
        let mut rib = Rib::default();
        let key = PeerKey {
            distinguisher: 0,
            address: std::net::Ipv4Addr::UNSPECIFIED.into(),
            view: RibView::LocRib,
        };
        for (n, line) in (0..).zip(bgp.lines().filter(|l| !l.trim().is_empty())) {
            let (prefix, hop) = line.trim().split_once(' ').unwrap();
            rib.announce(key, prefix.parse().unwrap(), Some(n), hop.parse().ok(), &[]);
        }
        let other = given(other);
        let got = resolve(&other, rib.peer(&key).unwrap());
        let line = |r: Route| match r.action {
            RouteAction::Forward(hops) => {
                let hop = |h: &NextHop| {
                    let name = h.port.as_str().rsplit('/').next().unwrap().to_owned();
                    name + &h.gateway.map(|g| format!(">{g}")).unwrap_or_default()
                };
                format!("{} {}", r.prefix, hops.iter().map(hop).collect::<Vec<_>>().join(","))
            }
            action => format!("{} {action:?}", r.prefix),
        };
        let added = got.fib.routes().into_iter().filter(|r| !other.routes().contains(r)).map(line);
        assert_eq!(added.collect::<Vec<_>>(), expected);
        assert_eq!(got.unresolved, unresolved);
    }

    #[test]
    fn a_next_hop_is_reached_over_its_link_or_through_the_igp() {
        check(
            "10.1.0.0/30 e1
             10.0.0.9/32 e2 10.2.0.2",
            "192.0.2.0/24 10.1.0.2
             198.51.100.0/24 10.0.0.9
             203.0.113.0/24 10.9.9.9",
            &["192.0.2.0/24 e1>10.1.0.2", "198.51.100.0/24 e2>10.2.0.2"],
            1,
        );
    }

    #[test]
    fn a_next_hop_may_be_reached_by_another_bgp_route_but_never_by_its_own() {
        check(
            "10.1.0.0/30 e1",
            "192.0.2.0/24 198.51.100.1
             198.51.100.0/24 10.1.0.2
             203.0.113.0/24 203.0.113.1",
            &["192.0.2.0/24 e1>10.1.0.2", "198.51.100.0/24 e1>10.1.0.2"],
            1,
        );
    }

    #[test]
    fn paths_share_and_what_is_given_stays() {
        check(
            "10.1.0.0/30 e1
             10.2.0.0/30 e2
             10.3.0.0/16 drop
             10.0.0.1/32 local
             192.0.2.0/24 e3",
            "198.51.100.0/24 10.2.0.2
             198.51.100.0/24 10.1.0.2
             192.0.2.0/24 10.1.0.2
             203.0.113.0/24 10.3.0.1
             203.0.112.0/24 10.0.0.1
             2001:db8::/32 10.1.0.2",
            &[
                "198.51.100.0/24 e1>10.1.0.2,e2>10.2.0.2",
                "203.0.113.0/24 Blackhole",
                "2001:db8::/32 e1>10.1.0.2",
            ],
            1,
        );
    }
}
