//! Reading a journal.

use std::io::{self, Read};

use twin::{InputError, Place};

use super::{HEADER, Record};

/// The records of a journal, one after the other, up to the end or to the first that is not whole.
pub struct Reader<R> {
    name: String,
    input: R,
    /// Where the next record begins.
    offset: u64,
    torn: Option<&'static str>,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// A reader from the beginning. `name` is what errors call the journal.
    ///
    /// # Errors
    /// [`InputError`] if it cannot be read or is no journal.
    pub fn open(name: &str, mut input: R) -> Result<Self, InputError> {
        let mut header = Vec::new();
        let wanted = HEADER.len() as u64;
        input.by_ref().take(wanted).read_to_end(&mut header).map_err(|e| unreadable(name, 0, &e))?;
        if header != HEADER {
            let what = if header.is_empty() { "the file is empty" } else { "the file is no journal" };
            let expected = format!("the line '{}'", String::from_utf8_lossy(HEADER).trim_end());
            return Err(InputError::new(name, Place::Offset(0), what, expected));
        }
        Ok(Self::resume(name, input, wanted))
    }

    /// A reader of an input that stands at `offset` of a journal, the beginning of a record.
    pub fn resume(name: &str, input: R, offset: u64) -> Self {
        Self { name: name.to_owned(), input, offset, torn: None, ended: false }
    }

    /// Where the next record begins; at the end, how much of the journal is whole.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// After the last record: what is wrong with what follows it, if anything does.
    pub fn torn(&self) -> Option<&'static str> {
        self.torn
    }

    /// The next record; `None` at the end or where no whole record follows.
    fn read(&mut self) -> io::Result<Option<Record>> {
        let mut head = Vec::new();
        self.input.by_ref().take(8).read_to_end(&mut head)?;
        if head.is_empty() {
            return Ok(None);
        }
        let Ok(head) = <[u8; 8]>::try_from(head) else { return Ok(self.tear("a record without its end")) };
        let Some((length, sum)) = Record::lengths(head) else {
            return Ok(self.tear("a record of an impossible length"));
        };
        // Read as it comes: a length that is wrong must not reserve memory.
        let mut body = Vec::new();
        self.input.by_ref().take(length as u64).read_to_end(&mut body)?;
        if body.len() < length {
            return Ok(self.tear("a record without its end"));
        }
        let Some(record) = Record::decode(&body, sum) else {
            return Ok(self.tear("a record that differs from its checksum"));
        };
        self.offset += 8 + length as u64;
        Ok(Some(record))
    }

    fn tear(&mut self, why: &'static str) -> Option<Record> {
        self.torn = Some(why);
        None
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read().map_err(|e| unreadable(&self.name, self.offset, &e)).transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

fn unreadable(name: &str, offset: u64, error: &io::Error) -> InputError {
    InputError::new(name, Place::Offset(offset), error.to_string(), "a journal that can be read")
}
