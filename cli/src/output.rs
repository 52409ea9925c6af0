//! What goes to stdout: tables and words.

use std::io::{self, Write};

use clap::ValueEnum;
use report::TableSpec;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::draw::draw;
use crate::failure::Failure;
use crate::prose;

/// The form of data on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people, as wide as the terminal, numbers in six digits.
    Table,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
}

/// Named columns and rows of values; absent values are [`Value::Null`].
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
    spare: &'static [&'static str],
}

impl Table {
    /// A table without rows. It keeps its columns in every form.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new(), spare: &[] }
    }

    /// A table with the columns of a declared one.
    pub(crate) fn of(spec: &'static TableSpec) -> Self {
        let columns: Vec<_> = spec.columns.iter().map(|c| c.name).collect();
        Self::new(&columns)
    }

    /// The columns and rows of a result table.
    pub(crate) fn rows_of(table: &report::Table) -> Self {
        let mut printed = Self::of(table.spec());
        for row in 0..table.len() {
            let value =
                |column: &report::Column| serde_json::to_value(column.cell(row)).unwrap_or(Value::Null);
            printed.push(table.columns().iter().map(value).collect());
        }
        printed
    }

    /// The same table, the numbers in `column` as names.
    pub(crate) fn with_names(mut self, column: &str, name: impl Fn(u64) -> String) -> Self {
        let at = self.columns.iter().position(|c| *c == column).expect("a column of the table");
        for value in self.rows.iter_mut().map(|row| &mut row[at]) {
            if let Some(number) = value.as_u64() {
                *value = name(number).into();
            }
        }
        self
    }

    /// The same table, whose drawing on a narrow terminal can do without these columns: the first goes first.
    pub(crate) fn sparing(self, spare: &'static [&'static str]) -> Self {
        assert!(spare.iter().all(|name| self.columns.contains(name)), "columns of the table");
        Self { spare, ..self }
    }

    /// Adds a row, one value for each column.
    pub(crate) fn push(&mut self, row: Vec<Value>) {
        assert_eq!(row.len(), self.columns.len(), "a row has one value for each column");
        self.rows.push(row);
    }

    /// Its rows.
    pub(crate) fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }

    /// Prints the table to stdout.
    pub(crate) fn print(&self, format: Format) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        self.write(format, &mut out).and_then(|()| out.flush()).map_err(|e| Failure::stdout(&e))
    }

    /// Prints the table; to people the rows that begin with the same value as a table of their own, under that value.
    pub(crate) fn print_sections(&self, format: Format) -> Result<(), Failure> {
        if format != Format::Table || self.rows.is_empty() {
            return self.print(format);
        }
        let sections: Vec<_> = self.rows.chunk_by(|a, b| a[0] == b[0]).collect();
        for (i, rows) in sections.into_iter().enumerate() {
            let part = Self {
                columns: self.columns[1..].to_vec(),
                rows: rows.iter().map(|row| row[1..].to_vec()).collect(),
                spare: self.spare,
            };
            let heading = format!("{}{}\n", if i == 0 { "" } else { "\n" }, plain(&rows[0][0]));
            print_bytes(heading.as_bytes())?;
            part.print(format)?;
        }
        Ok(())
    }

    /// The table as a CSV file.
    pub(crate) fn to_csv(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_csv(&mut bytes).expect("memory takes all");
        bytes
    }

    fn write(&self, format: Format, out: &mut dyn Write) -> io::Result<()> {
        match format {
            Format::Table => {
                writeln!(out, "{}", draw(&self.columns, &self.rows, self.spare, width()))
            }
            Format::Json => {
                let objects: Vec<_> = self.objects().collect();
                serde_json::to_writer_pretty(&mut *out, &objects)?;
                writeln!(out)
            }
            Format::Ndjson => self.objects().try_for_each(|object| {
                serde_json::to_writer(&mut *out, &object)?;
                writeln!(out)
            }),
            Format::Csv => self.write_csv(out),
        }
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(&self.columns)?;
        for row in &self.rows {
            csv.write_record(row.iter().map(plain))?;
        }
        csv.flush()
    }

    fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        self.rows.iter().map(|row| Object { columns: &self.columns, row })
    }
}

/// A row as a JSON object whose members keep the order of the columns.
struct Object<'a> {
    columns: &'a [&'static str],
    row: &'a [Value],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, value) in self.columns.iter().zip(self.row) {
            map.serialize_entry(column, value)?;
        }
        map.end()
    }
}

/// A value without quotes; absent values are empty.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How wide the terminal is. A file or a pipe gets all on one line, whatever the terminal is.
fn width() -> Option<u16> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0)
}

/// Prints lines of words to stdout, folded to the terminal.
pub(crate) fn print_words(text: &str) -> Result<(), Failure> {
    match width() {
        Some(width) => print_bytes(prose::fold(text, usize::from(width)).as_bytes()),
        None => print_bytes(text.as_bytes()),
    }
}

/// Prints bytes to stdout.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| Failure::stdout(&e))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(table: &Table, format: Format) -> String {
        let mut out = Vec::new();
        table.write(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_table_in_every_form() {
        let mut table = Table::new(&["util", "link"]);
        assert_eq!(text(&table, Format::Csv), "util,link\n", "an empty result keeps its schema");
        assert_eq!(text(&table, Format::Json), "[]\n");
        table.push(vec![json!(0.5), json!("a, b")]);
        table.push(vec![Value::Null, json!("c")]);
        assert_eq!(text(&table, Format::Csv), "util,link\n0.5,\"a, b\"\n,c\n");
        assert_eq!(
            text(&table, Format::Ndjson),
            "{\"util\":0.5,\"link\":\"a, b\"}\n{\"util\":null,\"link\":\"c\"}\n"
        );
        assert!(text(&table, Format::Table).contains("a, b"));
    }
}
