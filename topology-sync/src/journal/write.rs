//! Writing a journal.

use std::io::{self, Write};

use super::{HEADER, MAX_BYTES, Record};

/// Appends records. Each is handed to the system in one write, so that a writer that is killed leaves whole records and
/// at most a part of the last.
pub struct Writer<W> {
    output: W,
    offset: u64,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// A new journal.
    ///
    /// # Errors
    /// If the header cannot be written.
    pub fn begin(mut output: W) -> io::Result<Self> {
        output.write_all(HEADER)?;
        Ok(Self::resume(output, HEADER.len() as u64))
    }

    /// Goes on with a journal of which `offset` bytes are whole, and whose end the output stands at.
    pub fn resume(output: W, offset: u64) -> Self {
        Self { output, offset, buffer: Vec::new() }
    }

    /// Appends a record.
    ///
    /// # Errors
    /// If it cannot be written, or is larger than [`MAX_BYTES`].
    pub fn append(&mut self, record: &Record) -> io::Result<()> {
        if record.bytes.len() > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a record larger than a journal takes"));
        }
        self.buffer.clear();
        record.encode(&mut self.buffer);
        self.output.write_all(&self.buffer)?;
        self.offset += self.buffer.len() as u64;
        Ok(())
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.output
    }

    /// How long the journal is.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use twin::WallTime;

    use super::*;
    use crate::journal::{Kind, Reader};

    fn record() -> impl Strategy<Value = Record> {
        (any::<i64>(), any::<u16>(), 0..4u8, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
            |(at, source, kind, bytes)| {
                let kind = [Kind::Sources, Kind::Data, Kind::Mark, Kind::Tick][usize::from(kind)];
                Record { at: WallTime::from_ns(at), source, kind, bytes }
            },
        )
    }

    fn written(records: &[Record]) -> (Vec<u8>, Vec<u64>) {
        let mut file = Vec::new();
        let mut writer = Writer::begin(&mut file).unwrap();
        let mut ends = vec![writer.offset()];
        for record in records {
            writer.append(record).unwrap();
            ends.push(writer.offset());
        }
        (file, ends)
    }

    proptest! {
        #[test]
        fn a_journal_that_is_cut_anywhere_gives_its_whole_records(
            records in prop::collection::vec(record(), 0..6), cut in any::<prop::sample::Index>(),
        ) {
            let (file, ends) = written(&records);
            let cut = HEADER.len() + cut.index(file.len() - HEADER.len() + 1);
            let whole = ends.iter().filter(|end| **end <= cut as u64).count() - 1;
            let mut reader = Reader::open("j", &file[..cut]).unwrap();
            let read: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
            prop_assert_eq!(&read, &records[..whole]);
            prop_assert_eq!(reader.offset(), ends[whole]);
            prop_assert_eq!(reader.torn().is_some(), ends[whole] != cut as u64);
        }

        #[test]
        fn a_changed_byte_ends_the_journal_where_it_is(
            records in prop::collection::vec(record(), 1..5), place in any::<prop::sample::Index>(), bit in 0..8u8,
        ) {
            let (mut file, ends) = written(&records);
            let place = HEADER.len() + place.index(file.len() - HEADER.len());
            file[place] ^= 1 << bit;
            let hurt = ends.iter().filter(|end| **end <= place as u64).count() - 1;
            let mut reader = Reader::open("j", file.as_slice()).unwrap();
            let read: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
            prop_assert_eq!(&read, &records[..hurt]);
            prop_assert!(reader.torn().is_some());
        }
    }

    #[test]
    fn what_is_no_journal_is_refused() {
        let error = |bytes: &[u8]| Reader::open("j", bytes).err().map(|e| e.to_string());
        assert_eq!(
            error(b"").as_deref(),
            Some("j: byte 0: the file is empty; expected the line 'umbra-journal/1'")
        );
        assert!(error(b"umbra-journal/2\n....").is_some_and(|e| e.contains("no journal")));
    }
}
