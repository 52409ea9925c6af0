//! Do as many false alarms come as were asked for? Generated paths with noise of several kinds, 20 of each, a week judged.
//!
//! `cargo run --release -p umbra-detect --example path_rates -- quiet 3 SEED...`: days of training, seeds. `faults` in the
//! place of `quiet` has ten a week on each path, and says what is found of them too; `moved` makes half of the paths 7 ms
//! slower from the third judged day on, and counts false alarms on these from a day later on; `both` does both. With `5m`
//! at the end bins are of five minutes.

mod flags;

use flags::Flags;
use testkit::{PATH_NOISES, PathNoise, PathSeries, PathSet, path_series};
use umbra_detect::evaluate::{Alarms, Event, EventRow, Frame, Labels, Tolerance};
use umbra_detect::{Bin, CalibrationConfig, Detector, PathConfig, PathSample, PathScan, Verdict};

const PATHS: u64 = 20;
const JUDGED_DAYS: u32 = 7;
const FAULTS_A_WEEK: f64 = 10.0;
const MOVE: (u32, f64) = (2, 7.0);
const RATES: [f64; 2] = [1.0, 0.2];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let bin_s = if args.last().is_some_and(|a| a == "5m") { 300 } else { 60 };
    args.retain(|a| a != "5m");
    let [kind, train, seeds @ ..] = &args[..] else { return Err("KIND TRAIN_DAYS SEED...".into()) };
    let train: u32 = train.parse()?;
    let kind = kind.as_str();
    println!("noise       seed  asked  false a series-week  times asked  recall  precision");
    let mut worst = vec![0; RATES.len()];
    let mut sets = 0;
    for noise in PATH_NOISES {
        for seed in seeds {
            let moved = matches!(kind, "moved" | "both").then_some((train + MOVE.0, MOVE.1));
            let faults = matches!(kind, "faults" | "both").then_some((train, FAULTS_A_WEEK));
            let set = PathSet { seed: seed.parse()?, noise, bin_s, days: train + JUDGED_DAYS, faults, moved };
            sets += 1;
            for (i, alarms) in judge(&set, train).iter().enumerate() {
                let times = alarms.false_per_series_week / RATES[i];
                worst[i] += usize::from(!(0.5..=2.0).contains(&times));
                report(noise, set.seed, RATES[i], alarms);
            }
        }
    }
    println!("outside a factor 2 of {RATES:?}: {worst:?} of {sets}");
    Ok(())
}

fn report(noise: PathNoise, seed: u64, asked: f64, alarms: &Alarms) {
    let rate = alarms.false_per_series_week;
    println!(
        "{:<10} {seed:>5} {asked:>6} {rate:>20.2} {:>12.2} {:>7.3} {:>10.3}",
        format!("{noise:?}"),
        rate / asked,
        alarms.recall.share(),
        alarms.precision
    );
}

/// Flags at each of the rates, against the truth.
fn judge(set: &PathSet, train: u32) -> Vec<Alarms> {
    let paths: Vec<_> = (0..PATHS).map(|i| path_series(set, i)).collect();
    let day = 86_400 / set.bin_s as usize;
    let (bins, train_end) = (paths[0].bins.len(), train as usize * day);
    let mut scan = PathScan::new(paths.len(), PathConfig::new(set.bin_s));
    let rates = RATES.map(|rate| CalibrationConfig::for_windows(rate, set.bin_s));
    let mut flags = Flags::new(paths.len(), bins, train_end, &rates);
    let mut verdicts = vec![Verdict::NONE; paths.len()];
    for bin in 0..bins {
        let sample = |(sent, lost, rtt_ms)| PathSample { sent, lost, rtt_ms };
        let samples: Vec<PathSample> = paths.iter().map(|p| sample(p.bins[bin])).collect();
        scan.step(&Bin { samples: &samples, paused: &[] }, &mut verdicts);
        let scores: Vec<f64> = verdicts.iter().map(Verdict::score).collect();
        flags.step(bin, &scores);
    }
    // Of paths that move only those that did are judged, from a day later on.
    let (step, from) = set.moved.map_or((1, train_end), |(from, _)| (2, (from as usize + 1) * day));
    let frame = Frame { bins, bin_s: f64::from(set.bin_s), train_end: from };
    let judged: Vec<&PathSeries> = paths.iter().step_by(step).collect();
    let of = |flags: &Vec<Vec<bool>>| {
        let flags: Vec<Vec<bool>> = flags.iter().step_by(step).cloned().collect();
        Alarms::of(&flags, &labels(&judged), frame, &Tolerance::for_bins(frame.bin_s))
    };
    flags.all.iter().map(of).collect()
}

fn labels(paths: &[&PathSeries]) -> Labels {
    let mut labels = Labels::default();
    for (series, path) in paths.iter().enumerate() {
        for (fault, start, end) in &path.faults {
            let event = labels.events.len();
            labels.events.push(Event { name: event.to_string(), kind: format!("{fault:?}") });
            labels.rows.push(EventRow { event, series, start: *start, end: *end, snr: f64::INFINITY });
        }
    }
    labels
}
