//! How long fusion takes: `cargo run --release -p umbra-topology-sync --example fuse_scale [AGENTS] [PORTS]`.
//!
//! Agents stand in a ring of rings: port 2k of an agent is cabled to port 2k + 1 of the agent `k + 1` further on, so that
//! every port hears one neighbour. Then one entry of one agent changes, again and again.

use std::time::Instant;

use twin::{MacAddr, WallTime};
use umbra_topology_sync::fuse::Fusion;
use umbra_topology_sync::observation::{
    Chassis, Fact, Id, Link, LinkKind, LldpNeighbor, Observation, Observer, Source,
};
use umbra_topology_sync::store::Store;

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let agents = arguments.first().copied().unwrap_or(10_000);
    let ports = arguments.get(1).copied().unwrap_or(48);
    let mut store = Store::default();
    let begun = Instant::now();
    for agent in 0..agents {
        let observer = Observer::node(&name(agent));
        let mut say = |source, fact| {
            store.take(Observation::is(&observer, source, WallTime::default(), fact));
        };
        say(Source::Lldpd, Fact::Chassis(chassis(agent)));
        for port in 0..ports {
            say(Source::Kernel, Fact::Link(link(agent, port).into()));
            let (peer, there) = other_end(agent, port, agents);
            say(Source::Lldpd, Fact::Neighbor(neighbor(port, peer, there, "").into()));
        }
    }
    println!("store: {} entries in {:.2?}", agents * ports, begun.elapsed());
    let begun = Instant::now();
    let mut fusion = Fusion::default();
    let changes = fusion.update(&mut store, WallTime::default()).len();
    println!("fused from nothing: {changes} changes in {:.2?}", begun.elapsed());
    assert_eq!(fusion.twin().cables().len(), agents * ports / 2);
    let mut times: Vec<_> = (1..=200).map(|i| one_change(&mut store, &mut fusion, i, agents)).collect();
    times.sort();
    println!("one changed entry: median {:.2?}, longest {:.2?}", times[100], times[199]);
}

/// An agent hears a neighbour's new name; the time until the twin has it.
fn one_change(store: &mut Store, fusion: &mut Fusion, i: usize, agents: usize) -> std::time::Duration {
    let agent = i * 7 % agents;
    let (peer, there) = other_end(agent, 5, agents);
    let now = WallTime::from_ns(i as i64);
    let fact = Fact::Neighbor(neighbor(5, peer, there, &format!("word {i}")).into());
    store.take(Observation::is(&Observer::node(&name(agent)), Source::Lldpd, now, fact));
    let begun = Instant::now();
    let changes = fusion.update(store, now);
    let took = begun.elapsed();
    assert!(!changes.is_empty() && changes.len() < 10, "{} changes", changes.len());
    took
}

fn name(agent: usize) -> String {
    format!("n{agent:05}")
}

fn other_end(agent: usize, port: usize, agents: usize) -> (usize, usize) {
    let away = port / 2 + 1;
    if port.is_multiple_of(2) {
        ((agent + away) % agents, port + 1)
    } else {
        ((agent + agents - away) % agents, port - 1)
    }
}

fn mac(agent: usize, port: usize) -> MacAddr {
    let [.., a, b, c] = (agent as u32).to_be_bytes();
    MacAddr([2, a, b, c, 0, port as u8])
}

fn chassis(agent: usize) -> Chassis {
    Chassis {
        id: Id { kind: "mac".into(), value: mac(agent, 0).to_string() },
        name: Some(name(agent)),
        description: None,
        management: Vec::new(),
        router: false,
        bridge: true,
    }
}

fn link(agent: usize, port: usize) -> Link {
    Link {
        name: format!("eth{port}"),
        ifindex: Some(port as u32 + 2),
        mac: Some(mac(agent, port)),
        mtu: Some(1500),
        carrier: Some(true),
        kind: Some(LinkKind::Physical),
        ..Link::default()
    }
}

fn neighbor(on: usize, peer: usize, there: usize, word: &str) -> LldpNeighbor {
    let mut chassis = chassis(peer);
    chassis.name = Some(format!("{}{word}", name(peer)));
    LldpNeighbor {
        on: format!("eth{on}"),
        chassis,
        port: Id { kind: "mac".into(), value: mac(peer, there).to_string() },
        description: None,
        aggregate: None,
        mac: None,
        max_frame: None,
    }
}
