use proptest::prelude::*;
use twin::EntityKey;

use super::super::rib::{PeerKey, Rib, RibView};
use super::*;

const LOC_RIB: PeerKey =
    PeerKey { distinguisher: 0, address: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), view: RibView::LocRib };

fn choice(rib: &Rib) -> Choice<'_> {
    Choice::new(rib, [true; 2], None, |_| None)
}

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
    for (n, line) in (0..).zip(bgp.lines().filter(|l| !l.trim().is_empty())) {
        let (prefix, hop) = line.trim().split_once(' ').unwrap();
        rib.announce(LOC_RIB, prefix.parse().unwrap(), Some(n), hop.parse().ok(), &[]);
    }
    let other = given(other);
    let (fib, got) = table(&choice(&rib), other.clone());
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
    let added = fib.routes().into_iter().filter(|r| !other.routes().contains(r)).map(line);
    assert_eq!(added.collect::<Vec<_>>(), expected);
    assert_eq!(got, unresolved);
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
        &["198.51.100.0/24 e1>10.1.0.2,e2>10.2.0.2", "203.0.113.0/24 Blackhole", "2001:db8::/32 e1>10.1.0.2"],
        1,
    );
}

/// The table by the definition, over all routes in rounds.
fn slow(other: &Fib, routes: &BTreeMap<(IpNet, u32), IpAddr>) -> Fib {
    let of = |fib: &Fib, hop: IpAddr| fib.lookup(hop).and_then(|action| towards(action, hop));
    let mut by_prefix: BTreeMap<IpNet, BTreeSet<IpAddr>> = BTreeMap::new();
    for ((prefix, _), hop) in routes {
        by_prefix.entry(*prefix).or_default().insert(*hop);
    }
    let mut found: BTreeMap<IpAddr, RouteAction> = BTreeMap::new();
    for hop in routes.values() {
        found.extend(of(other, *hop).map(|action| (*hop, action)));
    }
    let resolved = |found: &BTreeMap<IpAddr, RouteAction>| {
        let mut fib = other.clone();
        for (prefix, hops) in by_prefix.iter().filter(|(p, _)| other.exact(**p).is_none()) {
            let action = hops.iter().filter_map(|h| found.get(h)).cloned().reduce(join);
            action.into_iter().for_each(|action| fib.insert(Route { prefix: *prefix, action }));
        }
        fib
    };
    for _ in 0..DEPTH {
        let fib = resolved(&found);
        for hop in routes.values().filter(|h| other.lookup(**h).is_none()) {
            if let Some(action) = of(&fib, *hop) {
                found.entry(*hop).or_insert(action);
            }
        }
    }
    resolved(&found)
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u8, u8, u8),
    Withdraw(u8, u8),
    Other(u8, u8),
    All,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u8..12, 0u8..2, 0u8..12).prop_map(|(p, id, h)| Step::Announce(p, id, h)),
        4 => (0u8..12, 0u8..2).prop_map(|(p, id)| Step::Withdraw(p, id)),
        2 => (0u8..12, 0u8..4).prop_map(|(p, a)| Step::Other(p, a)),
        1 => Just(Step::All),
    ]
}

/// Few blocks, which nest, and next hops in them: routes lead to the next hops of others, in circles too.
fn net(n: u8) -> IpNet {
    let texts = ["10.0.0.0/24", "10.0.0.0/28", "10.0.1.0/24", "10.0.1.16/28", "10.0.2.0/24", "0.0.0.0/0"];
    let six =
        ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::/48", "::/0", "2001:db8:1:1::/64", "fd00::/8"];
    texts.iter().chain(&six).nth(usize::from(n)).unwrap().parse().unwrap()
}

fn hop(n: u8) -> IpAddr {
    let texts = ["10.0.0.1", "10.0.0.200", "10.0.1.17", "10.0.1.1", "10.0.2.2", "10.0.3.3"];
    let six = ["2001:db8::1", "2001:db8:1::1", "2001:db8:2::1", "2001:db8:1:1::1", "fd00::1", "2002::1"];
    texts.iter().chain(&six).nth(usize::from(n)).unwrap().parse().unwrap()
}

proptest! {
    #[test]
    fn step_by_step_it_is_what_the_definition_gives(steps in prop::collection::vec(step(), 0..60)) {
        let (mut rib, mut routes) = (Rib::default(), BTreeMap::new());
        let (mut other, mut fib, mut forwarding) = (Fib::default(), Fib::default(), Forwarding::default());
        for step in steps {
            let mut touched = Touched::default();
            let mut changed = None;
            match step {
                Step::Announce(p, id, h) => {
                    rib.announce(LOC_RIB, net(p), Some(id.into()), Some(hop(h)), &[]);
                    routes.insert((net(p), u32::from(id)), hop(h));
                    touched.prefixes.push(net(p));
                }
                Step::Withdraw(p, id) => {
                    rib.withdraw(LOC_RIB, net(p), Some(id.into()));
                    routes.remove(&(net(p), u32::from(id)));
                    touched.prefixes.push(net(p));
                }
                Step::Other(p, 0) => {
                    other.remove(net(p));
                    changed = Some(other.clone());
                }
                Step::Other(p, a) => {
                    let action = match a {
                        1 => RouteAction::Local,
                        2 => RouteAction::Blackhole,
                        _ => RouteAction::Forward(vec![NextHop { port: port("e1"), gateway: None }]),
                    };
                    other.insert(Route { prefix: net(p), action });
                    changed = Some(other.clone());
                }
                Step::All => touched.touch_all(),
            }
            match forwarding.changed(&choice(&rib), touched, changed) {
                Changed::Table(table) => fib = table,
                Changed::Routes(list) => for (prefix, action) in list {
                    match action {
                        Some(action) => fib.insert(Route { prefix, action }),
                        None => fib.remove(prefix),
                    }
                },
            }
            prop_assert_eq!(fib.routes(), slow(&other, &routes).routes());
        }
    }
}
