//! Predictions by difference against predictions from scratch, on random networks and under every component.

use models::sensor::LoadInterval;
use models::{Failures, Loads, NodeDemand, Routing, node_demands};
use testkit::{random_demands, random_network};
use twin::{ArcId, Csr, FlowInfo, Layer, NodeId, Rung};
use umbra_scenarios::component::Component;
use umbra_scenarios::incident::{FlowTable, Incident, LoadResiduals};
use umbra_scenarios::prediction::{Algebra, LossMode, Paths, Prediction};

/// What the predictions of every component need.
struct Slow {
    shares: Vec<Vec<(ArcId, f64)>>,
    delay_ms: Vec<f64>,
}

impl Slow {
    fn delay_ms(&self, src: NodeId, dst: NodeId, n: usize) -> f64 {
        self.delay_ms[dst.index() * n + src.index()]
    }
}

/// `delay[dst * n + src]`: mean propagation delay in ms over the equal-cost paths.
fn mean_delays(csr: &Csr, routing: &Routing) -> Vec<f64> {
    let n = csr.node_count();
    let mut all = vec![f64::INFINITY; n * n];
    for dst in 0..n {
        let row = &mut all[dst * n..(dst + 1) * n];
        row[dst] = 0.0;
        // Nearest first, so that every next hop is known before it is used.
        let mut order: Vec<_> =
            (0..n).map(NodeId::new).filter(|v| routing.reaches(*v, NodeId::new(dst))).collect();
        order.sort_by_key(|v| routing.to(NodeId::new(dst)).distance(*v));
        for node in order.into_iter().filter(|v| v.index() != dst) {
            let next = routing.next_arcs(node, NodeId::new(dst));
            let via = |a: &ArcId| csr.delay[a.index()].as_secs_f64() * 1e3 + row[csr.dst[a.index()].index()];
            row[node.index()] = next.iter().map(via).sum::<f64>() / next.len() as f64;
        }
    }
    all
}

/// Everything from scratch, for every pair of nodes.
fn by_algebra(
    incident: &Incident<'_>,
    paths: &Paths,
    slow: &Slow,
    base: &Loads,
    component: Component,
) -> Prediction {
    let csr = incident.csr;
    let mut p = Prediction {
        component,
        rung: Rung::Algebra,
        exposed: Vec::new(),
        loss: LossMode::Lasting,
        dead: Vec::new(),
        rtt_shift: Vec::new(),
        load_shift: Vec::new(),
        unread: Vec::new(),
    };
    match component {
        Component::LinkLoss(arc) => p.exposed = exposed_to(slow, paths, &[arc]),
        Component::Capacity(arc) => {
            // Halved capacity loses what exceeds it and nothing else on this rung.
            let half = csr.capacity[arc.index()].as_f64() / 2.0;
            let excess = (1.0 - half / base.arc[arc.index()].max(1.0)).max(0.0);
            p.loss = LossMode::Fixed((excess * 1e9) as u32);
            if excess > 0.0 {
                p.exposed = exposed_to(slow, paths, &[arc]);
            }
        }
        Component::LinkDown(link) => {
            let down = Failures::none(csr).with_link(link);
            p.loss = LossMode::UntilConverged;
            p.exposed = exposed_to(slow, paths, &csr.link_arcs[link.index()]);
            reroute(&mut p, incident, paths, slow, base, &down, &csr.link_arcs[link.index()]);
        }
        Component::Device(node) => {
            let down = Failures::none(csr).with_node(node);
            let arcs: Vec<_> = csr.arcs_in(node).iter().chain(csr.arcs_out(node)).copied().collect();
            p.loss = LossMode::UntilConverged;
            let ends_here = |flow: u32| {
                let (s, d) = paths.pairs[paths.pair_of[flow as usize] as usize];
                s == node || d == node
            };
            p.dead = (0..paths.pair_of.len() as u32).filter(|f| ends_here(*f)).collect();
            p.exposed = exposed_to(slow, paths, csr.arcs_in(node));
            p.exposed.retain(|(f, _)| !ends_here(*f));
            p.unread = csr.arcs_out(node).to_vec();
            reroute(&mut p, incident, paths, slow, base, &down, &arcs);
        }
    }
    p
}

/// The flows of all pairs that use any of these arcs. Opposite arcs of one link never share a shortest path, and a path
/// enters a node once, so the shares add up.
fn exposed_to(slow: &Slow, paths: &Paths, arcs: &[ArcId]) -> Vec<(u32, f64)> {
    let share: Vec<f64> = slow
        .shares
        .iter()
        .map(|s| s.iter().filter(|(a, _)| arcs.contains(a)).map(|(_, x)| x).sum::<f64>().min(1.0))
        .collect();
    (0u32..).zip(&paths.pair_of).map(|(f, p)| (f, share[*p as usize])).filter(|(_, s)| *s > 0.0).collect()
}

fn reroute(
    p: &mut Prediction,
    incident: &Incident<'_>,
    paths: &Paths,
    slow: &Slow,
    base: &Loads,
    down: &Failures,
    gone: &[ArcId],
) {
    let csr = incident.csr;
    let routing = incident.routing.after(csr, down);
    let loads = Loads::compute(csr, &routing, down, incident.demands);
    let moved = |i: &usize| (loads.arc[*i] - base.arc[*i]).abs() > 1.0;
    p.load_shift =
        (0..csr.arc_count()).filter(moved).map(|i| (ArcId::new(i), loads.arc[i] - base.arc[i])).collect();
    let after = mean_delays(csr, &routing);
    let n = csr.node_count();
    let shift: Vec<_> = paths
        .pairs
        .iter()
        .map(|&(s, d)| {
            let there = one_way_shift(csr, slow, &after, incident.routing, gone, s, d, n);
            let back = one_way_shift(csr, slow, &after, incident.routing, gone, d, s, n);
            combine(there, back)
        })
        .collect();
    for (flow, pair) in (0u32..).zip(&paths.pair_of) {
        let (s, d) = paths.pairs[*pair as usize];
        if let Some(cases) = &shift[*pair as usize] {
            p.rtt_shift.push((flow, cases.clone()));
        } else if incident.routing.reaches(s, d) && !routing.reaches(s, d) && !p.dead.contains(&flow) {
            p.dead.push(flow); // nothing is left to reroute to
        }
    }
    p.exposed.retain(|(f, _)| !p.dead.contains(f));
}

/// Probability that the way from `s` to `d` used what is gone, and by how many ms it is longer now.
fn one_way_shift(
    csr: &Csr,
    slow: &Slow,
    after: &[f64],
    routing: &Routing,
    gone: &[ArcId],
    s: NodeId,
    d: NodeId,
    n: usize,
) -> Option<(f64, f64)> {
    let new = after[d.index() * n + s.index()];
    if !new.is_finite() {
        return None;
    }
    let (mut share, mut old) = (0.0, 0.0);
    for (arc, x) in routing.shares(csr, s, d).iter().filter(|(a, _)| gone.contains(a)) {
        let i = arc.index();
        let via = slow.delay_ms(s, csr.src[i], n)
            + csr.delay[i].as_secs_f64() * 1e3
            + slow.delay_ms(csr.dst[i], d, n);
        share += x;
        old += x * via;
    }
    if share == 0.0 { Some((0.0, 0.0)) } else { Some((share.min(1.0), new - old / share)) }
}

fn combine(there: Option<(f64, f64)>, back: Option<(f64, f64)>) -> Option<Vec<(f64, f64)>> {
    let ((p, there), (q, back)) = (there?, back?);
    if p == 0.0 && q == 0.0 {
        return None;
    }
    let cases =
        [((1.0 - p) * (1.0 - q), 0.0), (p * (1.0 - q), there), ((1.0 - p) * q, back), (p * q, there + back)];
    // Shares that add up to one may miss it by rounding.
    Some(cases.into_iter().filter(|(w, _)| *w > 1e-12).collect())
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

fn assert_same(got: &Prediction, want: &Prediction, scale: f64) {
    let shares = |p: &Prediction| p.exposed.iter().map(|(f, _)| *f).collect::<Vec<_>>();
    assert_eq!(shares(got), shares(want), "{:?}", want.component);
    assert!(got.exposed.iter().zip(&want.exposed).all(|(a, b)| close(a.1, b.1)), "{:?}", want.component);
    assert_eq!(got.loss, want.loss);
    assert_eq!(got.dead, want.dead, "{:?}", want.component);
    assert_eq!(got.unread, want.unread);
    let flows = |p: &Prediction| p.rtt_shift.iter().map(|(f, c)| (*f, c.len())).collect::<Vec<_>>();
    assert_eq!(flows(got), flows(want), "{:?}: {got:?} {want:?}", want.component);
    for ((_, a), (_, b)) in got.rtt_shift.iter().zip(&want.rtt_shift) {
        assert!(a.iter().zip(b).all(|(x, y)| close(x.0, y.0) && close(x.1, y.1)), "{a:?} {b:?}");
    }
    // Both leave out what moves by less than 1 bit/s; rounding may put an arc on either side of that.
    let arcs =
        |p: &Prediction| p.load_shift.iter().filter(|(_, b)| b.abs() > 1.1).copied().collect::<Vec<_>>();
    let (a, b) = (arcs(got), arcs(want));
    assert_eq!(a.len(), b.len(), "{:?}", want.component);
    assert!(a.iter().zip(&b).all(|(x, y)| x.0 == y.0 && (x.1 - y.1).abs() <= 1e-9 * scale), "{a:?} {b:?}");
}

#[test]
fn differences_say_what_everything_from_scratch_says() {
    for seed in 0..60 {
        let twin = random_network(seed);
        let csr = Csr::compile(&twin, Layer::Igp);
        let n = csr.node_count();
        if n < 2 {
            continue;
        }
        let demands: Vec<NodeDemand> = node_demands(&csr, &random_demands(&twin, seed));
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        // Flows between some pairs, some pairs twice, some without a demand or a path.
        let info = (0..3 * n)
            .map(|i| FlowInfo { src: NodeId::new(i % n), dst: NodeId::new((i * 7 + 1 + i / n) % n) });
        let info: Vec<FlowInfo> = info.filter(|f| f.src != f.dst).collect();
        let flows = FlowTable::new(info, 1, 60.0, &[]);
        let loads = LoadResiduals {
            poll_bins: Vec::new(),
            residual: Vec::new(),
            sigma: Vec::new(),
            independence: 1.0,
            sensor: LoadInterval { tau_s: 300.0, late_s: 30.0 },
        };
        let incident = Incident {
            csr: &csr,
            routing: &routing,
            demands: &demands,
            flows: &flows,
            loads: &loads,
            onsets: &[],
        };
        let paths = Paths::new(&csr, &routing, &flows);
        let base = Loads::compute(&csr, &routing, &Failures::none(&csr), &demands);
        let slow = Slow { shares: paths.shares.clone(), delay_ms: mean_delays(&csr, &routing) };
        let algebra = Algebra::new(&incident, &paths);
        let mut scratch = algebra.scratch();
        let scale = demands.iter().map(|d| d.bps).sum::<f64>();
        for component in Component::all(&csr) {
            let want = by_algebra(&incident, &paths, &slow, &base, component);
            assert_same(&algebra.predict(component, &mut scratch), &want, scale);
        }
    }
}
