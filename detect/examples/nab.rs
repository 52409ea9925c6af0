//! The Numenta score of the link detector on a folder of its series (`windows.json`, path →
//! `[[start, end]]`, and the files of `timestamp,value` that it names), beside silence and a random detector.
//!
//! `cargo run --release -p umbra-detect --example nab -- FOLDER`

use std::collections::BTreeMap;

use umbra_detect::evaluate::{NabSeries, nab_score};
use umbra_detect::{Bin, Detector, LinkDetector, SeasonalConfig, Verdict};

/// A bin is a detection if its score is higher than those of so many bins before: the joining of flags to alarms.
const ALARM_BINS: usize = 30;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("folder missing")?;
    let windows = std::fs::read_to_string(format!("{folder}/windows.json"))?;
    let windows: BTreeMap<String, Vec<[String; 2]>> = serde_json::from_str(&windows)?;
    let (mut found, mut random, mut silent) = (Vec::new(), Vec::new(), Vec::new());
    let mut chance = 0x9E37_79B9_7F4A_7C15_u64;
    for (path, windows) in &windows {
        let text = std::fs::read_to_string(format!("{folder}/{path}"))?;
        let rows: Vec<(&str, f64)> = text
            .lines()
            .skip(1)
            .filter_map(|l| l.split_once(',').map(|(t, v)| (t, v.parse().unwrap_or(f64::NAN))))
            .collect();
        // Time stamps sort as text.
        let inside = |w: &[String; 2]| {
            let (first, last) = (&w[0][..19], &w[1][..19]);
            (rows.partition_point(|(t, _)| *t < first), rows.partition_point(|(t, _)| *t <= last) - 1)
        };
        let windows: Vec<(usize, usize)> = windows.iter().map(inside).collect();
        found.push(NabSeries { scores: detections(&rows), windows: windows.clone() });
        let mut draw = || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            (chance >> 11) as f64
        };
        random.push(NabSeries { scores: rows.iter().map(|_| draw()).collect(), windows: windows.clone() });
        silent.push(NabSeries { scores: vec![f64::NAN; rows.len()], windows });
    }
    for (name, series) in [("silence", &silent), ("random", &random), ("links", &found)] {
        println!("{name:8} {:6.1}", nab_score(series).score);
    }
    Ok(())
}

/// The score where an alarm begins or becomes worse, nothing elsewhere.
fn detections(rows: &[(&str, f64)]) -> Vec<f64> {
    let second = |t: &str| -> Option<i64> {
        let part = |at: usize| t.get(at..at + 2).and_then(|p| p.parse::<i64>().ok());
        Some(3_600 * part(11)? + 60 * part(14)? + part(17)?)
    };
    let steps = rows.windows(2).filter_map(|w| Some((second(w[1].0)? - second(w[0].0)?).rem_euclid(86_400)));
    let mut steps: Vec<i64> = steps.filter(|s| *s > 0).collect();
    steps.sort_unstable();
    let bin_s = steps.get(steps.len() / 2).map_or(300, |s| *s as u32);
    let mut detector = LinkDetector::new(1, SeasonalConfig::new(bin_s));
    let mut verdict = [Verdict::NONE];
    let mut score = |(_, value): &(&str, f64)| {
        detector.step(&Bin { samples: &[*value], paused: &[] }, &mut verdict);
        verdict[0].score()
    };
    let scores: Vec<f64> = rows.iter().map(&mut score).collect();
    let before =
        |i: usize| scores[i.saturating_sub(ALARM_BINS)..i].iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (0..scores.len()).map(|i| if scores[i] > before(i) { scores[i] } else { f64::NAN }).collect()
}
