//! A router that speaks BMP (RFC 7854): its sessions, routes and link states, from its messages.
//!
//! Order is not taken for granted. Some routers report peers as down that were never up, and routes of peers, or their
//! own, before any Peer Up: they are taken as they come.

mod saved;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bmp_pkt::v3::{InitiationInformation, PeerDownNotificationReason};
use netgauze_bmp_pkt::{BmpMessage, BmpPeerType, PeerHeader, v3, v4};
use twin::{Diagnostic, WallTime};

use super::bmp::{self, BmpDecoder};
use super::choice::Choice;
use super::link_states::{Changed, LinkStates};
use super::rib::{PeerKey, PeerRib, Rib, RibView};
use super::session::speaker;
use super::touched::{self, Touched};
use crate::observation::{BgpPeer, Fact, FactKey, NodeInfo, Observation, Observer, Source};

pub use self::saved::SavedRouter;

/// The word for a session that is up (RFC 4271 §8.2.2),
pub(super) const ESTABLISHED: &str = "Established";
/// and for one that is not.
pub(super) const IDLE: &str = "Idle";

/// The routing instance that is none.
const DEFAULT: &str = "default";

/// What a router has reported.
#[derive(Debug)]
pub struct Router {
    observer: Observer,
    decoder: BmpDecoder,
    node: NodeInfo,
    /// Sessions by VRF and the peer's address.
    sessions: BTreeMap<(String, IpAddr), BgpPeer>,
    rib: Rib,
    /// What its own table is made of was told, and what of it must be looked at again.
    is_told: bool,
    /// Whether its Loc-RIB tells routes of IPv4, of IPv6.
    in_loc_rib: [bool; 2],
    touched: Touched,
    link_states: LinkStates,
    heard: Option<WallTime>,
    order: Order,
    messages: u64,
    diagnostics: Vec<Diagnostic>,
}

/// Keeps the order of messages that came in one instant: of two words on one subject the later counts, so that each is
/// given an instant of its own, a nanosecond after the one before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order(Option<WallTime>);

impl Order {
    /// The instant of a message that came at `at`.
    pub(super) fn instant(&mut self, at: WallTime) -> WallTime {
        let next = self.0.map(|last| WallTime::from_ns(last.as_ns().saturating_add(1)));
        let at = next.map_or(at, |next| next.max(at));
        self.0 = Some(at);
        at
    }
}

impl Router {
    /// A router of which nothing is known.
    pub fn new(observer: Observer) -> Self {
        Self {
            observer,
            decoder: BmpDecoder::default(),
            node: NodeInfo { routing: true, ..NodeInfo::default() },
            sessions: BTreeMap::new(),
            rib: Rib::default(),
            is_told: false,
            in_loc_rib: [false; 2],
            touched: Touched::default(),
            link_states: LinkStates::default(),
            heard: None,
            order: Order::default(),
            messages: 0,
            diagnostics: Vec::new(),
        }
    }

    /// Who it is.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// The routes of its peers, and its own.
    pub fn rib(&self) -> &Rib {
        &self.rib
    }

    /// Whether it tells what it forwards by: its Loc-RIB, or what passed its policy.
    pub fn tells_choice(&self) -> bool {
        self.is_told
    }

    /// What it has chosen.
    pub fn choice(&self) -> Choice<'_> {
        let session = |address| self.sessions.get(&(DEFAULT.to_owned(), address));
        Choice::new(&self.rib, self.in_loc_rib, self.node.asn, session)
    }

    /// The prefixes that it may have chosen other routes for since the last call.
    pub fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.touched)
    }

    /// Whether there are any.
    pub fn is_touched(&self) -> bool {
        !self.touched.is_nothing()
    }

    /// When it was last heard; any message is a sign of life, statistics reports come for no other purpose.
    pub fn heard(&self) -> Option<WallTime> {
        self.heard
    }

    /// How many messages were read.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// What was odd.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Takes the next bytes of its BMP session, and tells what follows from them.
    pub fn bytes(&mut self, at: WallTime, bytes: &[u8], tell: &mut dyn FnMut(Observation)) {
        let mut decoder = std::mem::take(&mut self.decoder);
        decoder.take(bytes, &mut |message| match message {
            Ok(message) => self.message(at, &message, tell),
            Err(e) => Diagnostic::count(&mut self.diagnostics, "bmp-message", || e),
        });
        self.decoder = decoder;
    }

    /// Takes a message, and tells what follows from it.
    pub fn message(&mut self, at: WallTime, message: &BmpMessage, tell: &mut dyn FnMut(Observation)) {
        self.heard = self.heard.max(Some(at));
        let at = self.order.instant(at);
        self.messages += 1;
        if let Some((header, update)) = bmp::update(message) {
            self.update(at, header, update, tell);
        } else if let Some(up) = bmp::peer_up(message) {
            self.peer_up(at, up, tell);
        } else if let Some((header, deconfigured)) = peer_down(message) {
            self.peer_down(at, header, deconfigured, tell);
        } else {
            match message {
                BmpMessage::V3(v3::BmpMessageValue::Initiation(m))
                | BmpMessage::V4(v4::BmpMessageValue::Initiation(m)) => {
                    self.initiation(at, m.information(), tell)
                }
                BmpMessage::V3(v3::BmpMessageValue::Termination(_))
                | BmpMessage::V4(v4::BmpMessageValue::Termination(_)) => self.lost(),
                _ => {} // statistics, mirrored messages: signs of life
            }
        }
    }

    /// The BMP session is lost: what it told stands, stale, until it is told again. The cost does not depend on the
    /// number of routes.
    pub fn lost(&mut self) {
        self.decoder = BmpDecoder::default();
        self.rib.mark_stale(|_| true);
        self.link_states.mark_stale(|_| true);
    }

    fn initiation(
        &mut self,
        at: WallTime,
        information: &[InitiationInformation],
        tell: &mut dyn FnMut(Observation),
    ) {
        for item in information {
            match item {
                InitiationInformation::SystemName(name) => self.node.hostname = Some(name.to_string()),
                InitiationInformation::SystemDescription(text) => {
                    self.node.model = Some(text.trim().to_owned())
                }
                _ => {}
            }
        }
        self.say(at, Fact::Node(self.node.clone()), tell);
    }

    fn peer_up(
        &mut self,
        at: WallTime,
        up: &v3::PeerUpNotificationMessage,
        tell: &mut dyn FnMut(Observation),
    ) {
        let header = up.peer_header();
        if let BgpMessage::Open(sent) = up.sent_message() {
            let (asn, id) = speaker(sent);
            let node = NodeInfo { router_id: Some(id.to_string()), asn: Some(asn), ..self.node.clone() };
            if node != self.node {
                self.node = node;
                if !self.rib.is_empty() {
                    self.touched.touch_all();
                }
                self.say(at, Fact::Node(self.node.clone()), tell);
            }
        }
        let Some(address) = peer_address(header) else { return };
        if self.sessions.get(&(vrf(header), address)).is_some_and(|s| s.state == ESTABLISHED) {
            // The end of the last session was not told; what came in it must be told again. (The router's own routes
            // may be announced by several Peer Ups, one a family: RFC 9069 §6.1.1.)
            self.rib.mark_stale(|key| is_of(key, header));
            self.link_states.mark_stale(|key| is_of(key, header));
        }
        let peer = BgpPeer {
            vrf: vrf(header),
            local: up.local_address().filter(|ip| !ip.is_unspecified()),
            address,
            asn: header.peer_as(),
            router_id: Some(header.bgp_id().to_string()),
            state: ESTABLISHED.to_owned(),
        };
        self.session(at, peer, tell);
    }

    fn peer_down(
        &mut self,
        at: WallTime,
        header: &PeerHeader,
        deconfigured: bool,
        tell: &mut dyn FnMut(Observation),
    ) {
        for view in views(header) {
            let key = PeerKey { view, ..peer_key(header) };
            if touched::counts(&key) && self.rib.peer(&key).is_some() {
                self.touched.touch_all();
            }
            if view == RibView::LocRib && key.distinguisher == 0 {
                self.in_loc_rib = [false; 2];
            }
            self.rib.remove(key);
            let changed = self.link_states.remove(key);
            self.say_link_states(at, changed, tell);
        }
        let Some(address) = peer_address(header) else { return };
        let key = (vrf(header), address);
        let known = self.sessions.remove(&key);
        if deconfigured {
            let not = Observation::not(&self.observer, Source::Bgp, at, FactKey::bgp_peer(&key.0, key.1));
            return tell(not);
        }
        if known.is_none() {
            Diagnostic::count(&mut self.diagnostics, "bmp-down-before-up", || {
                format!("peer {address} is reported as down and was never up")
            });
        }
        let id = Some(header.bgp_id()).filter(|id| !id.is_unspecified()).map(|id| id.to_string());
        let unknown = BgpPeer {
            vrf: key.0,
            local: None,
            address,
            asn: header.peer_as(),
            router_id: id,
            state: String::new(),
        };
        self.session(at, BgpPeer { state: IDLE.to_owned(), ..known.unwrap_or(unknown) }, tell);
    }

    fn session(&mut self, at: WallTime, peer: BgpPeer, tell: &mut dyn FnMut(Observation)) {
        let known = self.sessions.insert((peer.vrf.clone(), peer.address), peer.clone());
        let by = |p: &BgpPeer| (p.asn, p.router_id.clone());
        if !self.rib.is_empty() && known.as_ref().map(by) != Some(by(&peer)) {
            self.touched.touch_all(); // equal routes are told apart by who sent them
        }
        self.say(at, Fact::BgpPeer(peer), tell);
    }

    fn update(
        &mut self,
        at: WallTime,
        header: &PeerHeader,
        update: &BgpMessage,
        tell: &mut dyn FnMut(Observation),
    ) {
        let BgpMessage::Update(update) = update else { return };
        let key = peer_key(header);
        if touched::counts(&key) {
            let known = self.rib.peer(&key);
            // Routes that are not told again in a new session go without a word on each.
            if update.end_of_rib().is_some() && known.is_some_and(|rib| rib.stale() > 0) {
                self.touched.touch_all();
            }
            let seen = self.touched.update(known.map_or(0, PeerRib::unicast), update);
            self.is_told |= seen != [false; 2];
            if key.view == RibView::LocRib {
                let told = [0, 1].map(|f| seen[f] || self.in_loc_rib[f]);
                if std::mem::replace(&mut self.in_loc_rib, told) != told {
                    self.touched.touch_all(); // what passed its policy does not count any more
                }
            }
        }
        self.rib.update(key, update);
        let changed = self.link_states.update(key, update);
        self.say_link_states(at, changed, tell);
    }

    fn say_link_states(&self, at: WallTime, changed: Changed, tell: &mut dyn FnMut(Observation)) {
        say_link_states(&self.observer, &self.link_states, at, changed, tell);
    }

    fn say(&self, at: WallTime, fact: Fact, tell: &mut dyn FnMut(Observation)) {
        tell(Observation::is(&self.observer, Source::Bgp, at, fact));
    }
}

/// Tells how the link states of some nodes are now.
pub(super) fn say_link_states(
    observer: &Observer,
    link_states: &LinkStates,
    at: WallTime,
    changed: Changed,
    tell: &mut dyn FnMut(Observation),
) {
    for id in changed {
        tell(match link_states.get(&id) {
            Some(state) => Observation::is(observer, Source::Bgp, at, Fact::LinkState(state)),
            None => Observation::not(observer, Source::Bgp, at, id.key()),
        });
    }
}

/// The peer that went down, and whether it is no longer configured.
fn peer_down(message: &BmpMessage) -> Option<(&PeerHeader, bool)> {
    let (header, reason) = match message {
        BmpMessage::V3(v3::BmpMessageValue::PeerDownNotification(m)) => (m.peer_header(), m.reason()),
        BmpMessage::V4(v4::BmpMessageValue::PeerDownNotification(m)) => (m.peer_header(), m.reason()),
        _ => return None,
    };
    Some((header, matches!(reason, PeerDownNotificationReason::PeerDeConfigured)))
}

/// The key of the routes that a message about a peer brings.
fn peer_key(header: &PeerHeader) -> PeerKey {
    let view = match header.peer_type() {
        BmpPeerType::GlobalInstancePeer { post_policy, adj_rib_out, .. }
        | BmpPeerType::RdInstancePeer { post_policy, adj_rib_out, .. }
        | BmpPeerType::LocalInstancePeer { post_policy, adj_rib_out, .. } => match adj_rib_out {
            true => RibView::AdjRibOut { post_policy },
            false => RibView::AdjRibIn { post_policy },
        },
        _ => RibView::LocRib,
    };
    PeerKey {
        distinguisher: header.rd().map_or(0, u64::from),
        address: header.address().unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
        view,
    }
}

/// The views that a peer's coming or going touches: all, for the flags of these messages mean nothing (RFC 7854 §4.2,
/// RFC 8671 §5.3).
fn views(header: &PeerHeader) -> Vec<RibView> {
    match peer_key(header).view {
        RibView::LocRib => vec![RibView::LocRib],
        _ => [false, true]
            .into_iter()
            .flat_map(|post_policy| [RibView::AdjRibIn { post_policy }, RibView::AdjRibOut { post_policy }])
            .collect(),
    }
}

fn is_of(key: &PeerKey, header: &PeerHeader) -> bool {
    let of = peer_key(header);
    (key.distinguisher, key.address) == (of.distinguisher, of.address) && views(header).contains(&key.view)
}

/// The address of a peer; absent for the router's own routes.
fn peer_address(header: &PeerHeader) -> Option<IpAddr> {
    header.address().filter(|ip| !ip.is_unspecified() && peer_key(header).view != RibView::LocRib)
}

fn vrf(header: &PeerHeader) -> String {
    header.rd().filter(|rd| u64::from(*rd) != 0).map_or_else(|| DEFAULT.to_owned(), |rd| rd.to_string())
}
