//! What is left of a bundle when members of it are down.

use std::borrow::Cow;

use twin::{ArcId, BitsPerSec, Csr, LinkId};

use super::FailureSet;

/// The bundles that a failure set hits. Members are alike: with `up` of `n` of them a bundle has `up / n` of its capacity,
/// and below its smallest number of members it is down as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    /// Bundles that miss members and are up, by number, with the number of members that they still have; ascending.
    pub(super) thin: Vec<(usize, u32)>,
    /// Links of the bundles that are down because too few members are up; ascending by bundle.
    pub(super) down: Vec<LinkId>,
    /// Arcs of bundles that miss members, and what share of their capacity is left.
    pub(super) left: Vec<(ArcId, f64)>,
}

impl Members {
    /// Forgets what was, and looks at a set.
    pub(super) fn see(&mut self, csr: &Csr, set: &FailureSet) {
        self.thin.clear();
        self.down.clear();
        self.left.clear();
        if csr.bundles.is_empty() {
            return;
        }
        for number in set.links().iter().filter_map(|link| csr.bundle_of(*link)) {
            let members = csr.bundles[number].members.len() as u32;
            match self.thin.iter_mut().find(|(bundle, _)| *bundle == number) {
                Some((_, up)) => *up -= 1,
                None => self.thin.push((number, members - 1)),
            }
        }
        self.thin.sort_unstable();
        let Self { thin, down, left } = self;
        thin.retain(|(number, up)| {
            let bundle = &csr.bundles[*number];
            if *up < bundle.min_links {
                down.push(bundle.link);
                return false;
            }
            let share = f64::from(*up) / bundle.members.len() as f64;
            left.extend(csr.link_arcs[bundle.link.index()].iter().map(|arc| (*arc, share)));
            true
        });
    }

    /// What share of an arc's capacity is left.
    pub(super) fn left_of(&self, arc: ArcId) -> f64 {
        self.left.iter().find(|(thin, _)| *thin == arc).map_or(1.0, |(_, share)| *share)
    }
}

/// By arc, what share of its capacity is left: 1 but for bundles that miss members.
pub(super) fn shares_left(csr: &Csr, set: &FailureSet) -> Vec<f64> {
    let mut members = Members::default();
    members.see(csr, set);
    let mut shares = vec![1.0; csr.arc_count()];
    members.left.iter().for_each(|(arc, share)| shares[arc.index()] = *share);
    shares
}

/// The network with what is left of the capacity of its bundles.
pub(super) fn capacity_left<'c>(csr: &'c Csr, set: &FailureSet) -> Cow<'c, Csr> {
    let mut members = Members::default();
    members.see(csr, set);
    if members.left.is_empty() {
        return Cow::Borrowed(csr);
    }
    let mut left = csr.clone();
    for (arc, share) in &members.left {
        let capacity = &mut left.capacity[arc.index()];
        *capacity = BitsPerSec::new((capacity.as_f64() * share) as u64).unwrap_or(*capacity);
    }
    Cow::Owned(left)
}
