//! Max-min rates: textbook truths, and random changes against the slow water-filling of `testkit`.

use proptest::prelude::*;
use testkit::{PlainFlow, SplitMix64, max_min_rates};
use twin::ArcId;
use umbra_models::fluid::{GroupId, MaxMin};

fn path(links: &[usize]) -> Vec<ArcId> {
    links.iter().map(|l| ArcId::new(*l)).collect()
}

fn close(got: f64, expected: f64, scale: f64) -> bool {
    (got - expected).abs() <= 1e-9 * expected.abs() + 1e-12 * scale
}

/// The same links and flows on both sides.
struct Twins {
    fast: MaxMin,
    capacities: Vec<f64>,
    groups: Vec<(GroupId, PlainFlow)>,
}

impl Twins {
    fn new(capacities: &[f64]) -> Self {
        Self {
            fast: MaxMin::new(capacities.iter().copied()),
            capacities: capacities.to_vec(),
            groups: vec![],
        }
    }

    fn group(&mut self, links: &[usize], weight: u32, cap: f64, flows: u32) {
        let id = self.fast.add_group(&path(links), u64::from(weight), cap);
        self.fast.set_flows(id, flows);
        self.groups.push((id, PlainFlow { path: links.to_vec(), weight: f64::from(weight), cap }));
    }

    /// Compares all rates with the slow twin's, and checks what defines max-min fairness.
    fn check(&mut self) {
        self.fast.share();
        let flows = |g: &(GroupId, PlainFlow)| vec![g.1.clone(); self.fast.flows(g.0) as usize];
        let slow = max_min_rates(&self.capacities, &self.groups.iter().flat_map(flows).collect::<Vec<_>>());
        let mut slow = slow.into_iter();
        for (id, flow) in &self.groups {
            let scale = flow.path.iter().map(|l| self.capacities[*l]).fold(0.0, f64::max);
            for _ in 0..self.fast.flows(*id) {
                let (got, expected) = (self.fast.rate(*id), slow.next().unwrap());
                assert!(close(got, expected, scale), "{got} for {expected} on {:?}", flow.path);
            }
        }
        self.each_flow_is_held_back_fairly();
    }

    /// Each flow runs at its cap, or crosses a full link on which no flow has more per weight; no link is overfull.
    fn each_flow_is_held_back_fairly(&self) {
        let level = |g: &(GroupId, PlainFlow)| self.fast.rate(g.0) / g.1.weight;
        let running = || self.groups.iter().filter(|g| self.fast.flows(g.0) > 0);
        for (link, capacity) in self.capacities.iter().enumerate() {
            assert!(self.fast.load(ArcId::new(link)) <= capacity * (1.0 + 1e-12));
        }
        for group in running() {
            let Some(link) = self.fast.bottleneck(group.0) else {
                assert_eq!(self.fast.rate(group.0), group.1.cap);
                continue;
            };
            let full = self.capacities[link.index()];
            assert!(group.1.path.contains(&link.index()) && close(self.fast.load(link), full, full));
            let others = running().filter(|g| g.1.path.contains(&link.index()));
            assert!(others.map(level).all(|other| other <= level(group) * (1.0 + 1e-9) + 1e-12 * full));
        }
    }
}

#[test]
fn one_flow_over_two_links_and_one_on_each() {
    for (capacities, expected) in [([1.0, 1.0], [0.5, 0.5, 0.5]), ([1.0, 2.0], [0.5, 0.5, 1.5])] {
        let mut twins = Twins::new(&capacities);
        [&[0, 1][..], &[0], &[1]].into_iter().for_each(|p| twins.group(p, 1, f64::INFINITY, 1));
        twins.check();
        for ((id, _), rate) in twins.groups.iter().zip(expected) {
            assert!((twins.fast.rate(*id) - rate).abs() < 1e-9);
        }
    }
}

#[test]
fn a_link_without_capacity_and_a_cap_of_zero_let_nothing_through() {
    let mut twins = Twins::new(&[0.0, 5.0]);
    twins.group(&[0, 1], 1, f64::INFINITY, 2);
    twins.group(&[1], 1, 0.0, 1);
    twins.group(&[1], 2, f64::INFINITY, 1);
    twins.check();
    let rates: Vec<_> = twins.groups.iter().map(|(id, _)| twins.fast.rate(*id)).collect();
    assert_eq!(rates, [0.0, 0.0, 5.0]);
}

#[test]
fn only_what_a_change_can_reach_is_shared_anew() {
    // Two islands; on the first a slow link below a fast one.
    let mut twins = Twins::new(&[1.0, 10.0, 1.0]);
    twins.group(&[0], 1, f64::INFINITY, 1);
    twins.group(&[0, 1], 1, f64::INFINITY, 1);
    twins.group(&[1], 1, f64::INFINITY, 1);
    twins.group(&[2], 1, f64::INFINITY, 1);
    twins.check();
    let ids: Vec<_> = twins.groups.iter().map(|(id, _)| *id).collect();
    twins.fast.set_flows(ids[3], 2);
    twins.check();
    assert_eq!(twins.fast.changed(), [ids[3]]);
    twins.fast.share();
    assert!(twins.fast.changed().is_empty(), "nothing changed");
}

#[test]
fn a_flow_with_a_cap_below_what_is_remembered_is_held_to_it() {
    let mut twins = Twins::new(&[14.0]);
    // Enough groups for a checkpoint at level 2, above the cap of the one that comes.
    for cap in [0.0, 0.0, 0.0, 2.0, f64::INFINITY] {
        twins.group(&[0], 1, cap, 1);
    }
    twins.check();
    twins.group(&[0], 1, 1.0, 1);
    twins.check();
    assert_eq!(twins.fast.rate(twins.groups[4].0), 11.0);
}

#[test]
fn a_capacity_that_shrinks_by_many_orders_keeps_its_digits() {
    let mut twins = Twins::new(&[1e12, 1e12]);
    twins.group(&[0], 1, 0.1, 1);
    twins.group(&[0, 1], 1, f64::INFINITY, 3);
    twins.check();
    twins.capacities[0] = 1.0;
    twins.fast.set_capacity(ArcId(0), 1.0);
    twins.check();
    assert!((twins.fast.rate(twins.groups[1].0) - 0.3).abs() < 1e-12);
}

/// A change of a network with flows. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Operation {
    Add { links: Vec<usize>, weight: u32, cap: Option<u32>, flows: u32 },
    Flows { group: usize, flows: u32 },
    Cap { group: usize, cap: Option<u32> },
    Capacity { link: usize, capacity: u32 },
    Share,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let cap = || proptest::option::of(0u32..12);
    let one = prop_oneof![
        4 => (prop::collection::vec(0usize..64, 1..5), 1u32..5, cap(), 0u32..4)
            .prop_map(|(links, weight, cap, flows)| Operation::Add { links, weight, cap, flows }),
        4 => (0usize..64, 0u32..4).prop_map(|(group, flows)| Operation::Flows { group, flows }),
        2 => (0usize..64, cap()).prop_map(|(group, cap)| Operation::Cap { group, cap }),
        2 => (0usize..64, 0u32..30).prop_map(|(link, capacity)| Operation::Capacity { link, capacity }),
        3 => Just(Operation::Share),
    ];
    prop::collection::vec(one, 1..60)
}

fn cap(cap: Option<u32>) -> f64 {
    cap.map_or(f64::INFINITY, |c| f64::from(c) / 4.0)
}

impl Twins {
    fn apply(&mut self, operation: &Operation) {
        let (links, groups) = (self.capacities.len(), self.groups.len().max(1));
        match operation {
            Operation::Add { links: path, weight, cap: c, flows } => {
                let mut path: Vec<_> = path.iter().map(|l| l % links).collect();
                path.dedup();
                self.group(&path, *weight, cap(*c), *flows);
            }
            Operation::Flows { group, flows } => {
                if let Some((id, _)) = self.groups.get(group % groups) {
                    self.fast.set_flows(*id, *flows);
                }
            }
            Operation::Cap { group, cap: c } => {
                if let Some((id, flow)) = self.groups.get_mut(group % groups) {
                    flow.cap = cap(*c);
                    self.fast.set_cap(*id, flow.cap);
                }
            }
            Operation::Capacity { link, capacity } => {
                self.capacities[link % links] = f64::from(*capacity) / 3.0;
                self.fast.set_capacity(ArcId::new(link % links), self.capacities[link % links]);
            }
            Operation::Share => self.check(),
        }
    }
}

/// Flows that come on a path which crosses a link twice take back what was decided with half their weight in mind.
#[test]
fn a_path_that_crosses_a_link_twice_weighs_on_it_twice() {
    let mut twins = Twins::new(&[1.0, 3.0, 5.0]);
    let add =
        |twins: &mut Twins, path: &[usize], weight, flows| twins.group(path, weight, f64::INFINITY, flows);
    add(&mut twins, &[1, 2, 0], 2, 2);
    add(&mut twins, &[2], 4, 1);
    add(&mut twins, &[1, 2, 0], 1, 1);
    add(&mut twins, &[0, 1, 2], 1, 1);
    twins.apply(&Operation::Capacity { link: 1, capacity: 24 });
    add(&mut twins, &[1], 3, 1);
    twins.apply(&Operation::Capacity { link: 0, capacity: 15 });
    twins.group(&[0, 1], 1, 0.0, 1);
    twins.check();
    add(&mut twins, &[1, 0, 1], 4, 1);
    twins.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_changes_give_the_rates_of_the_slow_twin(links in 1usize..12, operations in operations()) {
        let capacities: Vec<_> = (0..links).map(|l| (1 + l * 7 % 5) as f64).collect();
        let mut twins = Twins::new(&capacities);
        operations.iter().for_each(|operation| twins.apply(operation));
        twins.check();
    }
}

/// Hundreds of groups on enough links for many checkpoints; they come, change and go down to nothing.
#[test]
fn a_large_network_stays_exact_while_flows_come_and_go() {
    let mut random = SplitMix64::new(5);
    let capacities: Vec<_> = (0..40).map(|_| 1e9 * (1 + random.below(10)) as f64).collect();
    let mut twins = Twins::new(&capacities);
    for _ in 0..300 {
        // Neighbouring links make two loose regions that connect only now and then.
        let region = 20 * random.below(2);
        let links: Vec<_> = (0..1 + random.below(4)).map(|_| region + random.below(20)).collect();
        let cap = if random.below(3) == 0 { 1e6 * (1 + random.below(500)) as f64 } else { f64::INFINITY };
        twins.group(&links, 1 + random.below(3) as u32, cap, 1 + random.below(2) as u32);
    }
    twins.group(&[0, 20], 1, f64::INFINITY, 1);
    twins.check();
    for step in 0..400 {
        let (id, _) = twins.groups[random.below(twins.groups.len())];
        let flows = if step < 100 { random.below(3) } else { 0 };
        twins.fast.set_flows(id, flows as u32);
        if step % 40 == 7 {
            let link = random.below(40);
            twins.capacities[link] = 1e9 * random.below(10) as f64;
            twins.fast.set_capacity(ArcId::new(link), twins.capacities[link]);
        }
        twins.fast.share();
        if step % 16 == 0 {
            twins.check();
        }
    }
    for (id, _) in twins.groups.clone() {
        twins.fast.set_flows(id, 0);
    }
    twins.check();
    assert!(twins.groups.iter().all(|(id, _)| twins.fast.rate(*id) == 0.0));
    assert!((0..40).all(|link| twins.fast.load(ArcId(link)) == 0.0));
}
