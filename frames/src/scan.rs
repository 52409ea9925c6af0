//! A Parquet table as a lazy source: declared columns without a look at the file, a read of the needed ones on collect.

use std::any::Any;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use polars::prelude::{
    AnonymousScan, AnonymousScanArgs, DataFrame, DataType, Field, LazyFrame, PolarsError, PolarsResult,
    ScanArgsAnonymous, Schema, SchemaRef,
};
use polars_io::SerReader;
use polars_io::parquet::read::ParquetReader;
use report::{ColumnType, TableSpec};

/// A lazy frame over the table in `path`.
pub(crate) fn parquet(path: PathBuf, spec: &'static TableSpec) -> PolarsResult<LazyFrame> {
    let schema = Some(schema_of(spec));
    LazyFrame::anonymous_scan(
        Arc::new(Scan { path, spec }),
        ScanArgsAnonymous { schema, name: "UMBRA TABLE", ..ScanArgsAnonymous::default() },
    )
}

struct Scan {
    path: PathBuf,
    spec: &'static TableSpec,
}

impl AnonymousScan for Scan {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn allows_projection_pushdown(&self) -> bool {
        true
    }

    fn scan(&self, wanted: AnonymousScanArgs) -> PolarsResult<DataFrame> {
        let declared = schema_of(self.spec);
        let columns: Vec<String> = match &wanted.with_columns {
            Some(names) => names.iter().map(ToString::to_string).collect(),
            None => declared.iter_names().map(ToString::to_string).collect(),
        };
        let file = File::open(&self.path).map_err(|e| self.error(e.to_string()))?;
        let reader = ParquetReader::new(file)
            .with_columns(Some(columns))
            .with_slice(wanted.n_rows.map(|rows| (0, rows)));
        let frame = reader.finish().map_err(|e| self.error(e.to_string()))?;
        for column in frame.columns() {
            if declared.get(column.name()) != Some(column.dtype()) {
                return Err(self.error(format!("column '{}' is {:?}", column.name(), column.dtype())));
            }
        }
        Ok(frame)
    }
}

impl Scan {
    fn error(&self, what: String) -> PolarsError {
        let text = format!("{}: {what}; expected table '{}'", self.path.display(), self.spec.name);
        PolarsError::ComputeError(text.into())
    }
}

fn schema_of(spec: &TableSpec) -> SchemaRef {
    let fields = spec.columns.iter().map(|c| Field::new(c.name.into(), data_type(c.kind)));
    Arc::new(Schema::from_iter(fields))
}

fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::U8 => DataType::UInt8,
        ColumnType::U32 => DataType::UInt32,
        ColumnType::U64 => DataType::UInt64,
        ColumnType::I64 => DataType::Int64,
        ColumnType::F64 => DataType::Float64,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Str => DataType::String,
        ColumnType::ListU32 => DataType::List(Box::new(DataType::UInt32)),
        ColumnType::ListStr => DataType::List(Box::new(DataType::String)),
        ColumnType::ListMember => {
            let text = |name: &str| Field::new(name.into(), DataType::String);
            DataType::List(Box::new(DataType::Struct(vec![text("class"), text("a"), text("b")])))
        }
    }
}
