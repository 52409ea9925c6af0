//! Which shared risk has failed? Alarms of links in; groups with probabilities out.
//!
//! A group (a span, a conduit, a line card) that fails takes all its links down; each end of a link that is down raises an
//! alarm by each source with that source's probability, and seldom one that is not ([`sources`] learns how often). The list
//! of members has gaps: what is probably missing is told by the structure of the network ([`network`]). Links are
//! independent given the set of groups, so the likelihood of a set is exact; sets are enumerated best first ([`search`]).

pub mod network;
pub mod search;
pub mod sources;
pub mod verdict;
