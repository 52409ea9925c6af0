//! Shortest paths and loads: what one failure of a sweep costs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use models::{Failures, Gone, Loads, NodeDemand, Routing, Spf, WhatIf, node_demands};
use twin::{Csr, Layer, LinkId, NodeId};
use umbra_benches::{backbone, demands};

/// Dijkstra to one destination.
fn spf(c: &mut Criterion) {
    let csr = Csr::compile(&backbone(1_000), Layer::Igp);
    let up = Failures::none(&csr);
    c.bench_function("models/spf/1000", |b| b.iter(|| Spf::to(black_box(&csr), &up, NodeId::new(0))));
}

/// Routing after a single link failure, from the routing without it, and the loads it makes.
fn single_failure(c: &mut Criterion) {
    let (csr, demands) = loaded(100);
    let base = Routing::compute(&csr, &Failures::none(&csr));
    let down = Failures::none(&csr).with_link(LinkId::new(0));
    c.bench_function("models/single-failure/100", |b| {
        b.iter(|| Loads::compute(&csr, &base.after(&csr, black_box(&down)), &down, &demands));
    });
}

/// The same as a difference from the network with nothing down.
fn single_failure_delta(c: &mut Criterion) {
    let (csr, demands) = loaded(100);
    let base = Routing::compute(&csr, &Failures::none(&csr));
    let what_if = WhatIf::new(&csr, &base, &demands);
    let mut change = what_if.scratch();
    c.bench_function("models/single-failure-delta/100", |b| {
        b.iter(|| what_if.evaluate(black_box(&[Gone::Link(LinkId::new(0))]), &mut change, |_| {}));
    });
}

fn loaded(nodes: usize) -> (Csr, Vec<NodeDemand>) {
    let twin = backbone(nodes);
    let csr = Csr::compile(&twin, Layer::Igp);
    let demands = node_demands(&csr, &demands(&twin));
    (csr, demands)
}

criterion_group!(benches, spf, single_failure, single_failure_delta);
criterion_main!(benches);
