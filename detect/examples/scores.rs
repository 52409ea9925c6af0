//! Scores of a wide table on standard input (`bin,series…`, an empty cell is a missing sample), as the same table without
//! its header; the speed goes to standard error.
//!
//! Arguments: length of a bin in seconds; `all` or `seasonal` (the gauges one by one); then, for flags instead of scores,
//! false alarms per series and week, and the end of the training in bins.
//!
//! `zcat links.csv.gz | cargo run --release -p umbra-detect --example scores -- 300 all 1 4032 > flags.csv`

use std::io::{BufRead, Write};

use umbra_detect::{
    Bin, CalibrationConfig, Calibrator, Detector, LinkDetector, SeasonalConfig, SeasonalDetector, Teach,
    Verdict,
};

fn main() {
    let bin_s = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(300);
    let lines: Vec<String> = std::io::stdin().lock().lines().map_while(Result::ok).collect();
    let table: Vec<Vec<f64>> = lines
        .iter()
        .skip(1)
        .map(|l| l.split(',').skip(1).map(|c| c.parse().unwrap_or(f64::NAN)).collect())
        .collect();
    let series = lines.first().map_or(0, |h| h.split(',').count().saturating_sub(1));
    let config = SeasonalConfig::new(bin_s);
    let scores = if std::env::args().any(|a| a == "seasonal") {
        run(SeasonalDetector::new(series, config), &table, series)
    } else {
        run(LinkDetector::new(series, config), &table, series)
    };
    let scores = match std::env::args().nth(3).and_then(|s| s.parse::<f64>().ok()) {
        Some(rate) => flags(&scores, rate, bin_s, series, train_end()),
        None => scores,
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (bin, row) in scores.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().map(|s| if s.is_nan() { String::new() } else { format!("{s:.6}") }).collect();
        let _ = writeln!(out, "{bin},{}", cells.join(","));
    }
}

fn run<D: Detector<Sample = f64>>(mut detector: D, table: &[Vec<f64>], series: usize) -> Vec<Vec<f64>> {
    let mut verdicts = vec![Verdict::NONE; series];
    let start = std::time::Instant::now();
    let mut scores = Vec::with_capacity(table.len());
    for samples in table {
        detector.step(&Bin { samples, paused: &[] }, &mut verdicts);
        scores.push(verdicts.iter().map(Verdict::score).collect());
    }
    let points = (table.len() * series) as f64;
    eprintln!("{:.2} M points/s", points / start.elapsed().as_secs_f64() / 1e6);
    scores
}

fn train_end() -> usize {
    std::env::args().nth(4).and_then(|s| s.parse().ok()).unwrap_or(usize::MAX)
}

fn flags(scores: &[Vec<f64>], rate: f64, bin_s: u32, series: usize, train_end: usize) -> Vec<Vec<f64>> {
    let mut calibrator = Calibrator::new(series, CalibrationConfig::new(rate, bin_s));
    let mut flags = vec![false; series];
    scores
        .iter()
        .enumerate()
        .map(|(bin, scores)| {
            if bin == train_end {
                calibrator.refit();
            }
            let teach = if bin < train_end { Teach::All } else { Teach::Unflagged };
            calibrator.step(scores, teach, &mut flags);
            flags.iter().map(|f| f64::from(u8::from(*f))).collect()
        })
        .collect()
}
