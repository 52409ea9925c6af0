//! The little of Markdown that the rules need: code blocks, links and headings.

/// A fenced block of code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The language after the fence.
    pub(crate) language: &'a str,
    /// Its lines, each with its number in the file, counted from 1.
    pub(crate) lines: Vec<(usize, &'a str)>,
}

/// The fenced blocks of a text.
pub(crate) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (number, line) in numbered(text) {
        match (line.trim_start().strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => open = Some(Block { language: language.trim(), lines: Vec::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => block.lines.push((number, line)),
            (None, None) => {}
        }
    }
    blocks
}

/// The targets of all links and images outside code, each with its line number.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code_spans(line);
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            links.push((number, target.split(' ').next().unwrap_or_default().to_owned()));
        }
    }
    links
}

/// The anchors that headings make: lower case, spaces to `-`, other punctuation dropped.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, line)| (i + 1, line))
}

fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    numbered(text).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# Two words, and more\n[a](b.md#c \"t\") `[no](no)` ![i](i.png)\n```sh\n[no](no)\numbra demo\n```\n";

    #[test]
    fn links_in_code_are_not_links() {
        assert_eq!(links(TEXT), [(2, "b.md#c".to_owned()), (2, "i.png".to_owned())]);
    }

    #[test]
    fn blocks_keep_their_line_numbers() {
        assert_eq!(blocks(TEXT), [Block { language: "sh", lines: vec![(4, "[no](no)"), (5, "umbra demo")] }]);
    }

    #[test]
    fn headings_become_anchors_as_on_the_web() {
        assert_eq!(anchors(TEXT), ["two-words-and-more"]);
    }
}
