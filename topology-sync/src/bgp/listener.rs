//! Frames in, BMP and BGP messages out: conversations told apart, put in order, recognised by content, decoded.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use netgauze_bgp_pkt::BgpMessage;
use netgauze_bmp_pkt::BmpMessage;
use twin::WallTime;

use super::bmp::BmpDecoder;
use super::frame::{self, Segment};
use super::recognise::{self, Fit, Protocol};
use super::session::BgpDecoder;
use super::tcp::{Direction, Piece};

/// Conversations that are followed at once; beyond, the half that was silent longest is forgotten.
const CONVERSATIONS_MAX: usize = 1 << 14;
/// Bytes of a conversation that are searched for BMP or BGP before it is taken for something else.
const SEARCHED_MAX: usize = 1 << 18;
/// Bytes that are searched again when more come.
const TAIL: usize = 256;

/// Something that passed between two ends.
#[derive(Debug)]
pub struct Heard<'a> {
    /// When its last byte was captured.
    pub at: WallTime,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// What.
    pub what: What<'a>,
}

/// What is heard.
#[derive(Debug)]
pub enum What<'a> {
    /// A BMP message.
    Bmp(&'a BmpMessage),
    /// A BGP message; whether its reading was guessed, for want of the OPENs.
    Bgp(&'a BgpMessage, bool),
    /// A message that could not be read, or bytes that are part of none.
    Damage(Protocol, &'a str),
    /// Bytes that were not captured.
    Gap(Protocol, u64),
    /// The connection is closed.
    End(Protocol),
}

/// Follows all the TCP conversations of a capture or an interface.
#[derive(Debug, Default)]
pub struct Listener {
    conversations: BTreeMap<[SocketAddr; 2], Conversation>,
    clock: u64,
    forgotten: u64,
}

#[derive(Debug)]
struct Conversation {
    directions: [Direction; 2],
    state: State,
    /// When it was last heard, by the count of segments, and by the clock.
    heard: u64,
    at: WallTime,
}

#[derive(Debug)]
enum State {
    /// Not recognised yet: what each end has sent.
    Unknown {
        sent: [Vec<u8>; 2],
        searched: usize,
    },
    /// A router (0 or 1) reports to a collector.
    Bmp(usize, Box<BmpDecoder>),
    Bgp(Box<BgpDecoder>),
    Other,
}

impl Default for State {
    fn default() -> Self {
        Self::Unknown { sent: Default::default(), searched: 0 }
    }
}

impl Listener {
    /// Takes a captured frame.
    pub fn frame(&mut self, at: WallTime, link_type: u16, bytes: &[u8], tell: &mut dyn FnMut(Heard<'_>)) {
        if let Some(segment) = frame::segment(link_type, bytes) {
            self.segment(at, &segment, tell);
        }
    }

    /// Takes a TCP segment.
    pub fn segment(&mut self, at: WallTime, segment: &Segment<'_>, tell: &mut dyn FnMut(Heard<'_>)) {
        let (key, end) = if segment.src <= segment.dst {
            ([segment.src, segment.dst], 0)
        } else {
            ([segment.dst, segment.src], 1)
        };
        self.clock += 1;
        if self.conversations.len() >= CONVERSATIONS_MAX && !self.conversations.contains_key(&key) {
            self.forget_half();
        }
        let conversation = self.conversations.entry(key).or_insert_with(|| Conversation {
            directions: Default::default(),
            state: State::default(),
            heard: 0,
            at,
        });
        (conversation.heard, conversation.at) = (self.clock, at);
        let Conversation { directions, state, .. } = conversation;
        directions[end].take(segment, &mut |piece| state.take(end, piece, &mut teller(key, at, tell)));
    }

    /// Nothing more will come: what waited for missing bytes is told.
    pub fn finish(&mut self, tell: &mut dyn FnMut(Heard<'_>)) {
        for (&key, conversation) in &mut self.conversations {
            let Conversation { directions, state, at, .. } = conversation;
            for (end, direction) in directions.iter_mut().enumerate() {
                direction.finish(&mut |piece| state.take(end, piece, &mut teller(key, *at, tell)));
            }
        }
    }

    /// How many conversations were forgotten because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn forget_half(&mut self) {
        let mut heard: Vec<u64> = self.conversations.values().map(|c| c.heard).collect();
        let (_, &mut median, _) = heard.select_nth_unstable(CONVERSATIONS_MAX / 2);
        let before = self.conversations.len();
        self.conversations.retain(|_, c| c.heard > median);
        self.forgotten += (before - self.conversations.len()) as u64;
    }
}

fn teller<'t>(
    key: [SocketAddr; 2],
    at: WallTime,
    tell: &'t mut dyn FnMut(Heard<'_>),
) -> impl FnMut(usize, What<'_>) + 't {
    move |end, what| tell(Heard { at, from: key[end], to: key[1 - end], what })
}

impl State {
    fn take(&mut self, end: usize, piece: Piece<'_>, tell: &mut dyn FnMut(usize, What<'_>)) {
        match piece {
            Piece::Begin { again } => self.begin(end, again, tell),
            Piece::Data(bytes) => self.data(end, &bytes, tell),
            Piece::Gap(bytes) => self.gap(end, bytes, tell),
            Piece::End => self.end(end, tell),
        }
    }

    fn begin(&mut self, end: usize, again: bool, tell: &mut dyn FnMut(usize, What<'_>)) {
        match self {
            Self::Unknown { sent, .. } => sent[end].clear(),
            _ if again => self.end(end, tell),
            _ => {}
        }
    }

    fn end(&mut self, end: usize, tell: &mut dyn FnMut(usize, What<'_>)) {
        match self {
            Self::Bmp(router, _) => tell(*router, What::End(Protocol::Bmp)),
            Self::Bgp(_) => tell(end, What::End(Protocol::Bgp)),
            Self::Unknown { .. } | Self::Other => {}
        }
        *self = Self::default();
    }

    fn gap(&mut self, end: usize, bytes: u64, tell: &mut dyn FnMut(usize, What<'_>)) {
        match self {
            Self::Bmp(router, decoder) if *router == end => {
                decoder.gap();
                tell(end, What::Gap(Protocol::Bmp, bytes));
            }
            Self::Bgp(decoder) => {
                decoder.gap(end);
                tell(end, What::Gap(Protocol::Bgp, bytes));
            }
            Self::Unknown { sent, .. } => sent[end].clear(),
            Self::Bmp(..) | Self::Other => {}
        }
    }

    fn data(&mut self, end: usize, bytes: &[u8], tell: &mut dyn FnMut(usize, What<'_>)) {
        match self {
            Self::Bmp(router, decoder) if *router == end => {
                decoder.take(bytes, &mut |message| match &message {
                    Ok(message) => tell(end, What::Bmp(message)),
                    Err(e) => tell(end, What::Damage(Protocol::Bmp, e)),
                })
            }
            Self::Bgp(decoder) => decoder.take(end, bytes, &mut |sent| match &sent {
                Ok(sent) => tell(end, What::Bgp(&sent.message, sent.guessed)),
                Err(e) => tell(end, What::Damage(Protocol::Bgp, e)),
            }),
            Self::Unknown { .. } => self.recognise(end, bytes, tell),
            Self::Bmp(..) | Self::Other => {}
        }
    }

    /// Adds to what an end has sent, and looks whether that is BMP or BGP.
    fn recognise(&mut self, end: usize, bytes: &[u8], tell: &mut dyn FnMut(usize, What<'_>)) {
        let Self::Unknown { sent, searched } = self else { return };
        sent[end].extend_from_slice(bytes);
        *searched += bytes.len();
        let found = match recognise::beginning(&sent[end]) {
            (Fit::Yes, protocol) => Some((0, protocol)),
            (Fit::More, _) if *searched <= SEARCHED_MAX => return,
            _ => recognise::somewhere(&sent[end]),
        };
        let Some((at, protocol)) = found else {
            if *searched > SEARCHED_MAX {
                *self = Self::Other;
            } else {
                let done = sent[end].len().saturating_sub(TAIL);
                sent[end].drain(..done);
            }
            return;
        };
        let sent = std::mem::take(sent);
        *self = match protocol {
            Protocol::Bmp => Self::Bmp(end, Box::default()),
            Protocol::Bgp => Self::Bgp(Box::default()),
        };
        self.data(end, &sent[end][at..], tell);
        if protocol == Protocol::Bgp && !sent[1 - end].is_empty() {
            self.data(1 - end, &sent[1 - end], tell);
        }
    }
}
