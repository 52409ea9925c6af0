//! What the readers of text have in common: words of a line, and the observations that a reading makes.

use std::time::Duration;

use twin::WallTime;

use crate::observation::{Fact, FactKey, Observation, Observer, Scope, Source};

/// The words of a line.
pub(super) fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The word after `key`.
pub(super) fn after<'a>(words: &[&'a str], key: &str) -> Option<&'a str> {
    let at = words.iter().position(|w| *w == key)?;
    words.get(at + 1).copied()
}

/// The word after `key`, parsed.
pub(super) fn parsed_after<T: std::str::FromStr>(words: &[&str], key: &str) -> Option<T> {
    after(words, key)?.trim_end_matches(',').parse().ok()
}

/// What follows `key` in a line, up to the end or, where it has one, the delimiter; without the blanks around it.
pub(super) fn between<'a>(line: &'a str, key: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(key)?;
    let part = if end.is_empty() { rest } else { rest.split_once(end).map_or(rest, |(part, _)| part) };
    Some(part.trim())
}

/// Whether a line is indented.
pub(super) fn indented(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

/// Whether a dump goes to the end of a line: one that was cut short nearly never does. What is said in it stands either
/// way; only a whole one says that there is no more.
pub(super) fn is_whole(text: &str) -> bool {
    text.ends_with('\n')
}

/// The digits after a second's decimal point as nanoseconds.
pub(super) fn nanos(fraction: &str) -> Option<i64> {
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    digits.map(|d| char::from(d).to_digit(10)).try_fold(0, |n, digit| Some(n * 10 + i64::from(digit?)))
}

/// A hardware address in any usual notation: `aa:bb:cc:dd:ee:ff`, `aa-bb-…`, `aabb.ccdd.eeff`.
pub(super) fn mac(text: &str) -> Option<twin::MacAddr> {
    let digits: String = text.chars().filter(|c| !matches!(c, '.' | ':' | '-')).collect();
    if text.contains(['.']) {
        if digits.len() != 12 || !digits.is_ascii() {
            return None;
        }
        let pairs: Vec<&str> = (0..6).filter_map(|i| digits.get(2 * i..2 * i + 2)).collect();
        return pairs.join(":").parse().ok();
    }
    text.parse().ok()
}

/// A network mask as a prefix length; `None` where its ones are not together.
pub(super) fn mask_len(mask: std::net::Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    (bits.leading_ones() + bits.trailing_zeros() >= 32).then(|| bits.leading_ones() as u8)
}

/// The observations of one reading, all by one observer and one means.
pub(super) struct Notes<'a> {
    observer: &'a Observer,
    source: Source,
    /// The instant of what is noted next.
    pub(super) at: WallTime,
    said: Vec<Observation>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(observer: &'a Observer, source: Source, at: WallTime) -> Self {
        Self { observer, source, at, said: Vec::new() }
    }
    pub(super) fn is(&mut self, fact: Fact) {
        self.said.push(Observation::is(self.observer, self.source, self.at, fact));
    }
    pub(super) fn lives(&mut self, fact: Fact, seconds: Option<u64>) {
        match seconds {
            Some(s) => {
                let lifetime = Duration::from_secs(s);
                self.said.push(Observation::lives(self.observer, self.source, self.at, fact, lifetime));
            }
            None => self.is(fact),
        }
    }
    pub(super) fn not(&mut self, key: FactKey) {
        self.said.push(Observation::not(self.observer, self.source, self.at, key));
    }
    pub(super) fn read(&mut self, of: impl Into<Scope>) {
        self.said.push(Observation::read(self.observer, self.source, self.at, of));
    }
    pub(super) fn is_empty(&self) -> bool {
        self.said.is_empty()
    }
    pub(super) fn done(self) -> Vec<Observation> {
        self.said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses_in_every_notation() {
        for text in ["52:54:00:3b:5f:14", "52-54-00-3B-5F-14", "5254.003b.5f14"] {
            assert_eq!(mac(text).unwrap().to_string(), "52:54:00:3b:5f:14", "{text}");
        }
        assert_eq!(mac("5254.003b.5f1"), None);
        assert_eq!(mac("5254.003ö.5f14"), None);
    }

    #[test]
    fn masks() {
        let len = |m: &str| mask_len(m.parse().unwrap());
        assert_eq!(len("255.255.255.254"), Some(31));
        assert_eq!(len("0.0.0.0"), Some(0));
        assert_eq!(len("255.255.255.255"), Some(32));
        assert_eq!(len("255.0.255.0"), None);
    }
}
