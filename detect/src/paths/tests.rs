use proptest::prelude::*;
use testkit::SplitMix64;

use super::*;

/// Bins of one minute; `what` changes the sample of a bin.
struct Lab {
    scan: PathScan,
    chance: SplitMix64,
    bin: u32,
}

const DAY: u32 = 1_440;

impl Lab {
    fn new(seed: u64) -> Self {
        Self { scan: PathScan::new(1, PathConfig::new(60)), chance: SplitMix64::new(seed), bin: 0 }
    }

    /// A path of 3,000 packets a bin with a loss rate of 1e-4, 20 ms with a day's swing of 1 ms and noise of 0.1 ms.
    fn usual(&mut self) -> PathSample {
        let day = libm::sin(std::f64::consts::TAU * f64::from(self.bin) / f64::from(DAY));
        let noise = self.chance.normal();
        let lost = u64::from(self.chance.unit() < 0.26) + u64::from(self.chance.unit() < 0.035);
        PathSample { sent: 3_000, lost, rtt_ms: 20.0 + day + 0.1 * noise }
    }

    fn run(&mut self, bins: u32, what: impl Fn(u32, &mut PathSample)) -> Vec<Verdict> {
        let step = |k: u32| {
            let mut sample = self.usual();
            what(k, &mut sample);
            let mut verdict = [Verdict::NONE];
            self.scan.step(&Bin { samples: &[sample], paused: &[] }, &mut verdict);
            self.bin += 1;
            verdict[0]
        };
        (0..bins).map(step).collect()
    }

    fn learnt(seed: u64) -> Self {
        let mut lab = Self::new(seed);
        lab.run(3 * DAY, |_, _| {});
        lab
    }
}

fn worst(verdicts: &[Verdict]) -> f64 {
    verdicts.iter().map(Verdict::score).fold(0.0, f64::max)
}

#[test]
fn quiet_days_are_quiet() {
    let mut lab = Lab::learnt(1);
    let verdicts = lab.run(DAY, |_, _| {});
    assert!(verdicts.iter().all(|v| v.log_p.is_finite()));
    assert!(worst(&verdicts) < 9.0, "{}", worst(&verdicts));
}

#[test]
fn each_kind_of_fault_is_found_in_its_window_and_is_over_when_it_is_over() {
    // (bins, what happens, found within so many bins)
    type Fault = (u32, fn(u32, &mut PathSample), usize);
    let faults: [Fault; 5] = [
        (4, |_, s| (s.lost, s.rtt_ms) = (s.sent, f64::NAN), 1),
        (12, |_, s| s.lost = 60, 1),
        (120, |_, s| s.lost += 1, 60),
        (40, |_, s| s.rtt_ms += 1.5, 1),
        (240, |k, s| s.rtt_ms += 0.8 * f64::from(k) / 240.0, 150),
    ];
    for (i, (bins, fault, within)) in faults.into_iter().enumerate() {
        let mut lab = Lab::learnt(10 + i as u64);
        let during = lab.run(bins, fault);
        let found = during.iter().position(|v| v.score() > 11.0);
        assert!(found.is_some_and(|k| k < within), "fault {i}: {found:?}");
        let after = lab.run(400, |_, _| {});
        assert!(worst(&after[60..]) < 9.0, "fault {i} echoes: {}", worst(&after[60..]));
    }
}

#[test]
fn training_with_faults_in_it_teaches_the_same() {
    let mut lab = Lab::new(3);
    lab.run(3 * DAY, |k, s| match k {
        2_000..2_030 => s.lost = s.sent / 10,
        2_500..2_800 => s.rtt_ms += 3.0,
        3_600..3_605 => s.lost = s.sent,
        _ => {}
    });
    assert!(worst(&lab.run(DAY, |_, _| {})) < 9.0);
    assert!(lab.run(2, |_, s| s.rtt_ms += 1.5)[0].score() > 11.0);
    assert!(lab.run(2, |_, s| s.lost = 30)[0].score() > 11.0);
}

#[test]
fn a_lasting_change_is_usual_after_a_day() {
    let mut lab = Lab::learnt(4);
    let first = lab.run(DAY + DAY / 4, |_, s| s.rtt_ms += 5.0);
    assert!(first[0].score() > 11.0);
    let later = lab.run(DAY, |_, s| s.rtt_ms += 5.0);
    assert!(worst(&later) < 9.0, "{}", worst(&later));
}

#[test]
fn maintenance_is_neither_judged_nor_learnt_and_a_rebaseline_forgets() {
    let mut lab = Lab::learnt(5);
    for _ in 0..60 {
        let sample = PathSample { sent: 3_000, lost: 3_000, rtt_ms: f64::NAN };
        let mut verdict = [Verdict::NONE];
        lab.scan.step(&Bin { samples: &[sample], paused: &[true] }, &mut verdict);
        lab.bin += 1;
        assert!(verdict[0].log_p.is_nan());
    }
    assert!(worst(&lab.run(100, |_, _| {})) < 9.0);
    lab.scan.rebaseline(0);
    assert!(lab.run(30, |_, _| {}).iter().all(|v| v.log_p.is_nan()), "learning again");
}

#[test]
fn what_is_stored_and_read_back_goes_on_the_same() {
    let mut lab = Lab::learnt(6);
    let text = serde_json::to_string(&lab.scan).unwrap();
    let mut copy =
        Lab { scan: serde_json::from_str(&text).unwrap(), chance: lab.chance.clone(), bin: lab.bin };
    let fault = |k: u32, s: &mut PathSample| s.lost += u64::from(k > 300) * 3;
    assert_eq!(format!("{:?}", lab.run(600, fault)), format!("{:?}", copy.run(600, fault)));
}

#[test]
fn the_state_of_a_path_is_bounded() {
    let mut lab = Lab::new(7);
    let size = |lab: &Lab| serde_json::to_string(&lab.scan).unwrap().len();
    lab.run(8 * DAY, |_, _| {});
    let before = size(&lab);
    lab.run(DAY, |_, _| {});
    assert!(size(&lab) < before * 11 / 10, "{before} {}", size(&lab));
}

fn any_sample() -> impl Strategy<Value = PathSample> {
    let count = prop_oneof![Just(0), 0..5_000u64, any::<u64>(), Just(u64::MAX)];
    let rtt = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), 0.0..1e3, Just(1e300), Just(-5.0), Just(0.0)];
    (count.clone(), count, rtt).prop_map(|(sent, lost, rtt_ms)| PathSample { sent, lost, rtt_ms })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn verdicts_are_finite_or_none_whatever_comes(samples in proptest::collection::vec(any_sample(), 1..400)) {
        // Bins of half an hour, so that the course of a day is reached.
        let mut scan = PathScan::new(1, PathConfig::new(1_800));
        let mut verdict = [Verdict::NONE];
        for sample in samples {
            scan.step(&Bin { samples: &[sample], paused: &[] }, &mut verdict);
            prop_assert!(!verdict[0].log_p.is_infinite() && (verdict[0].log_p.is_nan() || verdict[0].log_p <= 0.0));
        }
    }
}
