//! A BMP session's bytes as messages (RFC 7854, RFC 8671, RFC 9069; version 4 as in draft-ietf-grow-bmp-tlv).

use std::collections::BTreeMap;

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bmp_pkt::wire::deserializer::BmpParsingContext;
use netgauze_bmp_pkt::{BmpMessage, BmpPeerType, PeerHeader, v3, v4};
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;
use serde::{Deserialize, Serialize};

use super::framer::{Damage, Framer};
use super::recognise::{BMP_HEADER, Protocol};

/// More peers than any router has; a stream that names more is damaged, or hostile.
const PEERS_MAX: usize = 1 << 16;
/// The decoder keeps a note of errors of each peer; they are dropped after so many.
const ERRORS_KEPT: u32 = 1 << 10;

/// Decodes one BMP session. The capabilities in Peer Up messages say how the updates of a peer are to be read: those
/// that the peer sent (Adj-RIB-In) otherwise than those that were sent to it (Adj-RIB-Out, RFC 8671).
#[derive(Debug)]
pub struct BmpDecoder {
    framer: Framer,
    inward: BmpParsingContext,
    outward: BmpParsingContext,
    errors: u32,
    /// The Peer Up of each peer that is up, by which its updates are read: by type, distinguisher and address.
    ups: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A decoder on disk.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedDecoder {
    held: Vec<u8>,
    seeking: bool,
    ups: Vec<Vec<u8>>,
}

impl Default for BmpDecoder {
    fn default() -> Self {
        let (inward, outward) = Default::default();
        Self { framer: Framer::new(Protocol::Bmp), inward, outward, errors: 0, ups: BTreeMap::new() }
    }
}

impl BmpDecoder {
    /// Takes the next bytes, and tells the messages that are complete with them, or why one could not be read.
    pub fn take(&mut self, bytes: &[u8], tell: &mut dyn FnMut(Result<BmpMessage, String>)) {
        let Self { framer, inward, outward, errors, ups } = self;
        framer.take(bytes, &mut |frame| {
            let message = match frame {
                Ok(frame) => {
                    note_up(frame, ups);
                    decode(frame, inward, outward)
                }
                Err(Damage) => Err("bytes that are part of no BMP message".to_owned()),
            };
            if message.is_err() {
                *errors += 1;
            }
            if *errors >= ERRORS_KEPT {
                *errors = 0;
                [&mut *inward, &mut *outward].into_iter().for_each(forget_errors);
            }
            tell(message);
        });
    }

    /// All that the reading of what follows depends on.
    pub fn save(&self) -> SavedDecoder {
        let (held, seeking) = self.framer.held();
        SavedDecoder { held: held.to_vec(), seeking, ups: self.ups.values().cloned().collect() }
    }

    /// A decoder that goes on where another was saved.
    pub fn restore(saved: SavedDecoder) -> Self {
        let mut decoder = Self::default();
        saved.ups.iter().for_each(|up| decoder.take(up, &mut |_| {}));
        decoder.framer = Framer::resume(Protocol::Bmp, saved.held, saved.seeking);
        decoder
    }

    /// Some bytes are missing here.
    pub fn gap(&mut self) {
        self.framer.gap();
    }
}

/// Keeps a Peer Up until the peer goes down.
fn note_up(frame: &[u8], ups: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    const PEER_DOWN: u8 = 2;
    const PEER_UP: u8 = 3;
    let kind = frame.get(BMP_HEADER - 1).copied().filter(|kind| [PEER_DOWN, PEER_UP].contains(kind));
    // Type; flags, which do not tell peers apart; distinguisher and address.
    let peer = frame.get(BMP_HEADER..BMP_HEADER + 26).and_then(|header| header.split_first());
    let (Some(kind), Some((peer_type, rest))) = (kind, peer) else { return };
    let peer = [&[*peer_type][..], rest.get(1..).unwrap_or_default()].concat();
    if kind == PEER_DOWN {
        ups.remove(&peer);
    } else if ups.len() < PEERS_MAX {
        ups.insert(peer, frame.to_vec());
    }
}

fn forget_errors(context: &mut BmpParsingContext) {
    context.values_mut().for_each(|peer| drop(peer.reset_parsing_errors()));
}

fn decode(
    frame: &[u8],
    inward: &mut BmpParsingContext,
    outward: &mut BmpParsingContext,
) -> Result<BmpMessage, String> {
    for context in [&mut *inward, &mut *outward] {
        if context.len() > PEERS_MAX {
            context.clear();
        }
    }
    let context = if is_outward(frame) { &mut *outward } else { &mut *inward };
    let message = BmpMessage::parse(&mut SliceReader::new(frame), context).map_err(|e| e.to_string())?;
    if let Some(up) = peer_up(&message) {
        for (context, out) in [(inward, false), (outward, true)] {
            if let Some(up) = with_direction(up, out) {
                context.update(&BmpMessage::V3(v3::BmpMessageValue::PeerUpNotification(up)));
            }
        }
    } else {
        inward.update(&message);
        outward.update(&message);
    }
    Ok(message)
}

/// Whether a message about a peer speaks of an Adj-RIB-Out: the O flag (RFC 8671 §4), which a Loc-RIB has not.
fn is_outward(frame: &[u8]) -> bool {
    let about_peer = matches!(frame.get(BMP_HEADER - 1), Some(0 | 6));
    about_peer && matches!(frame.get(BMP_HEADER..BMP_HEADER + 2), Some(&[0..=2, flags]) if flags & 0x10 != 0)
}

/// The Peer Up in a message.
pub fn peer_up(message: &BmpMessage) -> Option<&v3::PeerUpNotificationMessage> {
    match message {
        BmpMessage::V3(v3::BmpMessageValue::PeerUpNotification(up))
        | BmpMessage::V4(v4::BmpMessageValue::PeerUpNotification(up)) => Some(up),
        _ => None,
    }
}

/// The update in a route monitoring message, and the peer that it is about.
pub fn update(message: &BmpMessage) -> Option<(&PeerHeader, &BgpMessage)> {
    match message {
        BmpMessage::V3(v3::BmpMessageValue::RouteMonitoring(m)) => {
            Some((m.peer_header(), m.update_message()))
        }
        BmpMessage::V4(v4::BmpMessageValue::RouteMonitoring(m)) => {
            Some((m.peer_header(), m.update_message()))
        }
        _ => None,
    }
}

/// A Peer Up as if of this direction: receivers must not heed the O flag in it (RFC 8671 §5.3), the decoder does.
fn with_direction(up: &v3::PeerUpNotificationMessage, out: bool) -> Option<v3::PeerUpNotificationMessage> {
    let header = up.peer_header();
    let mut kind = header.peer_type();
    match &mut kind {
        BmpPeerType::GlobalInstancePeer { adj_rib_out, .. }
        | BmpPeerType::RdInstancePeer { adj_rib_out, .. }
        | BmpPeerType::LocalInstancePeer { adj_rib_out, .. } => *adj_rib_out = out,
        _ => {}
    }
    let header = PeerHeader::new(
        kind,
        header.rd(),
        header.address(),
        header.peer_as(),
        header.bgp_id(),
        header.timestamp().copied(),
    );
    v3::PeerUpNotificationMessage::build(
        header,
        up.local_address(),
        up.local_port(),
        up.remote_port(),
        up.sent_message().clone(),
        up.received_message().clone(),
        up.information().to_vec(),
    )
    .ok()
}
