//! What a source received, as observations.

use twin::{Diagnostic, WallTime};

use super::station::Station;
use super::{Form, Kernel, Mark, Spec, snmp};
use crate::dump;
use crate::observation::{Observation, Observer, Said, Source};
use crate::wire::Listener;

/// The reader of what one source receives: pure, but with a memory of the conversation.
pub enum Decoder {
    /// [`Form::Netlink`].
    Kernel(Box<Kernel>),
    /// [`Form::Frames`].
    Wire(Listener),
    /// [`Form::Snmp`].
    Snmp(Observer),
    /// [`Form::Bmp`].
    Bmp(Station),
    /// [`Form::Dump`].
    Dump(Observer),
}

impl Decoder {
    /// The reader of a new conversation with a source.
    pub fn new(spec: &Spec) -> Self {
        let observer = Observer::node(&spec.node);
        match spec.form {
            Form::Netlink => Self::Kernel(Box::new(Kernel::new(observer))),
            Form::Frames => Self::Wire(Listener::new(&spec.node)),
            Form::Snmp => Self::Snmp(observer),
            Form::Bmp => Self::Bmp(Station::default()),
            Form::Dump => Self::Dump(observer),
        }
    }

    /// What is said by what was received.
    pub fn take(
        &mut self,
        at: WallTime,
        bytes: &[u8],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<Observation> {
        match self {
            Self::Kernel(kernel) => kernel.take(at, bytes, diagnostics),
            Self::Wire(listener) => match bytes.split_first_chunk() {
                Some((kind, frame)) => listener.frame(at, None, u16::from_le_bytes(*kind), frame),
                None => Vec::new(),
            },
            Self::Snmp(observer) => match serde_json::from_slice(bytes) {
                Ok(walk) => snmp::read(observer, &walk),
                Err(e) => {
                    Diagnostic::count(diagnostics, "snmp-walk", || format!("{observer}: {e}"));
                    Vec::new()
                }
            },
            Self::Bmp(station) => station.take(at, bytes),
            Self::Dump(observer) => dump(observer, bytes, diagnostics),
        }
    }

    /// What became of the source or of a reading; who is not heard any more by it, and by what means.
    pub fn mark(&mut self, at: WallTime, mark: &Mark) -> Option<(Observer, Source)> {
        match (self, mark) {
            (Self::Kernel(kernel), Mark::Began { table, number }) => kernel.begin(*table, *number, at),
            (Self::Kernel(kernel), Mark::Up) => kernel.restart(),
            (Self::Bmp(station), mark) => return station.mark(mark),
            _ => {}
        }
        None
    }

    /// Whether routes have changed that the twin has not seen.
    pub(super) fn has_routes_to_tell(&self) -> bool {
        match self {
            Self::Kernel(kernel) => kernel.routes().has_news(),
            Self::Bmp(station) => station.has_news(),
            _ => false,
        }
    }
}

/// What a tool printed: name, zero byte, the instant at which it was asked, content.
fn dump(observer: &Observer, bytes: &[u8], diagnostics: &mut Vec<Diagnostic>) -> Vec<Observation> {
    let Some(end) = bytes.iter().position(|b| *b == 0) else { return Vec::new() };
    let (name, rest) = bytes.split_at(end);
    let Some((began, content)) = rest.get(1..).and_then(<[u8]>::split_first_chunk) else { return Vec::new() };
    let (name, at) = (String::from_utf8_lossy(name), WallTime::from_ns(i64::from_le_bytes(*began)));
    if let Some(event) = lldpd_event(content) {
        let (happened, list) = event;
        // An event is written as a list of one neighbour; it is not the whole list.
        let said = dump::read(observer, at, &name, &list, diagnostics).unwrap_or_default();
        return said.into_iter().filter_map(|o| happened.turn(o)).collect();
    }
    dump::read(observer, at, &name, content, diagnostics).unwrap_or_default()
}

/// What an event of `lldpcli watch` says of a neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happened {
    Heard,
    Gone,
}

impl Happened {
    fn turn(self, observation: Observation) -> Option<Observation> {
        let Observation { observer, source, at, said } = observation;
        let Said::Is(fact, lifetime) = said else { return None };
        let said = match self {
            Self::Heard => Said::Is(fact, lifetime),
            Self::Gone => Said::Not(fact.key()),
        };
        Some(Observation { observer, source, at, said })
    }
}

/// An event and its neighbour as lldpd's lists are written; `None` for anything else.
fn lldpd_event(content: &[u8]) -> Option<(Happened, Vec<u8>)> {
    if !content.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let value: serde_json::Value = serde_json::from_slice(content).ok()?;
    let (word, neighbor) = value.as_object()?.iter().next()?;
    let happened = match word.as_str() {
        "lldp-added" | "lldp-updated" => Happened::Heard,
        "lldp-deleted" => Happened::Gone,
        _ => return None,
    };
    serde_json::to_vec(&serde_json::json!({ "lldp": neighbor })).ok().map(|list| (happened, list))
}
