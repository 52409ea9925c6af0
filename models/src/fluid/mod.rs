mod completion;
mod component;
mod max_min;
mod net;

pub use completion::{Completion, CompletionRun, FluidFlow, completions};
pub use max_min::{GroupId, MaxMin};
