//! Closed-loop TCP: ends of connections that slow down when the network loses their packets.
//!
//! A [`TcpEnd`] is one end of one connection: smoltcp's TCP (handshake, Reno or CUBIC, fast retransmit, retransmission
//! timer, delayed acknowledgements, FIN) as a function of simulated time, beside an application that sends so many bytes
//! and expects so many. Segments come in by [`receive`](TcpEnd::receive), go out by [`poll`](TcpEnd::poll), and
//! [`due`](TcpEnd::due) says when to poll next if nothing arrives.
//!
//! [`Bottleneck`] joins pairs of ends by one queue and a delay: the smallest network in which TCP shows its nature, and
//! the place where it is held against the published [`formulas`].

mod bottleneck;
mod clock;
mod end;
pub mod fidelity;
pub mod formulas;
mod header;
mod history;
mod hosts;
mod stack;
mod wire;

pub use bottleneck::{Bottleneck, BottleneckRun, Loss, Transfer};
pub use end::{TcpEnd, TcpProgress};
pub use header::TcpHeader;
pub(crate) use hosts::{Ended, Segments, TcpHosts, on_timer, read};
pub use hosts::{TcpConnection, TcpOutcome};

use std::fmt;
use std::net::SocketAddr;

use twin::{Bytes, NodeId, SimDuration, SimTime};

/// How a sender chooses its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// Slow start, congestion avoidance, fast retransmit and fast recovery of RFC 5681.
    Reno,
    /// RFC 9438.
    Cubic,
}

/// A connection and what it carries: the client sends `forward`, and the server answers with `backward` once it has read
/// all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFlow {
    /// The end that opens the connection.
    pub client: SocketAddr,
    /// The end that waits for it.
    pub server: SocketAddr,
    /// Bytes from client to server.
    pub forward: Bytes,
    /// Bytes from server to client.
    pub backward: Bytes,
    /// When the client sends its SYN.
    pub start: SimTime,
    /// How both senders choose their window.
    pub congestion: Congestion,
}

/// What both ends of a connection are set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpConfig {
    /// The largest IP packet in bytes, 576 to 9,216 (1,280 at least over IPv6); 1,500 by default. The largest segment is
    /// 40 bytes less, or 60 over IPv6.
    pub mtu: u16,
    /// The largest receive window, and what a sender keeps until it is acknowledged: at least the bandwidth-delay
    /// product of the path with its queues, or the window is what limits. At most 2^30 bytes (RFC 7323 §2.3); 4 MiB by
    /// default. A connection that carries less takes less memory.
    pub window: Bytes,
    /// How long a receiver may wait for a second segment before it acknowledges a first; at most 500 ms (RFC 9293
    /// §3.8.6.3). 40 ms by default, as Linux's least; `None` acknowledges each segment at once.
    pub delayed_ack: Option<SimDuration>,
    /// How long an end that waits for an answer hears nothing before it gives up; 3 minutes by default (RFC 9293
    /// §3.8.3: at least 100 s, and 3 minutes for a SYN).
    pub give_up: SimDuration,
}

impl TcpConfig {
    /// The largest `window`.
    pub const WINDOW_MAX: Bytes = Bytes::new(1 << 30);
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            mtu: 1_500,
            window: Bytes::new(4 << 20),
            delayed_ack: Some(SimDuration::millis(40)),
            give_up: SimDuration::secs(180),
        }
    }
}

/// Why a connection cannot be simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpError {
    /// One address is IPv4 and the other IPv6.
    MixedFamilies,
    /// An address or port is zero, or is no single host's.
    NoEndpoint(SocketAddr),
    /// The MTU is outside the range of the address family.
    Mtu(u16),
    /// The window is outside 1 segment to 2^30 bytes.
    Window(Bytes),
    /// Both ends are at one node.
    OneNode(NodeId),
}

impl fmt::Display for TcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MixedFamilies => write!(f, "a connection is IPv4 or IPv6 at both ends"),
            Self::NoEndpoint(end) => write!(f, "{end} is no end of a TCP connection"),
            Self::Mtu(mtu) => write!(f, "an MTU of {mtu} bytes; 576 (IPv6: 1280) to 9216 are possible"),
            Self::OneNode(node) => write!(f, "both ends of a connection are at node {}", node.0),
            Self::Window(bytes) => {
                write!(f, "a window of {} bytes; one segment to 2^30 bytes are possible", bytes.get())
            }
        }
    }
}

impl std::error::Error for TcpError {}

/// Checks what no end can be built from.
pub(crate) fn check(flow: &TcpFlow, config: &TcpConfig) -> Result<(), TcpError> {
    for end in [flow.client, flow.server] {
        let ip = end.ip();
        let broadcast = matches!(ip, std::net::IpAddr::V4(v4) if v4.is_broadcast());
        if end.port() == 0 || ip.is_unspecified() || ip.is_multicast() || broadcast {
            return Err(TcpError::NoEndpoint(end));
        }
    }
    if flow.client.is_ipv4() != flow.server.is_ipv4() {
        return Err(TcpError::MixedFamilies);
    }
    let least = if flow.client.is_ipv4() { 576 } else { 1_280 };
    if !(least..=9_216).contains(&config.mtu) {
        return Err(TcpError::Mtu(config.mtu));
    }
    if config.window.get() < u64::from(config.mtu) || config.window > TcpConfig::WINDOW_MAX {
        return Err(TcpError::Window(config.window));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(client: &str, server: &str) -> TcpFlow {
        TcpFlow {
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
            forward: Bytes::new(1),
            backward: Bytes::new(0),
            start: SimTime::ZERO,
            congestion: Congestion::Reno,
        }
    }

    #[test]
    fn what_cannot_be_a_connection_is_refused_by_name() {
        let config = TcpConfig::default();
        let ok = flow("10.0.0.1:9", "10.0.0.2:80");
        let mtu = |mtu| check(&ok, &TcpConfig { mtu, ..config });
        let window = |n| check(&ok, &TcpConfig { window: Bytes::new(n), ..config });
        assert_eq!(check(&ok, &config), Ok(()));
        assert_eq!(check(&flow("10.0.0.1:9", "[2001:db8::1]:80"), &config), Err(TcpError::MixedFamilies));
        let nowhere = "0.0.0.0:80".parse().unwrap();
        assert_eq!(check(&flow("10.0.0.1:9", "0.0.0.0:80"), &config), Err(TcpError::NoEndpoint(nowhere)));
        let group = "224.0.0.1:80".parse().unwrap();
        assert_eq!(check(&flow("10.0.0.1:9", "224.0.0.1:80"), &config), Err(TcpError::NoEndpoint(group)));
        assert_eq!(
            (mtu(575), mtu(576), mtu(9_216), mtu(9_217)),
            (Err(TcpError::Mtu(575)), Ok(()), Ok(()), Err(TcpError::Mtu(9_217)))
        );
        assert_eq!((window(1_499), window(1_500)), (Err(TcpError::Window(Bytes::new(1_499))), Ok(())));
        assert_eq!(
            (window(1 << 30), window((1 << 30) + 1)),
            (Ok(()), Err(TcpError::Window(Bytes::new((1 << 30) + 1))))
        );
        let small_v6 = TcpConfig { mtu: 1_279, ..config };
        assert_eq!(check(&flow("[2001:db8::1]:9", "[2001:db8::2]:80"), &small_v6), Err(TcpError::Mtu(1_279)));
    }
}
