//! Which probe would tell the causes apart? The one whose outcome is expected to say most.
//!
//! The sets of causes that a case leaves open each predict how many packets of a probe are lost on a known path. The
//! expected information gain of the probe is the mutual information of that number and the set:
//! H(Σ p(S) P(k | S)) − Σ p(S) H(P(k | S)) (Lindley, 1956). Candidates are the paths between hosts and the switches above
//! them that cross a link about which the sets disagree.

use std::collections::{BTreeMap, BTreeSet};

use super::topology::{Fabric, Link, Paths};
use super::verdict::{Verdict, What};

/// Packets of a proposed probe.
pub const PACKETS: u32 = 1_000;
/// Probes that are proposed at most.
const PROPOSED: usize = 3;
/// Less than this is not worth a probe, nats.
const LEAST: f64 = 0.01;
/// An outcome less probable than this does not count.
const NOTHING: f64 = 1e-18;
/// What a link of a device or group that has failed loses where that is not known.
const USUAL: f64 = 0.01;

/// A probe that would help.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Its path, node after node.
    pub nodes: Vec<u32>,
    /// Packets.
    pub packets: u32,
    /// Expected information gain, nats.
    pub gain: f64,
    /// The cause about which it says most.
    pub about: What,
    /// Packets that are lost, on average, if that is a cause.
    pub lost_if: f64,
    /// And if it is not.
    pub lost_if_not: f64,
}

/// The best probes for a case, best first; none where nothing is open.
pub fn propose(fabric: &Fabric, groups: &[Vec<Link>], verdict: &Verdict) -> Vec<Probe> {
    let total: f64 = verdict.sets.iter().map(|s| s.1).sum();
    if verdict.sets.len() < 2 || total <= 0.0 {
        return Vec::new();
    }
    let open = Open::new(fabric, groups, verdict, total);
    let gain = |path: Vec<Link>| (open.gain(&open.outcomes(&path)), open.nodes(fabric, &path), path);
    let mut paths: Vec<(f64, Vec<u32>, Vec<Link>)> =
        open.paths(fabric).into_values().map(gain).filter(|(gain, ..)| *gain >= LEAST).collect();
    paths.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    // One for each cause in question is enough.
    let mut kept: Vec<Probe> = Vec::new();
    for (gain, nodes, path) in paths {
        if kept.len() == PROPOSED {
            break;
        }
        if let Some((about, lost_if, lost_if_not)) = open.about(&open.outcomes(&path))
            && kept.iter().all(|k| k.about != about)
        {
            kept.push(Probe { nodes, packets: PACKETS, gain, about, lost_if, lost_if_not });
        }
    }
    kept
}

/// By link, with what probability a set of causes fails it, and what it then loses.
type Affected = BTreeMap<Link, (f64, f64)>;

/// What a case leaves open.
struct Open {
    /// Sets with their probabilities and what they do.
    sets: Vec<(Vec<What>, f64, Affected)>,
    /// Causes that have a name, each with the sets that it is in.
    named: Vec<(What, Vec<bool>)>,
    /// Links that a set fails.
    affected: BTreeSet<Link>,
    /// Those of them about which the sets disagree.
    disputed: BTreeSet<Link>,
    healthy: f64,
}

impl Open {
    fn new(fabric: &Fabric, groups: &[Vec<Link>], verdict: &Verdict, total: f64) -> Self {
        let severity =
            |what: What| verdict.causes.iter().find(|c| c.what == what).and_then(|c| c.severity).map(|s| s.0);
        let affected = |what: &What| -> Vec<(Link, (f64, f64))> {
            match what {
                What::LinkLoss(link) => vec![(*link, (1.0, severity(*what).unwrap_or(USUAL)))],
                What::Device(node) => {
                    let share = severity(*what).unwrap_or(1.0);
                    fabric.links_at(*node).into_iter().map(|l| (l, (share, USUAL))).collect()
                }
                What::Group(group) => {
                    let links = groups.get(*group as usize).map_or(&[][..], Vec::as_slice);
                    links.iter().map(|l| (*l, (1.0, USUAL))).collect()
                }
                _ => Vec::new(),
            }
        };
        let sets: Vec<(Vec<What>, f64, Affected)> = verdict
            .sets
            .iter()
            .map(|(set, p)| (set.clone(), p / total, set.iter().rev().flat_map(affected).collect()))
            .collect();
        let all: BTreeSet<Link> = sets.iter().flat_map(|s| s.2.keys().copied()).collect();
        let agreed = |link: &Link| sets.iter().all(|s| s.2.get(link) == sets[0].2.get(link));
        let disputed = all.iter().copied().filter(|l| !agreed(l)).collect();
        let named: BTreeSet<What> = sets.iter().flat_map(|s| s.0.iter().copied()).collect();
        let in_sets = |what: What| (what, sets.iter().map(|s| s.0.contains(&what)).collect());
        let named = named.into_iter().filter(|w| *w != What::Unknown).map(in_sets).collect();
        Self { sets, named, affected: all, disputed, healthy: verdict.healthy.clamp(0.0, 1.0) }
    }

    /// Paths between hosts and the switches above them, both ways, that cross a disputed link: of those with the same number
    /// of links and the same links that a set fails, on which the sets predict the same, the first.
    fn paths(&self, fabric: &Fabric) -> BTreeMap<(usize, Vec<Link>), Vec<Link>> {
        let near = self.neighbourhood(fabric);
        let leaves =
            |switch: u32| fabric.out(switch).iter().map(|l| fabric.ends(*l).1).filter(|n| fabric.is_leaf(*n));
        let is_suspect = |host: u32| fabric.links_at(host).iter().any(|l| self.disputed.contains(l));
        let mut hosts = BTreeSet::new();
        for switch in near.iter().copied().filter(|n| !fabric.is_leaf(*n)) {
            hosts.extend(leaves(switch).find(|h| !is_suspect(*h)));
            hosts.extend(leaves(switch).filter(|h| is_suspect(*h)));
        }
        let above: Vec<u32> =
            near.iter().copied().filter(|n| !fabric.is_leaf(*n) && leaves(*n).next().is_none()).collect();
        let mut routes = Paths::new(fabric);
        let mut paths = BTreeMap::new();
        for host in &hosts {
            for switch in &above {
                for (a, b) in [(*host, *switch), (*switch, *host)] {
                    let routes = routes.between(a, b);
                    for i in 0..routes.len() {
                        let affected: Vec<Link> =
                            routes.path(i).filter(|l| self.affected.contains(l)).collect();
                        if affected.iter().any(|l| self.disputed.contains(l)) {
                            let same = (routes.path(i).count(), affected);
                            paths.entry(same).or_insert_with(|| routes.path(i).collect());
                        }
                    }
                }
            }
        }
        paths
    }

    /// Nodes at disputed links, and their neighbours.
    fn neighbourhood(&self, fabric: &Fabric) -> BTreeSet<u32> {
        let ends = |links: &mut dyn Iterator<Item = Link>| -> BTreeSet<u32> {
            links.flat_map(|l| [fabric.ends(l).0, fabric.ends(l).1]).collect()
        };
        let at = ends(&mut self.disputed.iter().copied());
        let beside = at.iter().flat_map(|n| fabric.out(*n)).copied();
        // A host's switch leads on to those above it.
        let near = ends(&mut beside.filter(|l| !fabric.is_leaf(fabric.ends(*l).1)));
        at.union(&near).copied().collect()
    }

    /// By set, the probability of each number of lost packets.
    fn outcomes(&self, path: &[Link]) -> Vec<Vec<f64>> {
        self.sets.iter().map(|(set, _, of)| self.outcome(set, of, path)).collect()
    }

    /// The mutual information of the number of lost packets and the set, nats.
    fn gain(&self, outcomes: &[Vec<f64>]) -> f64 {
        let mut mixed = vec![0.0; PACKETS as usize + 1];
        for ((_, p, _), outcome) in self.sets.iter().zip(outcomes) {
            mixed.iter_mut().zip(outcome).for_each(|(m, o)| *m += p * o);
        }
        let own: f64 = self.sets.iter().zip(outcomes).map(|((_, p, _), o)| p * entropy(o)).sum();
        (entropy(&mixed) - own).max(0.0)
    }

    fn nodes(&self, fabric: &Fabric, path: &[Link]) -> Vec<u32> {
        let first = path.iter().take(1).map(|l| fabric.ends(*l).0);
        first.chain(path.iter().map(|l| fabric.ends(*l).1)).collect()
    }

    /// The probability of each number of lost packets if these are the causes.
    fn outcome(&self, set: &[What], of: &BTreeMap<Link, (f64, f64)>, path: &[Link]) -> Vec<f64> {
        // Each link of a device fails or does not: rates of the path with their weights.
        let mut rates = vec![(1.0, 1.0)];
        for link in path {
            let (share, rate) = of.get(link).copied().unwrap_or((0.0, 0.0));
            let mut next = Vec::with_capacity(rates.len() * 2);
            for (weight, passes) in rates {
                for (part, loss) in [(share, rate), (1.0 - share, self.healthy)] {
                    if part > 0.0 {
                        next.push((weight * part, passes * (1.0 - loss)));
                    }
                }
            }
            rates = next;
        }
        let mut outcome = vec![0.0; PACKETS as usize + 1];
        for (weight, passes) in rates {
            binomial(1.0 - passes, |k, p| outcome[k] += weight * p);
        }
        if set.contains(&What::Unknown) {
            // Whatever it is, it may do anything here, or nothing.
            let even = 0.5 / outcome.len() as f64;
            outcome.iter_mut().for_each(|p| *p = 0.5 * *p + even);
        }
        outcome
    }

    /// The cause whose presence changes the expected loss most, and that loss with and without it.
    fn about(&self, outcomes: &[Vec<f64>]) -> Option<(What, f64, f64)> {
        let mean = |o: &[f64]| o.iter().enumerate().map(|(k, p)| k as f64 * p).sum::<f64>();
        let means: Vec<f64> = outcomes.iter().map(|o| mean(o)).collect();
        let split = |(what, in_set): &(What, Vec<bool>)| -> Option<(What, f64, f64)> {
            let average = |with: bool| {
                let part = self.sets.iter().zip(&means).zip(in_set).filter(|(_, has)| **has == with);
                let (mass, sum) =
                    part.fold((0.0, 0.0), |(m, s), (((_, p, _), mean), _)| (m + p, s + p * mean));
                (mass > 0.0).then_some(sum / mass)
            };
            Some((*what, average(true)?, average(false)?))
        };
        let apart = |s: &(What, f64, f64)| (s.1 - s.2).abs();
        let splits = self.named.iter().filter_map(split);
        splits.max_by(|a, b| apart(a).total_cmp(&apart(b)).then(b.0.cmp(&a.0)))
    }
}

/// The numbers of losses among [`PACKETS`] with their probabilities, from the most probable on to both sides until next to
/// nothing is left: each follows from its neighbour.
fn binomial(rate: f64, mut each: impl FnMut(usize, f64)) {
    let n = f64::from(PACKETS);
    if rate <= 0.0 || rate >= 1.0 {
        return each(if rate <= 0.0 { 0 } else { PACKETS as usize }, 1.0);
    }
    let mode = ((n + 1.0) * rate).min(n) as u32;
    let ways = |k: f64| libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0);
    let at = f64::from(mode);
    let top = libm::exp(ways(at) + at * libm::log(rate) + (n - at) * libm::log1p(-rate));
    let odds = rate / (1.0 - rate);
    let mut p = top;
    for k in mode..=PACKETS {
        each(k as usize, p);
        p *= f64::from(PACKETS - k) / f64::from(k + 1) * odds;
        if p < NOTHING {
            break;
        }
    }
    p = top;
    for k in (1..=mode).rev() {
        p *= f64::from(k) / f64::from(PACKETS - k + 1) / odds;
        if p < NOTHING {
            break;
        }
        each(k as usize - 1, p);
    }
}

fn entropy(p: &[f64]) -> f64 {
    p.iter().filter(|p| **p > 0.0).map(|p| -p * libm::log(*p)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::verdict::Cause;
    use super::*;

    /// Two hosts on a switch, two switches above it, all links in both directions.
    fn fabric() -> Fabric {
        let pairs = [(10, 1), (11, 1), (1, 5), (1, 6), (5, 2), (6, 2), (12, 2)];
        let both: Vec<(u32, u32)> = pairs.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]).collect();
        Fabric::new(&both)
    }

    fn link(fabric: &Fabric, a: u32, b: u32) -> Link {
        fabric.link(fabric.node(a).unwrap(), fabric.node(b).unwrap()).unwrap()
    }

    fn verdict(sets: Vec<(Vec<What>, f64)>, rate: f64) -> Verdict {
        let named: BTreeSet<What> = sets.iter().flat_map(|s| s.0.clone()).collect();
        let cause = |what| Cause { severity: Some((rate, rate, rate)), ..Cause::plain(what, 0.5) };
        Verdict {
            causes: named.into_iter().map(cause).collect(),
            sets,
            diagnostics: Vec::new(),
            reports: 0,
            healthy: 0.0,
            p_value: 1.0,
        }
    }

    #[test]
    fn two_links_on_the_same_flows_are_told_apart_by_a_probe_over_one_of_them() {
        let fabric = fabric();
        let (host, up) = (link(&fabric, 10, 1), link(&fabric, 1, 5));
        let sets = vec![(vec![What::LinkLoss(host)], 0.5), (vec![What::LinkLoss(up)], 0.5)];
        let probes = propose(&fabric, &[], &verdict(sets, 0.05));
        let first = &probes[0];
        // 1,000 packets at 5 % are never all delivered: the outcome says all there is to say, ln 2.
        assert!((first.gain - std::f64::consts::LN_2).abs() < 1e-6, "{first:?}");
        let names: Vec<u32> = first.nodes.iter().map(|n| fabric.name(*n)).collect();
        assert!(names.contains(&10) != names.windows(2).any(|w| w == [1, 5]), "{names:?}");
        assert!((first.lost_if - first.lost_if_not).abs() > 40.0);
    }

    #[test]
    fn numbers_of_losses_have_their_binomial_probabilities() {
        for rate in [0.0, 1e-6, 3e-3, 0.4, 0.9995, 1.0] {
            let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
            binomial(rate, |k, p| {
                sum += p;
                mean += k as f64 * p;
                square += (k * k) as f64 * p;
            });
            let variance = 1_000.0 * rate * (1.0 - rate);
            assert!((sum - 1.0).abs() < 1e-11, "{rate}: {sum}");
            assert!((mean - 1_000.0 * rate).abs() < 1e-8, "{rate}: {mean}");
            assert!((square - mean * mean - variance).abs() < 1e-5, "{rate}: {square}");
        }
    }

    #[test]
    fn what_is_certain_needs_no_probe() {
        let fabric = fabric();
        let known = vec![What::LinkLoss(link(&fabric, 1, 5))];
        assert!(propose(&fabric, &[], &verdict(vec![(known.clone(), 1.0)], 0.05)).is_empty());
        assert!(propose(&fabric, &[], &verdict(vec![(known, 0.9995), (vec![], 0.0005)], 0.05)).is_empty());
    }

    #[test]
    fn the_gain_is_the_mutual_information_by_full_enumeration() {
        let fabric = fabric();
        let up = link(&fabric, 1, 5);
        let (p, rate) = (0.3, 0.001_f64);
        let probes =
            propose(&fabric, &[], &verdict(vec![(vec![What::LinkLoss(up)], p), (vec![], 1.0 - p)], rate));
        // Nothing is ever lost without the cause, so that k > 0 proves it.
        let silent = libm::pow(1.0 - rate, 1_000.0);
        let h = |q: f64| -q * q.ln() - (1.0 - q) * (1.0 - q).ln();
        let none_lost = p * silent + (1.0 - p);
        let expected = h(p) - none_lost * h(p * silent / none_lost);
        assert!((probes[0].gain - expected).abs() < 1e-9, "{} for {expected}", probes[0].gain);
    }
}
