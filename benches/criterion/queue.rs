//! The engine's event queue and its rivals: at constant size, on the stream of a packet run, and on hostile ones.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::EventQueue;
use umbra_benches::kernel::Hold;
use umbra_benches::queues::stream::{self, Recording};
use umbra_benches::queues::{Binary, FourAry, Ladder, Pending, Radix, Replace};

const HOLDS: usize = 10_000;

/// A pop and a push at constant size.
fn hold(c: &mut Criterion) {
    for pending in [100, 1_000, 10_000, 100_000] {
        hold_on::<EventQueue>(c, "ours", pending);
        hold_on::<Binary>(c, "binary", pending);
        hold_on::<Replace>(c, "replace", pending);
        hold_on::<FourAry>(c, "four-ary", pending);
        hold_on::<Radix>(c, "radix", pending);
        hold_on::<Ladder>(c, "ladder", pending);
    }
}

fn hold_on<Q: Pending>(c: &mut Criterion, name: &str, pending: usize) {
    let mut run = Hold::<Q>::new(pending);
    run.run(2 * pending);
    let mut group = c.benchmark_group(format!("queue/hold-{name}"));
    group.throughput(Throughput::Elements(HOLDS as u64));
    group.bench_function(BenchmarkId::from_parameter(pending), |b| b.iter(|| run.run(black_box(HOLDS))));
}

/// Recorded streams, from an empty queue on.
fn streams(c: &mut Criterion) {
    let streams = [
        ("fat-tree", stream::fat_tree(0, 200).0),
        ("one-instant", stream::one_instant(20_000)),
        ("bimodal", stream::bimodal(50_000)),
        ("far-timers", stream::far_timers(50_000)),
        ("bursts", stream::bursts(50_000)),
    ];
    for (name, stream) in &streams {
        play::<EventQueue>(c, name, "ours", stream);
        play::<Binary>(c, name, "binary", stream);
        play::<Replace>(c, name, "replace", stream);
        play::<FourAry>(c, name, "four-ary", stream);
        play::<Radix>(c, name, "radix", stream);
        play::<Ladder>(c, name, "ladder", stream);
    }
}

fn play<Q: Pending>(c: &mut Criterion, stream: &str, name: &str, recording: &Recording) {
    let mut group = c.benchmark_group(format!("queue/{stream}"));
    group.throughput(Throughput::Elements(recording.pops() as u64));
    group.bench_function(name, |b| b.iter(|| black_box(recording).play::<Q>()));
}

/// A fork of a queue in mid-run.
fn fork(c: &mut Criterion) {
    for pending in [20, 200, 2_000] {
        let mut run = Hold::<EventQueue>::new(pending);
        run.run(20 * pending);
        c.bench_function(&format!("queue/fork/{pending}"), |b| {
            b.iter_batched(|| (), |()| run.queue().clone(), BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, hold, streams, fork);
criterion_main!(benches);
