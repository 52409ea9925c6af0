//! What of a kernel is to be read, and when.
//!
//! Pure: instants come in as arguments.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::follow::Table;
use crate::follow::wire::{self, kind};

/// How long to let a change settle whose silent consequences must be read.
const SETTLE: Duration = Duration::from_millis(300);
/// After this long without an answer a request is made again; the longest pause between readings that overruns break off.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a second overrun in a row; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(100);

/// What is to be read, one table at a time: the kernel answers one request after the other.
#[derive(Default)]
pub(super) struct Asking {
    wanted: VecDeque<Table>,
    current: Option<Current>,
    number: u32,
    /// Since when notices have been lost, if everything was not asked for since.
    lost: Option<Instant>,
    /// The pause before everything is asked for once more; none after a reading that came to its end.
    pause: Duration,
    /// When tables are to be read whose change the kernel does not tell.
    again: Option<Instant>,
}

struct Current {
    table: Table,
    number: u32,
    interrupted: bool,
    heard: Instant,
}

impl Asking {
    /// Asks for everything anew.
    pub(super) fn all(&mut self) {
        self.current = None;
        self.wanted = Table::ALL.into();
        self.again = None;
        self.lost = None;
    }

    /// Notices were lost. A table that is being read should come to its end first: the kernel refuses a second request till
    /// then. But its answers may be what was lost ([`Asking::wake`]).
    pub(super) fn overrun(&mut self, now: Instant) {
        self.lost.get_or_insert(now);
    }

    /// The table to ask for now, if none is being read.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Table, u32)> {
        if self.current.is_some() {
            return None;
        }
        let table = self.wanted.pop_front()?;
        self.number += 1;
        self.current = Some(Current { table, number: self.number, interrupted: false, heard: now });
        Some((table, self.number))
    }

    /// Takes what the kernel sent.
    pub(super) fn hear(&mut self, datagram: &[u8], now: Instant) {
        for message in wire::messages(datagram) {
            if message.number != 0 && self.current.as_ref().is_some_and(|c| c.number == message.number) {
                self.answer(message, now);
            } else if is_silent(message) {
                self.again.get_or_insert(now + SETTLE);
            }
        }
    }

    fn answer(&mut self, message: wire::Message<'_>, now: Instant) {
        let Some(current) = &mut self.current else { return };
        current.heard = now;
        current.interrupted |= message.flags & wire::INTERRUPTED != 0;
        let refused = message.kind == wire::ERROR && is_passing(message.body);
        if matches!(message.kind, wire::DONE | wire::ERROR) {
            if current.interrupted || refused {
                self.wanted.push_front(current.table);
            }
            self.current = None;
            if self.wanted.is_empty() && self.lost.is_none() {
                self.pause = Duration::ZERO;
            }
        }
    }

    /// What is to be done without a word of the kernel; `quiet`: it has just had nothing to say. Where notices were lost
    /// everything is read again: at once the first time, after a growing pause where one overrun follows the other. A
    /// reading of which nothing comes any more was broken off by the overrun.
    pub(super) fn wake(&mut self, now: Instant, quiet: bool) {
        if self.current.as_ref().is_some_and(|c| c.heard + PATIENCE <= now) {
            self.all();
        }
        let broken_off = self.current.as_ref().is_none_or(|c| quiet || c.heard + SETTLE <= now);
        if broken_off && self.lost.is_some_and(|lost| lost + self.pause <= now) {
            self.all();
            self.pause = (self.pause * 2).clamp(PAUSE, PATIENCE);
        }
        if self.again.is_some_and(|again| again <= now) {
            self.again = None;
            let more = [Table::Objects, Table::Routes].into_iter().filter(|t| !self.wanted.contains(t));
            self.wanted.extend(more.collect::<Vec<_>>());
        }
    }
}

/// Whether an error says that the same request may succeed later; a table that the kernel does not have stays unread.
fn is_passing(body: &[u8]) -> bool {
    let code = body.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
    matches!(
        Errno::from_raw(-code),
        Errno::EBUSY | Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS | Errno::ENOMEM
    )
}

/// Whether the kernel takes routes or objects away with this without a word on each (Linux, `fib_sync_down_dev`,
/// `fib_sync_down_addr`, `nexthop_flush_dev`).
fn is_silent(message: wire::Message<'_>) -> bool {
    const UP: u32 = 1;
    match message.kind {
        kind::DELLINK | kind::DELADDR | kind::DELNEXTHOP => true,
        kind::NEWLINK => message.body.get(8..).and_then(wire::u32_of).is_some_and(|flags| flags & UP == 0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of the kernel's without a body.
    fn message(kind: u16, number: u32) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes[..4].copy_from_slice(&16u32.to_ne_bytes());
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[8..12].copy_from_slice(&number.to_ne_bytes());
        bytes
    }

    /// Reads all tables to their ends; their number.
    fn read(asking: &mut Asking, now: Instant) -> usize {
        let mut tables = 0;
        while let Some((_, number)) = asking.next(now) {
            asking.hear(&message(wire::DONE, number), now);
            tables += 1;
        }
        tables
    }

    fn started(now: Instant) -> Asking {
        let mut asking = Asking::default();
        asking.all();
        assert_eq!(read(&mut asking, now), Table::ALL.len());
        asking.wake(now, true);
        assert_eq!(asking.next(now), None, "all is read");
        asking
    }

    #[test]
    fn after_an_overrun_everything_is_read_at_once() {
        let now = Instant::now();
        let mut asking = started(now);
        asking.overrun(now);
        asking.wake(now, false);
        assert_eq!(asking.next(now).map(|(table, _)| table), Some(Table::Links));
    }

    #[test]
    fn a_reading_that_an_overrun_broke_off_is_made_again_as_soon_as_nothing_comes() {
        let now = Instant::now();
        let mut asking = started(now);
        asking.all();
        let (_, number) = asking.next(now).unwrap();
        asking.overrun(now);
        asking.wake(now, false);
        assert_eq!(asking.next(now), None, "it may still come to its end");
        asking.wake(now, true);
        let (table, next) = asking.next(now).unwrap();
        assert_eq!((table, next), (Table::Links, number + 1), "not after ten seconds");
        // Where notices never cease the kernel is not quiet.
        asking.overrun(now);
        asking.wake(now + SETTLE, false);
        assert_eq!(asking.next(now), Some((Table::Links, number + 2)));
    }

    #[test]
    fn a_reading_that_comes_to_its_end_after_an_overrun_is_followed_by_another() {
        let now = Instant::now();
        let mut asking = started(now);
        asking.all();
        let (_, number) = asking.next(now).unwrap();
        asking.overrun(now);
        asking.hear(&message(wire::DONE, number), now);
        asking.wake(now, false);
        assert_eq!(read(&mut asking, now), Table::ALL.len(), "from the beginning");
    }

    #[test]
    fn overruns_in_a_row_are_given_growing_pauses_until_a_reading_ends() {
        let start = Instant::now();
        let mut asking = started(start);
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..10 {
            asking.overrun(now);
            let lost = now;
            asking.wake(now, true);
            while asking.next(now).is_none() {
                now += Duration::from_millis(50);
                asking.wake(now, true);
            }
            pauses.push((now - lost).as_millis());
        }
        assert_eq!(pauses, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        asking.all();
        read(&mut asking, now);
        asking.overrun(now);
        asking.wake(now, true);
        assert!(asking.next(now).is_some(), "a reading came to its end: the next overrun is the first");
    }
}
