//! Changes of the twin.

use std::sync::Arc;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Entity, EntityKey, Fib, HalfLink, HalfLinkKey, RouteAction, WallTime};

/// One change: what stood there before and what stands there after. `None` means absent. Its inverse is the swap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// An entity appears, changes or goes.
    Entity {
        /// Which.
        key: EntityKey,
        /// Before.
        before: Option<Arc<Entity>>,
        /// After.
        after: Option<Arc<Entity>>,
    },
    /// A half-link appears, changes or goes.
    HalfLink {
        /// Which.
        key: HalfLinkKey,
        /// Before.
        before: Option<Arc<HalfLink>>,
        /// After.
        after: Option<Arc<HalfLink>>,
    },
    /// A node's forwarding table is replaced.
    Fib {
        /// Which node.
        node: EntityKey,
        /// Before.
        before: Option<Arc<Fib>>,
        /// After.
        after: Option<Arc<Fib>>,
    },
    /// A route of a node appears, changes or goes; a node without a table has an empty one.
    Route {
        /// Which node.
        node: EntityKey,
        /// Which destination.
        prefix: IpNet,
        /// Before.
        before: Option<RouteAction>,
        /// After.
        after: Option<RouteAction>,
    },
}

impl Change {
    /// The change that undoes this one.
    #[must_use]
    pub fn inverse(self) -> Self {
        match self {
            Self::Entity { key, before, after } => Self::Entity { key, before: after, after: before },
            Self::HalfLink { key, before, after } => Self::HalfLink { key, before: after, after: before },
            Self::Fib { node, before, after } => Self::Fib { node, before: after, after: before },
            Self::Route { node, prefix, before, after } => {
                Self::Route { node, prefix, before: after, after: before }
            }
        }
    }
}

/// A group of changes that belong together, with both times: when it was so, and when we knew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TwinDelta {
    /// When it was so.
    pub valid_at: WallTime,
    /// When we knew.
    pub learned_at: WallTime,
    /// Who said so.
    pub source: String,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

impl TwinDelta {
    /// The delta that undoes this one (same times, inverse changes in reverse order).
    #[must_use]
    pub fn inverse(self) -> Self {
        Self { changes: self.changes.into_iter().rev().map(Change::inverse).collect(), ..self }
    }
}

/// A delta that does not fit the twin it was applied to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("delta from '{from}' does not fit: {what} is not what the delta says it was before")]
pub struct ApplyError {
    /// The delta's source.
    pub from: String,
    /// The key whose state differs.
    pub what: String,
}
