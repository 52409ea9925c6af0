//! Frames of LLDP, CDP, OSPF and IS-IS as they pass on an interface.
//!
//! A listener never originates: nothing here calls what sends, and a test reads this file for it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::netns::on_thread;
use super::outlet::Outlet;
use crate::follow::Mark;

/// How often to look whether anybody still follows: every 200 ms.
const LOOK: TimeVal = TimeVal::new(0, 200_000);
/// What the kernel holds for us while we are busy, in bytes.
const HELD: usize = 8 << 20;

/// Hears a namespace's interfaces until they are lost; an empty list means all of them.
///
/// # Errors
/// Whatever ends the conversation.
pub(super) async fn converse(
    outlet: Outlet,
    netns: Option<String>,
    interfaces: Vec<String>,
) -> io::Result<()> {
    on_thread(netns, move || hear(&outlet, &interfaces)).await
}

fn hear(outlet: &Outlet, interfaces: &[String]) -> io::Result<()> {
    let wanted = interfaces.iter().map(index).collect::<io::Result<Vec<_>>>()?;
    let socket = open()?;
    outlet.mark_waiting(&Mark::Up);
    let mut buffer = vec![0; 64 << 10];
    while !outlet.is_closed() {
        let (length, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok(got) => got,
            Err(Errno::EAGAIN | Errno::EINTR) => continue,
            Err(e) => return Err(e.into()),
        };
        let frame = &buffer[..length.min(buffer.len())];
        let Some(from) = from else { continue };
        let index = u32::try_from(from.ifindex()).unwrap_or_default();
        if is_topology(frame) && (wanted.is_empty() || wanted.contains(&index)) {
            outlet.data_waiting(cooked(frame, index, from.pkttype()));
        }
    }
    Ok(())
}

fn index(name: &String) -> io::Result<u32> {
    if_nametoindex(name.as_str()).map_err(|e| io::Error::other(format!("interface '{name}': {e}")))
}

fn open() -> io::Result<OwnedFd> {
    let fd = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
    setsockopt(&fd, sockopt::ReceiveTimeout, &LOOK)?;
    if setsockopt(&fd, sockopt::RcvBufForce, &HELD).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &HELD)?;
    }
    Ok(fd)
}

/// A frame as captures of all interfaces hold it (LINKTYPE_LINUX_SLL2, 276): with its interface and its direction.
fn cooked(frame: &[u8], index: u32, direction: u8) -> Vec<u8> {
    const SLL2: u16 = 276;
    const ETHERNET: u16 = 1;
    /// A frame that begins with an 802.2 head: its type field is a length.
    const LLC: u16 = 4;
    let (source, rest) = (frame.get(6..12).unwrap_or_default(), frame.get(12..).unwrap_or_default());
    let (word, rest) = rest.split_first_chunk().unwrap_or((&[0, 0], &[]));
    let word = u16::from_be_bytes(*word);
    // What follows the length is padding.
    let (protocol, content) = match word {
        length if length < 0x600 => (LLC, rest.get(..usize::from(length)).unwrap_or(rest)),
        protocol => (protocol, rest),
    };
    let mut out = Vec::with_capacity(22 + content.len());
    out.extend(SLL2.to_le_bytes());
    out.extend(protocol.to_be_bytes());
    out.extend([0, 0]);
    out.extend(index.to_be_bytes());
    out.extend(ETHERNET.to_be_bytes());
    out.extend([direction, 6]);
    out.extend_from_slice(source);
    out.extend([0, 0]);
    out.extend_from_slice(content);
    out
}

/// Whether a frame may speak of topology: LLDP by its EtherType, CDP and IS-IS by their 802.2 heads, OSPF by its protocol
/// number (after up to two VLAN tags). Everything else is not ours to keep.
fn is_topology(frame: &[u8]) -> bool {
    let word = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
    let mut at = 12;
    for _ in 0..2 {
        if matches!(word(at), Some(0x8100 | 0x88a8)) {
            at += 4;
        }
    }
    const OSPF: u8 = 89;
    match word(at) {
        Some(0x88cc) => true,
        Some(0x0800) => frame.get(at + 11) == Some(&OSPF),
        Some(0x86dd) => frame.get(at + 8) == Some(&OSPF),
        // A length: 802.2. IS-IS: fe fe 03 83; CDP: SNAP with Cisco's number and 2000.
        Some(length) if length < 0x600 => {
            let llc = frame.get(at + 2..).unwrap_or_default();
            llc.starts_with(&[0xfe, 0xfe, 0x03]) || llc.starts_with(&[0xaa, 0xaa, 0x03, 0, 0, 0x0c, 0x20, 0])
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Fact;
    use crate::observation::Said;
    use crate::wire::Listener;
    use twin::WallTime;

    #[test]
    fn a_frame_says_the_same_whether_it_was_heard_or_captured() {
        let mut frame = b"\x01\x80\xc2\x00\x00\x0e\x02\x00\x00\x00\x00\x09\x88\xcc".to_vec();
        frame.extend(b"\x02\x05\x07leaf\x04\x05\x05eth1\x06\x02\x00\x78\x00\x00");
        assert!(is_topology(&frame));
        let heard = cooked(&frame, 7, 0);
        let facts = |said: Vec<crate::observation::Observation>| {
            let fact = |o: crate::observation::Observation| match o.said {
                Said::Is(fact, _) => Some((o.observer, *fact)),
                _ => None,
            };
            said.into_iter().filter_map(fact).collect::<Vec<(_, Fact)>>()
        };
        let captured = Listener::new("w").frame(WallTime::default(), Some(7), 1, &frame);
        let live = Listener::new("w").frame(WallTime::default(), None, 276, &heard[2..]);
        assert_eq!(facts(live), facts(captured));
    }

    #[test]
    fn other_frames_are_not_kept() {
        let ip = |protocol: u8| {
            let mut frame = vec![0; 40];
            frame[12..14].copy_from_slice(&[8, 0]);
            frame[23] = protocol;
            frame
        };
        assert!(is_topology(&ip(89)));
        assert!(!is_topology(&ip(6)) && !is_topology(&[]) && !is_topology(&[0; 13]));
        let hello = [&[0; 12][..], &[0, 20, 0xfe, 0xfe, 0x03, 0x83]].concat();
        assert!(is_topology(&hello));
    }

    #[test]
    fn a_listener_never_originates() {
        let code = include_str!("frames.rs").split("#[cfg(test)]").next().unwrap_or_default();
        let words = ["send", "write", "connect", "bind", "Command"];
        let found: Vec<_> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter(|line| words.iter().any(|w| line.contains(w)))
            .collect();
        assert_eq!(found, Vec::<&str>::new());
    }
}
