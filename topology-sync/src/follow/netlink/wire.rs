//! Netlink's framing: messages in a datagram, attributes in a message (`linux/netlink.h`). Host byte order.

/// The end of a dump.
pub(crate) const DONE: u16 = 3;
/// An error, or the acknowledgement of a request.
pub(crate) const ERROR: u16 = 2;
/// The dump was interrupted by a change: what it says is of no one instant (`NLM_F_DUMP_INTR`).
pub(crate) const INTERRUPTED: u16 = 0x10;
/// The message replaces what was there (`NLM_F_REPLACE`, in a notification).
pub(crate) const REPLACE: u16 = 0x100;
/// The message is a further one of its kind, after those that are there (`NLM_F_APPEND`, in a notification).
pub(crate) const APPEND: u16 = 0x800;

/// Message types of `linux/rtnetlink.h`.
pub(crate) mod kind {
    pub(crate) const NEWLINK: u16 = 16;
    pub(crate) const DELLINK: u16 = 17;
    pub(crate) const GETLINK: u16 = 18;
    pub(crate) const NEWADDR: u16 = 20;
    pub(crate) const DELADDR: u16 = 21;
    pub(crate) const GETADDR: u16 = 22;
    pub(crate) const NEWROUTE: u16 = 24;
    pub(crate) const DELROUTE: u16 = 25;
    pub(crate) const GETROUTE: u16 = 26;
    pub(crate) const NEWNEIGH: u16 = 28;
    pub(crate) const DELNEIGH: u16 = 29;
    pub(crate) const GETNEIGH: u16 = 30;
    pub(crate) const NEWNEXTHOP: u16 = 104;
    pub(crate) const DELNEXTHOP: u16 = 105;
    pub(crate) const GETNEXTHOP: u16 = 106;
}

/// IPv4 in the family byte of a message.
pub(crate) const INET: u8 = 2;
/// Bridging in the family byte of a message.
pub(crate) const BRIDGE: u8 = 7;
/// IPv6 in the family byte of a message.
pub(crate) const INET6: u8 = 10;

/// One message of a datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    /// The number of the request that it answers; 0 in a notification.
    pub(crate) number: u32,
    pub(crate) body: &'a [u8],
}

/// The messages of a datagram, up to the first that is not whole.
pub(crate) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let (head, _) = datagram.split_first_chunk::<16>()?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = *head;
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        let body = datagram.get(16..length)?;
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
        let (kind, flags) = (u16::from_ne_bytes([e, f]), u16::from_ne_bytes([g, h]));
        Some(Message { kind, flags, number: u32::from_ne_bytes([i, j, k, l]), body })
    })
}

/// The attributes of a message, up to the first that is not whole: type and value.
pub(crate) fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, _) = rest.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let value = rest.get(4..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        // The two upper bits of the type are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
        Some((u16::from_ne_bytes([head[2], head[3]]) & 0x3fff, value))
    })
}

/// A request for everything of a kind: type, sequence number, and the fixed part that the type wants.
pub(crate) fn dump_request(kind: u16, number: u32, fixed: &[u8]) -> Vec<u8> {
    const REQUEST: u16 = 1;
    const DUMP: u16 = 0x300;
    let length = 16 + fixed.len();
    let mut message = Vec::with_capacity(length);
    message.extend(u32::try_from(length).unwrap_or_default().to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((REQUEST | DUMP).to_ne_bytes());
    message.extend(number.to_ne_bytes());
    message.extend([0; 4]);
    message.extend_from_slice(fixed);
    message
}

pub(crate) fn u32_of(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_message_and_broken_ones_end_the_datagram() {
        let request = dump_request(kind::GETLINK, 7, &[0; 16]);
        let both = [&request[..], &request[..20]].concat();
        let read: Vec<_> = messages(&both).collect();
        assert_eq!((read.len(), read[0].kind, read[0].number, read[0].body.len()), (1, kind::GETLINK, 7, 16));
        // A length below that of the header would never end.
        assert_eq!(messages(&[0; 64]).count(), 0);
        assert_eq!(attributes(&[0; 64]).count(), 0);
        assert_eq!(attributes(&[5, 0, 3, 0, 9, 0, 0, 0, 9, 0]).collect::<Vec<_>>(), [(3, &[9][..])]);
    }
}
