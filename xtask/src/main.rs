//! `cargo xtask WORD`: what a developer and continuous integration do to this repository, one word each.
//!
//! Each word is a file of this folder. `ci` runs the same functions as the other words, so a green `ci` on a laptop is
//! a green `ci` anywhere.
//!
//! **Knows:** cargo, the layout of the repository, the rules of the house.
//!
//! **Never knows:** any crate of the product. It reads their manifests and text and runs their binaries.

use std::process::ExitCode;

mod accuracy;
mod bench;
mod check;
mod ci;
mod fidelity;
mod golden;
mod house;
mod licences;
mod markdown;
mod notebooks;
mod process;
mod readme;
mod summary;
mod test;
mod tidy;

/// What a word came to. Words print their findings themselves; an `Err` is for what kept them from finding out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
}

impl Verdict {
    fn good_if(good: bool) -> Self {
        if good { Self::Good } else { Self::Bad }
    }
}

/// A word: its name, its help, and its function of the remaining arguments.
struct Word {
    name: &'static str,
    help: &'static str,
    run: fn(&[String]) -> anyhow::Result<Verdict>,
}

/// All words, in the order in which a developer meets them.
const WORDS: &[Word] = &[
    Word { name: "check", help: "[--fast]  fmt, clippy and tidy; --fast leaves Polars out", run: check::run },
    Word { name: "tidy", help: "the rules about the repository itself", run: tidy::run },
    Word { name: "test", help: "[rust|readme|notebooks] [CARGO TEST ARGS]  every test", run: test::run },
    Word {
        name: "golden",
        help: "[CARGO TEST ARGS]  rewrite the expected texts inside the tests",
        run: golden::run,
    },
    Word { name: "bench", help: "[CRITERION ARGS]  all benches at full length", run: bench::run },
    Word {
        name: "accuracy",
        help: "[SEEDS [NONE_SEEDS]]  how often the demo finds the truth",
        run: accuracy::run,
    },
    Word {
        name: "fidelity",
        help: "[--smoke]  the packet engine beside formulas and published counts",
        run: fidelity::run,
    },
    Word { name: "ci", help: "everything, from a clean clone", run: ci::run },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(word) = args.first().and_then(|name| WORDS.iter().find(|w| w.name == name)) else {
        return usage(args.first());
    };
    match (word.run)(&args[1..]) {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask {}: {error:#}", word.name);
            ExitCode::FAILURE
        }
    }
}

fn usage(asked: Option<&String>) -> ExitCode {
    let known = asked.is_some_and(|a| ["help", "--help", "-h"].contains(&a.as_str()));
    if let (Some(asked), false) = (asked, known) {
        eprintln!("xtask: no word '{asked}'");
    }
    eprintln!("cargo xtask WORD");
    for word in WORDS {
        eprintln!("  {:<8} {}", word.name, word.help);
    }
    if known { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
