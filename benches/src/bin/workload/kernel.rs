//! PHOLD and hold: the event queue alone.

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Map, Value, json};
use umbra_benches::kernel;

use crate::peak_bytes;

#[derive(Debug, Args)]
pub(crate) struct PholdOptions {
    /// State of the generator at the start; the published values are of 1.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events of the warm-up, and as many timed ones.
    #[arg(long, default_value_t = 5_000_000)]
    packets: usize,
}

#[derive(Debug, Args)]
pub(crate) struct HoldOptions {
    /// Events that are pending throughout.
    #[arg(long, default_value_t = 1_000_000)]
    pending: usize,
    /// Holds of each of the three timed rounds, of which the best counts.
    #[arg(long, default_value_t = 3_000_000)]
    packets: usize,
}

/// 1,024 processes that send each other 16,384 messages, beside a loop on the standard heap.
pub(crate) fn phold(options: &PholdOptions) -> Result<Map<String, Value>> {
    ensure!(options.packets > 0, "--packets 0: expected at least one event");
    let report = kernel::phold(options.seed, options.packets, options.packets);
    let (Some(rate), Some(speed_up)) = (report.rate(), report.speed_up()) else {
        anyhow::bail!(
            "wrong counts or times: {:?} ns, digests {} and {}",
            report.last_ns,
            report.digest,
            report.heap_digest
        );
    };
    let mut figures =
        common("phold", report.timed, report.last_ns[1], report.cpu_seconds, rate, &report.digest);
    figures.insert("reference_rate_per_cpu_s".into(), json!(rate / speed_up));
    figures.insert("ratio".into(), json!(speed_up));
    Ok(figures)
}

/// Pop the first event, push it again later; over and over.
pub(crate) fn hold(options: &HoldOptions) -> Result<Map<String, Value>> {
    ensure!(options.packets > 0 && options.pending > 0, "--packets, --pending: expected at least 1");
    let report = kernel::hold(options.pending, options.packets, 3);
    let Some(ns) = report.ns_per_hold() else {
        anyhow::bail!("wrong order: payloads {}, last pop at {} ns", report.payload_sum, report.last_ns);
    };
    let mut figures =
        common("hold", report.holds, report.last_ns, report.cpu_seconds, 1e9 / ns, &report.digest);
    figures.insert("pending".into(), json!(report.pending));
    figures.insert("payload_sum".into(), json!(report.payload_sum));
    figures.insert("ns_per_hold".into(), json!(ns));
    Ok(figures)
}

/// The keys that every workload has; there are no packets here, so events stand for deliveries and hops.
fn common(
    workload: &str,
    events: usize,
    last_ns: u64,
    cpu_s: f64,
    rate: f64,
    digest: &str,
) -> Map<String, Value> {
    let figures = json!({
        "workload": workload,
        "engine": "event",
        "delivered": events,
        "dropped": 0,
        "packet_hops": events,
        "end_ps": last_ns.saturating_mul(1_000),
        "cpu_s": cpu_s,
        "rate_per_cpu_s": rate,
        "peak_bytes": peak_bytes(),
        "digest": digest,
    });
    match figures {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
