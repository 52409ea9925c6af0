//! Columns and cells: the few types that tables are made of.

use serde::Serialize;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 64 bits.
    I64,
    /// Floating point, 64 bits. Never NaN: what is not known is null.
    F64,
    /// True or false.
    Bool,
    /// Text in UTF-8.
    Str,
    /// A list of unsigned 32-bit numbers.
    ListU32,
    /// A list of texts.
    ListStr,
    /// A list of [`Member`]s.
    ListMember,
}

impl ColumnType {
    /// The type's name in documentation: `u32`, `list[u32]`, `list[struct{class,a,b}]`, …
    pub fn word(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F64 => "f64",
            Self::Bool => "bool",
            Self::Str => "str",
            Self::ListU32 => "list[u32]",
            Self::ListStr => "list[str]",
            Self::ListMember => "list[struct{class,a,b}]",
        }
    }
}

/// One component of a set of causes: its class and the names that identify it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Member {
    /// `link_loss`, `device`, …
    pub class: String,
    /// The first name: where a link begins, a device, a group.
    pub a: String,
    /// The second name, where the class needs one.
    pub b: Option<String>,
}

/// The values of one column, `None` where unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// See [`ColumnType::U8`].
    U8(Vec<Option<u8>>),
    /// See [`ColumnType::U32`].
    U32(Vec<Option<u32>>),
    /// See [`ColumnType::U64`].
    U64(Vec<Option<u64>>),
    /// See [`ColumnType::I64`].
    I64(Vec<Option<i64>>),
    /// See [`ColumnType::F64`].
    F64(Vec<Option<f64>>),
    /// See [`ColumnType::Bool`].
    Bool(Vec<Option<bool>>),
    /// See [`ColumnType::Str`].
    Str(Vec<Option<String>>),
    /// See [`ColumnType::ListU32`].
    ListU32(Vec<Option<Vec<u32>>>),
    /// See [`ColumnType::ListStr`].
    ListStr(Vec<Option<Vec<String>>>),
    /// See [`ColumnType::ListMember`].
    ListMember(Vec<Option<Vec<Member>>>),
}

/// Evaluates an expression with the vector of whichever variant a column has.
/// `each!(column, v => v.len())` expands to a match whose ten arms are `Column::U8(v) => v.len()` and so on.
macro_rules! each {
    ($column:expr, $v:ident => $body:expr) => {
        match $column {
            $crate::column::Column::U8($v) => $body,
            $crate::column::Column::U32($v) => $body,
            $crate::column::Column::U64($v) => $body,
            $crate::column::Column::I64($v) => $body,
            $crate::column::Column::F64($v) => $body,
            $crate::column::Column::Bool($v) => $body,
            $crate::column::Column::Str($v) => $body,
            $crate::column::Column::ListU32($v) => $body,
            $crate::column::Column::ListStr($v) => $body,
            $crate::column::Column::ListMember($v) => $body,
        }
    };
}

impl Column {
    /// An empty column of a type.
    pub fn empty(kind: ColumnType) -> Self {
        match kind {
            ColumnType::U8 => Self::U8(Vec::new()),
            ColumnType::U32 => Self::U32(Vec::new()),
            ColumnType::U64 => Self::U64(Vec::new()),
            ColumnType::I64 => Self::I64(Vec::new()),
            ColumnType::F64 => Self::F64(Vec::new()),
            ColumnType::Bool => Self::Bool(Vec::new()),
            ColumnType::Str => Self::Str(Vec::new()),
            ColumnType::ListU32 => Self::ListU32(Vec::new()),
            ColumnType::ListStr => Self::ListStr(Vec::new()),
            ColumnType::ListMember => Self::ListMember(Vec::new()),
        }
    }

    /// Its type.
    pub fn kind(&self) -> ColumnType {
        match self {
            Self::U8(_) => ColumnType::U8,
            Self::U32(_) => ColumnType::U32,
            Self::U64(_) => ColumnType::U64,
            Self::I64(_) => ColumnType::I64,
            Self::F64(_) => ColumnType::F64,
            Self::Bool(_) => ColumnType::Bool,
            Self::Str(_) => ColumnType::Str,
            Self::ListU32(_) => ColumnType::ListU32,
            Self::ListStr(_) => ColumnType::ListStr,
            Self::ListMember(_) => ColumnType::ListMember,
        }
    }

    /// The number of values, nulls included.
    pub fn len(&self) -> usize {
        each!(self, v => v.len())
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether row `row` is null.
    pub fn is_null(&self, row: usize) -> bool {
        each!(self, v => v[row].is_none())
    }

    /// The value of a row.
    pub fn cell(&self, row: usize) -> Cell {
        each!(self, v => Cell::from(v[row].to_owned()))
    }

    /// Appends a null.
    pub(crate) fn push_null(&mut self) {
        each!(self, v => v.push(None));
    }

    /// Shortens the column to `len` values.
    pub(crate) fn truncate(&mut self, len: usize) {
        each!(self, v => v.truncate(len));
    }

    /// Appends rows of another column of the same type.
    pub(crate) fn extend(&mut self, other: &Column, rows: std::ops::Range<usize>) {
        match (self, other) {
            (Self::U8(a), Self::U8(b)) => a.extend_from_slice(&b[rows]),
            (Self::U32(a), Self::U32(b)) => a.extend_from_slice(&b[rows]),
            (Self::U64(a), Self::U64(b)) => a.extend_from_slice(&b[rows]),
            (Self::I64(a), Self::I64(b)) => a.extend_from_slice(&b[rows]),
            (Self::F64(a), Self::F64(b)) => a.extend_from_slice(&b[rows]),
            (Self::Bool(a), Self::Bool(b)) => a.extend_from_slice(&b[rows]),
            (Self::Str(a), Self::Str(b)) => a.extend_from_slice(&b[rows]),
            (Self::ListU32(a), Self::ListU32(b)) => a.extend_from_slice(&b[rows]),
            (Self::ListStr(a), Self::ListStr(b)) => a.extend_from_slice(&b[rows]),
            (Self::ListMember(a), Self::ListMember(b)) => a.extend_from_slice(&b[rows]),
            (a, b) => panic!("a column of {} cannot hold {}", a.kind().word(), b.kind().word()),
        }
    }

    /// Appends a cell, or gives it back if it is of another type.
    pub(crate) fn push(&mut self, cell: Cell) -> Result<(), Cell> {
        match (self, cell) {
            (column, Cell::Null) => column.push_null(),
            (Self::U8(v), Cell::U8(x)) => v.push(Some(x)),
            (Self::U32(v), Cell::U32(x)) => v.push(Some(x)),
            (Self::U64(v), Cell::U64(x)) => v.push(Some(x)),
            (Self::I64(v), Cell::I64(x)) => v.push(Some(x)),
            (Self::F64(v), Cell::F64(x)) => v.push(if x.is_nan() { None } else { Some(x) }),
            (Self::Bool(v), Cell::Bool(x)) => v.push(Some(x)),
            (Self::Str(v), Cell::Str(x)) => v.push(Some(x)),
            (Self::ListU32(v), Cell::ListU32(x)) => v.push(Some(x)),
            (Self::ListStr(v), Cell::ListStr(x)) => v.push(Some(x)),
            (Self::ListMember(v), Cell::ListMember(x)) => v.push(Some(x)),
            (_, other) => return Err(other),
        }
        Ok(())
    }
}

/// One value. Made by `From` from the Rust types that columns hold, and from `Option`s of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Unknown.
    Null,
    /// See [`ColumnType::U8`].
    U8(u8),
    /// See [`ColumnType::U32`].
    U32(u32),
    /// See [`ColumnType::U64`].
    U64(u64),
    /// See [`ColumnType::I64`].
    I64(i64),
    /// See [`ColumnType::F64`].
    F64(f64),
    /// See [`ColumnType::Bool`].
    Bool(bool),
    /// See [`ColumnType::Str`].
    Str(String),
    /// See [`ColumnType::ListU32`].
    ListU32(Vec<u32>),
    /// See [`ColumnType::ListStr`].
    ListStr(Vec<String>),
    /// See [`ColumnType::ListMember`].
    ListMember(Vec<Member>),
}

impl Cell {
    /// The value as text, for CSV and for screens: nothing for null, numbers in their shortest exact form, lists as
    /// JSON.
    pub fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Str(text) => text.clone(),
            Self::F64(x) if !x.is_finite() => x.to_string(), // inf, -inf: JSON would say null
            other => serde_json::to_string(other).expect("cells are always JSON"),
        }
    }
}

/// Conversions into [`Cell`]: `cell_from! { u8 => U8 }` expands to `impl From<u8> for Cell` that makes `Cell::U8`.
macro_rules! cell_from {
    ($($type:ty => $variant:ident),* $(,)?) => {
        $(impl From<$type> for Cell {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

cell_from! {
    u8 => U8, u32 => U32, u64 => U64, i64 => I64, f64 => F64, bool => Bool, String => Str,
    Vec<u32> => ListU32, Vec<String> => ListStr, Vec<Member> => ListMember,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::Str(text.clone())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

pub(crate) use each;
