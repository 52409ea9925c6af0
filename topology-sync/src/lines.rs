//! Text in lines of fields separated by blanks, with the place of every field.

use twin::{InputError, Place};

/// The non-blank lines of a text, with a cursor.
pub(crate) struct Lines<'a> {
    file: &'a str,
    rest: std::iter::Peekable<std::iter::Enumerate<std::str::Lines<'a>>>,
    last: u64,
}

/// One line's fields.
pub(crate) struct Line<'a> {
    file: &'a str,
    number: u64,
    text: &'a str,
    fields: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, rest: text.lines().enumerate().peekable(), last: 0 }
    }

    /// The next line that is not blank, or an error that says what should have followed.
    pub(crate) fn expect(&mut self, what: &str) -> Result<Line<'a>, InputError> {
        self.next().ok_or_else(|| {
            InputError::new(self.file, Place::Line(self.last.max(1)), "the text ends here", what)
        })
    }

    /// The line `WORD n` and its number.
    pub(crate) fn section(&mut self, word: &str) -> Result<usize, InputError> {
        let line = self.expect(&format!("'{word} n'"))?;
        if line.fields.len() != 2 || line.fields[0] != word {
            return Err(line.error(0, &format!("'{word} n'")));
        }
        line.parse(1, "a count")
    }

    /// An error if anything but blank lines follows.
    pub(crate) fn end(&mut self, announced: &str) -> Result<(), InputError> {
        match self.next() {
            None => Ok(()),
            Some(line) => Err(line.error(0, &format!("the end of the text after {announced}"))),
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let (index, text) = self.rest.next()?;
            self.last = index as u64 + 1;
            let fields: Vec<_> = text.split_whitespace().collect();
            if !fields.is_empty() {
                return Some(Line { file: self.file, number: self.last, text, fields });
            }
        }
    }
}

impl<'a> Line<'a> {
    /// The fields, or an error if there are not exactly as many as `columns` names.
    pub(crate) fn columns(&self, columns: &str) -> Result<&[&'a str], InputError> {
        let expected = columns.split(' ').count();
        if self.fields.len() == expected {
            return Ok(&self.fields);
        }
        let what = format!("{} fields in '{}'", self.fields.len(), shorten(self.text.trim()));
        Err(InputError::new(self.file, Place::Line(self.number), what, format!("the fields '{columns}'")))
    }

    /// A field as a number; `expected` describes it.
    pub(crate) fn parse<T: std::str::FromStr>(&self, field: usize, expected: &str) -> Result<T, InputError> {
        self.fields[field].parse().map_err(|_| self.error(field, expected))
    }

    /// A field as a finite number of at least 0.
    pub(crate) fn volume(&self, field: usize, name: &str) -> Result<f64, InputError> {
        let expected = format!("a finite {name} of at least 0");
        let value: f64 = self.parse(field, &expected)?;
        if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(self.error(field, &expected)) }
    }

    /// An error about a field.
    pub(crate) fn error(&self, field: usize, expected: &str) -> InputError {
        let what = format!("found '{}'", shorten(self.fields[field]));
        InputError::new(self.file, self.place(field), what, expected)
    }

    fn place(&self, field: usize) -> Place {
        let bytes = self.fields[field].as_ptr() as usize - self.text.as_ptr() as usize;
        let column = self.text[..bytes].chars().count() as u64 + 1;
        Place::LineColumn(self.number, column)
    }
}

/// At most 40 characters of a text, for messages.
pub(crate) fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// What serde_json says, without the place, which errors show by themselves.
pub(crate) fn serde_message(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    error.to_string().trim_end_matches(&place).to_owned()
}
