//! What if this fails? Failure sets, what each does to routed traffic, and the worst of them for each arc.
//!
//! A [`Plan`] is a network with its demands, ready to be asked. An [`Evaluator`] answers for one [`FailureSet`]; a
//! [`sweep`](fn@sweep) asks it for a whole [`FailureList`] on all threads, hands the [`Scenario`]s on in order, and keeps
//! for each arc the ten [`Worst`] of them.
//!
//! Loads are open-loop (nothing is held back by a full link), utilisation is load / capacity without a cap. Traffic that
//! finds no path is lost and missing from loads: utilisation may *fall* where volume is lost, so both are always said.
//!
//! ```
//! use models::{Failures, NodeDemand, Routing};
//! use twin::{BitsPerSec, Csr, Layer, LinkSpec, NodeId, NodeKind, SimDuration, TwinBuilder};
//! use umbra_scenarios::planning::{FailureList, Plan, sweep};
//!
//! let mut net = TwinBuilder::new("triangle");
//! let [a, b, c] = ["a", "b", "c"].map(|name| net.node(name, NodeKind::Router, None));
//! let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::ZERO);
//! net.link("ab", &a, &b, spec);
//! net.link("ac", &a, &c, spec);
//! net.link("cb", &c, &b, spec);
//! let csr = Csr::compile(&net.finish(), Layer::Igp);
//! let routing = Routing::compute(&csr, &Failures::none(&csr));
//! let demands = [NodeDemand { src: NodeId(0), dst: NodeId(1), bps: 5e9 }];
//! let plan = Plan::new(&csr, &routing, &demands);
//!
//! let mut utilizations = Vec::new();
//! let list = FailureList::links(&csr, 1);
//! let worst = sweep(&plan, &list, 0..list.len(), |rows| {
//!     utilizations.extend(rows.iter().map(|row| row.outcome.max_util));
//!     Ok::<(), std::convert::Infallible>(())
//! });
//! assert_eq!(utilizations, [0.5, 0.5, 0.5, 0.5]); // nothing failed, then ab, ac, cb
//! let worst = worst.unwrap();
//! let ac = worst.of(twin::ArcId(2));
//! assert_eq!((ac[0].util, ac[0].scenario), (0.5, 1)); // the way over c is used when ab fails
//! ```

pub mod availability;
mod classes;
mod cuts;
mod deduce;
mod drain;
mod exposure;
mod failure;
mod growth;
mod latency;
mod members;
mod optimal;
mod overview;
mod plan;
mod redundancy;
pub mod risk;
mod sets;
mod sweep;
mod trees;
mod upgrade;
mod upgrade_bound;
mod worst;

pub use classes::{ClassEvaluator, ClassLoad, ClassOutcome, ClassPlan, ClassWorst};
pub use deduce::{Accuracy, Deduced, LEVELS, Measured, deduce};
pub use drain::{Drain, OneMore};
pub use exposure::{Exposed, Exposure, exposures};
pub use failure::{FailureList, FailureSet};
pub use growth::{DAYS_A_YEAR, Exceeded, Growth, HORIZON_YEARS, first_exceeded};
pub use latency::{Fate, Latency, Status};
pub use optimal::{LpError, Optimum, optimal_max_util};
pub use overview::{Overview, Spread};
pub use plan::{Evaluator, Outcome, Plan, utilization};
pub use redundancy::Redundancy;
pub use sweep::{Scenario, sweep};
pub use upgrade::{Advice, Module, Upgrade, cheapest_upgrades};
pub use upgrade_bound::{UpgradeBound, upgrade_bound};
pub use worst::{Cause, RANKS, Worst};
