//! Scores of paths: long CSV (`bin,series,sent,lost,rtt_ms`) on standard input, wide CSV of scores on standard output.
//!
//! `zcat paths.csv.gz | cargo run --release -p umbra-detect --example path_scores -- 60 > scores.csv`; the argument is the
//! length of a bin in seconds.

use std::collections::BTreeMap;
use std::io::{BufRead, Write, stdin, stdout};

use umbra_detect::{Bin, Detector, PathConfig, PathSample, PathScan, Verdict};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bin_s: u32 = std::env::args().nth(1).ok_or("length of a bin in seconds")?.parse()?;
    let mut rows: BTreeMap<(u64, String), PathSample> = BTreeMap::new();
    for line in stdin().lock().lines().skip(1) {
        let line = line?;
        let cells: Vec<&str> = line.split(',').collect();
        let [bin, series, sent, lost, rtt] = cells[..] else { return Err("five columns".into()) };
        let rtt_ms = if rtt.is_empty() { f64::NAN } else { rtt.parse()? };
        let sample = PathSample { sent: sent.parse()?, lost: lost.parse()?, rtt_ms };
        rows.insert((bin.parse()?, series.to_owned()), sample);
    }
    let names: Vec<String> =
        rows.keys().map(|(_, s)| s.clone()).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    let bins = rows.keys().map(|(b, _)| b + 1).max().unwrap_or(0);
    let mut out = std::io::BufWriter::new(stdout().lock());
    writeln!(out, "bin,{}", names.join(","))?;
    let mut scan = PathScan::new(names.len(), PathConfig::new(bin_s));
    let mut verdicts = vec![Verdict::NONE; names.len()];
    for bin in 0..bins {
        let sample = |n: &String| rows.get(&(bin, n.clone())).copied().unwrap_or(PathSample::MISSING);
        let samples: Vec<PathSample> = names.iter().map(sample).collect();
        scan.step(&Bin { samples: &samples, paused: &[] }, &mut verdicts);
        let score = |v: &Verdict| if v.log_p.is_nan() { String::new() } else { format!("{:.4}", v.score()) };
        writeln!(out, "{bin},{}", verdicts.iter().map(score).collect::<Vec<_>>().join(","))?;
    }
    Ok(())
}
