//! Years as they may pass: components fail and are repaired, and outages have a beginning and a length.

use engine::{Purpose, Seeds, Stream};
use rand_distr::{Distribution, Gamma, LogNormal, Weibull};

use super::interval::Sampled;
use super::model::{Component, YEAR_H};
use super::{Effect, Effects, Estimate, FailureModel};
use crate::planning::FailureSet;

/// Shape of the times between failures: below 1, failures come in clusters (0.5 to 0.9; Markopoulou et al., Gonzalez and
/// Helvik; unverified).
const SHAPE: f64 = 0.8;

/// Spread of repair times: of Meza et al., IMC 2018, half are done in 10 h and nine in ten in 71 h (unverified).
const SIGMA: f64 = 1.53;

/// The life of a component.
const LIFE: Purpose = Purpose::new("component-life");

/// A time in which some demand had no path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outage {
    /// The year, from 0.
    pub year: u32,
    /// When it began, in hours of that year; 0 also where it began before.
    pub start_h: f64,
    /// How long it was, in hours; as long as the year, at most.
    pub hours: f64,
    /// The share of all volume that was lost, on average over its time.
    pub lost_share: f64,
}

/// What happened in simulated years.
#[derive(Clone, Debug, PartialEq)]
pub struct Mission {
    /// All outages, by year and time.
    pub outages: Vec<Outage>,
    /// Hours per year in which some demand had no path, with the 95 % interval of the mean.
    pub outage_h: Estimate,
    /// Share of all volume that was lost, over all time, with the 95 % interval of the mean.
    pub lost_share: Estimate,
}

/// Simulates independent years: each component is up for Weibull times and down for log-normal ones (alternating renewal),
/// with the means that its downtime and repair time say. Each year begins in the middle of the process, not with all new:
/// the mean share of time in a state is its probability.
pub fn mission(effects: &mut Effects<'_>, model: &FailureModel, years: u32, seeds: Seeds) -> Mission {
    let mut outages = Vec::new();
    let (mut down_share, mut lost_share) = (Vec::new(), Vec::new());
    for year in 0..years {
        let stretches = stretches(model, year, seeds);
        let sets: Vec<_> = stretches.iter().map(|s| s.set.clone()).collect();
        let known = effects.of(&sets);
        let before = outages.len();
        add_outages(year, &stretches, &known, &mut outages);
        let hours = |of: fn(&Outage) -> f64| outages[before..].iter().map(of).sum::<f64>();
        down_share.push(hours(|o| o.hours) / YEAR_H);
        lost_share.push(hours(|o| o.hours * o.lost_share) / YEAR_H);
    }
    let per_year = mean(&down_share);
    let outage_h =
        Estimate { value: per_year.value * YEAR_H, lo: per_year.lo * YEAR_H, hi: per_year.hi * YEAR_H };
    Mission { outages, outage_h, lost_share: mean(&lost_share) }
}

/// The mean of shares with its interval.
fn mean(shares: &[f64]) -> Estimate {
    let n = shares.len() as f64;
    let mean = shares.iter().sum::<f64>() / n;
    let moment = |k: i32| shares.iter().map(|x| (0..k).fold(1.0, |p, _| p * (x - mean))).sum::<f64>() / n;
    Sampled { n, mean, second: moment(2), third: moment(3), weight_max: 1.0, size: 0.0 }.interval()
}

/// A time in which nothing changes.
struct Stretch {
    start_h: f64,
    hours: f64,
    set: FailureSet,
}

/// A year, cut where a component fails or comes back, and where maintenance begins or ends.
fn stretches(model: &FailureModel, year: u32, seeds: Seeds) -> Vec<Stretch> {
    let mut changes = Vec::new();
    let mut down = Vec::with_capacity(model.components.len());
    for (number, component) in model.components.iter().enumerate() {
        let stream = seeds.trial(u64::from(year)).stream(LIFE, &component.key);
        down.push(Life::new(component, stream).changes(|at| changes.push((at, What::Component(number)))));
    }
    let mut ends = 0.0;
    let quiet = model.phases.iter().filter(|p| p.out.is_empty()).map(|p| p.share).sum::<f64>();
    let out: Vec<_> = model.phases.iter().filter(|p| !p.out.is_empty()).collect();
    for phase in &out {
        // Their instants within the year do not matter to what fails by chance: evenly spread.
        let from = ends + quiet / (out.len() + 1) as f64;
        ends = from + phase.share;
        changes.push((from * YEAR_H, What::Out(Some(&phase.out))));
        changes.push(((ends * YEAR_H).min(YEAR_H), What::Out(None)));
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0)); // stable: equal instants in the order of components, then phases
    let mut stretches = Vec::with_capacity(changes.len() + 1);
    let (mut start_h, mut planned) = (0.0, None);
    for (at, what) in changes.into_iter().map(|(at, what)| (at, Some(what))).chain([(YEAR_H, None)]) {
        let numbers = (0..).zip(&down).filter(|(_, down)| **down).map(|(number, _)| number);
        let set = model.set(numbers);
        let set = planned.map_or_else(|| set.clone(), |out: &FailureSet| set.union(out));
        stretches.push(Stretch { start_h, hours: at - start_h, set });
        start_h = at;
        match what {
            Some(What::Component(number)) => down[number] = !down[number],
            Some(What::Out(out)) => planned = out,
            None => {}
        }
    }
    stretches
}

/// What changes at an instant: a component between up and down, or what is out on purpose from then on.
enum What<'m> {
    Component(usize),
    Out(Option<&'m FailureSet>),
}

fn add_outages(year: u32, stretches: &[Stretch], effects: &[Effect], outages: &mut Vec<Outage>) {
    let mut open: Option<Outage> = None;
    for (stretch, effect) in stretches.iter().zip(effects) {
        if effect.all_connected() {
            outages.extend(open.take().map(closed));
            continue;
        }
        let new = Outage { year, start_h: stretch.start_h, hours: 0.0, lost_share: 0.0 };
        let outage = open.get_or_insert(new);
        outage.hours += stretch.hours;
        outage.lost_share += stretch.hours * effect.lost_share;
    }
    outages.extend(open.map(closed));
}

/// The mean of what was summed over hours.
fn closed(sum: Outage) -> Outage {
    Outage { lost_share: if sum.hours > 0.0 { sum.lost_share / sum.hours } else { 0.0 }, ..sum }
}

/// One component's alternating renewal process.
struct Life {
    up: Weibull<f64>,
    up_scale: f64,
    repair: LogNormal<f64>,
    repair_mu: f64,
    down: f64,
    stream: Stream,
}

impl Life {
    fn new(component: &Component, stream: Stream) -> Self {
        let down = component.down.clamp(1e-12, 1.0);
        let up_mean = (component.repair_h * (1.0 - down) / down).max(1e-9);
        let up_scale = up_mean / libm::tgamma(1.0 + 1.0 / SHAPE);
        let repair_mu = libm::log(component.repair_h) - SIGMA * SIGMA / 2.0;
        Self {
            up: Weibull::new(up_scale, SHAPE).expect("both are above 0"),
            up_scale,
            repair: LogNormal::new(repair_mu, SIGMA).expect("the spread is finite"),
            repair_mu,
            down: component.down,
            stream,
        }
    }

    /// Calls with the hours of a year at which the state changes, and says whether the component is down at the start.
    fn changes(mut self, mut change: impl FnMut(f64)) -> bool {
        let down_at_start = self.stream.f64_open() < self.down;
        if self.down >= 1.0 {
            return true;
        }
        let (mut down, mut at) = (down_at_start, self.residual(down_at_start));
        while at < YEAR_H {
            change(at);
            down = !down;
            at += if down { self.repair.sample(&mut self.stream) } else { self.up.sample(&mut self.stream) };
        }
        down_at_start
    }

    /// What is left of a time that one meets at an instant: long times are met more often, by their length. Of a Weibull
    /// time (x / scale)^shape is then Gamma(1 + 1 / shape); a log-normal one has its middle moved by the variance.
    fn residual(&mut self, down: bool) -> f64 {
        let whole = if down {
            let met = LogNormal::new(self.repair_mu + SIGMA * SIGMA, SIGMA).expect("the spread is finite");
            met.sample(&mut self.stream)
        } else {
            let met = Gamma::new(1.0 + 1.0 / SHAPE, 1.0).expect("both are above 0");
            let power: f64 = met.sample(&mut self.stream);
            self.up_scale * libm::pow(power, 1.0 / SHAPE)
        };
        whole * self.stream.f64_open()
    }
}
