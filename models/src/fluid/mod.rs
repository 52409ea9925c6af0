//! Traffic as a fluid: max-min fair rates, flows that run to completion under them, and the fluid rung of the ladder.
//!
//! What reacts to congestion, as TCP does, ends up near a fair share of its bottleneck. [`MaxMin`] keeps those shares
//! while flows come and go; [`completions`] lets flows of given sizes end under them; [`share_demands`] evaluates a
//! demand matrix on the rung between the algebra, where loads may exceed capacities, and packets.
//!
//! Inside, `component` fills links with water and remembers how it rose, `net` holds what the components share, `paths`
//! splits demands as ECMP does, and `waiting` says how long packets wait at such loads.

mod completion;
mod component;
mod demands;
mod max_min;
mod net;
mod paths;
mod waiting;

pub use completion::{Completion, CompletionRun, FluidFlow, completions};
pub use demands::{ArcShare, DemandShare, Fairness, FluidConfig, FluidResult, share_demands};
pub use max_min::{GroupId, MaxMin};
pub use waiting::Waiting;
