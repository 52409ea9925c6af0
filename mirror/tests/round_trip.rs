//! Captures that `pcap-file` writes, an independent writer of both formats, are read back as they were meant.

use std::borrow::Cow;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapWriter, RawPcapPacket};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::SectionHeaderBlock;
use pcap_file::pcapng::blocks::simple_packet::SimplePacketBlock;
use pcap_file::{DataLink, Endianness, TsResolution};
use proptest::prelude::*;
use umbra_mirror::capture::Capture;

/// A frame that outlives its reader.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    at_ns: Option<i64>,
    interface: u32,
    link_type: u16,
    wire_len: u32,
    data: Vec<u8>,
}

fn read(file: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut capture = Capture::new("written", file).unwrap();
    capture
        .for_each(|frame| {
            seen.push(Seen {
                at_ns: frame.at.map(|at| at.as_ns()),
                interface: frame.interface,
                link_type: frame.link_type.0,
                wire_len: frame.wire_len,
                data: frame.data.to_vec(),
            });
        })
        .unwrap();
    assert_eq!(capture.diagnostics(), []);
    seen
}

fn endianness() -> impl Strategy<Value = Endianness> {
    prop::sample::select(vec![Endianness::Big, Endianness::Little])
}

/// Bytes captured, and how many more were on the wire.
fn content() -> impl Strategy<Value = (Vec<u8>, u32)> {
    (prop::collection::vec(any::<u8>(), 0..70), prop_oneof![Just(0), 0..9_000_u32])
}

#[derive(Clone, Debug)]
struct Interface {
    link_type: u16,
    resolution: Option<u8>,
    offset_s: Option<i32>,
    name: Option<String>,
}

impl Interface {
    fn block(&self) -> InterfaceDescriptionBlock<'static> {
        use InterfaceDescriptionOption::{IfName, IfTsOffset, IfTsResol};
        let mut options = Vec::new();
        options.extend(self.name.clone().map(|name| IfName(Cow::Owned(name))));
        options.extend(self.resolution.map(IfTsResol));
        options.extend(self.offset_s.map(|offset| IfTsOffset(i64::from(offset) as u64)));
        let linktype = DataLink::from(u32::from(self.link_type));
        InterfaceDescriptionBlock { linktype, snaplen: 0, options }
    }

    /// The draft's definition: ticks of 10^-n or 2^-n seconds, microseconds where nothing is said, after an offset;
    /// as far as 64 bits go.
    fn ns(&self, ticks: u64) -> i64 {
        let resolution = self.resolution.unwrap_or(6);
        let base: i128 = if resolution < 0x80 { 10 } else { 2 };
        let per_second = base.pow(u32::from(resolution & 0x7f));
        let ns = i128::from(ticks) * 1_000_000_000 / per_second;
        let ns = ns + i128::from(self.offset_s.unwrap_or(0)) * 1_000_000_000;
        ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

fn interface() -> impl Strategy<Value = Interface> {
    let resolution = prop::option::of(prop::sample::select(vec![0, 3, 6, 9, 12, 0x80, 0x8a, 0x80 | 20]));
    (any::<u16>(), resolution, prop::option::of(any::<i32>()), prop::option::of("[a-z]{0,9}")).prop_map(
        |(link_type, resolution, offset_s, name)| Interface { link_type, resolution, offset_s, name },
    )
}

#[derive(Clone, Debug)]
struct Packet {
    interface: prop::sample::Index,
    /// Simple packet blocks carry none.
    ticks: Option<u32>,
    content: (Vec<u8>, u32),
    comment: Option<String>,
}

fn packet() -> impl Strategy<Value = Packet> {
    (any::<prop::sample::Index>(), prop::option::of(any::<u32>()), content(), prop::option::of("\\PC{0,9}"))
        .prop_map(|(interface, ticks, content, comment)| Packet { interface, ticks, content, comment })
}

#[derive(Clone, Debug)]
struct Section {
    endianness: Endianness,
    interfaces: Vec<Interface>,
    packets: Vec<Packet>,
}

impl Section {
    /// Writes the section; what its packets are.
    fn write(&self, writer: &mut PcapNgWriter<Vec<u8>>) -> Vec<Seen> {
        writer
            .write_pcapng_block(SectionHeaderBlock { endianness: self.endianness, ..Default::default() })
            .unwrap();
        for interface in &self.interfaces {
            writer.write_pcapng_block(interface.block()).unwrap();
        }
        self.packets.iter().map(|packet| self.write_packet(packet, writer)).collect()
    }

    fn write_packet(&self, packet: &Packet, writer: &mut PcapNgWriter<Vec<u8>>) -> Seen {
        let (data, cut) = &packet.content;
        // Large enough that the upper half of the stamp is used.
        let ticks = packet.ticks.map(|ticks| u64::from(ticks) * 0x1_0001);
        // A simple packet of an interface without a snap length is whole, and of the first interface.
        let at = ticks.map_or(0, |_| packet.interface.index(self.interfaces.len()));
        let original_len = data.len() as u32 + ticks.map_or(0, |_| *cut);
        match ticks {
            Some(ticks) => writer.write_pcapng_block(EnhancedPacketBlock {
                interface_id: at as u32,
                // The writer takes ticks for nanoseconds.
                timestamp: Duration::from_nanos(ticks),
                original_len,
                data: Cow::Borrowed(data),
                options: packet
                    .comment
                    .iter()
                    .map(|c| EnhancedPacketOption::Comment(Cow::Borrowed(c)))
                    .collect(),
            }),
            None => writer.write_pcapng_block(SimplePacketBlock { original_len, data: Cow::Borrowed(data) }),
        }
        .unwrap();
        Seen {
            at_ns: ticks.map(|ticks| self.interfaces[at].ns(ticks)),
            interface: at as u32,
            link_type: self.interfaces[at].link_type,
            wire_len: original_len,
            data: data.clone(),
        }
    }
}

fn section() -> impl Strategy<Value = Section> {
    (endianness(), prop::collection::vec(interface(), 1..4), prop::collection::vec(packet(), 0..12))
        .prop_map(|(endianness, interfaces, packets)| Section { endianness, interfaces, packets })
}

proptest! {
    #[test]
    fn a_written_pcap_is_read_back(
        endianness in endianness(),
        nanoseconds in any::<bool>(),
        link_type in any::<u16>(),
        packets in prop::collection::vec((any::<u32>(), 0..1_000_000_000_u32, content()), 0..20),
    ) {
        let (ts_resolution, unit) =
            if nanoseconds { (TsResolution::NanoSecond, 1) } else { (TsResolution::MicroSecond, 1_000) };
        let datalink = DataLink::from(u32::from(link_type));
        // Frames were longer on the wire than the snap length.
        let header = PcapHeader { snaplen: 70, datalink, ts_resolution, endianness, ..Default::default() };
        let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
        let mut written = Vec::new();
        for (ts_sec, ns, (data, cut)) in packets {
            let (ts_frac, incl_len) = (ns / unit, data.len() as u32);
            let orig_len = incl_len + cut;
            let raw = RawPcapPacket { ts_sec, ts_frac, incl_len, orig_len, data: Cow::Borrowed(&data) };
            writer.write_raw_packet(&raw).unwrap();
            let at_ns = Some(i64::from(ts_sec) * 1_000_000_000 + i64::from(ts_frac * unit));
            written.push(Seen { at_ns, interface: 0, link_type, wire_len: orig_len, data });
        }
        prop_assert_eq!(read(&writer.into_writer()), written);
    }

    #[test]
    fn a_written_pcapng_is_read_back(sections in prop::collection::vec(section(), 1..4)) {
        let mut writer = PcapNgWriter::with_endianness(Vec::new(), sections[0].endianness).unwrap();
        let written: Vec<Seen> = sections.iter().flat_map(|section| section.write(&mut writer)).collect();
        let file = writer.into_inner();
        prop_assert_eq!(read(&file), written);
        let mut capture = Capture::new("written", file.as_slice()).unwrap();
        capture.for_each(|_| ()).unwrap();
        let names: Vec<_> = capture.interfaces().iter().map(|i| i.name.clone()).collect();
        let last = &sections.last().unwrap().interfaces;
        prop_assert_eq!(names, last.iter().map(|i| i.name.clone()).collect::<Vec<_>>());
    }
}

/// `pcap-file` gives link types names; the numbers are what counts.
#[test]
fn every_link_type_keeps_its_number() {
    for number in 0..=u32::from(u16::MAX) {
        assert_eq!(u32::from(DataLink::from(number)), number);
    }
}
