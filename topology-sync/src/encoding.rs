//! Bytes to text.

use std::borrow::Cow;

use twin::{InputError, Place};

use crate::form::{Form, looks_like};

/// The text of a UTF-8 file (a byte order mark is dropped).
///
/// # Errors
/// [`InputError`] with the offset of the first byte that is no UTF-8, and what binary form the content has, if it is known.
pub fn utf8<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, InputError> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let offset = e.valid_up_to();
        let binary = |form: &Form| matches!(form, Form::Pcap | Form::PcapNg | Form::Parquet | Form::Gzip);
        let form = looks_like(bytes).filter(binary).map(|form| format!(": it looks like a {form}"));
        let what = format!("byte 0x{:02x} is not UTF-8{}", bytes[offset], form.unwrap_or_default());
        InputError::new(file, Place::Offset(offset as u64), what, "UTF-8 text")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The text of an XML file in UTF-8 or, where its declaration says so, ISO-8859-1 (or its subset US-ASCII).
///
/// # Errors
/// [`InputError`] for another declared encoding, or bytes that contradict the declared one.
pub fn xml<'a>(file: &str, bytes: &'a [u8]) -> Result<Cow<'a, str>, InputError> {
    match declared(bytes).map(|name| name.to_ascii_lowercase()).as_deref() {
        None | Some("utf-8") => utf8(file, bytes).map(Cow::Borrowed),
        Some("iso-8859-1" | "latin1" | "us-ascii") => {
            Ok(Cow::Owned(bytes.iter().map(|&b| char::from(b)).collect()))
        }
        Some(other) => {
            let what = format!("encoding '{other}'");
            Err(InputError::new(file, Place::Line(1), what, "UTF-8 or ISO-8859-1"))
        }
    }
}

/// The encoding that an XML declaration names.
fn declared(bytes: &[u8]) -> Option<String> {
    let head: String = bytes.iter().take(200).map(|&b| char::from(b)).collect();
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split("encoding").nth(1)?.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split(quote).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utf8_unless_it_declares_latin1() {
        let declared = b"<?xml version='1.0' encoding=\"ISO-8859-1\"?><n id='K\xf6ln'/>";
        assert!(xml("t.xml", declared).unwrap().contains("Köln"));
        let e = xml("t.xml", b"<n id='K\xf6ln'/>").unwrap_err();
        assert_eq!(e.to_string(), "t.xml: byte 8: byte 0xf6 is not UTF-8; expected UTF-8 text");
        let e = xml("t.xml", b"PAR1\x15\x80").unwrap_err().to_string();
        assert_eq!(
            e,
            "t.xml: byte 5: byte 0x80 is not UTF-8: it looks like a Parquet table; expected UTF-8 text"
        );
        let e = xml("t.xml", b"<?xml version='1.0' encoding='UTF-16'?><n/>").unwrap_err();
        assert_eq!(e.to_string(), "t.xml:1: encoding 'utf-16'; expected UTF-8 or ISO-8859-1");
    }
}
