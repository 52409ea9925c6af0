//! Series that are made of records with instants: messages of logs, readings of counters.

use detect::evaluate::Frame;
use topology_sync::counters::{Direction, Interface};
use twin::Diagnostic;

use super::meta::Meta;
use super::series::Series;

/// Records by bin.
#[derive(Debug)]
pub(crate) struct Stamped {
    pub(crate) meta: Meta,
    pub(crate) series: Series,
    /// Which interface each series is of; empty for logs.
    pub(crate) interfaces: Vec<(Interface, Direction)>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// How records become bins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binning {
    /// Length of a bin, in seconds; positive.
    pub(crate) bin_s: u32,
    /// Seconds of the beginning in which nothing is flagged, if that was said.
    pub(crate) learn_s: Option<u32>,
}

impl Binning {
    /// So many bins, at least two, the first of which teach: at least one, and not all. `usual_s` is for how many seconds they
    /// do if nothing was said.
    pub(crate) fn frame(self, bins: usize, usual_s: u32) -> Frame {
        let learn_s = self.learn_s.unwrap_or(usual_s);
        let train_end = ((learn_s / self.bin_s) as usize).clamp(1, bins - 1);
        Frame { bins, bin_s: f64::from(self.bin_s), train_end }
    }
}
