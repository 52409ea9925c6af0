//! The documentation of the tables, generated from their declarations.

use std::fmt::Write;

use crate::schema::{ColumnSpec, TABLES, TableSpec};

/// The text of `docs/tables.md`.
pub fn tables_markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for table in TABLES {
        section(&mut text, table);
    }
    text
}

const INTRODUCTION: &str = "\
# Tables

This page is generated from `report/src/schema.rs`; a test keeps the two equal.

A result folder holds one Parquet file for each table and a `summary.json`. The same columns appear in CSV and JSON, in \
the same order. A type with `?` may be null: not known, or not applicable. An empty result keeps its columns. Numbers of \
nodes, links and arcs follow the order of the source; an *arc* is one direction of a link. Volumes *as the demands* are \
in the unit of the network file's demands and capacities.
";

fn section(text: &mut String, table: &TableSpec) {
    write!(text, "\n## {}\n\n{}\n\n", table.name, table.meaning).expect("strings take everything");
    text.push_str("| column | type | unit | meaning |\n|---|---|---|---|\n");
    for column in table.columns {
        line(text, column);
    }
}

fn line(text: &mut String, column: &ColumnSpec) {
    let optional = if column.nullable { "?" } else { "" };
    let (name, kind, unit, meaning) = (column.name, column.kind.word(), column.unit, column.meaning);
    writeln!(text, "| `{name}` | {kind}{optional} | {unit} | {} |", meaning.replace('|', "\\|"))
        .expect("strings take everything");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_says_what_the_declarations_say() {
        // After a change: UPDATE_EXPECT=1 cargo test -p umbra-report
        expect_test::expect_file!["../../docs/tables.md"].assert_eq(&super::tables_markdown());
    }
}
