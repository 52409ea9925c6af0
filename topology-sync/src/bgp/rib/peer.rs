//! The routes of one peer.

use std::net::IpAddr;

use ipnet::IpNet;
use netgauze_bgp_pkt::nlri::MplsLabel;
use netgauze_bgp_pkt::path_attribute::{MpReach, MpUnreach, PathAttributeValue};
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_iana::address_family::AddressType;

use super::attributes::{self, Attributes, Builder, Hop};
use super::interner::Interner;
use super::prefix::{Key, Net4, Net6, Vpn};
use super::table::{Route, Table};

/// An address family whose routes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4 and IPv6 unicast.
    Unicast,
    /// With labels (RFC 8277).
    Labelled,
    /// Of VPNs (RFC 4364, RFC 4659).
    Vpn,
}

/// A route of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RibRoute {
    /// Its family.
    pub family: Family,
    /// The route distinguisher as a number; 0 but for VPNs.
    pub distinguisher: u64,
    /// The destination.
    pub prefix: IpNet,
    /// The path identifier (RFC 7911); 0 where none is used.
    pub path_id: u32,
    /// The first label, of 20 bits.
    pub label: Option<u32>,
    /// Not told again since the session was lost.
    pub stale: bool,
    /// The number of its attributes, for [`PeerRib::attributes`]: routes with one number have the same.
    pub attributes: u32,
}

/// The routes of one peer, by family.
#[derive(Clone, Debug, Default)]
pub struct PeerRib {
    sets: Interner,
    v4: Table<Net4, ()>,
    v6: Table<Net6, ()>,
    labelled4: Table<Net4, u32>,
    labelled6: Table<Net6, u32>,
    vpn4: Table<Vpn<Net4>, u32>,
    vpn6: Table<Vpn<Net6>, u32>,
    /// Changes of families that are not kept (multicast, EVPN, flow specifications, …).
    other: u64,
}

impl PeerRib {
    /// The attributes of a route.
    pub fn attributes(&self, route: &RibRoute) -> Attributes {
        Attributes::read(self.sets.get(route.attributes))
    }

    /// How many routes there are, stale ones included.
    pub fn len(&self) -> usize {
        self.tables().iter().map(|t| t.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many routes are stale.
    pub fn stale(&self) -> usize {
        self.tables().iter().map(|t| t.stale()).sum()
    }

    /// How many changes were of families that are not kept (multicast, EVPN, flow specifications, …).
    pub fn other(&self) -> u64 {
        self.other
    }

    /// Distinct sets of attributes.
    pub fn attribute_sets(&self) -> usize {
        self.sets.len()
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.sets.memory() + self.tables().iter().map(|t| t.memory()).sum::<usize>()
    }

    /// All routes: family by family, within each in an order that depends on the input alone.
    pub fn routes(&self) -> impl Iterator<Item = RibRoute> {
        let unicast =
            rows(&self.v4, Family::Unicast, |()| None).chain(rows(&self.v6, Family::Unicast, |()| None));
        let labelled = rows(&self.labelled4, Family::Labelled, Some).chain(rows(
            &self.labelled6,
            Family::Labelled,
            Some,
        ));
        let vpn = rows(&self.vpn4, Family::Vpn, Some).chain(rows(&self.vpn6, Family::Vpn, Some));
        unicast.chain(labelled).chain(vpn)
    }

    /// The unicast routes of one prefix: one, or several with path identifiers.
    pub fn paths(&self, prefix: IpNet) -> impl Iterator<Item = RibRoute> {
        let (v4, v6) = match prefix {
            IpNet::V4(net) => (Some(self.v4.paths(Net4::new(net, None))), None),
            IpNet::V6(net) => (None, Some(self.v6.paths(Net6::new(net, None)))),
        };
        let v4 = v4.into_iter().flatten().map(|r| row(r, Family::Unicast, None));
        v4.chain(v6.into_iter().flatten().map(|r| row(r, Family::Unicast, None)))
    }

    /// The next hop of a route. Cheaper than all of its attributes.
    pub fn next_hop(&self, route: &RibRoute) -> Option<IpAddr> {
        attributes::next_hop(self.sets.get(route.attributes))
    }

    /// The attributes of a route as they are kept.
    pub(super) fn set(&self, route: &RibRoute) -> &[u8] {
        self.sets.get(route.attributes)
    }

    /// How many unicast routes there are, stale ones included.
    pub fn unicast(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    pub(super) fn mark_stale(&mut self) {
        self.tables_mut().into_iter().for_each(AnyTable::mark_stale);
    }

    pub(super) fn announce(&mut self, net: IpNet, path_id: Option<u32>, set: &[u8]) {
        match net {
            IpNet::V4(net) => put(&mut self.v4, Net4::new(net, path_id), (), set, &mut self.sets),
            IpNet::V6(net) => put(&mut self.v6, Net6::new(net, path_id), (), set, &mut self.sets),
        }
    }

    pub(super) fn withdraw(&mut self, net: IpNet, path_id: Option<u32>) {
        match net {
            IpNet::V4(net) => self.v4.withdraw(Net4::new(net, path_id), &mut self.sets),
            IpNet::V6(net) => self.v6.withdraw(Net6::new(net, path_id), &mut self.sets),
        }
    }

    pub(super) fn update(&mut self, update: &BgpUpdateMessage, builder: &mut Builder) {
        for route in update.withdraw_routes() {
            self.v4.withdraw(Net4::new(route.network().address(), route.path_id()), &mut self.sets);
        }
        let mut hop: Hop = (None, None);
        for attribute in update.path_attributes() {
            match attribute.value() {
                PathAttributeValue::MpUnreach(unreach) => self.unreach(unreach),
                PathAttributeValue::NextHop(next) => hop = (Some(next.next_hop().into()), None),
                _ => {}
            }
        }
        builder.begin(update.path_attributes());
        for attribute in update.path_attributes() {
            if let PathAttributeValue::MpReach(reach) = attribute.value() {
                self.reach(reach, builder);
            }
        }
        if !update.nlri().is_empty() {
            let set = builder.with_hop(hop);
            for route in update.nlri() {
                put(
                    &mut self.v4,
                    Net4::new(route.network().address(), route.path_id()),
                    (),
                    set,
                    &mut self.sets,
                );
            }
        }
        if let Some(family) = update.end_of_rib() {
            self.end_of_rib(family);
        }
    }

    /// RFC 4760 §3.
    fn reach(&mut self, reach: &MpReach, builder: &mut Builder) {
        let Self { sets, v4, v6, labelled4, labelled6, vpn4, vpn6, other, .. } = self;
        match reach {
            MpReach::Ipv4Unicast { next_hop, next_hop_local, nlri } => {
                let set = builder.with_hop((Some(*next_hop), *next_hop_local));
                nlri.iter()
                    .for_each(|r| put(v4, Net4::new(r.network().address(), r.path_id()), (), set, sets));
            }
            MpReach::Ipv6Unicast { next_hop_global, next_hop_local, nlri } => {
                let set = builder.with_hop((Some((*next_hop_global).into()), *next_hop_local));
                nlri.iter()
                    .for_each(|r| put(v6, Net6::new(r.network().address(), r.path_id()), (), set, sets));
            }
            MpReach::Ipv4NlriMplsLabels { next_hop, next_hop_local, nlri } => {
                let set = builder.with_hop((Some(*next_hop), *next_hop_local));
                for r in nlri {
                    put(labelled4, Net4::new(r.prefix(), r.path_id()), label(r.labels()), set, sets);
                }
            }
            MpReach::Ipv6NlriMplsLabels { next_hop, next_hop_local, nlri } => {
                let set = builder.with_hop((Some(*next_hop), *next_hop_local));
                for r in nlri {
                    put(labelled6, Net6::new(r.prefix(), r.path_id()), label(r.labels()), set, sets);
                }
            }
            MpReach::Ipv4MplsVpnUnicast { next_hop, nlri } => {
                let set = builder.with_hop((Some(next_hop.next_hop()), None));
                for r in nlri {
                    let net = Net4::new(r.network().address(), r.path_id());
                    put(vpn4, Vpn { distinguisher: r.rd().into(), net }, label(r.label_stack()), set, sets);
                }
            }
            MpReach::Ipv6MplsVpnUnicast { next_hop, nlri } => {
                let set = builder.with_hop((Some(next_hop.next_hop()), None));
                for r in nlri {
                    let net = Net6::new(r.network().address(), r.path_id());
                    put(vpn6, Vpn { distinguisher: r.rd().into(), net }, label(r.label_stack()), set, sets);
                }
            }
            MpReach::BgpLs { .. } | MpReach::BgpLsVpn { .. } => {} // link states, not routes
            _ => *other += 1,
        }
    }

    /// RFC 4760 §4.
    fn unreach(&mut self, unreach: &MpUnreach) {
        let Self { sets, v4, v6, labelled4, labelled6, vpn4, vpn6, other, .. } = self;
        match unreach {
            MpUnreach::Ipv4Unicast { nlri } => {
                nlri.iter().for_each(|r| v4.withdraw(Net4::new(r.network().address(), r.path_id()), sets));
            }
            MpUnreach::Ipv6Unicast { nlri } => {
                nlri.iter().for_each(|r| v6.withdraw(Net6::new(r.network().address(), r.path_id()), sets));
            }
            MpUnreach::Ipv4NlriMplsLabels { nlri } => {
                nlri.iter().for_each(|r| labelled4.withdraw(Net4::new(r.prefix(), r.path_id()), sets));
            }
            MpUnreach::Ipv6NlriMplsLabels { nlri } => {
                nlri.iter().for_each(|r| labelled6.withdraw(Net6::new(r.prefix(), r.path_id()), sets));
            }
            MpUnreach::Ipv4MplsVpnUnicast { nlri } => {
                for r in nlri {
                    let net = Net4::new(r.network().address(), r.path_id());
                    vpn4.withdraw(Vpn { distinguisher: r.rd().into(), net }, sets);
                }
            }
            MpUnreach::Ipv6MplsVpnUnicast { nlri } => {
                for r in nlri {
                    let net = Net6::new(r.network().address(), r.path_id());
                    vpn6.withdraw(Vpn { distinguisher: r.rd().into(), net }, sets);
                }
            }
            MpUnreach::BgpLs { .. } | MpUnreach::BgpLsVpn { .. } => {}
            _ => *other += 1,
        }
    }

    /// All the routes of a family have been told: what is still stale is no more (RFC 4724 §4.2).
    fn end_of_rib(&mut self, family: AddressType) {
        match family {
            AddressType::Ipv4Unicast => self.v4.end_of_rib(),
            AddressType::Ipv6Unicast => self.v6.end_of_rib(),
            AddressType::Ipv4NlriMplsLabels => self.labelled4.end_of_rib(),
            AddressType::Ipv6NlriMplsLabels => self.labelled6.end_of_rib(),
            AddressType::Ipv4MplsLabeledVpn => self.vpn4.end_of_rib(),
            AddressType::Ipv6MplsLabeledVpn => self.vpn6.end_of_rib(),
            _ => {}
        }
    }

    fn tables(&self) -> [&dyn AnyTable; 6] {
        [&self.v4, &self.v6, &self.labelled4, &self.labelled6, &self.vpn4, &self.vpn6]
    }

    fn tables_mut(&mut self) -> [&mut dyn AnyTable; 6] {
        [&mut self.v4, &mut self.v6, &mut self.labelled4, &mut self.labelled6, &mut self.vpn4, &mut self.vpn6]
    }
}

/// What goes for the tables of all families alike.
trait AnyTable {
    fn len(&self) -> usize;
    fn stale(&self) -> usize;
    fn memory(&self) -> usize;
    fn mark_stale(&mut self);
}

impl<K: Key, L: Copy> AnyTable for Table<K, L> {
    fn len(&self) -> usize {
        Table::len(self)
    }
    fn stale(&self) -> usize {
        Table::stale(self)
    }
    fn memory(&self) -> usize {
        Table::memory(self)
    }
    fn mark_stale(&mut self) {
        Table::mark_stale(self);
    }
}

fn put<K: Key, L: Copy>(table: &mut Table<K, L>, key: K, label: L, set: &[u8], sets: &mut Interner) {
    let number = sets.take(set);
    table.announce(key, label, number, sets);
}

fn rows<K: Key, L: Copy>(
    table: &Table<K, L>,
    family: Family,
    label: impl Fn(L) -> Option<u32>,
) -> impl Iterator<Item = RibRoute> {
    table.iter().map(move |(route, stale)| row((route, stale), family, label(route.label)))
}

fn row<K: Key, L>((route, stale): (&Route<K, L>, bool), family: Family, label: Option<u32>) -> RibRoute {
    RibRoute {
        family,
        distinguisher: route.key.distinguisher(),
        prefix: route.key.prefix(),
        path_id: route.key.path_id(),
        label,
        stale,
        attributes: route.attributes,
    }
}

/// The upper 20 bits of the first entry of a label stack (RFC 3032 §2.1).
fn label(stack: &[MplsLabel]) -> u32 {
    let [a, b, c] = stack.first().map_or([0; 3], |l| *l.value());
    (u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c)) >> 4
}
