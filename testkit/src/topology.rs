//! A network as a line of text.
//!
//! ```text
//! a -10G,5us- s1 -10G,5us@3- b ; s1 -1G,5us-> c:host      # chains of nodes and links, `;` or a new line between them
//! ```
//!
//! A node is a name, with its kind after a colon where it is first met (`router` if none is given). A link is
//! `-RATE[,DELAY][@METRIC]-`, or with `->` at the end for one direction only:
//!
//! | part | form | default |
//! |---|---|---|
//! | rate | whole number of `K`, `M`, `G`, `T` bit/s | none |
//! | delay | whole number of `ps`, `ns`, `us`, `ms`, `s` | 0 |
//! | metric | `@10`, or `@10/20` for there and back | 1 |
//!
//! Links may repeat: parallel links. Nodes, links and arcs are numbered in the order of first mention, so expected
//! tables can be written by hand. Links are named `a-b`, repeated ones `a-b#2`.

use std::collections::BTreeMap;

use twin::{BitsPerSec, EntityKey, InputError, LinkSpec, NodeKind, Place, SimDuration, Twin, TwinBuilder};

const KINDS: [NodeKind; 4] = [NodeKind::Router, NodeKind::Switch, NodeKind::Host, NodeKind::Bridge];
const RATES: [(&str, u64); 4] =
    [("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000)];
const SPANS: [(&str, u64); 5] =
    [("ps", 1), ("ns", 1_000), ("us", 1_000_000), ("ms", 1_000_000_000), ("s", 1_000_000_000_000)];

/// The network that a text describes.
///
/// # Panics
/// On a mistake in the text, with its byte offset and what was expected.
///
/// ```
/// let twin = umbra_testkit::topology("a -10G- b ; a -10G,1ms@20- b");
/// assert_eq!(twin.cables().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a-b", "a-b#2"]);
/// ```
pub fn topology(text: &str) -> Twin {
    parse_topology(text).unwrap_or_else(|error| panic!("{error}"))
}

/// As [`topology`], with mistakes as errors.
///
/// # Errors
/// [`InputError`] for the file `topology`, with the byte offset of the word that is wrong.
pub fn parse_topology(text: &str) -> Result<Twin, InputError> {
    let mut net =
        Net { builder: TwinBuilder::new("topology"), nodes: BTreeMap::new(), links: BTreeMap::new() };
    for statement in statements(text) {
        net.add(&statement)?;
    }
    Ok(net.builder.finish())
}

/// A word with its byte offset.
type Word<'a> = (usize, &'a str);

fn statements(text: &str) -> Vec<Vec<Word<'_>>> {
    let mut statements = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let code = line.split('#').next().unwrap_or_default();
        let mut start = offset;
        for part in code.split(';') {
            statements.push(words(part, start));
            start += part.len() + 1;
        }
        offset += line.len();
    }
    statements
}

fn words(part: &str, start: usize) -> Vec<Word<'_>> {
    let at = |word: &str| start + (word.as_ptr() as usize - part.as_ptr() as usize);
    part.split_whitespace().map(|word| (at(word), word)).collect()
}

struct Net {
    builder: TwinBuilder,
    nodes: BTreeMap<String, EntityKey>,
    links: BTreeMap<String, u32>,
}

impl Net {
    fn add(&mut self, statement: &[Word<'_>]) -> Result<(), InputError> {
        let Some((first, rest)) = statement.split_first() else { return Ok(()) };
        let mut left = self.node(*first)?;
        for pair in rest.chunks(2) {
            let [link, node] = pair else { return Err(wrong(pair[0], "a node after the link")) };
            let spec = link_spec(*link)?;
            let right = self.node(*node)?;
            self.link(&left, &right, spec);
            left = right;
        }
        Ok(())
    }

    /// The node's name, after it was added if it is new.
    fn node(&mut self, word: Word<'_>) -> Result<String, InputError> {
        let (name, kind) = word.1.split_once(':').unwrap_or((word.1, ""));
        if name.is_empty() || name.starts_with('-') {
            return Err(wrong(word, "a node"));
        }
        if !self.nodes.contains_key(name) {
            let role = match kind {
                "" => NodeKind::Router,
                kind => *KINDS.iter().find(|k| k.word() == kind).ok_or_else(|| {
                    wrong(word, "a kind of node after ':'").with_nearest(kind, KINDS.iter().map(|k| k.word()))
                })?,
            };
            let key = self.builder.node(name, role, None);
            self.nodes.insert(name.to_owned(), key);
        } else if !kind.is_empty() {
            return Err(wrong(word, "the kind where the node is first met"));
        }
        Ok(name.to_owned())
    }

    fn link(&mut self, a: &str, b: &str, spec: LinkSpec) {
        let name = format!("{a}-{b}");
        let seen = self.links.entry(name.clone()).or_insert(0);
        *seen += 1;
        let name = if *seen == 1 { name } else { format!("{name}#{seen}") };
        self.builder.link(&name, &self.nodes[a], &self.nodes[b], spec);
    }
}

fn link_spec(word: Word<'_>) -> Result<LinkSpec, InputError> {
    let expected = || wrong(word, "a link such as -10G,5us@3- or -10G,5us->");
    let body = word.1.strip_prefix('-').ok_or_else(expected)?;
    let (body, one_way) = match body.strip_suffix("->") {
        Some(body) => (body, true),
        None => (body.strip_suffix('-').ok_or_else(expected)?, false),
    };
    let (speed, metrics) = body.split_once('@').unwrap_or((body, "1"));
    let (rate, delay) = speed.split_once(',').unwrap_or((speed, "0s"));
    let rate = quantity(rate, &RATES).and_then(BitsPerSec::new).ok_or_else(expected)?;
    let delay = SimDuration::from_ps(quantity(delay, &SPANS).ok_or_else(expected)?);
    let (there, back) = metrics.split_once('/').unwrap_or((metrics, metrics));
    let metric = |text: &str| text.parse::<u32>().map_err(|_| expected());
    let (forward, backward) = ((metric(there)?, rate, delay), (metric(back)?, rate, delay));
    Ok(LinkSpec { forward, backward: (!one_way).then_some(backward) })
}

/// A whole number with one of these units.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (_, factor) = units.iter().find(|(unit, _)| *unit == &text[digits.len()..])?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

fn wrong((offset, word): Word<'_>, expected: &str) -> InputError {
    InputError::new("topology", Place::Offset(offset as u64), format!("found '{word}'"), expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PlainNet;

    /// `from to link metric rate delay` of each arc, in bit/s and ps.
    fn arcs(text: &str) -> Vec<String> {
        let twin = topology(text);
        let halves = twin.half_links(twin::Layer::Igp);
        let net = PlainNet::of(&twin);
        let rows = net.arcs.iter().zip(halves).map(|(arc, (_, half))| {
            let name = |n: usize| twin.nodes()[n].name.clone();
            format!(
                "{} {} {} {} {} {}",
                name(arc.from),
                name(arc.to),
                arc.link,
                half.metric,
                half.capacity.get(),
                half.delay.as_ps()
            )
        });
        rows.collect()
    }

    #[test]
    fn chains_parallel_links_one_way_links_and_metrics() {
        let text = "a -10G,5us- s:switch -1M,2ns@7/9- b # comment ; x\n a -10G- s ; b -3K-> a";
        assert_eq!(
            arcs(text),
            [
                "a s 0 1 10000000000 5000000",
                "s a 0 1 10000000000 5000000",
                "s b 1 7 1000000 2000",
                "b s 1 9 1000000 2000",
                "a s 2 1 10000000000 0",
                "s a 2 1 10000000000 0",
                "b a 3 1 3000 0",
            ]
        );
    }

    #[test]
    fn a_node_may_stand_alone() {
        assert_eq!(topology("lonely:host ;; \n").nodes().len(), 1);
    }

    #[test]
    fn mistakes_name_their_place() {
        let error = |text| parse_topology(text).unwrap_err().to_string();
        let link = "expected a link such as -10G,5us@3- or -10G,5us->";
        assert_eq!(error("a b c"), format!("topology: byte 2: found 'b'; {link}"));
        assert_eq!(error("a -0G- b"), format!("topology: byte 2: found '-0G-'; {link}"));
        assert_eq!(error("a -10G"), "topology: byte 2: found '-10G'; expected a node after the link");
        assert_eq!(
            error("a ; b\nc:swich"),
            "topology: byte 6: found 'c:swich'; expected a kind of node after ':'; did you mean 'switch'?"
        );
        assert_eq!(
            error("a ; a:host"),
            "topology: byte 4: found 'a:host'; expected the kind where the node is first met"
        );
    }
}
