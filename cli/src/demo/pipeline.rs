//! The loop once around: a world that breaks, the shadow beside it, what is abnormal, and why.

use std::collections::BTreeMap;

use detect::{ArcResiduals, LossScan, LossScanConfig, LossVerdict, Threshold, anomalies_of, learn_residuals};
use models::failure::FailureModel;
use models::{Failures, NodeDemand, Routing};
use scenarios::base_loss::BaseLoss;
use scenarios::counterfactual::bad_flows;
use scenarios::incident::{FlowTable, Incident, LoadResiduals};
use scenarios::naive;
use scenarios::prediction::Paths;
use scenarios::rank::{Ranking, Settings, rank};
use scenarios::shadow::expected_polls;
use scenarios::suspects::{StaleMetric, corrected, stale_metrics};
use scenarios::world::World;
use twin::stats::median;
use twin::{Anomaly, ArcId, Csr, Residual, Subject};

/// First bin in which a fault is looked for: what comes before teaches what is usual.
const QUIET_BINS: u32 = 40;
/// A fault that began in the last bins has left no evidence yet.
const LAST_BINS: u32 = 4;
/// What an idle interface carries in hellos and polls, as a share of its capacity: a 10 Gbit/s port some 100 kbit/s.
const IDLE_NOISE: f64 = 1e-5;
/// Bins over which losses of a pair are added up before they are judged.
const LOSS_STEP: u32 = 5;
/// Bins between two onset candidates.
const ONSET_STEP: u32 = 2;

/// Everything that the loop found, in the order in which it was found.
pub(crate) struct Findings {
    /// The twin after its own suspects were corrected.
    pub(crate) csr: Csr,
    /// Its routing.
    pub(crate) routing: Routing,
    /// Metrics that the quiet counters did not believe.
    pub(crate) suspects: Vec<StaleMetric>,
    /// The latest demand estimates.
    pub(crate) demands: Vec<NodeDemand>,
    /// Polls that the shadow expected: history, then window.
    pub(crate) expected: Vec<Vec<f64>>,
    /// Production minus shadow, series by series.
    pub(crate) residuals: Vec<Residual>,
    /// What is abnormal.
    pub(crate) anomalies: Vec<Anomaly>,
    /// The ranked causes.
    pub(crate) ranking: Ranking,
    /// Flows that lose more than they used to.
    pub(crate) bad: Vec<u32>,
    /// First bin after the onset, as the leading cause has it.
    pub(crate) onset: u32,
    /// Base losses of the flows.
    pub(crate) base: BaseLoss,
    /// The naive rule's list.
    pub(crate) naive: Vec<(ArcId, f64)>,
}

/// How the loop is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Replicas per leading cause.
    pub(crate) replicas: u32,
    /// Leading causes.
    pub(crate) leading: usize,
    /// Seed of the replicas.
    pub(crate) seed: u64,
}

/// Looks at a world with a twin's eyes only.
pub(crate) fn investigate(world: &World, options: Options) -> Findings {
    let (csr, suspects) = check_the_twin(world);
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let expected = expected_polls(&csr, &routing, &world.estimates, world.polling);
    let quantum: Vec<f64> = csr.capacity.iter().map(|c| IDLE_NOISE * c.as_f64()).collect();
    let loads = learn_residuals(&world.polls, &expected, world.history, world.polling.per_day, &quantum);
    let mut residuals = load_rows(world, &expected, &loads);
    let series = csr.arc_count() + world.flows.pairs().0.len();
    let threshold = Threshold::one_false_alarm_in(series, world.poll_bins.len());
    let mut anomalies = load_anomalies(&residuals, threshold);
    let (losses, lossy) = loss_rows(&world.flows, threshold.log_p);
    residuals.extend(losses);
    anomalies.extend(lossy);
    let demands = recent_demands(&world.estimates[..]);
    let load_residuals = LoadResiduals {
        poll_bins: world.poll_bins.clone(),
        residual: loads.residual.clone(),
        sigma: loads.sigma.clone(),
        independence: loads.independence,
        sensor: world.polling.sensor,
    };
    let onsets: Vec<u32> = (QUIET_BINS..world.flows.bins - LAST_BINS).step_by(ONSET_STEP as usize).collect();
    let incident = Incident {
        csr: &csr,
        routing: &routing,
        demands: &demands,
        flows: &world.flows,
        loads: &load_residuals,
        onsets: &onsets,
    };
    let settings = Settings {
        failures: FailureModel::preset("wan-cenic").expect("a preset"),
        onset_weight: 1.0 / onsets.len() as f64,
        replicas: options.replicas,
        leading: options.leading,
        seed: options.seed,
    };
    let ranking = rank(&incident, &settings);
    let onset = onset_of(&ranking, &anomalies, world.flows.bins);
    let base = BaseLoss::learn(&world.flows, QUIET_BINS);
    let bad = bad_flows(&world.flows, &base, onset);
    let paths = Paths::new(&csr, &routing, &world.flows);
    let naive = naive::by_highest_loss(&csr, &world.flows, &paths, &bad, onset);
    Findings {
        csr,
        routing,
        suspects,
        demands,
        expected,
        residuals,
        anomalies,
        ranking,
        bad,
        onset,
        base,
        naive,
    }
}

/// Holds the twin against quiet counters and corrects, in a fork, what they do not believe.
fn check_the_twin(world: &World) -> (Csr, Vec<StaleMetric>) {
    const RECENT_POLLS: usize = 36;
    let from = world.history.saturating_sub(RECENT_POLLS);
    let quiet: Vec<f64> = (0..world.believed.arc_count())
        .map(|arc| median(world.polls[from..world.history].iter().map(|p| p[arc])))
        .collect();
    let demands = mean_demands(&world.estimates[from..world.history]);
    let suspects = stale_metrics(&world.believed, &demands, &quiet);
    (corrected(&world.believed, &suspects), suspects)
}

fn mean_demands(estimates: &[Vec<NodeDemand>]) -> Vec<NodeDemand> {
    let mut sum = BTreeMap::new();
    for d in estimates.iter().flatten() {
        *sum.entry((d.src, d.dst)).or_insert(0.0) += d.bps / estimates.len() as f64;
    }
    sum.into_iter().map(|((src, dst), bps)| NodeDemand { src, dst, bps }).collect()
}

/// The demands of the last quarter of an hour: what a failure would move now.
fn recent_demands(estimates: &[Vec<NodeDemand>]) -> Vec<NodeDemand> {
    mean_demands(&estimates[estimates.len().saturating_sub(3)..])
}

fn load_rows(world: &World, expected: &[Vec<f64>], loads: &ArcResiduals) -> Vec<Residual> {
    let mut rows = Vec::new();
    for arc in 0..world.believed.arc_count() {
        for (k, poll_bin) in world.poll_bins.iter().enumerate() {
            let poll = world.history + k;
            let shadow = expected[poll][arc] + loads.baseline[arc].expected(poll);
            rows.push(Residual {
                subject: Subject::ArcLoad { arc: arc as u32 },
                bin: poll_bin - 1,
                observed: world.polls[poll][arc],
                shadow,
                sigma: loads.baseline[arc].sigma(),
            });
        }
    }
    rows
}

/// Loss share of each node pair in five-bin steps with its usual spread, and the stretches in which a scan over one and
/// four steps finds it abnormal.
fn loss_rows(flows: &FlowTable, log_p: f64) -> (Vec<Residual>, Vec<Anomaly>) {
    let (pairs, pair_of) = flows.pairs();
    let steps = (flows.bins / LOSS_STEP) as usize;
    let mut counts = vec![vec![(0u64, 0u64); steps]; pairs.len()];
    for flow in 0..flows.len() {
        for (k, sum) in counts[pair_of[flow] as usize].iter_mut().enumerate() {
            let from = k as u32 * LOSS_STEP;
            let c = flows.count(flow, from, from + LOSS_STEP);
            (sum.0, sum.1) = (sum.0 + u64::from(c.sent), sum.1 + u64::from(c.lost));
        }
    }
    let (mut rows, mut anomalies) = (Vec::new(), Vec::new());
    for ((src, dst), bins) in pairs.iter().zip(&counts) {
        let subject = Subject::PairLoss { src: src.0, dst: dst.0 };
        let config = LossScanConfig { windows: vec![1, 4], prior_lost: 0.2, prior_sent: 1_000.0 };
        let scan = LossScan::learn(&bins[..(QUIET_BINS / LOSS_STEP) as usize], config);
        let usual = scan.base_rate();
        for (k, (sent, lost)) in bins.iter().enumerate().filter(|(_, (s, _))| *s > 0) {
            let sigma = (usual * (1.0 - usual) / *sent as f64).sqrt();
            rows.push(Residual {
                subject,
                bin: k as u32 * LOSS_STEP + LOSS_STEP - 1,
                observed: *lost as f64 / *sent as f64,
                shadow: usual,
                // A share from few packets is coarse: one packet more or less is no news.
                sigma: sigma.max(1.0 / *sent as f64),
            });
        }
        anomalies.extend(loss_anomaly(subject, usual, &scan.scan(bins), log_p));
    }
    (rows, anomalies)
}

/// The stretch of steps that a scan finds abnormal, from the start of the window that first gave it away.
fn loss_anomaly(subject: Subject, expected: f64, verdicts: &[LossVerdict], log_p: f64) -> Option<Anomaly> {
    let judged = verdicts.iter().enumerate().skip((QUIET_BINS / LOSS_STEP) as usize);
    let hits: Vec<_> = judged.filter(|(_, v)| v.log_p <= log_p).collect();
    let (first, last) = (hits.first()?, hits.last()?);
    let worst = hits.iter().min_by(|a, b| a.1.log_p.total_cmp(&b.1.log_p))?.1;
    Some(Anomaly {
        subject,
        first_bin: (first.0 as u32 + 1).saturating_sub(first.1.window) * LOSS_STEP,
        last_bin: last.0 as u32 * LOSS_STEP + LOSS_STEP - 1,
        log_p: worst.log_p,
        observed: worst.observed,
        expected,
    })
}

fn load_anomalies(residuals: &[Residual], threshold: Threshold) -> Vec<Anomaly> {
    let mut by_subject: BTreeMap<Subject, Vec<Residual>> = BTreeMap::new();
    for r in residuals {
        by_subject.entry(r.subject).or_default().push(*r);
    }
    by_subject.values().flat_map(|rows| anomalies_of(rows, threshold)).collect()
}

/// When it began: as the leading cause has it, or else the first anomaly, or else the last stretch of the window.
fn onset_of(ranking: &Ranking, anomalies: &[Anomaly], bins: u32) -> u32 {
    if let Some(cause) = ranking.causes.first().filter(|c| c.probability > 0.5) {
        return cause.onset.0.round() as u32;
    }
    anomalies.iter().map(|a| a.first_bin).min().unwrap_or(bins * 3 / 4)
}
