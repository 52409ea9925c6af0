//! A meeting point of threads that come every few microseconds.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::patience::Wait;

/// As [`std::sync::Barrier`], for waits much shorter than a thread takes to fall asleep and wake: it spins, and lets others
/// run where there are fewer processors than threads.
#[derive(Debug)]
pub(crate) struct Barrier {
    threads: usize,
    arrived: AtomicUsize,
    meetings: AtomicUsize,
}

impl Barrier {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0), meetings: AtomicUsize::new(0) }
    }

    /// Returns when all threads have called it as often as this one. What they wrote before is seen after.
    pub(crate) fn wait(&self) {
        let meeting = self.meetings.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.arrived.store(0, Ordering::Relaxed);
            self.meetings.fetch_add(1, Ordering::Release);
            return;
        }
        let mut wait = Wait::default();
        while self.meetings.load(Ordering::Acquire) == meeting {
            wait.pause();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_goes_on_before_all_have_come() {
        let (barrier, counted) = (Barrier::new(3), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 0..2_000 {
                        counted.fetch_add(1, Ordering::Relaxed);
                        barrier.wait();
                        assert_eq!(counted.load(Ordering::Relaxed), 3 * (round + 1));
                        barrier.wait();
                    }
                });
            }
        });
    }
}
