//! What a collector sees of a network, and what a rung of the fidelity ladder did not model.

use serde::{Deserialize, Serialize};

use crate::{ArcId, EntityKey, NodeId, WallTime};

/// How finely a scenario was evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Routing, load and M/G/1-type delay by formula.
    Algebra,
    /// Max-min rates with queueing estimates.
    Fluid,
    /// Mirrored packets as events over a fluid background.
    Foreground,
    /// Every packet as events.
    Packets,
}

impl Rung {
    /// The rung's name in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Algebra => "algebra",
            Self::Fluid => "fluid",
            Self::Foreground => "foreground",
            Self::Packets => "packets",
        }
    }
}

/// The tables of an observed or simulated network. All rungs return this; sensors turn one into another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observables {
    /// Interface counters, by bin then arc.
    pub counters: Vec<CounterRow>,
    /// What each flow number means.
    pub flow_info: Vec<FlowInfo>,
    /// Flow records, by bin then flow.
    pub flows: Vec<FlowRow>,
    /// State changes that were reported, by time.
    pub alarms: Vec<AlarmRow>,
}

/// One poll of one interface, output side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CounterRow {
    /// Bin of the poll.
    pub bin: u32,
    /// The arc whose sending interface was read.
    pub arc: ArcId,
    /// Output rate in bit/s; NaN where the poll is missing.
    pub rate_bps: f64,
    /// Packets with errors since the last poll.
    pub errors: u64,
    /// Packets discarded at the output queue since the last poll.
    pub discards: u64,
}

/// A flow that is watched: packets of one flow take one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowInfo {
    /// Where it enters.
    pub src: NodeId,
    /// Where it leaves.
    pub dst: NodeId,
}

/// One flow in one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowRow {
    /// The bin.
    pub bin: u32,
    /// Index into [`Observables::flow_info`].
    pub flow: u32,
    /// Packets sent.
    pub sent: u32,
    /// Packets that had to be sent again.
    pub lost: u32,
    /// Median round trip in milliseconds; NaN where nothing came back.
    pub rtt_ms: f64,
}

/// A reported change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmRow {
    /// When it was received.
    pub at: WallTime,
    /// What it is about.
    pub entity: EntityKey,
    /// What it says.
    pub kind: AlarmKind,
}

/// What an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlarmKind {
    /// An adjacency or interface went down.
    Down,
    /// It came up.
    Up,
}

/// What a result does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fidelity {
    /// The notes, most important first.
    pub notes: Vec<FidelityNote>,
}

/// One thing that was not modelled, or an assumption that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FidelityNote {
    /// A short word: `static-routing`, `open-loop`, …
    pub code: String,
    /// The sentence for people.
    pub note: String,
    /// How many flows or packets it touches, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touches: Option<u64>,
}

impl Fidelity {
    /// Adds a note, once per code.
    pub fn note(&mut self, code: &str, note: impl Into<String>, touches: Option<u64>) {
        if !self.notes.iter().any(|n| n.code == code) {
            self.notes.push(FidelityNote { code: code.to_owned(), note: note.into(), touches });
        }
    }
}
