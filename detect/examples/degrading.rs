//! How soon are failing parts seen, how often wrongly, and how honest is the interval of the time that is left?
//!
//! `cargo run --release -p umbra-detect --example degrading -- SEED`: 200 parts that run to failure and 200 healthy ones.
//! An alarm is given when the threshold is reached within 24 hours with a probability of one half or more, at all readings of
//! an hour.

use testkit::{WEAR_FORMS, WearForm, WearSeries, wear_series};
use umbra_detect::{Indicator, TimeLeft, Wear, WearConfig};

const PARTS: u64 = 400;

struct Alarm {
    at_h: f64,
    left: TimeLeft,
}

fn main() {
    let seed = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    println!(
        "form            failing  found  median lead h  false (healthy, early)  precision  inside 90 % interval"
    );
    let set: Vec<_> = (0..PARTS).map(|i| wear_series(seed, i)).map(|s| (alarm(&s), s)).collect();
    for form in WEAR_FORMS {
        report(&format!("{form:?}"), set.iter().filter(|(_, s)| s.form == form));
    }
    report("all", set.iter());
}

fn config(series: &WearSeries) -> WearConfig {
    let indicator = match series.form {
        WearForm::OpticalPower | WearForm::Memory => Indicator::Linear,
        WearForm::BitErrorRate => Indicator::Logarithmic,
        WearForm::CrcErrors | WearForm::Flaps => Indicator::Count,
    };
    let above = series.form != WearForm::OpticalPower;
    WearConfig { indicator, threshold: series.threshold, above }
}

fn alarm(series: &WearSeries) -> Option<Alarm> {
    let mut wear = Wear::new(config(series));
    let mut since = 0;
    for (k, value) in series.values.iter().enumerate() {
        wear.step(series.step_h, *value);
        since = if wear.probability(24.0) >= 0.5 { since + 1 } else { 0 };
        if f64::from(since) * series.step_h >= 1.0 {
            return wear.time_left().map(|left| Alarm { at_h: (k + 1) as f64 * series.step_h, left });
        }
    }
    None
}

fn report<'a>(name: &str, set: impl Iterator<Item = &'a (Option<Alarm>, WearSeries)>) {
    let (mut leads, mut inside, mut early, mut healthy) = (Vec::new(), 0, 0, 0);
    let mut failing = 0;
    for (alarm, series) in set {
        let Some((begin_h, end_h)) = series.wears else {
            healthy += usize::from(alarm.is_some());
            continue;
        };
        failing += 1;
        match alarm {
            Some(alarm) if alarm.at_h >= begin_h && alarm.at_h < end_h => {
                let lead = end_h - alarm.at_h;
                inside += usize::from((alarm.left.lo_h..=alarm.left.hi_h).contains(&lead));
                leads.push(lead);
            }
            Some(alarm) => early += usize::from(alarm.at_h < begin_h),
            None => {}
        }
    }
    let found = leads.len();
    leads.resize(failing, 0.0); // what was missed had no lead
    leads.sort_by(f64::total_cmp);
    let lead = leads.get(failing / 2).copied().unwrap_or(f64::NAN);
    let precision = found as f64 / (found + early + healthy).max(1) as f64;
    let coverage = inside as f64 / found.max(1) as f64;
    println!(
        "{name:<15} {failing:>7} {found:>6} {lead:>14.2} {healthy:>10},{early:>6} {precision:>15.3} {coverage:>12.3}"
    );
}
