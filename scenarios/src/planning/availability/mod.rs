//! How available is the network, if things fail by chance?
//!
//! A [`FailureModel`] says what fails on its own and how often, by a published [`Preset`]. [`exact`](fn@exact) goes
//! through failure sets in the order of their probability and proves bounds; [`sample`](fn@sample) draws them and gives
//! 95 % intervals; [`mission`](fn@mission) lets years pass and tells outages with their lengths. The first two answer
//! for the network ([`Measures`]) and for each demand. Maintenance cuts the year into [`phases`](fn@phases); every
//! answer is over all of them, by their share of the time. [`Effects`] evaluates a set once, whoever asks.
//!
//! ```
//! use engine::Seeds;
//! use models::{Failures, NodeDemand, Routing};
//! use twin::{BitsPerSec, Csr, Layer, LinkSpec, NodeId, NodeKind, SimDuration, TwinBuilder};
//! use umbra_scenarios::planning::Plan;
//! use umbra_scenarios::planning::availability::{Effects, FailureModel, Limits, Preset, exact};
//!
//! let mut net = TwinBuilder::new("triangle");
//! let [a, b, c] = ["a", "b", "c"].map(|name| net.node(name, NodeKind::Router, None));
//! let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::ZERO);
//! net.link("ab", &a, &b, spec);
//! net.link("ac", &a, &c, spec);
//! net.link("cb", &c, &b, spec);
//! let csr = Csr::compile(&net.finish(), Layer::Igp);
//! let routing = Routing::compute(&csr, &Failures::none(&csr));
//! let demand = NodeDemand { src: NodeId(0), dst: NodeId(1), bps: 5e9 };
//! let plan = Plan::new(&csr, &routing, std::slice::from_ref(&demand));
//!
//! let model = FailureModel::new(Preset::Links(0.1), &plan, &[], Seeds::new(0))?;
//! let found = exact(&mut Effects::new(&plan, 0.8), &model, Limits { gap: 0.0, states: 100 });
//! let connected = found.answer.measures.p_all_connected;
//! assert!((connected.value - (0.9 + 0.1 * 0.9 * 0.9)).abs() < 1e-12); // ab, or else both others
//! assert!(connected.lo <= connected.value && connected.value <= connected.hi);
//! # Ok::<(), umbra_scenarios::planning::availability::UnknownLength>(())
//! ```

mod effect;
mod exact;
mod interval;
mod mission;
mod model;
mod preset;
mod sample;
mod schedule;
mod states;

pub use effect::{Effect, Effects};
pub use exact::{Exact, Limits, exact};
pub use mission::{Mission, Outage, mission};
pub use model::{Component, FailureModel, RiskGroup, UnknownLength, YEAR_H};
pub use preset::{Citation, Preset};
pub use sample::{Bias, Sample, sample};
pub use schedule::{Phase, Planned, TooLong, When, phases};
pub use states::{State, States};

/// A number with what is known of it: proven bounds, or an interval that holds the truth in 95 of 100 samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Not below this.
    pub lo: f64,
    /// Not above this.
    pub hi: f64,
}

impl Estimate {
    /// The same of 1 - x.
    #[must_use]
    pub fn complement(self) -> Self {
        Self { value: 1.0 - self.value, lo: 1.0 - self.hi, hi: 1.0 - self.lo }
    }
}

/// Availability of a network as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// Probability that every demand has a path; a demand of a node that is down has none.
    pub p_all_connected: Estimate,
    /// Expected share of the volume of all demands that is lost.
    pub expected_lost_share: Estimate,
    /// Probability that the largest utilisation is above the threshold. Lost demands load nothing.
    pub p_util_over: Estimate,
}

impl Measures {
    /// The measures by name, each with its risk: the probability or share that should be small.
    pub fn named(&self) -> [(&'static str, Estimate, Estimate); 3] {
        [
            ("p_all_connected", self.p_all_connected, self.p_all_connected.complement()),
            ("expected_lost_share", self.expected_lost_share, self.expected_lost_share),
            ("p_util_over", self.p_util_over, self.p_util_over),
        ]
    }

    /// The measures whose conclusions differ under another preset: their risks have not one number of nines in common,
    /// within what is known of them.
    pub fn sensitive(&self, other: &Measures) -> Vec<&'static str> {
        let pairs = self.named().into_iter().zip(other.named());
        let apart = |(a, b): (Estimate, Estimate)| {
            let (a, b) = (whole_nines(a), whole_nines(b));
            a.1 < b.0 || b.1 < a.0
        };
        pairs.filter(|(a, b)| apart((a.2, b.2))).map(|(a, _)| a.0).collect()
    }
}

/// The least and the greatest number of whole nines that a risk may have.
fn whole_nines(risk: Estimate) -> (f64, f64) {
    (nines(risk.hi).floor(), nines(risk.lo).floor())
}

/// A risk in nines: 1e-3 is three. Infinite for none.
pub fn nines(risk: f64) -> f64 {
    // Rounding in 1e-3 must not make it two nines.
    let nines = -libm::log10(risk);
    if (nines - nines.round()).abs() < 1e-9 { nines.round() } else { nines }
}

/// Availability of a network and of each of its demands.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The network as a whole.
    pub measures: Measures,
    /// For each demand the probability that it has a path.
    pub demands: Vec<Estimate>,
}
