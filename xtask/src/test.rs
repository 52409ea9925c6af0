//! `test`: everything that a newcomer needs on a machine with Rust and Python and nothing else. It ends with one line
//! `N passed, N failed, N skipped`, counted from what really ran.

use std::path::PathBuf;

use anyhow::Result;

use crate::house::House;
use crate::process::{WORKSPACE, built, cargo, watch};
use crate::summary::Summary;
use crate::{Verdict, notebooks, readme};

/// All parts, or the one that is named first; further arguments go to `cargo test`.
pub(crate) fn run(args: &[String]) -> Result<Verdict> {
    let summary = match args.split_first() {
        None => all()?,
        Some((part, [])) if part == "readme" => with_umbra("the commands in the documents", check_documents)?,
        Some((part, [])) if part == "notebooks" => with_umbra("notebooks", notebooks_of)?,
        Some((part, rest)) if part == "rust" => rust(rest)?,
        Some(_) => rust(args)?,
    };
    println!("{summary}");
    Ok(Verdict::good_if(summary.is_good()))
}

/// Rust tests, the commands in the documents, the notebooks.
pub(crate) fn all() -> Result<Summary> {
    let mut summary = rust(&[])?;
    summary += with_umbra("the commands in the documents", check_documents)?;
    summary += with_umbra("notebooks", notebooks_of)?;
    Ok(summary)
}

/// Unit, integration and doc tests. A run that failed without a failed test (it did not build, or it crashed) counts
/// as one failure.
fn rust(args: &[String]) -> Result<Summary> {
    let mut command = cargo(&["test", "--no-fail-fast"]);
    if !args.iter().any(|a| a == "-p" || a == "--package") {
        command.args(WORKSPACE);
    }
    let mut summary = Summary::default();
    let good = watch(command.args(args), |line| {
        if let Some(counts) = Summary::of_libtest(line) {
            summary += counts;
        } else if line.starts_with("test ") && line.ends_with("... ignored") {
            println!("SKIPPED {line}");
        }
    })?;
    if !good && summary.failed == 0 {
        println!("FAILED cargo test ended with an error although no test failed: see above");
        summary += Summary::one(false);
    }
    Ok(summary)
}

/// Builds `umbra` and runs a part with it; a product that does not build is one failure of that part.
///
/// The dev profile serves: it compiles with optimisation, shares everything with the tests just run, and saves a
/// second build of all dependencies in release.
fn with_umbra(what: &str, part: fn(PathBuf) -> Result<Summary>) -> Result<Summary> {
    if let Some(umbra) = built("umbra")? {
        return part(umbra);
    }
    println!("FAILED {what}: the workspace does not build");
    Ok(Summary::one(false))
}

fn check_documents(umbra: PathBuf) -> Result<Summary> {
    readme::check(&House::read()?, &umbra)
}

fn notebooks_of(umbra: PathBuf) -> Result<Summary> {
    notebooks::run(&umbra)
}
