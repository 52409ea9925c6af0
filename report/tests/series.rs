//! The measured series of the library, against values that Polars reads from the same files.

use std::path::Path;

use twin::{NodeKind, SimDuration, Twin, TwinBuilder};
use umbra_report::{ColumnSpec, ColumnType};
use umbra_report::{ParquetFile, ParquetWriter, Table, TableSpec, series};

fn library(name: &str) -> ParquetFile {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/library/series/");
    ParquetFile::open(&Path::new(path).join(name)).unwrap()
}

/// A network of the nodes that the columns name.
fn nodes_of(file: &ParquetFile) -> Twin {
    let mut names: Vec<&str> =
        file.columns().filter_map(|c| c.split_once('>')).flat_map(|(a, b)| [a, b]).collect();
    names.sort_unstable();
    names.dedup();
    let mut net = TwinBuilder::new("nodes");
    for name in names {
        net.node(name, NodeKind::Router, None);
    }
    net.finish()
}

#[test]
fn abilene_has_ten_days_of_five_minutes() {
    let file = library("abilene_5min_2004-03-01_10.parquet");
    let twin = nodes_of(&file);
    let (series, diagnostics) = series::read(&file, &twin).unwrap();
    assert_eq!(twin.nodes().len(), 12);
    assert_eq!((series.bins.len(), series.pairs.len()), (2880, 132));
    assert_eq!(series.step, SimDuration::secs(300));
    assert_eq!(series.start.as_ns(), 1_078_099_200_000_000_000); // 2004-03-01 00:00 UTC
    assert!(series.bins.iter().all(Option::is_some) && diagnostics.is_empty());
    let first = series.matrix(0).unwrap().total_bps();
    assert!((first / 1e6 - 2541.720104219392).abs() < 1e-6, "{first}"); // Polars: sum of the first row
}

#[test]
fn the_first_two_steps_of_geant_are_missing() {
    let file = library("geant_15min_2005-05-04_06.parquet");
    let (series, _) = series::read(&file, &nodes_of(&file)).unwrap();
    assert_eq!((series.bins.len(), series.pairs.len()), (228, 454));
    assert_eq!(series.step, SimDuration::secs(900));
    let missing: Vec<_> = (0..228).filter(|&bin| series.bins[bin].is_none()).collect();
    assert_eq!(missing, [0, 1]);
    assert!(series.matrix(0).is_none() && series.matrix(2).unwrap().total_bps() > 0.0);
}

#[test]
fn an_unknown_node_is_named_with_its_nearest() {
    let file = library("abilene_5min_2004-03-01_10.parquet");
    let mut net = TwinBuilder::new("other");
    for name in ["ATLAM5", "ATLAng", "CHINmg"] {
        net.node(name, NodeKind::Router, None);
    }
    let error = series::read(&file, &net.finish()).unwrap_err().to_string();
    assert!(error.contains("column 'ATLAM5>CHINng': unknown node 'CHINng'"), "{error}");
    assert!(error.ends_with("did you mean 'CHINmg'?"), "{error}");
}

#[test]
fn a_file_without_time_stamps_is_no_series() {
    static NUMBERS: TableSpec = TableSpec {
        name: "numbers",
        meaning: "",
        columns: &[ColumnSpec {
            name: "time",
            kind: ColumnType::I64,
            nullable: false,
            unit: "",
            meaning: "",
        }],
    };
    let mut table = Table::new(&NUMBERS);
    table.row().set("time", 3i64).end();
    let mut writer = ParquetWriter::new(Vec::new(), &NUMBERS);
    writer.write(&table).unwrap();
    let file = ParquetFile::from_bytes("numbers.parquet", writer.finish().unwrap()).unwrap();
    let error = series::read(&file, &Twin::default()).unwrap_err().to_string();
    assert!(error.starts_with("numbers.parquet: column 'time' holds numbers"), "{error}");
}
