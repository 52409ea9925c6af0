//! A twin that follows a link-state database: the whole of it from nothing, and one advertisement.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use topology_sync::fuse::Fusion;
use topology_sync::store::Store;
use twin::WallTime;
use umbra_benches::lsdb::{advertisements, next_instance};

const ROUTERS: u32 = 10_000;
const LINKS: u32 = 40_000;

/// Observations to store to twin.
fn load(c: &mut Criterion) {
    let heard = advertisements(ROUTERS, LINKS);
    let mut group = c.benchmark_group("topology-sync");
    group.sample_size(10);
    group.bench_function("lsdb-load/10000", |b| {
        b.iter_batched(
            || heard.clone(),
            |heard| {
                let mut store = Store::default();
                store.extend(heard);
                let mut fusion = Fusion::default();
                fusion.update(&mut store, WallTime::from_ns(1));
                (store, fusion)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// One router advertises another cost: into the store and the twin.
fn change(c: &mut Criterion) {
    let heard = advertisements(ROUTERS, LINKS);
    let (mut store, mut fusion) = (Store::default(), Fusion::default());
    store.extend(heard.iter().cloned());
    fusion.update(&mut store, WallTime::from_ns(1));
    let (mut last, mut at) = (heard[4_321].clone(), WallTime::from_ns(1));
    c.bench_function("topology-sync/lsdb-change/10000", |b| {
        b.iter(|| {
            at = WallTime::from_ns(at.as_ns() + 1);
            last = next_instance(&last, at);
            store.take(last.clone());
            let changes = fusion.update(&mut store, at);
            assert!(!changes.is_empty(), "the cost is in the twin");
            black_box(changes)
        });
    });
}

criterion_group!(benches, load, change);
criterion_main!(benches);
