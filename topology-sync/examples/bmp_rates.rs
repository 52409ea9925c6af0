//! How fast BMP and MRT go into the store: messages per second, the end of a peer with a million routes, memory.
//!
//! `cargo run --release -p umbra-topology-sync --features bgp --example bmp_rates [-- ROUTES]`. One message a route, of
//! some 100 bytes, 1 set of attributes to 10 routes. The first line is the decoder alone, on the same bytes: the yardstick.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use ipnet::Ipv4Net;
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::nlri::{Ipv4Unicast, Ipv4UnicastAddress};
use netgauze_bgp_pkt::path_attribute::{
    As4PathSegment, AsPath, AsPathSegmentType, LocalPreference, NextHop, Origin, PathAttribute,
    PathAttributeValue,
};
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_bmp_pkt::v3::{
    BmpMessageValue, PeerDownNotificationMessage, PeerDownNotificationReason, RouteMonitoringMessage,
};
use netgauze_bmp_pkt::wire::deserializer::BmpParsingContext;
use netgauze_bmp_pkt::{BmpMessage, BmpPeerType, PeerHeader};
use netgauze_parse_utils::WritablePdu;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use twin::{EntityKey, Fib, Route, RouteAction, WallTime};
use umbra_topology_sync::bgp::forwarding::Forwarding;
use umbra_topology_sync::bgp::mrt;
use umbra_topology_sync::bgp::rib::Rib;
use umbra_topology_sync::bgp::router::Router;
use umbra_topology_sync::changed::Changed;
use umbra_topology_sync::observation::Observer;

/// Pieces as a socket would give them.
const PIECE: usize = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let routes: u32 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let mut bytes = Vec::new();
    for n in 0..routes {
        announcement(n)?.write(&mut bytes)?;
    }
    println!("{routes} messages, {:.1} bytes each", bytes.len() as f64 / f64::from(routes));

    let mut decoded = Ok(());
    let seconds = time(|| decoded = decode(&bytes));
    decoded?;
    println!("decoder alone        {:>9.0} messages/s", f64::from(routes) / seconds);

    let mut router = Router::new(Observer::node("r"));
    for what in ["into an empty store", "the same once more  "] {
        let seconds = time(|| feed(&mut router, &bytes));
        println!("{what}  {:>9.0} messages/s", f64::from(routes) / seconds);
    }
    let (_, rib) = router.rib().peers().next().ok_or("no routes")?;
    println!("{} routes, {} sets of attributes", rib.len(), rib.attribute_sets());
    println!("memory               {:>9.1} bytes/route", rib.memory() as f64 / rib.len() as f64);

    tables(&mut router)?;

    println!("session lost         {:>9.3} ms", 1e3 * time(|| router.lost()));
    let mut down = Vec::new();
    peer_down()?.write(&mut down)?;
    println!("peer down            {:>9.3} ms", 1e3 * time(|| feed(&mut router, &down)));
    println!("{} routes left", router.rib().len());

    let (dump, mut rib) = (table_dump(routes), Rib::default());
    let mut read = Ok(mrt::Summary::default());
    let seconds = time(|| read = mrt::read("dump", &dump, &mut rib));
    println!("MRT table dump       {:>9.0} elements/s", read?.elements as f64 / seconds);
    println!("{} routes, {:.1} bytes/route", rib.len(), rib.memory() as f64 / rib.len() as f64);
    Ok(())
}

/// What the router forwards by: the table of all its routes, then one route more.
fn tables(router: &mut Router) -> Result<(), Box<dyn Error>> {
    let link = twin::NextHop { port: EntityKey::new("port:node:name:r/e1"), gateway: None };
    let connected = Route { prefix: "192.0.2.0/24".parse()?, action: RouteAction::Forward(vec![link]) };
    let (mut forwarding, mut other) = (Forwarding::default(), Some(Fib::from_iter([connected])));
    let mut bytes = Vec::new();
    announcement(1 << 20)?.write(&mut bytes)?;
    forwarding.forget();
    for what in ["table of all routes", "one route more     "] {
        let mut routes = 0;
        let seconds = time(|| {
            let touched = router.take_touched();
            routes = match forwarding.changed(&router.choice(), touched, other.take()) {
                Changed::Table(fib) => fib.len(),
                Changed::Routes(list) => list.len(),
            };
        });
        println!("{what}  {:>9.3} ms, {routes} routes", 1e3 * seconds);
        feed(router, &bytes);
    }
    Ok(())
}

/// A TABLE_DUMP_V2 file (RFC 6396 §4.3) of one peer with so many prefixes, 1 set of attributes to 10 of them.
fn table_dump(routes: u32) -> Vec<u8> {
    let record = |subtype: u8, body: &[u8]| {
        [&[0x65, 0, 0, 0, 0, 13, 0, subtype][..], &(body.len() as u32).to_be_bytes(), body].concat()
    };
    let peers = [10, 0, 0, 9, 0, 0, 0, 1, 2, 192, 0, 2, 1, 192, 0, 2, 1, 0, 0, 0xfd, 0xe9];
    let mut dump = record(1, &peers);
    for n in 0..routes {
        let net = (0x0100_0000 + (n << 8) % 0xd000_0000).to_be_bytes();
        let path: Vec<u8> = path(n / 10).iter().flat_map(|asn| asn.to_be_bytes()).collect();
        let attributes =
            [&[0x40, 1, 1, 0, 0x40, 2, 18, 2, 4][..], &path, &[0x40, 3, 4, 192, 0, 2, 1]].concat();
        let entry = [&[0, 0, 0, 0, 0, 0, 0, attributes.len() as u8][..], &attributes].concat();
        dump.extend(record(2, &[&n.to_be_bytes()[..], &[24], &net[..3], &[0, 1], &entry].concat()));
    }
    dump
}

/// The AS path of a set of attributes.
fn path(set: u32) -> Vec<u32> {
    vec![65_001, 64_512 + set % 500, 1_000 + set % 7_000, 100_000 + set]
}

/// Seconds that something takes.
fn time(what: impl FnOnce()) -> f64 {
    let start = Instant::now();
    what();
    start.elapsed().as_secs_f64()
}

fn decode(bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let (mut context, mut at) = (BmpParsingContext::default(), 0);
    while at < bytes.len() {
        let length = u32::from_be_bytes(bytes[at + 1..at + 5].try_into()?) as usize;
        std::hint::black_box(BmpMessage::parse(
            &mut SliceReader::new(&bytes[at..at + length]),
            &mut context,
        )?);
        at += length;
    }
    Ok(())
}

fn feed(router: &mut Router, bytes: &[u8]) {
    for piece in bytes.chunks(PIECE) {
        router.bytes(WallTime::from_secs(1), piece, &mut |_| {});
    }
}

fn peer() -> PeerHeader {
    let kind =
        BmpPeerType::GlobalInstancePeer { ipv6: false, post_policy: true, asn2: false, adj_rib_out: false };
    let address = Ipv4Addr::new(192, 0, 2, 1);
    PeerHeader::new(kind, None, Some(IpAddr::V4(address)), 65_001, address, None)
}

fn peer_down() -> Result<BmpMessage, Box<dyn Error>> {
    let down =
        PeerDownNotificationMessage::build(peer(), PeerDownNotificationReason::RemoteSystemClosedNoData)?;
    Ok(BmpMessage::V3(BmpMessageValue::PeerDownNotification(down)))
}

fn announcement(n: u32) -> Result<BmpMessage, Box<dyn Error>> {
    let path = As4PathSegment::new(AsPathSegmentType::AsSequence, path(n / 10));
    let attribute =
        |value| PathAttribute::from(false, true, false, false, value).map_err(|(_, e)| format!("{e:?}"));
    let attributes = vec![
        attribute(PathAttributeValue::Origin(Origin::IGP))?,
        attribute(PathAttributeValue::AsPath(AsPath::As4PathSegments(vec![path].into())))?,
        attribute(PathAttributeValue::NextHop(NextHop::new(Ipv4Addr::new(192, 0, 2, 1))))?,
        attribute(PathAttributeValue::LocalPreference(LocalPreference::new(100)))?,
    ];
    // /24s from 1.0.0.0 on, so that a million of them stay below multicast.
    let net = Ipv4Net::new(Ipv4Addr::from(0x0100_0000 + (n << 8) % 0xd000_0000), 24)?;
    let net = Ipv4UnicastAddress::new_no_path_id(Ipv4Unicast::from_net(net).map_err(|e| format!("{e:?}"))?);
    let update = BgpMessage::Update(BgpUpdateMessage::new(vec![], attributes, vec![net]));
    Ok(BmpMessage::V3(BmpMessageValue::RouteMonitoring(RouteMonitoringMessage::build(peer(), update)?)))
}
