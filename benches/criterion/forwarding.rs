//! What a hop with a real header costs, and what forks of twins with global tables cost.
//!
//! `prefix-trie` is the yardstick of the look-ups. All tables are generated: `umbra_benches::global_table`.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ipnet::{IpNet, Ipv4Net};
use models::packet::{IpForwarding, Lpm, ip_header};
use prefix_trie::PrefixMap;
use twin::{Change, Csr, EntityKey, Fib, Layer, NextHop, Route, RouteAction, Twin};
use umbra_benches::{Mix, backbone, global_table};

const ROUTES: usize = 900_000;
const LOOKUPS: usize = 100_000;
const MISS: u32 = Lpm::MAX_VALUE;

/// Addresses anywhere, inside prefixes of the table, and of 20,000 destinations of which few have most packets.
fn mixes(table: &[Ipv4Net]) -> [(&'static str, Vec<Ipv4Addr>); 3] {
    let mut mix = Mix(7);
    let anywhere = (0..LOOKUPS).map(|_| Ipv4Addr::from((mix.next() >> 32) as u32)).collect();
    let mut inside = || {
        let net = table[(mix.next() % table.len() as u64) as usize];
        Ipv4Addr::from(u32::from(net.network()) | (mix.next() >> 32) as u32 & u32::from(net.hostmask()))
    };
    let in_table = (0..LOOKUPS).map(|_| inside()).collect();
    let few: Vec<_> = (0..20_000).map(|_| inside()).collect();
    let mut draw = Mix(8);
    let skewed = (0..LOOKUPS).map(|_| {
        let u = (draw.next() >> 11) as f64 / (1u64 << 53) as f64;
        few[(u * u * u * few.len() as f64) as usize]
    });
    [("uniform", anywhere), ("in-table", in_table), ("skewed", skewed.collect())]
}

fn global(c: &mut Criterion) {
    let table = global_table(ROUTES);
    let rows = || table.iter().zip(0..).map(|(net, value)| (IpNet::V4(*net), value));
    let lpm = Lpm::compile(rows(), MISS);
    let trie: PrefixMap<Ipv4Net, u32> = table.iter().copied().zip(0..).collect();
    for (name, addresses) in mixes(&table) {
        let mut group = c.benchmark_group(format!("models/lookup-{name}"));
        group.throughput(Throughput::Elements(LOOKUPS as u64));
        group.bench_function(BenchmarkId::new("lpm", ROUTES), |b| {
            b.iter(|| addresses.iter().fold(0u64, |s, a| s + u64::from(lpm.lookup(IpAddr::V4(*a)))));
        });
        group.bench_function(BenchmarkId::new("prefix-trie", ROUTES), |b| {
            b.iter(|| addresses.iter().fold(0u64, |s, a| s + u64::from(yardstick(&trie, *a))));
        });
    }
    let mut group = c.benchmark_group("models/compile");
    group.sample_size(10);
    group.bench_function(BenchmarkId::new("lpm", ROUTES), |b| b.iter(|| Lpm::compile(rows(), MISS)));
}

fn yardstick(trie: &PrefixMap<Ipv4Net, u32>, a: Ipv4Addr) -> u32 {
    trie.get_lpm(&Ipv4Net::from(a)).map_or(MISS, |(_, value)| *value)
}

/// The hosts of a fat-tree, k = 8.
fn host(i: u32) -> Ipv4Addr {
    Ipv4Addr::new(10, (i >> 4) as u8, (i >> 2 & 3) as u8, (i & 3) as u8)
}

/// 80 nodes, each with routes to 128 hosts; packets meet nodes and hosts at random.
fn small(c: &mut Criterion) {
    let rows = |node: u32| (0..128).map(move |i| (Ipv4Net::from(host(i)), i * (node + 1) % 40));
    let compile = |node| Lpm::compile(rows(node).map(|(net, value)| (IpNet::V4(net), value)), MISS);
    let lpms: Vec<Lpm> = (0..80).map(compile).collect();
    let tries: Vec<PrefixMap<Ipv4Net, u32>> = (0..80).map(|node| rows(node).collect()).collect();
    let mut mix = Mix(9);
    let mut below = |n: u64| (mix.next() % n) as u32;
    let hops: Vec<_> = (0..LOOKUPS).map(|_| (below(80) as usize, host(below(128)))).collect();
    let mut group = c.benchmark_group("models/lookup-80-tables");
    group.throughput(Throughput::Elements(LOOKUPS as u64));
    group.bench_function("lpm/128", |b| {
        b.iter(|| hops.iter().fold(0u64, |s, (n, a)| s + u64::from(lpms[*n].lookup(IpAddr::V4(*a)))));
    });
    group.bench_function("prefix-trie/128", |b| {
        b.iter(|| hops.iter().fold(0u64, |s, (n, a)| s + u64::from(yardstick(&tries[*n], *a))));
    });
}

/// Ethernet, IPv4, UDP: 42 bytes. What is read is what forwarding needs: destination and time to live.
fn header(c: &mut Criterion) {
    let frame = |i: u32| {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1]);
        frame.extend(host(i % 128).octets());
        frame.extend([0, 7, 0, 9, 0, 8, 0, 0]);
        Arc::<[u8]>::from(frame)
    };
    let frames: Vec<_> = (0..1_000).map(frame).collect();
    let mut group = c.benchmark_group("models/ip-header");
    group.throughput(Throughput::Elements(frames.len() as u64));
    group.bench_function("42", |b| {
        b.iter(|| {
            frames.iter().fold(0u64, |s, frame| match ip_header(black_box(frame)).map(|h| (h.dst, h.ttl)) {
                Some((IpAddr::V4(dst), ttl)) => s + u64::from(u32::from(dst)) + u64::from(ttl),
                _ => s,
            })
        });
    });
}

/// A table with as many distinct next hops as a border router may have.
fn fib(node: &EntityKey, table: &[Ipv4Net], salt: u64) -> Fib {
    let action = |i: u64| {
        let port = EntityKey::port(node, &format!("p{}", i % 48));
        RouteAction::Forward(vec![NextHop {
            port,
            gateway: Some(Ipv4Addr::from(0x0a00_0000 + i as u32).into()),
        }])
    };
    let actions: Vec<_> = (0..64).map(action).collect();
    let mut mix = Mix(salt);
    let route = |net: &Ipv4Net| Route {
        prefix: IpNet::V4(*net),
        action: actions[(mix.next() % 64) as usize].clone(),
    };
    table.iter().map(route).collect()
}

fn with_global_tables(nodes: usize, tables: usize) -> Twin {
    let mut twin = backbone(nodes);
    let table = global_table(ROUTES);
    let keys: Vec<_> = twin.nodes().iter().take(tables).map(|n| n.key.clone()).collect();
    for (node, salt) in keys.into_iter().zip(1..) {
        let after = Some(Arc::new(fib(&node, &table, salt)));
        twin.set(&Change::Fib { node, before: None, after });
    }
    twin
}

/// A fork, its first write of a table, and one route changed in it: ten of 1,000 nodes hold 900,000 routes each.
fn forks(c: &mut Criterion) {
    let base = with_global_tables(1_000, 10);
    let csr = Csr::compile(&base, Layer::Igp);
    let (node, table) = base.fibs().map(|(k, f)| (k.clone(), f.clone())).next().expect("ten tables");
    let blackhole =
        Route { prefix: "10.66.6.0/24".parse().expect("a prefix"), action: RouteAction::Blackhole };
    let mut group = c.benchmark_group("twin/global-tables");
    group.bench_function("fork/1000x10x900k", |b| b.iter(|| black_box(&base).clone()));
    let write = Change::Fib { node: node.clone(), before: None, after: Some(Arc::new(Fib::default())) };
    group.bench_function("first-write/1000x10x900k", |b| {
        b.iter_batched_ref(|| base.clone(), |fork| fork.set(&write), BatchSize::SmallInput);
    });
    group.bench_function("one-route/1000x10x900k", |b| {
        b.iter_batched_ref(
            || base.clone(),
            |fork| {
                let mut changed = Fib::clone(&table);
                changed.insert(blackhole.clone());
                fork.set(&Change::Fib { node: node.clone(), before: None, after: Some(Arc::new(changed)) });
            },
            BatchSize::SmallInput,
        );
    });
    group.sample_size(10);
    let rows = global_table(ROUTES);
    group.bench_function("build/900k", |b| b.iter(|| fib(&node, &rows, 1)));
    group.bench_function("compile/10x900k", |b| b.iter(|| IpForwarding::from_twin(&base, &csr)));
}

criterion_group!(benches, small, header, global, forks);
criterion_main!(benches);
