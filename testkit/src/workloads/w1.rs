use twin::{ArcId, NodeId, NodeKind, TwinBuilder};

use super::{PacketFlow, PacketWorkload, Spec, constant_rate};

/// Links in series.
const LINKS: usize = 8;

/// W1 `chain8`: one flow (number 0) over 8 links in series. Packet i enters the first link at i · gap. With the published
/// parameters nothing waits, and each packet takes 8 · (1.2 + 1) = 17.6 µs.
///
/// Node i is the i-th of the chain; arc 2i leads from node i to node i + 1, arc 2i + 1 back.
pub fn w1(spec: &Spec) -> PacketWorkload {
    let mut net = TwinBuilder::new("chain8");
    let nodes: Vec<_> = (0..=LINKS).map(|i| net.node(&format!("n{i}"), NodeKind::Router, None)).collect();
    for (i, ends) in nodes.windows(2).enumerate() {
        net.link(&format!("l{i}"), &ends[0], &ends[1], spec.link());
    }
    let flow = PacketFlow {
        src: NodeId::new(0),
        dst: NodeId::new(LINKS),
        path: (0..LINKS).map(|i| ArcId::new(2 * i)).collect(),
        sends_ps: constant_rate(0, spec.gap, spec.packets),
    };
    PacketWorkload::along_paths(net.finish(), vec![flow], spec)
}
