//! What is written is read back: random tables of every column type, through Parquet, in one part and in many.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use umbra_report::ColumnType::{Bool, F64, I64, ListMember, ListStr, ListU32, Str, U8, U32, U64};
use umbra_report::{
    Cell, Column, ColumnSpec, ColumnType, Member, ParquetFile, ParquetWriter, Table, TableSpec,
};

const fn column(name: &'static str, kind: ColumnType, nullable: bool) -> ColumnSpec {
    ColumnSpec { name, kind, nullable, unit: "", meaning: "" }
}

/// Every type, required and nullable.
static EVERYTHING: TableSpec = TableSpec {
    name: "everything",
    meaning: "",
    columns: &[
        column("u8", U8, false),
        column("u8?", U8, true),
        column("u32", U32, false),
        column("u32?", U32, true),
        column("u64", U64, false),
        column("u64?", U64, true),
        column("i64", I64, false),
        column("i64?", I64, true),
        column("f64", F64, false),
        column("f64?", F64, true),
        column("bool", Bool, false),
        column("bool?", Bool, true),
        column("str", Str, false),
        column("str?", Str, true),
        column("list[u32]", ListU32, false),
        column("list[u32]?", ListU32, true),
        column("list[str]", ListStr, false),
        column("list[str]?", ListStr, true),
        column("members", ListMember, false),
        column("members?", ListMember, true),
    ],
};

fn value(kind: ColumnType) -> BoxedStrategy<Cell> {
    let text = || "[a-zé,\" \n]{0,6}";
    let member = (text(), text(), option::of(text())).prop_map(|(class, a, b)| Member { class, a, b });
    match kind {
        U8 => any::<u8>().prop_map(Cell::from).boxed(),
        U32 => any::<u32>().prop_map(Cell::from).boxed(),
        U64 => any::<u64>().prop_map(Cell::from).boxed(),
        I64 => any::<i64>().prop_map(Cell::from).boxed(),
        F64 => any::<f64>().prop_filter("NaN is null", |x| !x.is_nan()).prop_map(Cell::from).boxed(),
        Bool => any::<bool>().prop_map(Cell::from).boxed(),
        Str => text().prop_map(Cell::from).boxed(),
        ListU32 => vec(any::<u32>(), 0..4).prop_map(Cell::from).boxed(),
        ListStr => vec(text(), 0..4).prop_map(Cell::from).boxed(),
        ListMember => vec(member, 0..4).prop_map(Cell::from).boxed(),
    }
}

fn row() -> impl Strategy<Value = Vec<Cell>> {
    let cells: Vec<_> = EVERYTHING
        .columns
        .iter()
        .map(|c| match c.nullable {
            true => option::of(value(c.kind)).prop_map(Cell::from).boxed(),
            false => value(c.kind),
        })
        .collect();
    cells
}

fn table(rows: &[Vec<Cell>]) -> Table {
    let mut table = Table::new(&EVERYTHING);
    for cells in rows {
        let mut row = table.row();
        for (spec, cell) in EVERYTHING.columns.iter().zip(cells) {
            row = row.set(spec.name, cell.clone());
        }
        row.end();
    }
    table
}

fn written<'a>(parts: impl IntoIterator<Item = &'a Table>) -> Vec<u8> {
    let mut writer = ParquetWriter::new(Vec::new(), &EVERYTHING);
    parts.into_iter().for_each(|part| writer.write(part).unwrap());
    writer.finish().unwrap()
}

fn read(bytes: Vec<u8>) -> Table {
    ParquetFile::from_bytes("everything.parquet", bytes).unwrap().table(&EVERYTHING).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(rows in vec(row(), 0..40), split in 0usize..40) {
        let whole = table(&rows);
        let bytes = written([&whole]);
        let split = split.min(rows.len());
        prop_assert_eq!(&written([&table(&rows[..split]), &table(&rows[split..])]), &bytes);
        prop_assert_eq!(read(bytes), whole);
    }

    #[test]
    fn a_damaged_file_is_an_error_or_a_table_but_no_panic(rows in vec(row(), 1..6), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut bytes = written([&table(&rows)]);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(file) = ParquetFile::from_bytes("damaged.parquet", bytes.clone()) {
            let _ = file.table(&EVERYTHING);
        }
        bytes.truncate(at);
        prop_assert!(ParquetFile::from_bytes("cut.parquet", bytes).is_err());
    }
}

#[test]
fn an_empty_table_keeps_its_columns() {
    let file = ParquetFile::from_bytes("empty.parquet", written([])).unwrap();
    assert!(file.columns().eq(EVERYTHING.columns.iter().map(|c| c.name)));
    assert_eq!(file.table(&EVERYTHING).unwrap(), Table::new(&EVERYTHING));
}

#[test]
fn many_row_groups_are_one_table() {
    static NUMBERS: TableSpec = TableSpec {
        name: "numbers",
        meaning: "",
        columns: &[column("n", U32, false), column("l", ListU32, true)],
    };
    let mut all = Table::new(&NUMBERS);
    for n in 0..300_000u32 {
        all.row().set("n", n).set("l", (n % 3 > 0).then(|| vec![n; (n % 3) as usize - 1])).end();
    }
    let mut writer = ParquetWriter::new(Vec::new(), &NUMBERS);
    writer.write(&all).unwrap();
    let file = ParquetFile::from_bytes("numbers.parquet", writer.finish().unwrap()).unwrap();
    assert_eq!(file.rows(), 300_000);
    assert_eq!(file.table(&NUMBERS).unwrap(), all);
}

#[test]
fn an_absent_column_is_named_with_the_nearest_one() {
    let file = ParquetFile::from_bytes("everything.parquet", written([])).unwrap();
    let error = file.column("list[u23]").unwrap_err().to_string();
    assert!(error.contains("everything.parquet") && error.contains("did you mean 'list[u32]'"), "{error}");
    assert!(matches!(file.column("list[u32]"), Ok(Column::ListU32(_))));
}
