//! Sessions and routes.

use netgauze_bmp_pkt::v3::PeerDownNotificationReason as Reason;
use netgauze_iana::address_family::AddressType::Ipv4Unicast;
use twin::WallTime;
use umbra_topology_sync::bgp::router::Router;
use umbra_topology_sync::observation::{Fact, Observation, Observer, Said};

use super::build::*;

/// A router that has sent these messages, and what it told.
struct Lab {
    router: Router,
    told: Vec<Observation>,
    second: i64,
}

impl Lab {
    fn new() -> Self {
        Self { router: Router::new(Observer::node("r1")), told: Vec::new(), second: 0 }
    }

    fn send(&mut self, messages: &[Vec<u8>]) -> &mut Self {
        for message in messages {
            self.second += 1;
            let Self { router, told, second } = self;
            router.bytes(WallTime::from_secs(*second), message, &mut |o| told.push(o));
        }
        assert!(
            self.router.diagnostics().iter().all(|d| d.code != "bmp-message"),
            "{:?}",
            self.router.diagnostics()
        );
        self
    }

    /// A line for each route: view, prefix, path identifier, next hop, `stale`.
    fn routes(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (key, rib) in self.router.rib().peers() {
            for r in rib.routes() {
                let hop = rib.attributes(&r).next_hop.map(|ip| ip.to_string()).unwrap_or_default();
                let stale = if r.stale { " stale" } else { "" };
                lines.push(format!("{:?} {} {} {hop}{stale}", key.view, r.prefix, r.path_id));
            }
        }
        lines.sort();
        lines
    }

    fn states(&self) -> Vec<String> {
        let state = |o: &Observation| match &o.said {
            Said::Is(fact, _) => match &**fact {
                Fact::BgpPeer(p) => Some(p.state.clone()),
                _ => None,
            },
            Said::Not(_) => Some("gone".to_owned()),
            Said::Read(_) | Said::Lost => None,
        };
        self.told.iter().filter_map(state).collect()
    }
}

const ID: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 0, 1);
const IN_PRE: &str = "AdjRibIn { post_policy: false }";
const IN_POST: &str = "AdjRibIn { post_policy: true }";
const OUT_POST: &str = "AdjRibOut { post_policy: true }";

fn up() -> Vec<u8> {
    peer_up(
        adj_rib(false, false),
        open(65_000, ID, &[Ipv4Unicast], None),
        open(65_001, PEER, &[Ipv4Unicast], None),
    )
}

#[test]
fn views_are_kept_apart_and_end_together() {
    let mut lab = Lab::new();
    let one = || announce(&[("192.0.2.0/24", None)], "10.0.0.2");
    lab.send(&[
        up(),
        monitoring(adj_rib(false, false), one()),
        monitoring(adj_rib(false, true), announce(&[("192.0.2.0/24", None)], "10.0.0.9")),
        monitoring(adj_rib(true, true), one()),
        monitoring(LOC_RIB, one()),
    ]);
    assert_eq!(
        lab.routes(),
        [
            format!("{IN_PRE} 192.0.2.0/24 0 10.0.0.2"),
            format!("{IN_POST} 192.0.2.0/24 0 10.0.0.9"),
            format!("{OUT_POST} 192.0.2.0/24 0 10.0.0.2"),
            "LocRib 192.0.2.0/24 0 10.0.0.2".to_owned(),
        ]
    );
    lab.send(&[peer_down(adj_rib(false, false), Reason::RemoteSystemClosedNoData)]);
    assert_eq!(lab.routes(), ["LocRib 192.0.2.0/24 0 10.0.0.2"], "the router's own stay");
    assert_eq!(lab.states(), ["Established", "Idle"]);
    lab.send(&[up(), peer_down(adj_rib(false, false), Reason::PeerDeConfigured)]);
    assert_eq!(lab.states(), ["Established", "Idle", "Established", "gone"]);
}

#[test]
fn a_withdrawal_names_prefix_and_path_and_no_next_hop() {
    let mut lab = Lab::new();
    let (ours, theirs) = ((false, true), (true, false));
    lab.send(&[
        peer_up(
            adj_rib(false, false),
            open(65_000, ID, &[Ipv4Unicast], Some(ours)),
            open(65_001, PEER, &[Ipv4Unicast], Some(theirs)),
        ),
        monitoring(adj_rib(false, false), announce(&[("192.0.2.0/24", Some(1))], "10.0.0.2")),
        monitoring(adj_rib(false, false), announce(&[("192.0.2.0/24", Some(2))], "10.0.0.3")),
        monitoring(adj_rib(false, false), announce(&[("192.0.2.0/24", Some(2))], "10.0.0.4")),
        monitoring(adj_rib(false, false), withdraw(&[("192.0.2.0/24", Some(1))])),
    ]);
    assert_eq!(lab.routes(), [format!("{IN_PRE} 192.0.2.0/24 2 10.0.0.4")]);
}

/// RFC 7911 §4, RFC 8671 §5.3: path identifiers go one way only, and the O flag of a Peer Up means nothing.
#[test]
fn each_direction_of_a_session_is_read_by_its_own_agreement() {
    for flag in [false, true] {
        let mut lab = Lab::new();
        // We would send paths with identifiers, the peer would receive them; not the other way.
        lab.send(&[
            peer_up(
                adj_rib(flag, false),
                open(65_000, ID, &[Ipv4Unicast], Some((true, false))),
                open(65_001, PEER, &[Ipv4Unicast], Some((false, true))),
            ),
            monitoring(adj_rib(true, true), announce(&[("192.0.2.0/24", Some(7))], "10.0.0.1")),
            monitoring(adj_rib(false, true), announce(&[("198.51.100.0/24", None)], "10.0.0.2")),
        ]);
        assert_eq!(
            lab.routes(),
            [format!("{IN_POST} 198.51.100.0/24 0 10.0.0.2"), format!("{OUT_POST} 192.0.2.0/24 7 10.0.0.1")],
            "O flag of the Peer Up: {flag}"
        );
    }
}

#[test]
fn stale_routes_stand_until_the_peer_has_told_all_again() {
    let mut lab = Lab::new();
    let monitor = |update| monitoring(adj_rib(false, false), update);
    let both = [("192.0.2.0/24", None), ("198.51.100.0/24", None)];
    lab.send(&[up(), monitor(announce(&both, "10.0.0.2")), monitor(end_of_rib())]);
    lab.router.lost();
    assert_eq!(
        lab.routes(),
        [
            format!("{IN_PRE} 192.0.2.0/24 0 10.0.0.2 stale"),
            format!("{IN_PRE} 198.51.100.0/24 0 10.0.0.2 stale")
        ]
    );
    lab.send(&[up(), monitor(announce(&both[..1], "10.0.0.2"))]);
    assert_eq!(
        lab.routes(),
        [format!("{IN_PRE} 192.0.2.0/24 0 10.0.0.2"), format!("{IN_PRE} 198.51.100.0/24 0 10.0.0.2 stale")]
    );
    lab.send(&[monitor(end_of_rib())]);
    assert_eq!(lab.routes(), [format!("{IN_PRE} 192.0.2.0/24 0 10.0.0.2")]);
}

/// RFC 9069 §6.1.1: a router may announce its own routes by several Peer Ups, one a family.
#[test]
fn a_second_peer_up_of_the_routers_own_routes_makes_none_stale() {
    let mut lab = Lab::new();
    let own =
        || peer_up(LOC_RIB, open(65_000, ID, &[Ipv4Unicast], None), open(65_000, ID, &[Ipv4Unicast], None));
    lab.send(&[own(), monitoring(LOC_RIB, announce(&[("192.0.2.0/24", None)], "10.0.0.2")), own()]);
    assert_eq!(lab.routes(), ["LocRib 192.0.2.0/24 0 10.0.0.2"]);
    assert_eq!(lab.states(), [""; 0], "its own routes are no session");
}
