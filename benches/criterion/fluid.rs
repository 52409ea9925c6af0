//! Max-min re-shares: all flows of a fat-tree to their ends. One iteration is one run; divide by the flows for the time of
//! a completion.

use criterion::{Criterion, criterion_group, criterion_main};
use umbra_benches::fluid_workload;

fn completions(c: &mut Criterion) {
    let mut group = c.benchmark_group("models/fluid-completions");
    group.sample_size(10);
    for flows in [1_000, 3_000, 10_000] {
        group.bench_function(flows.to_string(), |b| b.iter(|| fluid_workload(flows, 1, || 0.0)));
    }
}

criterion_group!(benches, completions);
criterion_main!(benches);
