//! What a replay says of itself: its summary, and the row that is printed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use models::fluid::FluidResult;
use models::packet::PacketResult;
use report::Summary;
use serde_json::json;
use twin::{SimTime, WallTime};

use crate::failure::Failure;
use crate::global::Global;
use crate::output::Table;

/// Adds what a run by packets came to.
pub(crate) fn add_packets(summary: &mut Summary, result: &PacketResult, end: SimTime) {
    let counts = json!({
        "sent": result.sent,
        "delivered": result.delivered,
        "dropped": result.dropped,
        "in_flight": result.in_flight,
        "packet_hops": result.packet_hops,
        "events": result.events,
        "end_ps": end.as_ps(),
    });
    summary.extra.insert("packets".into(), counts);
    let engine = json!({ "name": result.engine.word(), "because": result.engine.because });
    summary.extra.insert("engine".into(), engine);
    summary.extra.insert("rung".into(), json!(result.rung.word()));
    summary.extra.insert("digest".into(), json!(result.digest()));
}

/// Adds what a run as a fluid came to.
pub(crate) fn add_fluid(summary: &mut Summary, result: &FluidResult) {
    let (offered_bps, served_bps, lost_bps) = result.totals();
    let volumes = json!({ "offered_bps": offered_bps, "served_bps": served_bps, "lost_bps": lost_bps });
    summary.extra.insert("volumes".into(), volumes);
    summary.extra.insert("rung".into(), json!(result.rung.word()));
    summary.extra.insert("digest".into(), json!(result.digest()));
}

/// Notes when the run began and how long it took.
pub(crate) fn stamp(summary: &mut Summary, started: SystemTime, clock: Instant) {
    let since = started.duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_nanos()).ok());
    summary.run.started = since.map(WallTime::from_ns);
    summary.run.wall_s = Some(clock.elapsed().as_secs_f64());
}

/// Prints packets sent, delivered, dropped, and still under way or waiting.
pub(crate) fn print(counts: [u64; 4], end_s: f64, digest: String, global: &Global) -> Result<(), Failure> {
    let mut table = Table::new(&["sent", "delivered", "dropped", "in_flight", "end_s", "digest"]);
    let mut row: Vec<_> = counts.iter().map(|n| json!(n)).collect();
    row.extend([json!(end_s), json!(digest)]);
    table.push(row);
    table.print(global.format())
}
