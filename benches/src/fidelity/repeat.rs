//! Determinism: the same seed gives the same bytes, on any number of threads, in any number
//! of parts, and through forks in mid-run.

use engine::Seeds;
use models::packet::{Engine, Fault, PacketResult, TimedFault};
use testkit::workloads::{Spec, w4};
use twin::{ArcId, LinkId, SimTime};

use super::{Check, Scale};
use crate::packets::Case;

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
    let in_one = world.in_shards(1, 1).engine;
    for (shards, threads) in [(1, 1), (2, 1), (2, 2), (4, 2), (8, 2), (8, 3)] {
        let result = world.in_shards(shards, threads);
        let what = format!("one run in {shards} parts on {threads} threads");
        let mut check = Check::exact(16, what, alone[0].clone(), result.digest());
        // One loop would give the digest of one loop.
        check.pass &= (result.engine == in_one) == (shards == 1);
        checks.push(check);
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

/// W4 with its changes, and wires that lose packets by chance.
struct World {
    case: Case,
}

impl World {
    fn new(packets: u64) -> Self {
        let mut case = Case::plain(&w4(&Spec { packets, ..Spec::w4() }));
        let lossy = (0..case.net.csr().arc_count()).step_by(3).map(|arc| TimedFault {
            at: SimTime::ZERO,
            fault: Fault::Loss { arc: ArcId::new(arc), probability: 0.01 },
        });
        case.faults = lossy.chain(case.faults).collect();
        Self { case }
    }

    fn digest(&self, trial: usize) -> String {
        let chance = Seeds::new(1).trial(trial as u64);
        let Case { net, workload, faults } = &self.case;
        net.run(workload, faults, SimTime::MAX, chance).digest()
    }

    fn in_shards(&self, shards: usize, threads: usize) -> PacketResult {
        let Case { net, workload, faults } = &self.case;
        net.run_sharded(
            Engine::Events,
            shards,
            threads,
            workload,
            faults,
            SimTime::MAX,
            Seeds::new(1).trial(0),
        )
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
        let Case { net, workload, faults } = &self.case;
        let half = SimTime::from_ps(workload.last_sent().as_ps() / 2);
        let mut original = net.start(workload, faults, Seeds::new(1).trial(0));
        original.run_until(half);
        let mut fork = original.clone();
        original.inject(TimedFault { at: half, fault: Fault::LinkDown(LinkId(0)) });
        original.run_until(SimTime::MAX);
        fork.run_until(SimTime::MAX);
        (original.finish().digest(), fork.finish().digest())
    }
}
