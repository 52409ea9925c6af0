//! The standing opponent of root-cause ranking: Flock's inference (Harsh et al., CoNEXT 2023), from its published formulas.
//!
//! One yes or no for each directed link and each device; a failed component loses `bad` of what crosses it, a path without
//! one `good`. A flow of which `s` packets arrived and `r` were lost, on `w` equally likely paths of which `m` hold a failed
//! component, changes the log-likelihood by ln(1 − m/w + m/w · (bad/good)^r · ((1 − bad)/(1 − good))^s) against no failure.

mod gibbs;
mod search;

pub use gibbs::marginals;
pub use search::search;

use std::collections::BTreeMap;

use scenarios::fabric::flows::Report;
use scenarios::fabric::topology::{Fabric, Paths};

/// A set of paths of a flow by bit: at most 128 count.
type Ways = u128;

/// The constants of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constants {
    /// What a failed component loses.
    pub bad: f64,
    /// What a path without one loses.
    pub good: f64,
    /// Log prior odds of a failed link; a device has five times that.
    pub log_prior: f64,
}

impl Constants {
    /// As published for a telemetry mode.
    pub fn published(mode: &str) -> Self {
        let (bad, good, log_prior) = match mode {
            "INT" => (0.003, 2e-4, -15.0),
            "A2" => (0.007, 3e-4, -35.0),
            "A1" => (5e-4, 1.75e-4, -4.0),
            "P" | "A1+P" => (0.006, 3e-4, -5.0),
            _ => (0.002, 3e-4, -15.0),
        };
        Self { bad, good, log_prior }
    }

    /// Tuned with the answers to the shared cases, INT.
    pub const TUNED: Self = Self { bad: 0.004, good: 1e-4, log_prior: -12.0 };
}

/// A flow: where it may have gone, and what it says.
struct Flow {
    /// The paths between its switches, by position in [`Model::routes`].
    routes: u32,
    /// Components on all its paths.
    own: [u32; 4],
    ways: u32,
    /// ln of how much likelier its losses are on a failed path than on a good one.
    log_ratio: f64,
}

/// The flows of a case over components: links by position, then devices.
pub struct Model {
    /// The constants.
    pub constants: Constants,
    links: usize,
    components: usize,
    flows: Vec<Flow>,
    /// Of each set of paths its components, and the paths that each is on.
    routes: Vec<Vec<(u32, Ways)>>,
    /// Flows of each component.
    flows_of: Vec<Vec<u32>>,
}

/// Stands for no component.
const NOBODY: u32 = u32::MAX;

impl Model {
    /// Compiles reports; those that name nothing of the fabric are left out.
    pub fn new(fabric: &Fabric, reports: &[Report], constants: Constants) -> Self {
        let links = fabric.link_count();
        let components = links + fabric.node_count();
        let mut model = Self {
            constants,
            links,
            components,
            flows: Vec::new(),
            routes: Vec::new(),
            flows_of: vec![Vec::new(); components],
        };
        let mut paths = Paths::new(fabric);
        let mut known = BTreeMap::new();
        for report in reports {
            model.add(fabric, &mut paths, &mut known, report);
        }
        for flow in 0..model.flows.len() {
            let components: Vec<u32> = model.touched(flow).map(|(c, _)| c).collect();
            components.into_iter().for_each(|c| model.flows_of[c as usize].push(flow as u32));
        }
        model
    }

    fn add(
        &mut self,
        fabric: &Fabric,
        paths: &mut Paths<'_>,
        known: &mut BTreeMap<(u32, u32, Option<u32>), (u32, u32)>,
        report: &Report,
    ) -> Option<()> {
        let (src, dst) = (fabric.node(report.src)?, fabric.node(report.dst)?);
        let (near, far) = (fabric.switch_of(src), fabric.switch_of(dst));
        let device = |node: u32| self.links as u32 + node;
        let own = [
            if near == src { NOBODY } else { fabric.link(src, near)? },
            if far == dst { NOBODY } else { fabric.link(far, dst)? },
            device(near),
            if far == near { NOBODY } else { device(far) },
        ];
        let (routes, ways) = match known.get(&(near, far, report.path)) {
            Some(found) => *found,
            None => {
                let all = paths.between(src, dst).between_switches();
                let taken = report.path.map_or(0..all.len(), |p| p as usize..p as usize + 1);
                let taken = taken.start..taken.end.min(all.len()).min(taken.start + Ways::BITS as usize);
                let mut on = BTreeMap::<u32, Ways>::new();
                for (bit, path) in taken.clone().enumerate() {
                    for link in all.path(path) {
                        *on.entry(link).or_default() |= 1 << bit;
                        let (from, _) = fabric.ends(link);
                        if from != near {
                            *on.entry(device(from)).or_default() |= 1 << bit;
                        }
                    }
                }
                self.routes.push(on.into_iter().collect());
                let found = (self.routes.len() as u32 - 1, taken.len() as u32);
                known.insert((near, far, report.path), found);
                found
            }
        };
        let Constants { bad, good, .. } = self.constants;
        let (lost, arrived) = (f64::from(report.lost), f64::from(report.sent.checked_sub(report.lost)?));
        let log_ratio = lost * libm::log(bad / good) + arrived * (libm::log1p(-bad) - libm::log1p(-good));
        (ways > 0).then(|| self.flows.push(Flow { routes, own, ways, log_ratio }))
    }

    /// The components that a flow may meet, with the paths that each is on.
    fn touched(&self, flow: usize) -> impl Iterator<Item = (u32, Ways)> + '_ {
        let flow = &self.flows[flow];
        let all = Ways::MAX >> (Ways::BITS - flow.ways);
        let own = flow.own.iter().filter(|c| **c != NOBODY).map(move |c| (*c, all));
        own.chain(self.routes[flow.routes as usize].iter().copied())
    }

    /// What a flow adds if it may have met a failed component on these paths.
    fn term(&self, flow: usize, failed: Ways) -> f64 {
        let flow = &self.flows[flow];
        match (failed.count_ones(), flow.ways) {
            (0, _) => 0.0,
            (m, w) if m == w => flow.log_ratio,
            (m, w) => {
                let share = f64::from(m) / f64::from(w);
                if flow.log_ratio > 600.0 {
                    flow.log_ratio + libm::log(share)
                } else {
                    libm::log1p(share * libm::expm1(flow.log_ratio))
                }
            }
        }
    }

    fn log_prior(&self, component: u32) -> f64 {
        let times = if (component as usize) < self.links { 1.0 } else { 5.0 };
        times * self.constants.log_prior
    }

    /// The link or node of a component.
    pub fn name(&self, component: u32) -> Component {
        match component.checked_sub(self.links as u32) {
            None => Component::Link(component),
            Some(node) => Component::Device(node),
        }
    }
}

/// What may have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// A directed link.
    Link(u32),
    /// A node.
    Device(u32),
}

/// A set of failed components, with what changing it would gain.
#[derive(Clone)]
struct Hypothesis {
    failed: Vec<u32>,
    score: f64,
    /// Of each flow the paths with a failed component.
    ways: Vec<Ways>,
    /// Of each component what failing it would add to the log-likelihood.
    gain: Vec<f64>,
}

impl Hypothesis {
    /// Nothing has failed: all gains in one pass over the flows.
    fn none(model: &Model) -> Self {
        let mut gain = vec![0.0; model.components];
        for flow in 0..model.flows.len() {
            for (c, ways) in model.touched(flow) {
                gain[c as usize] += model.term(flow, ways);
            }
        }
        Self { failed: Vec::new(), score: 0.0, ways: vec![0; model.flows.len()], gain }
    }

    /// Fails one more component: only flows that may meet it change gains.
    fn fail(&mut self, model: &Model, component: u32) {
        self.score += self.gain[component as usize] + model.log_prior(component);
        self.failed.push(component);
        self.failed.sort_unstable();
        for &flow in &model.flows_of[component as usize] {
            let flow = flow as usize;
            let before = self.ways[flow];
            let met = model.touched(flow).find(|(c, _)| *c == component).map_or(0, |(_, ways)| ways);
            self.update(model, flow, before, before | met);
        }
    }

    fn update(&mut self, model: &Model, flow: usize, before: Ways, after: Ways) {
        if before == after {
            return;
        }
        self.ways[flow] = after;
        let (old, new) = (model.term(flow, before), model.term(flow, after));
        for (c, ways) in model.touched(flow) {
            let change = (model.term(flow, after | ways) - new) - (model.term(flow, before | ways) - old);
            self.gain[c as usize] += change;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two racks of two hosts, three spines.
    fn fabric() -> Fabric {
        let up = [0, 1].into_iter().flat_map(|r| [10, 11, 12].map(|s| (r, s)));
        let hosts = [(100, 0), (101, 0), (102, 1), (103, 1)];
        let links: Vec<_> = up.chain(hosts).flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        Fabric::new(&links)
    }

    fn reports() -> Vec<Report> {
        let of = |i: u32| {
            let path = if i.is_multiple_of(3) { None } else { Some(i % 3) };
            // What crosses the second spine loses a lot.
            let lost = if path == Some(1) { 3 } else { u32::from(i.is_multiple_of(5)) };
            Report { src: 100 + i % 2, dst: 102 + i / 2 % 2, path, sent: 100 + i, lost }
        };
        (0..40).map(of).collect()
    }

    /// The score of a set from the definition.
    fn slow(model: &Model, failed: &[u32]) -> f64 {
        let flow = |f: usize| {
            let met = model.touched(f).filter(|(c, _)| failed.contains(c)).fold(0, |all, (_, w)| all | w);
            let (flow, m) = (&model.flows[f], f64::from(met.count_ones()));
            let share = m / f64::from(flow.ways);
            libm::log(1.0 - share + share * libm::exp(flow.log_ratio))
        };
        let priors: f64 = failed.iter().map(|c| model.log_prior(*c)).sum();
        priors + (0..model.flows.len()).map(flow).sum::<f64>()
    }

    #[test]
    fn gains_kept_up_to_date_are_those_of_the_definition() {
        let model = Model::new(&fabric(), &reports(), Constants { log_prior: -3.0, ..Constants::TUNED });
        let mut hypothesis = Hypothesis::none(&model);
        let mut failed = Vec::new();
        for component in [2, 7, 14, 20] {
            for c in (0..model.components as u32).filter(|c| !failed.contains(c)) {
                let with: Vec<u32> = failed.iter().copied().chain([c]).collect();
                let expected = slow(&model, &with) - slow(&model, &failed) - model.log_prior(c);
                assert!((hypothesis.gain[c as usize] - expected).abs() < 1e-9, "{failed:?} + {c}");
            }
            hypothesis.fail(&model, component);
            failed.push(component);
            assert!((hypothesis.score - slow(&model, &failed)).abs() < 1e-9);
        }
    }

    #[test]
    fn the_search_finds_the_best_set_of_all() {
        let model = Model::new(&fabric(), &reports(), Constants { log_prior: -4.0, ..Constants::TUNED });
        let found = search(&model);
        // All sets of up to three components, from the definition.
        let n = model.components as u32;
        let mut best = (0.0, Vec::new());
        let sets = (0..n).flat_map(|a| (a..n).flat_map(move |b| (b..n).map(move |c| [a, b, c])));
        for set in sets {
            let mut set = set.to_vec();
            set.dedup();
            let score = slow(&model, &set);
            if score > best.0 {
                best = (score, set);
            }
        }
        assert!(!best.1.is_empty() && best.1.iter().all(|c| found.contains(c)), "{best:?} {found:?}");
    }

    #[test]
    fn marginals_are_those_of_full_enumeration() {
        let reports: Vec<Report> = reports().into_iter().take(12).collect();
        let model = Model::new(&fabric(), &reports, Constants { log_prior: -4.0, ..Constants::TUNED });
        // Links alone can fail here: devices have e^-20, and sets of more than five links weigh nothing.
        let links: Vec<u32> = (0..model.links as u32).collect();
        let mut weights = vec![0.0; model.links];
        let mut total = 0.0;
        let mut sets = vec![(Vec::new(), 0)];
        while let Some((set, next)) = sets.pop() {
            let weight = libm::exp(slow(&model, &set));
            total += weight;
            set.iter().for_each(|c: &u32| weights[*c as usize] += weight);
            if set.len() < 5 {
                let more = links.iter().filter(|c| **c >= next);
                sets.extend(more.map(|c| (set.iter().copied().chain([*c]).collect(), c + 1)));
            }
        }
        let found = marginals(&model, 20_000, 5);
        for (link, weight) in weights.iter().enumerate() {
            assert!(
                (found[link] - weight / total).abs() < 0.03,
                "{link}: {} {}",
                found[link],
                weight / total
            );
        }
    }
}
