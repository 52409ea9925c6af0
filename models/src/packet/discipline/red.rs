//! Random early detection, weighted by colour, with marks instead of drops for senders that understand them.

use twin::{BitsPerSec, Bytes, InputError, Place, SimTime};

use super::meter::Colour;

/// How the probability grows with the average queue: zero below `min`, then linearly up to `max_probability` at `max`;
/// from there on certain, or, if `gentle`, linearly on to certain at twice `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RedCurve {
    /// Average from which packets are at risk.
    pub min: Bytes,
    /// Average at which the probability reaches `max_probability`. Equal to `min` it makes a step.
    pub max: Bytes,
    /// In (0, 1].
    pub max_probability: f64,
    /// Whether it grows on beyond `max` instead of jumping to one.
    pub gentle: bool,
}

/// Random early detection for one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RedConfig {
    /// Weight of the newest queue length in the average, in (0, 1].
    pub weight: f64,
    /// A typical packet: while the queue is empty, the average decays as if so many of them had come to an empty queue as
    /// the link could have sent.
    pub mean_packet: Bytes,
    /// Curves for green, yellow and red packets.
    pub curves: [RedCurve; 3],
    /// Whether packets of ECN-capable senders are marked instead of dropped (RFC 3168 §5).
    pub ecn: bool,
    /// Whether they are dropped all the same where the probability is one (`harddrop` of Linux, tc-red(8)).
    pub hard_drop: bool,
}

impl RedConfig {
    /// The parameters that its authors recommend: weight 0.002; `min` 5 packets, `max` three times that, and a tenth
    /// there (Floyd, *RED: Discussions of Setting Parameters*, 1997); gentle (Floyd, *Recommendation on using the
    /// "gentle" variant of RED*, 2000). One curve for all colours; marks where it can.
    pub fn floyd(mean_packet: Bytes) -> Self {
        let packets = |n: u64| Bytes::new(n.saturating_mul(mean_packet.get()));
        let curve = RedCurve { min: packets(5), max: packets(15), max_probability: 0.1, gentle: true };
        Self { weight: 0.002, mean_packet, curves: [curve; 3], ecn: true, hard_drop: false }
    }

    /// Marks every packet that finds at least `threshold` in the queue, as data centre switches are set for DCTCP
    /// (RFC 8257 §3.1): no average, a step.
    pub fn step(threshold: Bytes) -> Self {
        let curve = RedCurve { min: threshold, max: threshold, max_probability: 1.0, gentle: false };
        Self { weight: 1.0, mean_packet: Bytes::new(1_500), curves: [curve; 3], ecn: true, hard_drop: false }
    }

    pub(crate) fn validate(&self) -> Result<(), InputError> {
        let error = |what: String, expected: &str| Err(InputError::new("RED", Place::Whole, what, expected));
        if !(self.weight > 0.0 && self.weight <= 1.0) {
            return error(format!("weight {}", self.weight), "a weight above 0 and up to 1");
        }
        if self.mean_packet.get() == 0 {
            return error("a mean packet of 0 bytes".to_owned(), "at least 1 byte");
        }
        for curve in &self.curves {
            let p = curve.max_probability;
            if !(p > 0.0 && p <= 1.0) {
                return error(format!("maximum probability {p}"), "a probability above 0 and up to 1");
            }
            if curve.min > curve.max {
                let (min, max) = (curve.min.get(), curve.max.get());
                return error(
                    format!("minimum {min} above maximum {max} bytes"),
                    "a minimum up to the maximum",
                );
            }
        }
        Ok(())
    }
}

impl RedCurve {
    /// The probability p_b at an average of so many bytes, before packets are spaced.
    pub fn probability(&self, average: f64) -> f64 {
        let (min, max) = (self.min.get() as f64, self.max.get() as f64);
        if average < min {
            0.0
        } else if average < max {
            self.max_probability * (average - min) / (max - min)
        } else if self.gentle && average < 2.0 * max {
            self.max_probability + (1.0 - self.max_probability) * (average - max) / max
        } else {
            1.0
        }
    }
}

/// What befalls a packet that comes to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It enters.
    Pass,
    /// It enters, with congestion experienced.
    Mark,
    /// It is dropped early.
    Drop,
}

/// The state of random early detection (Floyd and Jacobson, *Random Early Detection Gateways for Congestion Avoidance*,
/// IEEE/ACM ToN 1(4), 1993): the queue is counted in bytes, the probability does not depend on a packet's size (BCP 41,
/// RFC 7141 §2.2).
///
/// Of packets at a constant average, not each one with p_b by itself is chosen, but one in a number that is uniform on
/// 1, 2, …, 1/p_b (§7 there): (1 + 1/p_b)/2 in the mean, without clusters.
#[derive(Clone, Debug)]
pub struct Red {
    config: RedConfig,
    average: f64,
    /// Since when the queue is empty.
    empty_since: Option<SimTime>,
    /// Transmission time of a typical packet in picoseconds.
    packet_ps: f64,
    /// For each colour, packets at risk since the last one that was chosen.
    spared: [u32; 3],
}

impl Red {
    /// An empty queue at time zero in front of a link of this rate.
    pub fn new(config: RedConfig, rate: BitsPerSec) -> Self {
        let mut red =
            Self { config, average: 0.0, empty_since: Some(SimTime::ZERO), packet_ps: 0.0, spared: [0; 3] };
        red.set_rate(rate);
        red
    }

    /// The link has another rate.
    pub fn set_rate(&mut self, rate: BitsPerSec) {
        self.packet_ps = rate.serialization_delay(self.config.mean_packet).as_ps() as f64;
    }

    /// A packet comes and finds `backlog` bytes, the one in service included. `luck`, uniform in (0, 1), is drawn only if
    /// chance decides.
    pub fn judge(
        &mut self,
        now: SimTime,
        backlog: Bytes,
        colour: Colour,
        ecn_capable: bool,
        luck: impl FnOnce() -> f64,
    ) -> Verdict {
        self.update(now, backlog);
        let probability = self.config.curves[colour as usize].probability(self.average);
        let spared = &mut self.spared[colour as usize];
        if probability <= 0.0 {
            *spared = 0;
            return Verdict::Pass;
        }
        if !chosen(probability, *spared, luck) {
            *spared = spared.saturating_add(1);
            return Verdict::Pass;
        }
        *spared = 0;
        let mark = self.config.ecn && ecn_capable && !(self.config.hard_drop && probability >= 1.0);
        if mark { Verdict::Mark } else { Verdict::Drop }
    }

    /// The last packet has left at `now`.
    pub fn emptied(&mut self, now: SimTime) {
        self.empty_since = Some(now);
    }

    /// The average queue in bytes, as of the last packet that came.
    pub fn average(&self) -> f64 {
        self.average
    }

    fn update(&mut self, now: SimTime, backlog: Bytes) {
        let weight = self.config.weight;
        if backlog.get() > 0 {
            self.empty_since = None;
            self.average += weight * (backlog.get() as f64 - self.average);
        } else if let Some(since) = self.empty_since.replace(now) {
            let packets = now.since(since).as_ps() as f64 / self.packet_ps;
            self.average *= libm::pow(1.0 - weight, packets);
        }
    }
}

/// Whether a packet with p_b is chosen after so many that were spared: p_a = p_b/(1 − spared·p_b), and surely once that
/// reaches one.
fn chosen(probability: f64, spared: u32, luck: impl FnOnce() -> f64) -> bool {
    let left = 1.0 - f64::from(spared) * probability;
    left <= probability || luck() * left < probability
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Purpose, Seeds};
    use twin::{EntityKey, SimDuration};

    const RATE: BitsPerSec = BitsPerSec::gbps(10);
    const PACKET: Bytes = Bytes::new(1_000);

    fn config(weight: f64, gentle: bool) -> RedConfig {
        let curve =
            RedCurve { min: Bytes::new(5_000), max: Bytes::new(15_000), max_probability: 0.1, gentle };
        RedConfig { weight, mean_packet: PACKET, curves: [curve; 3], ecn: false, hard_drop: false }
    }

    /// Gaps between chosen packets at a constant queue, weight 1.
    fn gaps(backlog: u64, chosen: usize) -> Vec<u64> {
        let mut luck = Seeds::new(1).trial(0).stream(Purpose::new("red"), &EntityKey::new("queue"));
        let mut red = Red::new(config(1.0, true), RATE);
        let (mut gaps, mut gap) = (Vec::new(), 0);
        while gaps.len() < chosen {
            gap += 1;
            let verdict =
                red.judge(SimTime::ZERO, Bytes::new(backlog), Colour::Green, true, || luck.f64_open());
            if verdict == Verdict::Drop {
                gaps.push(std::mem::take(&mut gap));
            }
        }
        gaps
    }

    #[test]
    fn at_a_constant_average_the_gap_is_uniform() {
        // p_b = 0.05 at 10,000 bytes: uniform on 1–20, mean 10.5, variance (20² − 1)/12 = 33.25.
        let n = 20_000;
        let gaps = gaps(10_000, n);
        let mean = gaps.iter().sum::<u64>() as f64 / n as f64;
        assert!((mean - 10.5).abs() < 4.0 * (33.25 / n as f64).sqrt(), "{mean}");
        for gap in 1..=20 {
            let count = gaps.iter().filter(|g| **g == gap).count() as f64;
            // 1,000 expected, standard error 31.
            assert!((count - 1_000.0).abs() < 4.0 * 31.0, "gap {gap}: {count}");
        }
        assert_eq!(gaps.iter().max(), Some(&20));
    }

    #[test]
    fn a_gap_that_is_no_whole_number_ends_one_later() {
        // p_b = 0.07 at 12,000 bytes: 1–14 with 0.07 each, and 15 with the rest, 0.02.
        let n = 40_000;
        let gaps = gaps(12_000, n);
        let mean = gaps.iter().sum::<u64>() as f64 / n as f64;
        let expected = 0.07 * 105.0 + 0.02 * 15.0;
        let variance = 0.07 * 1_015.0 + 0.02 * 225.0 - expected * expected;
        assert!((mean - expected).abs() < 4.0 * (variance / n as f64).sqrt(), "{mean} for {expected}");
        assert_eq!(gaps.iter().max(), Some(&15));
    }

    #[test]
    fn the_curve_has_its_corners() {
        let curve = config(1.0, true).curves[0];
        let points = [4_999.0, 5_000.0, 10_000.0, 15_000.0, 22_500.0, 30_000.0];
        let expected = [0.0, 0.0, 0.05, 0.1, 0.55, 1.0];
        for (average, p) in points.into_iter().zip(expected) {
            assert!((curve.probability(average) - p).abs() < 1e-12, "at {average}");
        }
        let abrupt = config(1.0, false).curves[0];
        assert_eq!((abrupt.probability(14_999.9) < 0.1, abrupt.probability(15_000.0)), (true, 1.0));
    }

    #[test]
    fn the_average_follows_a_constant_queue_exponentially() {
        let mut red = Red::new(config(0.002, true), RATE);
        for n in 1..=2_000 {
            red.judge(SimTime::ZERO, Bytes::new(4_000), Colour::Green, false, || 0.5);
            let expected = 4_000.0 * (1.0 - 0.998f64.powi(n));
            assert!((red.average() / expected - 1.0).abs() < 1e-9, "after {n}: {}", red.average());
        }
    }

    #[test]
    fn the_average_decays_while_the_queue_is_empty_and_only_once() {
        let mut red = Red::new(config(0.002, true), RATE);
        let come = |red: &mut Red, ns: u64, backlog: u64| {
            let now = SimTime::ZERO + SimDuration::nanos(ns);
            red.judge(now, Bytes::new(backlog), Colour::Green, false, || 0.5);
            red.average()
        };
        let before = (0..500).fold(0.0, |_, _| come(&mut red, 0, 4_000));
        // A packet of 1,000 bytes takes 800 ns. The queue is empty from 1 µs on; a packet comes 100 packets later and is
        // not accepted, another 50 packets later.
        red.emptied(SimTime::ZERO + SimDuration::nanos(1_000));
        let (after, later) = (come(&mut red, 81_000, 0), come(&mut red, 121_000, 0));
        assert!((after / (before * 0.998f64.powi(100)) - 1.0).abs() < 1e-12);
        assert!((later / (before * 0.998f64.powi(150)) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn colours_have_their_own_curves() {
        let mut config = config(1.0, false);
        for (curve, max) in config.curves.iter_mut().zip([30_000, 20_000, 10_000]) {
            *curve = RedCurve { min: Bytes::new(max), max: Bytes::new(max), ..*curve };
        }
        let mut red = Red::new(config, RATE);
        let mut judge = |colour| red.judge(SimTime::ZERO, Bytes::new(20_000), colour, true, || 0.5);
        let verdicts = [Colour::Green, Colour::Yellow, Colour::Red].map(&mut judge);
        assert_eq!(verdicts, [Verdict::Pass, Verdict::Drop, Verdict::Drop]);
    }

    #[test]
    fn ecn_marks_who_understands_it_and_harddrop_ends_that() {
        let judge = |hard_drop, ecn_capable| {
            let config = RedConfig { hard_drop, ..RedConfig::step(Bytes::new(10_000)) };
            let mut red = Red::new(config, RATE);
            [9_999, 10_000].map(|backlog| {
                red.judge(SimTime::ZERO, Bytes::new(backlog), Colour::Green, ecn_capable, || 0.5)
            })
        };
        assert_eq!(judge(false, true), [Verdict::Pass, Verdict::Mark]);
        assert_eq!(judge(false, false), [Verdict::Pass, Verdict::Drop]);
        assert_eq!(judge(true, true), [Verdict::Pass, Verdict::Drop]);
    }

    #[test]
    fn impossible_parameters_are_named() {
        let good = RedConfig::floyd(Bytes::new(1_500));
        let mut upside_down = good;
        upside_down.curves[1].min = Bytes::new(100_000);
        let mut never = good;
        never.curves[2].max_probability = 0.0;
        let bad = [RedConfig { weight: f64::NAN, ..good }, never, upside_down];
        let errors: Vec<_> = bad.iter().map(|c| c.validate().unwrap_err().to_string()).collect();
        expect_test::expect![[r#"
            RED: weight NaN; expected a weight above 0 and up to 1
            RED: maximum probability 0; expected a probability above 0 and up to 1
            RED: minimum 100000 above maximum 22500 bytes; expected a minimum up to the maximum"#]]
        .assert_eq(&errors.join("\n"));
        assert!(good.validate().is_ok() && RedConfig::step(Bytes::new(0)).validate().is_ok());
    }
}
