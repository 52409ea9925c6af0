//! What became of a node's routes.

use std::sync::Arc;

use ipnet::IpNet;
use twin::{Change, EntityKey, Fib, RouteAction};

/// What became of the routes of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Changed {
    /// So much that this is the whole table.
    Table(Fib),
    /// Each prefix with what it does now, `None` if nothing.
    Routes(Vec<(IpNet, Option<RouteAction>)>),
}

impl Changed {
    /// As changes of the twin, where the node's table is `before`.
    pub(crate) fn into_changes(self, node: &EntityKey, before: Option<&Arc<Fib>>) -> Vec<Change> {
        match self {
            Self::Table(fib) => {
                let after = (!fib.is_empty()).then(|| Arc::new(fib));
                let same = before == after.as_ref();
                let change = || Change::Fib { node: node.clone(), before: before.cloned(), after };
                if same { Vec::new() } else { vec![change()] }
            }
            Self::Routes(list) => list
                .into_iter()
                .map(|(prefix, after)| {
                    let before = before.and_then(|fib| fib.exact(prefix)).cloned();
                    Change::Route { node: node.clone(), prefix, before, after }
                })
                .filter(|change| !matches!(change, Change::Route { before, after, .. } if before == after))
                .collect(),
        }
    }
}
