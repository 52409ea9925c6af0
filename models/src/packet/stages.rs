//! A run by windows in stages, each on a thread of its own, as on an assembly line.
//!
//! Half-links stand in an order in which each comes after those that feed it, and the order is cut into stages with
//! equal shares of the traffic. While the first stage computes a window, the second computes the window before it with
//! what the first handed on, and so on: no stage ever waits for one behind it, and nobody has to meet. Each half-link
//! sees the same packets in the same order as in one stage, so the result is the same for any number of stages.
//!
//! That takes traffic without any circle among half-links: in a circle the first would have to wait for the last.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use twin::{ArcId, SimTime};

use super::dependence::Dependence;
use super::fault::TimedFault;
use super::flight::Flight;
use super::network::Network;
use super::partition::weights;
use super::patience;
use super::windows::Windows;

/// Windows that a stage may be ahead of the next one: enough to even out windows of unequal work.
const AHEAD: usize = 4;

/// A span of simulated time that is computed at once.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    /// Where it begins.
    pub(crate) start: SimTime,
    /// The first instant after it; `None` for the end of time.
    pub(crate) end: Option<SimTime>,
}

/// What meets the queues of later stages in a window, by arc.
type Lists = Vec<(ArcId, Vec<Flight>)>;

/// The stages before and after one; none of either for a run in one stage.
#[derive(Default)]
pub(crate) struct Neighbours {
    upstream: Option<Upstream>,
    downstream: Option<Downstream>,
}

struct Upstream {
    windows: Receiver<(Window, Lists)>,
    /// Empty lists go back, so that their room serves again.
    emptied: Sender<Vec<Flight>>,
}

struct Downstream {
    windows: SyncSender<(Window, Lists)>,
    emptied: Receiver<Vec<Flight>>,
    /// The arcs of all later stages.
    later: Vec<ArcId>,
}

/// What connects a stage with the one after it, which has the arcs `later` or hands them on.
fn belt(later: Vec<ArcId>) -> (Downstream, Upstream) {
    let (windows, next) = sync_channel(AHEAD);
    let (back, emptied) = channel();
    (Downstream { windows, emptied, later }, Upstream { windows: next, emptied: back })
}

impl Neighbours {
    /// The next window of the stage before, whose packets join the lists; `None` if there is no such stage, or it has come
    /// to its end.
    pub(crate) fn receive(&mut self, lists: &mut [Vec<Flight>]) -> Option<Window> {
        let upstream = self.upstream.as_ref()?;
        let Some((window, handed)) = patience::receive(&upstream.windows) else {
            self.upstream = None;
            return None;
        };
        for (arc, mut flights) in handed {
            let list = &mut lists[arc.index()];
            debug_assert!(list.is_empty(), "only the stage before feeds this arc between windows");
            std::mem::swap(list, &mut flights);
            let _ = upstream.emptied.send(flights); // a stage that is through needs it no more
        }
        Some(window)
    }

    /// Whether a stage follows.
    pub(crate) fn follow(&self) -> bool {
        self.downstream.is_some()
    }

    /// Hands a window that is done here on to the next stage, with what its lists hold for later ones.
    pub(crate) fn hand_on(&self, window: Window, lists: &mut [Vec<Flight>]) {
        let Some(Downstream { windows, emptied, later }) = &self.downstream else { return };
        let take = |arc: &ArcId| {
            let list = &mut lists[arc.index()];
            let empty = || emptied.try_recv().unwrap_or_default();
            (!list.is_empty()).then(|| (*arc, std::mem::replace(list, empty())))
        };
        // Where nobody receives, the stage has panicked, and its thread says so.
        patience::send(windows, (window, later.iter().filter_map(take).collect()));
    }
}

/// Runs in `stages` threads, this one among them, up to and including `until`. No component of `dependence` is a circle.
/// Memory: one copy of the half-links and of the tallies for each stage.
pub(crate) fn run(
    network: &Network,
    dependence: &Dependence,
    stages: usize,
    faults: &[TimedFault],
    until: SimTime,
) -> Network {
    std::thread::scope(|scope| {
        let cuts = cut(network, dependence, stages);
        let (last, before) = cuts.split_last().expect("at least one stage");
        let mut neighbours = Neighbours::default();
        let mut threads = Vec::new();
        for mine in before {
            let later = &dependence.components[mine.end..];
            let (to_next, from_here) = belt(later.iter().flat_map(|c| c.arcs.iter().copied()).collect());
            neighbours.downstream = Some(to_next);
            let stage = Windows::stage(network.clone(), dependence, faults, mine.clone(), neighbours);
            threads.push(scope.spawn(move || stage.run(until)));
            neighbours = Neighbours { upstream: Some(from_here), downstream: None };
        }
        let mut all =
            Windows::stage(network.clone(), dependence, faults, last.clone(), neighbours).run(until);
        for thread in threads {
            all.merge(thread.join().expect("no stage panicked"));
        }
        all
    })
}

/// The components of each stage: equal shares of the work, in quarters of what an arrival takes. All sending, which takes
/// three of them a packet, is the first stage's.
fn cut(network: &Network, dependence: &Dependence, stages: usize) -> Vec<Range<usize>> {
    let (_, arrivals) = weights(&network.forwarding);
    let of = |c: usize| dependence.components[c].arcs.iter().map(|a| 4 * arrivals[a.index()]).sum::<u64>();
    let sending = 3 * network.forwarding.workload.packet_count() as u64;
    let total = u128::from(sending + 4 * arrivals.iter().sum::<u64>());
    let mut cuts = Vec::new();
    let (mut start, mut done) = (0, u128::from(sending));
    for component in 0..dependence.components.len() {
        done += u128::from(of(component));
        let share = total * (cuts.len() as u128 + 1) / stages as u128;
        if done >= share && cuts.len() + 1 < stages {
            cuts.push(start..component + 1);
            start = component + 1;
        }
    }
    cuts.push(start..dependence.components.len());
    cuts
}
