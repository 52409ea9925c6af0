//! `umbra flows`: the flows of captures, with TCP's health.

use std::path::PathBuf;

use mirror::flows::{Flow, FlowOptions, FlowTracker, LINK_TYPE_OPAQUE};
use mirror::source;
use serde_json::{Value, json};
use twin::{Diagnostic, InputError, WallTime};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::{Format, Table};

const COLUMNS: [&str; 14] = [
    "proto",
    "src",
    "src_port",
    "dst",
    "dst_port",
    "packets",
    "bytes",
    "retransmissions",
    "out_of_order",
    "lost",
    "rtt_initial_ms",
    "rtt_median_ms",
    "first_s",
    "last_s",
];

/// List the flows of captures with packets, bytes and TCP's health.
///
/// One row for each bidirectional 5-tuple of the outermost IP header, in order of the first packet, however long a flow
/// is silent. `proto` is tcp, udp or a protocol number; src sent the first packet; bytes are frame lengths on the wire.
/// Retransmissions (fast and spurious ones included), out-of-order and lost segments and round-trip times are as in
/// Wireshark. A datagram in fragments counts with the frame that completes it; its other pieces, and packets cut before
/// their ports, count under the protocol number. Several captures are read one after the other, as one.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// pcap or pcapng files.
    #[arg(required = true, value_name = "CAPTURE")]
    captures: Vec<PathBuf>,
    /// Take the innermost IP header (inside GRE, ERSPAN, IP in IP, VXLAN, Geneve, Teredo).
    #[arg(long)]
    decapsulate: bool,
}

/// Runs the command. What stands before a damage is printed before the error.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let mut tracker = FlowTracker::new(FlowOptions { decapsulate: args.decapsulate });
    let mut opened = 0;
    let end = read(args, &mut tracker, &mut opened);
    if opened > 0 {
        let flows = tracker.finish();
        report(&flows.diagnostics);
        let format = global.format();
        let mut table = Table::new(&COLUMNS);
        flows.flows.iter().for_each(|flow| table.push(row(flow, format)));
        table.print(format)?;
    }
    end?;
    Ok(Outcome::Done)
}

fn read(args: &Args, tracker: &mut FlowTracker, opened: &mut u64) -> Result<(), InputError> {
    for path in &args.captures {
        let mut capture = source::open(path)?;
        *opened += 1;
        let end = capture.for_each(|frame| tracker.observe(&frame));
        report(capture.diagnostics());
        end?;
    }
    Ok(())
}

fn report(diagnostics: &[Diagnostic]) {
    for d in diagnostics {
        let text = format!("{}: {} ({} times)", d.code, d.message, d.count);
        // Other frames without flows are usual in any network; a whole interface that is missing is not.
        if d.code == LINK_TYPE_OPAQUE { tracing::warn!("{text}") } else { tracing::info!("{text}") }
    }
}

fn row(flow: &Flow, format: Format) -> Vec<Value> {
    let ms = |ns: f64| json!(ns / 1e6);
    let stamp = |at: Option<WallTime>| at.map_or(Value::Null, |at| seconds(at, format));
    vec![
        json!(flow.proto()),
        json!(flow.src),
        json!(flow.src_port),
        json!(flow.dst),
        json!(flow.dst_port),
        json!(flow.packets),
        json!(flow.bytes),
        json!(flow.retransmissions),
        json!(flow.out_of_order),
        json!(flow.lost),
        flow.rtt_initial_ns.map_or(Value::Null, |ns| ms(ns as f64)),
        flow.rtt_median_ns.map_or(Value::Null, ms),
        stamp(flow.first),
        stamp(flow.last),
    ]
}

/// Seconds since the epoch. Text keeps all nanoseconds; a JSON number is a double, which keeps about 0.2 µs.
fn seconds(at: WallTime, format: Format) -> Value {
    let ns = at.as_ns();
    match format {
        Format::Json | Format::Ndjson => json!(ns as f64 / 1e9),
        Format::Table | Format::Csv => {
            let sign = if ns < 0 { "-" } else { "" };
            let (whole, fraction) = (ns.unsigned_abs() / 1_000_000_000, ns.unsigned_abs() % 1_000_000_000);
            json!(format!("{sign}{whole}.{fraction:09}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_keep_their_nanoseconds_in_text() {
        let text = |ns| seconds(WallTime::from_ns(ns), Format::Csv);
        assert_eq!(text(1_422_527_998_578_402_281), json!("1422527998.578402281"));
        assert_eq!(text(-1), json!("-0.000000001"));
        assert_eq!(seconds(WallTime::from_ns(1_500_000_000), Format::Json), json!(1.5));
    }
}
