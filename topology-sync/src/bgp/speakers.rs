//! BGP sessions heard on a wire: who speaks with whom, and what each tells the other.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::capabilities::BgpCapability;
use twin::WallTime;

use super::link_states::LinkStates;
use super::rib::{PeerKey, Rib, RibView};
use super::router::{ESTABLISHED, IDLE, Order, say_link_states};
use super::session::speaker;
use crate::observation::{BgpPeer, Fact, NodeInfo, Observation, Observer, Source};

/// The speakers of all sessions.
#[derive(Debug, Default)]
pub struct Speakers {
    sessions: BTreeMap<[SocketAddr; 2], Session>,
    /// What each speaker has been told.
    told: BTreeMap<Observer, (Rib, LinkStates)>,
    order: Order,
}

/// A session between two addresses, the smaller first.
#[derive(Debug, Default)]
struct Session {
    opens: [Option<Open>; 2],
    established: bool,
}

/// What an OPEN says of its sender.
#[derive(Clone, Copy, Debug)]
struct Open {
    asn: u32,
    id: Ipv4Addr,
    /// It keeps routes over a restart of the peer (RFC 4724).
    graceful: bool,
}

impl Speakers {
    /// The routes that each speaker was sent.
    pub fn ribs(&self) -> impl Iterator<Item = (&Observer, &Rib)> {
        self.told.iter().map(|(observer, (rib, _))| (observer, rib))
    }

    /// Takes a message, and tells what follows from it.
    pub fn message(
        &mut self,
        at: WallTime,
        from: SocketAddr,
        to: SocketAddr,
        message: &BgpMessage,
        tell: &mut dyn FnMut(Observation),
    ) {
        let (key, end) = key(from, to);
        let at = self.order.instant(at);
        match message {
            BgpMessage::Open(open) => {
                let (asn, id) = speaker(open);
                let keeps = |c: &&BgpCapability| matches!(c, BgpCapability::GracefulRestartCapability(_));
                let graceful = open.capabilities().iter().any(keeps);
                self.sessions.entry(key).or_default().opens[end] = Some(Open { asn, id, graceful });
            }
            BgpMessage::Notification(_) => self.end(at, from, to, false, tell),
            BgpMessage::KeepAlive | BgpMessage::RouteRefresh(_) => self.establish(at, key, tell),
            BgpMessage::Update(update) => {
                self.establish(at, key, tell);
                let session = self.sessions.entry(key).or_default();
                let receiver = session.observer(&key, 1 - end);
                let (rib, link_states) = self.told.entry(receiver.clone()).or_default();
                let peer = peer_key(from.ip());
                rib.update(peer, update);
                let changed = link_states.update(peer, update);
                say_link_states(&receiver, link_states, at, changed, tell);
            }
        }
    }

    /// The connection is closed; the routes go, unless both ends keep them over a restart.
    pub fn closed(
        &mut self,
        at: WallTime,
        from: SocketAddr,
        to: SocketAddr,
        tell: &mut dyn FnMut(Observation),
    ) {
        let at = self.order.instant(at);
        self.end(at, from, to, true, tell);
    }

    fn establish(&mut self, at: WallTime, key: [SocketAddr; 2], tell: &mut dyn FnMut(Observation)) {
        let session = self.sessions.entry(key).or_default();
        if !std::mem::replace(&mut session.established, true) {
            session.say(at, &key, ESTABLISHED, tell);
        }
    }

    fn end(
        &mut self,
        at: WallTime,
        from: SocketAddr,
        to: SocketAddr,
        may_restart: bool,
        tell: &mut dyn FnMut(Observation),
    ) {
        let (key, _) = key(from, to);
        let Some(session) = self.sessions.remove(&key).filter(|s| s.established) else { return };
        session.say(at, &key, IDLE, tell);
        let keep = may_restart && session.opens.iter().all(|o| o.is_some_and(|o| o.graceful));
        for end in 0..2 {
            let receiver = session.observer(&key, end);
            let Some((rib, link_states)) = self.told.get_mut(&receiver) else { continue };
            let peer = peer_key(key[1 - end].ip());
            if keep {
                rib.mark_stale(|k| *k == peer);
                link_states.mark_stale(|k| *k == peer);
            } else {
                rib.remove(peer);
                let changed = link_states.remove(peer);
                say_link_states(&receiver, link_states, at, changed, tell);
            }
        }
    }
}

impl Session {
    /// A speaker goes by its BGP identifier, or where its OPEN was not seen by its address.
    fn observer(&self, key: &[SocketAddr; 2], end: usize) -> Observer {
        match self.opens[end] {
            Some(open) => Observer::node(&open.id.to_string()),
            None => Observer::node(&key[end].ip().to_string()),
        }
    }

    /// What each end could say of itself and of the other.
    fn say(&self, at: WallTime, key: &[SocketAddr; 2], state: &str, tell: &mut dyn FnMut(Observation)) {
        for end in 0..2 {
            let observer = self.observer(key, end);
            if let Some(open) = self.opens[end] {
                let (router_id, asn) = (Some(open.id.to_string()), Some(open.asn));
                let node = NodeInfo { router_id, asn, routing: true, ..NodeInfo::default() };
                tell(Observation::is(&observer, Source::Bgp, at, Fact::Node(node)));
            }
            let other = self.opens[1 - end];
            let peer = BgpPeer {
                vrf: "default".to_owned(),
                local: Some(key[end].ip()),
                address: key[1 - end].ip(),
                asn: other.map_or(0, |o| o.asn),
                router_id: other.map(|o| o.id.to_string()),
                state: state.to_owned(),
            };
            tell(Observation::is(&observer, Source::Bgp, at, Fact::BgpPeer(peer)));
        }
    }
}

fn key(from: SocketAddr, to: SocketAddr) -> ([SocketAddr; 2], usize) {
    if from <= to { ([from, to], 0) } else { ([to, from], 1) }
}

/// What a peer sends is what the receiver has before its policy.
fn peer_key(address: IpAddr) -> PeerKey {
    PeerKey { distinguisher: 0, address, view: RibView::AdjRibIn { post_policy: false } }
}
