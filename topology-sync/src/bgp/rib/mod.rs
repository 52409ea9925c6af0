//! The routes that a router's BMP stream, a BGP session or an MRT file tells of, by peer.
//!
//! Made for full tables at full speed: a route of IPv4 takes some thirty bytes, attributes are kept once per peer, a
//! peer's end costs no work per route. A route is known by peer, family, prefix and path identifier; a withdrawal needs
//! no next hop.

mod attributes;
mod interner;
mod peer;
mod prefix;
mod saved;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;

use netgauze_bgp_pkt::update::BgpUpdateMessage;
use serde::{Deserialize, Serialize};

pub use self::attributes::Attributes;
pub use self::peer::{Family, PeerRib, RibRoute};
pub use self::saved::SavedPeer;

/// Which routes of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RibView {
    /// What the peer sent, before or after the router's policy (RFC 7854).
    AdjRibIn {
        /// After.
        post_policy: bool,
    },
    /// What the router itself has chosen (RFC 9069).
    LocRib,
    /// What the router sent to the peer, before or after its policy (RFC 8671).
    AdjRibOut {
        /// After.
        post_policy: bool,
    },
}

/// Which peer of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerKey {
    /// The peer distinguisher (RFC 7854 §4.2) as a number: the VRF's route distinguisher, 0 for none.
    pub distinguisher: u64,
    /// The peer's address; 0.0.0.0 for the router itself (Loc-RIB).
    pub address: IpAddr,
    /// Which of its routes.
    pub view: RibView,
}

/// The routes of all the peers of one router.
#[derive(Clone, Debug, Default)]
pub struct Rib {
    peers: BTreeMap<PeerKey, PeerRib>,
    builder: attributes::Builder,
}

impl Rib {
    /// Takes an update from a peer.
    pub fn update(&mut self, peer: PeerKey, update: &BgpUpdateMessage) {
        let Self { peers, builder } = self;
        peers.entry(peer).or_default().update(update, builder);
    }

    /// Takes one route from a peer: attributes as on the wire, AS numbers of four bytes, without a next hop.
    pub fn announce(
        &mut self,
        peer: PeerKey,
        net: ipnet::IpNet,
        path_id: Option<u32>,
        next_hop: Option<IpAddr>,
        attributes: &[u8],
    ) {
        self.builder.begin_raw(attributes);
        let set = self.builder.with_hop((next_hop, None));
        self.peers.entry(peer).or_default().announce(net, path_id, set);
    }

    /// Removes one route of a peer.
    pub fn withdraw(&mut self, peer: PeerKey, net: ipnet::IpNet, path_id: Option<u32>) {
        if let Some(rib) = self.peers.get_mut(&peer) {
            rib.withdraw(net, path_id);
        }
    }

    /// The peer has gone, and its routes with it. Cost: the pages of memory that are given back.
    pub fn remove(&mut self, peer: PeerKey) {
        self.peers.remove(&peer);
    }

    /// The session with these peers is lost: their routes are stale until they are told again. Cost: the number of
    /// peers.
    pub fn mark_stale(&mut self, is_lost: impl Fn(&PeerKey) -> bool) {
        self.peers.iter_mut().filter(|(key, _)| is_lost(key)).for_each(|(_, rib)| rib.mark_stale());
    }

    /// A peer's routes.
    pub fn peer(&self, peer: &PeerKey) -> Option<&PeerRib> {
        self.peers.get(peer)
    }

    /// All peers with their routes, in order.
    pub fn peers(&self) -> impl Iterator<Item = (&PeerKey, &PeerRib)> {
        self.peers.iter()
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.peers.values().map(PeerRib::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.peers.values().map(PeerRib::memory).sum()
    }
}
