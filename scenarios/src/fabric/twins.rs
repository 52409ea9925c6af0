//! Links that the data cannot tell apart: whichever of two fails, all that was seen is as probable.

use std::collections::BTreeMap;

use super::fit::Fit;
use super::rates::VALUES;
use super::topology::Link;
use super::verdict::{Cause, What};

/// Log-likelihoods that differ by less than this are the same.
const SAME: f64 = 1e-6;

/// Marks each link that has a twin earlier in the list. Twins may be on equally many paths of the same lossy flows, and each of
/// their rates makes the data as probable as the other's, both being healthy otherwise. Where a flow's path is known, that is
/// the same path; where it is not, any of those that the flow may have taken.
pub(super) fn mark(causes: &mut [Cause], fit: &mut Fit<'_>) {
    let mut alike = BTreeMap::<Vec<(u32, usize)>, Vec<(u32, Link)>>::new();
    for (i, cause) in (0u32..).zip(causes) {
        let What::LinkLoss(link) = cause.what else { continue };
        let uses = fit.uses(link).chunk_by(|a, b| a.flow == b.flow);
        let firsts = alike.entry(uses.map(|u| (u[0].flow, u.len())).collect()).or_default();
        match firsts.iter().find(|(_, first)| same(fit, *first, link)) {
            Some((first, _)) => cause.same_as = Some(*first),
            None => firsts.push((i, link)),
        }
    }
}

/// Whether the data are as probable with the one's rate as with the other's.
fn same(fit: &mut Fit<'_>, a: Link, b: Link) -> bool {
    let before = [a, b].map(|l| fit.value[l as usize]);
    let usual = fit.rates.usual();
    [a, b].into_iter().for_each(|l| fit.set(l, usual));
    let of = |link: Link| -> [f64; VALUES] {
        let values = fit.values(link);
        values.map(|v| v - values[usize::from(usual)])
    };
    let close = of(a).into_iter().zip(of(b)).all(|(x, y)| (x - y).abs() < SAME * (1.0 + x.abs()));
    [a, b].into_iter().zip(before).for_each(|(l, value)| fit.set(l, value));
    close
}

#[cfg(test)]
mod tests {
    use super::super::flows::{Flows, Report};
    use super::super::topology::{Fabric, Paths};
    use super::*;

    /// Two racks under two spines, two hosts each.
    fn fabric() -> Fabric {
        let cables = [(0, 10), (0, 11), (1, 10), (1, 11), (100, 0), (101, 0), (102, 1), (103, 1)];
        let links: Vec<_> = cables.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        Fabric::new(&links)
    }

    /// Of the links of a flow from host 100 to host 102 the first twin of each, by the names of its ends.
    fn twins(reports: &[Report], of: &[(u32, u32)]) -> Vec<Option<u32>> {
        let fabric = fabric();
        let link = |a, b| fabric.link(fabric.node(a).unwrap(), fabric.node(b).unwrap()).unwrap();
        let flows = Flows::compile(&fabric, &mut Paths::new(&fabric), reports, false);
        let mut fit = Fit::new(&flows, fabric.link_count(), &[]);
        let mut causes: Vec<Cause> =
            of.iter().map(|(a, b)| Cause::plain(What::LinkLoss(link(*a, *b)), 0.1)).collect();
        // A rate that one of them has must not matter.
        fit.set(link(of[0].0, of[0].1), 40);
        mark(&mut causes, &mut fit);
        causes.into_iter().map(|c| c.same_as).collect()
    }

    #[test]
    fn ways_that_a_flow_may_have_taken_are_twins_until_a_path_is_known() {
        let report = |src, dst, path, lost| Report { src, dst, path, sent: 100, lost };
        let ways = [(0, 10), (0, 11), (10, 1), (11, 1)];
        let hidden = [report(100, 102, None, 3), report(101, 103, None, 0), report(100, 103, None, 1)];
        assert_eq!(twins(&hidden, &ways), [None, Some(0), Some(0), Some(0)]);
        // A probe that the first spine let through.
        let told = [hidden[0], hidden[1], hidden[2], report(101, 102, Some(0), 0)];
        assert_eq!(twins(&told, &ways), [None, None, Some(0), Some(1)]);
        // On known paths links in a row are twins, hosts' links that carry more are not.
        let known = [report(100, 102, Some(0), 3), report(100, 103, Some(1), 0)];
        assert_eq!(twins(&known, &[(0, 10), (10, 1), (100, 0)]), [None, Some(0), None]);
    }
}
