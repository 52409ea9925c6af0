//! A stream of JSON objects, one after the other, as a tool prints events.

/// Cuts a stream into its objects. What is between them is dropped.
#[derive(Debug, Default)]
pub(super) struct Objects {
    object: Vec<u8>,
    depth: u32,
    in_text: bool,
    escaped: bool,
}

/// An object larger than this is none.
const LARGEST: usize = 16 << 20;

impl Objects {
    /// Takes a part of the stream and gives the objects that end in it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        for byte in bytes {
            if self.depth == 0 && *byte != b'{' {
                continue;
            }
            self.object.push(*byte);
            if self.step(*byte) {
                whole.push(std::mem::take(&mut self.object));
            } else if self.object.len() > LARGEST {
                *self = Self::default();
            }
        }
        whole
    }

    /// Whether the byte ends the object.
    fn step(&mut self, byte: u8) -> bool {
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = byte == b'\\' && !self.escaped;
            return false;
        }
        match byte {
            b'"' => self.in_text = true,
            b'{' => self.depth += 1,
            b'}' => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_however_the_stream_is_cut() {
        let stream = r#" {"a": {"b": "}\"{\\"}} noise } {"c": []}{"#;
        let whole = [r#"{"a": {"b": "}\"{\\"}}"#, r#"{"c": []}"#].map(|t| t.as_bytes().to_vec());
        assert_eq!(Objects::default().take(stream.as_bytes()), whole);
        let mut objects = Objects::default();
        let one_by_one: Vec<_> = stream.bytes().flat_map(|b| objects.take(&[b])).collect();
        assert_eq!(one_by_one, whole);
    }
}
