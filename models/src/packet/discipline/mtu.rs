//! What a link does not carry.

use twin::Bytes;

/// The largest packet of a link, by the size that packets have in the schedule.
///
/// A larger one is dropped. A router would fragment it if it is IPv4 without the don't-fragment bit (RFC 791 §2.3), and
/// answer all others with an ICMP message (RFC 792; RFC 8201 §3); neither happens here.
///
/// ```
/// use twin::Bytes;
/// use umbra_models::packet::discipline::Mtu;
///
/// let mtu = Mtu::ethernet(Bytes::new(1_500));
/// assert!(mtu.carries(Bytes::new(1_514)) && !mtu.carries(Bytes::new(1_515)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mtu(Bytes);

impl Mtu {
    /// Packets up to `largest`, all headers that their size counts included.
    pub const fn new(largest: Bytes) -> Self {
        Self(largest)
    }

    /// The MTU of IP over Ethernet for packets whose size counts the 14 bytes of Ethernet's header and not its frame
    /// check sequence, as in most captures (IEEE 802.3 §3.1.1; RFC 894).
    pub const fn ethernet(ip: Bytes) -> Self {
        Self(Bytes::new(ip.get().saturating_add(14)))
    }

    /// The largest size.
    pub const fn largest(self) -> Bytes {
        self.0
    }

    /// Whether a packet of this size goes through.
    #[inline]
    pub fn carries(self, size: Bytes) -> bool {
        size <= self.0
    }
}
