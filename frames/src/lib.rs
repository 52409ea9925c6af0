//! Results as Polars frames.
//!
//! [`open`] opens a result folder; [`Results::table`] gives one of its tables as a lazy frame whose columns are those of
//! [`report::schema`], empty or not; [`questions`] are the questions that people ask most, each a lazy frame too.
//!
//! **Knows:** Polars; where a result folder keeps its tables.
//!
//! **Never knows:** how a result came about; a network; a file that is not a result.
//!
//! ```
//! use report::{ResultFolder, Summary, Table, schema};
//! use umbra_frames::polars::prelude::*;
//!
//! let dir = tempfile::tempdir()?;
//! let mut worst = Table::new(&schema::WORST);
//! worst.row().set("arc", 3u32).set("rank", 1u8).set("scenario", 17u32).set("util", 0.93).end();
//! worst.row().set("arc", 4u32).set("rank", 1u8).set("scenario", 17u32).set("util", 0.41).end();
//! let mut folder = ResultFolder::create(dir.path())?;
//! folder.write(&worst)?;
//! folder.commit(Summary::new("whatif", 0))?;
//!
//! let results = umbra_frames::open(dir.path())?;
//! let hot = results.table(&schema::WORST)?.filter(col("util").gt(lit(0.8))).collect()?;
//! assert_eq!(hot.column("arc")?.u32()?.get(0), Some(3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod questions;
mod results;
mod scan;

pub use polars;
pub use results::{Results, open};
