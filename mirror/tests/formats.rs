//! What the two capture formats allow and the recorded captures do not show.

use pcap_file::pcapng::PcapNgParser;
use twin::Place;
use umbra_mirror::capture::{Capture, Format};

/// Numbers in one byte order.
#[derive(Clone, Copy)]
enum Order {
    Big,
    Little,
}

impl Order {
    fn u16(self, n: u16) -> Vec<u8> {
        match self {
            Self::Big => n.to_be_bytes().to_vec(),
            Self::Little => n.to_le_bytes().to_vec(),
        }
    }

    fn u32s(self, numbers: &[u32]) -> Vec<u8> {
        let bytes = |n: &u32| match self {
            Self::Big => n.to_be_bytes(),
            Self::Little => n.to_le_bytes(),
        };
        numbers.iter().flat_map(bytes).collect()
    }

    fn pcap(self, magic: u32, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut file = self.u32s(&[magic]);
        file.extend([self.u16(2), self.u16(4)].concat());
        file.extend(self.u32s(&[0, 0, 65_535, 1]));
        for (seconds, fraction, data) in records {
            file.extend(self.u32s(&[*seconds, *fraction, data.len() as u32, 100]));
            file.extend_from_slice(data);
        }
        file
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let total = (12 + body.len() + padding.len()) as u32;
        [self.u32s(&[kind, total]), body.to_vec(), padding, self.u32s(&[total])].concat()
    }

    fn section(self) -> Vec<u8> {
        let body =
            [self.u32s(&[0x1a2b_3c4d]), self.u16(1), self.u16(0), self.u32s(&[u32::MAX, u32::MAX])].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link_type: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link_type), self.u16(0), self.u32s(&[snap_len])].concat();
        for (code, value) in options {
            body.extend([self.u16(*code), self.u16(value.len() as u16), value.to_vec()].concat());
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let head = self.u32s(&[interface, high, low, data.len() as u32, 100]);
        self.block(6, &[head, data.to_vec()].concat())
    }
}

/// One line per frame, then the error.
fn list(file: &[u8]) -> String {
    let mut text = String::new();
    let end = Capture::new("f", file).and_then(|mut capture| {
        capture.for_each(|f| {
            let at = f.at.map_or("-".to_owned(), |at| at.as_ns().to_string());
            let (interface, link_type) = (f.interface, f.link_type.0);
            text +=
                &format!("{at} if{interface} link{link_type} {}/{} {:?}\n", f.data.len(), f.wire_len, f.data);
        })
    });
    if let Err(error) = end {
        text += &format!("{error}\n");
    }
    text
}

#[test]
fn classic_pcap_in_both_byte_orders_and_resolutions() {
    let file = |order: Order, magic| order.pcap(magic, &[(1, 2, &[7, 8])]);
    for order in [Order::Big, Order::Little] {
        assert_eq!(list(&file(order, 0xa1b2_c3d4)), "1000002000 if0 link1 2/100 [7, 8]\n");
        assert_eq!(list(&file(order, 0xa1b2_3c4d)), "1000000002 if0 link1 2/100 [7, 8]\n");
    }
}

#[test]
fn a_fraction_beyond_its_second_is_its_last_microsecond() {
    let file = Order::Little.pcap(0xa1b2_c3d4, &[(1, 5_000_000, &[])]);
    assert_eq!(list(&file), "1999999000 if0 link1 0/100 []\n");
}

#[test]
fn a_new_section_may_change_byte_order_and_forgets_interfaces() {
    let (big, little) = (Order::Big, Order::Little);
    let file = [
        big.section(),
        big.interface(1, 0, &[]),
        big.enhanced(0, 1_000_000, &[1]),
        little.section(),
        little.interface(101, 0, &[(9, &[9])]),
        little.enhanced(0, 5, &[2]),
        big.section(),
        big.enhanced(0, 5, &[3]),
    ];
    expect_test::expect![[r#"
        1000000000 if0 link1 1/100 [1]
        5 if0 link101 1/100 [2]
        f: byte 212: a packet of interface 0; expected one of the 0 interfaces described before it in this section
    "#]]
    .assert_eq(&list(&file.concat()));
}

#[test]
fn interfaces_have_their_own_clock_and_link_type() {
    let o = Order::Little;
    let file = [
        o.section(),
        o.interface(1, 0, &[(2, b"eth0"), (9, &[0x80 | 1]), (14, &10_i64.to_le_bytes())]),
        o.interface(113, 0, &[(9, &[3])]),
        o.enhanced(1, 1_500, &[]),
        o.enhanced(0, 3, &[]),
    ];
    expect_test::expect![[r#"
        1500000000 if1 link113 0/100 []
        11500000000 if0 link1 0/100 []
    "#]]
    .assert_eq(&list(&file.concat()));
    let file = file.concat();
    let mut capture = Capture::new("f", file.as_slice()).unwrap();
    capture.for_each(|_| ()).unwrap();
    let names: Vec<_> = capture.interfaces().iter().map(|i| i.name.as_deref()).collect();
    assert_eq!(names, [Some("eth0"), None]);
}

#[test]
fn simple_and_old_packet_blocks_and_unknown_ones() {
    for o in [Order::Big, Order::Little] {
        let old = [o.u16(0), o.u16(u16::MAX), o.u32s(&[1, 7, 3, 60]), vec![4, 5, 6]].concat();
        let simple = [o.u32s(&[60]), vec![1, 2, 3, 4]].concat();
        let file = [
            o.section(),
            o.interface(1, 3, &[]),
            o.block(0xbad, &[0; 20]),
            o.block(3, &simple),
            o.block(2, &old),
        ]
        .concat();
        // 2^32 + 7 microseconds: the upper half stands first in both byte orders.
        let expected = "- if0 link1 3/60 [1, 2, 3]\n4294967303000 if0 link1 3/60 [4, 5, 6]\n";
        assert_eq!(list(&file), expected);
        let mut capture = Capture::new("f", file.as_slice()).unwrap();
        capture.for_each(|_| ()).unwrap();
        assert_eq!(capture.diagnostics()[0].code, "pcapng-block-skipped");
    }
}

#[test]
fn records_of_the_kuznetsov_patch_have_longer_headers() {
    for o in [Order::Big, Order::Little] {
        let mut file = o.pcap(0xa1b2_cd34, &[]);
        for second in [1, 2] {
            file.extend(o.u32s(&[second, 5, 3, 60, 1, 0x0800_0000]));
            file.extend([7, 8, 9]);
        }
        assert_eq!(list(&file), "1000005000 if0 link1 3/60 [7, 8, 9]\n2000005000 if0 link1 3/60 [7, 8, 9]\n");
    }
}

/// Whether the parser that we stand on would end at some block, had it all of it.
fn pcap_file_refuses(file: &[u8]) -> bool {
    let (mut rest, mut parser) = PcapNgParser::new(file).unwrap();
    while !rest.is_empty() {
        match parser.next_block(rest) {
            Ok((behind, _)) => rest = behind,
            Err(_) => return true,
        }
    }
    false
}

/// Each is lawful or common. When `pcap-file` reads one as well, our exception for it can go.
#[test]
fn blocks_that_pcap_file_refuses_are_read() {
    for o in [Order::Big, Order::Little] {
        let packet = [o.u32s(&[0, 0, 3, 4, 100]), vec![1, 2, 3, 4]].concat();
        let reserved = [o.u16(1), o.u16(0xffff), o.u32s(&[0]), o.u16(9), o.u16(1), vec![3, 0, 0, 0]].concat();
        let comment = [o.u16(1), o.u16(2), vec![0xff, 0xfe, 0, 0]].concat();
        let long_option = [o.u16(1), o.u16(999)].concat();
        // Old writers left the padding out of the length.
        let mut unpadded = o.block(6, &[o.u32s(&[0, 0, 3, 1, 100]), vec![1]].concat());
        let last = unpadded.len() - 4;
        unpadded[4..8].copy_from_slice(&o.u32s(&[33]));
        unpadded[last..].copy_from_slice(&o.u32s(&[33]));
        let interfaces: [(&str, Vec<u8>); 4] = [
            ("a time zone", o.interface(1, 0, &[(10, &[0; 4]), (9, &[3]), (0, &[])])),
            ("no end of options", o.interface(1, 0, &[(9, &[3])])),
            ("a name that is not UTF-8", o.interface(1, 0, &[(2, &[0xff]), (9, &[3]), (0, &[])])),
            ("reserved bits", o.block(1, &reserved)),
        ];
        for (what, interface) in interfaces {
            let file = [o.section(), interface, o.enhanced(0, 3, &[1])].concat();
            assert!(pcap_file_refuses(&file));
            assert_eq!(list(&file), "3000000 if0 link1 1/100 [1]\n", "{what}");
        }
        let begin = [o.section(), o.interface(1, 0, &[(9, &[3]), (0, &[])])].concat();
        let packets: [(&str, Vec<u8>); 2] = [
            ("a comment that is not UTF-8", o.block(6, &[packet.clone(), comment].concat())),
            ("options that end early", o.block(6, &[packet, long_option].concat())),
        ];
        for (what, block) in packets {
            let file = [begin.clone(), block].concat();
            assert!(pcap_file_refuses(&file));
            assert_eq!(list(&file), "3000000 if0 link1 4/100 [1, 2, 3, 4]\n", "{what}");
        }
        let file = [begin, unpadded].concat();
        assert!(pcap_file_refuses(&file));
        assert_eq!(list(&file), "3000000 if0 link1 1/100 [1]\n", "a length without padding");
    }
}

#[test]
fn damaged_blocks_are_named_by_their_byte() {
    let o = Order::Little;
    let begin = [o.section(), o.interface(1, 0, &[]), o.enhanced(0, 0, &[1])].concat();
    let frame = "0 if0 link1 1/100 [1]\n";
    let at = begin.len();
    let damaged = |block: Vec<u8>| list(&[begin.clone(), block].concat());
    assert_eq!(
        damaged(o.u32s(&[6, 8, 0])),
        format!("{frame}f: byte {}: a block of 8 bytes; expected from 12 bytes to 16 MiB\n", at + 4)
    );
    assert_eq!(
        damaged(o.u32s(&[5, 16, 0, 20])),
        format!(
            "{frame}f: byte {}: a block of 16 bytes that ends with the length 20; expected the same length at both ends\n",
            at + 12
        )
    );
    assert_eq!(
        damaged(o.block(6, &o.u32s(&[0, 0, 0, 5, 5, 0]))),
        format!("{frame}f: byte {}: a packet of 5 bytes; expected at most 4 bytes in this block\n", at + 20)
    );
}

#[test]
fn other_content_is_named() {
    let error = |bytes: &[u8]| Capture::new("f", bytes).err().unwrap();
    assert_eq!(error(b"").place, Place::Whole);
    assert_eq!(error(b"").to_string(), "f: an empty file; expected a pcap or pcapng capture");
    assert!(error(b"<network>").to_string().contains("markup"));
    assert!(error(&[0x1f, 0x8b, 8, 0]).to_string().contains("gzip"));
    assert_eq!(Format::of_magic(*b"\xa1\xb2\x3c\x4d"), Some(Format::Pcap));
    assert_eq!(Format::of_magic(*b"\x0a\x0d\x0d\x0a"), Some(Format::Pcapng));
}
