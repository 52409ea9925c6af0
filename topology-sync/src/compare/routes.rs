//! Forwarding tables that differ.

use std::iter::Peekable;

use ipnet::IpNet;
use twin::{Fib, RouteAction, Twin};

use super::{Difference, Kind, Subject};

/// How many of a node's routes are listed one by one, for each of added, removed and changed.
const LISTED: usize = 5;

/// A node's routes that differ: how many, and the first few. Cost: a sort of the prefixes of both tables.
pub(super) fn differences(
    node: &str,
    old: Option<&Fib>,
    new: Option<&Fib>,
    before: &Twin,
    after: &Twin,
) -> Vec<Difference> {
    let mut counts = [0_usize; 3];
    let mut rows = Vec::new();
    let mut tell = |place: usize, prefix: IpNet, old: Option<&RouteAction>, new: Option<&RouteAction>| {
        counts[place] += 1;
        if counts[place] <= LISTED {
            rows.push(Difference {
                subject: Subject::Route,
                change: KINDS[place],
                element: format!("{node} {prefix}"),
                before: old.map(|a| text(a, before)),
                after: new.map(|a| text(a, after)),
            });
        }
    };
    let (mut old, mut new) = (sorted(old), sorted(new));
    loop {
        match next(&mut old, &mut new) {
            (None, None) => break,
            (Some((prefix, old)), None) => tell(1, prefix, Some(old), None),
            (None, Some((prefix, new))) => tell(0, prefix, None, Some(new)),
            (Some((_, old)), Some((_, new))) if old == new => {}
            (Some((prefix, old)), Some((_, new))) => tell(2, prefix, Some(old), Some(new)),
        }
    }
    for (kind, count) in KINDS.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        let mut row = Difference::new(Subject::Routes, kind, node.to_owned());
        let place = if kind == Kind::Removed { &mut row.before } else { &mut row.after };
        *place = Some(format!("{count} routes"));
        rows.push(row);
    }
    rows
}

const KINDS: [Kind; 3] = [Kind::Added, Kind::Removed, Kind::Changed];

type Entry<'a> = (IpNet, &'a RouteAction);
type Entries<'a> = Peekable<std::vec::IntoIter<Entry<'a>>>;

fn sorted(fib: Option<&Fib>) -> Entries<'_> {
    let mut list: Vec<Entry<'_>> = Vec::new();
    if let Some(fib) = fib {
        let actions: Vec<_> = fib.actions().collect();
        list.extend(fib.entries().map(|(prefix, action)| (prefix, actions[action])));
        list.sort_by_key(|(prefix, _)| *prefix);
    }
    list.into_iter().peekable()
}

/// The next prefix of either table, with what both say of it.
fn next<'a>(old: &mut Entries<'a>, new: &mut Entries<'a>) -> (Option<Entry<'a>>, Option<Entry<'a>>) {
    let first = match (old.peek(), new.peek()) {
        (Some((a, _)), Some((b, _))) => Some(*a.min(b)),
        (a, b) => a.or(b).map(|(prefix, _)| *prefix),
    };
    let is_first = |entry: &Entry<'_>| Some(entry.0) == first;
    (old.next_if(is_first), new.next_if(is_first))
}

fn text(action: &RouteAction, twin: &Twin) -> String {
    match action {
        RouteAction::Local => "local".to_owned(),
        RouteAction::Blackhole => "blackhole".to_owned(),
        RouteAction::Unreachable => "unreachable".to_owned(),
        RouteAction::Forward(hops) => {
            let port = |key: &twin::EntityKey| twin.entity(key).map_or(key.to_string(), |e| e.name.clone());
            let hop = |hop: &twin::NextHop| match hop.gateway {
                Some(gateway) => format!("via {gateway} on {}", port(&hop.port)),
                None => format!("on {}", port(&hop.port)),
            };
            hops.iter().map(hop).collect::<Vec<_>>().join(", ")
        }
    }
}
