//! The tables of a replay.

use std::collections::BTreeMap;

use models::packet::tcp::TcpConnection;
use models::packet::{DropPlace, PacketResult};
use report::{Table, schema};
use twin::{Csr, NodeId, SimTime};

/// One row for each direction of each link; shares are of the time up to `end`.
pub(crate) fn links(csr: &Csr, result: &PacketResult, end: SimTime) -> Table {
    let mut table = Table::new(&schema::LINKS);
    for (arc, stats) in result.links.iter().enumerate() {
        let queue = &stats.queue;
        let mean_us = queue.wait_sum_ps as f64 / queue.packets.max(1) as f64 * 1e-6;
        table
            .row()
            .set("arc", arc as u32)
            .set("link", csr.link[arc].0)
            .set("src", name(csr, csr.src[arc]))
            .set("dst", name(csr, csr.dst[arc]))
            .set("packets", queue.packets)
            .set("bytes", queue.bytes)
            .set("drops", stats.drops.iter().sum::<u64>())
            .set("busy_s", queue.busy.as_secs_f64())
            .set("utilisation", stats.utilization(end))
            .set("queue_mean_us", mean_us)
            .set("queue_max_us", queue.wait_max.as_secs_f64() * 1e6)
            .end();
    }
    table
}

/// One row for each flow, by its number in the schedule; `ends` names its nodes.
pub(crate) fn flows(result: &PacketResult, ends: &BTreeMap<u32, (&str, &str)>) -> Table {
    let mut table = Table::new(&schema::FLOWS);
    for (flow, id) in result.flows.iter().zip(&result.flow_ids) {
        let (src, dst) = ends[id];
        let seconds = |at: Option<SimTime>| at.map(SimTime::as_secs_f64);
        let arrived = flow.delivered > 0;
        table
            .row()
            .set("flow", *id)
            .set("src", src)
            .set("dst", dst)
            .set("sent", flow.sent)
            .set("delivered", flow.delivered)
            .set("dropped", flow.dropped())
            .set("bytes", flow.delivered_bytes)
            .set("first_s", seconds(flow.first))
            .set("last_s", seconds(flow.last))
            .set("delay_mean_us", arrived.then(|| flow.delay_mean_s() * 1e6))
            .set("delay_max_us", arrived.then(|| flow.delay_max.as_secs_f64() * 1e6))
            .end();
    }
    table
}

/// One row for each TCP connection.
pub(crate) fn connections(csr: &Csr, result: &PacketResult, connections: &[TcpConnection]) -> Table {
    let nodes: BTreeMap<_, _> = connections.iter().map(|c| (c.flows[0], c.nodes)).collect();
    let seconds = |at: Option<SimTime>| at.map(SimTime::as_secs_f64);
    let mut table = Table::new(&schema::CONNECTIONS);
    for c in &result.tcp {
        let [client, server] = nodes[&c.flows[0]];
        table
            .row()
            .set("flow", c.flows[0])
            .set("back", c.flows[1])
            .set("client", name(csr, client))
            .set("server", name(csr, server))
            .set("start_s", c.start.as_secs_f64())
            .set("connected_s", seconds(c.client.connected))
            .set("forward", c.server.received)
            .set("forward_s", seconds(c.server.received_all))
            .set("backward", c.client.received)
            .set("backward_s", seconds(c.client.received_all))
            .set("segments", c.client.segments + c.server.segments)
            .set("retransmitted", c.client.retransmitted + c.server.retransmitted)
            .end();
    }
    table
}

/// One row for each lost packet that was kept.
pub(crate) fn drops(result: &PacketResult) -> Table {
    let mut table = Table::new(&schema::DROPS);
    for lost in &result.lost_packets {
        let (arc, node) = match lost.place {
            DropPlace::Arc(arc) => (Some(arc.0), None),
            DropPlace::Node(node) => (None, Some(node.0)),
        };
        table
            .row()
            .set("at_ps", lost.at.as_ps())
            .set("flow", result.flow_ids[lost.flow as usize])
            .set("arc", arc)
            .set("node", node)
            .set("reason", lost.why.word())
            .end();
    }
    table
}

fn name(csr: &Csr, node: NodeId) -> &str {
    &csr.node_names[node.index()]
}
