//! Tables in and out, summaries, reports.
//!
//! An answer is a table: declared once in [`schema`], filled row by row as a [`Table`], written as Parquet, CSV or JSON
//! to a [`ResultFolder`] or a stream, and read back from any Parquet file whose columns fit.
//!
//! **Knows:** every table's columns, units and meaning; Parquet, CSV and JSON; result folders and their `summary.json`;
//! measured demand series in Parquet.
//!
//! **Never knows:** how a result came about; the command line; data frames (that is `frames`); the clock.
//!
//! ```
//! use umbra_report::{ParquetFile, ResultFolder, Summary, Table, schema};
//!
//! let dir = tempfile::tempdir()?;
//! let mut worst = Table::new(&schema::WORST);
//! worst.row().set("arc", 3u32).set("rank", 1u8).set("scenario", 17u32).set("util", 0.93).end();
//!
//! let mut folder = ResultFolder::create(dir.path())?;
//! folder.write(&worst)?;
//! folder.commit(Summary::new("whatif", 0))?;
//!
//! let file = ParquetFile::open(&dir.path().join("worst.parquet"))?;
//! assert_eq!(file.table(&schema::WORST)?, worst);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod column;
mod conform;
mod digest;
pub mod docs;
mod entities;
mod folder;
mod levels;
mod observed;
pub mod page;
mod parquet_in;
mod parquet_out;
pub mod schema;
pub mod series;
mod shape;
mod summary;
mod table;
pub mod text;

pub use column::{Cell, Column, ColumnType, Member};
pub use digest::TableDigest;
pub use entities::{EntityNumbers, entities};
pub use folder::{ResultFolder, WriteError};
pub use observed::{anomalies, counters, flow_records, residuals};
pub use parquet_in::ParquetFile;
pub use parquet_out::ParquetWriter;
pub use schema::{ColumnSpec, TableSpec};
pub use summary::{AsOf, InputDigest, Run, Summary, network_digest};
pub use table::{Row, Table, TableError};
