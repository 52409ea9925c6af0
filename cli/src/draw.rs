//! Tables for people: as wide as the terminal, and readable at any width.
//!
//! A table whose words would have to be broken leaves out columns that it can spare, and says so; if that is not enough
//! it is drawn as records, a line for each value.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, TableStyle, Width};
use serde_json::Value;

use crate::output::plain;

/// A line under the header and none else: a table reads like text, and copies well.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
/// Spaces at both sides of a column, and what a column takes besides its words.
const PADDING: u16 = 2;
const GAP: usize = PADDING as usize + 1;
/// Columns in which a sentence is read with ease.
const SENTENCE: usize = 24;
/// Digits of a number that count.
const DIGITS: i32 = 6;

/// The rows under the names of their columns, no wider than `width`. Columns without a value are left out, and of the
/// columns to `spare` as many as have to be, the first of them first.
pub(crate) fn draw(
    columns: &[&'static str],
    rows: &[Vec<Value>],
    spare: &[&'static str],
    width: Option<u16>,
) -> String {
    let is_shown = |i: &usize| rows.is_empty() || rows.iter().any(|row| !row[*i].is_null());
    let mut shown: Vec<usize> = (0..columns.len()).filter(is_shown).collect();
    // Words are not broken: no column is narrower than its longest.
    let longest = |i: &usize| {
        let cells = rows.iter().map(|row| longest_word(&text(&row[*i])));
        cells.chain([longest_word(columns[*i])]).max().unwrap_or(0)
    };
    let least: Vec<usize> = (0..columns.len()).map(|i| longest(&i)).collect();
    // Sentences are read with ease in a column of some words.
    let full = |i: usize| rows.iter().map(|row| text(&row[i]).chars().count()).max().unwrap_or(0);
    let ease: Vec<usize> = (0..columns.len()).map(|i| least[i].max(full(i).min(SENTENCE))).collect();
    let fits = |shown: &[usize], widths: &[usize]| {
        let needed: usize = shown.iter().map(|i| widths[*i] + GAP).sum();
        rows.is_empty() || width.is_none_or(|width| needed <= usize::from(width) + 1)
    };
    let all = shown.clone();
    for name in spare {
        if !fits(&shown, &ease) {
            shown.retain(|i| columns[*i] != *name);
        }
    }
    if !fits(&shown, &least) {
        return records(columns, rows, &all, width.unwrap_or(u16::MAX));
    }
    let grid = grid(columns, rows, &shown, &least, width);
    let spared: Vec<&str> = all.iter().filter(|i| !shown.contains(i)).map(|i| columns[*i]).collect();
    match spared.as_slice() {
        [] => grid,
        spared => {
            let note = format!("(no room for {}; --output csv has all)", spared.join(", "));
            format!("{grid}\n{}", folded(&note, width))
        }
    }
}

fn grid(
    columns: &[&'static str],
    rows: &[Vec<Value>],
    shown: &[usize],
    least: &[usize],
    width: Option<u16>,
) -> String {
    let mut table = table(width);
    table.set_header(shown.iter().map(|i| columns[*i]));
    for row in rows {
        table.add_row(shown.iter().map(|i| text(&row[*i])));
    }
    for (i, column) in shown.iter().zip(table.column_iter_mut()) {
        let least = u16::try_from(least[*i]).unwrap_or(u16::MAX).saturating_add(PADDING);
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        if rows.iter().all(|row| matches!(row[*i], Value::Number(_) | Value::Null)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A sentence below a table, folded as its cells are.
fn folded(sentence: &str, width: Option<u16>) -> String {
    let mut table = table(width);
    table.add_row([sentence]);
    table.trim_fmt()
}

/// Each row as lines of name and value, with a rule between rows.
fn records(columns: &[&'static str], rows: &[Vec<Value>], shown: &[usize], width: u16) -> String {
    let names = shown.iter().map(|i| columns[*i].len()).max().unwrap_or(0);
    let record = |row: &Vec<Value>| {
        let mut table = table(Some(width));
        for i in shown.iter().filter(|i| !row[**i].is_null()) {
            table.add_row([format!("{:names$}", columns[*i]), text(&row[*i])]);
        }
        table.trim_fmt()
    };
    let records: Vec<_> = rows.iter().map(record).collect();
    records.join(&format!("\n{}\n", "─".repeat(usize::from(width))))
}

fn table(width: Option<u16>) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(STYLE);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0)
}

fn text(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => short(number),
        _ => plain(value),
    }
}

/// A number in six digits, or with three decimals where it is large. Just below 1 the digits of what is missing count: so it
/// is with the nines of an availability.
fn short(number: f64) -> String {
    let telling = if (0.9..1.0).contains(&number) { 1.0 - number } else { number };
    let scientific = format!("{telling:e}");
    let exponent: i32 = scientific.rsplit('e').next().and_then(|e| e.parse().ok()).unwrap_or(0);
    if telling == number && exponent < -4 {
        let rounded = format!("{number:.*e}", DIGITS as usize - 1);
        let (digits, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
        return format!("{}e{exponent}", trimmed(digits));
    }
    let decimals = (DIGITS - 1 - exponent).max(3) as usize;
    trimmed(&format!("{number:.decimals$}")).to_owned()
}

/// Without zeros at the end of the decimals.
fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_short_and_keep_their_nines() {
        let cases = [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (6.461414790996785, "6.46141"),
            (3538.0, "3538"),
            (0.9999971097743099, "0.99999710977"),
            (1.0, "1"),
            (4.924131189310927e-7, "4.92413e-7"),
            (0.011987867555497855, "0.0119879"),
            (1318610.0, "1318610"),
            (1700000000.25, "1700000000.25"),
            (-43392.24477491962, "-43392.245"),
            (5e-10, "5e-10"),
        ];
        for (number, wanted) in cases {
            assert_eq!(short(number), wanted);
        }
    }

    #[test]
    fn a_table_that_is_too_wide_is_drawn_as_records() {
        let columns = ["worst_max_util", "worst_arc", "nothing", "note"];
        let row = |util: f64, note: Value| vec![json!(util), json!("Bydgoszcz -> Warsaw"), Value::Null, note];
        let rows = [row(0.9581189710610932, json!("a link gets fuller than 0.8")), row(0.5, Value::Null)];
        let at = |width| format!("{}\n", draw(&columns, &rows, &[], Some(width)));
        expect![[r#"
             worst_max_util   worst_arc             note
            ────────────────────────────────────────────────────────────────────
                   0.958119   Bydgoszcz -> Warsaw   a link gets fuller than 0.8
                        0.5   Bydgoszcz -> Warsaw
        "#]]
        .assert_eq(&at(80));
        expect![[r#"
             worst_max_util   worst_arc      note
            ─────────────────────────────────────────────
                   0.958119   Bydgoszcz ->   a link gets
                              Warsaw         fuller than
                                             0.8
                        0.5   Bydgoszcz ->
                              Warsaw
        "#]]
        .assert_eq(&at(50));
        expect![[r#"
             worst_max_util   0.958119
             worst_arc        Bydgoszcz ->
                              Warsaw
             note             a link gets
                              fuller than 0.8
            ────────────────────────────────────
             worst_max_util   0.5
             worst_arc        Bydgoszcz ->
                              Warsaw
        "#]]
        .assert_eq(&at(36));
        assert!(
            draw(&columns, &[], &[], Some(36)).starts_with(" worst_max_util"),
            "an empty table has its columns"
        );
    }

    #[test]
    fn columns_to_spare_go_one_by_one_before_the_table_becomes_records() {
        let columns = ["arc", "src", "limit", "dst"];
        let rows = [vec![json!(7), json!("Bydgoszcz"), json!(0.8), json!("Warsaw")]];
        let at = |width| format!("{}\n", draw(&columns, &rows, &["arc", "limit"], Some(width)));
        expect![[r#"
             arc   src         limit   dst
            ──────────────────────────────────
               7   Bydgoszcz     0.8   Warsaw
        "#]]
        .assert_eq(&at(34));
        expect![[r#"
             src         limit   dst
            ────────────────────────────
             Bydgoszcz     0.8   Warsaw
             (no room for arc; --output csv
             has all)
        "#]]
        .assert_eq(&at(33));
        assert!(at(27).starts_with(" src         dst\n"), "{}", at(27));
        assert!(at(16).starts_with(" arc     7\n"), "records have all: {}", at(16));
    }
}
