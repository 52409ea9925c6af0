//! The cheapest upgrades after which no failure fills a link beyond a limit.
//!
//! More capacity moves no traffic while metrics stay, so what a link must carry in the worst case is known, and every link
//! is a purchase of its own: modules, any number of each, of the least total cost that reach the capacity it needs. No other
//! upgrades on the same paths cost less. The fullest link comes first, so that each step lowers the maximum utilisation.
//! How much of the cost is due to whole modules is told by [`Advice::any_amount`], how much to the routing by
//! [`upgrade_bound`](super::upgrade_bound()).

use twin::{ArcId, BitsPerSec, Csr, LinkId};

use super::{Cause, FailureList, Plan, sweep, utilization};

/// Capacity that can be bought for a link, any number of times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Module {
    /// What it adds in both directions.
    pub capacity: BitsPerSec,
    /// Its price, in the unit of whoever set it.
    pub cost: f64,
}

/// One purchase.
#[derive(Clone, Debug, PartialEq)]
pub struct Upgrade {
    /// The link.
    pub link: LinkId,
    /// Its fuller arc in the worst scenario.
    pub arc: ArcId,
    /// The scenario that fills it.
    pub scenario: u32,
    /// Its utilisation there before.
    pub util: f64,
    /// What is added in both directions.
    pub added: BitsPerSec,
    /// The price.
    pub cost: f64,
    /// The maximum utilisation over all arcs and scenarios after this step.
    pub max_util: f64,
}

/// Upgrades that restore a limit.
#[derive(Clone, Debug)]
pub struct Advice {
    /// The steps, fullest link first.
    pub upgrades: Vec<Upgrade>,
    /// Links beyond the limit for which nothing can be bought.
    pub stuck: Vec<LinkId>,
    /// No upgrades that restore the limit on the same paths cost less. It is the price of all steps, but where a link
    /// needs more than a million times the greatest common divisor of its modules.
    pub at_least: f64,
    /// What the steps would cost if capacity were sold in any amount, at the price of the module that is cheapest for its
    /// size.
    pub any_amount: f64,
    /// The network with these capacities.
    pub upgraded: Csr,
}

impl Advice {
    /// The price of all steps.
    pub fn cost(&self) -> f64 {
        self.upgrades.iter().fold(0.0, |sum, u| sum + u.cost)
    }
}

/// Finds the cheapest upgrades, given what can be bought for each link. The base is among the scenarios.
///
/// # Panics
/// If the limit is not above 0, or if there is not a list of modules for each link.
pub fn cheapest_upgrades(plan: &Plan<'_>, list: &FailureList, modules: &[Vec<Module>], limit: f64) -> Advice {
    let csr = plan.csr();
    assert!(limit > 0.0 && modules.len() == csr.link_count(), "a limit above 0 and modules for each link");
    let needs = needs(plan, list);
    let mut advice = Advice {
        upgrades: Vec::new(),
        stuck: Vec::new(),
        at_least: 0.0,
        any_amount: 0.0,
        upgraded: csr.clone(),
    };
    for need in needs.iter().take_while(|n| n.util > limit) {
        let link = csr.link[need.arc.index()];
        let Some(purchase) = cheapest_cover(&modules[link.index()], need.missing(csr, limit)) else {
            advice.stuck.push(link);
            continue;
        };
        let Purchase { added, cost, any_amount, is_cheapest } = purchase;
        advice.at_least += if is_cheapest { cost } else { any_amount };
        advice.any_amount += any_amount;
        for (arc, _) in &need.loads {
            let capacity = &mut advice.upgraded.capacity[arc.index()];
            *capacity = BitsPerSec::new(capacity.get().saturating_add(added.get())).unwrap_or(*capacity);
        }
        let max_util = needs.iter().map(|n| n.util_with(&advice.upgraded)).fold(0.0, f64::max);
        let Need { arc, scenario, util, .. } = *need;
        advice.upgrades.push(Upgrade { link, arc, scenario, util, added, cost, max_util });
    }
    advice
}

/// What a link must carry in the worst scenarios.
struct Need {
    /// Its arc that gets fuller.
    arc: ArcId,
    /// The scenario that does it.
    scenario: u32,
    /// The utilisation there.
    util: f64,
    /// The largest load of each arc in bit/s.
    loads: Vec<(ArcId, f64)>,
}

impl Need {
    /// Its largest utilisation with these capacities.
    fn util_with(&self, csr: &Csr) -> f64 {
        let util = |(arc, load): &(ArcId, f64)| utilization(*load, csr.capacity[arc.index()].as_f64());
        self.loads.iter().map(util).fold(0.0, f64::max)
    }

    /// The capacity in bit/s that both directions need more.
    fn missing(&self, csr: &Csr, limit: f64) -> u64 {
        let lacks = |(arc, load): &(ArcId, f64)| (load / limit).ceil() - csr.capacity[arc.index()].as_f64();
        self.loads.iter().map(lacks).fold(0.0, f64::max) as u64
    }
}

/// The needs of all links, fullest first.
fn needs(plan: &Plan<'_>, list: &FailureList) -> Vec<Need> {
    let csr = plan.csr();
    let worst = sweep(plan, list, 0..list.len(), |_| Ok::<_, std::convert::Infallible>(()));
    let worst = worst.unwrap_or_else(|never| match never {});
    let of_arc = |arc: &ArcId| {
        let base = Cause { util: plan.base_util(*arc), scenario: 0 };
        worst.of(*arc).first().copied().filter(|cause| cause.util > base.util).unwrap_or(base)
    };
    let need = |arcs: &Vec<ArcId>| {
        let causes: Vec<_> = arcs.iter().map(|arc| (*arc, of_arc(arc))).collect();
        let fuller =
            |a: &&(ArcId, Cause), b: &&(ArcId, Cause)| a.1.util.total_cmp(&b.1.util).then(b.0.cmp(&a.0));
        let (arc, Cause { util, scenario }) = *causes.iter().max_by(fuller)?;
        let load = |(arc, cause): &(ArcId, Cause)| (*arc, cause.util * csr.capacity[arc.index()].as_f64());
        Some(Need { arc, scenario, util, loads: causes.iter().map(load).collect() })
    };
    let mut needs: Vec<_> = csr.link_arcs.iter().filter_map(need).collect();
    needs.sort_by(|a, b| b.util.total_cmp(&a.util).then(a.arc.cmp(&b.arc)));
    needs
}

/// Numbers of capacity units that are told apart in a purchase.
const RESOLUTION: u64 = 1_000_000;

/// Modules for one link.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Purchase {
    added: BitsPerSec,
    cost: f64,
    /// The cost of just what is missing at the lowest price for its size.
    any_amount: f64,
    /// Whether no other modules that add up to as much as is missing cost less.
    is_cheapest: bool,
}

/// The modules of least total cost that add up to at least `missing` bit/s; `None` without modules. Exact where `missing`
/// is at most 10^6 times the greatest common divisor of the capacities; beyond that they count in steps of a millionth of
/// it, and the answer may cost a little more than it must.
fn cheapest_cover(modules: &[Module], missing: u64) -> Option<Purchase> {
    let divisor = modules.iter().map(|m| m.capacity.get()).fold(0, gcd);
    let unit = divisor.max(missing.div_ceil(RESOLUTION)).max(1);
    let rate = |m: &Module| m.cost / m.capacity.as_f64();
    let best = modules.iter().min_by(|a, b| rate(a).total_cmp(&rate(b)))?;
    let any_amount = rate(best) * missing as f64;
    let offers: Vec<_> =
        modules.iter().map(|m| ((m.capacity.get() / unit) as usize, m)).filter(|(n, _)| *n > 0).collect();
    if offers.is_empty() {
        // A module smaller than a millionth of what is missing: as many of the one that is cheapest for its size.
        let count = missing.div_ceil(best.capacity.get());
        let added = BitsPerSec::new(best.capacity.get().saturating_mul(count))?;
        return Some(Purchase { added, cost: best.cost * count as f64, any_amount, is_cheapest: false });
    }
    // The cheapest way to reach each number of units, and the module that it ends with.
    let mut cheapest: Vec<(f64, usize)> = vec![(0.0, 0)];
    for units in 1..=missing.div_ceil(unit) as usize {
        let cost =
            |(i, (n, m)): (usize, &(usize, &Module))| (m.cost + cheapest[units.saturating_sub(*n)].0, i);
        let best =
            offers.iter().enumerate().map(cost).min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
        cheapest.push(best);
    }
    let (mut left, mut added) = (cheapest.len() - 1, 0u64);
    while left > 0 {
        let (n, module) = offers[cheapest[left].1];
        added = added.saturating_add(module.capacity.get());
        left = left.saturating_sub(n);
    }
    let cost = cheapest.last()?.0;
    Some(Purchase { added: BitsPerSec::new(added)?, cost, any_amount, is_cheapest: unit == divisor })
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn module(capacity: u64, cost: f64) -> Module {
        Module { capacity: BitsPerSec::new(capacity).unwrap(), cost }
    }

    /// Every way to buy up to so many of each.
    fn by_trying(modules: &[(u64, u32)], missing: u64) -> u32 {
        match modules {
            _ if missing == 0 => 0,
            [] => u32::MAX,
            [(capacity, cost), rest @ ..] => (0..=missing.div_ceil(*capacity))
                .map(|n| {
                    by_trying(rest, missing.saturating_sub(n * capacity)).saturating_add(n as u32 * cost)
                })
                .min()
                .unwrap(),
        }
    }

    proptest! {
        #[test]
        fn a_purchase_is_the_cheapest_of_all(
            modules in prop::collection::vec((1u64..9, 1u32..50), 1..4),
            missing in 1u64..30,
        ) {
            let offers: Vec<_> = modules.iter().map(|(n, cost)| module(*n, f64::from(*cost))).collect();
            let bought = cheapest_cover(&offers, missing).unwrap();
            prop_assert!(bought.is_cheapest && bought.added.get() >= missing);
            prop_assert_eq!(bought.cost, f64::from(by_trying(&modules, missing)));
            prop_assert!(bought.any_amount <= bought.cost * (1.0 + 1e-12));
        }
    }

    #[test]
    fn without_modules_nothing_is_bought_and_huge_needs_are_met() {
        assert_eq!(cheapest_cover(&[], 5), None);
        let bought = cheapest_cover(&[module(3, 2.0)], 3_000_000_001).unwrap();
        assert!(bought.added.get() >= 3_000_000_001 && !bought.is_cheapest);
        assert!((bought.cost / 2e9 - 1.0).abs() < 1e-5 && bought.any_amount <= bought.cost, "{bought:?}");
    }
}
