//! What the page shows, as plain data. Nothing here computes; the meaning of every field stands with it.

use twin::Fidelity;

/// Everything on the page. [`Page::render`](super::Page::render) turns it into HTML.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The network and the occasion: `Abilene, minute 0–100`.
    pub title: String,
    /// One line below the title: the data that were used.
    pub subtitle: String,
    /// What the management system shows of the same time, one line per question it can answer.
    pub management: Vec<Reading>,
    /// The network.
    pub map: Map,
    /// The bins that every series below shares.
    pub axis: Axis,
    /// The series that differ most between production and shadow, most different first.
    pub top: Vec<Comparison>,
    /// The largest single residuals, largest first.
    pub residuals: Vec<Deviation>,
    /// One strip per series that was abnormal at some time, in the order of the rows. Beyond
    /// [`STRIPS_MAX`](super::STRIPS_MAX) the least abnormal ones share a row.
    pub timeline: Vec<Strip>,
    /// Ranked causes, most probable first, `none` and `unknown` among them.
    pub causes: Vec<Cause>,
    /// What happens if the suspect is taken out of service.
    pub drain: Option<Drain>,
    /// The measurement that would refute the first cause.
    pub probe: Option<Probe>,
    /// What the shadow leaves out.
    pub not_modelled: Fidelity,
    /// How to get this page again.
    pub reproduce: Reproduce,
}

/// One line of the management system's view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What it reads: `Adjacencies up`.
    pub what: String,
    /// What it says: `15 of 15`.
    pub value: String,
    /// Whether an operator would take that for healthy.
    pub healthy: bool,
}

/// Nodes and links, as they are drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// The nodes; links and causes name them by position.
    pub nodes: Vec<MapNode>,
    /// The links; causes name them by position.
    pub links: Vec<MapLink>,
    /// What the loads are: `mean output rate, minute 75–100`.
    pub loads: String,
    /// The utilisation from which a half-link is drawn red, as a share of its capacity. The page uses
    /// [`RED_FROM`](super::RED_FROM) if this is zero.
    pub red_from: f64,
    /// The utilisation at which the widest and darkest lines begin; 1 if this is zero.
    pub full: f64,
}

/// A node of the map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapNode {
    /// Its name on screens.
    pub name: String,
    /// Longitude (east positive) and latitude (north positive) in degrees, where known. The
    /// place 0, 0 counts as not known.
    pub place: Option<(f64, f64)>,
}

/// A link of the map: two half-links, one per direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapLink {
    /// Index of one end in [`Map::nodes`].
    pub a: usize,
    /// Index of the other end.
    pub b: usize,
    /// The half-link from `a` to `b`.
    pub forward: HalfLink,
    /// The half-link from `b` to `a`.
    pub backward: HalfLink,
}

/// One direction of a link. Rates are in bit/s; one that is not finite is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct HalfLink {
    /// Capacity in bit/s.
    pub capacity: f64,
    /// What production carried.
    pub observed: f64,
    /// What the shadow carried, seen through the same sensor.
    pub shadow: f64,
    /// Whether it is in service and how fresh its data are.
    pub state: LinkState,
    /// What it says when it is pointed at, instead of production beside shadow.
    pub note: String,
}

impl Default for HalfLink {
    fn default() -> Self {
        Self {
            capacity: f64::NAN,
            observed: f64::NAN,
            shadow: f64::NAN,
            state: LinkState::Up,
            note: String::new(),
        }
    }
}

/// The state of a half-link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// In service, with fresh data.
    #[default]
    Up,
    /// Out of service: drawn dashed.
    Down,
    /// Its data are old: drawn grey.
    Stale,
}

/// The common time axis of strips and comparisons.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// Number of bins.
    pub bins: usize,
    /// Length of a bin in seconds.
    pub bin_s: f64,
    /// First bin that was judged; those before it taught what is normal.
    pub judged_from: usize,
    /// When the first cause set in, as bins from the start (fractions allowed): value, low, high.
    pub onset: Option<Interval>,
}

impl Axis {
    /// The onset, if all of it is finite.
    pub(super) fn known_onset(&self) -> Option<Interval> {
        self.onset.filter(|o| (o.value + o.lo + o.hi).is_finite())
    }
}

/// A value with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The value.
    pub value: f64,
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

/// The unit of a series; it decides how its numbers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// A rate in bit/s.
    #[default]
    BitsPerSec,
    /// A share between 0 and 1, written in percent.
    Share,
    /// A time in milliseconds.
    Millis,
}

/// One series in production and in the shadow, over all bins of the [`Axis`]. A value that is not finite is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// What it is: `loss STTLng → WASHng`.
    pub label: String,
    /// The unit of the three columns.
    pub unit: Unit,
    /// What production showed.
    pub observed: Vec<f64>,
    /// What the shadow showed through the same sensor.
    pub shadow: Vec<f64>,
    /// Standard deviation of their difference when nothing is wrong.
    pub sigma: Vec<f64>,
}

/// One residual: a series in one bin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Deviation {
    /// The series.
    pub label: String,
    /// The unit of the numbers.
    pub unit: Unit,
    /// The bin.
    pub bin: usize,
    /// What production showed.
    pub observed: f64,
    /// What the shadow showed.
    pub shadow: f64,
    /// Standard deviation of their difference when nothing is wrong; positive.
    pub sigma: f64,
}

/// How abnormal one series was in each bin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strip {
    /// The series.
    pub label: String,
    /// Observed less shadow in standard deviations, per bin; not finite where there are no data.
    pub z: Vec<f64>,
}

/// A possible cause, with the columns of `causes.parquet`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cause {
    /// `link_loss`, `link_down`, `device`, `group`, `congestion`, `blackhole`, `stale_link`, `none`, `unknown`, …
    pub class: String,
    /// The element; for a half-link the end that sends. Empty for `none` and `unknown`.
    pub a: String,
    /// The other end of a link, or what a black hole swallows.
    pub b: Option<String>,
    /// The prefix or rack that it affects, if not everything.
    pub object: Option<String>,
    /// Where it is in words; if empty, `a` and `b` say it.
    pub element: String,
    /// Since when, in words; empty where that is not known or said elsewhere.
    pub since: String,
    /// What would have been seen if this were not the cause; with it, the strongest evidence is told in words.
    pub otherwise: String,
    /// Where it is on the map.
    pub place: Option<CausePlace>,
    /// Marginal posterior probability, 0 to 1.
    pub probability: f64,
    /// Its Monte Carlo standard error.
    pub std_error: f64,
    /// How strong: the share of packets that it drops.
    pub severity: Option<Interval>,
    /// How many bad flows (those that by themselves lose clearly more than before) it explains, and how many there are.
    pub explains: Option<(u64, u64)>,
    /// Position in [`Page::causes`] of the cause from which the data cannot tell it apart.
    pub same_as: Option<usize>,
    /// Natural logarithm of the Bayes factor for it.
    pub log_bayes: f64,
    /// The ledger: its entries sum to `log_bayes`.
    pub evidence: Vec<Evidence>,
}

/// The element of the map that a cause is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CausePlace {
    /// One direction of a link: its position, and whether it is the direction from `a` to `b`.
    HalfLink(usize, bool),
    /// Both directions of these links.
    Links(Vec<usize>),
    /// A node.
    Node(usize),
}

/// One entry of a cause's ledger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The kind of data: `flow records`, `interface counters`, `prior`, …
    pub source: String,
    /// The datum: `STTLng → WASHng lost 11 of 1,024 packets`.
    pub item: String,
    /// Natural logarithm of the Bayes factor; positive speaks for the cause.
    pub log_bayes: f64,
}

/// What draining an element would do, by simulation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drain {
    /// The element.
    pub element: String,
    /// The half-link that is busiest afterwards: name, utilisation before, utilisation after.
    pub busiest: Option<(String, f64, f64)>,
    /// Ordered node pairs that lose their path.
    pub cut_off: Vec<(String, String)>,
    /// Share of all traffic that moves to another path.
    pub moved: f64,
}

/// A measurement that can refute the first cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// What to send from where to where.
    pub action: String,
    /// What is seen if the first cause is right.
    pub if_right: String,
    /// What is seen if it is wrong.
    pub if_wrong: String,
}

/// How to get the same page again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reproduce {
    /// The command line.
    pub command: String,
    /// The seed.
    pub seed: u64,
    /// The version of the program.
    pub version: String,
    /// Trials that were simulated.
    pub trials: u64,
    /// Digests by name: `network`, `input`, `result`.
    pub digests: Vec<(String, String)>,
}
