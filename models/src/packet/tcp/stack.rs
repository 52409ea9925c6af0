//! smoltcp's stack with one connection, and the application beside it.

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::wire::{HardwareAddress, IpCidr};
use std::net::SocketAddr;
use twin::SimTime;

use super::end::TcpProgress;
use super::header::TcpHeader;
use super::wire::Wire;
use super::{Congestion, TcpConfig, clock};

/// What an end is: all that its behaviour depends on, beside what arrives and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Role {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// When it opens the connection; the other end waits.
    pub(super) opens: Option<SimTime>,
    /// Bytes to send; whoever does not open sends after all that it expects has come.
    pub(super) send: u64,
    /// Bytes to come.
    pub(super) expect: u64,
    pub(super) congestion: Congestion,
    pub(super) config: TcpConfig,
    /// Of the initial sequence number.
    pub(super) seed: u64,
}

impl Role {
    /// Bytes of data in a full segment.
    pub(super) fn mss(&self) -> u64 {
        u64::from(self.config.mtu) - if self.local.is_ipv4() { 40 } else { 60 }
    }
}

/// The live state of an end.
pub(super) struct Stack {
    iface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    wire: Wire,
    opened: bool,
    /// Bytes that the application has handed to TCP.
    written: u64,
    /// The sequence number after the last one sent so far, and the bytes of data up to there.
    frontier: Option<(u32, u64)>,
    pub(super) progress: TcpProgress,
}

impl Stack {
    pub(super) fn new(role: &Role) -> Self {
        let mut wire = Wire::new(role.config.mtu);
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = role.seed;
        let mut iface = Interface::new(config, &mut wire, clock::instant(SimTime::ZERO));
        iface.update_ip_addrs(|addresses| {
            let host_bits = if role.local.is_ipv4() { 32 } else { 128 };
            addresses
                .push(IpCidr::new(role.local.ip().into(), host_bits))
                .expect("an interface has room for one address");
        });
        let mut sockets = SocketSet::new(Vec::with_capacity(1));
        let handle = sockets.add(socket(role));
        Self {
            iface,
            sockets,
            handle,
            wire,
            opened: role.opens.is_none(),
            written: 0,
            frontier: None,
            progress: TcpProgress::default(),
        }
    }

    /// Takes a segment in.
    pub(super) fn receive(&mut self, role: &Role, now: SimTime, headers: &[u8], header: &TcpHeader) {
        self.wire.arrive(headers, header);
        self.iface.poll_ingress_single(clock::instant(now), &mut self.wire, &mut self.sockets);
        // Read before an acknowledgement is written: a window that shrank by the segment just received would make the
        // next duplicate look like a window update, which fast retransmit does not count.
        self.serve(role, now);
    }

    /// Sends what may be sent.
    pub(super) fn poll(&mut self, role: &Role, now: SimTime, mut out: impl FnMut(&[u8], TcpHeader)) {
        if let Some(start) = role.opens
            && !self.opened
            && start <= now
        {
            let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
            let connected = socket.connect(self.iface.context(), role.remote, role.local);
            connected.expect("both ends were checked when the role was made");
            self.opened = true;
        }
        loop {
            self.serve(role, now);
            let sent = self.iface.poll_egress(clock::instant(now), &mut self.wire, &mut self.sockets);
            let (frontier, progress) = (&mut self.frontier, &mut self.progress);
            self.wire.drain(|headers, header| {
                count(frontier, progress, &header);
                out(headers, header);
            });
            if sent == PollResult::None {
                break;
            }
        }
        if self.opened && self.socket().state() == State::Closed {
            self.progress.closed.get_or_insert(now);
        }
    }

    /// When to poll again if nothing arrives before.
    pub(super) fn due(&mut self, role: &Role, now: SimTime) -> Option<SimTime> {
        if !self.opened {
            return role.opens;
        }
        // A poll leaves nothing to be done at once; the maximum makes sure that time goes on.
        let due = self.iface.poll_at(clock::instant(now), &self.sockets)?;
        Some(clock::wake_up(due.max(clock::instant(now))))
    }

    fn socket(&self) -> &Socket<'static> {
        self.sockets.get(self.handle)
    }

    /// The application: reads all there is, writes while there is room, closes when it has nothing left to say.
    fn serve(&mut self, role: &Role, now: SimTime) {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.handle);
        match socket.state() {
            State::Listen | State::SynSent | State::SynReceived => return,
            State::Closed if self.progress.connected.is_none() => return,
            _ => {}
        }
        let progress = &mut self.progress;
        progress.connected.get_or_insert(now);
        progress.received += read(socket);
        if progress.received >= role.expect {
            progress.received_all.get_or_insert(now);
        }
        let may_write = role.opens.is_some() || progress.received_all.is_some();
        if may_write {
            self.written += write(socket, role.send - self.written);
        }
        progress.acknowledged = self.written - (socket.send_queue() as u64).min(self.written);
        if progress.acknowledged == role.send {
            progress.acknowledged_all.get_or_insert(now);
        }
        // The last piece, smaller than a segment, would wait for all acknowledgements (Nagle, RFC 9293 §3.7.4) if the
        // end did not say that it is the last.
        let sent = self.frontier.map_or(0, |(_, bytes)| bytes);
        if may_write && self.written == role.send && role.send - sent < role.mss() {
            socket.close();
        }
    }
}

fn socket(role: &Role) -> Socket<'static> {
    // One that carries less than a window needs no more room than that.
    let room = |bytes: u64| vec![0; bytes.clamp(role.mss(), role.config.window.get()) as usize];
    let mut socket = Socket::new(SocketBuffer::new(room(role.expect)), SocketBuffer::new(room(role.send)));
    socket.set_congestion_control(match role.congestion {
        Congestion::Reno => CongestionControl::Reno,
        Congestion::Cubic => CongestionControl::Cubic,
    });
    socket.set_ack_delay(role.config.delayed_ack.map(clock::duration));
    socket.set_timeout(Some(clock::duration(role.config.give_up)));
    if role.opens.is_none() {
        socket.listen(role.local).expect("a fresh socket with a port listens");
    }
    socket
}

/// Takes all that has arrived in order. In bytes.
fn read(socket: &mut Socket<'_>) -> u64 {
    let mut bytes = 0;
    while socket.can_recv() {
        bytes += socket.recv(|data| (data.len(), data.len())).expect("there is data to read") as u64;
    }
    bytes
}

/// Hands up to `left` zeros to TCP, as far as it has room (the buffer was zeros from the start). In bytes.
fn write(socket: &mut Socket<'_>, left: u64) -> u64 {
    let mut written = 0;
    while written < left && socket.can_send() {
        let claim = |room: &mut [u8]| {
            let bytes = (room.len() as u64).min(left - written) as usize;
            (bytes, bytes)
        };
        written += socket.send(claim).expect("there is room to write") as u64;
    }
    written
}

/// Counts a segment with data that is sent, and whether it was sent before.
fn count(frontier: &mut Option<(u32, u64)>, progress: &mut TcpProgress, header: &TcpHeader) {
    let first = header.sequence.wrapping_add(u32::from(header.syn));
    let (next, bytes) = frontier.get_or_insert((first, 0));
    if header.payload_len == 0 {
        return;
    }
    progress.segments += 1;
    let end = first.wrapping_add(header.payload_len as u32);
    // Sequence numbers wrap; a window is less than half of them (RFC 9293 §3.4).
    let beyond = end.wrapping_sub(*next) as i32;
    if beyond > 0 {
        (*next, *bytes) = (end, *bytes + beyond as u64);
    } else {
        progress.retransmitted += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_across_the_end_of_the_sequence_numbers() {
        let (mut frontier, mut progress) = (None, TcpProgress::default());
        let mut send = |sequence: u32, payload_len: usize, syn: bool| {
            let header = TcpHeader { header_len: 40, payload_len, sequence, syn, fin: false };
            count(&mut frontier, &mut progress, &header);
            (frontier.unwrap().1, progress.segments, progress.retransmitted)
        };
        let first = u32::MAX - 1_000;
        assert_eq!(send(first, 0, true), (0, 0, 0));
        assert_eq!(send(first + 1, 800, false), (800, 1, 0));
        assert_eq!(send(first + 801, 800, false), (1_600, 2, 0), "over the end");
        assert_eq!(send(first + 801, 800, false), (1_600, 3, 1));
        assert_eq!(send(first + 1, 800, false), (1_600, 4, 2));
        assert_eq!(send(600, 10, false), (1_610, 5, 2));
    }
}
