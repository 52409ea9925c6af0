//! Tables in memory: columns that are checked against their declaration.

use crate::column::{Cell, Column, Member};
use crate::schema::TableSpec;

/// A table, or a part of one: the columns of its declaration, all of one length, without nulls where none may be.
///
/// ```
/// use umbra_report::{Table, schema};
///
/// let mut worst = Table::new(&schema::WORST);
/// worst.row().set("arc", 3u32).set("rank", 1u8).set("scenario", 17u32).set("util", 0.93).end();
/// assert_eq!(worst.len(), 1);
/// assert_eq!(worst.u32("scenario"), &[Some(17)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    spec: &'static TableSpec,
    columns: Vec<Column>,
}

/// Why columns are not the table they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A column that may not be absent is.
    #[error("no column '{column}'")]
    Absent {
        /// The declared name.
        column: &'static str,
        /// The nearest name that is there.
        nearest: Option<String>,
    },
    /// A column has a type whose values do not become the declared one.
    #[error("column '{column}' is {found}")]
    Type {
        /// The declared name.
        column: &'static str,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A value does not fit the declared type, or is null where none may be.
    #[error("column '{column}', row {row}: {found}")]
    Value {
        /// The declared name.
        column: &'static str,
        /// The row, counted from 0.
        row: usize,
        /// The value as text, or `null`.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Two columns differ in length.
    #[error("column '{column}' has {found} rows, the first column {expected}")]
    Length {
        /// The declared name.
        column: &'static str,
        /// Its length.
        found: usize,
        /// The first column's length.
        expected: usize,
    },
}

impl TableError {
    /// What would have been right, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Absent { column, .. } => format!("a column '{column}'"),
            Self::Type { expected, .. } | Self::Value { expected, .. } => (*expected).to_owned(),
            Self::Length { expected, .. } => format!("{expected} rows"),
        }
    }
}

impl Table {
    /// An empty table of this declaration.
    pub fn new(spec: &'static TableSpec) -> Self {
        Self { spec, columns: spec.columns.iter().map(|c| Column::empty(c.kind)).collect() }
    }

    /// Makes a table of named columns in any order. Integers are converted where every value fits, integers become
    /// `f64`, NaN becomes null; a nullable column may be absent; columns that are not declared are left out.
    ///
    /// # Errors
    /// [`TableError`] names the first column, and the row where it is a value, that does not fit.
    pub fn from_columns(spec: &'static TableSpec, named: Vec<(String, Column)>) -> Result<Self, TableError> {
        crate::conform::conform(spec, named).map(|columns| Self { spec, columns })
    }

    /// Its declaration.
    pub fn spec(&self) -> &'static TableSpec {
        self.spec
    }

    /// Its columns, in the order of the declaration.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Begins a row; [`Row::end`] finishes it.
    pub fn row(&mut self) -> Row<'_> {
        Row { start: self.len(), next: 0, done: false, table: self }
    }

    /// The column of this name.
    ///
    /// # Panics
    /// If the declaration has no such column.
    pub fn column(&self, name: &str) -> &Column {
        &self.columns[self.spec.position(name)]
    }

    /// The values of an `f64` column. This and its siblings panic if the column is absent or of another type.
    pub fn f64(&self, name: &str) -> &[Option<f64>] {
        let Column::F64(v) = self.column(name) else { self.wrong(name, "f64") };
        v
    }

    /// The values of a `u32` column.
    pub fn u32(&self, name: &str) -> &[Option<u32>] {
        let Column::U32(v) = self.column(name) else { self.wrong(name, "u32") };
        v
    }

    /// The values of a `u64` column.
    pub fn u64(&self, name: &str) -> &[Option<u64>] {
        let Column::U64(v) = self.column(name) else { self.wrong(name, "u64") };
        v
    }

    /// The values of an `i64` column.
    pub fn i64(&self, name: &str) -> &[Option<i64>] {
        let Column::I64(v) = self.column(name) else { self.wrong(name, "i64") };
        v
    }

    /// The values of a `str` column.
    pub fn str(&self, name: &str) -> &[Option<String>] {
        let Column::Str(v) = self.column(name) else { self.wrong(name, "str") };
        v
    }

    /// The values of a `list[u32]` column.
    pub fn list_u32(&self, name: &str) -> &[Option<Vec<u32>>] {
        let Column::ListU32(v) = self.column(name) else { self.wrong(name, "list[u32]") };
        v
    }

    /// The values of a list of [`Member`]s.
    pub fn members(&self, name: &str) -> &[Option<Vec<Member>>] {
        let Column::ListMember(v) = self.column(name) else { self.wrong(name, "list of members") };
        v
    }

    fn wrong(&self, name: &str, kind: &str) -> ! {
        panic!("column '{name}' of table '{}' is no {kind}", self.spec.name)
    }

    /// Appends the rows of another table of the same declaration.
    ///
    /// # Panics
    /// If the declarations differ.
    pub fn append(&mut self, other: &Table) {
        self.append_rows(other, 0..other.len());
    }

    /// Some of its rows.
    ///
    /// # Panics
    /// If it has fewer rows.
    #[must_use]
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Self {
        let mut part = Self::new(self.spec);
        part.append_rows(self, rows);
        part
    }

    pub(crate) fn append_rows(&mut self, other: &Table, rows: std::ops::Range<usize>) {
        assert_eq!(self.spec.name, other.spec.name, "tables of one declaration");
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.extend(theirs, rows.clone());
        }
    }
}

/// A row in the making. A nullable column that is not set is null; a required one that is not set is a bug and panics at
/// [`end`](Self::end). A row that is dropped before its end is taken back.
#[must_use = "a row counts only after end()"]
#[derive(Debug)]
pub struct Row<'a> {
    table: &'a mut Table,
    start: usize,
    next: usize,
    done: bool,
}

impl Row<'_> {
    /// Sets a column by name; cheapest in the order of the declaration. NaN is null.
    ///
    /// # Panics
    /// If there is no such column, it is of another type, or it was set before.
    pub fn set(mut self, name: &str, value: impl Into<Cell>) -> Self {
        let spec = self.table.spec;
        let at = match spec.columns.get(self.next) {
            Some(column) if column.name == name => self.next,
            _ => spec.position(name),
        };
        let column = &mut self.table.columns[at];
        assert_eq!(column.len(), self.start, "column '{name}' of '{}' set twice in a row", spec.name);
        if let Err(cell) = column.push(value.into()) {
            panic!("column '{name}' of '{}' is {}, not {cell:?}", spec.name, spec.columns[at].kind.word());
        }
        self.next = at + 1;
        self
    }

    /// Ends the row.
    ///
    /// # Panics
    /// If a column that may not be null has no value.
    pub fn end(mut self) {
        for (column, spec) in self.table.columns.iter_mut().zip(self.table.spec.columns) {
            if column.len() == self.start {
                column.push_null();
            }
            let missing = !spec.nullable && column.is_null(self.start);
            assert!(!missing, "column '{}' of '{}' needs a value", spec.name, self.table.spec.name);
        }
        self.done = true;
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        if !self.done {
            for column in &mut self.table.columns {
                column.truncate(self.start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    fn worst(rows: &[(u32, f64)]) -> Table {
        let mut table = Table::new(&schema::WORST);
        for &(arc, util) in rows {
            table.row().set("arc", arc).set("rank", 1u8).set("scenario", 0u32).set("util", util).end();
        }
        table
    }

    #[test]
    fn columns_that_are_not_set_are_null_and_order_is_free() {
        let mut t = Table::new(&schema::COUNTERS);
        t.row()
            .set("discards", 3u64)
            .set("side", "shadow")
            .set("bin", 0u32)
            .set("arc", 1u32)
            .set("errors", 0u64)
            .end();
        t.row()
            .set("side", "production")
            .set("bin", 0u32)
            .set("arc", 1u32)
            .set("rate_bps", f64::NAN)
            .set("errors", 0u64)
            .set("discards", 0u64)
            .end();
        assert_eq!(t.f64("rate_bps"), &[None, None]);
    }

    #[test]
    #[should_panic(expected = "column 'util' of 'worst' needs a value")]
    fn a_required_value_cannot_be_forgotten() {
        Table::new(&schema::WORST).row().set("arc", 1u32).set("rank", 1u8).set("scenario", 0u32).end();
    }

    #[test]
    #[should_panic(expected = "column 'arc' of 'worst' is u32, not Str")]
    fn a_value_of_another_type_is_a_bug() {
        Table::new(&schema::WORST).row().set("arc", "one").end();
    }

    #[test]
    fn an_unfinished_row_leaves_nothing_behind() {
        let mut t = worst(&[(1, 0.5)]);
        drop(t.row().set("arc", 9u32));
        assert_eq!(t, worst(&[(1, 0.5)]));
    }
}
