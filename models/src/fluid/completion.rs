//! Flows that run to completion under max-min rates.

use std::collections::BTreeMap;

use twin::{ArcId, Bytes, SimDuration, SimTime};

use super::max_min::{GroupId, MaxMin};

/// Groups whose ends are looked at together.
const CHUNK: usize = 64;

/// A flow to be sent whole.
#[derive(Clone, Debug, PartialEq)]
pub struct FluidFlow {
    /// The arcs that it crosses; none for a flow that stays on its node.
    pub path: Vec<ArcId>,
    /// How much it sends.
    pub size: Bytes,
    /// When it begins.
    pub start: SimTime,
    /// Its weight, at least 1.
    pub weight: u64,
    /// The most that it sends in bit/s; infinity for as much as it gets.
    pub cap: f64,
}

/// A flow's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Completion {
    /// When its last bit was sent, rounded up to a picosecond.
    pub at: SimTime,
    /// Its position among the flows.
    pub flow: u32,
}

/// Sends flows over arcs of these capacities (bit/s, by arc number), all at their max-min rates at every instant, and
/// says when each ends: by time, then flow. A flow without a rate (a capacity or a cap of zero) never ends and is not in
/// the list. Bits are there as soon as they are sent: there is neither propagation delay nor slow start.
///
/// Rates change only where a flow begins or ends. All that happens at one picosecond is one change; the order among equal
/// times therefore does not matter. Cost for each change: a re-share ([`MaxMin::share`]), and a look at each distinct
/// path.
///
/// ```
/// use twin::{ArcId, Bytes, SimTime};
/// use umbra_models::fluid::{FluidFlow, completions};
///
/// // Two flows on a link of 8 Gbit/s: half each until the small one has sent its megabyte.
/// let flow = |megabytes: u64| FluidFlow {
///     path: vec![ArcId(0)], size: Bytes::new(megabytes * 1_000_000), start: SimTime::ZERO, weight: 1, cap: f64::INFINITY,
/// };
/// let ends = completions(&[8e9], &[flow(3), flow(1)]);
/// assert_eq!(ends.iter().map(|c| (c.flow, c.at.as_secs_f64())).collect::<Vec<_>>(), [(1, 2e-3), (0, 4e-3)]);
/// ```
///
/// # Panics
/// As [`MaxMin::new`] and [`MaxMin::add_group`] do.
pub fn completions(capacities: &[f64], flows: &[FluidFlow]) -> Vec<Completion> {
    let mut run = CompletionRun::new(capacities, flows);
    while run.step() {}
    run.finish()
}

/// The run behind [`completions`], step by step.
#[derive(Clone, Debug)]
pub struct CompletionRun<'a> {
    flows: &'a [FluidFlow],
    shares: MaxMin,
    /// By group.
    lanes: Vec<Lane>,
    /// By group: when the next of its flows ends; beside the lanes because all of them are looked at in each step.
    next_end: Vec<SimTime>,
    /// The least of each chunk of them.
    chunk_end: Vec<SimTime>,
    /// Each flow's group; flows without a path have none.
    group_of: Vec<Option<GroupId>>,
    /// Flows by start, the next one last.
    to_come: Vec<u32>,
    done: Vec<Completion>,
}

/// The flows of one group. All have sent equally much since they began, so one count serves them all.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// Bits that a flow of the group would have sent if it had always been there, up to `at`.
    sent: f64,
    at: SimTime,
    /// Since `at`, in bit/s.
    rate: f64,
    /// The value of `sent` at which each flow ends, largest first.
    ends: Vec<(f64, u32)>,
}

impl<'a> CompletionRun<'a> {
    /// Before the first flow begins.
    ///
    /// # Panics
    /// As [`completions`].
    pub fn new(capacities: &[f64], flows: &'a [FluidFlow]) -> Self {
        let mut shares = MaxMin::new(capacities.iter().copied());
        let mut known = BTreeMap::new();
        let group_of: Vec<_> = flows
            .iter()
            .map(|f| {
                let key = (&f.path, f.weight, f.cap.to_bits());
                let new = || shares.add_group(&f.path, f.weight, f.cap);
                (!f.path.is_empty()).then(|| *known.entry(key).or_insert_with(new))
            })
            .collect();
        let mut to_come: Vec<_> = (0..flows.len() as u32).collect();
        to_come.sort_by_key(|f| std::cmp::Reverse((flows[*f as usize].start, *f)));
        let lanes = vec![Lane::default(); known.len()];
        let next_end = vec![SimTime::MAX; known.len()];
        let chunk_end = vec![SimTime::MAX; known.len().div_ceil(CHUNK)];
        Self { flows, shares, lanes, next_end, chunk_end, group_of, to_come, done: Vec::new() }
    }

    /// Goes to the next instant at which flows begin or end, and shares anew. Returns whether there was one.
    pub fn step(&mut self) -> bool {
        let next_start = self.to_come.last().map_or(SimTime::MAX, |f| self.flows[*f as usize].start);
        let next_end = self.first_end();
        let now = next_start.min(next_end);
        if now == SimTime::MAX {
            return false;
        }
        if next_end == now {
            self.end_flows(now);
        }
        while self.to_come.last().is_some_and(|f| self.flows[*f as usize].start == now) {
            let flow = self.to_come.pop().expect("there is a last");
            self.begin_flow(now, flow);
        }
        self.shares.share();
        for &group in self.shares.changed() {
            let lane = &mut self.lanes[group.index()];
            lane.advance(now);
            lane.rate = self.shares.rate(group);
            self.next_end[group.index()] = lane.next_end();
        }
        true
    }

    /// How many flows have ended.
    pub fn ended(&self) -> usize {
        self.done.len()
    }

    /// The ends so far, by time and flow.
    pub fn finish(mut self) -> Vec<Completion> {
        self.done.sort_unstable();
        self.done
    }

    fn first_end(&mut self) -> SimTime {
        for (least, ends) in self.chunk_end.iter_mut().zip(self.next_end.chunks(CHUNK)) {
            *least = ends.iter().copied().fold(SimTime::MAX, SimTime::min);
        }
        self.chunk_end.iter().copied().min().unwrap_or(SimTime::MAX)
    }

    fn end_flows(&mut self, now: SimTime) {
        let chunks = (0..self.chunk_end.len()).filter(|c| self.chunk_end[*c] == now);
        let lanes = chunks.flat_map(|c| c * CHUNK..self.next_end.len().min((c + 1) * CHUNK));
        for index in lanes.filter(|i| self.next_end[*i] == now).collect::<Vec<_>>() {
            let lane = &mut self.lanes[index];
            lane.advance(now);
            // The first has sent everything, whatever rounding says.
            lane.sent = lane.sent.max(lane.ends.last().map_or(0.0, |e| e.0));
            while lane.ends.last().is_some_and(|e| e.0 <= lane.sent) {
                let (_, flow) = lane.ends.pop().expect("there is a last");
                self.done.push(Completion { at: now, flow });
            }
            self.next_end[index] = SimTime::MAX;
            self.shares.set_flows(GroupId(index as u32), lane.ends.len() as u32);
        }
    }

    fn begin_flow(&mut self, now: SimTime, flow: u32) {
        let FluidFlow { size, cap, .. } = self.flows[flow as usize];
        let bits = size.get() as f64 * 8.0;
        let Some(group) = self.group_of[flow as usize] else {
            // Nothing but its cap holds it back.
            if let Some(at) = after(now, bits, cap) {
                self.done.push(Completion { at, flow });
            }
            return;
        };
        if size.get() == 0 {
            self.done.push(Completion { at: now, flow });
            return;
        }
        let lane = &mut self.lanes[group.index()];
        lane.advance(now);
        let end = lane.sent + bits;
        let place = lane.ends.partition_point(|e| (e.0, e.1) > (end, flow));
        lane.ends.insert(place, (end, flow));
        self.shares.set_flows(group, lane.ends.len() as u32);
    }
}

impl Lane {
    fn advance(&mut self, now: SimTime) {
        self.sent += self.rate * now.since(self.at).as_ps() as f64 * 1e-12;
        self.at = now;
    }

    fn next_end(&self) -> SimTime {
        let first = self.ends.last().and_then(|e| after(self.at, e.0 - self.sent, self.rate));
        first.unwrap_or(SimTime::MAX)
    }
}

/// When so many more bits are sent, rounded up to a picosecond; `None` if never.
fn after(now: SimTime, bits: f64, rate: f64) -> Option<SimTime> {
    let exact = bits.max(0.0) / rate * 1e12;
    // Rounding up by hand: `ceil` is a call on processors without SSE 4.1, and this is the innermost loop.
    let below = exact as i64;
    let ps = below.saturating_add(i64::from((below as f64) < exact));
    let at = now + SimDuration::from_ps(ps as u64);
    (exact.is_finite() && at < SimTime::MAX).then_some(at)
}
