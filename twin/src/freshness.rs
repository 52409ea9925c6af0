//! How recently a half-link was heard of.

use serde::{Deserialize, Serialize};

use crate::WallTime;

/// How recently a half-link was heard of, as of the twin's instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// What the words that support it are worth.
    pub state: FreshnessState,
    /// When the newest of them was said; absent where none ever was, and for recordings, which bear no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_at: Option<WallTime>,
    /// When the last of them lapses unless it is said again (an LLDP TTL, a dead interval); absent where one of them holds
    /// until it is taken back. Of an expired half-link when it lapsed, if it did by its lifetime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<WallTime>,
}

/// What the words that support a half-link are worth, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FreshnessState {
    /// One of them stands, and its source is heard.
    Fresh,
    /// They stand, but their sources are not heard any more: it was so when they last were.
    Stale,
    /// None of them stands any more: they lapsed, or were taken back. The other direction keeps the link in the twin.
    Expired,
    /// Nothing was ever heard in this direction.
    Unheard,
}

impl FreshnessState {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Unheard => "unheard",
        }
    }

    /// Every state, the best first.
    pub const ALL: [Self; 4] = [Self::Fresh, Self::Stale, Self::Expired, Self::Unheard];
}

impl Freshness {
    /// Where nothing was ever heard.
    pub const UNHEARD: Self = Self { state: FreshnessState::Unheard, heard_at: None, until: None };

    /// That of two words for one half-link: the better state, the newer instant, the longer life.
    pub fn or(self, other: Self) -> Self {
        let until = match self.state.cmp(&other.state) {
            std::cmp::Ordering::Less => self.until,
            std::cmp::Ordering::Greater => other.until,
            std::cmp::Ordering::Equal => self.until.zip(other.until).map(|(a, b)| a.max(b)),
        };
        Self { state: self.state.min(other.state), heard_at: self.heard_at.max(other.heard_at), until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_words_the_better_counts() {
        let at = |s| Some(WallTime::from_secs(s));
        let fresh = Freshness { state: FreshnessState::Fresh, heard_at: at(3), until: at(9) };
        let stale = Freshness { state: FreshnessState::Stale, heard_at: at(5), until: None };
        let both = Freshness { heard_at: at(5), ..fresh };
        assert_eq!((fresh.or(stale), stale.or(fresh)), (both, both));
        let longer = Freshness { until: at(12), ..fresh };
        assert_eq!((fresh.or(longer), longer.or(fresh)), (longer, longer));
        let lasting = Freshness { until: None, ..fresh };
        assert_eq!(fresh.or(lasting).until, None);
        assert_eq!(stale.or(Freshness::UNHEARD), stale);
    }

    #[test]
    fn it_is_written_in_words_and_nanoseconds() {
        let fresh =
            Freshness { state: FreshnessState::Fresh, heard_at: Some(WallTime::from_ns(7)), until: None };
        let text = serde_json::to_string(&fresh).unwrap();
        assert_eq!(text, r#"{"state":"fresh","heard_at":7}"#);
        assert_eq!(serde_json::from_str::<Freshness>(&text).unwrap(), fresh);
    }
}
