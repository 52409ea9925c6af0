//! From Parquet's levels back to rows: optional values, and lists of optional elements.
//!
//! A definition level says how far down the path of optional and repeated fields a value is there; a repetition level of
//! 0 begins a row (Melnik et al., "Dremel", VLDB 2010, section 4).

/// A leaf column as it is stored: the values that are there, and the levels that say where.
pub(crate) struct Levels<T> {
    pub(crate) values: Vec<T>,
    pub(crate) definition: Vec<i16>,
    pub(crate) repetition: Vec<i16>,
    pub(crate) max_definition: i16,
    pub(crate) max_repetition: i16,
}

impl<T> Levels<T> {
    pub(crate) fn new(max_definition: i16, max_repetition: i16) -> Self {
        let (values, definition, repetition) = (Vec::new(), Vec::new(), Vec::new());
        Self { values, definition, repetition, max_definition, max_repetition }
    }
}

/// The rows of a flat column.
pub(crate) fn cells<T>(levels: Levels<T>) -> Result<Vec<Option<T>>, String> {
    if levels.max_definition == 0 {
        return Ok(levels.values.into_iter().map(Some).collect());
    }
    let mut values = levels.values.into_iter();
    let mut rows = Vec::with_capacity(levels.definition.len());
    for level in levels.definition {
        rows.push(if level == levels.max_definition { Some(next(&mut values)?) } else { None });
    }
    Ok(rows)
}

/// One row of a column of lists: null, or elements of which some may be null.
pub(crate) type ListRow<T> = Option<Vec<Option<T>>>;

/// The rows of a column of lists whose outer group is optional (`outer` = 1) or required (0).
pub(crate) fn lists<T>(levels: Levels<T>, outer: i16) -> Result<Vec<ListRow<T>>, String> {
    if levels.max_repetition != 1 || levels.definition.len() != levels.repetition.len() {
        return Err("not a simple list".into());
    }
    let mut values = levels.values.into_iter();
    let mut rows: Vec<ListRow<T>> = Vec::new();
    for (definition, repetition) in levels.definition.into_iter().zip(levels.repetition) {
        let element = if definition == levels.max_definition { Some(next(&mut values)?) } else { None };
        match (repetition, rows.last_mut()) {
            (0, _) if definition < outer => rows.push(None),
            (0, _) if definition == outer => rows.push(Some(Vec::new())),
            (0, _) => rows.push(Some(vec![element])),
            (_, Some(Some(list))) if !list.is_empty() && definition > outer => list.push(element),
            _ => return Err("a list goes on where none began".into()),
        }
    }
    Ok(rows)
}

fn next<T>(values: &mut impl Iterator<Item = T>) -> Result<T, String> {
    values.next().ok_or_else(|| "fewer values than its levels promise".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(values: &[u32], definition: &[i16], repetition: &[i16]) -> Levels<u32> {
        Levels {
            values: values.to_vec(),
            definition: definition.to_vec(),
            repetition: repetition.to_vec(),
            max_definition: 3,
            max_repetition: 1,
        }
    }

    #[test]
    fn null_empty_and_null_elements_are_told_apart() {
        let rows = lists(levels(&[7, 8], &[0, 1, 3, 2, 3], &[0, 0, 0, 1, 1]), 1).unwrap();
        assert_eq!(rows, [None, Some(vec![]), Some(vec![Some(7), None, Some(8)])]);
    }

    #[test]
    fn levels_that_contradict_themselves_are_errors() {
        assert!(lists(levels(&[7], &[3], &[1]), 1).is_err());
        assert!(lists(levels(&[7], &[1, 3], &[0, 1]), 1).is_err());
        assert!(lists(levels(&[], &[3], &[0]), 1).is_err());
        assert!(cells(levels(&[7], &[3, 3], &[])).is_err());
    }
}
