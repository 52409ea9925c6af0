//! A node's forwarding table from its printed routes.

use std::collections::BTreeMap;

use ipnet::IpNet;
use twin::{EntityKey, Fib, NextHop, Route, RouteAction};

use super::device::{Device, RouteRow, RowAction};

/// The table: the kernel's routes, or else those that FRR installed, and the node's own addresses. Of several routes
/// for one prefix the best rank wins; next hops of equal rank join (IPv6 multipath is printed as several routes).
pub(super) fn table(device: &Device, node: &EntityKey) -> Fib {
    let rows = if device.kernel_routes.is_empty() { &device.frr_routes } else { &device.kernel_routes };
    let own = device.interfaces.values().flat_map(|i| &i.port.addresses).map(|a| RouteRow {
        prefix: IpNet::from(a.ip),
        rank: (0, 0),
        action: RowAction::Local,
    });
    let mut best: BTreeMap<IpNet, RouteRow> = BTreeMap::new();
    for row in own.chain(rows.iter().cloned()) {
        match best.get_mut(&row.prefix.trunc()) {
            Some(known) if row.rank == known.rank => join(known, row),
            Some(known) if row.rank > known.rank => {}
            _ => drop(best.insert(row.prefix.trunc(), row)),
        }
    }
    best.into_iter().map(|(prefix, row)| Route { prefix, action: action(row.action, node) }).collect()
}

fn join(known: &mut RouteRow, row: RouteRow) {
    if let (RowAction::Forward(hops), RowAction::Forward(more)) = (&mut known.action, row.action) {
        for hop in more {
            if !hops.contains(&hop) {
                hops.push(hop);
            }
        }
    }
}

fn action(row: RowAction, node: &EntityKey) -> RouteAction {
    match row {
        RowAction::Local => RouteAction::Local,
        RowAction::Blackhole => RouteAction::Blackhole,
        RowAction::Unreachable => RouteAction::Unreachable,
        RowAction::Forward(hops) => {
            let hop = |(port, gateway): (String, _)| NextHop { port: EntityKey::port(node, &port), gateway };
            let mut hops: Vec<_> = hops.into_iter().map(hop).collect();
            hops.sort();
            RouteAction::Forward(hops)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(prefix: &str, rank: (u8, u32), action: RowAction) -> RouteRow {
        RouteRow { prefix: prefix.parse().unwrap(), rank, action }
    }

    fn via(port: &str) -> RowAction {
        RowAction::Forward(vec![(port.into(), None)])
    }

    #[test]
    fn the_best_rank_wins_and_equals_join() {
        let mut device = Device::new("n");
        device.interface("e1").add_address("10.0.0.1".parse().unwrap(), 24);
        device.kernel_routes = vec![
            row("10.0.0.0/24", (1, 0), via("e1")),
            row("10.0.0.0/24", (1, 20), via("e2")),
            row("2001:db8::/32", (1, 1024), via("e1")),
            row("2001:db8::/32", (1, 1024), via("e2")),
            row("2001:db8::/32", (1, 1024), via("e2")),
            row("10.0.0.1/32", (1, 0), RowAction::Blackhole),
        ];
        let node = EntityKey::node("n");
        let fib = table(&device, &node);
        let hops = |ip: &str| match fib.lookup(ip.parse().unwrap()) {
            Some(RouteAction::Forward(hops)) => hops.iter().map(|h| h.port.as_str().to_owned()).collect(),
            other => vec![format!("{other:?}")],
        };
        assert_eq!(hops("10.0.0.9"), ["port:node:name:n/e1"]);
        assert_eq!(hops("2001:db8::1"), ["port:node:name:n/e1", "port:node:name:n/e2"]);
        assert_eq!(hops("10.0.0.1"), ["Some(Local)"], "the local table comes first");
    }
}
