//! Deltas as lines of JSON.

use std::io::{self, Write};

use twin::{Change, Fib, TwinDelta};

/// Routes that a line has at most, where there are more in a delta: a line of a million would be some hundred megabytes.
const ROUTES_MAX: usize = 4096;

/// A delta as a line of JSON, flushed: who reads it wants it now. One with very many routes is several lines with the same
/// instants: first what is no route, then the routes one by one. Applied one after the other they come to the same.
///
/// # Errors
/// What the output says.
pub fn write_delta(delta: &TwinDelta, out: &mut dyn Write) -> io::Result<()> {
    if delta.changes.iter().map(routes).sum::<usize>() <= ROUTES_MAX {
        return write_line(delta, out);
    }
    let piece = |changes| TwinDelta { changes, source: delta.source.clone(), ..*delta };
    let (tables, others): (Vec<_>, Vec<_>) = delta.changes.iter().partition(|c| is_divisible(c));
    if !others.is_empty() {
        write_line(&piece(others.into_iter().cloned().collect()), out)?;
    }
    let mut routes = tables.into_iter().flat_map(one_by_one).peekable();
    while routes.peek().is_some() {
        write_line(&piece(routes.by_ref().take(ROUTES_MAX).collect()), out)?;
    }
    Ok(())
}

fn write_line(delta: &TwinDelta, out: &mut dyn Write) -> io::Result<()> {
    let mut line = serde_json::to_vec(delta)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// How many routes a change tells.
fn routes(change: &Change) -> usize {
    match change {
        Change::Fib { before, after, .. } => before.iter().chain(after).map(|fib| fib.len()).sum(),
        Change::Route { .. } => 1,
        _ => 0,
    }
}

/// A table that goes is no change of its routes: an empty table would be left.
fn is_divisible(change: &Change) -> bool {
    matches!(change, Change::Fib { after: Some(_), .. } | Change::Route { .. })
}

/// A change of a table as changes of its routes.
fn one_by_one(change: &Change) -> Box<dyn Iterator<Item = Change> + '_> {
    let Change::Fib { node, before, after: Some(after) } = change else {
        return Box::new(std::iter::once(change.clone()));
    };
    let exact = |fib: Option<&Fib>, prefix| fib.and_then(|fib| fib.exact(prefix)).cloned();
    let before = before.as_deref();
    let gone = before.into_iter().flat_map(Fib::entries).filter(|(net, _)| after.exact(*net).is_none());
    let nets = gone.chain(after.entries()).map(|(net, _)| net);
    Box::new(nets.filter_map(move |prefix| {
        let (before, after) = (exact(before, prefix), exact(Some(after), prefix));
        (before != after).then(|| Change::Route { node: node.clone(), prefix, before, after })
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use twin::{EntityKey, Route, RouteAction, Twin, WallTime};

    use super::*;

    fn fib(range: std::ops::Range<u32>, action: RouteAction) -> Option<Arc<Fib>> {
        let prefix = |n: u32| ipnet::Ipv4Net::new((0x0a00_0000 + (n << 8)).into(), 24).unwrap().into();
        Some(Arc::new(range.map(|n| Route { prefix: prefix(n), action: action.clone() }).collect()))
    }

    fn delta(changes: Vec<Change>) -> TwinDelta {
        let at = WallTime::from_secs(1);
        TwinDelta { valid_at: at, learned_at: at, source: "s".into(), changes }
    }

    #[test]
    fn a_huge_table_is_told_in_several_lines_that_come_to_the_same() {
        let node = EntityKey::node("r1");
        let tables = [
            None,
            fib(0..10_000, RouteAction::Blackhole),
            fib(5_000..12_000, RouteAction::Unreachable),
            fib(0..10, RouteAction::Local),
            None,
        ];
        let (mut whole, mut by_lines) = (Twin::default(), Twin::default());
        for (step, lines) in tables.windows(2).zip([3, 3, 2, 1]) {
            let change = Change::Fib { node: node.clone(), before: step[0].clone(), after: step[1].clone() };
            let mut text = Vec::new();
            write_delta(&delta(vec![change.clone()]), &mut text).unwrap();
            whole.apply(&delta(vec![change])).unwrap();
            let mut count = 0;
            for line in String::from_utf8(text).unwrap().lines() {
                by_lines.apply(&serde_json::from_str(line).unwrap()).unwrap();
                count += 1;
            }
            assert_eq!(count, lines);
            assert_eq!(by_lines, whole);
        }
    }
}
