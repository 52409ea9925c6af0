//! One direction of a TCP connection, put in order again.
//!
//! A listener sees what a capture saw: segments twice, late, or never. Memory is bounded: what waits for a hole to be
//! filled is at most 1 MiB; then the hole is given up and counted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::frame::Segment;

/// Bytes that may wait for a hole to be filled.
const WAITING_MAX: usize = 1 << 20;
/// Segments that may wait for a hole to be filled.
const SEGMENTS_MAX: usize = 1024;
/// A segment further from the expected place is no part of this connection: ports were used again, unseen.
const WINDOW: i64 = 1 << 24;

/// What a segment leads to, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A connection begins; what came before it, if there was anything, is over.
    Begin {
        /// There was an earlier one.
        again: bool,
    },
    /// The next bytes.
    Data(Cow<'a, [u8]>),
    /// So many bytes were not captured.
    Gap(u64),
    /// This direction is closed.
    End,
}

/// One direction.
#[derive(Debug, Default)]
pub struct Direction {
    /// The sequence number of the next byte; absent before the first segment.
    next: Option<u32>,
    /// A SYN has brought data, and no segment has come since.
    syn_with_data: bool,
    /// What came early, by its distance from a fixed place.
    waiting: BTreeMap<i64, Vec<u8>>,
    waiting_bytes: usize,
    /// The distance of `next` from that place.
    passed: i64,
}

impl Direction {
    /// Takes a segment and tells what follows from it.
    pub fn take<'a>(&mut self, segment: &Segment<'a>, tell: &mut dyn FnMut(Piece<'_>)) {
        if segment.syn {
            self.begin(segment, tell);
        } else if !segment.payload.is_empty() {
            self.place(segment, tell);
        }
        if segment.last {
            self.finish(tell);
            tell(Piece::End);
        }
    }

    /// Gives up every hole: nothing more will come.
    pub fn finish(&mut self, tell: &mut dyn FnMut(Piece<'_>)) {
        while !self.waiting.is_empty() {
            self.give_up_hole(tell);
        }
    }

    fn begin(&mut self, segment: &Segment<'_>, tell: &mut dyn FnMut(Piece<'_>)) {
        let first = segment.seq.wrapping_add(1);
        if self.next == Some(first) && segment.payload.is_empty() {
            return; // the SYN once more
        }
        let again = self.next.is_some();
        *self = Self { next: Some(first), ..Self::default() };
        tell(Piece::Begin { again });
        if !segment.payload.is_empty() {
            self.advance(segment.payload.len());
            self.syn_with_data = true;
            tell(Piece::Data(segment.payload.into()));
        }
    }

    fn place(&mut self, segment: &Segment<'_>, tell: &mut dyn FnMut(Piece<'_>)) {
        let mut next = *self.next.get_or_insert(segment.seq);
        if std::mem::take(&mut self.syn_with_data) && segment.seq.wrapping_add(1) == next {
            // Some generators of captures let a SYN with data take no sequence number of its own.
            next = segment.seq;
            self.next = Some(next);
        }
        let ahead = i64::from(segment.seq.wrapping_sub(next) as i32);
        if ahead.abs() > WINDOW {
            *self = Self { next: Some(segment.seq), ..Self::default() };
            tell(Piece::Begin { again: true });
            return self.place(segment, tell);
        }
        if ahead > 0 {
            return self.keep(self.passed + ahead, segment.payload, tell);
        }
        let seen = ahead.unsigned_abs() as usize;
        if let Some(new) = segment.payload.get(seen..).filter(|new| !new.is_empty()) {
            self.advance(new.len());
            tell(Piece::Data(new.into()));
            self.release(tell);
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.next = self.next.map(|n| n.wrapping_add(bytes as u32));
        self.passed += bytes as i64;
    }

    fn keep(&mut self, at: i64, payload: &[u8], tell: &mut dyn FnMut(Piece<'_>)) {
        let kept = self.waiting.entry(at).or_default();
        if kept.len() < payload.len() {
            self.waiting_bytes += payload.len() - kept.len();
            *kept = payload.to_vec();
        }
        while self.waiting_bytes > WAITING_MAX || self.waiting.len() > SEGMENTS_MAX {
            self.give_up_hole(tell);
        }
    }

    fn give_up_hole(&mut self, tell: &mut dyn FnMut(Piece<'_>)) {
        let Some((&first, _)) = self.waiting.first_key_value() else { return };
        let hole = first - self.passed;
        if hole > 0 {
            self.advance(hole as usize);
            tell(Piece::Gap(hole.unsigned_abs()));
        }
        self.release(tell);
    }

    /// Passes on what is next among that which waits.
    fn release(&mut self, tell: &mut dyn FnMut(Piece<'_>)) {
        while let Some(entry) = self.waiting.first_entry().filter(|e| *e.key() <= self.passed) {
            let seen = (self.passed - entry.key()).unsigned_abs() as usize;
            let mut bytes = entry.remove();
            self.waiting_bytes -= bytes.len();
            if seen < bytes.len() {
                bytes.drain(..seen);
                self.advance(bytes.len());
                tell(Piece::Data(bytes.into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(seq: u32, payload: &[u8]) -> Segment<'_> {
        let at = |port| std::net::SocketAddr::from(([10, 0, 0, 1], port));
        Segment { src: at(1), dst: at(2), seq, syn: false, last: false, payload }
    }

    /// The stream in words: bytes as they are, `|` a beginning, `<n>` a gap, `.` the end.
    fn told(segments: &[Segment<'_>], finish: bool) -> String {
        let (mut direction, mut text) = (Direction::default(), String::new());
        let mut tell = |piece: Piece<'_>| match piece {
            Piece::Begin { .. } => text.push('|'),
            Piece::Data(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            Piece::Gap(n) => text.push_str(&format!("<{n}>")),
            Piece::End => text.push('.'),
        };
        segments.iter().for_each(|s| direction.take(s, &mut tell));
        if finish {
            direction.finish(&mut tell);
        }
        text
    }

    #[test]
    fn late_repeated_and_overlapping_segments_give_the_stream() {
        let syn = Segment { syn: true, ..segment(99, b"") };
        let list = [
            syn,
            segment(100, b"ab"),
            segment(104, b"ef"),
            segment(100, b"abc"),
            segment(103, b"def"),
            segment(106, b"g"),
        ];
        assert_eq!(told(&list, false), "|abcdefg");
    }

    #[test]
    fn a_hole_is_counted_when_nothing_can_fill_it() {
        let list = [segment(100, b"ab"), segment(105, b"f"), segment(108, b"i")];
        assert_eq!(told(&list, false), "ab");
        assert_eq!(told(&list, true), "ab<3>f<2>i");
        let fin = Segment { last: true, ..segment(109, b"") };
        assert_eq!(told(&[&list[..], &[fin]].concat(), false), "ab<3>f<2>i.");
    }

    #[test]
    fn sequence_numbers_wrap() {
        let list = [segment(u32::MAX - 1, b"abc"), segment(3, b"fg"), segment(1, b"de")];
        assert_eq!(told(&list, false), "abcdefg");
    }

    #[test]
    fn a_syn_with_data_may_or_may_not_count_itself() {
        let syn = Segment { syn: true, ..segment(1, b"ab") };
        assert_eq!(told(&[syn, segment(4, b"cd")], false), "|abcd");
        assert_eq!(told(&[syn, segment(3, b"cd"), segment(5, b"ef")], false), "|abcdef");
    }

    #[test]
    fn a_connection_with_the_same_ports_is_another() {
        let syn = |seq| Segment { syn: true, ..segment(seq, b"") };
        assert_eq!(told(&[syn(1), segment(2, b"a"), syn(1_000), segment(1_001, b"b")], false), "|a|b");
        assert_eq!(told(&[segment(2, b"a"), segment(0x8000_0000, b"b")], false), "a|b", "unseen beginnings");
    }

    #[test]
    fn memory_is_bounded() {
        let block = vec![b'x'; 60_000];
        let mut direction = Direction::default();
        direction.take(&segment(0, b"a"), &mut |_| {});
        for n in 0..100u32 {
            direction.take(&segment(100 + n * 60_001, &block), &mut |_| {});
            assert!(direction.waiting_bytes <= WAITING_MAX + block.len());
            assert_eq!(direction.waiting_bytes, direction.waiting.values().map(Vec::len).sum::<usize>());
        }
    }

    proptest! {
        #[test]
        fn any_order_of_any_cuts_gives_the_stream(
            start in any::<u32>(), cuts in prop::collection::vec((0usize..200, 1usize..40), 0..40),
        ) {
            let stream: Vec<u8> = (0..200u32).map(|n| b'a' + (n * n % 26) as u8).collect();
            let syn = Segment { syn: true, ..segment(start.wrapping_sub(1), b"") };
            let piece = |from: usize, to: usize| segment(start.wrapping_add(from as u32), &stream[from..to.min(200)]);
            let mut list = vec![syn];
            list.extend(cuts.iter().map(|&(from, length)| piece(from, from + length)));
            list.extend((0..200).step_by(7).rev().map(|from| piece(from, from + 7)));
            prop_assert_eq!(told(&list, false), format!("|{}", String::from_utf8_lossy(&stream)));
        }
    }
}
