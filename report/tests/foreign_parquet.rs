//! Files that Polars and Arrow wrote: every type that is read, and what is not read by name.

use std::path::Path;

use umbra_report::{Column, Member, ParquetFile};

fn open(name: &str) -> ParquetFile {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/parquet");
    ParquetFile::open(&Path::new(path).join(name)).unwrap()
}

fn days(days: i64) -> Option<i64> {
    Some(days * 86_400_000_000_000)
}

fn list_u32() -> Column {
    Column::ListU32(vec![Some(vec![1, 2]), Some(vec![]), None])
}

fn text(values: [Option<&str>; 3]) -> Column {
    Column::Str(values.map(|v| v.map(str::to_owned)).to_vec())
}

fn expected() -> Vec<(&'static str, Column)> {
    let member = |class: &str, b: Option<&str>| Member {
        class: class.into(),
        a: "r1".into(),
        b: b.map(str::to_owned),
    };
    let members = vec![member("device", None), member("link_loss", Some("r2"))];
    let times = || Column::I64(vec![days(12_478), None, days(-1)]);
    vec![
        ("i64", Column::I64(vec![Some(1), None, Some(-3)])),
        ("u8", Column::U8(vec![Some(0), Some(255), None])),
        ("u16", Column::U32(vec![Some(0), Some(65_535), None])),
        ("u32", Column::U32(vec![Some(0), Some(u32::MAX), None])),
        ("u64", Column::U64(vec![Some(0), Some(u64::MAX), None])),
        ("i16", Column::I64(vec![Some(-1), Some(32_767), None])),
        ("f64", Column::F64(vec![Some(0.1), None, Some(f64::NEG_INFINITY)])),
        ("bool", Column::Bool(vec![Some(true), None, Some(false)])),
        ("str", text([Some("same"), Some("same"), None])),
        ("category", text([Some("x"), Some("y"), Some("x")])),
        ("date", Column::I64(vec![days(1), None, days(19_782)])),
        ("time_ms", times()),
        ("time_us", times()),
        ("time_ns", times()),
        ("list_u32", list_u32()),
        ("list_i32", list_u32()),
        ("list_i64", list_u32()),
        ("list_str", Column::ListStr(vec![Some(vec!["a".into(), "b".into()]), Some(vec![]), None])),
        ("members", Column::ListMember(vec![Some(members), Some(vec![]), None])),
    ]
}

const WHOLE: [&str; 4] = [
    "polars_zstd.parquet",
    "polars_uncompressed.parquet",
    "pyarrow_snappy.parquet",
    "pyarrow_v2_pages.parquet",
];

#[test]
fn every_writer_codec_and_page_form_gives_the_same_columns() {
    for name in WHOLE {
        let file = open(name);
        for (column, values) in expected() {
            assert_eq!(file.column(column).unwrap(), values, "{name}: {column}");
        }
        let Column::F64(f32s) = file.column("f32").unwrap() else { panic!("f32 is read as f64") };
        assert!(f32s[0] == Some(0.5) && f32s[1].unwrap().is_nan() && f32s[2].is_none(), "{name}");
    }
}

#[test]
fn an_empty_file_has_empty_columns_of_the_same_types() {
    let file = open("polars_empty.parquet");
    for (column, values) in expected() {
        assert_eq!(file.column(column).unwrap(), Column::empty(values.kind()), "{column}");
    }
}

#[test]
fn what_is_not_read_is_named_when_it_is_asked_for() {
    let what = |file: &str, column: &str| open(file).column(column).unwrap_err().what;
    assert_eq!(what(WHOLE[0], "nested"), "column 'nested': a list of lists");
    assert_eq!(what(WHOLE[0], "list_with_null"), "column 'list_with_null': null in a list");
    assert_eq!(what(WHOLE[0], "list_too_large"), "column 'list_too_large': 4294967296 in a list is no u32");
    let gzip = what("pyarrow_gzip.parquet", "i64");
    assert!(gzip.starts_with("column 'i64': compressed with GZIP"), "{gzip}");
}

#[test]
fn another_file_is_no_parquet_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = ParquetFile::open(&path).err().unwrap().to_string();
    assert!(
        error.contains("Cargo.toml: not readable") && error.ends_with("expected a Parquet file"),
        "{error}"
    );
}
