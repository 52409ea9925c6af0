//! How a thread waits for another one that is about to come: much sooner than it could fall asleep and be woken, after
//! which it would as likely as not have to share a processor with the one that woke it.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError};

/// Looks at the other before the processor is offered to anybody else: half a millisecond.
const SPINS: u32 = 20_000;

/// Looks, with the processor offered between them, before the thread falls asleep: some milliseconds.
const OFFERS: u32 = 10_000;

/// A wait so far.
#[derive(Default)]
pub(crate) struct Wait {
    looks: u32,
}

impl Wait {
    /// Lets a moment pass: the longer the wait, the more is left to others.
    pub(crate) fn pause(&mut self) {
        self.looks = self.looks.saturating_add(1);
        if self.looks < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
    }

    /// Whether it is time to sleep.
    fn is_long(&self) -> bool {
        self.looks >= SPINS + OFFERS
    }
}

/// The next message; `None` when nobody can send any more.
pub(crate) fn receive<T>(from: &Receiver<T>) -> Option<T> {
    let mut wait = Wait::default();
    while !wait.is_long() {
        match from.try_recv() {
            Ok(message) => return Some(message),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => wait.pause(),
        }
    }
    from.recv().ok()
}

/// Sends as soon as there is room. A message that nobody can receive any more is dropped.
pub(crate) fn send<T>(to: &SyncSender<T>, mut message: T) {
    let mut wait = Wait::default();
    while !wait.is_long() {
        match to.try_send(message) {
            Err(TrySendError::Full(back)) => message = back,
            Ok(()) | Err(TrySendError::Disconnected(_)) => return,
        }
        wait.pause();
    }
    let _ = to.send(message);
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn every_message_comes_in_order_and_then_the_end() {
        let (to, from) = sync_channel(1);
        std::thread::scope(|scope| {
            scope.spawn(move || (0..2_000).for_each(|n| send(&to, n)));
            (0..2_000).for_each(|n| assert_eq!(receive(&from), Some(n)));
            assert_eq!(receive(&from), None);
        });
    }

    #[test]
    fn what_nobody_can_receive_is_dropped() {
        let (to, from) = sync_channel(1);
        drop(from);
        (0..3).for_each(|n| send(&to, n));
    }
}
