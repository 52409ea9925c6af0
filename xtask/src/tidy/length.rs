//! Long source files are noted: beyond 700 lines there is nearly always a second idea in them.

use crate::house::House;
use crate::tidy::Finding;

const LINES: usize = 700;

pub(super) fn check(house: &House) -> Vec<Finding> {
    let long =
        house.texts(".rs").map(|(path, text)| (path, text.lines().count())).filter(|(_, n)| *n > LINES);
    long.map(|(path, n)| Finding::note(path, format!("{n} lines; look for the second idea"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact() {
        let (at, above) = ("\n".repeat(LINES), "\n".repeat(LINES + 1));
        let found = check(&House::of(&[("at.rs", &at), ("above.rs", &above)]));
        assert_eq!(found.iter().map(|f| &*f.place).collect::<Vec<_>>(), ["above.rs"]);
        assert!(found[0].is_note);
    }
}
