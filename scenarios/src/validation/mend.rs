//! Metrics that measured loads do not believe, set right in a fork.
//!
//! Before a fault is looked for, the twin is held against quiet counters. A stale metric moves traffic from one set of
//! arcs to another in a way that no other error does; where it explains the counters far better than the twin as it is and
//! than any other single error, the ranking works on a fork with the metric that fits.

use models::NodeDemand;
use twin::{ArcId, Csr, LinkId};

use super::errors::{TwinError, TwinSuspect, suspects};

/// A metric that looks stale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StaleMetric {
    /// The link.
    pub link: LinkId,
    /// The one direction whose metric it is; none where both have it.
    pub arc: Option<ArcId>,
    /// The metric in the twin.
    pub believed: u32,
    /// The metric that explains the counters best; larger values route alike where the link is not used at all.
    pub fits: u32,
    /// By how many nats the counters prefer it, less what looking at so many elements costs
    /// ([`TwinSuspect::log_bayes`]).
    pub log_bayes: f64,
}

impl StaleMetric {
    /// Whose metric it is: the name of the link, or of its one direction.
    pub fn name(&self, csr: &Csr) -> String {
        self.arc.map_or_else(|| csr.link_names[self.link.index()].clone(), |arc| csr.arc_name(arc))
    }
}

/// What an error must gain to be acted upon: odds of 1 to 20,000 against.
const MARGIN: f64 = 10.0;
/// Most metrics that are set right.
const MOST: usize = 3;

/// The network with up to three stale metrics set right, and which they are, the clearest first. `quiet` is the load of each
/// arc in bit/s while nothing is wrong, and `demands` what flowed then. Cost: [`suspects`] for each metric that is found, and
/// once more.
pub fn mended(csr: &Csr, demands: &[NodeDemand], quiet: &[f64]) -> (Csr, Vec<StaleMetric>) {
    let (mut fork, mut found) = (csr.clone(), Vec::<StaleMetric>::new());
    while found.len() < MOST {
        // A capacity that is exceeded moves nothing.
        let moves = |s: &TwinSuspect| !matches!(s.error, TwinError::Capacity(_));
        let Some(best) = suspects(&fork, demands, quiet).into_iter().find(moves) else { break };
        let TwinSuspect { error: TwinError::Metric { link, arc, fits }, log_bayes, .. } = best else { break };
        if log_bayes < MARGIN || found.iter().any(|f| f.link == link) {
            break;
        }
        let arcs = arc.map_or_else(|| fork.link_arcs[link.index()].clone(), |arc| vec![arc]);
        found.push(StaleMetric { link, arc, believed: fork.metric[arcs[0].index()], fits, log_bayes });
        arcs.iter().for_each(|a| fork.metric[a.index()] = fits);
    }
    (fork, found)
}
