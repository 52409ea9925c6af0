//! Each library says what it is, what it knows, what it never knows, and shows an example that runs.

use crate::house::House;
use crate::tidy::Finding;

const WANTED: &[(&str, &str)] = &[
    ("**Knows:**", "what the crate knows (`**Knows:**`)"),
    ("**Never knows:**", "what the crate never knows (`**Never knows:**`)"),
    ("```", "a doc example"),
];

pub(super) fn check(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for lib in house.crates.iter().filter_map(|c| c.lib.as_deref()) {
        let Some(Some(text)) = house.files.get(lib) else { continue };
        // A library that offers nothing has nothing to explain.
        if !text.lines().any(|l| l.starts_with("pub ") || l.starts_with("mod ")) {
            continue;
        }
        let docs: String = text.lines().take_while(|l| l.starts_with("//!")).collect();
        let missing = WANTED.iter().filter(|(mark, _)| !docs.contains(mark));
        findings
            .extend(missing.map(|(_, what)| Finding::fault(lib, format!("the first comment lacks {what}"))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::Crate;

    fn faults(lib: &str) -> usize {
        let mut house = House::of(&[("a/src/lib.rs", lib)]);
        house.crates = vec![Crate { lib: Some("a/src/lib.rs".into()), ..Crate::default() }];
        check(&house).len()
    }

    #[test]
    fn the_three_parts_are_needed() {
        assert_eq!(faults("//! A crate.\nmod x;\n"), 3);
        assert_eq!(faults("//! **Knows:** a. **Never knows:** b.\n//!\n//! ```\n//! ```\nmod x;\n"), 0);
        assert_eq!(faults("//! **Knows:** a.\n\nmod x;\n//! **Never knows:** ```\n"), 2);
    }

    #[test]
    fn an_empty_library_needs_none() {
        assert_eq!(faults("//! .\n"), 0);
    }
}
