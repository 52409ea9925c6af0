//! The captures against what tcpdump printed of them.

use std::collections::BTreeMap;

use twin::Diagnostic;
use umbra_topology_sync::observation::{Fact, LinkStateKind, Observation, Said, Topic};
use umbra_topology_sync::wire::{self, Reading};

use crate::{bytes, captures, fact, folder, read};

/// Count and sum by capture and word.
type Counts = BTreeMap<(String, String), (u64, u64)>;

fn recorded() -> Counts {
    let text = std::fs::read_to_string(folder().join("tcpdump.csv")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        ((cells[0].to_owned(), cells[1].to_owned()), (cells[2].parse().unwrap(), cells[3].parse().unwrap()))
    };
    text.lines().skip(1).map(row).collect()
}

/// Adds `n` things with a sum to a count.
struct Count<'a> {
    capture: &'a str,
    into: &'a mut Counts,
}

impl Count<'_> {
    fn add(&mut self, what: &str, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            let (n, sum) = self.into.entry((self.capture.to_owned(), what.to_owned())).or_default();
            (*n, *sum) = (*n + 1, *sum + number);
        }
    }
}

/// What this reader found in a capture, in tcpdump's terms.
fn counted(name: &str, reading: &Reading, into: &mut Counts) {
    let mut count = Count { capture: name, into };
    let packets = |what: &str| reading.counts.get(what).copied().unwrap_or(0);
    for (what, word) in [("ospf-lsa", "ospf-lsa"), ("isis-lsp", "isis-lsp")] {
        count.add(what, (0..packets(word)).map(|_| 0));
    }
    for observation in &reading.observations {
        counted_word(observation, &mut count);
    }
}

fn counted_word(observation: &Observation, count: &mut Count<'_>) {
    let (fact, lifetime) = match &observation.said {
        Said::Is(fact, lifetime) => (&**fact, lifetime.map_or(0, |l| l.as_secs())),
        Said::Not(key) if key.topic == Topic::Neighbors => return count.add("lldp-ttl", [0]),
        // An advertisement of the greatest age: tcpdump prints what it once said.
        Said::Not(_) => return,
        Said::Read(_) | Said::Lost => panic!("{:?}", observation.said),
    };
    match fact {
        Fact::Neighbor(n) if n.chassis.id.kind == "device" => count.add("cdp-ttl", [lifetime]),
        Fact::Neighbor(n) => {
            count.add("lldp-ttl", [lifetime]);
            count.add("lldp-name", n.chassis.name.iter().map(|_| 0));
            count.add("lldp-description", n.description.iter().map(|_| 0));
            count.add("lldp-management", n.chassis.management.iter().map(|_| 0));
        }
        Fact::Hello(h) => {
            let what = if h.protocol.word() == "isis" { "isis-hello" } else { "ospf-hello" };
            count.add(what, [lifetime]);
        }
        Fact::LinkState(l) => {
            let links = l.links.iter().map(|l| u64::from(l.metric));
            let prefixes = l.prefixes.iter().map(|(_, m)| u64::from(*m));
            match l.id.protocol.word() {
                "isis" => {
                    count.add("isis-link", links);
                    count.add("isis-prefix", prefixes);
                    count.add("isis-name", l.name.iter().map(|_| 0));
                }
                "ospf" => {
                    count.add("ospf-link", links);
                    count.add("ospf-stub", prefixes);
                }
                // tcpdump counts the members of a network apart.
                _ if l.id.kind == LinkStateKind::Router => {
                    count.add("ospf-link", links);
                }
                _ => {}
            }
        }
        Fact::Link(own) => assert!(own.mac.is_some()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_links_and_metrics_are_those_that_tcpdump_prints() {
    let mut expected = recorded();
    let mut found = Counts::new();
    for name in captures() {
        let reading = read(&name);
        assert_eq!(reading.damage, None, "{name}");
        counted(&name, &reading, &mut found);
    }
    // A link type of no network today, and an LSP with a wrong checksum, of which only the packet counts.
    expected.retain(|(name, what), _| {
        name != "isis_stlv_asan.pcap" && (name != "isis_sid.pcap" || what == "isis-lsp")
    });
    // Three links, said in wide metrics and again in narrow ones that end at 63.
    let both = ("isis_cap_tlv.pcap".to_owned(), "isis-link".to_owned());
    assert_eq!(expected.insert(both.clone(), (3, 136)), Some((6, 272)));
    for (what, numbers) in &expected {
        assert_eq!(found.get(what), Some(numbers), "{what:?}");
    }
    let unexpected: Vec<_> = found.keys().filter(|k| !expected.contains_key(k)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

/// The last words of a capture on each subject, in brief.
fn standing(name: &str) -> String {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for observation in read(name).observations {
        if let Some(fact) = fact(&observation) {
            let key = fact.key();
            last.insert(format!("{:?} {}", key.topic, key.subject), brief(fact));
        }
    }
    last.iter().map(|(key, text)| format!("{key}\n    {text}\n")).collect()
}

fn brief(fact: &Fact) -> String {
    match fact {
        Fact::Neighbor(n) => {
            let c = &n.chassis;
            let roles = [("router", c.router), ("bridge", c.bridge)].map(|(w, on)| if on { w } else { "-" });
            format!("{:?} {} {:?} from {:?}", c.name, roles.join(" "), n.description, n.mac)
        }
        Fact::Hello(h) => format!("{:?} hears {:?} dr {:?}", h.addresses, h.hears, h.designated),
        Fact::LinkState(l) => {
            let links = l
                .links
                .iter()
                .map(|k| format!("{:?} {} {:?}>{:?} {}", k.kind, k.to, k.near, k.far, k.metric));
            let links: Vec<_> = links.collect();
            format!("#{} {:?} links {links:?} prefixes {:?}", l.sequence, l.name, l.prefixes)
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn cdp_and_lldp_of_two_switches() {
    expect_test::expect![[r#"
        Neighbors  device S1 port FastEthernet0/13
            Some("S1") - bridge None from Some(00:18:ba:98:68:8f)
        Neighbors  device S2 port GigabitEthernet0/13
            Some("S2") - bridge None from Some(00:19:2f:a7:b2:8d)
        Neighbors  mac 00:18:ba:98:68:8f local Fa0/13
            Some("S1.cisco.com") - bridge Some("FastEthernet0/13") from Some(00:18:ba:98:68:8f)
        Neighbors  mac 00:19:2f:a7:b2:8d ifalias Uplink to S1
            Some("S2.cisco.com") - bridge Some("GigabitEthernet0/13") from Some(00:19:2f:a7:b2:8d)
    "#]]
    .assert_eq(&standing("LLDP_and_CDP.pcap"));
}

#[test]
fn ospf3_on_a_broadcast_circuit() {
    expect_test::expect![[r#"
        Hellos ospf3 1.1.1.1 fe80::1 0.0.0.1
            [fe80::1] hears ["2.2.2.2"] dr Some("1.1.1.1")
        Hellos ospf3 2.2.2.2 fe80::2 0.0.0.1
            [fe80::2] hears ["1.1.1.1"] dr Some("1.1.1.1")
        LinkStates ospf3 0.0.0.1 link 1.1.1.1 0.0.0.5
            #2 None links [] prefixes [(2001:db8:0:12::/64, 0)]
        LinkStates ospf3 0.0.0.1 link 2.2.2.2 0.0.0.5
            #2 None links [] prefixes [(2001:db8:0:12::/64, 0)]
        LinkStates ospf3 0.0.0.1 network 1.1.1.1 0.0.0.5
            #1 None links ["PointToPoint 1.1.1.1 None>None 0", "PointToPoint 2.2.2.2 None>None 0"] prefixes []
        LinkStates ospf3 0.0.0.1 other 1.1.1.1 3/0.0.0.0
            #1 None links [] prefixes [(2001:db8::/64, 64)]
        LinkStates ospf3 0.0.0.1 other 1.1.1.1 3/0.0.0.1
            #1 None links [] prefixes [(2001:db8:0:34::/64, 74)]
        LinkStates ospf3 0.0.0.1 other 1.1.1.1 3/0.0.0.2
            #1 None links [] prefixes [(2001:db8:0:4::/64, 84)]
        LinkStates ospf3 0.0.0.1 other 1.1.1.1 3/0.0.0.3
            #1 None links [] prefixes [(2001:db8:0:3::/64, 74)]
        LinkStates ospf3 0.0.0.1 other 2.2.2.2 3/0.0.0.0
            #1 None links [] prefixes [(2001:db8::/64, 64)]
        LinkStates ospf3 0.0.0.1 other 2.2.2.2 3/0.0.0.1
            #1 None links [] prefixes [(2001:db8:0:34::/64, 74)]
        LinkStates ospf3 0.0.0.1 other 2.2.2.2 3/0.0.0.2
            #1 None links [] prefixes [(2001:db8:0:4::/64, 84)]
        LinkStates ospf3 0.0.0.1 other 2.2.2.2 3/0.0.0.3
            #1 None links [] prefixes [(2001:db8:0:3::/64, 74)]
        LinkStates ospf3 0.0.0.1 prefixes 1.1.1.1 0.0.0.0
            #1 None links [] prefixes [(2001:db8:0:12::/64, 10)]
        LinkStates ospf3 0.0.0.1 prefixes 1.1.1.1 0.0.20.0
            #1 None links [] prefixes [(2001:db8:0:12::/64, 0)]
        LinkStates ospf3 0.0.0.1 router 1.1.1.1 0.0.0.0
            #4 None links ["Transit 1.1.1.1#5 Some(Index(5))>Some(Index(5)) 10"] prefixes []
        LinkStates ospf3 0.0.0.1 router 2.2.2.2 0.0.0.0
            #4 None links ["Transit 1.1.1.1#5 Some(Index(5))>Some(Index(5)) 10"] prefixes []
    "#]]
    .assert_eq(&standing("OSPFv3_broadcast_adjacency.pcap"));
}

#[test]
fn isis_on_a_broadcast_circuit() {
    expect_test::expect![[r#"
        Hellos isis 3333.3333.3333 c2:02:29:98:00:00 2
            [10.0.0.1] hears ["c2:03:29:a9:00:00"] dr Some("4444.4444.4444.01")
        Hellos isis 4444.4444.4444 c2:03:29:a9:00:00 2
            [10.0.0.2] hears ["c2:02:29:98:00:00"] dr Some("4444.4444.4444.01")
        LinkStates isis 2 network 4444.4444.4444 01-00
            #3 None links ["PointToPoint 4444.4444.4444 None>None 0", "PointToPoint 3333.3333.3333 None>None 0"] prefixes []
        LinkStates isis 2 router 3333.3333.3333 00-00
            #9 Some("R3") links ["Transit 4444.4444.4444.01 None>None 10"] prefixes [(10.0.0.0/30, 10), (10.0.10.0/30, 10), (192.168.10.0/24, 20)]
        LinkStates isis 2 router 4444.4444.4444 00-00
            #10 Some("R4") links ["Transit 4444.4444.4444.01 None>None 10"] prefixes [(10.0.0.0/30, 10), (10.0.20.0/30, 10), (192.168.20.0/24, 20)]
    "#]].assert_eq(&standing("ISIS_level2_adjacency.pcap"));
}

#[test]
fn hostile_captures_say_what_is_wrong_with_them() {
    let mut text = String::new();
    for name in ["isis_sid", "isis_stlv_asan", "lldp_8021_linkagg", "lldp_asan", "lldp-infinite-loop-1"] {
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        let name = format!("{name}.pcap");
        wire::read_capture(&name, &bytes(&name), &mut diagnostics).unwrap();
        for d in diagnostics {
            text += &format!("{} {} {}\n", d.code, d.count, d.message);
        }
    }
    expect_test::expect![[r#"
        isis-broken 1 isis_sid.pcap@46: the first at 1566477415841195000 ns: a wrong checksum of an LSP
        unknown-link-type 1 isis_stlv_asan.pcap: frames of link type 107 were not read
        lldp-broken 2 lldp_8021_linkagg.pcap: the first at 1593322064860864000 ns: no chassis id first
        lldp-broken 1 lldp_asan.pcap: the first at 1400463885999999000 ns: no port id second
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_truncated_capture_counts_up_to_its_damage() {
    let whole = bytes("3560_CDP.pcap");
    let mut diagnostics = Vec::new();
    let cut = wire::read_capture("cut.pcap", &whole[..whole.len() - 1], &mut diagnostics).unwrap();
    assert_eq!(cut.observations.len(), 2);
    let damage = cut.damage.unwrap().to_string();
    assert!(damage.starts_with("cut.pcap: byte 1271: the file ends within a packet"), "{damage}");
    let none = wire::read_capture("cut.pcap", &whole[..30], &mut diagnostics).unwrap_err();
    assert!(none.to_string().contains("within a record header"), "{none}");
    let other = wire::read_capture("x.pcap", b"{\"a\": 1}", &mut diagnostics).unwrap_err();
    assert!(other.to_string().contains("expected a pcap or pcapng capture"), "{other}");
}
