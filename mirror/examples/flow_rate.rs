//! How fast captures become flows: `cargo run --release -p umbra-mirror --example flow_rate -- FILE…`

use std::path::PathBuf;
use std::time::Instant;

use umbra_mirror::capture::Frame;
use umbra_mirror::decode;
use umbra_mirror::flows::{FlowOptions, FlowTracker};
use umbra_mirror::source;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    measure("read", &files, |_| ())?;
    measure("read, decode", &files, |frame| {
        std::hint::black_box(decode::outermost(frame));
    })?;
    let mut tracker = FlowTracker::new(FlowOptions::default());
    measure("read, decode, flows", &files, |frame| tracker.observe(frame))?;
    println!("{} flows", tracker.finish().flows.len());
    Ok(())
}

fn measure(
    what: &str,
    files: &[PathBuf],
    mut each: impl FnMut(&Frame<'_>),
) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut packets = 0_u64;
    for file in files {
        source::open(file)?.for_each(|frame| {
            packets += 1;
            each(&frame);
        })?;
    }
    let rate = packets as f64 / start.elapsed().as_secs_f64() / 1e6;
    println!("{what:>20}: {rate:.2} M packets/s");
    Ok(())
}
