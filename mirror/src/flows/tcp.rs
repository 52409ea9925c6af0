//! TCP's health from sequence numbers, as the Wireshark User's Guide defines it ("TCP Analysis", section 7.5).
//!
//! All comparisons of sequence numbers are modulo 2^32 (RFC 9293 §3.4). Wireshark takes the value 0 for "not known yet";
//! so do we, as the metrics are its.

use twin::WallTime;

use super::median::Median;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// A retransmission this soon after a repeated acknowledgement is a fast one.
const FAST_RETRANSMISSION_NS: i64 = 20_000_000;
/// Out of order is what comes within the initial round trip, or within this while that is unknown.
const OUT_OF_ORDER_NS: i64 = 3_000_000;
/// Segments waiting for their acknowledgement, per direction.
const MAX_UNACKED: usize = 4_096;
const MAX_SACK: usize = 4;

/// What the analysis reads of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    seq: u32,
    ack: u32,
    flags: u8,
    window: u16,
    /// Payload length in bytes.
    len: u32,
    at_ns: i64,
    sack: [(u32, u32); MAX_SACK],
    sack_count: usize,
}

impl Segment {
    /// Reads the header at the front of a segment of `len` bytes; `None` if it is cut or its length is wrong.
    pub(super) fn read(bytes: &[u8], len: u32, at: Option<WallTime>) -> Option<Self> {
        let header: &[u8; 20] = bytes.first_chunk()?;
        let word =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let header_len = u32::from(header[12] >> 4) * 4;
        if header_len < 20 || header_len > len {
            return None;
        }
        let mut segment = Self {
            seq: word(4),
            ack: word(8),
            flags: header[13],
            window: u16::from_be_bytes([header[14], header[15]]),
            len: len - header_len,
            at_ns: at.unwrap_or_default().as_ns(),
            sack: [(0, 0); MAX_SACK],
            sack_count: 0,
        };
        segment.read_options(&bytes[20..bytes.len().min(header_len as usize)]);
        Some(segment)
    }

    /// Takes the selective acknowledgements (RFC 2018) from the options.
    fn read_options(&mut self, mut options: &[u8]) {
        while let [kind, rest @ ..] = options {
            match (kind, rest) {
                (0, _) => return,
                (1, _) => options = rest,
                (_, &[len, ..]) if len >= 2 && usize::from(len) <= options.len() => {
                    let (option, after) = options.split_at(usize::from(len));
                    if *kind == 5 {
                        self.read_sack(&option[2..]);
                    }
                    options = after;
                }
                _ => return,
            }
        }
    }

    fn read_sack(&mut self, blocks: &[u8]) {
        for block in blocks.chunks_exact(8).take(MAX_SACK) {
            let edge =
                |at: usize| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
            self.sack[self.sack_count] = (edge(0), edge(4));
            self.sack_count += 1;
        }
    }

    fn has(&self, flags: u8) -> bool {
        self.flags & flags != 0
    }

    /// Whether it takes sequence space.
    fn advances(&self) -> bool {
        self.len > 0 || self.has(SYN | FIN)
    }

    /// The sequence number after it: SYN and FIN count as one byte.
    fn next_seq(&self) -> u32 {
        self.seq.wrapping_add(self.len).wrapping_add(u32::from(self.has(SYN | FIN)))
    }
}

/// The metrics of a flow's TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct TcpMetrics {
    pub(super) retransmissions: u64,
    pub(super) out_of_order: u64,
    pub(super) lost: u64,
    pub(super) rtt_initial_ns: Option<i64>,
    pub(super) rtt_median_ns: Option<f64>,
}

/// The analysis of one flow.
#[derive(Debug, Default)]
pub(super) struct TcpFlow {
    connection: Connection,
    metrics: TcpMetrics,
    rtt: Median,
}

/// The state of one connection. A 5-tuple may carry several, one after the other.
#[derive(Debug, Default)]
struct Connection {
    directions: [Direction; 2],
    syn_ns: Option<i64>,
    initial_rtt_ns: Option<i64>,
}

/// What one side has sent.
#[derive(Debug, Default)]
struct Direction {
    /// From its SYN, or guessed from its first segment or the other side's first acknowledgement.
    initial_seq: Option<u32>,
    /// The highest sequence number after a segment, and when it was reached.
    next_seq: u32,
    next_seq_ns: i64,
    last_ack: u32,
    last_ack_ns: i64,
    window: u16,
    duplicate_acks: u32,
    sack: [(u32, u32); MAX_SACK],
    sack_count: usize,
    last_was: Probe,
    unacked: Vec<Unacked>,
}

/// Segments that only look like data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Probe {
    #[default]
    No,
    KeepAlive,
    ZeroWindow,
}

#[derive(Clone, Copy, Debug)]
struct Unacked {
    seq: u32,
    next_seq: u32,
    at_ns: i64,
}

/// What a segment that takes sequence space is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    InOrder,
    Lost,
    OutOfOrder,
    Retransmission,
}

impl TcpFlow {
    /// Adds a segment sent in direction 0 or 1.
    pub(super) fn observe(&mut self, direction: usize, segment: &Segment) {
        if self.connection.is_reused_by(direction, segment) {
            self.connection = Connection::default();
        }
        match self.connection.judge(direction, segment) {
            Verdict::InOrder => {}
            Verdict::Lost => self.metrics.lost += 1,
            Verdict::OutOfOrder => self.metrics.out_of_order += 1,
            Verdict::Retransmission => self.metrics.retransmissions += 1,
        }
        if let Some(rtt_ns) = self.connection.record(direction, segment) {
            self.rtt.add(rtt_ns.max(0) as u64);
        }
        self.metrics.rtt_initial_ns = self.metrics.rtt_initial_ns.or(self.connection.initial_rtt_ns);
    }

    pub(super) fn finish(self) -> TcpMetrics {
        TcpMetrics { rtt_median_ns: self.rtt.finish(), ..self.metrics }
    }
}

impl Connection {
    /// A SYN with another initial sequence number begins a new connection on the same ports.
    fn is_reused_by(&self, direction: usize, segment: &Segment) -> bool {
        segment.has(SYN)
            && !segment.has(ACK)
            && self.directions[direction].initial_seq.is_some_and(|seq| seq != segment.seq)
    }

    fn judge(&mut self, direction: usize, segment: &Segment) -> Verdict {
        let initial_rtt_ns = self.initial_rtt_ns;
        let (own, other) = pair(&mut self.directions, direction);
        let probe = own.probe(other, segment);
        own.count_duplicate_ack(other, segment, probe);
        own.last_was = probe;
        let lost = own.next_seq != 0 && after(segment.seq, own.next_seq) && !segment.has(RST);
        if probe != Probe::No || !segment.advances() {
            return if lost { Verdict::Lost } else { Verdict::InOrder };
        }
        if own.is_spurious(other, segment) {
            return Verdict::Retransmission;
        }
        // One byte before the front is where a keep-alive's successor begins.
        let overlaps_probe = segment.len > 1 && own.next_seq.wrapping_sub(1) == segment.seq;
        let is_behind = own.next_seq != 0 && after(own.next_seq, segment.seq) && !overlaps_probe;
        match is_behind {
            false if lost => Verdict::Lost,
            false => Verdict::InOrder,
            true if own.is_fast_retransmission(other, segment) => Verdict::Retransmission,
            true if own.is_out_of_order(segment, initial_rtt_ns) => Verdict::OutOfOrder,
            true => Verdict::Retransmission,
        }
    }

    /// Remembers the segment; gives the round-trip time that its acknowledgement ends.
    fn record(&mut self, direction: usize, segment: &Segment) -> Option<i64> {
        self.time_handshake(segment);
        let (own, other) = pair(&mut self.directions, direction);
        let first = if segment.has(SYN) { segment.seq } else { segment.seq.wrapping_sub(1) };
        own.initial_seq = own.initial_seq.or(Some(first));
        if segment.has(ACK) {
            other.initial_seq = other.initial_seq.or(Some(segment.ack.wrapping_sub(1)));
        }
        own.advance(segment);
        own.remember_ack(segment);
        other.acknowledged(segment)
    }

    /// From the latest SYN to the first acknowledgement without SYN.
    fn time_handshake(&mut self, segment: &Segment) {
        match segment.flags & (SYN | ACK) {
            SYN => self.syn_ns = Some(segment.at_ns),
            ACK if self.initial_rtt_ns.is_none() => {
                self.initial_rtt_ns = self.syn_ns.map(|syn| segment.at_ns - syn);
            }
            _ => {}
        }
    }
}

impl Direction {
    fn probe(&self, other: &Direction, segment: &Segment) -> Probe {
        if segment.has(SYN | FIN | RST) || self.next_seq == 0 {
            return Probe::No;
        }
        if segment.len == 1 && segment.seq == self.next_seq && other.window == 0 && other.last_ack != 0 {
            return Probe::ZeroWindow;
        }
        if segment.len <= 1 && segment.seq == self.next_seq.wrapping_sub(1) {
            return Probe::KeepAlive;
        }
        Probe::No
    }

    /// The same acknowledgement again, with nothing else in it.
    fn count_duplicate_ack(&mut self, other: &Direction, segment: &Segment, probe: Probe) {
        let repeats = segment.len == 0
            && segment.seq == self.next_seq
            && segment.ack == self.last_ack
            && segment.window == self.window
            && segment.window != 0
            && !segment.has(SYN | FIN | RST);
        if repeats && probe == Probe::No && other.last_was == Probe::No {
            self.duplicate_acks += 1;
        }
        if segment.ack != self.last_ack {
            self.duplicate_acks = 0;
        }
    }

    /// All of it has been acknowledged before.
    fn is_spurious(&self, other: &Direction, segment: &Segment) -> bool {
        let end = segment.seq.wrapping_add(segment.len);
        segment.len > 0 && other.last_ack != 0 && !after(end, other.last_ack)
    }

    /// The other side has asked for it by repeated or selective acknowledgements.
    fn is_fast_retransmission(&self, other: &Direction, segment: &Segment) -> bool {
        let soon = segment.at_ns - other.last_ack_ns < FAST_RETRANSMISSION_NS;
        let asked = other.last_ack == segment.seq;
        let sacked = other.sack[..other.sack_count]
            .iter()
            .any(|&(from, to)| !after(from, segment.seq) && after(to, segment.seq));
        soon && other.duplicate_acks >= 2 && (asked || (other.sack_count > 0 && !sacked))
    }

    /// It came soon after the front moved past it, and has not been seen before.
    fn is_out_of_order(&self, segment: &Segment, initial_rtt_ns: Option<i64>) -> bool {
        let limit = initial_rtt_ns.filter(|&rtt| rtt != 0).unwrap_or(OUT_OF_ORDER_NS);
        let soon = segment.at_ns - self.next_seq_ns < limit;
        let at_front = segment.next_seq() == self.next_seq;
        soon && !at_front
            && !self.unacked.iter().any(|u| !after(u.seq, segment.seq) && after(u.next_seq, segment.seq))
    }

    fn advance(&mut self, segment: &Segment) {
        let next_seq = segment.next_seq();
        if segment.advances() && self.unacked.len() < MAX_UNACKED {
            self.unacked.push(Unacked { seq: segment.seq, next_seq, at_ns: segment.at_ns });
        }
        if (self.next_seq == 0 || after(next_seq, self.next_seq)) && self.last_was != Probe::ZeroWindow {
            self.next_seq = next_seq;
            self.next_seq_ns = segment.at_ns;
        }
    }

    fn remember_ack(&mut self, segment: &Segment) {
        self.window = segment.window;
        self.last_ack = segment.ack;
        self.last_ack_ns = segment.at_ns;
        (self.sack, self.sack_count) = (segment.sack, segment.sack_count);
    }

    /// Drops what the other side's segment acknowledges; the age of the oldest segment that ends exactly there.
    fn acknowledged(&mut self, segment: &Segment) -> Option<i64> {
        let mut rtt = None;
        self.unacked.retain(|u| {
            if u.next_seq == segment.ack && rtt.is_none() {
                rtt = Some(segment.at_ns - u.at_ns);
            }
            after(u.next_seq, segment.ack)
        });
        rtt
    }
}

fn pair(directions: &mut [Direction; 2], own: usize) -> (&mut Direction, &mut Direction) {
    let [a, b] = directions;
    if own == 0 { (a, b) } else { (b, a) }
}

/// Whether `a` lies after `b` in sequence space.
fn after(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Segments as `time in ms, direction, flags, seq, ack, length`, and what the analysis makes of them:
    /// `retransmissions, out of order, lost`.
    fn counts(segments: &[(i64, usize, u8, u32, u32, u32)]) -> (u64, u64, u64) {
        let m = metrics(segments);
        (m.retransmissions, m.out_of_order, m.lost)
    }

    fn metrics(segments: &[(i64, usize, u8, u32, u32, u32)]) -> TcpMetrics {
        let mut flow = TcpFlow::default();
        for &(at_ms, direction, flags, seq, ack, len) in segments {
            let segment = Segment {
                seq,
                ack,
                flags,
                window: 1_000,
                len,
                at_ns: at_ms * MS,
                sack: [(0, 0); MAX_SACK],
                sack_count: 0,
            };
            flow.observe(direction, &segment);
        }
        flow.finish()
    }

    #[test]
    fn a_gap_is_lost_and_its_late_segment_out_of_order() {
        let gap = [(0, 0, ACK, 100, 1, 10), (1, 0, ACK, 120, 1, 10)];
        assert_eq!(counts(&gap), (0, 0, 1));
        assert_eq!(counts(&[gap[0], gap[1], (2, 0, ACK, 110, 1, 10)]), (0, 1, 1));
        // Later than 3 ms after the front moved (no handshake was seen) it was sent again.
        assert_eq!(counts(&[gap[0], gap[1], (4, 0, ACK, 110, 1, 10)]), (1, 0, 1));
    }

    #[test]
    fn within_the_initial_round_trip_late_is_out_of_order() {
        let handshake = [(0, 0, SYN, 99, 0, 0), (10, 1, SYN | ACK, 500, 100, 0), (20, 0, ACK, 100, 501, 0)];
        let [a, b, c] = handshake;
        let gap = [(30, 0, ACK, 100, 501, 10), (30, 0, ACK, 120, 501, 10)];
        assert_eq!(counts(&[a, b, c, gap[0], gap[1], (49, 0, ACK, 110, 501, 10)]), (0, 1, 1));
        assert_eq!(counts(&[a, b, c, gap[0], gap[1], (50, 0, ACK, 110, 501, 10)]), (1, 0, 1));
        let m = metrics(&handshake);
        assert_eq!((m.rtt_initial_ns, m.rtt_median_ns), (Some(20 * MS), Some(10.0 * MS as f64)));
    }

    #[test]
    fn a_segment_seen_before_is_sent_again_however_soon() {
        let first = [(0, 0, ACK, 100, 1, 10), (0, 0, ACK, 110, 1, 10)];
        assert_eq!(counts(&[first[0], first[1], (1, 0, ACK, 100, 1, 10)]), (1, 0, 0));
        let acknowledged = (1, 1, ACK, 1, 120, 0);
        assert_eq!(
            counts(&[first[0], first[1], acknowledged, (2, 0, ACK, 100, 1, 10)]),
            (1, 0, 0),
            "spurious"
        );
    }

    #[test]
    fn two_repeated_acknowledgements_ask_for_a_fast_retransmission() {
        let ack = |at| (at, 1, ACK, 1, 110, 0);
        let segments = [
            (0, 0, ACK, 100, 1, 10),
            (0, 0, ACK, 120, 1, 10),
            (0, 0, ACK, 130, 1, 10),
            ack(1),
            ack(1),
            ack(1),
            (2, 0, ACK, 110, 1, 10),
        ];
        assert_eq!(counts(&segments), (1, 0, 1));
        let one_repeat: Vec<_> = segments.iter().copied().filter(|s| *s != ack(1)).collect();
        assert_eq!(counts(&one_repeat), (0, 1, 1));
    }

    #[test]
    fn a_keep_alive_is_no_retransmission() {
        let data = (0, 0, ACK, 100, 1, 10);
        assert_eq!(counts(&[data, (9_000, 0, ACK, 109, 1, 1)]), (0, 0, 0));
        assert_eq!(counts(&[data, (9_000, 0, ACK, 109, 1, 0)]), (0, 0, 0));
    }

    #[test]
    fn sequence_numbers_wrap() {
        let segments = [
            (0, 0, ACK, u32::MAX - 9, 1, 10),
            (1, 1, ACK, 1, 0, 0),
            (2, 0, ACK, 0, 1, 10),
            (4, 1, ACK, 1, 10, 0),
            (5, 0, ACK, 10, 1, 10),
        ];
        let m = metrics(&segments);
        assert_eq!((m.retransmissions, m.out_of_order, m.lost), (0, 0, 0));
        assert_eq!(m.rtt_median_ns, Some(1.5 * MS as f64));
    }

    #[test]
    fn a_repeated_syn_is_a_retransmission_and_another_one_a_new_connection() {
        let syn = |at, seq| (at, 0, SYN, seq, 0, 0);
        assert_eq!(counts(&[syn(0, 100), syn(1_000, 100)]), (1, 0, 0));
        assert_eq!(counts(&[syn(0, 100), (10, 0, ACK, 101, 1, 50), syn(1_000, 90)]), (0, 0, 0));
        assert_eq!(
            counts(&[(10, 0, ACK, 101, 1, 50), syn(1_000, 90)]),
            (0, 0, 0),
            "after a part without SYN"
        );
    }

    #[test]
    fn a_segment_repeated_before_its_acknowledgement_is_timed_from_the_first() {
        let m = metrics(&[(0, 0, ACK, 100, 1, 10), (50, 0, ACK, 100, 1, 10), (60, 1, ACK, 1, 110, 0)]);
        assert_eq!((m.retransmissions, m.rtt_median_ns), (1, Some(60.0 * MS as f64)));
    }
}
