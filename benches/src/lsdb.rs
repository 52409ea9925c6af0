//! A link-state database of any size, as a passive listener hears it.

use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use topology_sync::observation::{
    Fact, IgpLink, IgpLinkKind, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind, Observation,
    Observer, Source,
};
use twin::WallTime;

use crate::{Mix, SEED};

/// The router LSAs of a ring of `routers` with chords between others, `links` in all, each as it is heard on a wire.
/// Link `i` has the block 10.x.y.z/31 of that number; costs are from 1 to 64 and differ by direction.
///
/// # Panics
/// With fewer than three routers or fewer links than routers.
pub fn advertisements(routers: u32, links: u32) -> Vec<Observation> {
    assert!(routers >= 3 && links >= routers, "a ring");
    let mut mix = Mix(SEED);
    let mut states: Vec<LinkState> = (0..routers).map(|r| router(id(r))).collect();
    for link in 0..links {
        let (a, b) = match link < routers {
            true => (link, (link + 1) % routers),
            false => {
                let a = (mix.next() % u64::from(routers)) as u32;
                (a, (a + 2 + (mix.next() % u64::from(routers - 3)) as u32) % routers)
            }
        };
        let near = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + 2 * link);
        let block = IpNet::V4(Ipv4Net::new(near, 31).expect("31 bits are a prefix"));
        for (from, to, offset) in [(a, b, 0), (b, a, 1)] {
            let metric = 1 + (mix.next() % 64) as u32;
            let state = &mut states[from as usize];
            state.links.push(IgpLink {
                kind: IgpLinkKind::PointToPoint,
                to: id(to).to_string(),
                near: Some(LinkEnd::Address(Ipv4Addr::from_bits(near.to_bits() + offset).into())),
                far: None,
                metric,
            });
            state.prefixes.push((block, metric));
        }
    }
    states.into_iter().map(|state| heard(state, WallTime::from_ns(0))).collect()
}

/// The advertisement of `heard` again: the next instance, with another cost of its first link.
///
/// # Panics
/// If it is no advertisement with links.
pub fn next_instance(heard: &Observation, at: WallTime) -> Observation {
    let topology_sync::observation::Said::Is(fact, _) = &heard.said else { panic!("an advertisement") };
    let Fact::LinkState(state) = &**fact else { panic!("an advertisement") };
    let mut state = state.clone();
    state.sequence += 1;
    state.links[0].metric = 65 - state.links[0].metric;
    self::heard(state, at)
}

fn heard(state: LinkState, at: WallTime) -> Observation {
    let wire = Observer::wire("lsdb", None);
    Observation::lives(&wire, Source::Ospf, at, Fact::LinkState(state), Duration::from_secs(3_600))
}

fn id(router: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(172, 16, 0, 0).to_bits() + router)
}

fn router(id: Ipv4Addr) -> LinkState {
    LinkState {
        id: LinkStateId {
            protocol: IgpProtocol::Ospf2,
            area: Ipv4Addr::UNSPECIFIED.to_string(),
            kind: LinkStateKind::Router,
            router: id.to_string(),
            number: id.to_string(),
        },
        sequence: 1,
        name: None,
        links: Vec::new(),
        addresses: Vec::new(),
        prefixes: Vec::new(),
        overload: false,
    }
}
