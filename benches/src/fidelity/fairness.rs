//! Max-min fair rates of flows that can be shared out by hand.

use models::fluid::{GroupId, MaxMin};
use twin::ArcId;

use super::{Check, Scale};

/// Row 10. Each case is computed on its own, and as the change of capacities that leads from the other to it.
pub(super) fn checks(_: Scale) -> Vec<Check> {
    let cases = [([1.0, 1.0], [0.5, 0.5, 0.5]), ([1.0, 2.0], [0.5, 0.5, 1.5])];
    let mut changed = Line::new(cases[1].0);
    let mut checks = Vec::new();
    for (capacities, expected) in cases {
        changed.set(capacities);
        for (line, how) in [(&Line::new(capacities), "anew"), (&changed, "after a change")] {
            let [first, second] = capacities;
            let what = format!("max-min, capacities {first} and {second}, {how}: rates");
            checks.push(line.check(what, expected));
        }
    }
    checks
}

const TOLERANCE: f64 = 1e-9;
const PATHS: [&[ArcId]; 3] = [&[ArcId(0), ArcId(1)], &[ArcId(0)], &[ArcId(1)]];

/// Two links in series with a flow over both, one over the first, and one over the second.
struct Line {
    capacities: [f64; 2],
    groups: [GroupId; 3],
    net: MaxMin,
}

impl Line {
    fn new(capacities: [f64; 2]) -> Self {
        let mut net = MaxMin::new(capacities);
        let groups = PATHS.map(|path| net.add_group(path, 1, f64::INFINITY));
        groups.iter().for_each(|group| net.set_flows(*group, 1));
        net.share();
        Self { capacities, groups, net }
    }

    fn set(&mut self, capacities: [f64; 2]) {
        self.capacities = capacities;
        (0..).zip(capacities).for_each(|(link, capacity)| self.net.set_capacity(ArcId(link), capacity));
        self.net.share();
    }

    /// The rates are the expected ones, and by themselves max-min fair.
    fn check(&self, what: String, expected: [f64; 3]) -> Check {
        let rates = self.groups.map(|group| self.net.rate(group));
        let near = rates.iter().zip(expected).all(|(rate, e)| (rate - e).abs() <= TOLERANCE);
        let text = |rates: [f64; 3]| rates.map(|r| format!("{r}")).join(" ");
        Check {
            row: 10,
            what,
            expected: text(expected),
            measured: text(rates),
            tolerance: format!("{TOLERANCE:e}"),
            pass: near && is_fair(rates, self.capacities),
        }
    }
}

/// Whether no link carries more than it can, and each flow crosses a full link on which no flow has more (Bertsekas and
/// Gallager, "Data Networks", §6.5.2).
fn is_fair(rates: [f64; 3], capacities: [f64; 2]) -> bool {
    let on = |link: usize| (0..3).filter(move |flow| PATHS[*flow].contains(&ArcId(link as u32)));
    let left = |link: usize| capacities[link] - on(link).map(|flow| rates[flow]).sum::<f64>();
    let holds_back = |link: usize, flow: usize| {
        left(link) <= TOLERANCE && on(link).all(|other| rates[other] <= rates[flow] + TOLERANCE)
    };
    let within = (0..2).all(|link| left(link) >= -TOLERANCE);
    within && (0..3).all(|flow| PATHS[flow].iter().any(|link| holds_back(link.index(), flow)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_fair_only_if_full_links_hold_them_back() {
        assert!(is_fair([0.5, 0.5, 1.5], [1.0, 2.0]));
        assert!(!is_fair([0.5, 0.5, 1.4], [1.0, 2.0]), "room is left");
        assert!(!is_fair([0.6, 0.5, 1.4], [1.0, 2.0]), "too much on the first link");
        assert!(!is_fair([0.4, 0.6, 1.6], [1.0, 2.0]), "who has less could have more");
    }
}
