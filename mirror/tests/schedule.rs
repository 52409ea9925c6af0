//! Recorded captures sent again by hosts of the twin.

use std::path::Path;

use twin::{Diagnostic, EntityKey, PacketSchedule};
use umbra_mirror::schedule::{AddressMap, Host, ScheduleBuilder};
use umbra_mirror::source;

fn hosts(names: &[&str]) -> Vec<Host> {
    names.iter().map(|name| Host { key: EntityKey::node(name), name: (*name).to_owned() }).collect()
}

fn schedule(map: &AddressMap, captures: &[&str]) -> (PacketSchedule, Vec<Diagnostic>) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/pcap/captures"));
    let mut builder = ScheduleBuilder::new(map);
    for name in captures {
        builder.add(&mut source::open(&folder.join(name)).unwrap()).unwrap();
    }
    builder.finish()
}

#[test]
fn a_connection_between_two_hosts_keeps_times_sizes_bytes_and_directions() {
    let table = "prefix,node\n141.142.228.5,client\n192.150.0.0/16,server\n";
    let map = AddressMap::read("addr-map.csv", table, hosts(&["client", "server"])).unwrap();
    let (schedule, diagnostics) = schedule(&map, &["zeek__vlan-qinqinq.pcap"]);
    assert_eq!(diagnostics, []);
    assert_eq!(schedule.endpoints, [EntityKey::node("client"), EntityKey::node("server")]);
    assert_eq!(schedule.packets.len(), 14);
    assert_eq!(schedule.packets[0].at.as_ps(), 0);
    // From the first to the last stamp of the capture: 0.211628 s.
    assert_eq!(schedule.packets[13].at.as_ps(), 211_628_000_000);
    let total: u64 = schedule.packets.iter().map(|p| p.size.get()).sum();
    assert_eq!(total, 6_255);
    for packet in &schedule.packets {
        assert_eq!(packet.frame.as_ref().unwrap().len() as u64, packet.size.get());
        assert_eq!(packet.flow == schedule.packets[0].flow, packet.src == 0, "one flow number a direction");
    }
}

#[test]
fn tcp_apart_is_what_each_side_sent() {
    let table = "prefix,node\n141.142.228.5,client\n192.150.0.0/16,server\n";
    let map = AddressMap::read("addr-map.csv", table, hosts(&["client", "server"])).unwrap();
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/pcap/captures"));
    let mut builder = ScheduleBuilder::new(&map).with_tcp_apart();
    builder.add(&mut source::open(&folder.join("zeek__vlan-qinqinq.pcap")).unwrap()).unwrap();
    let (schedule, connections, diagnostics) = builder.finish_apart();
    assert_eq!((schedule.packets.len(), diagnostics.len(), connections.len()), (0, 0, 1));
    let c = connections[0];
    assert_eq!((c.hosts, c.hashed, c.first.as_ps()), ([0, 1], false, 0));
    assert_eq!(c.flows[0] / 2, c.flows[1] / 2);
    assert_ne!(c.flows[0], c.flows[1]);
    assert_eq!(
        (c.client.to_string(), c.server.to_string()),
        ("141.142.228.5:59856".into(), "192.150.187.43:80".into())
    );
    assert_eq!((c.forward.get(), c.backward.get()), (136, 3 * 1_448 + 663));
}

#[test]
fn what_cannot_be_sent_is_counted_by_reason() {
    let map = AddressMap::read("addr-map.csv", "prefix,node\n10.0.0.0/8,a\n", hosts(&["a", "b"])).unwrap();
    let (schedule, diagnostics) = schedule(&map, &["ppp__DnsPackets.pcap", "tcpdump__vrrp.pcap"]);
    assert!(schedule.packets.is_empty());
    let counts: Vec<_> = diagnostics.iter().map(|d| (d.code.as_str(), d.count)).collect();
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    assert_eq!(total, 464 + 165);
    assert!(counts.iter().any(|&(code, count)| code == "ends-on-one-host" && count > 0), "{counts:?}");
    assert!(counts.iter().any(|&(code, count)| code == "address-unmapped" && count > 0), "{counts:?}");
}

#[test]
fn raw_ip_gets_a_header_to_be_forwarded_by_and_strangers_none() {
    let capture = "ppp__raw_ip.pcap";
    let blocks = [("10.0.0.0/8", 0), ("0.0.0.0/0", 1), ("2001:618:400::/48", 0), ("::/0", 1)];
    let blocks = blocks.map(|(block, host)| (block.parse().unwrap(), host));
    let own = AddressMap::owned(hosts(&["a", "b"]), blocks, vec![0, 1]);
    let (known, diagnostics) = schedule(&own, &[capture]);
    assert!(diagnostics.iter().all(|d| d.code != "address-hashed"), "{diagnostics:?}");
    assert_eq!(known.packets.len(), 28 + 22, "the others are eleven years later: longer than a run can last");
    for packet in &known.packets {
        let frame = packet.frame.as_ref().unwrap();
        assert_eq!(frame.len() as u64, packet.size.get() + 14);
        let version = if frame[12..14] == [8, 0] { 4 } else { 6 };
        assert_eq!(frame[14] >> 4, version);
    }
    let (strangers, diagnostics) =
        schedule(&AddressMap::owned(hosts(&["a", "b"]), [], vec![0, 1]), &[capture]);
    assert!(!strangers.packets.is_empty() && strangers.packets.iter().all(|p| p.frame.is_none()));
    let hashed = diagnostics.iter().find(|d| d.code == "address-hashed").unwrap().count;
    assert_eq!(hashed, strangers.packets.len() as u64);
}

#[test]
fn several_captures_are_merged_by_time() {
    let map = AddressMap::hashed(hosts(&["a", "b", "c", "d", "e", "f", "g"]));
    let pair = ["tcpreplay__test_test.pcap", "tcpreplay__test_test_fragroute.pcap"];
    let (merged, _) = schedule(&map, &pair);
    let (swapped, _) = schedule(&map, &[pair[1], pair[0]]);
    let alone: usize = pair.iter().map(|name| schedule(&map, &[name]).0.packets.len()).sum();
    assert_eq!(merged.packets.len(), alone);
    assert!(merged.packets.is_sorted_by_key(|p| p.at));
    let times = |s: &PacketSchedule| s.packets.iter().map(|p| p.at).collect::<Vec<_>>();
    assert_eq!(times(&merged), times(&swapped));
}

#[test]
fn fragments_of_a_datagram_take_one_path() {
    let map = AddressMap::read(
        "addr-map.csv",
        "prefix,node\n10.118.213.212,a\n10.118.213.211,b\n",
        hosts(&["a", "b"]),
    );
    let map = map.unwrap();
    let (schedule, _) = schedule(&map, &["ppp__ip4_fragments.pcap"]);
    // All answers of this file server are fragmented.
    let answers: Vec<_> = schedule.packets.iter().filter(|p| p.src == 0).collect();
    assert!(answers.len() > 40);
    assert!(answers.iter().all(|p| p.flow == answers[0].flow));
}
