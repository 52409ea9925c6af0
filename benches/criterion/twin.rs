//! What a what-if pays before it computes anything: the fork, the change, the dense view.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use twin::{Change, Csr, Layer, Twin, TwinDelta, WallTime};
use umbra_benches::backbone;

fn fork(c: &mut Criterion) {
    let twin = backbone(1_000);
    c.bench_function("twin/fork/1000", |b| b.iter(|| black_box(&twin).clone()));
}

/// A fork and its first write, which copies the table of half-links.
fn first_write(c: &mut Criterion) {
    let twin = backbone(1_000);
    let delta = without_first_link(&twin);
    c.bench_function("twin/first-write/1000", |b| {
        b.iter_batched(
            || twin.clone(),
            |mut fork| {
                fork.apply(&delta).expect("the delta was made for this twin");
                fork
            },
            BatchSize::SmallInput,
        );
    });
}

fn csr_compile(c: &mut Criterion) {
    let twin = backbone(1_000);
    c.bench_function("twin/csr-compile/1000", |b| b.iter(|| Csr::compile(black_box(&twin), Layer::Igp)));
}

fn without_first_link(twin: &Twin) -> TwinDelta {
    let halves = twin.half_links(Layer::Igp);
    let gone = halves.iter().take(2).map(|(key, half)| Change::HalfLink {
        key: (*key).clone(),
        before: Some(std::sync::Arc::new((*half).clone())),
        after: None,
    });
    let (valid_at, learned_at) = (WallTime::default(), WallTime::default());
    TwinDelta { valid_at, learned_at, source: "bench".into(), changes: gone.collect() }
}

criterion_group!(benches, fork, first_write, csr_compile);
criterion_main!(benches);
