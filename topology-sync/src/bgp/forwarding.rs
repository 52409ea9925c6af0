//! A forwarding table from what a router has chosen, kept up to date.
//!
//! A BGP route names a next hop that is often several hops away. It is looked up in what else is known of the router's
//! routes, connected and IGP's, and if these do not lead to it in the BGP routes that are resolved already (RFC 4271
//! §9.1.2.1). The result never depends on itself: a route whose next hop only it leads to is not resolved.
//!
//! A million routes share some hundred next hops. So what each next hop comes to is kept, and a change costs what it
//! touches: a prefix, or the prefixes of a next hop that leads elsewhere now.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use twin::{Fib, NextHop, Route, RouteAction};

use super::choice::Choice;
use super::touched::Touched;
use crate::changed::Changed;

/// How many BGP routes may lie between a next hop and the route that leads to it.
const DEPTH: usize = 16;
/// Next hops that no route has any more are forgotten when there are so many more than there were.
const HOPS_KEPT: usize = 1 << 16;

/// The table of one router.
#[derive(Clone, Debug, Default)]
pub struct Forwarding {
    /// The routes that are not BGP's.
    other: Fib,
    /// What each next hop comes to.
    hops: BTreeMap<IpAddr, Option<RouteAction>>,
    /// Those to which no other route leads.
    open: BTreeSet<IpAddr>,
    /// How many next hops there were when all were looked at.
    hops_before: usize,
    forgotten: bool,
    /// How many prefixes had no next hop that leads anywhere when the whole table was made last.
    unresolved: u64,
}

/// The whole table of a router by what it has chosen and its other routes, and how many prefixes have no next hop that
/// leads anywhere.
pub fn table(choice: &Choice<'_>, other: Fib) -> (Fib, u64) {
    let mut forwarding = Forwarding { other, ..Forwarding::default() };
    (forwarding.table(choice), forwarding.unresolved)
}

impl Forwarding {
    /// Everything must be looked at again.
    pub fn forget(&mut self) {
        self.forgotten = true;
    }

    /// What became of the table: `touched` are the prefixes that may be chosen otherwise, `other` the routes that are not
    /// BGP's, if these may have changed. Of a prefix that both have the other route goes.
    pub fn changed(&mut self, choice: &Choice<'_>, mut touched: Touched, other: Option<Fib>) -> Changed {
        touched.all |=
            std::mem::take(&mut self.forgotten) || self.hops.len() > 2 * self.hops_before + HOPS_KEPT;
        if touched.all {
            self.other = other.unwrap_or_else(|| std::mem::take(&mut self.other));
            return Changed::Table(self.table(choice));
        }
        if touched.is_nothing() && other.is_none() {
            return Changed::Routes(Vec::new());
        }
        let mut dirty: BTreeSet<IpNet> = touched.prefixes.into_iter().collect();
        let mut moved = BTreeSet::new();
        if let Some(other) = other {
            dirty.extend(differing(&self.other, &other));
            self.other = other;
            moved = self.look_up_again();
        }
        let mut is_open = !moved.is_empty() || dirty.iter().any(|net| self.covers_open(net));
        for prefix in &dirty {
            for hop in choice.hops(*prefix) {
                is_open |= self.add(hop);
            }
        }
        if is_open {
            moved.extend(self.resolve_open(choice));
        }
        if !moved.is_empty() {
            dirty.extend(choice.prefixes_by(&moved));
        }
        Changed::Routes(dirty.into_iter().map(|prefix| (prefix, self.action(choice, prefix))).collect())
    }

    /// The whole table.
    fn table(&mut self, choice: &Choice<'_>) -> Fib {
        self.hops.clear();
        self.open.clear();
        for hop in choice.all_hops() {
            self.add(hop);
        }
        self.resolve_open(choice);
        self.hops_before = self.hops.len();
        self.unresolved = 0;
        let mut fib = self.other.clone();
        for prefix in choice.prefixes() {
            match self.action(choice, prefix) {
                Some(action) => fib.insert(Route { prefix, action }),
                None => self.unresolved += u64::from(!choice.hops(prefix).is_empty()),
            }
        }
        fib
    }

    fn action(&self, choice: &Choice<'_>, prefix: IpNet) -> Option<RouteAction> {
        let other = self.other.exact(prefix).cloned();
        other.or_else(|| self.joined(&choice.hops(prefix), |hop| self.hops.get(hop)?.as_ref()))
    }

    fn joined<'a>(
        &self,
        hops: &[IpAddr],
        known: impl Fn(&IpAddr) -> Option<&'a RouteAction>,
    ) -> Option<RouteAction> {
        hops.iter().filter_map(known).cloned().reduce(join)
    }

    /// Makes a next hop known. Whether only BGP may lead to it, and that was not known.
    fn add(&mut self, hop: IpAddr) -> bool {
        if self.hops.contains_key(&hop) {
            return false;
        }
        let found = self.other.lookup(hop);
        let is_open = found.is_none();
        self.hops.insert(hop, found.and_then(|action| towards(action, hop)));
        is_open && self.open.insert(hop)
    }

    /// Looks all next hops up in the other routes again; those that come to something else. Those that are open now, or
    /// not any more, are among them.
    fn look_up_again(&mut self) -> BTreeSet<IpAddr> {
        let mut moved = BTreeSet::new();
        for (hop, known) in &mut self.hops {
            let found = self.other.lookup(*hop);
            let was_open = self.open.contains(hop);
            match found {
                None if was_open => continue, // what BGP leads to is seen to later
                None => drop(self.open.insert(*hop)),
                Some(_) => drop(self.open.remove(hop)),
            }
            let now = found.and_then(|action| towards(action, *hop));
            if was_open || now != *known {
                *known = now;
                moved.insert(*hop);
            }
        }
        moved
    }

    fn covers_open(&self, net: &IpNet) -> bool {
        self.open.range(net.network()..=net.broadcast()).next().is_some()
    }

    /// Looks for BGP routes that lead to the open next hops; those that come to something else.
    fn resolve_open(&mut self, choice: &Choice<'_>) -> BTreeSet<IpAddr> {
        // The next hops of the routes to each, the longest prefix first.
        let mut routes: BTreeMap<IpAddr, Vec<Vec<IpAddr>>> = BTreeMap::new();
        let mut todo: Vec<_> = self.open.iter().copied().collect();
        while let Some(hop) = todo.pop() {
            let covering: Vec<_> =
                covering(hop).map(|net| choice.hops(net)).filter(|h| !h.is_empty()).collect();
            for next in covering.iter().flatten() {
                if self.add(*next) {
                    todo.push(*next);
                }
            }
            routes.insert(hop, covering);
        }
        let mut found: BTreeMap<IpAddr, RouteAction> = BTreeMap::new();
        for _ in 0..DEPTH {
            let known = |hop: &IpAddr| match self.open.contains(hop) {
                true => found.get(hop),
                false => self.hops.get(hop)?.as_ref(),
            };
            let open = routes.iter().filter(|(hop, _)| !found.contains_key(*hop));
            // What this round finds counts from the next round on.
            let new: Vec<_> = open
                .filter_map(|(hop, routes)| {
                    let action = routes.iter().find_map(|hops| self.joined(hops, known))?;
                    Some((*hop, towards(&action, *hop)?))
                })
                .collect();
            if new.is_empty() {
                break;
            }
            found.extend(new);
        }
        let mut moved = BTreeSet::new();
        for hop in &self.open {
            let now = found.remove(hop);
            if self.hops.get(hop) != Some(&now) {
                self.hops.insert(*hop, now);
                moved.insert(*hop);
            }
        }
        moved
    }
}

/// All blocks that hold an address, the longest first.
fn covering(ip: IpAddr) -> impl Iterator<Item = IpNet> {
    let longest = IpNet::from(ip).max_prefix_len();
    (0..=longest).rev().filter_map(move |len| IpNet::new(ip, len).ok()).map(|net| net.trunc())
}

/// The prefixes that two tables do not have alike.
fn differing(before: &Fib, after: &Fib) -> Vec<IpNet> {
    let all = before.entries().chain(after.entries()).map(|(net, _)| net);
    all.filter(|net| before.exact(*net) != after.exact(*net)).collect()
}

/// How to send to a next hop: over the link that it is on, or through the gateway that leads to it.
fn towards(action: &RouteAction, hop: IpAddr) -> Option<RouteAction> {
    match action {
        RouteAction::Forward(hops) => {
            let via = |h: &NextHop| NextHop { port: h.port.clone(), gateway: h.gateway.or(Some(hop)) };
            Some(RouteAction::Forward(hops.iter().map(via).collect()))
        }
        RouteAction::Local => None, // the router itself: nowhere to send to
        drop @ (RouteAction::Blackhole | RouteAction::Unreachable) => Some(drop.clone()),
    }
}

/// Both next hops; one that forwards rather than one that drops.
fn join(a: RouteAction, b: RouteAction) -> RouteAction {
    match (a, b) {
        (RouteAction::Forward(mut hops), RouteAction::Forward(more)) => {
            hops.extend(more);
            hops.sort();
            hops.dedup();
            RouteAction::Forward(hops)
        }
        (forward @ RouteAction::Forward(_), _) | (_, forward @ RouteAction::Forward(_)) => forward,
        (a, _) => a,
    }
}

#[cfg(test)]
mod tests;
