//! Compiled tables against the twin's own.

use std::net::Ipv4Addr;

use proptest::collection::vec;
use proptest::prelude::*;
use twin::{BitsPerSec, Change, Layer, LinkSpec, NodeKind, Route, SimDuration, TwinBuilder};

use super::*;

/// A star: the hub's ports p1 … p4 lead to four others.
fn star() -> (Twin, Csr) {
    let mut net = TwinBuilder::new("star");
    let hub = net.node("hub", NodeKind::Router, None);
    for i in 1..=4 {
        let leaf = net.node(&format!("leaf{i}"), NodeKind::Router, None);
        let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(1));
        net.link(&format!("p{i}"), &hub, &leaf, spec);
    }
    let twin = net.finish();
    let csr = Csr::compile(&twin, Layer::Igp);
    (twin, csr)
}

/// Prefixes that nest and repeat between tables, with an action of few.
fn route() -> impl Strategy<Value = Route> {
    let bits = prop_oneof![0u32..4, (0u32..64).prop_map(|b| 0x0a00_0000 | b << 8), Just(u32::MAX)];
    let action = prop_oneof![
        Just(RouteAction::Local),
        Just(RouteAction::Blackhole),
        vec(1u32..=6, 1..3).prop_map(|ports| RouteAction::Forward(ports.into_iter().map(next_hop).collect())),
    ];
    (bits, 0u8..=32, action).prop_map(|(bits, len, action)| {
        let prefix = IpNet::new(Ipv4Addr::from(bits).into(), len).expect("at most 32 bits").trunc();
        Route { prefix, action }
    })
}

/// Behind ports 5 and 6 nothing is modelled.
fn next_hop(port: u32) -> NextHop {
    NextHop { port: EntityKey::port(&EntityKey::node("hub"), &format!("p{port}")), gateway: None }
}

/// The slow twin: the route that the twin's table has, read afresh.
fn expected(fib: &Fib, csr: &Csr, ip: IpAddr) -> Option<(&'static str, Vec<ArcId>)> {
    let hops = match fib.lookup(ip)? {
        RouteAction::Local => return Some(("local", vec![])),
        RouteAction::Blackhole | RouteAction::Unreachable => return Some(("null", vec![])),
        RouteAction::Forward(hops) => hops,
    };
    let leaves = |arc: &ArcId| hops.iter().any(|hop| hop.port == csr.ports[arc.index()].0);
    let arcs: Vec<_> = (0..csr.arc_count()).map(ArcId::new).filter(leaves).collect();
    Some(if arcs.is_empty() { ("exit", arcs) } else { ("forward", arcs) })
}

fn named(action: IpAction<'_>) -> (&'static str, Vec<ArcId>) {
    match action {
        IpAction::Local => ("local", vec![]),
        IpAction::Null => ("null", vec![]),
        IpAction::Exit => ("exit", vec![]),
        IpAction::Forward(arcs) => ("forward", arcs.to_vec()),
    }
}

proptest! {
    #[test]
    fn tables_that_share_a_look_up_say_what_each_says_alone(
        tables in vec(vec(route(), 0..20), 1..5),
        one_more in vec(route(), 0..5),
        also in vec(any::<u32>(), 10),
    ) {
        let (mut twin, csr) = star();
        let mut fibs: Vec<Fib> = tables.into_iter().map(|routes| routes.into_iter().collect()).collect();
        for (i, fib) in fibs.iter().enumerate() {
            twin.set(&Change::Fib { node: csr.node_keys[i].clone(), before: None, after: Some(Arc::new(fib.clone())) });
        }
        let base = IpForwarding::from_twin(&twin, &csr);
        let mut ip = base.clone();
        let edges: Vec<u32> = fibs.iter().flat_map(Fib::entries).flat_map(|(net, _)| match net {
            IpNet::V4(net) => [u32::from(net.network()), u32::from(net.broadcast()).wrapping_add(1)],
            IpNet::V6(_) => [0, 0],
        }).chain(also).collect();
        let agree = |ip: &IpForwarding, fibs: &[Fib]| -> Result<(), TestCaseError> {
            for (i, fib) in fibs.iter().enumerate() {
                for a in edges.iter().map(|a| IpAddr::from(Ipv4Addr::from(*a))) {
                    let action = ip.table(NodeId::new(i), a).expect("the node has a table").map(named);
                    prop_assert_eq!(action, expected(fib, &csr, a), "{} at node {}", a, i);
                }
            }
            Ok(())
        };
        agree(&ip, &fibs)?;
        let before = fibs.clone();
        one_more.into_iter().for_each(|r| fibs[0].insert(r));
        ip.set_table(&csr, NodeId(0), Some(&fibs[0]));
        agree(&ip, &fibs)?;
        agree(&base, &before)?;
    }
}

#[test]
fn a_node_without_a_table_has_none() {
    let (_, csr) = star();
    let mut ip = IpForwarding::empty(&csr).with_owner("10.0.0.0/8".parse().unwrap(), NodeId(2));
    let at = |a: &str| a.parse::<IpAddr>().unwrap();
    assert_eq!(ip.table(NodeId(0), at("10.0.0.1")), None);
    assert_eq!((ip.owner(at("10.0.0.1")), ip.owner(at("11.0.0.1"))), (Some(NodeId(2)), None));
    let fib: Fib =
        [Route { prefix: "10.0.0.0/8".parse().unwrap(), action: RouteAction::Local }].into_iter().collect();
    ip.set_table(&csr, NodeId(0), Some(&fib));
    assert_eq!(ip.table(NodeId(0), at("10.0.0.1")), Some(Some(IpAction::Local)));
    assert_eq!(ip.table(NodeId(0), at("11.0.0.1")), Some(None));
    ip.set_table(&csr, NodeId(0), None);
    assert_eq!(ip.table(NodeId(0), at("10.0.0.1")), None);
}

/// Tables of unlike prefixes must not pay for each other: here 40 tables of 500 own routes each.
#[test]
fn a_group_does_not_outgrow_its_tables() {
    let table = |t: u32| -> Fib {
        let route = |i: u32| Route {
            prefix: IpNet::new(Ipv4Addr::from(t << 24 | i << 8).into(), 24).unwrap(),
            action: RouteAction::Local,
        };
        (0..500).map(route).collect()
    };
    let fibs: Vec<Fib> = (1..=40).map(table).collect();
    let groups = grouped(&fibs.iter().collect::<Vec<_>>());
    assert!(groups.len() < 10, "six tables fit into 4 classes a route and 1024 more");
    for group in &groups {
        assert_eq!(group.prefixes.len(), 500 * group.members.len());
        assert!(group.prefixes.len() <= CLASSES_FREE_OF_500);
    }
    assert_eq!(groups.iter().map(|g| g.members.len()).sum::<usize>(), 40);
}

const CLASSES_FREE_OF_500: usize = 1024 + 4 * 500;
