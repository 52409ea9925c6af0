//! What is abnormal: the world's series through the detectors of `umbra detect`.

use std::slice;

use detect::evaluate::{Frame, Tolerance};
use detect::incidents::{Alarm, alarms};
use detect::{PathSample, Relative, Verdict};
use scenarios::incident::FlowTable;
use scenarios::world::{BIN_S, POLL_S, World};
use twin::{Anomaly, NodeId, Residual, Subject};

use crate::detect::marks::Marks;
use crate::detect::meta::Meta;
use crate::detect::run::{Judged, judge};
use crate::detect::series::Series;

/// Losses of a pair are added up at the pace of the polls before they are judged.
const STEP: u32 = (POLL_S / BIN_S) as u32;
/// What an idle interface carries in hellos and polls, as a share of its capacity: a 10 Gbit/s port some 100 kbit/s.
const IDLE: f64 = 1e-5;

/// What the detectors found in the window.
#[derive(Default)]
pub(crate) struct Abnormal {
    /// Production minus shadow, series by series.
    pub(crate) residuals: Vec<Residual>,
    /// Where it is abnormal.
    pub(crate) anomalies: Vec<Anomaly>,
}

/// What interfaces carry without traffic, in bit/s.
pub(crate) fn idle(world: &World) -> Vec<f64> {
    world.believed.capacity.iter().map(|c| IDLE * c.as_f64()).collect()
}

/// Judges loads beside the shadow's polls `expected`, and losses beside those of before; the first `quiet` bins of the
/// window only teach. Of all series together one false alarm is expected in the bins after these.
pub(crate) fn look(world: &World, expected: &[Vec<f64>], quiet: u32) -> Abnormal {
    let (pairs, losses) = losses(&world.flows);
    let weeks = f64::from(world.flows.bins - quiet) * BIN_S / 604_800.0;
    let per_week = 1.0 / (weeks * (world.believed.arc_count() + pairs.len()) as f64);
    let quiet = (quiet / STEP) as usize;
    let mut found = Abnormal::default();
    found.look_at_loads(world, expected, quiet, per_week);
    found.look_at_losses(&pairs, losses, quiet, per_week);
    found
}

impl Abnormal {
    /// A load is judged as a multiple of what the shadow expects of its arc.
    fn look_at_loads(&mut self, world: &World, expected: &[Vec<f64>], quiet: usize, per_week: f64) {
        let idle = idle(world);
        let column = |polls: &[Vec<f64>], arc: usize| -> Vec<f64> {
            polls.iter().map(|row| row[arc] + idle[arc]).collect()
        };
        let (mut ratios, mut twins) = (Vec::new(), Vec::new());
        for arc in 0..idle.len() {
            let seen = column(&world.polls, arc);
            let twin = Relative::new(&seen, &column(expected, arc));
            ratios.push(seen.iter().enumerate().map(|(poll, load)| twin.ratio(poll, *load)).collect());
            twins.push(twin);
        }
        let judged = through(Series::Gauges(ratios), world.polls.len(), world.history + quiet, per_week);
        for (arc, twin) in twins.iter().enumerate() {
            let row = |poll: usize| {
                let Verdict { expected, sigma, .. } = judged.verdicts[arc][poll];
                Residual {
                    subject: Subject::ArcLoad { arc: arc as u32 },
                    bin: last_bin(poll - world.history),
                    observed: world.polls[poll][arc],
                    shadow: twin.load(poll, expected) - idle[arc],
                    sigma: twin.spread(poll, sigma),
                }
            };
            let window = (world.history..world.polls.len()).map(row);
            self.residuals.extend(window.filter(is_known));
            self.anomalies.extend(alarms_of(&judged, arc).map(|alarm| {
                anomaly(&row(alarm.peak), alarm.first - world.history, alarm.last - world.history, &alarm)
            }));
        }
    }

    fn look_at_losses(
        &mut self,
        pairs: &[(NodeId, NodeId)],
        losses: Vec<Vec<PathSample>>,
        quiet: usize,
        per_week: f64,
    ) {
        let steps = losses.first().map_or(0, Vec::len);
        let judged = through(Series::Paths(losses.clone()), steps, quiet, per_week);
        for (number, (pair, samples)) in pairs.iter().zip(&losses).enumerate() {
            let verdicts = &judged.verdicts[number];
            let usual = usual_share(verdicts);
            let row = |step: usize| loss_row(*pair, &samples[step], step, usual);
            self.residuals.extend((0..steps).map(row).filter(is_known));
            self.anomalies.extend(alarms_of(&judged, number).map(|alarm| {
                // The window that gave it away began earlier.
                let first = (alarm.first + 1).saturating_sub(verdicts[alarm.first].window as usize);
                anomaly(&row(alarm.peak), first, alarm.last, &alarm)
            }));
        }
    }
}

/// Whether there was a sample, and something to hold it against.
fn is_known(row: &Residual) -> bool {
    row.z().is_finite()
}

/// Series of steps through their detector; those before `quiet` teach.
fn through(series: Series, steps: usize, quiet: usize, per_week: f64) -> Judged {
    let number = match &series {
        Series::Gauges(all) => all.len(),
        Series::Paths(all) => all.len(),
        Series::Events(all) => all.len(),
    };
    let frame = Frame { bins: steps, bin_s: POLL_S, train_end: quiet };
    let names = (0..number).map(|n| n.to_string()).collect();
    let meta = Meta { file: "the demo".to_owned(), frame, start: None, series: names };
    judge(&series, &Marks::none(number), &meta, per_week)
}

/// The alarms of a series that begin in the window: what has been abnormal before keeps its flag for hours.
fn alarms_of(judged: &Judged, series: usize) -> impl Iterator<Item = Alarm> {
    let (scores, thresholds) = (&judged.scores[series], &judged.thresholds[series]);
    let above = |(bin, flag): (usize, &bool)| *flag && scores[bin] > thresholds[bin];
    let flags: Vec<bool> = judged.flags[series].iter().enumerate().map(above).collect();
    let merge = Tolerance::default().merge;
    alarms(slice::from_ref(scores), &[flags], merge).into_iter().map(move |alarm| Alarm { series, ..alarm })
}

/// The alarm of a series whose residual at its peak is given.
fn anomaly(peak: &Residual, first: usize, last: usize, alarm: &Alarm) -> Anomaly {
    Anomaly {
        subject: peak.subject,
        first_bin: first as u32 * STEP,
        last_bin: last_bin(last),
        log_p: -alarm.score,
        observed: peak.observed,
        expected: peak.shadow,
    }
}

fn last_bin(step: usize) -> u32 {
    step as u32 * STEP + STEP - 1
}

/// The node pairs of flows and what each of them sent and lost, step by step. Round trips are not judged: in two hours
/// nobody learns their course.
fn losses(flows: &FlowTable) -> (Vec<(NodeId, NodeId)>, Vec<Vec<PathSample>>) {
    let (pairs, pair_of) = flows.pairs();
    let mut samples = vec![vec![PathSample::MISSING; (flows.bins / STEP) as usize]; pairs.len()];
    for flow in 0..flows.len() {
        for (step, sum) in (0u32..).zip(&mut samples[pair_of[flow] as usize]) {
            let counts = flows.count(flow, step * STEP, (step + 1) * STEP);
            sum.sent += u64::from(counts.sent);
            sum.lost += u64::from(counts.lost);
        }
    }
    (pairs, samples)
}

/// The share of losses that the detector takes for usual; NaN if it never had an opinion.
fn usual_share(verdicts: &[Verdict]) -> f64 {
    verdicts.iter().find(|v| !v.log_p.is_nan()).map_or(f64::NAN, |v| v.expected)
}

/// A pair's share of losses in a step, beside the usual one.
fn loss_row((src, dst): (NodeId, NodeId), sample: &PathSample, step: usize, usual: f64) -> Residual {
    let sent = sample.sent as f64;
    Residual {
        subject: Subject::PairLoss { src: src.0, dst: dst.0 },
        bin: last_bin(step),
        observed: sample.lost as f64 / sent,
        shadow: usual,
        // A share from few packets is coarse: one packet more or less is no news.
        sigma: libm::sqrt(usual * (1.0 - usual) / sent).max(1.0 / sent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pair_has_always_lost_is_its_shadow() {
        const FAULT: usize = 20;
        // One in a hundred all the time, then one in ten.
        let lost = |step: usize| if step < FAULT { 9 + step as u64 % 3 } else { 100 };
        let samples = (0..24).map(|s| PathSample { sent: 1_000, lost: lost(s), rtt_ms: f64::NAN }).collect();
        let mut found = Abnormal::default();
        found.look_at_losses(&[(NodeId::new(0), NodeId::new(1))], vec![samples], 12, 1.0);
        assert_eq!(found.residuals.len(), 24);
        for (step, row) in found.residuals.iter().enumerate() {
            assert!((row.shadow / 0.01 - 1.0).abs() < 0.3, "{row:?}");
            assert_eq!(row.z().abs() > 5.0, step >= FAULT, "{row:?}");
        }
        let [anomaly] = &found.anomalies[..] else { panic!("{:?}", found.anomalies) };
        assert_eq!((anomaly.first_bin / STEP, anomaly.expected), (FAULT as u32, found.residuals[0].shadow));
    }
}
