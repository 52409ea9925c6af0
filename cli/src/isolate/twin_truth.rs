//! Answers to incidents, as `umbra generate incidents` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use models::Routing;
use scenarios::calibration::{Component, Judged};
use scenarios::causes::class::{CLASSES, Cause, Place as At};
use scenarios::causes::rank::{Verdict, What};
use serde::Deserialize;
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{Csr, InputError, Place};

use super::twin_answer::names;

#[derive(Deserialize)]
struct Answers {
    cases: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    case: u32,
    causes: Vec<Wrong>,
}

#[derive(Deserialize)]
struct Wrong {
    class: String,
    a: String,
    b: Option<String>,
}

/// What was wrong, by case.
pub(crate) type Truth = BTreeMap<u32, BTreeSet<Component>>;

/// Reads the answers; a link may be named from either end.
pub(crate) fn read(path: &Path, csr: &Csr, routing: &Routing) -> Result<Truth, InputError> {
    let file = path.display().to_string();
    let bytes = files::read(path)?;
    let answers: Answers = serde_json::from_str(encoding::utf8(&file, &bytes)?).map_err(|e| {
        let expected = "{cases: [{case, causes: [{class, a, b}]}]}";
        InputError::new(&file, Place::LineColumn(e.line() as u64, e.column() as u64), e.to_string(), expected)
    })?;
    let mut known = BTreeMap::new();
    for cause in Cause::all(csr, routing, &[]) {
        let (class, a, b) = names(csr, What::Cause(cause));
        if let (At::Link(_), Some(b)) = (cause.place, &b) {
            known.insert((class, b.clone(), Some(a.clone())), cause);
        }
        known.insert((class, a, b), cause);
    }
    let mut truth = Truth::new();
    for answer in answers.cases {
        let wrong = truth.entry(answer.case).or_default();
        for w in answer.causes {
            let class = CLASSES.iter().map(|c| c.name).find(|c| *c == w.class);
            let cause = class.and_then(|class| known.get(&(class, w.a.clone(), w.b.clone())));
            let cause = cause.ok_or_else(|| unknown(&file, answer.case, &w, csr))?;
            wrong.insert(component(csr, answer.case, What::Cause(*cause)));
        }
    }
    Ok(truth)
}

/// The class, the node or the link that the network does not have.
fn unknown(file: &str, case: u32, wrong: &Wrong, csr: &Csr) -> InputError {
    let error = |what: String, expected: &str| InputError::new(file, Place::Whole, what, expected);
    let classes = CLASSES.map(|c| c.name);
    if !classes.contains(&wrong.class.as_str()) {
        let what = format!("case {case} has class `{}`", wrong.class);
        return error(what, &classes.join(", ")).with_nearest(&wrong.class, classes);
    }
    let nodes = || csr.node_names.iter().map(String::as_str);
    let ends = [Some(&wrong.a), wrong.b.as_ref()].into_iter().flatten();
    if let Some(name) = ends.into_iter().find(|end| !nodes().any(|n| n == end.as_str())) {
        return error(format!("case {case} has node `{name}`"), "a node of the network")
            .with_nearest(name, nodes());
    }
    let what = format!(
        "case {case} has {} of `{}` and `{}`",
        wrong.class,
        wrong.a,
        wrong.b.as_deref().unwrap_or("")
    );
    error(what, "two nodes with a link between them, or a node alone for a class of nodes")
}

fn component(csr: &Csr, case: u32, what: What) -> Component {
    let (class, a, b) = names(csr, what);
    Component { case, class: class.to_owned(), a, b }
}

/// Rankings beside the answers; incidents without an answer do not count. `components` is how many causes there are.
pub(crate) fn judged(csr: &Csr, truth: &Truth, verdicts: &BTreeMap<u32, Verdict>, components: u64) -> Judged {
    let mut judged = Judged { components, ..Judged::default() };
    for (case, verdict) in verdicts {
        let Some(wrong) = truth.get(case) else { continue };
        judged.cases.insert(*case);
        judged.truth.extend(wrong.iter().cloned());
        let causes = verdict.ranked.iter().filter(|r| matches!(r.what, What::Cause(_)));
        judged.causes.extend(causes.map(|r| (component(csr, *case, r.what), r.probability)));
    }
    judged
}
