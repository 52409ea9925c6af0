//! The part of a large network that a page can show: what lies nearest to the marked elements.

use std::collections::VecDeque;

use super::data::{CausePlace, Map, Page};
use super::marks::{Mark, Marks};

/// Above this number of nodes only the nearest are drawn.
pub const NODES_MAX: usize = 400;

/// A page with the map cut down to the nodes nearest to the marked elements, and causes that point into it; `None`
/// if the whole map can be drawn. Without marks the middle is the node with the most links.
pub(super) fn crop(page: &Page, marks: &Marks) -> Option<Page> {
    if page.map.nodes.len() <= NODES_MAX {
        return None;
    }
    let kept = nearest(&page.map, &centres(&page.map, marks));
    let mut node_to = vec![None; page.map.nodes.len()];
    for (new, &old) in kept.iter().enumerate() {
        node_to[old] = Some(new);
    }
    let mut link_to = vec![None; page.map.links.len()];
    let (loads, red_from, full) = (page.map.loads.clone(), page.map.red_from, page.map.full);
    let mut map = Map { loads, red_from, full, ..Map::default() };
    map.nodes = kept.iter().map(|&i| page.map.nodes[i].clone()).collect();
    for (i, link) in page.map.links.iter().enumerate() {
        let end = |node: usize| node_to.get(node).copied().flatten();
        if let (Some(a), Some(b)) = (end(link.a), end(link.b)) {
            link_to[i] = Some(map.links.len());
            map.links.push(super::MapLink { a, b, ..link.clone() });
        }
    }
    let mut causes = page.causes.clone();
    for cause in &mut causes {
        cause.place = cause.place.take().and_then(|place| moved(place, &node_to, &link_to));
    }
    Some(Page { map, causes, ..Page::default() })
}

fn moved(place: CausePlace, nodes: &[Option<usize>], links: &[Option<usize>]) -> Option<CausePlace> {
    let link = |i: usize| links.get(i).copied().flatten();
    Some(match place {
        CausePlace::HalfLink(i, forward) => CausePlace::HalfLink(link(i)?, forward),
        CausePlace::Links(all) => CausePlace::Links(all.into_iter().filter_map(link).collect()),
        CausePlace::Node(i) => CausePlace::Node(nodes.get(i).copied().flatten()?),
    })
}

/// The marked nodes and the ends of marked links, suspects first.
fn centres(map: &Map, marks: &Marks) -> Vec<usize> {
    let ends = marks.links.iter().flat_map(|(&(link, _), &mark)| {
        map.links.get(link).into_iter().flat_map(move |l| [(mark, l.a), (mark, l.b)])
    });
    let nodes = marks.nodes.iter().map(|(&node, &mark)| (mark, node));
    let mut marked: Vec<(bool, usize)> = ends
        .chain(nodes)
        .filter(|(_, node)| *node < map.nodes.len())
        .map(|(mark, node)| (matches!(mark, Mark::RunnerUp(_)), node))
        .collect();
    marked.sort_unstable();
    if marked.is_empty() {
        let mut degree = vec![0_usize; map.nodes.len()];
        for end in map.links.iter().flat_map(|l| [l.a, l.b]).filter(|&e| e < map.nodes.len()) {
            degree[end] += 1;
        }
        return (0..map.nodes.len()).min_by_key(|&i| (std::cmp::Reverse(degree[i]), i)).into_iter().collect();
    }
    marked.into_iter().map(|(_, node)| node).collect()
}

/// Breadth first from the centres, at most [`NODES_MAX`] nodes, in the order of the map.
fn nearest(map: &Map, centres: &[usize]) -> Vec<usize> {
    let mut neighbours = vec![Vec::new(); map.nodes.len()];
    for l in map.links.iter().filter(|l| l.a.max(l.b) < map.nodes.len()) {
        neighbours[l.a].push(l.b);
        neighbours[l.b].push(l.a);
    }
    let mut seen = vec![false; map.nodes.len()];
    let mut queue: VecDeque<usize> = centres.iter().copied().collect();
    let mut kept = Vec::new();
    while let Some(node) = queue.pop_front() {
        if kept.len() == NODES_MAX {
            break;
        }
        if !std::mem::replace(&mut seen[node], true) {
            kept.push(node);
            queue.extend(&neighbours[node]);
        }
    }
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::super::data::{Cause, MapLink, MapNode};
    use super::*;

    #[test]
    fn a_long_chain_is_cut_around_the_suspect() {
        let mut page = Page::default();
        page.map.nodes = (0..2_000).map(|i| MapNode { name: i.to_string(), place: None }).collect();
        page.map.links = (1..2_000).map(|i| MapLink { a: i - 1, b: i, ..MapLink::default() }).collect();
        page.causes = vec![Cause { place: Some(CausePlace::HalfLink(999, false)), ..Cause::default() }];
        let mut marks = Marks::default();
        marks.links.insert((999, false), Mark::Suspect(0));
        let cut = crop(&page, &marks).unwrap();
        assert_eq!((cut.map.nodes.len(), cut.map.links.len()), (NODES_MAX, NODES_MAX - 1));
        let Some(CausePlace::HalfLink(link, false)) = cut.causes[0].place else {
            panic!("the suspect is kept")
        };
        let names = [cut.map.links[link].a, cut.map.links[link].b].map(|i| cut.map.nodes[i].name.as_str());
        assert_eq!(names, ["999", "1000"]);
        page.map.nodes.truncate(NODES_MAX);
        assert!(crop(&page, &marks).is_none());
    }
}
