//! What a route is known by within its table: a prefix and a path identifier.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// A key of a table of routes.
pub(super) trait Key: Copy + Eq + Ord {
    /// Well mixed, and the same in every run.
    fn hash(&self) -> u64;
    /// The prefix.
    fn prefix(&self) -> IpNet;
    /// The path identifier (RFC 7911); 0 where none is used.
    fn path_id(&self) -> u32;
    /// The last key of the same prefix in order.
    fn last_path(self) -> Self;
    /// The route distinguisher (RFC 4364) as a number; 0 where none is used.
    fn distinguisher(&self) -> u64 {
        0
    }
}

/// An IPv4 prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Net4 {
    address: u32,
    len: u8,
    path_id: u32,
}

/// An IPv6 prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Net6 {
    /// In halves: the type then needs the alignment of a word only.
    address: [u64; 2],
    len: u8,
    path_id: u32,
}

/// A prefix of a VPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Vpn<N> {
    pub(super) distinguisher: u64,
    pub(super) net: N,
}

impl Net4 {
    pub(super) fn new(net: Ipv4Net, path_id: Option<u32>) -> Self {
        let net = net.trunc();
        Self { address: net.addr().into(), len: net.prefix_len(), path_id: path_id.unwrap_or(0) }
    }
}

impl Net6 {
    pub(super) fn new(net: Ipv6Net, path_id: Option<u32>) -> Self {
        let net = net.trunc();
        let address = u128::from(net.addr());
        let address = [(address >> 64) as u64, address as u64];
        Self { address, len: net.prefix_len(), path_id: path_id.unwrap_or(0) }
    }
}

/// Folded multiplication: mixes two words into one. The constants are digits of pi.
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x243f_6a88_85a3_08d3) * u128::from(b ^ 0x1319_8a2e_0370_7344);
    (product >> 64) as u64 ^ product as u64
}

impl Key for Net4 {
    fn hash(&self) -> u64 {
        mix(u64::from(self.address) << 32 | u64::from(self.path_id), u64::from(self.len))
    }
    fn prefix(&self) -> IpNet {
        Ipv4Net::new(Ipv4Addr::from(self.address), self.len).unwrap_or_default().into()
    }
    fn last_path(self) -> Self {
        Self { path_id: u32::MAX, ..self }
    }
    fn path_id(&self) -> u32 {
        self.path_id
    }
}

impl Key for Net6 {
    fn hash(&self) -> u64 {
        mix(mix(self.address[0], self.address[1]), u64::from(self.path_id) << 8 | u64::from(self.len))
    }
    fn prefix(&self) -> IpNet {
        let address = u128::from(self.address[0]) << 64 | u128::from(self.address[1]);
        Ipv6Net::new(Ipv6Addr::from(address), self.len).unwrap_or_default().into()
    }
    fn last_path(self) -> Self {
        Self { path_id: u32::MAX, ..self }
    }
    fn path_id(&self) -> u32 {
        self.path_id
    }
}

impl<N: Key> Key for Vpn<N> {
    fn hash(&self) -> u64 {
        mix(self.net.hash(), self.distinguisher)
    }
    fn prefix(&self) -> IpNet {
        self.net.prefix()
    }
    fn last_path(self) -> Self {
        Self { net: self.net.last_path(), ..self }
    }
    fn path_id(&self) -> u32 {
        self.net.path_id()
    }
    fn distinguisher(&self) -> u64 {
        self.distinguisher
    }
}
