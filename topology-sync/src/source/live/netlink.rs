//! The kernel of one namespace by rtnetlink.
//!
//! One socket for all: requests for whole tables, and the kernel's own notices. So what was read and what happened
//! meanwhile arrive in the order in which they were written, and neither hides the other.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt,
    socket, sockopt,
};
use nix::sys::time::TimeVal;

use super::config::Netlink;
use super::netns::on_thread;
use super::outlet::Outlet;
use crate::follow::wire::{self, kind};
use crate::follow::{Mark, Table};

/// Notices: link (1), neighbour (3), addresses (5, 9), routes (7, 11), next-hop objects (32) (`RTNLGRP_…`).
const GROUPS: u32 = 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 31;
/// How long to let a change settle whose silent consequences must be read.
const SETTLE: Duration = Duration::from_millis(300);
/// How often to look at the clock while the kernel is silent: 50 ms.
const LOOK: TimeVal = TimeVal::new(0, 50_000);
/// After this long without an answer a request is made again.
const PATIENCE: Duration = Duration::from_secs(10);

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
        if let Some((table, number)) = asking.next() {
            outlet.mark_waiting(&Mark::Began { table, number });
            request(&socket, table, number)?;
        }
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(length) => {
                let datagram = &buffer[..length.min(buffer.len())];
                asking.hear(datagram);
                outlet.data_waiting(datagram.to_vec());
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            // The kernel had more to say than it holds: what was lost is read again.
            Err(Errno::ENOBUFS) => asking.overrun(),
            Err(e) => return Err(e.into()),
        }
        asking.wake(Instant::now());
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

/// What is to be read, one table at a time: the kernel answers one request after the other.
#[derive(Default)]
struct Asking {
    wanted: VecDeque<Table>,
    current: Option<Current>,
    number: u32,
    /// Whether notices were lost since everything was last asked for.
    lost: bool,
    /// When tables are to be read whose change the kernel does not tell.
    again: Option<Instant>,
}

struct Current {
    table: Table,
    number: u32,
    interrupted: bool,
    heard: Instant,
}

impl Asking {
    fn all(&mut self) {
        self.current = None;
        self.wanted = Table::ALL.into();
        self.again = None;
        self.lost = false;
    }

    /// Notices were lost. A table that is being read must come to its end first: the kernel refuses a second request till
    /// then.
    fn overrun(&mut self) {
        self.lost = true;
        if self.current.is_none() {
            self.all();
        }
    }

    /// The table to ask for now, if none is being read.
    fn next(&mut self) -> Option<(Table, u32)> {
        if self.current.is_some() {
            return None;
        }
        let table = self.wanted.pop_front()?;
        self.number += 1;
        let current = Current { table, number: self.number, interrupted: false, heard: Instant::now() };
        self.current = Some(current);
        Some((table, self.number))
    }

    fn hear(&mut self, datagram: &[u8]) {
        for message in wire::messages(datagram) {
            if message.number != 0 && self.current.as_ref().is_some_and(|c| c.number == message.number) {
                self.answer(message);
            } else if is_silent(message) {
                self.again.get_or_insert(Instant::now() + SETTLE);
            }
        }
    }

    fn answer(&mut self, message: wire::Message<'_>) {
        let Some(current) = &mut self.current else { return };
        current.heard = Instant::now();
        current.interrupted |= message.flags & wire::INTERRUPTED != 0;
        let refused = message.kind == wire::ERROR && is_passing(message.body);
        if matches!(message.kind, wire::DONE | wire::ERROR) {
            if current.interrupted || refused {
                self.wanted.push_front(current.table);
            }
            self.current = None;
            if self.lost {
                self.all();
            }
        }
    }

    /// What is to be done without a word of the kernel.
    fn wake(&mut self, now: Instant) {
        if self.current.as_ref().is_some_and(|c| c.heard + PATIENCE <= now) {
            self.all();
        }
        if self.again.is_some_and(|again| again <= now) {
            self.again = None;
            let more = [Table::Objects, Table::Routes].into_iter().filter(|t| !self.wanted.contains(t));
            self.wanted.extend(more.collect::<Vec<_>>());
        }
    }
}

/// Whether an error says that the same request may succeed later; a table that the kernel does not have stays unread.
fn is_passing(body: &[u8]) -> bool {
    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
    matches!(
        Errno::from_raw(-code),
        Errno::EBUSY | Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS | Errno::ENOMEM
    )
}

/// Whether the kernel takes routes or objects away with this without a word on each (Linux, `fib_sync_down_dev`,
/// `fib_sync_down_addr`, `nexthop_flush_dev`).
fn is_silent(message: wire::Message<'_>) -> bool {
    const UP: u32 = 1;
    match message.kind {
        kind::DELLINK | kind::DELADDR | kind::DELNEXTHOP => true,
        kind::NEWLINK => message.body.get(8..).and_then(wire::u32_of).is_some_and(|flags| flags & UP == 0),
        _ => false,
    }
}
