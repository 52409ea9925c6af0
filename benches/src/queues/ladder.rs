//! A ladder queue (Tang, Goh and Thng, "Ladder queue: an O(1) priority queue structure for large-scale discrete event
//! simulation", ACM TOMACS 15(3), 2005): what is far lies unsorted in the top, what is near in rungs of ever narrower
//! buckets, and what is next in a sorted bottom.

use engine::Event;

use super::Pending;

/// A bucket of more events becomes a rung of its own.
const THRESHOLD: usize = 50;
const RUNGS: usize = 8;

#[derive(Clone, Debug, Default)]
struct Rung {
    start: u64,
    width: u64,
    /// Buckets before this one are empty and closed.
    current: usize,
    count: usize,
    used: usize,
    buckets: Vec<Vec<Event>>,
}

/// Top, rungs and bottom. Times must lie before the very last instant.
#[derive(Clone, Debug, Default)]
pub struct Ladder {
    top: Vec<Event>,
    /// Events from this instant on go to the top.
    top_start: u64,
    rungs: Vec<Rung>,
    depth: usize,
    /// The least at the end.
    bottom: Vec<Event>,
}

impl Rung {
    fn open_from(&self) -> u64 {
        self.start.saturating_add(self.width.saturating_mul(self.current as u64))
    }

    /// Empty buckets from `min` to `max` or a little beyond, about as many as events.
    fn begin(&mut self, min: u64, max: u64, events: usize) {
        self.start = min;
        self.width = ((max - min) / events as u64).max(1);
        self.used = ((max - min) / self.width) as usize + 1;
        self.current = 0;
        self.count = 0;
        if self.buckets.len() < self.used {
            self.buckets.resize_with(self.used, Vec::new);
        }
    }

    fn push(&mut self, event: Event) {
        let bucket = (event.at.as_ps() - self.start) / self.width;
        self.buckets[(bucket as usize).min(self.used - 1)].push(event);
        self.count += 1;
    }
}

impl Ladder {
    /// Spreads events, all from `min` to `max`, over a new rung.
    fn spread(&mut self, events: &mut Vec<Event>, min: u64, max: u64) {
        if self.rungs.len() == self.depth {
            self.rungs.push(Rung::default());
        }
        let rung = &mut self.rungs[self.depth];
        rung.begin(min, max, events.len());
        events.drain(..).for_each(|e| rung.push(e));
        self.depth += 1;
    }

    fn refill(&mut self) {
        while self.bottom.is_empty() {
            if self.depth == 0 {
                if self.top.is_empty() {
                    return;
                }
                let mut top = std::mem::take(&mut self.top);
                let times = top.iter().map(|e| e.at.as_ps());
                let (min, max) = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
                self.top_start = max.saturating_add(1);
                self.spread(&mut top, min, max);
                self.top = top;
                continue;
            }
            let rung = &mut self.rungs[self.depth - 1];
            if rung.count == 0 {
                self.depth -= 1;
                continue;
            }
            while rung.buckets[rung.current].is_empty() {
                rung.current += 1;
            }
            let mut bucket = std::mem::take(&mut rung.buckets[rung.current]);
            let (at, start) = (rung.current, rung.open_from());
            let end = start.saturating_add(rung.width - 1);
            rung.current += 1;
            rung.count -= bucket.len();
            let divisible = rung.width > 1 && self.depth < RUNGS;
            if bucket.len() > THRESHOLD && divisible {
                self.spread(&mut bucket, start, end);
                self.rungs[self.depth - 2].buckets[at] = bucket;
            } else {
                self.bottom.append(&mut bucket);
                rung.buckets[at] = bucket;
                self.bottom.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
    }
}

impl Pending for Ladder {
    #[inline(always)]
    fn push(&mut self, event: Event) {
        let at = event.at.as_ps();
        if at >= self.top_start {
            self.top.push(event);
            return;
        }
        for rung in &mut self.rungs[..self.depth] {
            if at >= rung.open_from() {
                rung.push(event);
                return;
            }
        }
        let place = self.bottom.partition_point(|e| *e > event);
        self.bottom.insert(place, event);
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Event> {
        if self.bottom.is_empty() {
            self.refill();
        }
        self.bottom.pop()
    }
}
