//! What the fields of a Parquet schema are to us.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::schema::types::Type;

/// What the values of a leaf are, after storage details are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    U8,
    U32,
    U64,
    I32,
    I64,
    F32,
    F64,
    Bool,
    Text,
    /// A date or time stamp: nanoseconds in one unit of the file.
    Nanos(i64),
}

/// The shape of a top-level field, with the number of its first leaf.
pub(crate) enum Shape {
    Flat(Leaf, usize),
    List(Leaf, usize),
    Members(usize),
}

/// The shape of a top-level field whose first leaf has number `first`, or what it is that is not read.
pub(crate) fn shape_of(field: &Type, first: usize) -> Result<Shape, String> {
    if field.is_primitive() {
        if field.get_basic_info().repetition() == Repetition::REPEATED {
            return Err("a repeated field without a list".into());
        }
        return Ok(Shape::Flat(leaf_of(field)?, first));
    }
    let info = field.get_basic_info();
    let is_list =
        info.logical_type_ref() == Some(&LogicalType::List) || info.converted_type() == ConvertedType::LIST;
    let element = match field.get_fields() {
        [inner] if is_list && inner.is_group() && inner.get_fields().len() == 1 => &inner.get_fields()[0],
        _ if is_list => return Err("a list in a form before Parquet 2".into()),
        _ => return Err("a struct or map".into()),
    };
    if element.is_primitive() {
        return match leaf_of(element)? {
            leaf @ (Leaf::Text | Leaf::U8 | Leaf::U32 | Leaf::U64 | Leaf::I32 | Leaf::I64) => {
                Ok(Shape::List(leaf, first))
            }
            _ => Err("a list of neither texts nor integers".into()),
        };
    }
    if element.get_basic_info().logical_type_ref() == Some(&LogicalType::List) {
        return Err("a list of lists".into());
    }
    let names: Vec<_> = element.get_fields().iter().map(|f| f.name()).collect();
    let texts = element.get_fields().iter().all(|f| f.is_primitive() && leaf_of(f) == Ok(Leaf::Text));
    if names == ["class", "a", "b"] && texts {
        Ok(Shape::Members(first))
    } else {
        Err(format!("a list of structs {{{}}}", names.join(",")))
    }
}

fn leaf_of(leaf: &Type) -> Result<Leaf, String> {
    let info = leaf.get_basic_info();
    let converted = info.converted_type();
    Ok(match (leaf.get_physical_type(), info.logical_type_ref()) {
        (Physical::BOOLEAN, _) => Leaf::Bool,
        (Physical::FLOAT, _) => Leaf::F32,
        (Physical::DOUBLE, _) => Leaf::F64,
        (Physical::INT32, Some(LogicalType::Integer(i))) if !i.is_signed && i.bit_width == 8 => Leaf::U8,
        (Physical::INT32, Some(LogicalType::Integer(i))) if !i.is_signed => Leaf::U32,
        (Physical::INT32, Some(LogicalType::Date)) => Leaf::Nanos(86_400_000_000_000),
        (Physical::INT32, None | Some(LogicalType::Integer(_))) => match converted {
            ConvertedType::UINT_8 => Leaf::U8,
            ConvertedType::UINT_16 | ConvertedType::UINT_32 => Leaf::U32,
            ConvertedType::DATE => Leaf::Nanos(86_400_000_000_000),
            ConvertedType::DECIMAL | ConvertedType::TIME_MILLIS => return Err(format!("{converted}")),
            _ => Leaf::I32,
        },
        (Physical::INT64, Some(LogicalType::Integer(i))) if !i.is_signed => Leaf::U64,
        (Physical::INT64, Some(LogicalType::Timestamp(t))) => Leaf::Nanos(match t.unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1_000,
            TimeUnit::NANOS => 1,
        }),
        (Physical::INT64, None | Some(LogicalType::Integer(_))) => match converted {
            ConvertedType::UINT_64 => Leaf::U64,
            ConvertedType::TIMESTAMP_MILLIS => Leaf::Nanos(1_000_000),
            ConvertedType::TIMESTAMP_MICROS => Leaf::Nanos(1_000),
            ConvertedType::DECIMAL | ConvertedType::TIME_MICROS => return Err(format!("{converted}")),
            _ => Leaf::I64,
        },
        (Physical::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) | None)
            if converted != ConvertedType::DECIMAL =>
        {
            Leaf::Text
        }
        (physical, Some(logical)) => return Err(format!("{logical:?} in {physical}")),
        (physical, None) => return Err(physical.to_string()),
    })
}
