//! Sentences for people, broken at blanks.

/// Adds `text` to `out` in lines of at most `width` characters, words longer than that apart; `first` begins the first
/// line, `rest` all others.
pub(crate) fn wrap(out: &mut String, text: &str, first: &str, rest: &str, width: usize) {
    let mut current = first.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && current.chars().count() + 1 + word.chars().count() > width {
            out.push_str(current.trim_end());
            out.push('\n');
            current = rest.to_owned();
            empty = true;
        }
        if !empty {
            current.push(' ');
        }
        current.push_str(word);
        empty = false;
    }
    out.push_str(current.trim_end());
    out.push('\n');
}

/// Each line in lines of at most `width` characters; what is carried over is indented by four more than its line.
pub(crate) fn fold(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words = line.trim_start_matches(' ');
        let indent = &line[..line.len() - words.len()];
        wrap(&mut out, words, indent, &format!("{indent}    "), width);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_folded_at_blanks_and_keep_their_indent() {
        let text = "case 0: all is well\n  0.9 ±  0.1  a link is down: a - b\n\nend\n";
        assert_eq!(
            fold(text, 20),
            "case 0: all is well\n  0.9 ±  0.1  a link\n      is down: a - b\n\nend\n"
        );
        assert_eq!(fold(text, 200), text);
        assert_eq!(fold("  a-word-longer-than-this\n", 10), "  a-word-longer-than-this\n");
    }
}
