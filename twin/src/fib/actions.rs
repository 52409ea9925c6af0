//! The distinct actions of a table, each kept once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::RouteAction;

/// Actions by number. 900,000 routes of a border router share some dozen sets of next hops, so a route holds a number.
#[derive(Clone, Debug, Default)]
pub(super) struct Actions {
    /// By number, with the routes that have it.
    kept: Vec<(Arc<RouteAction>, u32)>,
    numbers: BTreeMap<Arc<RouteAction>, u32>,
    /// Numbers of actions that no route has any more; the next new actions take them.
    unused: BTreeSet<u32>,
}

impl Actions {
    pub(super) fn get(&self, number: u32) -> &RouteAction {
        &self.kept[number as usize].0
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &RouteAction> {
        self.kept.iter().map(|(action, _)| action.as_ref())
    }

    /// The number of an action that one more route has.
    pub(super) fn take(&mut self, action: RouteAction) -> u32 {
        let number = match self.numbers.get(&action) {
            Some(number) => *number,
            None => self.add(Arc::new(action)),
        };
        self.kept[number as usize].1 += 1;
        self.unused.remove(&number);
        number
    }

    fn add(&mut self, action: Arc<RouteAction>) -> u32 {
        let number = match self.unused.pop_first() {
            Some(number) => {
                let (old, _) = std::mem::replace(&mut self.kept[number as usize], (action.clone(), 0));
                self.numbers.remove(&old);
                number
            }
            None => {
                self.kept.push((action.clone(), 0));
                u32::try_from(self.kept.len() - 1).expect("a table has fewer routes than IPv4 addresses")
            }
        };
        self.numbers.insert(action, number);
        number
    }

    /// One route less has this action.
    pub(super) fn release(&mut self, number: u32) {
        let uses = &mut self.kept[number as usize].1;
        *uses -= 1;
        if *uses == 0 {
            self.unused.insert(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_kept_once_and_an_unused_number_is_taken_again() {
        let mut actions = Actions::default();
        let local = actions.take(RouteAction::Local);
        assert_eq!(actions.take(RouteAction::Local), local);
        actions.release(local);
        let hole = actions.take(RouteAction::Blackhole);
        assert_ne!(hole, local, "one route still is local");
        actions.release(local);
        assert_eq!(actions.take(RouteAction::Local), local, "an unused action comes back as it was");
        actions.release(local);
        assert_eq!(actions.take(RouteAction::Unreachable), local);
        assert_eq!((actions.iter().len(), actions.get(local)), (2, &RouteAction::Unreachable));
        assert_ne!(actions.take(RouteAction::Local), local);
    }
}
