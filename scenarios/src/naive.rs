//! The rule that this has to beat: blame the link with the highest loss among the links of bad paths.

use twin::{ArcId, Csr};

use crate::component::Component;
use crate::incident::FlowTable;
use crate::prediction::Paths;

/// Arcs of bad paths, the one with the highest loss first. A flow counts for an arc with the share of its pair's paths
/// that crosses it; packets from bin `from` on count.
pub fn by_highest_loss(
    csr: &Csr,
    flows: &FlowTable,
    paths: &Paths,
    bad: &[u32],
    from: u32,
) -> Vec<(ArcId, f64)> {
    let mut sent = vec![0.0; csr.arc_count()];
    let mut lost = vec![0.0; csr.arc_count()];
    let mut of_bad = vec![false; csr.arc_count()];
    for flow in 0..flows.len() {
        let counts = flows.count(flow, from, flows.bins);
        for (arc, share) in &paths.shares[paths.pair_of[flow] as usize] {
            sent[arc.index()] += share * f64::from(counts.sent);
            lost[arc.index()] += share * f64::from(counts.lost);
            of_bad[arc.index()] |= bad.binary_search(&(flow as u32)).is_ok();
        }
    }
    let mut list: Vec<(ArcId, f64)> = (0..csr.arc_count())
        .filter(|i| of_bad[*i] && sent[*i] > 0.0)
        .map(|i| (ArcId::new(i), lost[i] / sent[i]))
        .collect();
    list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    list
}

/// The place of a component in that list, by the best of its arcs. What is not in it comes after every arc of the network;
/// *nothing wrong* comes first only where nothing is blamed.
pub fn place_of(csr: &Csr, list: &[(ArcId, f64)], truth: Option<Component>) -> usize {
    let hit = |arc: ArcId| match truth {
        None => false,
        Some(Component::LinkLoss(a) | Component::Capacity(a)) => a == arc,
        Some(Component::LinkDown(l)) => csr.link[arc.index()] == l,
        Some(Component::Device(n)) => csr.src[arc.index()] == n || csr.dst[arc.index()] == n,
    };
    let unlisted = if truth.is_none() { list.len() } else { csr.arc_count() };
    1 + list.iter().position(|(a, _)| hit(*a)).unwrap_or(unlisted)
}
