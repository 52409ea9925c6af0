//! Hypotheses: one failure by formula, and by packets over background. Causes in a fabric: the most probable set, and the
//! posterior.

use criterion::{Criterion, criterion_group, criterion_main};
use engine::Seeds;
use scenarios::fabric::cases::shape::Shape;
use scenarios::fabric::cases::{self, Kind, Plan};
use scenarios::fabric::chain::{Chain, Problem};
use scenarios::fabric::events::{NamedEvents, events};
use scenarios::fabric::flows::Flows;
use scenarios::fabric::telemetry::Telemetry;
use scenarios::fabric::topology::Paths;
use scenarios::fabric::verdict::{Case, judge};
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

/// A fat tree of k = 10, 2,500 directed links, eight of which lose packets; 27,500 flows and probes.
fn fabric(c: &mut Criterion) {
    let seeds = Seeds::new(1);
    let net = Shape::FatTree { k: 10, hosts: 15 }.build(seeds);
    let fabric = &net.fabric;
    let case = cases::draw(&Plan::new(Kind::SilentMixed), &net, &mut Paths::new(fabric), 14, seeds);
    let mut group = c.benchmark_group("scenarios/fabric");
    group.sample_size(20);
    for (name, mode) in Telemetry::MODES.into_iter().filter(|(name, _)| ["INT", "A1+A2+P"].contains(name)) {
        let reports: Vec<_> = case.rows.iter().filter_map(|row| mode.report(row)).collect();
        let flows = Flows::compile(fabric, &mut Paths::new(fabric), &reports, mode.lossy_only());
        let events = events(fabric, &[], NamedEvents { devices: true, groups: true });
        let problem = Problem {
            flows: &flows,
            events: &events,
            holes: &[],
            links: fabric.link_count(),
            single: true,
            counted: &[],
            healthy: None,
        };
        let map = || {
            let mut chain = Chain::new(&problem);
            chain.climb();
            chain
        };
        group.bench_function(format!("map/{name}"), |b| b.iter(map));
        let case = Case {
            fabric,
            reports: &reports,
            lossy_only: mode.lossy_only(),
            counters: &[],
            groups: &[],
            without: &[],
            number: 14,
        };
        group.bench_function(format!("posterior/{name}"), |b| b.iter(|| judge(&case, seeds)));
    }
    group.finish();
}

criterion_group!(benches, hypotheses, fabric);
criterion_main!(benches);
