//! Causes of a network's incidents as tables.

use std::collections::BTreeMap;

use report::Member;
use scenarios::LISTED;
use scenarios::causes::class::Place;
use scenarios::causes::observed::Observed;
use scenarios::causes::rank::{Ranked, Verdict, What};
use scenarios::causes::summary::Item;
use twin::{ArcId, Csr, LinkId, NodeId};

use super::tables::{CauseRow, Tables};

/// Adds the answer to a case.
pub(crate) fn add(tables: &mut Tables, csr: &Csr, case: u32, seen: &Observed, verdict: &Verdict) {
    let [at, lo, hi] = onset_ns(seen, verdict);
    let listed = |r: &&Ranked| !matches!(r.what, What::Cause(_)) || r.probability >= LISTED;
    for (rank, ranked) in (1u32..).zip(verdict.ranked.iter().filter(listed)) {
        let (class, a, b) = names(csr, ranked.what);
        let named = (class, a.as_str(), b.as_deref());
        let row = CauseRow {
            entity: entity(csr, ranked.what),
            object: None,
            probability: ranked.probability,
            std_error: ranked.std_error,
            severity: ranked.severity,
            onset: matches!(ranked.what, What::Cause(_)).then_some((at, lo, hi)),
            log_bayes: ranked.log_bayes,
            rung: ranked.rung.word(),
            same_as: ranked.same_as.and_then(|i| u32::try_from(i).ok()),
        };
        tables.cause(case, named, &row);
        for ((source, item), log_bayes) in ledger(csr, seen, verdict, ranked) {
            tables.evidence(case, named, (source, &item), log_bayes);
        }
        let members = match ranked.what {
            What::None => Vec::new(),
            _ => vec![Member { class: class.to_owned(), a, b }],
        };
        tables.set(case, rank, ranked.probability, members);
    }
}

fn entity(csr: &Csr, what: What) -> Option<u32> {
    let What::Cause(cause) = what else { return None };
    let link = |link: LinkId| csr.node_count() as u32 + link.0;
    Some(match cause.place {
        Place::Node(node) => node.0,
        Place::Link(l) => link(l),
        Place::Arc(arc) => link(csr.link[arc.index()]),
    })
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
            None if ranked.what == What::Unknown => {
                ("prior", "all changes, as departures from what is known".to_owned())
            }
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
