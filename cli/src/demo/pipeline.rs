//! The loop once around: a world that breaks, the shadow beside it, what is abnormal, and why.

use std::collections::BTreeMap;

use models::failure::FailureModel;
use models::{Failures, NodeDemand, Routing};
use scenarios::base_loss::BaseLoss;
use scenarios::counterfactual::bad_flows;
use scenarios::incident::{Incident, LoadResiduals};
use scenarios::load_residuals::Polls;
use scenarios::naive;
use scenarios::prediction::Paths;
use scenarios::rank::{Ranking, Settings, rank};
use scenarios::shadow::expected_polls;
use scenarios::validation::{StaleMetric, mended};
use scenarios::world::World;
use twin::stats::median;
use twin::{Anomaly, ArcId, Csr, Residual};

use super::abnormal::{self, Abnormal};

/// First bin in which a fault is looked for: what comes before teaches what is usual. Losses are learnt from hours.
pub(crate) const QUIET_BINS: u32 = 60;
/// A fault that began in the last bins has left no evidence yet.
const LAST_BINS: u32 = 4;
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
    let Abnormal { residuals, anomalies } = abnormal::look(world, &expected, QUIET_BINS);
    let demands = recent_demands(&world.estimates[..]);
    let polls = Polls {
        observed: &world.polls,
        expected: &expected,
        history: world.history,
        window_bins: &world.poll_bins,
    };
    let loads = LoadResiduals::learn(&polls, &abnormal::idle(world), world.polling.sensor);
    let onsets: Vec<u32> = (QUIET_BINS..world.flows.bins - LAST_BINS).step_by(ONSET_STEP as usize).collect();
    let incident = Incident {
        csr: &csr,
        routing: &routing,
        demands: &demands,
        flows: &world.flows,
        loads: &loads,
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
    mended(&world.believed, &demands, &quiet)
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

/// When it began: as the leading cause has it, or else the first anomaly, or else the last stretch of the window.
fn onset_of(ranking: &Ranking, anomalies: &[Anomaly], bins: u32) -> u32 {
    if let Some(cause) = ranking.causes.first().filter(|c| c.probability > 0.5) {
        return cause.onset.0.round() as u32;
    }
    anomalies.iter().map(|a| a.first_bin).min().unwrap_or(bins * 3 / 4)
}
