//! When a word was said, and what it is worth now.

use twin::{Freshness, FreshnessState, WallTime};

use crate::store::Standing;

/// When a word was said, and what it is worth at the twin's instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    /// When it was last said.
    pub(crate) at: WallTime,
    /// Until when it stands without being said again.
    pub(crate) until: Option<WallTime>,
    /// Whether its source was lost since.
    pub(crate) lost: bool,
    /// Whether it does not stand any more.
    pub(crate) over: bool,
}

impl Stamp {
    /// That of what stands.
    pub(crate) fn of(standing: &Standing<'_>) -> Self {
        Self { at: standing.at, until: standing.until, lost: standing.lost, over: false }
    }

    /// That of what does not stand any more.
    pub(crate) fn past(standing: &Standing<'_>) -> Self {
        Self { over: true, ..Self::of(standing) }
    }

    /// That of something which two words together tell: as new as the newer, as lasting as the first to lapse.
    pub(crate) fn with(self, other: Self) -> Self {
        let until = match (self.until, other.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            at: self.at.max(other.at),
            until,
            lost: self.lost || other.lost,
            over: self.over || other.over,
        }
    }

    /// What one word makes of a half-link. Recordings without times have the epoch.
    pub(crate) fn freshness(self) -> Freshness {
        let state = match self {
            Self { over: true, .. } => FreshnessState::Expired,
            Self { lost: true, .. } => FreshnessState::Stale,
            _ => FreshnessState::Fresh,
        };
        let heard_at = Some(self.at).filter(|at| *at != WallTime::default());
        Freshness { state, heard_at, until: self.until }
    }
}
