//! What is read in the headers of a segment.

/// Where a segment's parts lie. RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeader {
    /// Bytes of the IP and TCP headers, options included.
    pub header_len: usize,
    /// Bytes of data.
    pub payload_len: usize,
    /// Sequence number.
    pub sequence: u32,
    /// Whether it opens the connection.
    pub syn: bool,
    /// Whether it ends one direction.
    pub fin: bool,
}

const TCP: u8 = 6;

impl TcpHeader {
    /// Reads IPv4 or IPv6 without extension headers, then TCP. `None` for anything else, or headers cut short; the data
    /// need not be there.
    pub fn read(packet: &[u8]) -> Option<Self> {
        let (ip_len, total_len, protocol) = match packet.first()? >> 4 {
            4 => (usize::from(packet[0] & 0x0f) * 4, be16(packet, 2)?, *packet.get(9)?),
            6 => (40, be16(packet, 4)? + 40, *packet.get(6)?),
            _ => return None,
        };
        let tcp = packet.get(ip_len..)?;
        let header_len = ip_len + usize::from(tcp.get(12)? >> 4) * 4;
        if protocol != TCP || header_len < ip_len + 20 || header_len > packet.len() {
            return None;
        }
        let flags = tcp[13];
        Some(Self {
            header_len,
            payload_len: total_len.checked_sub(header_len)?,
            sequence: u32::from_be_bytes(tcp[4..8].try_into().ok()?),
            syn: flags & 0x02 != 0,
            fin: flags & 0x01 != 0,
        })
    }

    /// The packet's length with its data, as the IP header tells it.
    pub fn total_len(&self) -> usize {
        self.header_len + self.payload_len
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ipv4_segment() -> Vec<u8> {
        let mut packet = vec![0u8; 44];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&1044u16.to_be_bytes());
        packet[9] = TCP;
        packet[24..28].copy_from_slice(&0xdead_beef_u32.to_be_bytes());
        packet[32] = 6 << 4; // one word of options
        packet[33] = 0x12;
        packet
    }

    #[test]
    fn a_segment_tells_its_length_without_its_data() {
        let header = TcpHeader::read(&ipv4_segment()).unwrap();
        assert_eq!((header.header_len, header.payload_len, header.total_len()), (44, 1_000, 1_044));
        assert_eq!((header.sequence, header.syn, header.fin), (0xdead_beef, true, false));
    }

    #[test]
    fn the_same_over_ipv6() {
        let mut packet = vec![0u8; 60];
        packet[0] = 0x60;
        packet[4..6].copy_from_slice(&120u16.to_be_bytes());
        packet[6] = TCP;
        packet[52] = 5 << 4;
        let header = TcpHeader::read(&packet).unwrap();
        assert_eq!((header.header_len, header.payload_len), (60, 100));
    }

    #[test]
    fn what_is_cut_short_or_no_segment_is_nothing() {
        let whole = ipv4_segment();
        for len in 0..whole.len() {
            assert_eq!(TcpHeader::read(&whole[..len]), None, "{len} bytes");
        }
        let mut udp = whole.clone();
        udp[9] = 17;
        let mut shorter_than_its_headers = whole;
        shorter_than_its_headers[2..4].copy_from_slice(&43u16.to_be_bytes());
        assert_eq!((TcpHeader::read(&udp), TcpHeader::read(&shorter_than_its_headers)), (None, None));
    }
}
