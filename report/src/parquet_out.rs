//! Parquet out: tables as columns with definition and repetition levels, large ones with zstd, the same bytes for the same
//! rows.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::column::{Column, ColumnType, Member};
use crate::schema::{ColumnSpec, TableSpec};
use crate::table::Table;

/// Rows of a row group: large enough to compress, small enough to hold many columns of text in memory.
const ROWS_PER_GROUP: usize = 32 * 1024;

/// Elements of lists in a row group, which ends behind the row that reaches this.
const ELEMENTS_PER_GROUP: usize = 1024 * 1024;

/// A table of fewer rows is not compressed: to set up a codec for each column would take longer than all else.
const ROWS_TO_COMPRESS: usize = 2 * 1024;

/// Writes one table, part by part, so that it need not fit into memory.
///
/// ```
/// use umbra_report::{ParquetFile, ParquetWriter, Table, schema};
///
/// let mut writer = ParquetWriter::new(Vec::new(), &schema::WORST);
/// for arc in 0..3u32 {
///     let mut part = Table::new(&schema::WORST);
///     part.row().set("arc", arc).set("rank", 1u8).set("scenario", 0u32).set("util", 0.5).end();
///     writer.write(&part)?;
/// }
/// let bytes = writer.finish()?;
/// assert_eq!(ParquetFile::from_bytes("worst.parquet", bytes)?.table(&schema::WORST)?.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ParquetWriter<W: Write + Send> {
    /// Where the file is to begin: with the first row group, when it is known whether there are many rows.
    sink: Option<W>,
    file: Option<SerializedFileWriter<W>>,
    pending: Table,
    /// Elements of lists that are pending.
    elements: usize,
}

impl<W: Write + Send> ParquetWriter<W> {
    /// Begins a table. Without any part it is a table of no rows, with its columns.
    pub fn new(sink: W, spec: &'static TableSpec) -> Self {
        Self { sink: Some(sink), file: None, pending: Table::new(spec), elements: 0 }
    }

    /// Adds rows. The split into parts does not change the file.
    ///
    /// # Errors
    /// What the sink reports.
    ///
    /// # Panics
    /// If the part is of another table.
    pub fn write(&mut self, part: &Table) -> std::io::Result<()> {
        let mut from = 0;
        while from < part.len() {
            let to = part.len().min(from + ROWS_PER_GROUP - self.pending.len());
            let to = self.fill(part, from..to);
            self.pending.append_rows(part, from..to);
            from = to;
            if self.pending.len() == ROWS_PER_GROUP || self.elements >= ELEMENTS_PER_GROUP {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Counts elements of lists until there are enough, and says behind which row that is.
    fn fill(&mut self, part: &Table, rows: Range<usize>) -> usize {
        let lists: Vec<_> = part
            .columns()
            .iter()
            .filter_map(|column| match column {
                Column::ListU32(cells) => Some(cells),
                _ => None,
            })
            .collect();
        if lists.is_empty() {
            return rows.end;
        }
        for row in rows.clone() {
            self.elements += lists.iter().map(|cells| cells[row].as_ref().map_or(0, Vec::len)).sum::<usize>();
            if self.elements >= ELEMENTS_PER_GROUP {
                return row + 1;
            }
        }
        rows.end
    }

    /// Writes what is left and the footer, and gives the sink back.
    ///
    /// # Errors
    /// What the sink reports.
    pub fn finish(mut self) -> std::io::Result<W> {
        if !self.pending.is_empty() {
            self.flush()?;
        }
        self.begin()?;
        let file = self.file.ok_or_else(not_begun)?;
        file.into_inner().map_err(io)
    }

    /// The file, which begins here if it has not yet.
    fn begin(&mut self) -> std::io::Result<&mut SerializedFileWriter<W>> {
        if let Some(sink) = self.sink.take() {
            let schema = schema_of(self.pending.spec());
            let properties = properties(self.pending.len() + self.elements >= ROWS_TO_COMPRESS);
            self.file = Some(SerializedFileWriter::new(sink, schema, properties).map_err(io)?);
        }
        self.file.as_mut().ok_or_else(not_begun)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.begin()?; // while it is known how much is pending
        self.elements = 0;
        let next = Table::new(self.pending.spec());
        let rows = std::mem::replace(&mut self.pending, next);
        let mut group = self.begin()?.next_row_group().map_err(io)?;
        for (column, spec) in rows.columns().iter().zip(rows.spec().columns) {
            write_column(&mut group, column, spec.nullable).map_err(io)?;
        }
        group.close().map_err(io)?;
        Ok(())
    }
}

fn not_begun() -> std::io::Error {
    std::io::Error::other("the file could not be begun")
}

fn io(error: ParquetError) -> std::io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(io) => *io,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    }
}

fn properties(compressed: bool) -> Arc<WriterProperties> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).expect("3 is a level of zstd"));
    let properties = WriterProperties::builder()
        .set_created_by("umbra".to_owned()) // no version: the same rows keep the same bytes
        .set_compression(if compressed { zstd } else { Compression::UNCOMPRESSED })
        .set_statistics_enabled(EnabledStatistics::Chunk);
    Arc::new(properties.build())
}

// ---- schema ---------------------------------------------------------------------------------------------------------

fn schema_of(spec: &TableSpec) -> TypePtr {
    let fields = spec.columns.iter().map(|c| Arc::new(field(c))).collect();
    Arc::new(group("umbra", None, None, fields))
}

fn field(spec: &ColumnSpec) -> Type {
    let repetition = repetition(spec.nullable);
    let leaf = |physical, logical| primitive(spec.name, repetition, physical, logical);
    match spec.kind {
        ColumnType::U8 => leaf(Physical::INT32, Some(LogicalType::integer(8, false))),
        ColumnType::U32 => leaf(Physical::INT32, Some(LogicalType::integer(32, false))),
        ColumnType::U64 => leaf(Physical::INT64, Some(LogicalType::integer(64, false))),
        ColumnType::I64 => leaf(Physical::INT64, None),
        ColumnType::F64 => leaf(Physical::DOUBLE, None),
        ColumnType::Bool => leaf(Physical::BOOLEAN, None),
        ColumnType::Str => leaf(Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::ListU32 => {
            let number = Some(LogicalType::integer(32, false));
            list(spec, primitive("element", Repetition::REQUIRED, Physical::INT32, number))
        }
        ColumnType::ListStr => list(spec, text("element", Repetition::REQUIRED)),
        ColumnType::ListMember => {
            let fields = [
                text("class", Repetition::REQUIRED),
                text("a", Repetition::REQUIRED),
                text("b", Repetition::OPTIONAL),
            ];
            let fields = fields.into_iter().map(Arc::new).collect();
            list(spec, group("element", Some(Repetition::REQUIRED), None, fields))
        }
    }
}

fn repetition(nullable: bool) -> Repetition {
    if nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED }
}

fn text(name: &str, repetition: Repetition) -> Type {
    primitive(name, repetition, Physical::BYTE_ARRAY, Some(LogicalType::String))
}

fn primitive(name: &str, repetition: Repetition, physical: Physical, logical: Option<LogicalType>) -> Type {
    Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
        .expect("each logical type fits its physical type")
}

/// The three levels of a list (Parquet LogicalTypes.md, "Lists"): outer group, repeated `list`, `element`.
fn list(spec: &ColumnSpec, element: Type) -> Type {
    let inner = group("list", Some(Repetition::REPEATED), None, vec![Arc::new(element)]);
    group(spec.name, Some(repetition(spec.nullable)), Some(LogicalType::List), vec![Arc::new(inner)])
}

fn group(
    name: &str,
    repetition: Option<Repetition>,
    logical: Option<LogicalType>,
    fields: Vec<TypePtr>,
) -> Type {
    let builder = Type::group_type_builder(name).with_logical_type(logical).with_fields(fields);
    let builder = match repetition {
        Some(repetition) => builder.with_repetition(repetition),
        None => builder,
    };
    builder.build().expect("a group of fields is a type")
}

// ---- columns --------------------------------------------------------------------------------------------------------

type Group<'a, W> = SerializedRowGroupWriter<'a, W>;
type Outcome = Result<(), ParquetError>;

fn write_column<W: Write + Send>(group: &mut Group<'_, W>, column: &Column, nullable: bool) -> Outcome {
    // Parquet's unsigned numbers are the bits of its signed ones.
    match column {
        Column::U8(v) => put::<Int32Type, W>(group, flat(v, nullable, |&x| i32::from(x))),
        Column::U32(v) => put::<Int32Type, W>(group, flat(v, nullable, |&x| x as i32)),
        Column::U64(v) => put::<Int64Type, W>(group, flat(v, nullable, |&x| x as i64)),
        Column::I64(v) => put::<Int64Type, W>(group, flat(v, nullable, |&x| x)),
        Column::F64(v) => put::<DoubleType, W>(group, flat(v, nullable, |&x| x)),
        Column::Bool(v) => put::<BoolType, W>(group, flat(v, nullable, |&x| x)),
        Column::Str(v) => put::<ByteArrayType, W>(group, flat(v, nullable, |x| bytes(x))),
        Column::ListU32(v) => put::<Int32Type, W>(group, nested(v, nullable, false, |&x| Some(x as i32))),
        Column::ListStr(v) => put::<ByteArrayType, W>(group, nested(v, nullable, false, |x| Some(bytes(x)))),
        Column::ListMember(v) => {
            let part = |optional, get: fn(&Member) -> Option<&String>| {
                nested(v, nullable, optional, move |m| get(m).map(|x| bytes(x)))
            };
            put::<ByteArrayType, W>(group, part(false, |m| Some(&m.class)))?;
            put::<ByteArrayType, W>(group, part(false, |m| Some(&m.a)))?;
            put::<ByteArrayType, W>(group, part(true, |m| m.b.as_ref()))
        }
    }
}

fn bytes(text: &str) -> ByteArray {
    text.into()
}

/// The values of one leaf column that are present, and the levels that say where.
struct Leaf<T> {
    values: Vec<T>,
    definition: Option<Vec<i16>>,
    repetition: Option<Vec<i16>>,
}

fn flat<T, P>(cells: &[Option<T>], nullable: bool, get: impl Fn(&T) -> P) -> Leaf<P> {
    Leaf {
        values: cells.iter().flatten().map(get).collect(),
        definition: nullable.then(|| cells.iter().map(|c| i16::from(c.is_some())).collect()),
        repetition: None,
    }
}

/// Levels of a list column: below the list's own level it is null, at it empty, above it there is an element, and one
/// higher an optional member of that element.
fn nested<T, P>(
    cells: &[Option<Vec<T>>],
    nullable: bool,
    optional_leaf: bool,
    get: impl Fn(&T) -> Option<P>,
) -> Leaf<P> {
    let empty = i16::from(nullable);
    let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
    for cell in cells {
        let elements = cell.as_deref().unwrap_or_default();
        if elements.is_empty() {
            definition.push(if cell.is_some() { empty } else { 0 });
            repetition.push(0);
        }
        for (i, element) in elements.iter().enumerate() {
            let value = get(element);
            definition.push(empty + 1 + i16::from(optional_leaf && value.is_some()));
            repetition.push(i16::from(i > 0));
            values.extend(value);
        }
    }
    Leaf { values, definition: Some(definition), repetition: Some(repetition) }
}

fn put<T: DataType, W: Write + Send>(group: &mut Group<'_, W>, leaf: Leaf<T::T>) -> Outcome {
    let mut column = group.next_column()?.expect("as many leaves are written as the schema has");
    let levels = (leaf.definition.as_deref(), leaf.repetition.as_deref());
    column.typed::<T>().write_batch(&leaf.values, levels.0, levels.1)?;
    column.close()
}
