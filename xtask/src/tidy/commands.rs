//! Commands in the documents that cargo runs: words of xtask, packages and binaries. What follows `umbra` is checked
//! against the built program by `cargo xtask test`.

use crate::house::House;
use crate::readme::{Typed, commands};
use crate::tidy::Finding;

pub(super) fn check(house: &House) -> Vec<Finding> {
    let all = commands(house);
    all.iter().filter_map(|c| Some(Finding::fault(&c.place, fault(house, c)?))).collect()
}

fn fault(house: &House, command: &Typed) -> Option<String> {
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["cargo", "xtask", word, ..] => {
            let known = crate::WORDS.iter().any(|w| w.name == *word);
            (!known).then(|| format!("no word 'cargo xtask {word}'"))
        }
        ["cargo", rest @ ..] => rest.windows(2).find_map(|pair| match pair {
            ["-p" | "--package", name] => {
                (!house.crates.iter().any(|c| c.name == *name)).then(|| format!("no package '{name}'"))
            }
            ["--bin", name] => {
                let known = house.crates.iter().any(|c| c.binaries.iter().any(|b| b == name));
                (!known).then(|| format!("no binary '{name}'"))
            }
            _ => None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_or_package_that_is_not_there_fails() {
        let readme = "```sh\ncargo xtask chekc\ncargo xtask check\ncargo run -p nowhere\ncargo build\n```\n";
        let found = check(&House::of(&[("README.md", readme)]));
        let found: Vec<_> = found.iter().map(|f| f.to_string()).collect();
        assert_eq!(found, ["README.md:2: no word 'cargo xtask chekc'", "README.md:4: no package 'nowhere'"]);
    }
}
