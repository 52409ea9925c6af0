//! The kernel of one namespace by rtnetlink.
//!
//! One socket for all: requests for whole tables, and the kernel's own notices. So what was read and what happened
//! meanwhile arrive in the order in which they were written, and neither hides the other.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::asking::Asking;
use super::config::Netlink;
use super::netns::on_thread;
use super::outlet::Outlet;
use crate::follow::wire::{self, kind};
use crate::follow::{Mark, Table};

/// Notices: link (1), neighbour (3), addresses (5, 9), routes (7, 11), next-hop objects (32) (`RTNLGRP_…`).
const GROUPS: u32 = 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 31;
/// How often to look at the clock while the kernel is silent: 50 ms.
const LOOK: TimeVal = TimeVal::new(0, 50_000);

/// Follows the kernel of a namespace until it is lost.
///
/// # Errors
/// Whatever ends the conversation.
pub(super) async fn converse(outlet: Outlet, config: Netlink) -> io::Result<()> {
    on_thread(config.netns, move || follow(&outlet, config.buffer)).await
}

fn follow(outlet: &Outlet, buffer: u32) -> io::Result<()> {
    let socket = open(buffer as usize)?;
    outlet.mark_waiting(&Mark::Up);
    let mut asking = Asking::default();
    asking.all();
    let mut buffer = vec![0; 64 << 10];
    while !outlet.is_closed() {
        if let Some((table, number)) = asking.next(Instant::now()) {
            outlet.mark_waiting(&Mark::Began { table, number });
            request(&socket, table, number)?;
        }
        let mut quiet = false;
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(length) => {
                let datagram = &buffer[..length.min(buffer.len())];
                asking.hear(datagram, Instant::now());
                outlet.data_waiting(datagram.to_vec());
            }
            Err(Errno::EAGAIN) => quiet = true,
            Err(Errno::EINTR) => {}
            // The kernel had more to say than it holds: what was lost is read again.
            Err(Errno::ENOBUFS) => asking.overrun(Instant::now()),
            Err(e) => return Err(e.into()),
        }
        asking.wake(Instant::now(), quiet);
    }
    Ok(())
}

fn open(held: usize) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
    setsockopt(&fd, sockopt::ReceiveTimeout, &LOOK)?;
    // Beyond the system's limit only with the capability; below it anybody may.
    if setsockopt(&fd, sockopt::RcvBufForce, &held).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &held)?;
    }
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    Ok(fd)
}

fn request(socket: &OwnedFd, table: Table, number: u32) -> io::Result<()> {
    // The fixed part of each type: ifinfomsg, ifaddrmsg, ndmsg, nhmsg, rtmsg; the first byte is the family.
    let (kind, family, fixed) = match table {
        Table::Links => (kind::GETLINK, 0, 16),
        Table::Addresses => (kind::GETADDR, 0, 8),
        Table::Neighbors => (kind::GETNEIGH, 0, 12),
        Table::Fdb => (kind::GETNEIGH, wire::BRIDGE, 12),
        Table::Objects => (kind::GETNEXTHOP, 0, 8),
        Table::Routes => (kind::GETROUTE, 0, 12),
    };
    let mut head = vec![0; fixed];
    head[0] = family;
    send(socket.as_raw_fd(), &wire::dump_request(kind, number, &head), MsgFlags::empty())?;
    Ok(())
}
