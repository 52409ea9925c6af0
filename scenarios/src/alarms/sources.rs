//! How often does a source report a link that is down, and one that is not?
//!
//! Every link of every case is down or up; given that, reports are independent. Expectation and maximisation (Dempster,
//! Laird and Rubin, 1977) over all links of all cases, without any known answer, under Beta priors.

use std::collections::BTreeMap;

/// The alarms of a case: of each link and source, how many of its two ends reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarms {
    sources: usize,
    counts: Vec<u8>,
}

impl Alarms {
    /// No alarm on `links` links from `sources` sources.
    pub fn new(links: usize, sources: usize) -> Self {
        Self { sources, counts: vec![0; links * sources] }
    }

    /// One end of a link reported by a source; both numbers have to exist, each end and source counts once.
    pub fn report(&mut self, link: u32, source: usize) {
        let count = &mut self.counts[link as usize * self.sources + source];
        *count = (*count + 1).min(ENDS);
    }

    /// Reports on a link, by source.
    pub fn of(&self, link: u32) -> &[u8] {
        &self.counts[link as usize * self.sources..][..self.sources]
    }

    fn links(&self) -> impl Iterator<Item = &[u8]> {
        self.counts.chunks_exact(self.sources.max(1))
    }

    /// Alarms in all.
    pub fn total(&self) -> usize {
        self.counts.iter().map(|c| usize::from(*c)).sum()
    }
}

/// Ends of a link.
pub(super) const ENDS: u8 = 2;

/// What a source is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Source {
    /// Probability that an end of a link that is down reports.
    pub detected: f64,
    /// Probability that an end of a link that is up reports.
    pub spurious: f64,
}

/// Beta priors as counts (yes, no): most failures are reported, few reports are wrong.
const DETECTED: (f64, f64) = (4.0, 1.0);
const SPURIOUS: (f64, f64) = (0.5, 50.0);
/// Steps of the estimate; it converges in a few, because six reports say nearly all about a link.
const STEPS: usize = 40;

impl Source {
    /// log of how much likelier `reports` of two ends are of a link that is down.
    pub fn log_ratio(&self, reports: u8) -> f64 {
        let (yes, no) = (f64::from(reports), f64::from(ENDS - reports.min(ENDS)));
        yes * libm::log(self.detected / self.spurious)
            + no * libm::log((1.0 - self.detected) / (1.0 - self.spurious))
    }
}

/// Learns what each of the sources is worth from the alarms of all cases.
pub fn learn(cases: &[Alarms], sources: usize) -> Vec<Source> {
    let mean = |(yes, no): (f64, f64)| yes / (yes + no);
    let mut learnt = vec![Source { detected: mean(DETECTED), spurious: mean(SPURIOUS) }; sources];
    let mut patterns: BTreeMap<&[u8], f64> = BTreeMap::new();
    cases.iter().flat_map(Alarms::links).for_each(|p| *patterns.entry(p).or_default() += 1.0);
    let all: f64 = patterns.values().sum();
    let mut share: f64 = 0.05;
    for _ in 0..STEPS {
        let mut down = 0.0;
        let mut counts = vec![(DETECTED, SPURIOUS); sources];
        for (pattern, n) in &patterns {
            let log = learnt.iter().zip(*pattern).map(|(s, c)| s.log_ratio(*c)).sum::<f64>();
            let p = 1.0 / (1.0 + (1.0 - share) / share * libm::exp(-log));
            down += n * p;
            for ((detected, spurious), c) in counts.iter_mut().zip(*pattern) {
                let (yes, no) = (f64::from(*c), f64::from(ENDS - c));
                *detected = (detected.0 + n * p * yes, detected.1 + n * p * no);
                *spurious = (spurious.0 + n * (1.0 - p) * yes, spurious.1 + n * (1.0 - p) * no);
            }
        }
        share = (down + 1.0) / (all + 20.0);
        learnt = counts.iter().map(|(d, s)| Source { detected: mean(*d), spurious: mean(*s) }).collect();
    }
    learnt
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Purpose, Seeds};
    use rand::RngExt;
    use twin::EntityKey;

    #[test]
    fn what_sources_are_worth_is_learnt_without_answers() {
        let mut rng = Seeds::new(3).trial(0).stream(Purpose::new("alarms-test"), &EntityKey::new("sources"));
        let truth = [(0.95, 0.002), (0.7, 0.01), (0.85, 0.0005)];
        let case = |rng: &mut engine::Stream| {
            let mut alarms = Alarms::new(200, 3);
            for link in 0..200 {
                let down = rng.random_bool(0.05);
                for _ in 0..ENDS {
                    for (source, (detected, spurious)) in truth.iter().enumerate() {
                        if rng.random_bool(if down { *detected } else { *spurious }) {
                            alarms.report(link, source);
                        }
                    }
                }
            }
            alarms
        };
        let cases: Vec<Alarms> = (0..50).map(|_| case(&mut rng)).collect();
        for (source, (detected, spurious)) in learn(&cases, 3).iter().zip(truth) {
            // Some 1,000 reports of links that are down, and 19,000 of others: within four standard errors.
            let error = |p: f64, n: f64| 4.0 * (p * (1.0 - p) / n).sqrt() + 1.0 / n;
            assert!((source.detected - detected).abs() < error(detected, 1_000.0), "{source:?}");
            assert!((source.spurious - spurious).abs() < error(spurious, 19_000.0), "{source:?}");
        }
    }
}
