//! What a source received, as observations.

use twin::{Diagnostic, WallTime};

use super::{Form, Kernel, Mark, Routes, Spec, snmp};
use crate::observation::{Observation, Observer};
use crate::wire::Listener;

/// The reader of what one source receives: pure, but with a memory of the conversation.
pub enum Decoder {
    /// [`Form::Netlink`].
    Kernel(Box<Kernel>),
    /// [`Form::Frames`].
    Wire(Listener),
    /// [`Form::Snmp`].
    Snmp(Observer),
    /// A form that this build does not read.
    Unread,
}

impl Decoder {
    /// The reader of a new conversation with a source.
    pub fn new(spec: &Spec) -> Self {
        let observer = Observer::node(&spec.node);
        match spec.form {
            Form::Netlink => Self::Kernel(Box::new(Kernel::new(observer))),
            Form::Frames => Self::Wire(Listener::new(&spec.node)),
            Form::Snmp => Self::Snmp(observer),
            _ => Self::Unread,
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
            Self::Unread => Vec::new(),
        }
    }

    /// What became of the source or of a reading.
    pub fn mark(&mut self, at: WallTime, mark: &Mark) {
        match (self, mark) {
            (Self::Kernel(kernel), Mark::Began { table, number }) => kernel.begin(*table, *number, at),
            (Self::Kernel(kernel), Mark::Up) => kernel.restart(),
            _ => {}
        }
    }

    /// The routes that go to the twin directly.
    pub fn routes_mut(&mut self) -> Option<&mut Routes> {
        match self {
            Self::Kernel(kernel) => Some(kernel.routes_mut()),
            _ => None,
        }
    }

    /// Whether routes have changed that the twin has not seen.
    pub(super) fn has_routes_to_tell(&self) -> bool {
        match self {
            Self::Kernel(kernel) => kernel.routes().has_news(),
            _ => false,
        }
    }
}
