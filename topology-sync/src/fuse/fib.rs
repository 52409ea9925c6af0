//! A node's forwarding table from what is said of its routes.

use std::collections::BTreeMap;

use ipnet::IpNet;
use twin::{EntityKey, Fib, NextHop, Route, RouteAction, WallTime};

use super::device::Device;
use crate::observation::{Fact, Observer, RouteFact, RouteKind, Source, Topic};
use crate::store::Store;

/// The table of a node: the routes of the most trusted source that tells any, and the node's own addresses. Of several
/// routes for one prefix the better table and the lower metric wins; next hops of equals join.
pub(crate) fn table(
    store: &Store,
    observer: &Observer,
    now: WallTime,
    device: &Device,
    node: &EntityKey,
) -> Fib {
    let own = device.interfaces.values().flat_map(|i| i.port.addresses.iter().map(|a| a.ip));
    let mut best: BTreeMap<IpNet, ((u8, u32), RouteAction)> =
        own.map(|ip| (IpNet::from(ip), ((0, 0), RouteAction::Local))).collect();
    let mut source: Option<Source> = None;
    for standing in store.standing_on(observer, Topic::Routes, now) {
        if *source.get_or_insert(standing.source) != standing.source {
            break;
        }
        if let Fact::Route(route) = standing.fact
            && let Some(rank) = rank(route)
            && let Some(action) = action(route, device, node)
        {
            put(&mut best, route.prefix.trunc(), rank, action);
        }
    }
    best.into_iter().map(|(prefix, (_, action))| Route { prefix, action }).collect()
}

/// Whether a kernel or a routing daemon tells the table by which a node forwards.
#[cfg(feature = "bgp")]
pub(crate) fn is_told(store: &Store, observer: &Observer, now: WallTime) -> bool {
    let is_own = |fact: &Fact| matches!(fact, Fact::Route(r) if rank(r).is_some_and(|(table, _)| table > 0));
    store.standing_on(observer, Topic::Routes, now).any(|s| is_own(s.fact))
}

/// Lower is better: the kernel looks into its tables in this order. Any other table is another routing instance.
fn rank(route: &RouteFact) -> Option<(u8, u32)> {
    let table = match route.table.as_str() {
        "local" | "255" => 0,
        "main" | "254" => 1,
        "default" | "253" => 2,
        _ => return None,
    };
    Some((table, route.metric))
}

fn put(
    best: &mut BTreeMap<IpNet, ((u8, u32), RouteAction)>,
    prefix: IpNet,
    rank: (u8, u32),
    action: RouteAction,
) {
    match best.get_mut(&prefix) {
        Some((known, first)) if rank == *known => join(first, action),
        Some((known, _)) if rank > *known => {}
        _ => drop(best.insert(prefix, (rank, action))),
    }
}

fn join(known: &mut RouteAction, action: RouteAction) {
    if let (RouteAction::Forward(hops), RouteAction::Forward(more)) = (known, action) {
        hops.extend(more);
        hops.sort();
        hops.dedup();
    }
}

/// What a route does; `None` where it forwards to an interface that is not told, or that has no carrier (Linux marks such
/// next hops `linkdown`, and those of an interface that is down `dead`).
fn action(route: &RouteFact, device: &Device, node: &EntityKey) -> Option<RouteAction> {
    Some(match &route.kind {
        RouteKind::Local => RouteAction::Local,
        RouteKind::Blackhole => RouteAction::Blackhole,
        RouteKind::Unreachable => RouteAction::Unreachable,
        RouteKind::Forward(hops) => {
            let hop = |hop: &crate::observation::RouteHop| {
                let port = hop.port.as_ref().filter(|port| !is_down(device, port))?;
                Some(NextHop { port: EntityKey::port(node, port), gateway: hop.gateway })
            };
            let mut hops: Vec<_> = hops.iter().filter_map(hop).collect();
            hops.sort();
            (!hops.is_empty()).then_some(RouteAction::Forward(hops))?
        }
    })
}

/// Whether what is sent to a port does not leave.
pub(super) fn is_down(device: &Device, port: &str) -> bool {
    let link = device.interfaces.get(port).map(|i| &i.link);
    link.is_some_and(|l| l.carrier == Some(false) || l.admin_up == Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Address, Link, Observation, RouteHop};

    fn row(table: &str, prefix: &str, metric: u32, kind: RouteKind) -> Fact {
        Fact::Route(RouteFact { table: table.into(), prefix: prefix.parse().unwrap(), metric, kind })
    }

    fn via(ports: &[&str]) -> RouteKind {
        let hop = |p: &&str| RouteHop { port: Some((*p).into()), gateway: None };
        RouteKind::Forward(ports.iter().map(hop).collect())
    }

    #[test]
    fn the_best_rank_wins_and_another_instance_or_a_second_source_adds_nothing() {
        let observer = Observer::node("n");
        let mut store = Store::default();
        let rows = [
            (Source::Kernel, row("main", "10.0.0.0/24", 0, via(&["e1"]))),
            (Source::Kernel, row("main", "10.0.0.0/24", 20, via(&["e2"]))),
            (Source::Kernel, row("100", "10.0.0.0/25", 0, via(&["e9"]))),
            (Source::Kernel, row("main", "2001:db8::/32", 1024, via(&["e2", "e1"]))),
            (Source::Kernel, row("main", "10.0.0.1/32", 0, RouteKind::Blackhole)),
            (Source::Frr, row("main", "10.9.0.0/16", 0, via(&["e1"]))),
        ];
        store.extend(rows.map(|(s, fact)| Observation::is(&observer, s, WallTime::default(), fact)));
        let own = Address { port: "lo".into(), ip: "10.0.0.1".parse().unwrap(), len: Some(32) };
        store.take(Observation::is(&observer, Source::Kernel, WallTime::default(), Fact::Address(own)));
        let device = Device::of(&store, &observer, WallTime::default());
        let fib = table(&store, &observer, WallTime::default(), &device, &EntityKey::node("n"));
        let hops = |ip: &str| match fib.lookup(ip.parse().unwrap()) {
            Some(RouteAction::Forward(hops)) => hops.iter().map(|h| h.port.as_str().to_owned()).collect(),
            other => vec![format!("{other:?}")],
        };
        assert_eq!(hops("10.0.0.9"), ["port:node:name:n/e1"]);
        assert_eq!(hops("2001:db8::1"), ["port:node:name:n/e1", "port:node:name:n/e2"]);
        assert_eq!(hops("10.0.0.1"), ["Some(Local)"], "the node's own address comes first");
        assert_eq!(hops("10.9.0.1"), ["None"], "the kernel is asked, FRR only where the kernel says nothing");
    }

    #[test]
    fn next_hops_over_ports_without_carrier_do_not_forward() {
        let observer = Observer::node("n");
        let link =
            |name: &str, carrier| Fact::Link(Link { name: name.into(), carrier, ..Link::default() }.into());
        let facts = [
            link("e1", Some(true)),
            link("e2", Some(false)),
            link("e3", None),
            row("main", "10.0.0.0/24", 0, via(&["e1", "e2", "e3"])),
            row("main", "10.0.1.0/24", 0, via(&["e2"])),
            row("main", "10.0.1.0/24", 20, via(&["e1"])),
        ];
        let mut store = Store::default();
        store.extend(facts.map(|f| Observation::is(&observer, Source::Kernel, WallTime::default(), f)));
        let device = Device::of(&store, &observer, WallTime::default());
        let fib = table(&store, &observer, WallTime::default(), &device, &EntityKey::node("n"));
        let ports = |ip: &str| match fib.lookup(ip.parse().unwrap()) {
            Some(RouteAction::Forward(hops)) => hops.iter().map(|h| h.port.as_str().to_owned()).collect(),
            _ => Vec::new(),
        };
        assert_eq!(ports("10.0.0.9"), ["port:node:name:n/e1", "port:node:name:n/e3"]);
        assert_eq!(ports("10.0.1.9"), ["port:node:name:n/e1"], "the next metric takes over");
    }
}
