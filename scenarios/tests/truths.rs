//! Incidents small enough to know the answer.

use models::failure::FailureModel;
use models::sensor::LoadInterval;
use models::{Failures, Loads, NodeDemand, Routing};
use twin::{
    ArcId, BitsPerSec, Csr, FlowInfo, FlowRow, Layer, LinkId, LinkSpec, NodeId, NodeKind, SimDuration,
    TwinBuilder,
};
use umbra_scenarios::component::Component;
use umbra_scenarios::counterfactual::drain;
use umbra_scenarios::incident::{FlowTable, Incident, LoadResiduals};
use umbra_scenarios::rank::{Ranking, Settings, place_of, rank};
use umbra_scenarios::validation::mended;

/// Nodes `n0`, `n1`, … with links of 1 Gbit/s, 2 ms and metric 10.
fn net(nodes: usize, links: &[(usize, usize)]) -> (Csr, Routing) {
    let mut net = TwinBuilder::new("test");
    let keys: Vec<_> = (0..nodes).map(|i| net.node(&format!("n{i}"), NodeKind::Router, None)).collect();
    for (i, j) in links {
        let spec = LinkSpec::symmetric(10, BitsPerSec::gbps(1), SimDuration::millis(2));
        net.link(&format!("l{i}{j}"), &keys[*i], &keys[*j], spec);
    }
    let csr = Csr::compile(&net.finish(), Layer::Igp);
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    (csr, routing)
}

/// A ring of six nodes with one chord.
fn ring() -> (Csr, Routing) {
    net(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (0, 3)])
}

fn all_pairs(csr: &Csr, bps: f64) -> Vec<NodeDemand> {
    let n = csr.node_count() as u32;
    let pairs = (0..n).flat_map(|s| (0..n).map(move |d| (s, d))).filter(|(s, d)| s != d);
    pairs.map(|(s, d)| NodeDemand { src: NodeId(s), dst: NodeId(d), bps }).collect()
}

/// Flows of every pair over 40 bins; from bin 30 on each loses `lost` packets of 100 a bin where it crosses `arc`.
fn flows(csr: &Csr, routing: &Routing, arc: Option<ArcId>, lost: u32) -> FlowTable {
    let pairs = all_pairs(csr, 1.0);
    let info: Vec<FlowInfo> = pairs.iter().map(|d| FlowInfo { src: d.src, dst: d.dst }).collect();
    let mut rows = Vec::new();
    for (flow, i) in (0u32..).zip(&info) {
        let shares = routing.shares(csr, i.src, i.dst);
        let share: f64 = shares.iter().filter(|(a, _)| Some(*a) == arc).map(|(_, s)| s).sum();
        // Where there are two paths, the flow with the even number takes the one across the arc.
        let crosses = share > 0.75 || (share > 0.25 && flow % 2 == 0);
        for bin in 0..40 {
            let lost = if crosses && bin >= 30 { lost } else { 0 };
            rows.push(FlowRow { bin, flow, sent: 100, lost, rtt_ms: 8.0 + f64::from(bin % 3) * 0.1 });
        }
    }
    FlowTable::new(info, 40, 60.0, &rows)
}

fn ranking(csr: &Csr, routing: &Routing, flows: &FlowTable, replicas: u32) -> Ranking {
    let demands = all_pairs(csr, 1e6);
    let loads = LoadResiduals {
        poll_bins: vec![10, 20, 30, 40],
        residual: vec![vec![0.0; csr.arc_count()]; 4],
        sigma: vec![1e5; csr.arc_count()],
        independence: 1.0,
        sensor: LoadInterval { tau_s: 300.0, late_s: 30.0 },
    };
    let onsets: Vec<u32> = (20..38).collect();
    let incident = Incident { csr, routing, demands: &demands, flows, loads: &loads, onsets: &onsets };
    let settings = Settings {
        failures: FailureModel::preset("wan-cenic").unwrap(),
        onset_weight: 1.0 / onsets.len() as f64,
        replicas,
        leading: 4,
        seed: 5,
    };
    rank(&incident, &settings)
}

#[test]
fn every_half_link_is_found_on_both_rungs_with_its_rate() {
    let (csr, routing) = ring();
    for arc in (0..csr.arc_count()).map(ArcId::new) {
        let flows = flows(&csr, &routing, Some(arc), 2);
        for replicas in [0, 16] {
            let ranking = ranking(&csr, &routing, &flows, replicas);
            let first = &ranking.causes[0];
            assert_eq!(first.component, Component::LinkLoss(arc), "{}", csr.arc_name(arc));
            assert!(first.probability > 0.95, "{}", first.probability);
            let (mean, lo, hi) = first.severity.unwrap();
            assert!(lo <= 0.02 && 0.02 <= hi && (mean / 0.02 - 1.0).abs() < 0.4, "{mean} {lo} {hi}");
            assert_eq!(first.onset.0.round(), 30.0);
            assert_eq!(place_of(&ranking, Some(first.component)), 1);
        }
    }
}

#[test]
fn quiet_data_name_no_cause() {
    let (csr, routing) = ring();
    let ranking = ranking(&csr, &routing, &flows(&csr, &routing, None, 0), 16);
    assert!(ranking.none > 0.95, "{}", ranking.none);
    assert_eq!(place_of(&ranking, None), 1);
}

#[test]
fn ledgers_and_probabilities_sum() {
    let (csr, routing) = ring();
    let ranking = ranking(&csr, &routing, &flows(&csr, &routing, Some(ArcId(4)), 1), 16);
    for cause in &ranking.causes {
        let sum: f64 = cause.ledger.iter().map(|(_, v)| v).sum();
        assert!((sum - cause.log_bayes).abs() < 1e-9 * cause.log_bayes.abs().max(1.0), "{sum}");
    }
    let sum: f64 = ranking.posterior.hypotheses.iter().map(|(_, p)| p).sum();
    assert!((sum - 1.0).abs() < 1e-12, "{sum}");
}

#[test]
fn parallel_half_links_share_their_mass() {
    let (csr, routing) = net(3, &[(0, 1), (0, 1), (1, 2)]);
    let ranking = ranking(&csr, &routing, &flows(&csr, &routing, Some(ArcId(0)), 4), 16);
    let of = |arc| ranking.causes.iter().find(|c| c.component == Component::LinkLoss(ArcId(arc))).unwrap();
    assert_eq!(of(0).probability, of(2).probability);
    assert!(of(0).probability > 0.3, "{}", of(0).probability);
    assert_eq!(of(2).same_as, Some(0));
}

#[test]
fn a_stale_metric_is_found_and_a_true_one_left_alone() {
    let (csr, routing) = ring();
    let up = Failures::none(&csr);
    let demands = all_pairs(&csr, 1e6);
    let quiet = Loads::compute(&csr, &routing, &up, &demands).arc;
    assert_eq!(mended(&csr, &demands, &quiet).1, []);
    let (mut believed, chord) = (csr.clone(), LinkId(6));
    for arc in csr.link_arcs[chord.index()].clone() {
        believed.metric[arc.index()] = 100;
    }
    let (mended, found) = mended(&believed, &demands, &quiet);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].link, found[0].believed), (chord, 100));
    let loads = Loads::compute(&mended, &Routing::compute(&mended, &up), &up, &demands).arc;
    assert_eq!(loads, quiet, "what counts is that traffic flows as it does");
}

#[test]
fn a_metric_that_is_stale_in_one_direction_is_mended_in_that_direction() {
    // A ring of twelve nodes with one chord: half of a metric tells on enough links.
    let links: Vec<(usize, usize)> = (0..12).map(|i| (i, (i + 1) % 12)).chain([(0, 6)]).collect();
    let (believed, _) = net(12, &links);
    let (mut truth, arc) = (believed.clone(), believed.link_arcs[12][0]);
    truth.metric[arc.index()] = 100;
    let (up, demands) = (Failures::none(&truth), all_pairs(&truth, 1e6));
    let quiet = Loads::compute(&truth, &Routing::compute(&truth, &up), &up, &demands).arc;
    let (mended, found) = mended(&believed, &demands, &quiet);
    let [stale] = found[..] else { panic!("{found:?}") };
    assert_eq!((stale.arc, stale.believed, stale.name(&truth)), (Some(arc), 10, truth.arc_name(arc)));
    let changed = (0..truth.arc_count()).filter(|a| mended.metric[*a] != believed.metric[*a]);
    assert_eq!(changed.collect::<Vec<_>>(), [arc.index()], "the other direction stays as it is");
    let loads = Loads::compute(&mended, &Routing::compute(&mended, &up), &up, &demands).arc;
    assert_eq!(loads, quiet);
}

#[test]
fn a_drain_says_what_moves_and_who_is_cut_off() {
    let demand = |s, d, bps| NodeDemand { src: NodeId(s), dst: NodeId(d), bps };
    let only = [demand(0, 1, 4e8), demand(3, 4, 1e8)];
    let (csr, routing) = ring();
    let d = drain(&csr, &routing, &only, LinkId(0));
    assert_eq!(d.moved_share, 0.8);
    assert!(d.cut_off.is_empty());
    // The detour 0-3-2-1 shares no arc with the other demand: 0.4 stays the worst.
    assert!((d.worst.unwrap().1 - 0.4).abs() < 1e-12 && (d.worst_now.unwrap().1 - 0.4).abs() < 1e-12);
    let (csr, routing) = net(2, &[(0, 1)]);
    assert_eq!(drain(&csr, &routing, &only[..1], LinkId(0)).cut_off, [(NodeId(0), NodeId(1))]);
}
