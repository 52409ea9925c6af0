//! From the columns that a file has to the columns that a declaration asks for.

use twin::nearest;

use crate::column::{Column, ColumnType};
use crate::schema::{ColumnSpec, TableSpec};
use crate::table::TableError;

/// Picks, converts and checks the declared columns.
pub(crate) fn conform(
    spec: &'static TableSpec,
    mut named: Vec<(String, Column)>,
) -> Result<Vec<Column>, TableError> {
    let rows = named.first().map_or(0, |(_, c)| c.len());
    let mut columns: Vec<Column> = Vec::with_capacity(spec.columns.len());
    for wanted in spec.columns {
        let column = match named.iter().position(|(name, _)| name == wanted.name) {
            Some(at) => convert(wanted, named.swap_remove(at).1)?,
            None if wanted.nullable => nulls(wanted.kind, rows),
            None => {
                let found = nearest(wanted.name, named.iter().map(|(n, _)| n.as_str())).map(str::to_owned);
                return Err(TableError::Absent { column: wanted.name, nearest: found });
            }
        };
        check(wanted, &column, columns.first().map_or(column.len(), Column::len))?;
        columns.push(column);
    }
    Ok(columns)
}

fn nulls(kind: ColumnType, rows: usize) -> Column {
    let mut column = Column::empty(kind);
    for _ in 0..rows {
        column.push_null();
    }
    column
}

fn check(spec: &ColumnSpec, column: &Column, rows: usize) -> Result<(), TableError> {
    if column.len() != rows {
        return Err(TableError::Length { column: spec.name, found: column.len(), expected: rows });
    }
    let null = (0..rows).find(|&row| !spec.nullable && column.is_null(row));
    null.map_or(Ok(()), |row| {
        let found = "null".to_owned();
        Err(TableError::Value { column: spec.name, row, found, expected: spec.kind.word() })
    })
}

fn convert(spec: &ColumnSpec, column: Column) -> Result<Column, TableError> {
    let found = column.kind();
    Ok(match (spec.kind, column) {
        (ColumnType::F64, Column::F64(v)) => {
            Column::F64(v.into_iter().map(|x| x.filter(|x| !x.is_nan())).collect())
        }
        (wanted, column) if wanted == found => column,
        (ColumnType::F64, column) => Column::F64(integers(spec, column)?.map_all(|x| Some(x as f64), spec)?),
        (ColumnType::U8, column) => Column::U8(integers(spec, column)?.map_all(|x| x.try_into().ok(), spec)?),
        (ColumnType::U32, column) => {
            Column::U32(integers(spec, column)?.map_all(|x| x.try_into().ok(), spec)?)
        }
        (ColumnType::U64, column) => {
            Column::U64(integers(spec, column)?.map_all(|x| x.try_into().ok(), spec)?)
        }
        (ColumnType::I64, column) => {
            Column::I64(integers(spec, column)?.map_all(|x| x.try_into().ok(), spec)?)
        }
        _ => return Err(wrong_type(spec, found)),
    })
}

/// Integers wide enough for every integer type on the way from one to another.
struct Integers(Vec<Option<i128>>);

impl Integers {
    fn map_all<T>(
        self,
        narrow: impl Fn(i128) -> Option<T>,
        spec: &ColumnSpec,
    ) -> Result<Vec<Option<T>>, TableError> {
        let mut list = Vec::with_capacity(self.0.len());
        for (row, value) in self.0.into_iter().enumerate() {
            list.push(match value {
                None => None,
                Some(x) => Some(narrow(x).ok_or_else(|| TableError::Value {
                    column: spec.name,
                    row,
                    found: x.to_string(),
                    expected: spec.kind.word(),
                })?),
            });
        }
        Ok(list)
    }
}

fn integers(spec: &ColumnSpec, column: Column) -> Result<Integers, TableError> {
    fn widen<T: Into<i128>>(v: Vec<Option<T>>) -> Integers {
        Integers(v.into_iter().map(|x| x.map(Into::into)).collect())
    }
    match column {
        Column::U8(v) => Ok(widen(v)),
        Column::U32(v) => Ok(widen(v)),
        Column::U64(v) => Ok(widen(v)),
        Column::I64(v) => Ok(widen(v)),
        other => Err(wrong_type(spec, other.kind())),
    }
}

fn wrong_type(spec: &ColumnSpec, found: ColumnType) -> TableError {
    TableError::Type { column: spec.name, found: found.word(), expected: spec.kind.word() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Table, schema};

    fn named(arc: Column, util: Column) -> Vec<(String, Column)> {
        vec![
            ("util".into(), util),
            ("extra".into(), Column::Bool(vec![None])),
            ("rank".into(), Column::I64(vec![Some(1)])),
            ("arc".into(), arc),
            ("scenario".into(), Column::U64(vec![Some(4)])),
        ]
    }

    #[test]
    fn numbers_become_the_declared_type_where_they_fit() {
        let columns = named(Column::I64(vec![Some(7)]), Column::I64(vec![Some(2)]));
        let table = Table::from_columns(&schema::WORST, columns).unwrap();
        assert_eq!((table.u32("arc"), table.f64("util")), (&[Some(7)][..], &[Some(2.0)][..]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let error =
            |arc, util| Table::from_columns(&schema::WORST, named(arc, util)).unwrap_err().to_string();
        let util = || Column::F64(vec![Some(0.5)]);
        assert_eq!(error(Column::I64(vec![Some(-1)]), util()), "column 'arc', row 0: -1");
        assert_eq!(error(Column::U32(vec![None]), util()), "column 'arc', row 0: null");
        assert_eq!(error(Column::Str(vec![None]), util()), "column 'arc' is str");
        assert!(error(Column::U32(vec![Some(1); 2]), util()).contains("rows"));
        let nan = Column::F64(vec![Some(f64::NAN)]);
        assert_eq!(error(Column::U32(vec![Some(1)]), nan), "column 'util', row 0: null");
    }

    #[test]
    fn an_absent_column_is_named_with_its_nearest() {
        let columns = vec![("arcs".to_owned(), Column::U32(vec![]))];
        let error = Table::from_columns(&schema::WORST, columns).unwrap_err();
        assert_eq!(error, TableError::Absent { column: "arc", nearest: Some("arcs".into()) });
    }
}
