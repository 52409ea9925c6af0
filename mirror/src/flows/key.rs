//! Which flow a packet belongs to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A bidirectional 5-tuple: the same for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlowKey {
    pub(crate) protocol: u8,
    has_ports: bool,
    is_v6: bool,
    /// The two endpoints, the smaller first.
    ends: [(u128, u16); 2],
}

impl FlowKey {
    /// The key of a packet, and whether it goes from the key's first endpoint to its second.
    pub(crate) fn new(protocol: u8, src: IpAddr, dst: IpAddr, ports: Option<(u16, u16)>) -> (Self, bool) {
        let (src_port, dst_port) = ports.unwrap_or_default();
        let (src_end, dst_end) = ((bits(src), src_port), (bits(dst), dst_port));
        let forward = src_end <= dst_end;
        let ends = if forward { [src_end, dst_end] } else { [dst_end, src_end] };
        (Self { protocol, has_ports: ports.is_some(), is_v6: src.is_ipv6(), ends }, forward)
    }

    /// Both endpoints, beginning with the first if `forward`.
    pub(crate) fn endpoints(&self, forward: bool) -> ((IpAddr, Option<u16>), (IpAddr, Option<u16>)) {
        let end = |(address, port): (u128, u16)| {
            let address = if self.is_v6 {
                IpAddr::V6(Ipv6Addr::from_bits(address))
            } else {
                IpAddr::V4(Ipv4Addr::from_bits(address as u32))
            };
            (address, self.has_ports.then_some(port))
        };
        let (a, b) = (end(self.ends[0]), end(self.ends[1]));
        if forward { (a, b) } else { (b, a) }
    }

    /// A hash for this process only: it decides where a key is looked up, never the order of a result.
    fn hash(&self) -> u64 {
        let [(a, a_port), (b, b_port)] = self.ends;
        let rest = u64::from(a_port) << 48 | u64::from(b_port) << 32 | u64::from(self.protocol) << 8;
        let rest = rest | u64::from(self.has_ports) << 1 | u64::from(self.is_v6);
        let parts = [a as u64, (a >> 64) as u64, b as u64, (b >> 64) as u64, rest];
        parts.into_iter().fold(0x9e37_79b9_7f4a_7c15, |hash, part| mix(hash ^ part))
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Folded multiplication: both halves of the 128-bit product.
fn mix(x: u64) -> u64 {
    let product = u128::from(x) * 0xd6e8_feb8_6659_fd93;
    (product as u64) ^ (product >> 64) as u64
}

/// Finds the number of a flow by its key: open addressing over numbers; the keys live with the flows.
#[derive(Debug, Default)]
pub(crate) struct FlowIndex {
    /// Flow number plus one; zero is free. The length is a power of two.
    slots: Vec<u32>,
    used: usize,
}

impl FlowIndex {
    /// The number of the flow with this key, or `next`, which from now on is its number. `key_of` tells the key of a
    /// number given before.
    pub(crate) fn find_or_insert<'a>(
        &mut self,
        key: &FlowKey,
        next: usize,
        key_of: impl Fn(usize) -> &'a FlowKey,
    ) -> usize {
        if (self.used + 1) * 2 > self.slots.len() {
            self.grow(&key_of);
        }
        let slot = probe(&self.slots, key.hash(), |i| key_of(i) == key);
        if self.slots[slot] == 0 {
            self.slots[slot] = u32::try_from(next + 1).expect("fewer than 2^32 flows fit in memory");
            self.used += 1;
        }
        self.slots[slot] as usize - 1
    }

    fn grow<'a>(&mut self, key_of: &impl Fn(usize) -> &'a FlowKey) {
        let mut larger = vec![0; (self.slots.len() * 2).max(64)];
        for &number in self.slots.iter().filter(|&&number| number != 0) {
            let slot = probe(&larger, key_of(number as usize - 1).hash(), |_| false);
            larger[slot] = number;
        }
        self.slots = larger;
    }
}

/// The slot that holds the wanted flow, or the free one where it belongs.
fn probe(slots: &[u32], hash: u64, is_it: impl Fn(usize) -> bool) -> usize {
    let mask = slots.len() - 1;
    let mut slot = hash as usize & mask;
    while slots[slot] != 0 && !is_it(slots[slot] as usize - 1) {
        slot = (slot + 1) & mask;
    }
    slot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_have_one_key_and_many_keys_stay_apart() {
        let address = |n: u32| IpAddr::V4(Ipv4Addr::from_bits(n));
        let mut index = FlowIndex::default();
        let mut keys: Vec<FlowKey> = Vec::new();
        for round in 0..2 {
            for n in 0..5_000_u32 {
                let (here, there) = (address(n), address(7));
                let (key, back) = if round == 0 {
                    (FlowKey::new(6, here, there, Some((1, 80))), false)
                } else {
                    (FlowKey::new(6, there, here, Some((80, 1))), true)
                };
                let at = index.find_or_insert(&key.0, keys.len(), |i| &keys[i]);
                assert_eq!(at, n as usize, "round {round}, back {back}");
                if at == keys.len() {
                    keys.push(key.0);
                }
            }
        }
    }
}
