//! XML elements with the places that errors need.

use roxmltree::{Document, Node};
use twin::{InputError, Place};

use crate::lines::shorten;

/// A parsed document and what errors call it.
pub(crate) struct Xml<'a> {
    file: &'a str,
    doc: Document<'a>,
}

impl<'a> Xml<'a> {
    /// Parses a text.
    pub(crate) fn parse(file: &'a str, text: &'a str) -> Result<Self, InputError> {
        let doc = Document::parse(text).map_err(|e| {
            let at = e.pos();
            let message = e.to_string();
            let what = message.trim_end_matches(&format!(" at {}:{}", at.row, at.col));
            let place = Place::LineColumn(u64::from(at.row), u64::from(at.col));
            InputError::new(file, place, format!("malformed XML: {what}"), "well-formed XML")
        })?;
        Ok(Self { file, doc })
    }

    /// The outermost element, which must be called `name`.
    pub(crate) fn root(&self, name: &str) -> Result<Node<'_, 'a>, InputError> {
        let root = self.doc.root_element();
        if root.tag_name().name() == name {
            return Ok(root);
        }
        Err(self.error(root, format!("element <{}>", shorten(root.tag_name().name())), format!("<{name}>")))
    }

    /// The first element `name` inside `parent`.
    pub(crate) fn child<'n>(&self, parent: Node<'n, 'a>, name: &str) -> Result<Node<'n, 'a>, InputError> {
        child(parent, name).ok_or_else(|| {
            let what = format!("<{}> without <{name}>", parent.tag_name().name());
            self.error(parent, what, format!("<{name}> inside it"))
        })
    }

    /// An attribute that must be there.
    pub(crate) fn attribute<'n>(&self, node: Node<'n, 'a>, name: &str) -> Result<&'n str, InputError> {
        node.attribute(name).ok_or_else(|| {
            let what = format!("<{}> without the attribute '{name}'", node.tag_name().name());
            self.error(node, what, format!("{name}=\"…\""))
        })
    }

    /// An element's text as a finite number.
    pub(crate) fn number(&self, node: Node<'_, 'a>) -> Result<f64, InputError> {
        let found = text(node);
        match found.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.value_error(node, found, "a finite number")),
        }
    }

    /// An element's text as a finite number of at least 0.
    pub(crate) fn volume(&self, node: Node<'_, 'a>) -> Result<f64, InputError> {
        let value = self.number(node)?;
        if value >= 0.0 {
            Ok(value)
        } else {
            Err(self.value_error(node, text(node), "a number of at least 0"))
        }
    }

    /// An error about an element's text.
    pub(crate) fn value_error(&self, node: Node<'_, 'a>, found: &str, expected: &str) -> InputError {
        let what = format!("<{}> is '{}'", node.tag_name().name(), shorten(found));
        self.error(node, what, expected)
    }

    /// An error at the place of an element.
    pub(crate) fn error(
        &self,
        node: Node<'_, 'a>,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) -> InputError {
        let at = self.doc.text_pos_at(node.range().start);
        InputError::new(self.file, Place::LineColumn(u64::from(at.row), u64::from(at.col)), what, expected)
    }
}

/// The elements called `name` inside `parent`, in order.
pub(crate) fn children<'n, 'a>(parent: Node<'n, 'a>, name: &str) -> impl Iterator<Item = Node<'n, 'a>> {
    parent.children().filter(move |n| n.is_element() && n.tag_name().name() == name)
}

/// The first element called `name` inside `parent`.
pub(crate) fn child<'n, 'a>(parent: Node<'n, 'a>, name: &str) -> Option<Node<'n, 'a>> {
    children(parent, name).next()
}

/// The text inside an element without the blanks around it.
pub(crate) fn text<'n>(node: Node<'n, '_>) -> &'n str {
    node.text().unwrap_or_default().trim()
}
