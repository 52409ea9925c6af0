//! Hypotheses: one failure by formula, and by packets over background.

use criterion::{Criterion, criterion_group, criterion_main};
use umbra_benches::hypotheses::Colt;

/// Every fifth hypothesis about Colt on the algebra rung, every hundredth on the hybrid rung in one trial.
fn hypotheses(c: &mut Criterion) {
    Colt::new().with(|colt| {
        c.bench_function("scenarios/algebra/colt", |b| b.iter(|| colt.algebra(0, 5)));
        let mut group = c.benchmark_group("scenarios");
        group.sample_size(10);
        group.bench_function("hybrid/colt", |b| b.iter(|| colt.hybrid(0, 100, 1)));
        group.finish();
    });
}

criterion_group!(benches, hypotheses);
criterion_main!(benches);
