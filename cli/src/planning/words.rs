//! Words of YAML files, with their places.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;
use topology_sync::yaml;
use twin::{InputError, Place};

/// A word, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    /// What is written.
    pub(crate) text: String,
    /// Where.
    pub(crate) place: Place,
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self { place: yaml::place(spanned.referenced), text: spanned.value })
    }
}

/// A list of words, or one without its list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Words(pub(crate) Vec<Word>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<OneOrMany>::deserialize(deserializer)?;
        Ok(Self(match spanned.value {
            OneOrMany::One(text) => vec![Word { text, place: yaml::place(spanned.referenced) }],
            OneOrMany::Many(words) => words,
        }))
    }
}

enum OneOrMany {
    One(String),
    Many(Vec<Word>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a list of names")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(number.to_string()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(number.to_string()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A number, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
    /// What is written.
    pub(crate) value: f64,
    /// Where.
    pub(crate) place: Place,
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<f64>::deserialize(deserializer)?;
        Ok(Self { place: yaml::place(spanned.referenced), value: spanned.value })
    }
}

impl Number {
    /// The number, if it is finite and at least `min`.
    pub(crate) fn at_least(self, min: f64, file: &str, what: &str) -> Result<f64, InputError> {
        if self.value.is_finite() && self.value >= min {
            return Ok(self.value);
        }
        Err(InputError::new(
            file,
            self.place,
            format!("found {}", self.value),
            format!("{what} of at least {min}"),
        ))
    }

    /// The number, if it is finite and above 0.
    pub(crate) fn above_0(self, file: &str, what: &str) -> Result<f64, InputError> {
        if self.value.is_finite() && self.value > 0.0 {
            return Ok(self.value);
        }
        Err(InputError::new(file, self.place, format!("found {}", self.value), format!("{what} above 0")))
    }

    /// The factor of so many per cent a year over so many years.
    pub(crate) fn growth(self, years: Number, file: &str) -> Result<f64, InputError> {
        let yearly = 1.0 + self.at_least(-100.0, file, "a growth in per cent")? / 100.0;
        let factor = libm::pow(yearly, years.at_least(0.0, file, "a number of years")?);
        if factor.is_finite() && factor > 0.0 {
            return Ok(factor);
        }
        Err(InputError::new(file, years.place, "growth to nothing, or beyond all numbers", "fewer years"))
    }
}

/// A rate or volume: `10G`, `2.5T`, `100M`, `64k` in bit/s, or a bare number in the network's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Amount {
    number: f64,
    /// bit/s in one; `None` for the network's own unit.
    unit_bps: Option<f64>,
    /// Where it stands.
    pub(crate) place: Place,
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Word::deserialize(deserializer)?;
        Self::read(&word).ok_or_else(|| {
            D::Error::custom(format!(
                "'{}' is no amount; expected one such as 10G, 2.5T, 100M (bit/s) or 620 (in the network's own unit)",
                word.text
            ))
        })
    }
}

impl Amount {
    fn read(word: &Word) -> Option<Self> {
        Self::parse(&word.text, word.place)
    }

    /// The amount that a text says.
    pub(crate) fn parse(text: &str, place: Place) -> Option<Self> {
        let text = text.trim();
        let unit_bps = match text.chars().last()? {
            'k' | 'K' => Some(1e3),
            'M' => Some(1e6),
            'G' => Some(1e9),
            'T' => Some(1e12),
            _ => None,
        };
        let number = if unit_bps.is_some() { &text[..text.len() - 1] } else { text };
        let number: f64 = number.trim().parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(Self { number, unit_bps, place })
    }

    /// In bit/s, for a network whose own unit is so many.
    pub(crate) fn bps(self, network_unit_bps: f64) -> f64 {
        self.number * self.unit_bps.unwrap_or(network_unit_bps)
    }
}

/// Refuses a file whose `format` key says something else.
pub(crate) fn check_format(file: &str, found: &Word, format: &str) -> Result<(), InputError> {
    if found.text == format {
        return Ok(());
    }
    let what = format!("format '{}'", found.text);
    Err(InputError::new(file, found.place, what, format!("format '{format}'")))
}

/// The value of the key `format` of a YAML or JSON text, as far as it can be told without reading it.
pub(crate) fn format_of(text: &str) -> Option<&str> {
    let key = |line: &'_ str| -> Option<usize> {
        let at = line.find("format")?;
        line[..at].chars().all(|c| c.is_whitespace() || "{\"'".contains(c)).then_some(at + "format".len())
    };
    let line = text.lines().find_map(|line| key(line).map(|at| &line[at..]))?;
    let value = line.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':')?.trim_start();
    let value = value.trim_start_matches(['"', '\'']);
    Some(value.split(|c: char| c.is_whitespace() || "\"',}#".contains(c)).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_bits_or_in_the_unit_of_the_network() {
        let read = |text: &str| {
            let word = Word { text: text.into(), place: Place::Whole };
            Amount::read(&word).map(|a| a.bps(1e6))
        };
        assert_eq!(read("10G"), Some(1e10));
        assert_eq!(read("2.5 T"), Some(2.5e12));
        assert_eq!(read("620"), Some(620e6));
        assert_eq!(read("0"), Some(0.0));
        for wrong in ["", "G", "-1", "inf", "nan", "1e400", "10Gb"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_format_is_found_in_yaml_and_json() {
        for text in [
            "format: umbra-edit/1\n",
            "# x\nformat: 'umbra-edit/1' # y",
            "{\"format\":\"umbra-edit/1\",",
            "{ \"format\" : \"umbra-edit/1\"}",
        ] {
            assert_eq!(format_of(text), Some("umbra-edit/1"), "{text}");
        }
        assert_eq!(format_of("nodes: {}\n"), None);
    }
}
