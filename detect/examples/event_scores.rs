//! Scores of events: long CSV (`bin,series,count`, bins without a row count 0) on standard input, wide CSV of scores on
//! standard output; the argument is the length of a bin in seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write, stdin, stdout};

use umbra_detect::{Bin, Detector, EventConfig, EventRates, Verdict};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bin_s: u32 = std::env::args().nth(1).ok_or("length of a bin in seconds")?.parse()?;
    let mut counts: BTreeMap<(u64, String), u64> = BTreeMap::new();
    for line in stdin().lock().lines().skip(1) {
        let line = line?;
        let [bin, series, count] = line.split(',').collect::<Vec<_>>()[..] else {
            return Err("three columns".into());
        };
        *counts.entry((bin.parse()?, series.to_owned())).or_default() += count.parse::<u64>()?;
    }
    let names: Vec<String> =
        counts.keys().map(|(_, s)| s.clone()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut out = std::io::BufWriter::new(stdout().lock());
    writeln!(out, "bin,{}", names.join(","))?;
    let mut rates = EventRates::new(names.len(), EventConfig::new(bin_s));
    let mut verdicts = vec![Verdict::NONE; names.len()];
    for bin in 0..counts.keys().map(|(b, _)| b + 1).max().unwrap_or(0) {
        let sample = |n: &String| Some(counts.get(&(bin, n.clone())).copied().unwrap_or(0));
        let samples: Vec<Option<u64>> = names.iter().map(sample).collect();
        rates.step(&Bin { samples: &samples, paused: &[] }, &mut verdicts);
        let score = |v: &Verdict| if v.log_p.is_nan() { String::new() } else { format!("{:.4}", v.score()) };
        writeln!(out, "{bin},{}", verdicts.iter().map(score).collect::<Vec<_>>().join(","))?;
    }
    Ok(())
}
