//! Determinism: the same seed gives the same bytes, on any number of threads, and through forks in mid-run.

use engine::Seeds;
use models::packet::{Fault, PacketConfig, PacketNet, TimedFault, Workload};
use models::{Failures, Routing};
use testkit::workloads::{Spec, w4};
use testkit::{Change, TimedChange};
use twin::{ArcId, Csr, Layer, LinkId, SimTime};

use super::{Check, Scale};

/// Row 16.
pub(super) fn checks(scale: Scale) -> Vec<Check> {
    let packets = match scale {
        Scale::Full => 2_000,
        Scale::Smoke => 100,
    };
    let world = World::new(packets);
    let alone: Vec<String> = (0..TRIALS).map(|trial| world.digest(trial)).collect();
    let mut checks = vec![Check::exact(16, "the same seed again", alone[0].clone(), world.digest(0))];
    for threads in [1, 2, 4] {
        let what = format!("{TRIALS} trials on {threads} threads: digests equal");
        let on_threads = world.digests_on(threads);
        let equal = alone.iter().zip(&on_threads).filter(|(a, b)| a == b).count();
        checks.push(Check::exact(16, what, alone.len(), equal));
    }
    let (original, fork) = world.forked();
    checks.push(Check::exact(16, "a fork in mid-run, its original going elsewhere", alone[0].clone(), fork));
    let mut others = alone[1..].to_vec();
    others.push(original);
    let different = others.iter().filter(|digest| **digest != alone[0]).count();
    checks.push(Check::exact(16, "other seeds and another future: digests that differ", TRIALS, different));
    checks
}

const TRIALS: usize = 8;

/// The packets of W4 with its flaps and new rates, and wires that lose packets by chance.
struct World {
    net: PacketNet,
    workload: Workload,
    faults: Vec<TimedFault>,
}

impl World {
    fn new(packets: u64) -> Self {
        let w4 = w4(&Spec { packets, ..Spec::w4() });
        let csr = Csr::compile(&w4.twin, Layer::Igp);
        let routing = Routing::compute(&csr, &Failures::none(&csr));
        let workload = Workload::compile(&csr, &w4.schedule()).expect("endpoints are nodes");
        let lossy = (0..csr.arc_count()).step_by(3).map(|arc| TimedFault {
            at: SimTime::ZERO,
            fault: Fault::Loss { arc: ArcId::new(arc), probability: 0.01 },
        });
        let faults = lossy.chain(w4.changes.iter().filter_map(fault)).collect();
        Self {
            net: PacketNet::build(&csr, routing, PacketConfig::default()),
            workload: workload.with_paths(&csr, &w4.paths()),
            faults,
        }
    }

    fn digest(&self, trial: usize) -> String {
        let chance = Seeds::new(1).trial(trial as u64);
        self.net.run(&self.workload, &self.faults, SimTime::MAX, chance).digest()
    }

    /// By trial; each thread takes every so many-th.
    fn digests_on(&self, threads: usize) -> Vec<String> {
        let mut digests = vec![String::new(); TRIALS];
        std::thread::scope(|scope| {
            let share = |first: usize| move || (first..TRIALS).step_by(threads).map(|t| (t, self.digest(t)));
            let workers: Vec<_> =
                (0..threads).map(|first| scope.spawn(move || share(first)().collect::<Vec<_>>())).collect();
            for worker in workers {
                for (trial, digest) in worker.join().expect("no worker panics") {
                    digests[trial] = digest;
                }
            }
        });
        digests
    }

    /// Digests of a run that was forked half-way and then met another fault, and of its fork, which did not.
    fn forked(&self) -> (String, String) {
        let half = SimTime::from_ps(self.workload.last_sent().as_ps() / 2);
        let mut original = self.net.start(&self.workload, &self.faults, Seeds::new(1).trial(0));
        original.run_until(half);
        let mut fork = original.clone();
        original.inject(TimedFault { at: half, fault: Fault::LinkDown(LinkId(0)) });
        original.run_until(SimTime::MAX);
        fork.run_until(SimTime::MAX);
        (original.finish().digest(), fork.finish().digest())
    }
}

/// The engine's word for a change; `None` for a next hop, since flows keep to their paths here.
fn fault(change: &TimedChange) -> Option<TimedFault> {
    let fault = match change.change {
        Change::LinkDown(link) => Fault::LinkDown(link),
        Change::LinkUp(link) => Fault::LinkUp(link),
        Change::Rate { arc, rate } => Fault::Capacity { arc, rate },
        Change::NextHop { .. } => return None,
    };
    Some(TimedFault { at: change.at, fault })
}
