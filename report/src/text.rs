//! CSV and JSON out.
//!
//! Null is an empty field in CSV and `null` in JSON; lists in CSV are JSON; numbers have their shortest exact form. JSON
//! has no infinity: there it is `null`.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::table::Table;

/// Writes a table as CSV (RFC 4180 quoting, lines end with LF), with a header.
///
/// ```
/// use umbra_report::{Table, schema, text};
///
/// let mut worst = Table::new(&schema::WORST);
/// worst.row().set("arc", 3u32).set("rank", 1u8).set("scenario", 17u32).set("util", 0.93).end();
/// let mut out = Vec::new();
/// text::csv(&mut out, &worst)?;
/// assert_eq!(out, b"arc,rank,scenario,util\n3,1,17,0.93\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What the sink reports.
pub fn csv(sink: impl Write, table: &Table) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(sink);
    out.write_record(table.spec().columns.iter().map(|c| c.name))?;
    for row in 0..table.len() {
        out.write_record(table.columns().iter().map(|c| c.cell(row).to_text()))?;
    }
    out.flush()
}

/// Writes a table as a JSON array of objects whose members stand in the order of the columns, one row a line.
///
/// # Errors
/// What the sink reports.
pub fn json(mut sink: impl Write, table: &Table) -> io::Result<()> {
    sink.write_all(b"[")?;
    for row in 0..table.len() {
        sink.write_all(if row == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut sink, &Object { table, row })?;
    }
    sink.write_all(if table.is_empty() { b"]\n" } else { b"\n]\n" })
}

/// Writes a table as JSON objects, one a line.
///
/// # Errors
/// What the sink reports.
pub fn ndjson(mut sink: impl Write, table: &Table) -> io::Result<()> {
    for row in 0..table.len() {
        serde_json::to_writer(&mut sink, &Object { table, row })?;
        sink.write_all(b"\n")?;
    }
    Ok(())
}

struct Object<'a> {
    table: &'a Table,
    row: usize,
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.table.columns();
        let mut map = serializer.serialize_map(Some(columns.len()))?;
        for (spec, column) in self.table.spec().columns.iter().zip(columns) {
            map.serialize_entry(spec.name, &column.cell(self.row))?;
        }
        map.end()
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.len()))?;
        for row in 0..self.len() {
            rows.serialize_element(&Object { table: self, row })?;
        }
        rows.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::Member;
    use crate::schema;
    use expect_test::expect;

    fn written(write: impl Fn(&mut Vec<u8>, &Table) -> io::Result<()>, table: &Table) -> String {
        let mut out = Vec::new();
        write(&mut out, table).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn sets() -> Table {
        let member =
            |b: Option<&str>| Member { class: "link_loss".into(), a: "x,\"1\"".into(), b: b.map(Into::into) };
        let mut table = Table::new(&schema::SETS);
        let row = table.row().set("case", 0u32).set("rank", 1u32).set("probability", 1e-20);
        row.set("members", vec![member(Some("y")), member(None)]).end();
        let row = table.row().set("case", 0u32).set("rank", 2u32).set("probability", f64::INFINITY);
        row.set("members", Vec::<Member>::new()).end();
        table
    }

    #[test]
    fn lists_and_quotes_in_csv() {
        expect![[r#"
            case,rank,probability,members
            0,1,1e-20,"[{""class"":""link_loss"",""a"":""x,\""1\"""",""b"":""y""},{""class"":""link_loss"",""a"":""x,\""1\"""",""b"":null}]"
            0,2,inf,[]
        "#]]
        .assert_eq(&written(|o, t| csv(o, t), &sets()));
    }

    #[test]
    fn columns_keep_their_order_in_json() {
        expect![[r#"
            [
            {"case":0,"rank":1,"probability":1e-20,"members":[{"class":"link_loss","a":"x,\"1\"","b":"y"},{"class":"link_loss","a":"x,\"1\"","b":null}]},
            {"case":0,"rank":2,"probability":null,"members":[]}
            ]
        "#]]
        .assert_eq(&written(|o, t| json(o, t), &sets()));
        let text = written(|o, t| ndjson(o, t), &sets());
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn an_empty_table_keeps_its_form() {
        let empty = Table::new(&schema::WORST);
        assert_eq!(written(|o, t| csv(o, t), &empty), "arc,rank,scenario,util\n");
        assert_eq!(written(|o, t| json(o, t), &empty), "[]\n");
        assert_eq!(written(|o, t| ndjson(o, t), &empty), "");
    }
}
