//! How well are generated incidents explained?
//!
//! ```text
//! cargo run --release -p umbra-scenarios --example incidents -- [SEED [COUNT [FROM [NETWORK]]]] [WORD …]
//! ```
//!
//! Makes COUNT incidents (60) of SEED (1), from number FROM (0) on, on NETWORK of `testdata/topologies` (all of Abilene,
//! Geant2012, AttMpls and Colt; those of SNDlib in small letters) and ranks their causes with simulation and by formulas
//! alone. By network and class: how often the truth is first and among the first three; then calibration error (p ≥ .01),
//! log loss, and seconds of a case. Words:
//!
//! - `each`: a line for each incident;
//! - `simulated`: not by formulas;
//! - `without=CLASS`: a class that is not considered; `without=truth`: the incident's own, and how often the answer is
//!   then *unknown*;
//! - `repeat=N`: each incident is ranked N times with other seeds, and the spread of the probabilities is compared with the
//!   standard errors that were stated.

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
    /// How often the unknown has a half or more, of how many incidents that have a cause.
    unknown: (u32, u32),
    wall_s: f64,
    slowest_s: f64,
}

/// What was asked for.
struct Asked {
    seed: u64,
    numbers: std::ops::Range<u32>,
    nets: Vec<String>,
    each: bool,
    formulas: bool,
    without: Vec<String>,
    repeat: u64,
}

impl Asked {
    fn read() -> Self {
        let all: Vec<String> = std::env::args().skip(1).collect();
        let (words, places): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|w| w.contains('=') || w == "each" || w == "simulated");
        let number = |i: usize, or: u64| places.get(i).map_or(or, |w: &String| w.parse().expect("a number"));
        let of = |key: &str| words.iter().filter_map(|w| w.strip_prefix(key)).map(str::to_owned).collect();
        let (without, repeat): (Vec<String>, Vec<String>) = (of("without="), of("repeat="));
        let (count, from) = (number(1, 60) as u32, number(2, 0) as u32);
        let nets = ["Abilene", "Geant2012", "AttMpls", "Colt"].map(str::to_owned).to_vec();
        Self {
            seed: number(0, 1),
            numbers: from..from + count,
            nets: places.get(3).map_or(nets, |net| vec![net.clone()]),
            each: words.iter().any(|w| w == "each"),
            formulas: !words.iter().any(|w| w == "simulated"),
            without,
            repeat: repeat.first().map_or(1, |n| n.parse().expect("a number")),
        }
    }

    /// How to rank an incident, the n-th time. Replicas have seeds of their own: the world's salts are not theirs.
    fn settings(&self, made: &Incident, replicas: u32, n: u64) -> Settings {
        let truth = made.truth.cause.map(|(cause, _)| cause.class.name);
        let class = |w: &String| if w == "truth" { truth.map(str::to_owned) } else { Some(w.clone()) };
        let seed = self.seed.wrapping_add(1_000_003 * (n + 1));
        Settings {
            replicas,
            seed,
            without: self.without.iter().filter_map(class).collect(),
            ..Settings::default()
        }
    }
}

fn main() {
    let asked = Asked::read();
    let (mut with, mut plain, mut spread) = (Way::default(), Way::default(), Spread::default());
    for name in &asked.nets {
        let (csr, routing, demands) = network(name);
        for number in asked.numbers.clone() {
            let made = incident(&csr, &routing, &demands, asked.seed, number);
            let rank = |replicas: u32, n: u64| {
                rank(&csr, &routing, &demands, &made.observed, &asked.settings(&made, replicas, n))
            };
            let clock = Instant::now();
            let verdict = rank(50, 0);
            let place = with.add(name, &made, &verdict, clock.elapsed().as_secs_f64());
            if asked.formulas {
                let clock = Instant::now();
                plain.add(name, &made, &rank(0, 0), clock.elapsed().as_secs_f64());
            }
            if asked.each {
                println!("{}", line(&csr, name, number, &made, &verdict, place));
                if place != Some(0) {
                    detail(&verdict, place);
                }
            }
            if asked.repeat > 1 {
                let verdicts: Vec<Verdict> = (0..asked.repeat).map(|n| rank(50, n)).collect();
                println!("{name} {number}: {}", spread.add(&csr, &verdicts));
            }
        }
    }
    if asked.repeat > 1 {
        spread.tell();
    }
    println!("network      class               cases  top-1  top-3   by formulas: top-1  top-3");
    for (key, score) in &with.by {
        let formulas = plain.by.get(key).copied().unwrap_or_default();
        row(&key.0, key.1, *score, formulas);
    }
    for net in asked.nets.iter().map(String::as_str).chain(["all"]) {
        row(net, "all", with.total(net), plain.total(net));
    }
    for (name, way) in [("simulated", &with), ("formulas", &plain)] {
        let n = f64::from(way.total("all").cases);
        if n == 0.0 {
            continue;
        }
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
        let high: Vec<&(f64, bool)> = way.said.iter().filter(|(p, _)| *p > 0.9).collect();
        let share =
            |of: fn(&(f64, bool)) -> f64| high.iter().map(|s| of(s)).sum::<f64>() / high.len().max(1) as f64;
        println!(
            "{name}: {} causes above .9: mean {:.4}, so {:.4}; unknown at least .5 in {} of {} incidents that are one",
            high.len(),
            share(|s| s.0),
            share(|s| f64::from(u8::from(s.1))),
            way.unknown.0,
            way.unknown.1
        );
    }
}

/// A network with its delays: those of its file, in microseconds in the last column, or of SNDlib's kilometres.
fn network(name: &str) -> (Csr, Routing, Vec<NodeDemand>) {
    let (net, demands) = testkit::recorded(name);
    let mut csr = Csr::compile(&net.to_twin(), Layer::Igp);
    if testkit::SNDLIB.contains(&name) {
        let km = csr.metric.iter().map(|metric| f64::from(*metric));
        csr.delay = km.map(SimDuration::fibre_km).collect();
    } else {
        let file = format!("{}/../testdata/topologies/{name}.graph", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(file).expect("a recorded network");
        let edges = text.lines().skip_while(|l| !l.starts_with("EDGES")).skip(2).filter(|l| !l.is_empty());
        for (delay, edge) in csr.delay.iter_mut().zip(edges) {
            let us = edge.split_whitespace().last().and_then(|w| w.parse().ok()).expect("a delay");
            *delay = SimDuration::micros(us);
        }
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
        let unknown = verdict.ranked.iter().find(|r| r.what == What::Unknown).map_or(0.0, |r| r.probability);
        if made.truth.cause.is_some() {
            self.unknown.0 += u32::from(unknown >= 0.5);
            self.unknown.1 += 1;
        }
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

/// How far probabilities stray from seed to seed, beside what was stated.
#[derive(Default)]
struct Spread {
    /// By cause that came into question: variance over seeds, mean of the squared standard errors stated, and their mean.
    causes: Vec<(f64, f64, f64)>,
}

impl Spread {
    /// Adds the rankings of one incident. In words: what strays most.
    fn add(&mut self, csr: &Csr, verdicts: &[Verdict]) -> String {
        let mut by_cause: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for r in verdicts.iter().flat_map(|v| &v.ranked) {
            by_cause.entry(name(csr, r.what)).or_default().push((r.probability, r.std_error));
        }
        let n = verdicts.len() as f64;
        let mut worst = (0.0, String::from("level"));
        for (cause, said) in by_cause {
            let mean = said.iter().map(|s| s.0).sum::<f64>() / n;
            if !(0.01..=0.99).contains(&mean) {
                continue;
            }
            // What is not listed has a probability of next to nothing.
            let missing = n - said.len() as f64;
            let squares = said.iter().map(|s| (s.0 - mean).powi(2)).sum::<f64>() + missing * mean * mean;
            let variance = squares / (n - 1.0);
            let stated = said.iter().map(|s| s.1 * s.1).sum::<f64>() / n;
            self.causes.push((variance, stated, mean));
            if variance > worst.0 {
                let words =
                    format!("{cause} {mean:.3}, strays {:.3}, said {:.3}", variance.sqrt(), stated.sqrt());
                worst = (variance, words);
            }
        }
        worst.1
    }

    fn tell(&self) {
        let n = self.causes.len().max(1) as f64;
        let root = |of: fn(&(f64, f64, f64)) -> f64| (self.causes.iter().map(of).sum::<f64>() / n).sqrt();
        let low = self.causes.iter().filter(|c| c.0 > 4.0 * c.1).count();
        println!(
            "{} causes between .01 and .99: stray {:.4}, stated {:.4} (roots of means of squares); {low} stray more than twice what was stated",
            self.causes.len(),
            root(|c| c.0),
            root(|c| c.1)
        );
    }
}

fn name(csr: &Csr, what: What) -> String {
    match what {
        What::Cause(c) => format!("{} {}", c.class.name, c.element(csr)),
        What::None => "none".to_owned(),
        What::Unknown => "unknown".to_owned(),
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
    let truth = made.truth.cause.map_or_else(
        || "none".to_owned(),
        |(c, f)| format!("{} {:.3}", name(csr, What::Cause(c)), f.severity.unwrap_or(0.0)),
    );
    let told: Vec<String> = verdict
        .ranked
        .iter()
        .take(3)
        .map(|r| {
            format!("{} {:.2} ± {:.2} ({:.0})", name(csr, r.what), r.probability, r.std_error, r.log_bayes)
        })
        .collect();
    let of_truth = place.map_or(f64::NAN, |p| verdict.ranked[p].log_bayes);
    let unknown = verdict.ranked.iter().find(|r| r.what == What::Unknown).map_or(f64::NAN, |r| r.log_bayes);
    format!(
        "{net} {number} {} | {truth} ({of_truth:.0}) {:?} {:?} onset {:.1} found {} p {:.2} unknown {unknown:.0} | {}",
        place.map_or_else(|| "-".to_owned(), |p| (p + 1).to_string()),
        made.truth.stale.map(|(l, m)| (l.index(), m)),
        verdict.stale.iter().map(|s| (s.link.index(), s.metric)).collect::<Vec<_>>(),
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
