//! The routes that a router has chosen, by what it tells.
//!
//! The Loc-RIB (RFC 9069) is its choice. Where a family is not told there, the best of what passed its policy is taken,
//! by the rules of RFC 4271 §9.1.2.2 as far as they can be followed from outside: the cost of the way to the next hop, and
//! whether there is one, are not weighed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::rib::{Attributes, Family, PeerKey, PeerRib, Rib, RibView};
use super::touched;
use crate::observation::BgpPeer;

/// What a router that tells no preference gives to a route (RFC 4271 §5.1.5 leaves it open; this is what all do).
const LOCAL_PREFERENCE: u32 = 100;

/// The peers whose routes make up a router's table, by family.
#[derive(Debug)]
pub struct Choice<'a> {
    v4: Vec<Teller<'a>>,
    v6: Vec<Teller<'a>>,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Teller<'a> {
    rib: &'a PeerRib,
    /// The router itself.
    is_self: bool,
    /// Of another AS.
    is_external: bool,
    id: Ipv4Addr,
    address: IpAddr,
}

impl<'a> Choice<'a> {
    /// By the routes of a router, the families that its Loc-RIB tells (IPv4, IPv6), its own AS number and its sessions.
    pub(super) fn new(
        rib: &'a Rib,
        in_loc_rib: [bool; 2],
        asn: Option<u32>,
        session: impl Fn(IpAddr) -> Option<&'a BgpPeer>,
    ) -> Self {
        let teller = |(key, rib): (&PeerKey, &'a PeerRib)| {
            let peer = session(key.address);
            let id = peer.and_then(|p| p.router_id.as_ref()?.parse().ok());
            Teller {
                rib,
                is_self: key.address.is_unspecified(),
                is_external: peer.is_none_or(|p| Some(p.asn) != asn),
                id: id.unwrap_or(Ipv4Addr::UNSPECIFIED),
                address: key.address,
            }
        };
        let of = |loc_rib: bool| {
            let counted = rib.peers().filter(|(key, _)| touched::counts(key));
            counted.filter(|(key, _)| (key.view == RibView::LocRib) == loc_rib).map(teller).collect()
        };
        Self { v4: of(in_loc_rib[0]), v6: of(in_loc_rib[1]) }
    }

    fn tellers(&self, prefix: IpNet) -> &[Teller<'a>] {
        match prefix {
            IpNet::V4(_) => &self.v4,
            IpNet::V6(_) => &self.v6,
        }
    }

    /// The next hops of a prefix, in order: none where there is no route, or one that does not lead away, as those that
    /// the router originates. Several paths in the Loc-RIB share the traffic.
    pub(super) fn hops(&self, prefix: IpNet) -> Vec<IpAddr> {
        let mut hops: Vec<_> = match self.tellers(prefix) {
            [] => return Vec::new(),
            // A Loc-RIB, or the only peer.
            [only] => only.rib.paths(prefix).filter_map(|r| only.rib.next_hop(&r)).collect(),
            several => best(several, prefix).into_iter().collect(),
        };
        hops.retain(|hop| !hop.is_unspecified());
        hops.sort();
        hops.dedup();
        hops
    }

    /// All next hops that any route has.
    pub(super) fn all_hops(&self) -> BTreeSet<IpAddr> {
        let mut all = BTreeSet::new();
        self.each(|_, hop| all.extend(hop));
        all
    }

    /// All prefixes, in order.
    pub(super) fn prefixes(&self) -> Vec<IpNet> {
        let mut all = Vec::new();
        self.each(|prefix, _| all.push(prefix));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The prefixes of routes with one of these next hops.
    pub(super) fn prefixes_by(&self, hops: &BTreeSet<IpAddr>) -> Vec<IpNet> {
        let mut all = Vec::new();
        self.each(|prefix, hop| {
            if hop.is_some_and(|hop| hops.contains(&hop)) {
                all.push(prefix);
            }
        });
        all
    }

    /// Each route with its next hop. Cost: a look-up for each set of attributes, a step for each route.
    fn each(&self, mut tell: impl FnMut(IpNet, Option<IpAddr>)) {
        for (tellers, v4) in [(&self.v4, true), (&self.v6, false)] {
            for teller in tellers {
                let mut hops: BTreeMap<u32, Option<IpAddr>> = BTreeMap::new();
                let unicast = teller.rib.routes().take_while(|r| r.family == Family::Unicast);
                for route in unicast.filter(|r| matches!(r.prefix, IpNet::V4(_)) == v4) {
                    let hop = hops.entry(route.attributes).or_insert_with(|| teller.rib.next_hop(&route));
                    tell(route.prefix, *hop);
                }
            }
        }
    }
}

/// The next hop of the best of the routes for a prefix (RFC 4271 §9.1.2.2).
fn best(tellers: &[Teller<'_>], prefix: IpNet) -> Option<IpAddr> {
    let routes = tellers.iter().flat_map(|t| t.rib.paths(prefix).map(move |r| (t, r)));
    let mut left: Vec<(&Teller<'_>, Attributes)> = routes.map(|(t, r)| (t, t.rib.attributes(&r))).collect();
    if left.len() > 1 {
        keep_least(&mut left, |(t, _)| !t.is_self);
        keep_least(&mut left, |(_, a)| u32::MAX - a.local_preference.unwrap_or(LOCAL_PREFERENCE));
        keep_least(&mut left, |(_, a)| a.as_path.len());
        keep_least(&mut left, |(_, a)| a.origin.unwrap_or(u8::MAX));
        // The discriminators of different neighbours do not compare.
        let mut least: BTreeMap<Option<u32>, u32> = BTreeMap::new();
        let med = |a: &Attributes| (a.as_path.first().copied(), a.med.unwrap_or(0));
        for (neighbor, med) in left.iter().map(|(_, a)| med(a)) {
            let known = least.entry(neighbor).or_insert(med);
            *known = med.min(*known);
        }
        left.retain(|(_, a)| least.get(&med(a).0) == Some(&med(a).1));
        keep_least(&mut left, |(t, _)| !t.is_external);
        keep_least(&mut left, |(t, a)| (t.id, t.address, a.next_hop));
    }
    left.first().and_then(|(_, a)| a.next_hop)
}

fn keep_least<T, K: Ord + Copy>(list: &mut Vec<T>, by: impl Fn(&T) -> K) {
    let least = list.iter().map(&by).min();
    list.retain(|item| Some(by(item)) == least);
}
