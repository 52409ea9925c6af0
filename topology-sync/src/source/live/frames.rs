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
        let index = from.and_then(|a| u32::try_from(a.ifindex()).ok()).unwrap_or_default();
        if is_topology(frame) && (wanted.is_empty() || wanted.contains(&index)) {
            outlet.data_waiting([&index.to_le_bytes(), frame].concat());
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
