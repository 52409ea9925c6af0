//! How well are generated incidents explained?
//!
//! ```text
//! cargo run --release -p umbra-scenarios --example incidents -- [SEED [COUNT [FROM [NETWORK]]]] [each] [without=CLASS]
//! ```
//!
//! Makes COUNT incidents (60) of SEED (1), from number FROM (0) on, on NETWORK of `testdata/topologies` (all of Abilene,
//! Geant2012, AttMpls and Colt) and ranks their causes with simulation and by formulas alone. By network and class: how often
//! the truth is first and among the first three; then calibration error (p ≥ .01), log loss, and seconds of a case. `each`
//! adds a line for each incident.

use std::collections::BTreeMap;
use std::time::Instant;

use models::{Failures, NodeDemand, Routing};
use twin::{Csr, Layer, NodeId, SimDuration};
use umbra_scenarios::causes::rank::{Settings, Verdict, What, rank};
use umbra_scenarios::causes::world::{Incident, incident};

/// Hits, near hits and cases.
#[derive(Clone, Copy, Default)]
struct Score {
    first: u32,
    third: u32,
    cases: u32,
}

/// Scores of a way of ranking.
#[derive(Default)]
struct Way {
    by: BTreeMap<(String, &'static str), Score>,
    /// Probabilities of causes, and whether they were so.
    said: Vec<(f64, bool)>,
    log_loss: f64,
    /// By case: the largest standard error of a probability.
    std_errors: Vec<f64>,
    wall_s: f64,
    slowest_s: f64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let each = words.iter().any(|w| w == "each");
    let without: Vec<String> =
        words.iter().filter_map(|w| w.strip_prefix("without=")).map(str::to_owned).collect();
    let places: Vec<&String> = words.iter().filter(|w| *w != "each" && !w.starts_with("without=")).collect();
    let number = |i: usize, or: u64| places.get(i).map_or(or, |w| w.parse().expect("a number"));
    let (seed, count, from) = (number(0, 1), number(1, 60) as u32, number(2, 0) as u32);
    let all = ["Abilene", "Geant2012", "AttMpls", "Colt"];
    let nets = places.get(3).map_or_else(|| all.to_vec(), |w| vec![w.as_str()]);
    let (mut with, mut plain) = (Way::default(), Way::default());
    for name in &nets {
        let (csr, routing, demands) = network(name);
        for number in from..from + count {
            let made = incident(&csr, &routing, &demands, seed, number);
            for (way, replicas) in [(&mut with, 50), (&mut plain, 0)] {
                let clock = Instant::now();
                let settings = Settings { replicas, seed, without: without.clone(), ..Settings::default() };
                let verdict = rank(&csr, &routing, &demands, &made.observed, &settings);
                let place = way.add(name, &made, &verdict, clock.elapsed().as_secs_f64());
                if each && replicas > 0 {
                    println!("{}", line(&csr, name, number, &made, &verdict, place));
                    if place != Some(0) {
                        detail(&verdict, place);
                    }
                }
            }
        }
    }
    println!("network      class               cases  top-1  top-3   by formulas: top-1  top-3");
    for (key, score) in &with.by {
        let formulas = plain.by.get(key).copied().unwrap_or_default();
        row(&key.0, key.1, *score, formulas);
    }
    for net in nets.into_iter().chain(["all"]) {
        row(net, "all", with.total(net), plain.total(net));
    }
    for (name, way) in [("simulated", &with), ("formulas", &plain)] {
        let n = f64::from(way.total("all").cases);
        println!(
            "{name}: ECE {:.3} over {} causes, log loss {:.3}, standard errors up to {:.3}, {} cases above .02, {:.2} s a case, {:.2} s at most",
            way.ece(),
            way.said.iter().filter(|(p, _)| *p >= 0.01).count(),
            way.log_loss / n,
            way.std_errors.iter().copied().fold(0.0, f64::max),
            way.std_errors.iter().filter(|e| **e > 0.02).count(),
            way.wall_s / n,
            way.slowest_s
        );
    }
}

/// A network with the delays of its file, in microseconds in the last column.
fn network(name: &str) -> (Csr, Routing, Vec<NodeDemand>) {
    let (net, demands) = testkit::recorded(name);
    let mut csr = Csr::compile(&net.to_twin(), Layer::Igp);
    let file = format!("{}/../testdata/topologies/{name}.graph", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).expect("a recorded network");
    let edges = text.lines().skip_while(|l| !l.starts_with("EDGES")).skip(2).filter(|l| !l.is_empty());
    for (delay, edge) in csr.delay.iter_mut().zip(edges) {
        let us = edge.split_whitespace().last().and_then(|w| w.parse().ok()).expect("a delay");
        *delay = SimDuration::micros(us);
    }
    let routing = Routing::compute(&csr, &Failures::none(&csr));
    let demand = |(s, d, bps): &(usize, usize, f64)| NodeDemand {
        src: NodeId::new(*s),
        dst: NodeId::new(*d),
        bps: *bps,
    };
    (csr, routing, demands.iter().map(demand).collect())
}

impl Way {
    /// Adds a case; the place of the truth in its ranking.
    fn add(&mut self, net: &str, made: &Incident, verdict: &Verdict, wall_s: f64) -> Option<usize> {
        let truth = made.truth.cause.map_or(What::None, |(cause, _)| What::Cause(cause));
        let class = made.truth.cause.map_or("none", |(cause, _)| cause.class.name);
        let place = verdict.ranked.iter().position(|r| r.what == truth);
        let score = self.by.entry((net.to_owned(), class)).or_default();
        score.cases += 1;
        score.first += u32::from(place == Some(0));
        score.third += u32::from(place.is_some_and(|p| p < 3));
        let causes = verdict.ranked.iter().filter(|r| matches!(r.what, What::Cause(_)));
        self.said.extend(causes.map(|r| (r.probability, r.what == truth)));
        self.log_loss -= place.map_or(1e-4, |p| verdict.ranked[p].probability.max(1e-4)).ln();
        self.std_errors.push(verdict.ranked.iter().map(|r| r.std_error).fold(0.0, f64::max));
        self.wall_s += wall_s;
        self.slowest_s = self.slowest_s.max(wall_s);
        place
    }

    fn total(&self, net: &str) -> Score {
        let of_net = self.by.iter().filter(|((n, _), _)| net == "all" || n == net);
        of_net.fold(Score::default(), |sum, (_, s)| Score {
            first: sum.first + s.first,
            third: sum.third + s.third,
            cases: sum.cases + s.cases,
        })
    }

    fn ece(&self) -> f64 {
        let mut bins = [(0.0, 0.0); 10];
        let counted = self.said.iter().filter(|(p, _)| *p >= 0.01);
        let mut n = 0.0;
        for (p, so) in counted {
            let bin = &mut bins[((p * 10.0) as usize).min(9)];
            *bin = (bin.0 + p, bin.1 + f64::from(u8::from(*so)));
            n += 1.0;
        }
        bins.iter().map(|(p, so)| (p - so).abs()).sum::<f64>() / f64::max(n, 1.0)
    }
}

fn row(net: &str, class: &str, score: Score, plain: Score) {
    let share = |hits: u32| f64::from(hits) / f64::from(score.cases.max(1));
    println!(
        "{net:<12} {class:<18} {:>6}  {:.3}  {:.3}                 {:.3}  {:.3}",
        score.cases,
        share(score.first),
        share(score.third),
        share(plain.first),
        share(plain.third)
    );
}

fn line(
    csr: &Csr,
    net: &str,
    number: u32,
    made: &Incident,
    verdict: &Verdict,
    place: Option<usize>,
) -> String {
    let name = |what: What| match what {
        What::Cause(c) => format!("{} {}", c.class.name, c.element(csr)),
        What::None => "none".to_owned(),
        What::Unknown => "unknown".to_owned(),
    };
    let truth = made.truth.cause.map_or_else(
        || "none".to_owned(),
        |(c, f)| format!("{} {:.3}", name(What::Cause(c)), f.severity.unwrap_or(0.0)),
    );
    let told: Vec<String> = verdict
        .ranked
        .iter()
        .take(3)
        .map(|r| format!("{} {:.2} ± {:.2} ({:.0})", name(r.what), r.probability, r.std_error, r.log_bayes))
        .collect();
    let of_truth = place.map_or(f64::NAN, |p| verdict.ranked[p].log_bayes);
    format!(
        "{net} {number} {} | {truth} ({of_truth:.0}) onset {:.1} found {} p {:.2} | {}",
        place.map_or_else(|| "-".to_owned(), |p| (p + 1).to_string()),
        made.truth.onset_s / 60.0,
        verdict.summary.onset.best(),
        verdict.p_value,
        told.join(" | ")
    )
}

/// Where the evidence of the first and of the truth differs most.
fn detail(verdict: &Verdict, place: Option<usize>) {
    let Some(place) = place else { return };
    let mut by_item: BTreeMap<Option<u32>, (f64, f64)> = BTreeMap::new();
    verdict.ranked[0].ledger.iter().for_each(|(i, l)| by_item.entry(*i).or_default().0 += l);
    verdict.ranked[place].ledger.iter().for_each(|(i, l)| by_item.entry(*i).or_default().1 += l);
    let mut items: Vec<_> = by_item.into_iter().collect();
    items.sort_by(|a, b| (b.1.0 - b.1.1).abs().total_cmp(&(a.1.0 - a.1.1).abs()));
    for (item, (first, truth)) in items.into_iter().take(8) {
        let what = item.map(|i| {
            (
                verdict.summary.items[i as usize],
                verdict.summary.change[i as usize],
                verdict.summary.sigma[i as usize],
            )
        });
        println!("      first {first:.1} truth {truth:.1} {what:?}");
    }
}
