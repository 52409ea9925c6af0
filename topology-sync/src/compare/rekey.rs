//! The same node under another key.

use std::collections::BTreeMap;
use std::sync::Arc;

use twin::{
    Change, Entity, EntityKey, EntityKind, Fib, HalfLink, HalfLinkKey, Layer, NextHop, Route, RouteAction,
    Twin,
};

/// `before` with the keys that its nodes have in `after`, where one's key is an alias of the other, and their ports with
/// them. Other evidence of what a node is gives it another key; its aliases tell that it is the same.
pub(super) fn with_keys_of(before: &Twin, after: &Twin) -> Twin {
    let nodes = renamed_nodes(before, after);
    if nodes.is_empty() {
        return before.clone();
    }
    let mut keys = nodes.clone();
    for entity in before.entities().filter(|e| matches!(e.kind, EntityKind::Port(_))) {
        let node = before.node_of(&entity.key).and_then(|n| nodes.get(&n.key));
        keys.extend(node.map(|node| (entity.key.clone(), EntityKey::port(node, &entity.name))));
    }
    for entity in before.cables() {
        let EntityKind::Cable { a, b } = &entity.kind else { continue };
        if keys.contains_key(a) || keys.contains_key(b) {
            keys.insert(entity.key.clone(), EntityKey::cable(&map(&keys, a), &map(&keys, b)));
        }
    }
    rewritten(before, &keys)
}

type Keys = BTreeMap<EntityKey, EntityKey>;

fn renamed_nodes(before: &Twin, after: &Twin) -> Keys {
    let mut aliases: BTreeMap<&EntityKey, &Entity> = BTreeMap::new();
    let new: Vec<_> = after.nodes().into_iter().filter(|n| before.entity(&n.key).is_none()).collect();
    for node in &new {
        for key in node.aliases.iter().chain([&node.key]) {
            aliases.entry(key).or_insert(node);
        }
    }
    let mut keys = Keys::new();
    for old in before.nodes().into_iter().filter(|n| after.entity(&n.key).is_none()) {
        // A name alone does not make two nodes one: it must be one's key.
        let by_key = aliases.get(&old.key).copied();
        let by_alias = || new.iter().copied().find(|n| old.aliases.contains(&n.key));
        if let Some(node) = by_key.or_else(by_alias)
            && !keys.values().any(|taken| *taken == node.key)
        {
            keys.insert(old.key.clone(), node.key.clone());
        }
    }
    keys
}

fn map(keys: &Keys, key: &EntityKey) -> EntityKey {
    keys.get(key).unwrap_or(key).clone()
}

fn rewritten(before: &Twin, keys: &Keys) -> Twin {
    let mut twin = Twin::default();
    for entity in before.entities() {
        let after = rewritten_entity(entity, keys);
        twin.set(&Change::Entity { key: after.key.clone(), before: None, after: Some(Arc::new(after)) });
    }
    for layer in Layer::ALL {
        for (HalfLinkKey { layer, from, to }, half) in before.half_links(layer) {
            let key = HalfLinkKey { layer: *layer, from: map(keys, from), to: map(keys, to) };
            let half = HalfLink { cable: half.cable.as_ref().map(|c| map(keys, c)), ..half.clone() };
            twin.set(&Change::HalfLink { key, before: None, after: Some(Arc::new(half)) });
        }
    }
    for (node, fib) in before.fibs() {
        let after = if keys.contains_key(node) { Arc::new(rewritten_fib(fib, keys)) } else { fib.clone() };
        twin.set(&Change::Fib { node: map(keys, node), before: None, after: Some(after) });
    }
    twin
}

fn rewritten_entity(entity: &Entity, keys: &Keys) -> Entity {
    let mut entity = entity.clone();
    entity.key = map(keys, &entity.key);
    entity.parent = entity.parent.map(|p| map(keys, &p));
    match &mut entity.kind {
        EntityKind::Cable { a, b } => (*a, *b) = (map(keys, a), map(keys, b)),
        EntityKind::Segment { ports: list }
        | EntityKind::Bundle { members: list, .. }
        | EntityKind::RiskGroup { members: list, .. } => list.iter_mut().for_each(|k| *k = map(keys, k)),
        _ => {}
    }
    entity
}

fn rewritten_fib(fib: &Fib, keys: &Keys) -> Fib {
    let hop = |hop: &NextHop| NextHop { port: map(keys, &hop.port), gateway: hop.gateway };
    let route = |route: Route| match &route.action {
        RouteAction::Forward(hops) => {
            Route { prefix: route.prefix, action: RouteAction::Forward(hops.iter().map(hop).collect()) }
        }
        _ => route,
    };
    fib.routes().into_iter().map(route).collect()
}
