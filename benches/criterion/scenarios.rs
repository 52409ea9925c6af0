//! Hypotheses: one failure by formula, and by packets over background.

use criterion::{Criterion, criterion_group, criterion_main};
use umbra_benches::hypotheses::{Colt, thinned};

/// Every fifth hypothesis about Colt on the algebra rung, every hundredth on the hybrid rung in one trial.
fn hypotheses(c: &mut Criterion) {
    Colt::new().with(|colt| {
        let (some, few) = (thinned(&colt.all(), 5), thinned(&colt.all(), 100));
        c.bench_function("scenarios/algebra/colt", |b| b.iter(|| colt.algebra(&some)));
        let mut group = c.benchmark_group("scenarios");
        group.sample_size(10);
        group.bench_function("hybrid/colt", |b| b.iter(|| colt.hybrid(&few, 1)));
        group.finish();
    });
}

criterion_group!(benches, hypotheses);
criterion_main!(benches);
