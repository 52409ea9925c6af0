//! The search for the most probable set: levels of ever larger sets, the best fifty of each.

use std::collections::BTreeSet;

use super::{Hypothesis, Model};

/// Hypotheses of a level, and extensions of each.
const BEAM: usize = 50;
/// Sets whose score is within this of the best are all reported.
const EQUAL: f64 = 1e-3;

/// The components of all sets that are as good as the best, in order. Levels end when one does not improve.
pub fn search(model: &Model) -> Vec<u32> {
    let mut level = vec![Hypothesis::none(model)];
    let mut best: Vec<(f64, Vec<u32>)> = vec![(0.0, Vec::new())];
    loop {
        let top = best[0].0;
        level = extend(model, &level);
        best.extend(level.iter().map(|h| (h.score, h.failed.clone())));
        best.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        best.truncate(BEAM);
        if best[0].0 <= top {
            break;
        }
    }
    let equal = best.iter().filter(|(score, _)| *score >= best[0].0 - EQUAL);
    let united: BTreeSet<u32> = equal.flat_map(|(_, set)| set).copied().collect();
    united.into_iter().collect()
}

/// The best sets with one component more.
fn extend(model: &Model, level: &[Hypothesis]) -> Vec<Hypothesis> {
    let mut candidates: Vec<(f64, usize, u32)> = Vec::new();
    for (i, hypothesis) in level.iter().enumerate() {
        let score = |c: u32| hypothesis.score + hypothesis.gain[c as usize] + model.log_prior(c);
        let others = (0..model.components as u32).filter(|c| hypothesis.failed.binary_search(c).is_err());
        let mut best: Vec<(f64, usize, u32)> = others.map(|c| (score(c), i, c)).collect();
        let n = BEAM.min(best.len());
        if n < best.len() {
            best.select_nth_unstable_by(n, |a, b| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2)));
        }
        candidates.extend(&best[..n]);
    }
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut seen = BTreeSet::new();
    let mut next: Vec<Hypothesis> = Vec::new();
    for (_, i, component) in candidates {
        if next.len() == BEAM {
            break;
        }
        let mut set = level[i].failed.clone();
        set.push(component);
        set.sort_unstable();
        if seen.insert(set) {
            let mut hypothesis = level[i].clone();
            hypothesis.fail(model, component);
            next.push(hypothesis);
        }
    }
    next
}
