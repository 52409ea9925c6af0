//! Maintenance: what is down on purpose, at instants that are known in advance.

use std::collections::BTreeMap;

use super::YEAR_H;
use crate::planning::FailureSet;

/// Something that is taken down on purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What is down.
    pub out: FailureSet,
    /// When.
    pub when: When,
}

/// When something is taken down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// From an hour to another, on any clock that all of a schedule share. Windows may overlap.
    Between(f64, f64),
    /// So many hours of a year, never together with anything else.
    Hours(f64),
}

/// A part of the time, and what is out on purpose then.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// The share of time, above 0.
    pub share: f64,
    /// What is out.
    pub out: FailureSet,
}

/// More maintenance than a year has hours.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} hours of maintenance in a year of 8766")]
pub struct TooLong(pub f64);

/// The parts of a year by what is out then, the empty set first; each set once. The shares are 1 together.
///
/// # Errors
/// If a year is too short for it.
pub fn phases(planned: &[Planned]) -> Result<Vec<Phase>, TooLong> {
    let mut hours: BTreeMap<FailureSet, f64> = BTreeMap::new();
    let mut add = |out: &FailureSet, h: f64| *hours.entry(out.clone()).or_default() += h;
    let between: Vec<_> = planned
        .iter()
        .filter_map(|p| match p.when {
            When::Between(from, until) => Some((from, until, &p.out)),
            When::Hours(h) => {
                add(&p.out, h);
                None
            }
        })
        .collect();
    let mut cuts: Vec<_> = between.iter().flat_map(|(from, until, _)| [*from, *until]).collect();
    cuts.sort_by(f64::total_cmp);
    for cut in cuts.windows(2) {
        let open = between.iter().filter(|(from, until, _)| *from <= cut[0] && cut[1] <= *until);
        let out = open.map(|(_, _, out)| *out).fold(None, |all: Option<FailureSet>, out| {
            Some(all.map_or_else(|| out.clone(), |all| all.union(out)))
        });
        if let Some(out) = out {
            add(&out, cut[1] - cut[0]);
        }
    }
    let busy: f64 = hours.values().sum();
    if busy > YEAR_H {
        return Err(TooLong(busy));
    }
    *hours.entry(FailureSet::default()).or_default() += YEAR_H - busy;
    hours.retain(|_, h| *h > 0.0);
    Ok(hours.into_iter().map(|(out, h)| Phase { share: h / YEAR_H, out }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use twin::LinkId;

    fn links(links: &[u32]) -> FailureSet {
        FailureSet::new(links.iter().copied().map(LinkId).collect(), Vec::new())
    }

    #[test]
    fn windows_that_overlap_are_out_together_and_others_never_are() {
        let between = |link, from, until| Planned { out: links(&[link]), when: When::Between(from, until) };
        let planned = [
            between(1, 10.0, 14.0),
            between(2, 12.0, 15.0),
            between(1, 100.0, 101.0),
            between(3, 7.0, 7.0),
            Planned { out: links(&[2]), when: When::Hours(8.0) },
        ];
        let found = phases(&planned).unwrap();
        let hours: Vec<_> =
            found.iter().map(|p| (p.out.clone(), (p.share * YEAR_H * 1e6).round() / 1e6)).collect();
        let wanted =
            [(links(&[]), YEAR_H - 14.0), (links(&[1]), 3.0), (links(&[1, 2]), 2.0), (links(&[2]), 9.0)];
        assert_eq!(hours, wanted);
        assert!((found.iter().map(|p| p.share).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_planned_is_one_phase_and_a_year_has_an_end() {
        assert_eq!(phases(&[]), Ok(vec![Phase { share: 1.0, out: links(&[]) }]));
        let all = Planned { out: links(&[1]), when: When::Hours(YEAR_H) };
        assert_eq!(phases(std::slice::from_ref(&all)), Ok(vec![Phase { share: 1.0, out: links(&[1]) }]));
        assert_eq!(phases(&[all.clone(), all]), Err(TooLong(2.0 * YEAR_H)));
    }
}
