//! Routes on disk: the unicast ones, of which forwarding tables are made.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Family, PeerKey, PeerRib, Rib};

/// The unicast routes of one peer.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedPeer {
    peer: PeerKey,
    /// Sets of attributes, each once.
    sets: Vec<Vec<u8>>,
    /// Prefix, path identifier, place of the set; those that are stale, and those that are not.
    stale: Vec<(IpNet, u32, usize)>,
    fresh: Vec<(IpNet, u32, usize)>,
}

impl Rib {
    /// The unicast routes of some peers.
    pub fn save(&self, is_wanted: impl Fn(&PeerKey) -> bool) -> Vec<SavedPeer> {
        let wanted = self.peers().filter(|(key, _)| is_wanted(key));
        wanted.map(|(key, rib)| saved(*key, rib)).collect()
    }

    /// A store of saved routes.
    pub fn restore(saved: Vec<SavedPeer>) -> Self {
        let mut rib = Self::default();
        for SavedPeer { peer, sets, stale, fresh } in saved {
            let known = rib.peers.entry(peer).or_default();
            let announce = |routes: Vec<(IpNet, u32, usize)>, known: &mut PeerRib| {
                for (net, path_id, set) in routes {
                    known.announce(net, Some(path_id), sets.get(set).map_or(&[][..], Vec::as_slice));
                }
            };
            announce(stale, known);
            known.mark_stale();
            announce(fresh, known);
        }
        rib
    }
}

fn saved(peer: PeerKey, rib: &PeerRib) -> SavedPeer {
    let mut places: BTreeMap<u32, usize> = BTreeMap::new();
    let mut out = SavedPeer { peer, sets: Vec::new(), stale: Vec::new(), fresh: Vec::new() };
    for route in rib.routes().take_while(|r| r.family == Family::Unicast) {
        let place = *places.entry(route.attributes).or_insert_with(|| {
            out.sets.push(rib.set(&route).to_vec());
            out.sets.len() - 1
        });
        let routes = if route.stale { &mut out.stale } else { &mut out.fresh };
        routes.push((route.prefix, route.path_id, place));
    }
    out
}
