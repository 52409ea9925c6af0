//! A stream of bytes cut into messages.

use super::recognise::{Fit, Protocol};

/// Bytes that are searched again when more come, while no message is found.
const TAIL: usize = 256;

/// Cuts one stream. Holds the bytes of the message that is not complete, at most its length.
#[derive(Debug)]
pub struct Framer {
    protocol: Protocol,
    held: Vec<u8>,
    /// The place in the stream is lost: the next message must be searched for.
    seeking: bool,
}

/// Takes each message, or the damage between two.
pub type Tell<'t> = dyn FnMut(Result<&[u8], Damage>) + 't;

/// Bytes that are part of no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage;

impl Framer {
    /// A stream that begins with a message.
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol, held: Vec::new(), seeking: false }
    }

    /// The bytes that are held, and whether the next message must be searched for.
    pub(super) fn held(&self) -> (&[u8], bool) {
        (&self.held, self.seeking)
    }

    /// A stream in the middle of a message.
    pub(super) fn resume(protocol: Protocol, held: Vec<u8>, seeking: bool) -> Self {
        Self { protocol, held, seeking }
    }

    /// Some bytes are missing here.
    pub fn gap(&mut self) {
        self.held.clear();
        self.seeking = true;
    }

    /// Takes the next bytes, and tells the messages that are complete with them.
    pub fn take(&mut self, bytes: &[u8], tell: &mut Tell<'_>) {
        if self.held.is_empty() {
            let used = self.cut(bytes, tell);
            self.held.extend_from_slice(&bytes[used..]);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            let used = self.cut(&held, tell);
            held.drain(..used);
            self.held = held;
        }
    }

    /// The number of bytes that are done with.
    fn cut(&mut self, bytes: &[u8], tell: &mut Tell<'_>) -> usize {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            if self.seeking {
                match (0..rest.len()).find(|&n| self.protocol.fit(&rest[n..]) == Fit::Yes) {
                    Some(n) => at += n,
                    None => return bytes.len() - rest.len().min(TAIL),
                }
                self.seeking = false;
            } else if rest.len() < self.protocol.header() {
                return at;
            } else if let Some(length) = self.protocol.length(rest) {
                let Some(message) = rest.get(..length) else { return at };
                tell(Ok(message));
                at += length;
            } else {
                tell(Err(Damage));
                at += 1;
                self.seeking = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keepalive() -> Vec<u8> {
        [&[0xff; 16][..], &[0, 19, 4]].concat()
    }

    /// One letter a message, `!` a damage.
    fn cut(framer: &mut Framer, bytes: &[u8], step: usize) -> String {
        let mut text = String::new();
        for part in bytes.chunks(step) {
            framer.take(part, &mut |m| text.push(if m.is_ok() { 'k' } else { '!' }));
        }
        text
    }

    #[test]
    fn the_cuts_of_the_input_do_not_matter() {
        let bytes = keepalive().repeat(3);
        for step in 1..=bytes.len() {
            assert_eq!(cut(&mut Framer::new(Protocol::Bgp), &bytes, step), "kkk", "steps of {step}");
        }
    }

    #[test]
    fn after_a_gap_or_damage_the_next_message_is_found() {
        let two = keepalive().repeat(2);
        for step in [1, 7, 1000] {
            let mut framer = Framer::new(Protocol::Bgp);
            assert_eq!(cut(&mut framer, &two[..25], step), "k");
            framer.gap();
            assert_eq!(cut(&mut framer, &[&two[30..], &two].concat(), step), "kk");
            let damaged = [&two, &[7u8; 600][..], &two].concat();
            assert_eq!(cut(&mut framer, &damaged, step), "kk!kk", "steps of {step}");
        }
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut framer = Framer::new(Protocol::Bgp);
        framer.gap();
        for _ in 0..100 {
            framer.take(&[0; 1000], &mut |_| {});
            assert!(framer.held.len() <= TAIL);
        }
    }
}
