//! Scores of paths: long CSV (`bin,series,sent,lost,rtt_ms`) on standard input, wide CSV of scores on standard output.
//!
//! Arguments: length of a bin in seconds; then, for flags instead of scores, false alarms per series and week, and the end of
//! the training in bins.
//!
//! `zcat paths.csv.gz | cargo run --release -p umbra-detect --example path_scores -- 60 1 4320 > flags.csv`

use std::collections::BTreeMap;
use std::io::{BufRead, Write, stdin, stdout};

use umbra_detect::{
    Bin, CalibrationConfig, Calibrator, Detector, PathConfig, PathSample, PathScan, Teach, Verdict,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let bin_s: u32 = args.next().ok_or("length of a bin in seconds")?.parse()?;
    let rate: Option<f64> = args.next().map(|rate| rate.parse()).transpose()?;
    let train_end: u64 = args.next().map_or(Ok(u64::MAX), |end| end.parse())?;
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
    let mut calibrator = rate.map(|r| Calibrator::new(names.len(), CalibrationConfig::for_windows(r, bin_s)));
    let mut flags = vec![false; names.len()];
    for bin in 0..bins {
        let sample = |n: &String| rows.get(&(bin, n.clone())).copied().unwrap_or(PathSample::MISSING);
        let samples: Vec<PathSample> = names.iter().map(sample).collect();
        scan.step(&Bin { samples: &samples, paused: &[] }, &mut verdicts);
        let cell = |v: &Verdict| if v.log_p.is_nan() { String::new() } else { format!("{:.4}", v.score()) };
        let mut cells: Vec<String> = verdicts.iter().map(cell).collect();
        if let Some(calibrator) = &mut calibrator {
            if bin == train_end {
                calibrator.refit();
            }
            let teach = if bin < train_end { Teach::All } else { Teach::Unflagged };
            let scores: Vec<f64> = verdicts.iter().map(Verdict::score).collect();
            calibrator.step(&scores, teach, &mut flags);
            cells = flags.iter().map(|f| u8::from(*f).to_string()).collect();
        }
        writeln!(out, "{bin},{}", cells.join(","))?;
    }
    Ok(())
}
