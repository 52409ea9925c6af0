//! The documentation of the tables, generated from their declarations.

use std::fmt::Write;

use crate::schema::{ColumnSpec, TABLES, TableSpec};

/// The text of `docs/tables.md`.
pub fn tables_markdown() -> String {
    let mut text = String::from(INTRODUCTION);
    for table in TABLES {
        section(&mut text, table);
    }
    text.push_str(SUMMARY);
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

const SUMMARY: &str = "
## summary.json

Beside the tables of every result. It is written last: a folder that has it is whole.

| member | meaning |
|---|---|
| `command`, `seed`, `version` | what was run; the same seed and input give the same tables |
| `network_digest` | SHA-256 of the network, without the evidence for it |
| `as_of` | the instants as of which the network was taken: `valid_ns` (when it was so), `learned_ns` (when we knew) |
| `input_digest` | SHA-256 over the contents of the input files |
| `result_digest` | SHA-256 over the canonical rows of all tables, not over file bytes |
| `tables` | the number of rows of each table |
| `trials`, `effective_sample_size` | Monte Carlo trials, and how many independent ones they are worth |
| `fidelity` | what was not modelled and what was assumed: `code`, `note`, and how many flows or packets it `touches` |
| `run` | when and how it ran: the only wall times of a result, part of no digest |

Commands add members of their own, such as `measures`.
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
