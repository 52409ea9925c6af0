//! Which fragment completes its datagram.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use crate::decode::{Fragment, IpPacket};

/// Datagrams waiting for pieces; the oldest gives way to a new one.
const MAX_PENDING: usize = 4_096;
/// Separate stretches of one datagram; a datagram in more than this never completes.
const MAX_STRETCHES: usize = 128;
/// Bytes kept from the front of a datagram: the longest TCP header.
const HEAD: usize = 60;

/// What a fragment does to its datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// It is the last that was missing. The front of the datagram (zeros after its end), and its length.
    Completes { head: Vec<u8>, len: u32 },
    /// Others are missing.
    Incomplete,
    /// Its own bytes were not captured in full.
    Cut,
}

/// Datagrams of which pieces have arrived.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    pending: BTreeMap<Key, Datagram>,
    /// Keys by age; those that completed meanwhile are skipped.
    order: VecDeque<(u64, Key)>,
    born: u64,
}

type Key = (IpAddr, IpAddr, u32, u8);

#[derive(Debug)]
struct Datagram {
    born: u64,
    /// Sorted, disjoint, not touching: `[from, to)`.
    stretches: Vec<(u32, u32)>,
    len: Option<u32>,
    head: [u8; HEAD],
}

impl Fragments {
    pub(super) fn add(&mut self, packet: &IpPacket<'_>, fragment: Fragment) -> Piece {
        if (packet.payload.len() as u64) < u64::from(packet.payload_len) {
            return Piece::Cut;
        }
        let key = (packet.src, packet.dst, fragment.id, packet.protocol);
        if !self.pending.contains_key(&key) {
            self.begin(key);
        }
        let Some(datagram) = self.pending.get_mut(&key) else { return Piece::Incomplete };
        datagram.add(packet.payload, fragment);
        match datagram.complete() {
            Some(len) => {
                let head = datagram.head[..HEAD.min(len as usize)].to_vec();
                self.pending.remove(&key);
                Piece::Completes { head, len }
            }
            None => Piece::Incomplete,
        }
    }

    fn begin(&mut self, key: Key) {
        self.born += 1;
        let datagram = Datagram { born: self.born, stretches: Vec::new(), len: None, head: [0; HEAD] };
        self.pending.insert(key, datagram);
        self.order.push_back((self.born, key));
        while self.order.len() > MAX_PENDING {
            let Some((born, oldest)) = self.order.pop_front() else { break };
            if self.pending.get(&oldest).is_some_and(|d| d.born == born) {
                self.pending.remove(&oldest);
            }
        }
    }
}

impl Datagram {
    fn add(&mut self, bytes: &[u8], fragment: Fragment) {
        let from = fragment.offset;
        let to = from.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        if !fragment.more {
            self.len = Some(to);
        }
        if let Some(room) = self.head.get_mut(from as usize..) {
            let n = room.len().min(bytes.len());
            room[..n].copy_from_slice(&bytes[..n]);
        }
        if self.stretches.len() < MAX_STRETCHES {
            self.merge(from, to);
        }
    }

    fn merge(&mut self, mut from: u32, mut to: u32) {
        self.stretches.retain(|&(a, b)| {
            let apart = b < from || a > to;
            if !apart {
                (from, to) = (from.min(a), to.max(b));
            }
            apart
        });
        let at = self.stretches.partition_point(|&(a, _)| a < from);
        self.stretches.insert(at, (from, to));
    }

    /// Its length, once every byte of it has arrived.
    fn complete(&self) -> Option<u32> {
        let len = self.len?;
        self.stretches.first().is_some_and(|&(from, to)| from == 0 && to >= len).then_some(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(fragments: &mut Fragments, id: u32, offset: u32, more: bool, bytes: &[u8]) -> Piece {
        let address = IpAddr::from([10, 0, 0, 1]);
        let fragment = Fragment { id, offset, more };
        let packet = IpPacket {
            src: address,
            dst: address,
            protocol: 17,
            fragment: Some(fragment),
            payload: bytes,
            payload_len: bytes.len() as u32,
        };
        fragments.add(&packet, fragment)
    }

    #[test]
    fn the_missing_piece_completes_in_whatever_order() {
        let mut f = Fragments::default();
        assert_eq!(add(&mut f, 1, 16, false, &[3; 4]), Piece::Incomplete);
        assert_eq!(add(&mut f, 1, 0, true, &[1; 8]), Piece::Incomplete);
        assert_eq!(add(&mut f, 2, 8, true, &[2; 8]), Piece::Incomplete);
        let Piece::Completes { head, len } = add(&mut f, 1, 8, true, &[2; 8]) else { panic!("complete") };
        assert_eq!((len, head), (20, [[1; 8].as_slice(), &[2; 8], &[3; 4]].concat()));
        assert_eq!(f.pending.len(), 1, "the other datagram still waits");
    }

    #[test]
    fn pieces_without_end_stay_bounded() {
        let mut f = Fragments::default();
        for id in 0..20_000 {
            add(&mut f, id, 0, true, &[0; 8]);
        }
        assert!(f.pending.len() <= MAX_PENDING && f.order.len() <= MAX_PENDING);
        for piece in 0..5_000 {
            add(&mut f, 19_999, piece * 16, true, &[0; 8]);
        }
        assert!(f.pending.values().all(|d| d.stretches.len() <= MAX_STRETCHES));
    }
}
