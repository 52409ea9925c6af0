//! BGP-LS.

use std::collections::BTreeMap;

use netgauze_bgp_pkt::iana::BgpLsProtocolId::{IsIsLevel2, OspfV2, OspfV3};
use netgauze_bgp_pkt::nlri::BgpLsLinkDescriptor as End;
use netgauze_bgp_pkt::path_attribute::BgpLsAttributeValue as Said;
use netgauze_bmp_pkt::v3::PeerDownNotificationReason as Reason;
use twin::WallTime;
use umbra_topology_sync::bgp::router::Router;
use umbra_topology_sync::observation::{
    Fact, IgpLink, IgpLinkKind, IgpProtocol, LinkEnd, LinkState, LinkStateId, LinkStateKind, Observer,
};
use umbra_topology_sync::store::Store;

use super::build::*;

/// The link states that stand after these messages, one a second.
fn stand(messages: &[Vec<u8>]) -> BTreeMap<LinkStateId, LinkState> {
    let (mut router, mut store) = (Router::new(Observer::node("rr")), Store::default());
    for (second, message) in messages.iter().enumerate() {
        router.bytes(WallTime::from_secs(second as i64), message, &mut |o| store.take(o));
    }
    assert!(router.diagnostics().iter().all(|d| d.code != "bmp-message"), "{:?}", router.diagnostics());
    let observer = Observer::node("rr");
    let standing = store.standing(&observer, WallTime::from_secs(messages.len() as i64));
    let states = standing.filter_map(|s| match s.fact {
        Fact::LinkState(state) => Some((state.id.clone(), state.clone())),
        _ => None,
    });
    states.collect()
}

fn tell(update: netgauze_bgp_pkt::update::BgpUpdateMessage) -> Vec<u8> {
    monitoring(adj_rib(false, false), update)
}

fn r1() -> LsNode {
    LsNode(OspfV2, 0, vec![10, 0, 0, 1])
}

fn r2() -> LsNode {
    LsNode(OspfV2, 0, vec![10, 0, 0, 2])
}

/// The medium of which r2 is the designated router, by its address 10.1.2.2.
fn medium() -> LsNode {
    LsNode(OspfV2, 0, vec![10, 0, 0, 2, 10, 1, 2, 2])
}

fn ends(near: [u8; 4], far: [u8; 4]) -> Vec<End> {
    vec![End::IPv4InterfaceAddress(near.into()), End::IPv4NeighborAddress(far.into())]
}

fn database() -> Vec<Vec<u8>> {
    vec![
        tell(announce_ls(
            r1().node(),
            vec![Said::NodeNameTlv("r1".into()), Said::LocalNodeIpv4RouterId([10, 0, 0, 1].into())],
        )),
        tell(announce_ls(
            r1().link(&r2(), ends([10, 1, 1, 1], [10, 1, 1, 2])),
            vec![Said::IgpMetric([0, 20].into())],
        )),
        tell(announce_ls(
            r1().link(&medium(), ends([10, 1, 2, 1], [0, 0, 0, 0])[..1].to_vec()),
            vec![Said::IgpMetric([1, 0].into())],
        )),
        tell(announce_ls(medium().link(&r1(), vec![]), vec![])),
        tell(announce_ls(r1().prefix("10.9.0.0/16"), vec![Said::PrefixMetric(30)])),
    ]
}

fn id(kind: LinkStateKind, router: &str, number: &str) -> LinkStateId {
    let (protocol, area) = (IgpProtocol::Ospf2, "0.0.0.0".to_owned());
    LinkStateId { protocol, area, kind, router: router.to_owned(), number: number.to_owned() }
}

#[test]
fn an_ospf_database_is_put_together_again() {
    let states = stand(&database());
    let address = |ip: [u8; 4]| Some(LinkEnd::Address(std::net::IpAddr::from(ip)));
    let expected = LinkState {
        id: id(LinkStateKind::Router, "10.0.0.1", "10.0.0.1"),
        sequence: 0,
        name: Some("r1".to_owned()),
        links: vec![
            IgpLink {
                kind: IgpLinkKind::PointToPoint,
                to: "10.0.0.2".to_owned(),
                near: address([10, 1, 1, 1]),
                far: address([10, 1, 1, 2]),
                metric: 20,
            },
            IgpLink {
                kind: IgpLinkKind::Transit,
                to: "10.1.2.2".to_owned(),
                near: address([10, 1, 2, 1]),
                far: None,
                metric: 256,
            },
        ],
        addresses: vec![[10, 0, 0, 1].into()],
        prefixes: vec![("10.9.0.0/16".parse().unwrap(), 30)],
        overload: false,
    };
    assert_eq!(states[&expected.id], expected);
    let network = &states[&id(LinkStateKind::Network, "10.0.0.2", "10.1.2.2")];
    assert_eq!(network.links.iter().map(|l| (&*l.to, l.metric)).collect::<Vec<_>>(), [("10.0.0.1", 0)]);
    assert_eq!(states.len(), 2, "nothing is told of r2 itself");
}

#[test]
fn isis_and_ospfv3_go_by_their_own_names() {
    let system = |n: u8| vec![0, 0, 0, 0, 0, n];
    let a = LsNode(IsIsLevel2, 0, system(0xc1));
    let lan = LsNode(IsIsLevel2, 0, [system(0xc3), vec![4]].concat());
    let (b, link) = (LsNode(OspfV3, 7, vec![10, 0, 0, 9]), LsNode(OspfV3, 7, vec![10, 0, 0, 8, 0, 0, 0, 5]));
    let index = End::LinkLocalRemoteIdentifiers { link_local_identifier: 3, link_remote_identifier: 5 };
    let states = stand(&[
        tell(announce_ls(a.link(&lan, vec![]), vec![Said::IgpMetric([1, 0, 0].into())])),
        tell(announce_ls(lan.link(&a, vec![]), vec![])),
        tell(announce_ls(b.link(&link, vec![index]), vec![Said::IgpMetric([0, 1].into())])),
    ]);
    let lines: Vec<_> = states
        .values()
        .map(|s| {
            let l = &s.links[0];
            let i = &s.id;
            format!(
                "{:?} {} {:?} {} {} -> {} {:?} {}",
                i.protocol, i.area, i.kind, i.router, i.number, l.to, l.near, l.metric
            )
        })
        .collect();
    assert_eq!(
        lines,
        [
            "Ospf3 0.0.0.7 Router 10.0.0.9 0.0.0.0 -> 10.0.0.8#5 Some(Index(3)) 1",
            "Isis 2 Router 0000.0000.00c1 00-00 -> 0000.0000.00c3.04 None 65536",
            "Isis 2 Network 0000.0000.00c3 04-00 -> 0000.0000.00c1 None 0",
        ]
    );
}

#[test]
fn what_is_withdrawn_is_gone_part_by_part() {
    let link = r1().link(&r2(), ends([10, 1, 1, 1], [10, 1, 1, 2]));
    let mut messages = database();
    messages.push(tell(withdraw_ls(vec![link, medium().link(&r1(), vec![])])));
    let states = stand(&messages);
    assert_eq!(states.len(), 1, "the medium has no part left");
    let r1 = &states[&id(LinkStateKind::Router, "10.0.0.1", "10.0.0.1")];
    assert_eq!(r1.links.iter().map(|l| &*l.to).collect::<Vec<_>>(), ["10.1.2.2"]);
    assert_eq!(r1.name.as_deref(), Some("r1"));
}

#[test]
fn a_peer_takes_with_it_what_no_other_tells() {
    let mut messages = database();
    messages.push(monitoring(LOC_RIB, announce_ls(r1().node(), vec![Said::NodeNameTlv("r1".into())])));
    messages.push(peer_down(adj_rib(false, false), Reason::RemoteSystemClosedNoData));
    let states = stand(&messages);
    assert_eq!(states.keys().collect::<Vec<_>>(), [&id(LinkStateKind::Router, "10.0.0.1", "10.0.0.1")]);
    let state = states.values().next().unwrap();
    assert_eq!((state.name.as_deref(), state.links.len()), (Some("r1"), 0));
}
