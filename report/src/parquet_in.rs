//! Parquet in: any file of flat columns and lists, as Polars, Arrow or Umbra write them, back into columns and tables.
//!
//! Not read: maps, nested lists, structs other than the members of a set, decimals, 96-bit time stamps, and the codecs
//! gzip, brotli, lz4. Such columns are named in an error when they are asked for, and only then.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bytes::Bytes;
use parquet::basic::{Compression, Type as Physical};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use twin::{InputError, Place, nearest};

use crate::column::{Column, Member};
use crate::levels::{Levels, cells, lists};
use crate::schema::TableSpec;
use crate::shape::{Leaf, Shape, shape_of};
use crate::table::{Table, TableError};

/// Records that are decoded at a time: bounds what a damaged page header can make us allocate.
const BATCH: usize = 64 * 1024;

/// An open Parquet file whose columns are read when they are asked for.
pub struct ParquetFile {
    name: String,
    reader: Box<dyn FileReader>,
}

impl ParquetFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`InputError`] if it cannot be read or is no Parquet file.
    pub fn open(path: &Path) -> Result<Self, InputError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|e| {
            InputError::new(&name, Place::Whole, format!("cannot be opened: {e}"), "a Parquet file")
        })?;
        Self::from_source(name, file)
    }

    /// Reads a file that is in memory; `name` is what errors call it. `&'static [u8]` is not copied.
    ///
    /// # Errors
    /// [`InputError`] if it is no Parquet file.
    pub fn from_bytes(name: &str, bytes: impl Into<Bytes>) -> Result<Self, InputError> {
        Self::from_source(name.to_owned(), bytes.into())
    }

    fn from_source<R: ChunkReader + 'static>(name: String, source: R) -> Result<Self, InputError> {
        let length = source.len();
        let no_parquet = |what: &dyn std::fmt::Display| {
            InputError::new(&name, Place::Whole, format!("not readable: {what}"), "a Parquet file")
        };
        let reader = SerializedFileReader::new(source).map_err(|e| no_parquet(&e))?;
        check_footer(reader.metadata(), length).map_err(|e| no_parquet(&e))?;
        Ok(Self { name, reader: Box::new(reader) })
    }

    /// What errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of rows that the footer promises.
    pub fn rows(&self) -> usize {
        usize::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The names of its columns, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.fields().iter().map(|f| f.name())
    }

    /// Whether a column holds time stamps or dates, which are read as nanoseconds since the Unix epoch.
    pub fn is_time(&self, column: &str) -> bool {
        let shape = self.fields().iter().position(|f| f.name() == column).map(|at| self.shape(at));
        matches!(shape, Some(Ok(Shape::Flat(Leaf::Nanos(_), _))))
    }

    /// Reads a column. Signed integers become `i64`, `u16` becomes `u32`, `f32` becomes `f64`; time stamps and dates
    /// become nanoseconds since the Unix epoch in `i64`.
    ///
    /// # Errors
    /// [`InputError`] for a column that is not there (with the nearest name), is of an unsupported type, or is damaged.
    pub fn column(&self, name: &str) -> Result<Column, InputError> {
        let at = self.fields().iter().position(|f| f.name() == name);
        let at = at.ok_or_else(|| {
            InputError::new(&self.name, Place::Whole, "a column is absent", format!("a column '{name}'"))
                .with_nearest(name, self.columns())
        })?;
        let supported = "a number, a text, or a list of these";
        let shape = self.shape(at).map_err(|what| self.column_error(name, &what, supported))?;
        self.read(at, shape).map_err(|what| self.column_error(name, &what, "undamaged data"))
    }

    /// Reads a table: see [`Table::from_columns`] for what fits.
    ///
    /// # Errors
    /// [`InputError`] for the first column that is absent, damaged or does not fit.
    pub fn table(&self, spec: &'static TableSpec) -> Result<Table, InputError> {
        let mut named = Vec::new();
        for column in spec.columns {
            if self.columns().any(|c| c == column.name) {
                named.push((column.name.to_owned(), self.column(column.name)?));
            } else if !column.nullable {
                let near = nearest(column.name, self.columns()).map(str::to_owned);
                return Err(self.table_error(&TableError::Absent { column: column.name, nearest: near }));
            }
        }
        Table::from_columns(spec, named).map_err(|e| self.table_error(&e))
    }

    fn table_error(&self, error: &TableError) -> InputError {
        let mut input = InputError::new(&self.name, Place::Whole, error.to_string(), error.expected());
        if let TableError::Absent { nearest, .. } = error {
            input.nearest.clone_from(nearest);
        }
        input
    }

    fn column_error(&self, column: &str, what: &str, expected: &str) -> InputError {
        InputError::new(&self.name, Place::Whole, format!("column '{column}': {what}"), expected)
    }

    fn fields(&self) -> &[parquet::schema::types::TypePtr] {
        self.reader.metadata().file_metadata().schema().get_fields()
    }

    fn shape(&self, field: usize) -> Result<Shape, String> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let first = (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == field);
        shape_of(&self.fields()[field], first.ok_or("a group without fields")?)
    }

    fn read(&self, field: usize, shape: Shape) -> Result<Column, String> {
        let outer = i16::from(self.fields()[field].is_optional());
        match shape {
            Shape::Flat(leaf, at) => self.flat(leaf, at),
            Shape::List(Leaf::Text, at) => {
                let list = self.text_lists(at, outer)?;
                Ok(Column::ListStr(without_nulls(list)?))
            }
            Shape::List(Leaf::U64 | Leaf::I64, at) => {
                let list = without_nulls(lists(self.leaf::<Int64Type>(at)?, outer)?)?;
                numbers(list, |x| u32::try_from(x).ok()).map(Column::ListU32)
            }
            Shape::List(Leaf::I32, at) => {
                let list = without_nulls(lists(self.leaf::<Int32Type>(at)?, outer)?)?;
                numbers(list, |x| u32::try_from(x).ok()).map(Column::ListU32)
            }
            Shape::List(_, at) => {
                let list = without_nulls(lists(self.leaf::<Int32Type>(at)?, outer)?)?;
                numbers(list, |x| Some(x as u32)).map(Column::ListU32) // unsigned: the same bits
            }
            Shape::Members(at) => {
                let classes = without_nulls(self.text_lists(at, outer)?)?;
                let a = without_nulls(self.text_lists(at + 1, outer)?)?;
                let b = self.text_lists(at + 2, outer)?;
                Ok(Column::ListMember(members(classes, a, b)?))
            }
        }
    }

    fn flat(&self, leaf: Leaf, at: usize) -> Result<Column, String> {
        Ok(match leaf {
            // Parquet's unsigned numbers are the bits of its signed ones.
            Leaf::U8 => Column::U8(map(cells(self.leaf::<Int32Type>(at)?)?, |x| x as u8)),
            Leaf::U32 => Column::U32(map(cells(self.leaf::<Int32Type>(at)?)?, |x| x as u32)),
            Leaf::U64 => Column::U64(map(cells(self.leaf::<Int64Type>(at)?)?, |x| x as u64)),
            Leaf::I32 => Column::I64(map(cells(self.leaf::<Int32Type>(at)?)?, i64::from)),
            Leaf::I64 => Column::I64(cells(self.leaf::<Int64Type>(at)?)?),
            Leaf::F32 => Column::F64(map(cells(self.leaf::<FloatType>(at)?)?, f64::from)),
            Leaf::F64 => Column::F64(cells(self.leaf::<DoubleType>(at)?)?),
            Leaf::Bool => Column::Bool(cells(self.leaf::<BoolType>(at)?)?),
            Leaf::Text => {
                let values = cells(self.leaf::<ByteArrayType>(at)?)?;
                Column::Str(
                    values.into_iter().map(|v| v.as_ref().map(text).transpose()).collect::<Result<_, _>>()?,
                )
            }
            Leaf::Nanos(unit) => Column::I64(self.nanos(at, unit)?),
        })
    }

    fn nanos(&self, at: usize, unit: i64) -> Result<Vec<Option<i64>>, String> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let raw = match schema.column(at).physical_type() {
            Physical::INT32 => map(cells(self.leaf::<Int32Type>(at)?)?, i64::from),
            _ => cells(self.leaf::<Int64Type>(at)?)?,
        };
        let scale = |x: i64| x.checked_mul(unit).ok_or_else(|| format!("time {x} is beyond the year 2262"));
        raw.into_iter().map(|x| x.map(scale).transpose()).collect()
    }

    fn text_lists(&self, at: usize, outer: i16) -> Result<Vec<Option<Vec<Option<String>>>>, String> {
        let raw = lists(self.leaf::<ByteArrayType>(at)?, outer)?;
        let texts = |list: Vec<Option<ByteArray>>| -> Result<Vec<Option<String>>, String> {
            list.iter().map(|v| v.as_ref().map(text).transpose()).collect()
        };
        raw.into_iter().map(|row| row.map(texts).transpose()).collect()
    }

    /// Reads one leaf through all row groups.
    fn leaf<T: DataType>(&self, at: usize) -> Result<Levels<T::T>, String> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let descriptor = schema.column(at);
        let mut levels = Levels::new(descriptor.max_def_level(), descriptor.max_rep_level());
        for group in 0..self.reader.num_row_groups() {
            match self.reader.metadata().row_group(group).column(at).compression() {
                Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_) => {}
                codec => return Err(format!("compressed with {codec}, not with zstd or snappy")),
            }
            // The decoder panics on some damaged pages (an absent dictionary, for instance): a bad file must not end us.
            let decode = AssertUnwindSafe(|| self.leaf_of_group::<T>(group, at, &mut levels));
            let decoded = catch_unwind(decode).map_err(|_| format!("row group {group} cannot be decoded"))?;
            decoded.map_err(|e| e.to_string())?;
        }
        Ok(levels)
    }

    fn leaf_of_group<T: DataType>(
        &self,
        group: usize,
        at: usize,
        levels: &mut Levels<T::T>,
    ) -> Result<(), ParquetError> {
        let rows = self.reader.get_row_group(group)?;
        let promised = usize::try_from(rows.metadata().num_rows()).unwrap_or(0);
        let mut column = get_typed_column_reader::<T>(rows.get_column_reader(at)?);
        let mut records = 0;
        loop {
            let (read, _, _) = column.read_records(
                BATCH,
                (levels.max_definition > 0).then_some(&mut levels.definition),
                (levels.max_repetition > 0).then_some(&mut levels.repetition),
                &mut levels.values,
            )?;
            records += read;
            if read == 0 {
                break;
            }
        }
        if records != promised {
            let what = format!("row group {group} holds {records} rows, its footer says {promised}");
            return Err(ParquetError::General(what));
        }
        Ok(())
    }
}

/// Checks that what the footer says of places and sizes lies within the file: the decoder takes them at their word.
fn check_footer(footer: &ParquetMetaData, length: u64) -> Result<(), String> {
    for (g, group) in footer.row_groups().iter().enumerate() {
        if group.num_rows() < 0 {
            return Err(format!("row group {g} has {} rows", group.num_rows()));
        }
        for chunk in group.columns() {
            let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size()).and_then(|end| u64::try_from(end).ok());
            let inside = start >= 0 && chunk.compressed_size() >= 0 && end.is_some_and(|end| end <= length);
            if !inside {
                return Err(format!("row group {g}: column '{}' lies outside the file", chunk.column_path()));
            }
        }
    }
    Ok(())
}

fn map<A, B>(values: Vec<Option<A>>, f: impl Fn(A) -> B) -> Vec<Option<B>> {
    values.into_iter().map(|v| v.map(&f)).collect()
}

fn text(value: &ByteArray) -> Result<String, String> {
    let text = std::str::from_utf8(value.data()).map_err(|e| format!("not UTF-8: {e}"))?;
    Ok(text.to_owned())
}

fn without_nulls<T>(rows: Vec<Option<Vec<Option<T>>>>) -> Result<Vec<Option<Vec<T>>>, String> {
    let full = |list: Vec<Option<T>>| list.into_iter().collect::<Option<Vec<T>>>().ok_or("null in a list");
    rows.into_iter().map(|row| row.map(full).transpose().map_err(str::to_owned)).collect()
}

fn numbers<T: Copy + std::fmt::Display>(
    rows: Vec<Option<Vec<T>>>,
    convert: impl Fn(T) -> Option<u32>,
) -> Result<Vec<Option<Vec<u32>>>, String> {
    let one = |x: T| convert(x).ok_or_else(|| format!("{x} in a list is no u32"));
    let list = |l: Vec<T>| l.into_iter().map(one).collect::<Result<Vec<_>, _>>();
    rows.into_iter().map(|row| row.map(list).transpose()).collect()
}

type Texts = Vec<Option<Vec<String>>>;

fn members(
    classes: Texts,
    a: Texts,
    b: Vec<Option<Vec<Option<String>>>>,
) -> Result<Vec<Option<Vec<Member>>>, String> {
    let mut rows = Vec::with_capacity(classes.len());
    for row in classes.into_iter().zip(a).zip(b) {
        rows.push(match row {
            ((None, None), None) => None,
            ((Some(class), Some(a)), Some(b)) if class.len() == a.len() && a.len() == b.len() => {
                let parts = class.into_iter().zip(a).zip(b);
                Some(parts.map(|((class, a), b)| Member { class, a, b }).collect())
            }
            _ => return Err("the parts of a list of structs differ in length".into()),
        });
    }
    Ok(rows)
}
