//! Do as many false alarms come as were asked for? Generated gauges without anomalies, noise of several kinds, 20 of each; two
//! weeks of training, six judged.
//!
//! `cargo run --release -p umbra-detect --example gauge_rates -- BIN_S SEED...`

mod flags;

use flags::Flags;
use testkit::{GAUGE_NOISES, GaugeNoise, GaugeSet, gauge_series};
use umbra_detect::evaluate::{Alarms, Frame, Labels, Tolerance};
use umbra_detect::{Bin, CalibrationConfig, Detector, LinkDetector, SeasonalConfig, Verdict};

const GAUGES: u64 = 20;
const TRAIN_DAYS: u32 = 14;
const JUDGED_DAYS: u32 = 42;
const RATES: [f64; 2] = [1.0, 0.2];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [bin_s, seeds @ ..] = &args[..] else { return Err("BIN_S SEED...".into()) };
    let bin_s: u32 = bin_s.parse()?;
    println!("noise              seed  false a series-week, asked for {RATES:?}");
    let (mut outside, mut sets) = ([0; RATES.len()], 0);
    for noise in GAUGE_NOISES {
        for seed in seeds {
            let rates =
                judge(&GaugeSet { seed: seed.parse()?, noise, bin_s, days: TRAIN_DAYS + JUDGED_DAYS });
            report(noise, seed, &rates);
            sets += 1;
            for ((outside, got), asked) in outside.iter_mut().zip(rates).zip(RATES) {
                *outside += usize::from(!(0.5..=2.0).contains(&(got / asked)));
            }
        }
    }
    println!("outside a factor 2 of {RATES:?}: {outside:?} of {sets}");
    Ok(())
}

fn report(noise: GaugeNoise, seed: &str, rates: &[f64]) {
    let rates: Vec<String> = rates.iter().map(|r| format!("{r:>8.2}")).collect();
    println!("{:<18} {seed:>4} {}", format!("{noise:?}"), rates.join(""));
}

/// False alarms a series-week at each of the rates.
fn judge(set: &GaugeSet) -> [f64; RATES.len()] {
    let gauges: Vec<Vec<f64>> = (0..GAUGES).map(|i| gauge_series(set, i)).collect();
    let (bins, n) = (gauges[0].len(), gauges.len());
    let train_end = bins * TRAIN_DAYS as usize / set.days as usize;
    let mut detector = LinkDetector::new(n, SeasonalConfig::new(set.bin_s));
    let rates = RATES.map(|rate| CalibrationConfig::new(rate, set.bin_s));
    let mut flags = Flags::new(n, bins, train_end, &rates);
    let mut verdicts = vec![Verdict::NONE; n];
    for bin in 0..bins {
        let samples: Vec<f64> = gauges.iter().map(|gauge| gauge[bin]).collect();
        detector.step(&Bin { samples: &samples, paused: &[] }, &mut verdicts);
        let scores: Vec<f64> = verdicts.iter().map(Verdict::score).collect();
        flags.step(bin, &scores);
    }
    let frame = Frame { bins, bin_s: f64::from(set.bin_s), train_end };
    let tolerance = Tolerance::for_bins(frame.bin_s);
    let rate =
        |i: usize| Alarms::of(&flags.all[i], &Labels::default(), frame, &tolerance).false_per_series_week;
    std::array::from_fn(rate)
}
