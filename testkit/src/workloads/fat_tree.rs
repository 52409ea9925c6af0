//! A three-tier fat-tree of switches with k ports (Al-Fares, Loukissas and Vahdat, SIGCOMM 2008).

use twin::{ArcId, EntityKey, LinkSpec, NodeId, NodeKind, Twin, TwinBuilder};

use crate::{NextHop, NextHops};

/// Pods 0 ≤ p < k; in each of them, with h = k/2, edges e < h of h hosts each, and aggregations a < h. Core (a, c) is the
/// c-th that aggregation position a of every pod leads to.
///
/// Nodes are numbered hosts first, `(p·h + e)·h + i`, then edges `p·h + e`, aggregations `p·h + a`, cores `a·h + c`. Links
/// are numbered by tier: host to edge by host, then edge to aggregation `(p·h + e)·h + a`, then aggregation to core
/// `(p·h + a)·h + c`, as many in each tier as there are hosts. Arc 2l of link l leads up, arc 2l + 1 down.
#[derive(Clone, Debug)]
pub(super) struct FatTree {
    k: usize,
    h: usize,
    twin: Twin,
}

impl FatTree {
    pub(super) fn new(k: usize, spec: LinkSpec) -> Self {
        assert!(k > 0 && k.is_multiple_of(2), "a fat-tree has an even number of ports, not {k}");
        let h = k / 2;
        let mut net = TwinBuilder::new("fat-tree");
        let mut tier = |kind: &str, n: usize| -> Vec<EntityKey> {
            (0..n).map(|i| net.node(&format!("{kind}{i}"), NodeKind::Router, None)).collect()
        };
        let (hosts, edges) = (tier("host", k * h * h), tier("edge", k * h));
        let (aggs, cores) = (tier("agg", k * h), tier("core", h * h));
        for (s, host) in hosts.iter().enumerate() {
            net.link(&format!("h{s}"), host, &edges[s / h], spec);
        }
        for i in 0..k * h * h {
            let (pe, a) = (i / h, i % h);
            net.link(&format!("e{pe}a{a}"), &edges[pe], &aggs[pe / h * h + a], spec);
        }
        for i in 0..k * h * h {
            let (pa, c) = (i / h, i % h);
            net.link(&format!("a{pa}c{c}"), &aggs[pa], &cores[pa % h * h + c], spec);
        }
        Self { k, h, twin: net.finish() }
    }

    pub(super) fn twin(&self) -> &Twin {
        &self.twin
    }

    pub(super) fn into_twin(self) -> Twin {
        self.twin
    }

    /// Half of k.
    pub(super) fn half(&self) -> usize {
        self.h
    }

    /// The number of hosts, and of the links of each tier.
    pub(super) fn hosts(&self) -> usize {
        self.k * self.h * self.h
    }

    pub(super) fn host(&self, host: usize) -> NodeId {
        NodeId::new(host)
    }

    /// The edge switch of a host.
    pub(super) fn edge_of(&self, host: usize) -> NodeId {
        NodeId::new(self.hosts() + host / self.h)
    }

    /// The aggregation at a position of a host's pod.
    pub(super) fn agg_of(&self, host: usize, a: usize) -> NodeId {
        NodeId::new(self.hosts() + self.k * self.h + self.pod(host) * self.h + a)
    }

    fn core(&self, a: usize, c: usize) -> NodeId {
        NodeId::new(self.hosts() + 2 * self.k * self.h + a * self.h + c)
    }

    /// The pod of a host.
    pub(super) fn pod(&self, host: usize) -> usize {
        host / self.h / self.h
    }

    fn host_up(&self, host: usize) -> ArcId {
        ArcId::new(2 * host)
    }

    /// From a host's edge to an aggregation position.
    pub(super) fn edge_up(&self, host: usize, a: usize) -> ArcId {
        ArcId::new(2 * (self.hosts() + host / self.h * self.h + a))
    }

    /// From an aggregation position of a host's pod to one of that position's cores.
    pub(super) fn agg_up(&self, host: usize, a: usize, c: usize) -> ArcId {
        ArcId::new(2 * (2 * self.hosts() + (self.pod(host) * self.h + a) * self.h + c))
    }

    /// Which of its switch's uplinks an arc upwards is: the inverse of the last argument of `edge_up` and `agg_up`.
    pub(super) fn position(&self, up: ArcId) -> usize {
        up.index() / 2 % self.h
    }

    /// The path from host to host over aggregation position `a` and that position's core `c`.
    pub(super) fn path(&self, src: usize, dst: usize, a: usize, c: usize) -> Vec<ArcId> {
        let mut up = vec![self.host_up(src)];
        let mut way_down = vec![down(self.host_up(dst))];
        if self.edge_of(src) != self.edge_of(dst) {
            up.push(self.edge_up(src, a));
            way_down.insert(0, down(self.edge_up(dst, a)));
        }
        if self.pod(src) != self.pod(dst) {
            up.push(self.agg_up(src, a, c));
            way_down.insert(0, down(self.agg_up(dst, a, c)));
        }
        up.extend(way_down);
        up
    }

    /// Gives a flow an entry at every switch on any of its equal-cost paths: up to aggregation position `a` and to core `c`
    /// of any position, and down to its destination from wherever it is.
    pub(super) fn install(
        &self,
        hops: &mut NextHops,
        flow: usize,
        src: usize,
        dst: usize,
        a: usize,
        c: usize,
    ) {
        let mut set = |node, arc| hops.set(node, flow, NextHop::Via(arc));
        set(self.edge_of(dst), down(self.host_up(dst)));
        if self.edge_of(src) != self.edge_of(dst) {
            set(self.edge_of(src), self.edge_up(src, a));
        }
        for a in 0..self.h {
            if self.edge_of(src) != self.edge_of(dst) {
                set(self.agg_of(dst, a), down(self.edge_up(dst, a)));
            }
            if self.pod(src) != self.pod(dst) {
                set(self.agg_of(src, a), self.agg_up(src, a, c));
                (0..self.h).for_each(|c| set(self.core(a, c), down(self.agg_up(dst, a, c))));
            }
        }
        hops.set(self.host(dst), flow, NextHop::Here);
        hops.set_first(flow, self.host_up(src));
    }
}

/// The arc down of the link whose arc up this is.
fn down(up: ArcId) -> ArcId {
    ArcId(up.0 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Wires;
    use twin::{BitsPerSec, SimDuration};

    /// Every path leads from arc to arc, and the table leads the same way.
    #[test]
    fn paths_and_tables_lead_from_host_to_host() {
        for k in [2, 4, 6] {
            let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(10), SimDuration::micros(1));
            let tree = FatTree::new(k, spec);
            let wires = Wires::of(tree.twin());
            let h = k / 2;
            for pair in 0..tree.hosts() * tree.hosts() {
                let (src, dst) = (pair / tree.hosts(), pair % tree.hosts());
                let path = tree.path(src, dst, pair % h, pair / 3 % h);
                assert_eq!(wires.walk(src, &path), Some(dst), "k = {k}, {src} to {dst}");
                let mut hops = NextHops::new(wires.keys.len(), 1);
                tree.install(&mut hops, 0, src, dst, pair % h, pair / 3 % h);
                assert_eq!(hops.path(&wires, 0), Some(path));
            }
        }
    }
}
