//! The boundary: nodes that are known only from their neighbours.

use std::sync::Arc;

use twin::{Change, Entity, EntityKey, EntityKind, Twin};

/// Turns nodes into externals of the same role.
pub(crate) fn mark(twin: &mut Twin, nodes: &[EntityKey]) {
    for key in nodes {
        let Some(entity) = twin.entity(key) else { continue };
        let EntityKind::Node { role, .. } = entity.kind else { continue };
        let after = Entity { kind: EntityKind::External { role }, ..entity.clone() };
        twin.set(&Change::Entity { key: key.clone(), before: None, after: Some(Arc::new(after)) });
    }
}
