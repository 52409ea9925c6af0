//! What the demo says, as values: the screen, the page and `demo.json` all show these.

use scenarios::component::Component;
use scenarios::counterfactual::{Drain, Probe, best_probe, drain, explained};
use scenarios::naive;
use scenarios::rank::{Cause, place_of};
use scenarios::world::{Fault, World};
use twin::{Csr, Fidelity};

use super::pipeline::Findings;

/// The answer.
pub(crate) struct Answer {
    /// The truth in words.
    pub(crate) truth: String,
    /// The place of the truth in the ranking.
    pub(crate) rank: usize,
    /// The probability of the truth.
    pub(crate) probability: f64,
    /// The place of the truth by the naive rule.
    pub(crate) baseline_rank: usize,
    /// How many of the bad flows the first causes explain, cause by cause.
    pub(crate) explained: Vec<usize>,
    /// What draining the first cause's link would do.
    pub(crate) drain: Option<Drain>,
    /// The probe that would tell, and what it is told apart from.
    pub(crate) probe: Option<(Probe, String)>,
    /// What was not modelled.
    pub(crate) fidelity: Fidelity,
}

/// Causes whose effects are counted flow by flow.
const COUNTED: usize = 5;

impl Answer {
    /// Draws the conclusions.
    pub(crate) fn new(world: &World, findings: &Findings) -> Self {
        let (csr, ranking) = (&findings.csr, &findings.ranking);
        let truth = world.fault.component();
        let own = truth.map(|t| ranking.causes.iter().find(|c| c.component == t));
        let counted = ranking.causes.iter().take(COUNTED);
        let first = ranking.causes.first().filter(|c| c.probability > ranking.none.max(ranking.unknown));
        let link = first.and_then(|c| c.component.link(csr));
        Self {
            truth: describe_fault(csr, world.fault),
            rank: place_of(ranking, truth),
            probability: own.map_or(ranking.none, |c| c.map_or(0.0, |c| c.probability)),
            baseline_rank: naive::place_of(csr, &findings.naive, truth),
            explained: counted
                .map(|c| explained(&world.flows, &findings.base, c, &findings.bad, findings.onset))
                .collect(),
            drain: link.map(|l| drain(csr, &findings.routing, &findings.demands, l)),
            probe: first.and_then(|c| probe(findings, c)),
            fidelity: fidelity(world, findings),
        }
    }
}

/// A fault in words.
fn describe_fault(csr: &Csr, fault: Fault) -> String {
    match fault {
        Fault::None => "none".to_owned(),
        Fault::Loss(arc, _) => csr.arc_name(arc),
        Fault::Down(link) => Component::LinkDown(link).element(csr),
    }
}

/// A cause in words.
pub(crate) fn describe(csr: &Csr, component: Component) -> String {
    let what = match component {
        Component::LinkLoss(_) => "packet loss on",
        Component::LinkDown(_) => "link down:",
        Component::Device(_) => "node down:",
        Component::Capacity(_) => "capacity halved on",
    };
    format!("{what} {}", component.element(csr))
}

/// Against the runner-up if it is a cause that a probe can tell from the first, else against nothing being wrong.
fn probe(findings: &Findings, first: &Cause) -> Option<(Probe, String)> {
    let (csr, routing) = (&findings.csr, &findings.routing);
    let other =
        findings.ranking.causes.iter().find(|c| c.component != first.component && c.probability > 0.01);
    let against = |cause: Option<&Cause>| {
        let what = cause.map_or("nothing is wrong".to_owned(), |c| describe(csr, c.component));
        best_probe(csr, routing, first, cause).map(|p| (p, what))
    };
    other.and_then(|c| against(Some(c))).or_else(|| against(None))
}

fn fidelity(world: &World, findings: &Findings) -> Fidelity {
    let mut notes = Fidelity::default();
    notes.note(
        "open-loop",
        "Senders do not slow down when they lose packets.",
        Some(world.flows.len() as u64),
    );
    notes.note(
        "static-routing",
        "One area of shortest paths; after a failure all nodes converge at once.",
        None,
    );
    notes.note(
        "two-faults",
        "At most two components fail together; pairs are formed of the leading ones only.",
        None,
    );
    notes.note(
        "preset-wan-cenic",
        "Priors: links down 0.5 % of the time (Turner et al. 2010); packet loss once in 10,000 hours per direction \
         (an assumption: nobody has published it).",
        None,
    );
    notes.note(
        "background",
        "Unwatched traffic is a load with queueing estimates, independent at each hop.",
        None,
    );
    for s in &findings.suspects {
        let note = format!(
            "The metric of {} is {} in the twin; {} fits the quiet counters better and was used.",
            s.name(&findings.csr),
            s.believed,
            s.fits
        );
        notes.note(&format!("stale-metric-{}", s.link.0), note, None);
    }
    notes.note(
        "bursts",
        format!(
            "Losses come in bursts: evidence from counts is weakened by {:.2}.",
            findings.ranking.over_dispersion
        ),
        None,
    );
    notes
}
