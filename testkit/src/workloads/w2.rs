use super::fat_tree::FatTree;
use super::{PacketFlow, PacketWorkload, Spec, constant_rate};

/// W2 `ft-cbr`: one flow from each host of a fat-tree, at constant rate, no link shared.
///
/// Host i of edge e in pod p has the number s = (p·h + e)·h + i, with h = k/2, and so has its flow. It sends to host i of
/// edge e in pod (p + h) mod k, over aggregation position i and that position's core e: six links. Packet j of source s is
/// sent at s · 1,000 + j · gap picoseconds. With the published parameters nothing waits, and each packet takes
/// 6 · (1.2 + 1) = 13.2 µs.
///
/// # Panics
/// If k is odd or zero.
pub fn w2(spec: &Spec) -> PacketWorkload {
    let tree = FatTree::new(spec.k, spec.link());
    let h = tree.half();
    let flow = |src: usize| {
        let (p, e, i) = (src / h / h, src / h % h, src % h);
        let dst = ((p + h) % spec.k * h + e) * h + i;
        PacketFlow {
            src: tree.host(src),
            dst: tree.host(dst),
            path: tree.path(src, dst, i, e),
            sends_ps: constant_rate(src as u64 * 1_000, spec.gap, spec.packets),
        }
    };
    let flows = (0..tree.hosts()).map(flow).collect();
    PacketWorkload::along_paths(tree.into_twin(), flows, spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_is_shared() {
        for k in [2, 4, 8] {
            let w2 = w2(&Spec { k, packets: 1, ..Spec::w2() });
            let mut arcs: Vec<_> = w2.flows.iter().flat_map(|f| f.path.clone()).collect();
            assert_eq!(arcs.len(), 6 * k * k * k / 4);
            arcs.sort();
            assert!(arcs.windows(2).all(|pair| pair[0] != pair[1]), "k = {k}");
        }
    }
}
