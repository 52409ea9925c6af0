//! Tables with nearly the same prefixes share one look-up.
//!
//! The routers of a network mostly know the same prefixes and differ in what they do with them. The class of an address
//! is the longest of all prefixes in a group of tables that holds it; addresses of one class meet the same route in
//! every table of the group.

use std::cmp::Ordering;
use std::sync::Arc;

use ipnet::IpNet;
use twin::Fib;

/// A group of tables.
pub(super) struct Classes {
    /// All their prefixes, in order. The class of the first is 1; 0 is for addresses under none.
    pub(super) prefixes: Vec<IpNet>,
    /// Positions of the tables.
    pub(super) members: Vec<usize>,
}

/// A group may grow until a table has this many classes for nothing, beside [`CLASSES_PER_ROUTE`] for each route of its
/// own: 4 KiB.
const CLASSES_FREE: usize = 1024;
/// 16 bytes a route, about what a look-up structure of its own would take.
const CLASSES_PER_ROUTE: usize = 4;
/// A table is compared with this many groups, the latest, so that a thousand unlike tables do not cost a million merges.
const GROUPS_TRIED: usize = 4;

/// Puts tables into groups. Cost: the routes of all tables, times [`GROUPS_TRIED`] at most.
pub(super) fn grouped(fibs: &[&Fib]) -> Vec<Classes> {
    let mut groups: Vec<(Classes, usize)> = Vec::new();
    for (i, fib) in fibs.iter().enumerate() {
        let prefixes = sorted(fib.entries().map(|(net, _)| net).collect(), |net| *net);
        let most = CLASSES_FREE + CLASSES_PER_ROUTE * prefixes.len();
        let latest = groups.len().saturating_sub(GROUPS_TRIED);
        let joined = groups[latest..].iter_mut().rev().any(|(group, group_most)| {
            let Some(union) = union(&group.prefixes, &prefixes, most.min(*group_most)) else { return false };
            group.prefixes = union;
            group.members.push(i);
            *group_most = most.min(*group_most);
            true
        });
        if !joined {
            groups.push((Classes { prefixes, members: vec![i] }, most));
        }
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

fn sorted<T>(mut list: Vec<T>, prefix: impl Fn(&T) -> IpNet) -> Vec<T> {
    list.sort_by_key(prefix); // stable, and fast on the few sorted runs that a table gives
    list
}

/// The prefixes in either list, or nothing if they are more than `most`.
fn union(a: &[IpNet], b: &[IpNet], most: usize) -> Option<Vec<IpNet>> {
    let (mut i, mut j) = (0, 0);
    let mut all = Vec::with_capacity(a.len().max(b.len()));
    while i < a.len() || j < b.len() {
        if all.len() == most {
            return None;
        }
        let order = match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) => x.cmp(y),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        all.push(if order.is_le() { a[i] } else { b[j] });
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
    }
    Some(all)
}

/// For each class, the code of the route that its addresses meet in one table, whose actions have the given codes.
pub(super) fn code_per_class(prefixes: &[IpNet], fib: &Fib, codes: &[u32], no_route: u32) -> Arc<[u32]> {
    let routes = sorted(fib.entries().collect(), |(net, _)| *net);
    let mut routes = routes.into_iter().peekable();
    // The routes that hold the prefix at hand, the longest last.
    let mut holding: Vec<(IpNet, u32)> = Vec::new();
    let per_class = prefixes.iter().map(|prefix| {
        while holding.pop_if(|(net, _)| !net.contains(prefix)).is_some() {}
        if let Some((net, action)) = routes.next_if(|(net, _)| net == prefix) {
            holding.push((net, codes[action]));
        }
        holding.last().map_or(no_route, |(_, code)| *code)
    });
    std::iter::once(no_route).chain(per_class).collect()
}
