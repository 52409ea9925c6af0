//! What a fork shares: the bars of memory, counted.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use umbra_twin::{Change, EntityKey, Fib, NextHop, NodeKind, Route, RouteAction, Twin, TwinBuilder};

const MIB: u64 = 1 << 20;
/// One /24 each, over all /8 from 1 on. What a fork takes does not depend on it; ten times as many take as long to make.
const ROUTES: u32 = 90_000;

fn route(node: &EntityKey, i: u32) -> Route {
    let port = EntityKey::port(node, &format!("p{}", i % 16));
    let address = Ipv4Addr::from((1 + i % 220) << 24 | (i / 220) << 8);
    let prefix = ipnet::IpNet::new(address.into(), 24).unwrap();
    Route { prefix, action: RouteAction::Forward(vec![NextHop { port, gateway: None }]) }
}

/// 1,000 nodes; ten of them with a table.
fn large() -> (Twin, Vec<EntityKey>) {
    let mut net = TwinBuilder::new("large");
    let keys: Vec<_> = (0..1_000).map(|i| net.node(&format!("n{i:03}"), NodeKind::Router, None)).collect();
    let mut twin = net.finish();
    for node in &keys[..10] {
        let table: Fib = (0..ROUTES).map(|i| route(node, i)).collect();
        twin.set(&Change::Fib { node: node.clone(), before: None, after: Some(Arc::new(table)) });
    }
    (twin, keys)
}

#[test]
fn forks_share_what_they_do_not_write() {
    let (base, keys) = large();
    let mut fork = None;
    let forked = allocation_counter::measure(|| fork = Some(base.clone()));
    assert_eq!(forked.bytes_total, 0, "before its first write");
    let mut fork = fork.unwrap();

    let node = &keys[0];
    let before = fork.fib(node).cloned();
    let mut table = Fib::clone(before.as_ref().unwrap());
    let written = allocation_counter::measure(|| {
        table.insert(Route { action: RouteAction::Blackhole, ..route(node, 7) });
        fork.set(&Change::Fib { node: node.clone(), before: before.clone(), after: Some(Arc::new(table)) });
    });
    assert!(written.bytes_total < MIB, "one route of a large table: {} bytes", written.bytes_total);

    let shared = |key: &EntityKey| Arc::ptr_eq(base.fib(key).unwrap(), fork.fib(key).unwrap());
    assert_eq!(keys[..10].iter().filter(|k| shared(k)).count(), 9, "the other tables");
    let ip = IpAddr::from(Ipv4Addr::from(8 << 24));
    assert_eq!(fork.fib(node).unwrap().lookup(ip), Some(&RouteAction::Blackhole));
    assert_eq!(base.fib(node).unwrap().lookup(ip), Some(&route(node, 7).action));
    assert_eq!(base.fib(node).unwrap().len(), ROUTES as usize);
}
