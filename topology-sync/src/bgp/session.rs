//! A BGP session as both ends speak it (RFC 4271).
//!
//! How an update is to be read is agreed in the OPEN messages: AS numbers of two or four bytes (RFC 6793), path
//! identifiers (RFC 7911), several labels (RFC 8277). Where a capture begins after them, the readings are tried in the
//! order of their likelihood, and the one that fits is kept.

use std::net::Ipv4Addr;

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::capabilities::BgpCapability;
use netgauze_bgp_pkt::open::BgpOpenMessage;
use netgauze_bgp_pkt::path_attribute::{MpReach, PathAttributeValue};
use netgauze_bgp_pkt::update::BgpUpdateMessage;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_iana::address_family::AddressType;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;

use super::framer::{Damage, Framer};
use super::recognise::Protocol;

/// One end of a session: what it sends.
#[derive(Debug)]
struct End {
    framer: Framer,
    open: Option<BgpOpenMessage>,
    context: BgpParsingContext,
    /// Without OPENs: the reading that fitted last.
    reading: usize,
}

/// Readings in the order of their likelihood: four-byte AS numbers, path identifiers.
const READINGS: [(bool, bool); 4] = [(true, false), (true, true), (false, false), (false, true)];

/// The families whose updates may bear path identifiers, among those that are read.
const FAMILIES: [AddressType; 9] = [
    AddressType::Ipv4Unicast,
    AddressType::Ipv6Unicast,
    AddressType::Ipv4NlriMplsLabels,
    AddressType::Ipv6NlriMplsLabels,
    AddressType::Ipv4MplsLabeledVpn,
    AddressType::Ipv6MplsLabeledVpn,
    AddressType::L2VpnBgpEvpn,
    AddressType::BgpLs,
    AddressType::BgpLsVpn,
];

/// A message as an end of the session sent it.
#[derive(Debug)]
pub struct Sent {
    /// The message.
    pub message: BgpMessage,
    /// Its reading was guessed, for want of the OPENs.
    pub guessed: bool,
}

/// Decodes both directions of one session.
#[derive(Debug)]
pub struct BgpDecoder {
    ends: [End; 2],
}

impl Default for BgpDecoder {
    fn default() -> Self {
        let end = || End {
            framer: Framer::new(Protocol::Bgp),
            open: None,
            context: context(true, &[]),
            reading: 0,
        };
        Self { ends: [end(), end()] }
    }
}

/// A strict context: an update with a malformed attribute is an error as a whole.
fn context(asn4: bool, add_path: &[AddressType]) -> BgpParsingContext {
    let add_path = add_path.iter().map(|&family| (family, true)).collect();
    BgpParsingContext::new(asn4, Default::default(), add_path, true, true, true, true)
}

impl BgpDecoder {
    /// Takes the next bytes that an end (0 or 1) sends, and tells the messages that are complete with them.
    pub fn take(&mut self, end: usize, bytes: &[u8], tell: &mut dyn FnMut(Result<Sent, String>)) {
        let mut framer = std::mem::replace(&mut self.ends[end].framer, Framer::new(Protocol::Bgp));
        framer.take(bytes, &mut |frame| {
            tell(match frame {
                Ok(frame) => self.decode(end, frame),
                Err(Damage) => Err("bytes that are part of no BGP message".to_owned()),
            });
        });
        self.ends[end].framer = framer;
    }

    /// Some bytes that an end sent are missing here.
    pub fn gap(&mut self, end: usize) {
        self.ends[end].framer.gap();
    }

    /// The OPEN that an end sent, if it was seen.
    pub fn open(&self, end: usize) -> Option<&BgpOpenMessage> {
        self.ends[end].open.as_ref()
    }

    fn decode(&mut self, end: usize, frame: &[u8]) -> Result<Sent, String> {
        let is_update = frame.get(18) == Some(&2);
        let agreed = self.ends.iter().any(|e| e.open.is_some());
        if is_update && !agreed {
            return self.ends[end].guess(frame);
        }
        let message = self.ends[end].read(frame)?;
        if let BgpMessage::Open(open) = &message {
            self.ends[end].open = Some(open.clone());
            self.agree();
        }
        Ok(Sent { message, guessed: false })
    }

    /// Sets both contexts by the OPENs. Where one end's alone was seen, the other is taken to answer in kind.
    fn agree(&mut self) {
        let opens = [0, 1].map(|end| self.ends[end].open.clone());
        for end in 0..2 {
            let (Some(sender), Some(receiver)) = (
                opens[end].as_ref().or(opens[1 - end].as_ref()),
                opens[1 - end].as_ref().or(opens[end].as_ref()),
            ) else {
                return;
            };
            let one_sided = opens.iter().any(Option::is_none);
            let receives = add_path(receiver);
            let mut agreed = context(four_octet(sender) && four_octet(receiver), &[]);
            for (family, sends, _) in add_path(sender) {
                let taken = one_sided || receives.iter().any(|&(f, _, receive)| f == family && receive);
                agreed.add_path_mut().insert(family, sends && taken);
            }
            for capability in sender.capabilities() {
                // RFC 8277 §2.1: the receiver's count limits what may be sent; both are 2 or more in practice.
                if matches!(capability, BgpCapability::MultipleLabels(_)) {
                    agreed.update_capabilities(capability, false);
                }
            }
            self.ends[end].context = agreed;
        }
    }
}

impl End {
    fn read(&mut self, frame: &[u8]) -> Result<BgpMessage, String> {
        let message = BgpMessage::parse(&mut SliceReader::new(frame), &mut self.context);
        drop(self.context.reset_parsing_errors());
        message.map_err(|e| e.to_string())
    }

    /// Reads an update without knowing what was agreed.
    fn guess(&mut self, frame: &[u8]) -> Result<Sent, String> {
        let first = self.reading;
        let others = (0..READINGS.len()).filter(|&r| r != first);
        let mut error = String::new();
        for reading in [first].into_iter().chain(others) {
            let (asn4, path_ids) = READINGS[reading];
            self.context = context(asn4, if path_ids { &FAMILIES } else { &[] });
            match self.read(frame) {
                Ok(BgpMessage::Update(update)) if !plausible(&update) => {
                    error = "an update that no reading makes sense of".to_owned();
                }
                Ok(message) => {
                    self.reading = reading;
                    return Ok(Sent { message, guessed: true });
                }
                Err(e) if error.is_empty() => error = e,
                Err(_) => {}
            }
        }
        Err(error)
    }
}

/// Path identifiers read as prefixes give 0.0.0.0/0 again and again: their upper bytes are zero.
fn plausible(update: &BgpUpdateMessage) -> bool {
    let defaults = |list: &[netgauze_bgp_pkt::nlri::Ipv4UnicastAddress]| {
        list.iter().filter(|a| a.network().address().prefix_len() == 0).count()
    };
    let mut v6_defaults = 0;
    for attribute in update.path_attributes() {
        if let PathAttributeValue::MpReach(MpReach::Ipv6Unicast { nlri, .. }) = attribute.value() {
            v6_defaults += nlri.iter().filter(|a| a.network().address().prefix_len() == 0).count();
        }
    }
    defaults(update.nlri()) <= 1 && defaults(update.withdraw_routes()) <= 1 && v6_defaults <= 1
}

fn four_octet(open: &BgpOpenMessage) -> bool {
    open.capabilities().iter().any(|c| matches!(c, BgpCapability::FourOctetAs(_)))
}

/// Families with whether the sender of the OPEN would send, and receive, path identifiers.
fn add_path(open: &BgpOpenMessage) -> Vec<(AddressType, bool, bool)> {
    let mut list = Vec::new();
    for capability in open.capabilities() {
        if let BgpCapability::AddPath(add_path) = capability {
            list.extend(
                add_path.address_families().iter().map(|f| (f.address_type(), f.send(), f.receive())),
            );
        }
    }
    list
}

/// The AS number and BGP identifier that an OPEN states.
pub fn speaker(open: &BgpOpenMessage) -> (u32, Ipv4Addr) {
    (open.my_asn4(), open.bgp_id())
}
