//! Root-cause rankings side by side: the product, Flock's inference, and the rule "highest loss ratio per link", on the same
//! cases in the same run.

use std::time::Duration;

use cpu_time::ThreadTime;
use engine::{Purpose, Seeds};
use rand::RngExt;
use scenarios::calibration::{Calibration, Component, Judged};
use scenarios::fabric::cases::truth::{Answer, Named};
use scenarios::fabric::flows::Report;
use scenarios::fabric::topology::{Fabric, Paths};
use scenarios::fabric::verdict::{Case, What, judge};
use twin::EntityKey;

use crate::flock::{self, Constants, Model};

/// Sweeps of the chain over Flock's model, a quarter forgotten.
const SWEEPS: usize = 400;

/// Who ranks.
pub struct Contestant {
    /// Its name.
    pub name: &'static str,
    how: How,
    /// Rankings and answers.
    pub judged: Judged,
    /// What it names, with probability 1: Flock's most probable set.
    pub named: Judged,
    /// CPU time of all its answers; of Flock without the chain that gives it probabilities.
    pub cpu: Duration,
}

#[derive(Clone, Copy)]
enum How {
    Product,
    Flock(Constants),
    LossRatio,
}

/// All contestants.
pub struct Contest {
    /// They.
    pub contestants: Vec<Contestant>,
    groups: Vec<Vec<(u32, u32)>>,
}

impl Contest {
    /// With Flock's constants for a telemetry mode; groups by the names of their links' ends.
    pub fn new(mode: &str, groups: &[Vec<(u32, u32)>]) -> Self {
        let all = [
            ("umbra", How::Product),
            ("flock published", How::Flock(Constants::published(mode))),
            ("flock tuned", How::Flock(Constants::TUNED)),
            ("loss ratio", How::LossRatio),
        ];
        let empty = |(name, how)| Contestant {
            name,
            how,
            judged: Judged::default(),
            named: Judged::default(),
            cpu: Duration::ZERO,
        };
        Self { contestants: all.map(empty).into(), groups: groups.to_vec() }
    }

    /// Has everybody judge a case. Numbers must differ.
    pub fn add(&mut self, number: u32, case: &Case<'_>, answer: &Answer, seeds: Seeds) {
        let named = |names: Vec<Named>| -> Vec<Component> {
            let one = |(class, a, b): Named| Component { case: number, class: class.to_owned(), a, b };
            names.into_iter().map(one).collect()
        };
        let (truth, ignored) = (named(answer.components(&self.groups)), named(answer.covered(&self.groups)));
        for contestant in &mut self.contestants {
            let before = ThreadTime::now();
            let (ranked, set) = contestant.how.answer(number, case, seeds, &mut contestant.cpu, before);
            let sure = set.into_iter().map(|c| (c, 1.0)).collect();
            for (judged, causes) in [(&mut contestant.judged, ranked), (&mut contestant.named, sure)] {
                judged.causes.extend(causes);
                judged.truth.extend(truth.iter().cloned());
                judged.ignored.extend(ignored.iter().cloned());
                judged.cases.insert(number);
                judged.components = case.fabric.link_count() as u64;
            }
        }
    }

    /// A line for each contestant, and what separates the first from the others.
    pub fn report(&self) -> String {
        let mut text = format!(
            "{:16} {:>7} {:>7} {:>12} {:>9} {:>9} {:>17} {:>17} {:>8} {:>7} {:>8} {:>7}\n",
            "",
            "P",
            "R",
            "right",
            "top-1",
            "top-3",
            "ECE p>=.01",
            "ECE p>=.1",
            "wrong",
            "Brier",
            "log loss",
            "CPU s"
        );
        let scored: Vec<Calibration> = self.contestants.iter().map(|c| Calibration::new(&c.judged)).collect();
        for (contestant, score) in self.contestants.iter().zip(&scored) {
            let named = Calibration::new(&contestant.named);
            let ((right, faults, all), (cases, one)) = (named.named(), score.top(1));
            let ece = |i: usize| format!("{:.3} ({})", score.errors[i].ece, score.errors[i].causes);
            text += &format!(
                "{:16} {:>7.3} {:>7.3} {:>12} {:>9} {:>9} {:>17} {:>17} {:>8} {:>7.2} {:>8.2} {:>7.3}\n",
                contestant.name,
                named.precision(),
                named.recall(),
                format!("{right}/{faults}/{all}"),
                format!("{one}/{cases}"),
                format!("{}/{cases}", score.top(3).1),
                ece(0),
                ece(1),
                format!("{}/{}", score.sure.1, score.sure.0),
                score.brier(),
                score.log_loss(),
                contestant.cpu.as_secs_f64() / score.cases.len().max(1) as f64,
            );
        }
        for (contestant, score) in self.contestants.iter().zip(&scored).skip(1).take(2) {
            let (mean, low, high) = difference(&scored[0], score);
            text +=
                &format!("log loss, umbra less {}: {mean:+.2} [{low:+.2}, {high:+.2}]\n", contestant.name);
        }
        text
    }
}

impl How {
    /// What it answers: causes with probabilities, and what it names. Adds its time.
    fn answer(
        self,
        number: u32,
        case: &Case<'_>,
        seeds: Seeds,
        cpu: &mut Duration,
        before: ThreadTime,
    ) -> (Vec<(Component, f64)>, Vec<Component>) {
        let fabric = case.fabric;
        match self {
            Self::Product => {
                let verdict = judge(case, seeds);
                *cpu += before.elapsed();
                let causes = verdict.causes.iter();
                let ranked: Vec<(Component, f64)> =
                    causes.filter_map(|c| Some((cause(number, fabric, c.what)?, c.probability))).collect();
                let named = ranked.iter().filter(|(_, p)| *p > 0.5).map(|(c, _)| c.clone()).collect();
                (ranked, named)
            }
            Self::Flock(constants) => {
                let model = Model::new(fabric, case.reports, constants);
                let found = flock::search(&model);
                *cpu += before.elapsed();
                let component = |c: u32| match model.name(c) {
                    flock::Component::Link(link) => cause(number, fabric, What::LinkLoss(link)),
                    flock::Component::Device(node) => cause(number, fabric, What::Device(node)),
                };
                let p = flock::marginals(&model, SWEEPS, 1);
                let ranked = (0u32..).zip(p).filter(|(_, p)| *p >= 1e-4);
                let ranked = ranked.filter_map(|(c, p)| Some((component(c)?, p))).collect();
                (ranked, found.into_iter().filter_map(component).collect())
            }
            Self::LossRatio => {
                let ratios = loss_ratios(fabric, case.reports);
                *cpu += before.elapsed();
                let link =
                    |(link, ratio): (u32, f64)| Some((cause(number, fabric, What::LinkLoss(link))?, ratio));
                let ranked: Vec<(Component, f64)> = ratios.into_iter().filter_map(link).collect();
                let named = ranked.iter().take(1).map(|(c, _)| c.clone()).collect();
                (ranked, named)
            }
        }
    }
}

/// Lost packets by sent ones over all flows whose path is known, link by link, the highest first. The rule names the first.
fn loss_ratios(fabric: &Fabric, reports: &[Report]) -> Vec<(u32, f64)> {
    let mut paths = Paths::new(fabric);
    let mut sums = vec![(0.0, 0.0); fabric.link_count()];
    for report in reports {
        let (Some(src), Some(dst)) = (fabric.node(report.src), fabric.node(report.dst)) else { continue };
        let routes = paths.between(src, dst);
        let path = report.path.or((routes.len() == 1).then_some(0));
        for link in path.into_iter().flat_map(|p| routes.path(p as usize)) {
            let sum = &mut sums[link as usize];
            *sum = (sum.0 + f64::from(report.lost), sum.1 + f64::from(report.sent));
        }
    }
    let mut ratios: Vec<(u32, f64)> = (0u32..)
        .zip(sums)
        .filter(|(_, (lost, _))| *lost > 0.0)
        .map(|(l, (lost, sent))| (l, lost / sent))
        .collect();
    ratios.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ratios.truncate(20);
    ratios
}

fn cause(case: u32, fabric: &Fabric, what: What) -> Option<Component> {
    let name = |node: u32| fabric.name(node).to_string();
    let link = |class, link| {
        let (a, b) = fabric.ends(link);
        (class, name(a), Some(name(b)))
    };
    let (class, a, b) = match what {
        What::LinkLoss(l) => link("link_loss", l),
        What::Congestion(l) => link("congestion", l),
        What::StaleLink(l) => link("stale_link", l),
        What::Device(node) => ("device", name(node), None),
        What::Group(group) => ("group", group.to_string(), None),
        What::BlackHole(device, rack) => ("blackhole", name(device), Some(name(rack))),
        What::Listed(_) | What::Unknown | What::None => return None,
    };
    Some(Component { case, class: class.to_owned(), a, b })
}

/// Mean difference of log losses over the same cases, and its 95 % interval by a paired bootstrap of 4,000 resamples.
pub fn difference(a: &Calibration, b: &Calibration) -> (f64, f64, f64) {
    let pairs = a.cases.iter().filter_map(|(case, score)| Some(score.log_loss - b.cases.get(case)?.log_loss));
    let pairs: Vec<f64> = pairs.collect();
    let n = pairs.len().max(1);
    let mut stream = Seeds::new(1).trial(0).stream(Purpose::new("bootstrap"), &EntityKey::new("cases"));
    let mut resampled = || (0..n).map(|_| pairs[stream.random_range(0..n)]).sum::<f64>() / n as f64;
    let mut means: Vec<f64> = (0..4_000).map(|_| resampled()).collect();
    means.sort_by(f64::total_cmp);
    (pairs.iter().sum::<f64>() / n as f64, means[100], means[3_899])
}
