//! A buffer over a reader that knows the file offset of every byte.

use std::io::{ErrorKind, Read};
use std::ops::Range;

use twin::{InputError, Place};

const CHUNK: usize = 256 * 1024;

pub(super) struct Input<R> {
    name: String,
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// File offset of `buffer[start]`.
    offset: u64,
    exhausted: bool,
}

impl<R: Read> Input<R> {
    pub(super) fn new(name: &str, reader: R) -> Self {
        let buffer = vec![0; CHUNK];
        Self { name: name.to_owned(), reader, buffer, start: 0, end: 0, offset: 0, exhausted: false }
    }

    /// Makes `n` bytes available, or says that the input ends before them. Moves bytes, so that earlier ranges become
    /// invalid.
    pub(super) fn require(&mut self, n: usize) -> Result<bool, InputError> {
        if self.available() < n {
            self.make_room(n);
        }
        while self.available() < n && !self.exhausted {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.exhausted = true,
                Ok(count) => self.end += count,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    let place = Place::Offset(self.offset + self.available() as u64);
                    return Err(InputError::new(
                        &self.name,
                        place,
                        format!("unreadable: {e}"),
                        "a readable file",
                    ));
                }
            }
        }
        Ok(self.available() >= n)
    }

    fn make_room(&mut self, n: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < n {
            self.buffer.resize(n.next_power_of_two(), 0);
        }
    }
}

impl<R> Input<R> {
    /// Bytes read but not taken.
    pub(super) fn available(&self) -> usize {
        self.end - self.start
    }

    /// The next `n` bytes, which [`Input::require`] made available.
    pub(super) fn peek(&self, n: usize) -> &[u8] {
        &self.buffer[self.start..self.start + n]
    }

    /// Takes the next `n` available bytes; the range is valid until the next [`Input::require`].
    pub(super) fn take(&mut self, n: usize) -> Range<usize> {
        let range = self.start..self.start + n;
        self.start += n;
        self.offset += n as u64;
        range
    }

    /// The bytes of a range that [`Input::take`] gave.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// An error `ahead` bytes after the next byte.
    pub(super) fn error(&self, ahead: usize, what: impl Into<String>, expected: &str) -> InputError {
        InputError::new(&self.name, Place::Offset(self.offset + ahead as u64), what, expected)
    }
}
