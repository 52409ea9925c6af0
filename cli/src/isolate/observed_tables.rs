//! Incidents as tables: polls, probes, samples.

use report::{Table, schema};
use scenarios::causes::observed::Observed;
use twin::{ArcId, Csr, NodeId};

/// The tables of one incident.
pub(crate) fn write(csr: &Csr, case: u32, seen: &Observed) -> [Table; 3] {
    let [mut polls, mut probes, mut samples] =
        [&schema::POLLS, &schema::PROBES, &schema::SAMPLES].map(Table::new);
    let name = |node: NodeId| csr.node_names[node.index()].as_str();
    let end_ns = |bins: usize| seen.start_ns + (bins as f64 * seen.bin_s * 1e9) as i64;
    for (poll, (loads, discards)) in seen.load.iter().zip(&seen.discards).enumerate() {
        for (i, (bps, lost)) in loads.iter().zip(discards).enumerate() {
            let (src, dst) = (csr.src[i], csr.dst[i]);
            polls
                .row()
                .set("case", case)
                .set("at_ns", end_ns((poll + 1) * seen.poll_bins))
                .set("src", name(src))
                .set("dst", name(dst))
                .set(
                    "link",
                    parallel(csr, ArcId::new(i)).then(|| csr.link_names[csr.link[i].index()].as_str()),
                )
                .set("bps", *bps)
                .set("discards", lost.is_finite().then_some(*lost as u64))
                .end();
        }
    }
    for probed in &seen.probes {
        for (bin, row) in probed.bins.iter().enumerate().filter(|(_, row)| row.sent > 0) {
            probes
                .row()
                .set("case", case)
                .set("at_ns", end_ns(bin + 1))
                .set("src", name(probed.src))
                .set("dst", name(probed.dst))
                .set("sent", row.sent)
                .set("lost", row.lost)
                .set("p50_ms", row.p50_ms)
                .set("p95_ms", row.p95_ms)
                .end();
        }
    }
    for sampled in &seen.flows {
        for (poll, row) in sampled.polls.iter().enumerate() {
            samples
                .row()
                .set("case", case)
                .set("at_ns", end_ns((poll + 1) * seen.poll_bins))
                .set("src", name(sampled.src))
                .set("dst", name(sampled.dst))
                .set("bps", row.bps)
                .set("packets", row.packets)
                .set("retransmitted", row.retransmitted)
                .end();
        }
    }
    [polls, probes, samples]
}

/// Whether other arcs lead from one node to the other too.
fn parallel(csr: &Csr, arc: ArcId) -> bool {
    let (src, dst) = (csr.src[arc.index()], csr.dst[arc.index()]);
    csr.arcs_out(src).iter().any(|a| *a != arc && csr.dst[a.index()] == dst)
}
