//! One end of one connection.

use std::fmt;

use engine::Chance;
use twin::SimTime;

use super::header::TcpHeader;
use super::history::{History, Input};
use super::stack::{Role, Stack};
use super::{TcpConfig, TcpError, TcpFlow, check};

/// How far an end has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpProgress {
    /// When the connection was open at this end.
    pub connected: Option<SimTime>,
    /// Bytes that this end's application has read.
    pub received: u64,
    /// When it had read all that it expected; with nothing to expect, when the connection was open.
    pub received_all: Option<SimTime>,
    /// Bytes that the other end has acknowledged.
    pub acknowledged: u64,
    /// When it knew that all it had to send has arrived; with nothing to send, when the connection was open.
    pub acknowledged_all: Option<SimTime>,
    /// When the connection was gone at this end: both directions closed (the end that closed first then waits 10 s for
    /// stragglers), reset, or given up.
    pub closed: Option<SimTime>,
    /// Segments with data sent, the repeated ones among them.
    pub segments: u64,
    /// Segments with data that had been sent before.
    pub retransmitted: u64,
}

/// One end of one connection, as a function of simulated time and of what arrives.
///
/// `Clone` forks it, and both go on alike if the same happens to them. The copy takes the memory of all headers received
/// so far (some 60 bytes for each) and is rebuilt from them when it is first used, at the cost of having lived until then
/// (about a microsecond for each). An end whose connection is gone keeps nothing.
///
/// Time must not go back from one call to the next.
pub struct TcpEnd {
    role: Role,
    history: History,
    due: Option<SimTime>,
    progress: TcpProgress,
    /// The live state; where it is missing, it follows from the history.
    stack: Option<Box<Stack>>,
}

impl TcpEnd {
    /// The end that opens a connection at its start.
    ///
    /// `chance` and `item` (the flow) draw its initial sequence number.
    ///
    /// # Errors
    /// If no connection can be made of the flow or the configuration.
    pub fn client(flow: &TcpFlow, config: &TcpConfig, chance: Chance, item: u64) -> Result<Self, TcpError> {
        check(flow, config)?;
        Ok(Self::new(Role {
            local: flow.client,
            remote: flow.server,
            opens: Some(flow.start),
            send: flow.forward.get(),
            expect: flow.backward.get(),
            congestion: flow.congestion,
            config: *config,
            seed: chance.bits(item.wrapping_mul(2)),
        }))
    }

    /// The end that waits for it.
    ///
    /// # Errors
    /// If no connection can be made of the flow or the configuration.
    pub fn server(flow: &TcpFlow, config: &TcpConfig, chance: Chance, item: u64) -> Result<Self, TcpError> {
        check(flow, config)?;
        Ok(Self::new(Role {
            local: flow.server,
            remote: flow.client,
            opens: None,
            send: flow.backward.get(),
            expect: flow.forward.get(),
            congestion: flow.congestion,
            config: *config,
            seed: chance.bits(item.wrapping_mul(2).wrapping_add(1)),
        }))
    }

    fn new(role: Role) -> Self {
        let (history, progress) = (History::default(), TcpProgress::default());
        Self { role, history, due: role.opens, progress, stack: None }
    }

    /// Takes in a segment: the packet's IP and TCP headers, with or without its data. Anything else is ignored, as is
    /// everything after the connection is gone. [`poll`](Self::poll) sends the answer.
    pub fn receive(&mut self, now: SimTime, packet: &[u8]) {
        let Some(header) = TcpHeader::read(packet).filter(|_| self.progress.closed.is_none()) else {
            return;
        };
        let headers = &packet[..header.header_len];
        let role = self.role;
        self.stack().receive(&role, now, headers, &header);
        self.history.push(now, Input::Arrival(headers));
    }

    /// Sends all that may be sent now: `out` gets the headers of each segment, IP header first, and what they say. The
    /// data that would follow are zeros.
    pub fn poll(&mut self, now: SimTime, out: impl FnMut(&[u8], TcpHeader)) {
        if self.progress.closed.is_some() || self.is_untouched(now) {
            return;
        }
        let role = self.role;
        let stack = self.stack();
        stack.poll(&role, now, out);
        (self.due, self.progress) = {
            let stack = self.stack();
            (stack.due(&role, now), stack.progress)
        };
        self.history.push(now, Input::Poll);
        if self.progress.closed.is_some() {
            (self.due, self.stack) = (None, None);
            self.history.clear();
        }
    }

    /// When to [`poll`](Self::poll) next if nothing arrives before; `None` if there is nothing to wait for. It may be
    /// called later than said, and is then late; it may be called earlier, which changes nothing.
    pub fn due(&self) -> Option<SimTime> {
        self.due
    }

    /// How far it has come, as of the last poll.
    pub fn progress(&self) -> &TcpProgress {
        &self.progress
    }

    /// Whether nothing has happened yet, and nothing is due: then no buffers are there either.
    fn is_untouched(&self, now: SimTime) -> bool {
        self.history.is_empty() && self.due.is_none_or(|due| now < due)
    }

    /// The live state, rebuilt if need be.
    fn stack(&mut self) -> &mut Stack {
        let (role, history) = (&self.role, &self.history);
        self.stack.get_or_insert_with(|| {
            let mut stack = Box::new(Stack::new(role));
            for (at, input) in history.iter() {
                match input {
                    Input::Arrival(headers) => {
                        let header = TcpHeader::read(headers).expect("headers in a history were read before");
                        stack.receive(role, at, headers, &header);
                    }
                    Input::Poll => stack.poll(role, at, |_, _| ()),
                }
            }
            stack
        })
    }
}

impl Clone for TcpEnd {
    fn clone(&self) -> Self {
        let Self { role, history, due, progress, .. } = self;
        Self { role: *role, history: history.clone(), due: *due, progress: *progress, stack: None }
    }
}

impl fmt::Debug for TcpEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, due, progress, .. } = self;
        f.debug_struct("TcpEnd")
            .field("role", role)
            .field("due", due)
            .field("progress", progress)
            .finish_non_exhaustive()
    }
}
