//! Numbers of a state that may be missing (NaN), written as nothing: JSON has no NaN.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A fixed or growing list of numbers.
pub(crate) trait Numbers: AsRef<[Self::Number]> + TryFrom<Vec<Self::Number>> {
    /// f32 or f64.
    type Number: Copy + Into<f64>;
    /// The nearest number of that type.
    fn number(value: f64) -> Self::Number;
}

macro_rules! numbers {
    ($($list:ty, $number:ty, $($size:ident)?);*) => {
        $(impl$(<const $size: usize>)? Numbers for $list {
            type Number = $number;
            fn number(value: f64) -> $number {
                value as $number
            }
        })*
    };
}
numbers!(Vec<f32>, f32,; [f32; N], f32, N; [f64; N], f64, N);

pub(crate) fn serialize<L: Numbers, S: Serializer>(list: &L, to: S) -> Result<S::Ok, S::Error> {
    let numbers = list.as_ref().iter().map(|n| (*n).into());
    numbers.map(|n: f64| (!n.is_nan()).then_some(n)).collect::<Vec<Option<f64>>>().serialize(to)
}

pub(crate) fn deserialize<'de, L: Numbers, D: Deserializer<'de>>(from: D) -> Result<L, D::Error> {
    let numbers = Vec::<Option<f64>>::deserialize(from)?;
    let list: Vec<L::Number> = numbers.into_iter().map(|n| L::number(n.unwrap_or(f64::NAN))).collect();
    let length = list.len();
    L::try_from(list)
        .map_err(|_| serde::de::Error::invalid_length(length, &"as many numbers as the state has"))
}
