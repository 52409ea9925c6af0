//! MRT files (RFC 6396): table dumps and updates into the store of routes.

use std::io::Read;
use std::net::IpAddr;

use bgpkit_parser::BgpkitParser;
use bgpkit_parser::models::{
    AsnLength, AttributeValue, Attributes, Bgp4MpEnum, BgpMessage, BgpState, LegacyBgp, MrtMessage,
    NetworkPrefix, Nlri, PeerIndexTable, RibAfiEntries, Safi, TableDumpMessage, TableDumpV2Message,
};
use bytes::BytesMut;
use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use twin::{Diagnostic, InputError, Place};

use super::rib::{PeerKey, Rib, RibView};

/// What was read of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records.
    pub records: u64,
    /// Routes announced or withdrawn.
    pub elements: u64,
    /// What was odd.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file, plain or compressed by gzip or bzip2 as its content says, into a store. The peers are those of the
/// collector: what each sent it.
///
/// # Errors
/// A file that does not begin with an MRT record. A damage further on ends the reading as a diagnostic.
pub fn read(file: &str, bytes: &[u8], rib: &mut Rib) -> Result<Summary, InputError> {
    let reader: Box<dyn Read + '_> = match bytes {
        [b'B', b'Z', b'h', ..] => Box::new(MultiBzDecoder::new(bytes)),
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(bytes)),
        _ => Box::new(bytes),
    };
    let mut it =
        Reading { rib, peers: PeerIndexTable::default(), raw: BytesMut::new(), summary: Summary::default() };
    let parser = BgpkitParser::from_reader(std::io::BufReader::new(reader)).disable_warnings();
    for record in parser.into_fallible_record_iter() {
        match record {
            Ok(record) => it.record(record.message),
            Err(e) if it.summary.records == 0 => {
                return Err(InputError::new(
                    file,
                    Place::Whole,
                    e.error.to_string(),
                    "an MRT file (RFC 6396)",
                ));
            }
            Err(e) => it.odd("mrt-record", || e.error.to_string()),
        }
    }
    if it.summary.records == 0 {
        return Err(InputError::new(file, Place::Whole, "no record", "an MRT file (RFC 6396)"));
    }
    Ok(it.summary)
}

struct Reading<'a> {
    rib: &'a mut Rib,
    /// The peers of the table dump that is being read.
    peers: PeerIndexTable,
    /// The attributes of the entry that is being read, as on the wire.
    raw: BytesMut,
    summary: Summary,
}

fn key(address: IpAddr) -> PeerKey {
    PeerKey { distinguisher: 0, address, view: RibView::AdjRibIn { post_policy: false } }
}

impl Reading<'_> {
    fn odd(&mut self, code: &str, message: impl FnOnce() -> String) {
        Diagnostic::count(&mut self.summary.diagnostics, code, message);
    }

    fn record(&mut self, message: MrtMessage) {
        self.summary.records += 1;
        match message {
            MrtMessage::TableDumpV2Message(TableDumpV2Message::PeerIndexTable(peers)) => self.peers = peers,
            MrtMessage::TableDumpV2Message(TableDumpV2Message::RibAfi(entries)) => self.entries(entries),
            MrtMessage::TableDumpMessage(entry) => self.entry(entry),
            MrtMessage::TableDumpMessageBatch(entries) => entries.into_iter().for_each(|e| self.entry(e)),
            MrtMessage::Bgp4Mp(Bgp4MpEnum::Message(m)) => self.message(m.peer_ip, m.bgp_message),
            MrtMessage::LegacyBgp(LegacyBgp::Message(m)) => self.message(m.peer_ip, m.bgp_message),
            MrtMessage::Bgp4Mp(Bgp4MpEnum::StateChange(s)) if s.new_state != BgpState::Established => {
                self.rib.remove(key(s.peer_ip)); // RFC 6396 §4.4.1
            }
            MrtMessage::Bgp4Mp(_) | MrtMessage::LegacyBgp(_) => {}
            MrtMessage::TableDumpV2Message(_) => {
                self.odd("mrt-family", || "a family of table dump that is not kept".to_owned());
            }
        }
    }

    /// RFC 6396 §4.3.2.
    fn entries(&mut self, entries: RibAfiEntries) {
        for entry in entries.rib_entries {
            let Some(peer) = self.peers.id_peer_map.get(&entry.peer_index).map(|p| p.peer_ip) else {
                let index = entry.peer_index;
                self.odd("mrt-peer", || format!("peer {index} is not in the peer index table"));
                continue;
            };
            let path_id = entry.path_id.or(entries.prefix.path_id);
            let hop = self.take(entry.attributes).any_hop();
            self.announce(peer, NetworkPrefix { path_id, ..entries.prefix }, hop);
        }
    }

    fn entry(&mut self, entry: TableDumpMessage) {
        let hop = self.take(entry.attributes).any_hop();
        self.announce(entry.peer_ip, entry.prefix, hop);
    }

    fn message(&mut self, peer: IpAddr, message: BgpMessage) {
        let BgpMessage::Update(update) = message else { return };
        let taken = self.take(update.attributes);
        let unreach = taken.unreach.as_ref().filter(|n| self.is_kept(n)).map(|n| &n.prefixes);
        for net in update.withdrawn_prefixes.iter().chain(unreach.into_iter().flatten()) {
            self.summary.elements += 1;
            self.rib.withdraw(key(peer), net.prefix, net.path_id);
        }
        update.announced_prefixes.into_iter().for_each(|net| self.announce(peer, net, taken.hop));
        if let Some(nlri) = taken.reach.filter(|n| self.is_kept(n)) {
            let hop = nlri.next_hop.map(|h| h.addr());
            nlri.prefixes.into_iter().for_each(|net| self.announce(peer, net, hop));
        }
    }

    /// Multicast, VPNs and labels are counted only: collectors' files have next to none.
    fn is_kept(&mut self, nlri: &Nlri) -> bool {
        let unicast = nlri.safi == Safi::Unicast;
        if !unicast {
            self.odd("mrt-family", || {
                format!("an update of a family that is not kept ({:?} {:?})", nlri.afi, nlri.safi)
            });
        }
        unicast
    }

    /// Takes the attributes of what follows: next hop and reachability apart, the others as on the wire again.
    fn take(&mut self, attributes: Attributes) -> Taken {
        let mut taken = Taken::default();
        self.raw.clear();
        for attribute in attributes.into_attributes_iter() {
            match attribute.value {
                AttributeValue::NextHop(ip) => taken.hop = Some(ip),
                AttributeValue::MpReachNlri(nlri) => taken.reach = Some(nlri),
                AttributeValue::MpUnreachNlri(nlri) => taken.unreach = Some(nlri),
                AttributeValue::LinkState(_) => {}
                _ => {
                    let before = self.raw.len();
                    if attribute.encode_to(AsnLength::Bits32, &mut self.raw).is_err() {
                        self.raw.truncate(before);
                    }
                }
            }
        }
        taken
    }

    fn announce(&mut self, peer: IpAddr, net: NetworkPrefix, hop: Option<IpAddr>) {
        self.summary.elements += 1;
        self.rib.announce(key(peer), net.prefix, net.path_id, hop, &self.raw);
    }
}

/// The attributes that are not kept as they are.
#[derive(Default)]
struct Taken {
    hop: Option<IpAddr>,
    reach: Option<Nlri>,
    unreach: Option<Nlri>,
}

impl Taken {
    /// The next hop, whichever attribute has it (RFC 6396 §4.3.4).
    fn any_hop(&self) -> Option<IpAddr> {
        self.hop.or_else(|| self.reach.as_ref()?.next_hop.map(|h| h.addr()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bgpkit_parser::models::ElemType;

    use super::*;

    const UPDATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/mrt/updates.bz2");

    type Plain = BTreeMap<(IpAddr, String, u32), (Option<IpAddr>, Vec<u32>)>;

    fn of_rib(rib: &Rib) -> Plain {
        let mut plain = Plain::new();
        for (key, peer) in rib.peers() {
            for route in peer.routes() {
                let attributes = peer.attributes(&route);
                let route = (key.address, route.prefix.to_string(), route.path_id);
                plain.insert(route, (attributes.next_hop, attributes.as_path));
            }
        }
        plain
    }

    #[test]
    fn the_store_agrees_with_a_plain_map_of_the_parsers_elements() {
        let bytes = std::fs::read(UPDATES).unwrap();
        let mut rib = Rib::default();
        let summary = read("updates.bz2", &bytes, &mut rib).unwrap();
        let (mut plain, mut elements) = (Plain::new(), 0);
        for e in BgpkitParser::from_reader(MultiBzDecoder::new(&bytes[..])).into_elem_iter() {
            elements += 1;
            let key = (e.peer_ip, e.prefix.prefix.to_string(), e.prefix.path_id.unwrap_or(0));
            match e.elem_type {
                ElemType::ANNOUNCE => {
                    let path = e.as_path.and_then(|p| p.to_u32_vec_opt(false)).unwrap_or_default();
                    plain.insert(key, (e.next_hop, path));
                }
                ElemType::WITHDRAW => drop(plain.remove(&key)),
            }
        }
        assert_eq!((summary.elements, summary.diagnostics), (elements, vec![]));
        assert!(!plain.is_empty());
        assert_eq!(of_rib(&rib), plain);
    }

    /// A table dump of one IPv4 prefix that two peers have, the second through 2001:db8::1.
    fn table_dump() -> Vec<u8> {
        let record = |subtype: u8, body: &[u8]| {
            let length = (body.len() as u32).to_be_bytes();
            [&[0x65, 0, 0, 0, 0, 13, 0, subtype][..], &length, body].concat()
        };
        let peers = [
            &[10, 0, 0, 9, 0, 0, 0, 2][..],
            &[2, 10, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0xfd, 0xe9],
            &[3, 10, 0, 0, 2, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 1],
        ];
        let origin_and_path = |asn: [u8; 4]| [&[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1][..], &asn].concat();
        let first = [&origin_and_path([0, 0, 0xfd, 0xe9])[..], &[0x40, 3, 4, 10, 0, 0, 1]].concat();
        let reach = [&[0x80, 14, 17, 16, 0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1]].concat();
        let second = [&origin_and_path([0, 1, 0, 1])[..], &reach].concat();
        let entry = |peer: u8, attributes: &[u8]| {
            [&[0, peer, 0, 0, 0, 0, 0, attributes.len() as u8][..], attributes].concat()
        };
        let rib = [&[0, 0, 0, 0, 24, 203, 0, 113, 0, 2][..], &entry(0, &first), &entry(1, &second)].concat();
        [record(1, &peers.concat()), record(2, &rib)].concat()
    }

    #[test]
    fn a_table_dump_is_read_plain_and_compressed() {
        let plain = table_dump();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &plain).unwrap();
        for bytes in [plain, gzip.finish().unwrap()] {
            let mut rib = Rib::default();
            let summary = read("rib", &bytes, &mut rib).unwrap();
            assert_eq!((summary.records, summary.elements), (2, 2));
            let net = |peer: &str| (peer.parse().unwrap(), "203.0.113.0/24".to_owned(), 0);
            let expected = [
                (net("10.0.0.1"), ("10.0.0.1".parse().ok(), vec![65_001])),
                (net("2001:db8::2"), ("2001:db8::1".parse().ok(), vec![65_537])),
            ];
            assert_eq!(of_rib(&rib), Plain::from(expected));
        }
    }

    #[test]
    fn what_is_no_mrt_is_said_and_damage_counted() {
        let mut rib = Rib::default();
        let e = read("x.mrt", b"hello, this is no MRT at all", &mut rib).unwrap_err();
        assert!(e.to_string().starts_with("x.mrt: "), "{e}");
        assert!(read("x.mrt", b"", &mut rib).is_err());
        let bytes = table_dump();
        let summary = read("x.mrt", &bytes[..bytes.len() - 3], &mut rib).unwrap();
        assert_eq!((summary.records, &*summary.diagnostics[0].code), (1, "mrt-record"));
    }
}
