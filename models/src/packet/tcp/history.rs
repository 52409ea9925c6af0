//! What happened to an end, in order, from which its state follows.
//!
//! smoltcp's sockets cannot be copied. But an end is a pure function of its inputs, so a copy is made by giving them to a
//! new one. Payloads play no part and are not kept: a segment takes some 50 bytes, a timer 9.

use twin::SimTime;

/// One input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input<'a> {
    /// A segment came in; these are its headers.
    Arrival(&'a [u8]),
    /// What could be sent was sent.
    Poll,
}

/// Inputs with their instants, one after the other: time (8 bytes), length of headers (0 for a poll), headers.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Vec<u8>);

impl History {
    pub(super) fn push(&mut self, at: SimTime, input: Input<'_>) {
        let headers = match input {
            Input::Arrival(headers) => headers,
            Input::Poll => &[],
        };
        self.0.extend_from_slice(&at.as_ps().to_le_bytes());
        self.0.push(u8::try_from(headers.len()).expect("headers of IP and TCP take at most 120 bytes"));
        self.0.extend_from_slice(headers);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SimTime, Input<'_>)> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (at, tail) = rest.split_first_chunk::<8>()?;
            let (len, tail) = tail.split_first().expect("a length follows a time");
            let (headers, tail) = tail.split_at(usize::from(*len));
            rest = tail;
            let input = if headers.is_empty() { Input::Poll } else { Input::Arrival(headers) };
            Some((SimTime::from_ps(u64::from_le_bytes(*at)), input))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_went_in_comes_out_in_order(
            inputs in prop::collection::vec((any::<u64>(), prop::collection::vec(any::<u8>(), 0..121)), 0..40)
        ) {
            let as_input = |(at, bytes): &'_ (u64, Vec<u8>)| {
                (SimTime::from_ps(*at), bytes.clone())
            };
            let mut history = History::default();
            for (at, headers) in &inputs {
                let input = if headers.is_empty() { Input::Poll } else { Input::Arrival(headers) };
                history.push(SimTime::from_ps(*at), input);
            }
            let out: Vec<_> = history
                .iter()
                .map(|(at, input)| match input {
                    Input::Poll => (at, Vec::new()),
                    Input::Arrival(headers) => (at, headers.to_vec()),
                })
                .collect();
            prop_assert_eq!(out, inputs.iter().map(as_input).collect::<Vec<_>>());
        }
    }
}
