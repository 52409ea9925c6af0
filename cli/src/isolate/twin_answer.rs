//! Causes of a network's incidents as tables.

use std::collections::BTreeMap;

use report::{Member, Table, schema};
use scenarios::causes::class::Place;
use scenarios::causes::observed::Observed;
use scenarios::causes::rank::{Ranked, Verdict, What};
use scenarios::causes::summary::Item;
use twin::{ArcId, Csr, NodeId};

use crate::failure::Failure;
use crate::planning::study::Study;
use crate::target::TargetFolder;

/// The tables of an answer.
pub(crate) struct Tables<'a> {
    csr: &'a Csr,
    entities: Table,
    causes: Table,
    sets: Table,
    evidence: Table,
}

impl<'a> Tables<'a> {
    /// No case yet.
    pub(crate) fn new(study: &'a Study) -> Self {
        Self {
            csr: &study.csr,
            entities: report::entities(&study.twin),
            causes: Table::new(&schema::CAUSES),
            sets: Table::new(&schema::SETS),
            evidence: Table::new(&schema::EVIDENCE),
        }
    }

    /// Writes all of them.
    pub(crate) fn write(&self, folder: &mut TargetFolder) -> Result<(), Failure> {
        [&self.entities, &self.causes, &self.sets, &self.evidence]
            .into_iter()
            .try_for_each(|t| folder.write(t))
    }

    /// Adds the answer to a case.
    pub(crate) fn add(&mut self, case: u32, seen: &Observed, verdict: &Verdict) {
        let onset = onset_ns(seen, verdict);
        for (rank, ranked) in (1u32..).zip(&verdict.ranked) {
            let (class, a, b) = names(self.csr, ranked.what);
            let cause = matches!(ranked.what, What::Cause(_));
            let [at, lo, hi] = onset.map(|ns| cause.then_some(ns));
            let (severity, entity) = (ranked.severity, self.entity(ranked.what));
            self.causes
                .row()
                .set("case", case)
                .set("class", class)
                .set("a", a.as_str())
                .set("b", b.as_deref())
                .set("entity", entity)
                .set("probability", ranked.probability)
                .set("std_error", ranked.std_error)
                .set("severity", severity.map(|s| s.0))
                .set("severity_lo", severity.map(|s| s.1))
                .set("severity_hi", severity.map(|s| s.2))
                .set("onset_ns", at)
                .set("onset_lo", lo)
                .set("onset_hi", hi)
                .set("log_bayes", ranked.log_bayes)
                .set("rung", ranked.rung.word())
                .set("same_as", ranked.same_as.and_then(|i| u32::try_from(i).ok()))
                .end();
            let member = Member { class: class.to_owned(), a: a.clone(), b: b.clone() };
            let empty = ranked.what == What::None;
            self.sets
                .row()
                .set("case", case)
                .set("rank", rank)
                .set("probability", ranked.probability)
                .set("members", if empty { Vec::new() } else { vec![member] })
                .end();
            for ((source, item), log_bayes) in ledger(self.csr, seen, verdict, ranked) {
                self.evidence
                    .row()
                    .set("case", case)
                    .set("class", class)
                    .set("a", a.as_str())
                    .set("b", b.as_deref())
                    .set("source", source)
                    .set("item", item.as_str())
                    .set("log_bayes", log_bayes)
                    .end();
            }
        }
    }

    fn entity(&self, what: What) -> Option<u32> {
        let What::Cause(cause) = what else { return None };
        let link = |link: twin::LinkId| self.csr.node_count() as u32 + link.0;
        Some(match cause.place {
            Place::Node(node) => node.0,
            Place::Link(l) => link(l),
            Place::Arc(arc) => link(self.csr.link[arc.index()]),
        })
    }
}

/// When it began, and from when to when that may have been: mean and central 95 % interval, in ns since the Unix epoch.
pub(super) fn onset_ns(seen: &Observed, verdict: &Verdict) -> [i64; 3] {
    let onset = &verdict.summary.onset;
    [onset.mean(), onset.quantile(0.025), onset.quantile(0.975)]
        .map(|bins| seen.start_ns + (bins * seen.bin_s * 1e9) as i64)
}

/// Class and names of what may be the case.
pub(crate) fn names(csr: &Csr, what: What) -> (&'static str, String, Option<String>) {
    match what {
        What::Cause(cause) => {
            let (a, b) = cause.ends(csr);
            (cause.class.name, a, b)
        }
        What::Unknown => ("unknown", String::new(), None),
        What::None => ("none", String::new(), None),
    }
}

/// A source of evidence and what it is about.
pub(crate) type Told = (&'static str, String);

/// The ledger by what people look at: an interface's load, a pair's round trips.
pub(crate) fn ledger(csr: &Csr, seen: &Observed, verdict: &Verdict, ranked: &Ranked) -> BTreeMap<Told, f64> {
    let mut sums = BTreeMap::new();
    for (item, log_bayes) in &ranked.ledger {
        let told = match item {
            Some(item) => told(csr, seen, verdict.summary.items[*item as usize]),
            None => ("prior", "what not knowing its form in advance costs".to_owned()),
        };
        *sums.entry(told).or_insert(0.0) += log_bayes;
    }
    sums
}

fn told(csr: &Csr, seen: &Observed, item: Item) -> Told {
    let pair = |src: NodeId, dst: NodeId, arrow: &str| {
        format!("{} {arrow} {}", csr.node_names[src.index()], csr.node_names[dst.index()])
    };
    let arc = |i: usize| csr.arc_name(ArcId::new(i));
    let probe = |i: usize| pair(seen.probes[i].src, seen.probes[i].dst, "<->");
    match item {
        Item::Load(i) | Item::LoadAcross(i) => ("counters", format!("load of {}", arc(i))),
        Item::Discards(i) | Item::DiscardsAcross(i) => ("counters", format!("discards of {}", arc(i))),
        Item::Median(i) | Item::Tail(i) => ("probes", format!("round trips {}", probe(i))),
        Item::Loss(i) | Item::LossAround(i) => ("probes", format!("losses {}", probe(i))),
        Item::Again(i) | Item::AgainAcross(i) => {
            ("flows", format!("retransmissions {}", pair(seen.flows[i].src, seen.flows[i].dst, "->")))
        }
    }
}
