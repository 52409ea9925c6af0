//! Incidents with a known cause, in a world that is not the twin: bursty traffic in slotted queues instead of formulas of
//! waiting, flows on hashed paths instead of even splits, demands that are not those of the matrix, at times a metric that
//! the twin does not know, pollers that are late.
//!
//! Everything that happens is addressed by seed and number, so that an incident can be made again on its own.

mod choice;
mod paths;
mod queues;
mod sensors;
mod traffic;

use engine::{Purpose, Seeds};
use models::{Failures, NodeDemand, Routing};
use rand::RngExt;
use twin::{Csr, EntityKey, LinkId};

use super::class::{Cause, Form};
use super::observed::Observed;
use super::state::{BUFFER_S, State};
use paths::Paths;

/// Bins are minutes, polls come every five.
const BIN_S: f64 = 60.0;
/// Bins of a poll.
const POLL_BINS: usize = 5;
/// Bins before the window in which something may begin.
const QUIET: usize = 90;
/// Bins of the window.
const WINDOW: usize = 30;
/// One incident in so many is none.
const NONE: u32 = 8;
/// The instant at which every record begins: 2026-01-05 00:00 UTC.
const START_NS: i64 = 1_767_571_200_000_000_000;

/// An incident: what was observed, and what was the case.
#[derive(Clone, Debug)]
pub struct Incident {
    /// All that a ranking may see.
    pub observed: Observed,
    /// The answer.
    pub truth: Truth,
}

/// What was the case.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The cause and its form; nothing if nothing was wrong.
    pub cause: Option<(Cause, Form)>,
    /// When it began, in seconds since the first bin.
    pub onset_s: f64,
    /// A link whose metric the twin has wrong, and the true one.
    pub stale: Option<(LinkId, u32)>,
}

/// What a world is made of.
struct World<'a> {
    csr: Csr,
    demands: Vec<NodeDemand>,
    healthy: State,
    changed: State,
    /// By pair of the demands: the paths of its flows, before and after.
    before: Paths,
    after: Paths,
    cause: Option<(Cause, Form)>,
    onset_s: f64,
    /// From the onset until routing has converged.
    converge_s: f64,
    /// How bursty traffic is: standard deviation of the load of a tenth of a second, as a share.
    burst: f64,
    chance: engine::Trial,
    seen: &'a Csr,
}

/// Makes incident `number` of a seed. `csr`, `routing` and `demands` are the twin's; the world's are drawn around them.
pub fn incident(csr: &Csr, routing: &Routing, demands: &[NodeDemand], seed: u64, number: u32) -> Incident {
    let chance = Seeds::new(seed).trial(u64::from(number));
    let mut draw = chance.stream(Purpose::WORLD, &EntityKey::new("world"));
    let (csr_there, stale) = choice::stale_metric(csr, &mut draw);
    let routing_there = match stale {
        Some(_) => Routing::compute(&csr_there, &Failures::none(&csr_there)),
        None => routing.clone(),
    };
    let mut healthy = State::healthy(&csr_there, routing_there, BUFFER_S);
    for half_link in &mut healthy.arcs {
        half_link.buffer *= 0.7 + 0.7 * draw.random::<f64>();
    }
    let mut demands = choice::demands(demands, &mut draw);
    let before = Paths::of_demands(&csr_there, &healthy, &demands, chance);
    choice::fill(&csr_there, &before, &mut demands, &mut draw);
    let picked = choice::cause(&csr_there, &healthy, &before, &demands, chance, &mut draw);
    let (cause, changed, after) = match picked {
        Some((cause, form, state, paths)) => (Some((cause, form)), state, paths),
        None => (None, healthy.clone(), before.clone()),
    };
    let onset_s = (QUIET as f64 + 3.0 + (WINDOW as f64 - 10.0) * draw.random::<f64>()) * BIN_S;
    let world = World {
        demands,
        healthy,
        changed,
        before,
        after,
        cause,
        onset_s,
        converge_s: 0.5 * libm::pow(20.0, draw.random::<f64>()),
        burst: 0.04 + 0.08 * draw.random::<f64>(),
        chance,
        seen: csr,
        csr: csr_there,
    };
    Incident { observed: sensors::observe(&world), truth: Truth { cause, onset_s, stale } }
}

impl World<'_> {
    /// Bins in all.
    fn bins(&self) -> usize {
        QUIET + WINDOW
    }

    /// When traffic takes the new paths. What moves no traffic acts at once.
    fn moved_s(&self) -> f64 {
        let converging = self.cause.is_some_and(|(_, form)| form.change.cut().is_some());
        self.onset_s + if converging { self.converge_s } else { 0.0 }
    }

    /// The share of the seconds from `from_s` to `to_s` in which the new condition holds.
    fn share_after(&self, from_s: f64, to_s: f64) -> f64 {
        if self.cause.is_none() {
            return 0.0;
        }
        ((to_s - self.moved_s()) / (to_s - from_s)).clamp(0.0, 1.0)
    }
}
