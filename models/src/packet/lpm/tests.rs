//! The compiled table against a scan of all prefixes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::collection::vec;
use proptest::prelude::*;

use super::Lpm;

const MISS: u32 = Lpm::MAX_VALUE;

/// The slow twin: of the prefixes that hold the address, the longest; of equal ones, the last.
fn scan(prefixes: &[(IpNet, u32)], ip: IpAddr) -> u32 {
    let holding = prefixes.iter().filter(|(net, _)| net.contains(&ip));
    holding.max_by_key(|(net, _)| net.prefix_len()).map_or(MISS, |(_, value)| *value)
}

/// The first and last address of a prefix, and their neighbours outside: where a wrong range would show.
fn edges(net: &IpNet) -> [IpAddr; 4] {
    match net {
        IpNet::V4(net) => {
            let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
            [first, last, first.wrapping_sub(1), last.wrapping_add(1)].map(|a| Ipv4Addr::from(a).into())
        }
        IpNet::V6(net) => {
            let (first, last) = (u128::from(net.network()), u128::from(net.broadcast()));
            [first, last, first.wrapping_sub(1), last.wrapping_add(1)].map(|a| Ipv6Addr::from(a).into())
        }
    }
}

fn agree(prefixes: &[(IpNet, u32)], also: &[IpAddr]) -> Result<(), TestCaseError> {
    let table = Lpm::compile(prefixes.iter().copied(), MISS);
    for ip in prefixes.iter().flat_map(|(net, _)| edges(net)).chain(also.iter().copied()) {
        prop_assert_eq!(table.lookup(ip), scan(prefixes, ip), "{} in {:?}", ip, prefixes);
    }
    Ok(())
}

/// IPv4 prefixes of any length that nest, touch and repeat: their bits come from few patterns.
fn v4() -> impl Strategy<Value = IpNet> {
    let pattern = prop_oneof![Just(0), Just(u32::MAX), Just(0x0a00_0000), Just(0xc0a8_5555), any::<u32>()];
    let jitter = prop_oneof![Just(0), 0u32..1024, (0u32..256).prop_map(|b| b << 16)];
    let len = prop_oneof![0u8..=32, Just(24u8), Just(32u8)];
    (pattern, jitter, len).prop_map(|(bits, jitter, len)| {
        IpNet::from(Ipv4Net::new(Ipv4Addr::from(bits ^ jitter), len).expect("at most 32 bits"))
    })
}

fn v6() -> impl Strategy<Value = IpNet> {
    let pattern = prop_oneof![Just(0), Just(u128::MAX), Just(0x2001_0db8 << 96), any::<u128>()];
    let jitter = prop_oneof![
        Just(0),
        0u128..1024,
        (0u128..256).prop_map(|b| b << 72),
        (0u128..8).prop_map(|b| b << 125)
    ];
    let len = prop_oneof![0u8..=128, Just(48u8), Just(64u8), Just(128u8)];
    (pattern, jitter, len).prop_map(|(bits, jitter, len)| {
        IpNet::from(Ipv6Net::new(Ipv6Addr::from(bits ^ jitter), len).expect("at most 128 bits"))
    })
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|a| Ipv4Addr::from(a).into()),
        any::<u128>().prop_map(|a| Ipv6Addr::from(a).into()),
    ]
}

fn numbered(nets: Vec<IpNet>) -> Vec<(IpNet, u32)> {
    nets.into_iter().zip(0..).collect()
}

proptest! {
    #[test]
    fn few_prefixes_agree_with_a_scan(
        nets in vec(prop_oneof![v4(), v6()], 0..12), also in vec(address(), 20)
    ) {
        agree(&numbered(nets), &also)?;
    }

    #[test]
    fn equal_values_may_share_a_place(nets in vec(prop_oneof![v4(), v6()], 0..60), also in vec(address(), 20)) {
        let few: Vec<_> = numbered(nets).into_iter().map(|(net, i)| (net, i % 3)).collect();
        agree(&few, &also)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Enough prefixes under common bits for every kind of step.
    #[test]
    fn many_prefixes_agree_with_a_scan(nets in vec(prop_oneof![v4(), v6()], 300..600), also in vec(address(), 50)) {
        agree(&numbered(nets), &also)?;
    }
}

#[test]
fn an_empty_table_misses_everything() {
    let table = Lpm::compile([], 7);
    for ip in ["0.0.0.0", "255.255.255.255", "10.0.0.1", "::", "2001:db8::1"] {
        assert_eq!(table.lookup(ip.parse().unwrap()), 7);
    }
}

#[test]
fn a_default_route_answers_for_what_has_no_longer_one() {
    let prefixes = [("0.0.0.0/0", 1), ("10.0.0.0/8", 2), ("10.1.2.3/32", 3), ("10.1.2.2/31", 4)];
    let table = Lpm::compile(prefixes.map(|(net, value)| (net.parse().unwrap(), value)), 0);
    let lookup = |ip: &str| table.lookup(ip.parse().unwrap());
    assert_eq!(
        ["10.1.2.3", "10.1.2.2", "10.1.2.4", "11.0.0.0", "9.255.255.255", "::1"].map(lookup),
        [3, 4, 2, 1, 1, 0]
    );
}

#[test]
fn host_bits_do_not_count() {
    let table = Lpm::compile([("10.1.2.3/8".parse().unwrap(), 5)], 0);
    assert_eq!(table.lookup("10.200.0.0".parse().unwrap()), 5);
}

/// The routes to 128 hosts of a fat-tree, 10.pod.edge.host: what a node of a simulated network has to keep in a cache.
#[test]
fn a_small_table_is_small() {
    let host = |i: u32| Ipv4Addr::new(10, (i >> 4) as u8, (i >> 2 & 3) as u8, (i & 3) as u8 + 1);
    let table = Lpm::compile((0..128).map(|i| (IpNet::from(IpAddr::from(host(i))), i)), MISS);
    assert!((0..128).all(|i| table.lookup(host(i).into()) == i));
    assert!(table.bytes() <= 16 << 10, "{} bytes", table.bytes());
}
