//! Which prefixes must be looked at again after a router's updates.
//!
//! What a router chooses is told as its Loc-RIB (RFC 9069) or, by routers that do not tell that, must be guessed from what
//! passed its policy (post-policy Adj-RIB-In, RFC 7854). Only these views count, and only those of the router itself, not of
//! its VRFs.

use ipnet::IpNet;
use netgauze_bgp_pkt::path_attribute::{MpReach, MpUnreach, PathAttributeValue};
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_iana::address_family::AddressType;

use super::rib::{PeerKey, RibView};

/// Prefixes that are listed in any case; of more, an eighth of the routes. Looking at all routes is cheaper beyond.
const LISTED: usize = 10_000;

/// What must be looked at again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// All prefixes.
    pub all: bool,
    /// These; some perhaps more than once.
    pub prefixes: Vec<IpNet>,
}

impl Touched {
    /// Whether it is nothing.
    pub fn is_nothing(&self) -> bool {
        !self.all && self.prefixes.is_empty()
    }

    /// Everything must be looked at again.
    pub fn touch_all(&mut self) {
        *self = Self { all: true, prefixes: Vec::new() };
    }

    /// An update from a peer that has so many routes. Whether it was of unicast routes, or of their end: of IPv4, of IPv6.
    pub(super) fn update(&mut self, routes: usize, update: &BgpUpdateMessage) -> [bool; 2] {
        let end = update.end_of_rib();
        let mut seen = [AddressType::Ipv4Unicast, AddressType::Ipv6Unicast].map(|family| end == Some(family));
        unicast(update, &mut |net| {
            seen[usize::from(matches!(net, IpNet::V6(_)))] = true;
            if !self.all {
                self.prefixes.push(net);
            }
        });
        if self.prefixes.len() > LISTED.max(routes / 8) {
            self.touch_all();
        }
        seen
    }
}

/// Whether a router's own table may depend on these routes of a peer.
pub(super) fn counts(key: &PeerKey) -> bool {
    key.distinguisher == 0 && matches!(key.view, RibView::LocRib | RibView::AdjRibIn { post_policy: true })
}

/// The unicast prefixes that an update announces or withdraws.
fn unicast(update: &BgpUpdateMessage, tell: &mut dyn FnMut(IpNet)) {
    let nets = update.withdraw_routes().iter().chain(update.nlri());
    nets.for_each(|r| tell(r.network().address().trunc().into()));
    for attribute in update.path_attributes() {
        match attribute.value() {
            PathAttributeValue::MpReach(MpReach::Ipv4Unicast { nlri, .. })
            | PathAttributeValue::MpUnreach(MpUnreach::Ipv4Unicast { nlri }) => {
                nlri.iter().for_each(|r| tell(r.network().address().trunc().into()));
            }
            PathAttributeValue::MpReach(MpReach::Ipv6Unicast { nlri, .. })
            | PathAttributeValue::MpUnreach(MpUnreach::Ipv6Unicast { nlri }) => {
                nlri.iter().for_each(|r| tell(r.network().address().trunc().into()));
            }
            _ => {}
        }
    }
}
