//! Frames of every kind, changed in one point each: what must be said then.

use std::net::IpAddr;
use std::time::Duration;

use twin::WallTime;
use umbra_topology_sync::observation::{Fact, Hello, LinkState, LldpNeighbor, Observation, Said, Topic};
use umbra_topology_sync::wire::Listener;

use crate::fact;
use crate::packets::{ETHERNET, Sample, frames, repair};

fn hear(frame: &Sample) -> (Vec<Observation>, Vec<String>) {
    let mut listener = Listener::new("tap");
    let said = listener.frame(WallTime::from_ns(1), None, frame.link_type, &frame.data);
    (said, listener.diagnostics().iter().map(|d| d.code.clone()).collect())
}

/// The first frame of a capture that says what `wanted` looks for.
fn first(name: &str, wanted: impl Fn(&Fact) -> bool) -> Sample {
    let says = |f: &Sample| hear(f).0.iter().filter_map(fact).any(&wanted);
    frames(name).into_iter().find(|f| says(f)).unwrap()
}

/// The last frame of a capture that says what `wanted` looks for.
fn last(name: &str, wanted: impl Fn(&Fact) -> bool) -> Sample {
    let says = |f: &Sample| hear(f).0.iter().filter_map(fact).any(&wanted);
    frames(name).into_iter().rfind(|f| says(f)).unwrap()
}

fn neighbor(said: &[Observation]) -> LldpNeighbor {
    match fact(&said[0]) {
        Some(Fact::Neighbor(n)) => (**n).clone(),
        other => panic!("{other:?}"),
    }
}

/// An LLDP frame with these TLVs.
fn lldp(head: &[u8], tlvs: &[(u8, &[u8])]) -> Sample {
    let mut data = [&[1, 0x80, 0xc2, 0, 0, 3, 2, 0, 0, 0, 0, 9], head].concat();
    for (kind, value) in tlvs {
        data.extend((u16::from(*kind) << 9 | value.len() as u16).to_be_bytes());
        data.extend(*value);
    }
    Sample { link_type: ETHERNET, data }
}

const UNTAGGED: &[u8] = &[0x88, 0xcc];
const IDS: [(u8, &[u8]); 3] = [(1, b"\x04\x02\x00\x00\x00\x00\x01"), (2, b"\x05swp7"), (3, b"\x00\x78")];

#[test]
fn lldp_ids_and_everything_optional() {
    let more: [(u8, &[u8]); 9] = [
        (4, b"to spine"),
        (5, b"leaf1\0"),
        (6, b"Some OS"),
        (7, &[0, 0x14, 0, 0x10]),
        (8, &[5, 1, 192, 0, 2, 1, 2, 0, 0, 0, 7, 0]),
        (8, &[17, 2, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 7, 0]),
        (127, &[0x00, 0x80, 0xc2, 7, 3, 0, 0, 0, 100]),
        (127, &[0x00, 0x12, 0x0f, 4, 0x24, 0x00]),
        (0, &[]),
    ];
    let n = neighbor(&hear(&lldp(UNTAGGED, &[&IDS[..], &more].concat())).0);
    assert_eq!(n.chassis.id.to_string(), "mac 02:00:00:00:00:01");
    assert_eq!((n.port.to_string().as_str(), n.description.as_deref()), ("ifname swp7", Some("to spine")));
    assert_eq!(n.chassis.name.as_deref(), Some("leaf1"));
    assert_eq!((n.chassis.router, n.chassis.bridge), (true, false), "enabled, not merely able");
    let addresses = ["192.0.2.1", "2001:db8::1"].map(|t| t.parse::<IpAddr>().unwrap());
    assert_eq!(n.chassis.management, addresses);
    assert_eq!((n.aggregate, n.max_frame), (Some(100), Some(9_216)));
}

#[test]
fn a_port_that_could_be_but_is_not_a_member_names_no_bundle() {
    let able: [(u8, &[u8]); 1] = [(127, &[0x00, 0x80, 0xc2, 7, 1, 0, 0, 0, 0])];
    assert_eq!(neighbor(&hear(&lldp(UNTAGGED, &[&IDS[..], &able].concat())).0).aggregate, None);
}

#[test]
fn a_time_to_live_of_zero_ends_the_neighbour_at_once() {
    let (said, _) = hear(&lldp(UNTAGGED, &[IDS[0], IDS[1], (3, &[0, 0]), (0, &[])]));
    let alive = hear(&lldp(UNTAGGED, &IDS)).0;
    let Said::Is(fact, Some(lifetime)) = &alive[0].said else { panic!("{alive:?}") };
    assert_eq!(*lifetime, Duration::from_secs(120));
    assert_eq!(said[0].said, Said::Not(fact.key()));
}

#[test]
fn tagged_lldp_speaks_of_the_cable_all_the_same() {
    let tagged = hear(&lldp(&[0x81, 0, 0, 5, 0x88, 0xcc], &IDS)).0;
    assert_eq!(tagged, hear(&lldp(UNTAGGED, &IDS)).0);
}

#[test]
fn what_lldp_requires_must_come_first_and_once() {
    let (said, faults) = hear(&lldp(UNTAGGED, &[IDS[1], IDS[0], IDS[2]]));
    assert_eq!((said.len(), faults.concat().as_str()), (0, "lldp-broken"));
    let (said, faults) = hear(&lldp(UNTAGGED, &[IDS[0], IDS[1], IDS[2], IDS[1]]));
    assert_eq!((said.len(), faults.concat().as_str()), (1, "lldp-tlv-broken"));
}

fn is_router(fact: &Fact) -> bool {
    matches!(fact, Fact::LinkState(LinkState { links, .. }) if !links.is_empty())
}

/// The bytes of an SLL2 frame with an IPv4 header of 20 bytes that belong to OSPF.
const OSPF: usize = 40;
/// And to the first advertisement of an update.
const LSA: usize = OSPF + 28;

#[test]
fn an_advertisement_lives_for_the_rest_of_its_hour_and_is_flushed_at_the_end_of_it() {
    let mut frame = first("lab-a/r1.pcap", is_router);
    let age = |frame: &Sample| u16::from_be_bytes([frame.data[LSA], frame.data[LSA + 1]]);
    let (said, _) = hear(&frame);
    let Said::Is(fact, Some(lifetime)) = &said[0].said else { panic!("{said:?}") };
    assert_eq!(lifetime.as_secs(), 3_600 - u64::from(age(&frame)));
    let key = fact.key();

    frame.data[LSA..LSA + 2].copy_from_slice(&3_600_u16.to_be_bytes());
    repair(&mut frame);
    assert_eq!(hear(&frame).0[0].said, Said::Not(key));

    // RFC 4136: an advertisement that does not age.
    frame.data[LSA..LSA + 2].copy_from_slice(&0x8001_u16.to_be_bytes());
    repair(&mut frame);
    assert!(matches!(&hear(&frame).0[0].said, Said::Is(_, None)));
}

#[test]
fn a_wrong_checksum_of_a_packet_or_of_an_advertisement_silences_it() {
    let good = first("lab-a/r1.pcap", is_router);
    let mut frame = good.clone();
    frame.data[OSPF + 4] ^= 1;
    assert_eq!(hear(&frame).1, ["ospf-broken"]);
    // The packet's own checksum made right, the advertisement's not.
    let mut frame = good.clone();
    let metric = LSA + 20 + 4 + 11;
    frame.data[metric] ^= 1;
    let mut packet = frame.clone();
    repair(&mut packet);
    assert!(hear(&packet).1.is_empty(), "both made right");
    let sum = sum_without_lsa_repair(&frame);
    frame.data[OSPF + 12..OSPF + 14].copy_from_slice(&sum);
    assert_eq!(hear(&frame).1, ["ospf-lsa-broken"]);
}

/// The Internet checksum changed by hand (RFC 1624): one byte at an odd offset lost or gained its lowest bit.
fn sum_without_lsa_repair(frame: &Sample) -> [u8; 2] {
    let metric = LSA + 20 + 4 + 11;
    let old = u32::from(u16::from_be_bytes([frame.data[OSPF + 12], frame.data[OSPF + 13]]));
    let (now, before) = (u32::from(frame.data[metric]), u32::from(frame.data[metric] ^ 1));
    let sum = (0xffff - old) + (0xffff - before) + now;
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    ((0xffff - folded) as u16).to_be_bytes()
}

#[test]
fn cryptographic_authentication_has_no_checksum_and_a_trailer() {
    let good = first("lab-a/r1.pcap", |f| matches!(f, Fact::Hello(_)));
    let mut frame = good.clone();
    frame.data[OSPF + 12..OSPF + 24].copy_from_slice(&[0, 0, 0, 2, 0, 0, 1, 16, 0, 0, 0, 9]);
    frame.data.extend([0xaa; 16]);
    let total = u16::from_be_bytes([frame.data[22], frame.data[23]]) + 16;
    frame.data[22..24].copy_from_slice(&total.to_be_bytes());
    let (said, faults) = hear(&frame);
    assert_eq!((said, faults), hear(&good));
}

#[test]
fn a_fragment_is_counted() {
    let mut frame = first("lab-a/r1.pcap", is_router);
    frame.data[26] = 0x20;
    let (said, faults) = hear(&frame);
    assert_eq!((said.len(), faults.concat().as_str()), (0, "ospf-fragment"));
}

#[test]
fn hellos_of_a_virtual_link_pass_by() {
    let mut frame = first("lab-a/r1.pcap", |f| matches!(f, Fact::Hello(_)));
    // To a unicast address, through two routers.
    frame.data[36..40].copy_from_slice(&[10, 9, 9, 9]);
    frame.data[28] = 62;
    assert_eq!(hear(&frame).0, []);
    frame.data[28] = 1;
    assert_eq!(hear(&frame).0.len(), 1, "a neighbour on a medium without multicast");
}

fn hello(frame: &Sample) -> Hello {
    match hear(frame).0.iter().find_map(fact) {
        Some(Fact::Hello(h)) => h.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn hellos_say_where_they_come_from_and_whom_they_hear() {
    let h = hello(&last("lab-a/r1.pcap", |f| matches!(f, Fact::Hello(h) if h.sender == "10.0.0.2")));
    assert_eq!((h.from.as_str(), h.hears.concat().as_str()), ("10.1.0.1", "10.0.0.1"));
    assert_eq!((h.prefix_len, h.designated, h.area.as_str()), (Some(31), None, "0.0.0.0"));
    assert_eq!(h.mac.unwrap().to_string(), "32:ac:53:af:04:aa");
    let h = hello(&last("lab-c/c1-eth1.pcap", |f| matches!(f, Fact::Hello(_))));
    assert_eq!((h.hears.len(), h.area.as_str(), h.interface.is_some()), (1, "2", true));
    assert!(h.hears[0].starts_with("0000.0000.000"), "{h:?}");
}

#[test]
fn an_lsp_lives_for_its_remaining_lifetime_and_a_purge_ends_it() {
    let mut frame = first("lab-c/c1-eth1.pcap", is_router);
    // Ethernet, LLC, common header, PDU length.
    let lifetime = 14 + 3 + 8 + 2;
    let (said, _) = hear(&frame);
    let Said::Is(fact, Some(lives)) = &said[0].said else { panic!("{said:?}") };
    assert_eq!(
        lives.as_secs(),
        u64::from(u16::from_be_bytes([frame.data[lifetime], frame.data[lifetime + 1]]))
    );
    frame.data[lifetime..lifetime + 2].fill(0);
    assert_eq!(hear(&frame).0[0].said, Said::Not(fact.key()), "the checksum leaves the lifetime out");
}

#[test]
fn an_outgoing_frame_tells_whose_end_a_wire_is() {
    let links: Vec<_> = frames("lab-a/r1.pcap").iter().flat_map(|f| hear(f).0).collect();
    let own = links.iter().filter(|o| matches!(fact(o), Some(Fact::Link(_))));
    let mut ends: Vec<String> = own
        .map(|o| match fact(o) {
            Some(Fact::Link(l)) => format!("{} {:?} {}", o.observer, l.ifindex, l.mac.unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    ends.sort();
    ends.dedup();
    assert_eq!(
        ends,
        [
            "tap#2 Some(2) 82:cc:93:62:d0:6d",
            "tap#3 Some(3) fa:df:d9:93:2e:3f",
            "tap#4 Some(4) 36:10:49:46:1c:a2",
        ]
    );
}

#[test]
fn a_vlan_is_a_wire_of_its_own_and_a_capture_that_mixes_interfaces_has_no_common_one() {
    let plain = frames("OSPFv3_broadcast_adjacency.pcap").remove(0);
    let mut tagged = plain.clone();
    tagged.data.splice(12..12, [0x81, 0, 0, 30]);
    let (a, b) = (hear(&plain).0, hear(&tagged).0);
    assert_eq!((a[0].observer.id(), b[0].observer.id()), ("tap", "tap@30"));
    assert_eq!(a[0].said, b[0].said);
    // LINUX_SLL: packet type, ARPHRD_ETHER, six bytes of address, the address, type.
    let mac = &plain.data[6..12];
    let cooked = [&[0, 2, 0, 1, 0, 6], mac, &[0, 0, 0x86, 0xdd], &plain.data[14..]].concat();
    let said = hear(&Sample { link_type: 113, data: cooked }).0;
    assert_eq!(said[0].observer.id(), "tap@c2:00:1f:fa:00:01");
    assert_eq!(said[0].said, a[0].said);
}

#[test]
fn sequence_number_pdus_and_exchange_packets_say_nothing_that_lasts() {
    for name in ["lab-c/c3-eth3.pcap", "lab-a/r1.pcap"] {
        let topics = frames(name).into_iter().flat_map(|f| hear(&f).0).map(|o| match o.said {
            Said::Is(fact, _) => fact.key().topic,
            Said::Not(key) => key.topic,
            Said::Read(scope) => scope.topic,
            Said::Lost => panic!("a frame says that somebody is lost"),
        });
        let mut topics: Vec<Topic> = topics.collect();
        topics.sort();
        topics.dedup();
        let lasting = [Topic::Links, Topic::Neighbors, Topic::Hellos, Topic::LinkStates];
        assert!(topics.iter().all(|t| lasting.contains(t)), "{topics:?}");
    }
}
