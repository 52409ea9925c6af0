//! The repository as data: its files and its crates. Rules are functions of a [`House`], so their tests build small
//! houses in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// Files above this size are data, and are not read as text.
const TEXT_LIMIT: u64 = 2 << 20;

/// The repository.
#[derive(Debug, Default)]
pub(crate) struct House {
    /// Every file by its path from the root, with `/`; `None` where it is not text.
    pub(crate) files: BTreeMap<String, Option<String>>,
    /// The members of the workspace.
    pub(crate) crates: Vec<Crate>,
}

/// A member of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crate {
    /// The package name.
    pub(crate) name: String,
    /// The root file of its library, from the root of the repository.
    pub(crate) lib: Option<String>,
    /// What it depends on, other members included.
    pub(crate) dependencies: Vec<Dependency>,
    /// The names of its binaries.
    pub(crate) binaries: Vec<String>,
}

/// One line of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package name.
    pub(crate) name: String,
    /// Whether only tests, examples and benches see it.
    pub(crate) dev: bool,
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = metadata(&["--no-deps"])?;
    Ok(metadata["target_directory"].as_str().context("cargo metadata names the target directory")?.into())
}

/// `cargo metadata`, format 1.
pub(crate) fn metadata(args: &[&str]) -> Result<Value> {
    let mut command = process::cargo(&["metadata", "--format-version", "1"]);
    let text = process::capture(command.args(args).stderr(Stdio::inherit()))?;
    Ok(serde_json::from_str(&text.context("cargo metadata failed")?)?)
}

impl House {
    /// Reads the repository that holds this program.
    pub(crate) fn read() -> Result<Self> {
        let files = paths()?.into_iter().map(|path| {
            let text = text_of(&root().join(&path));
            (path, text)
        });
        Ok(Self { files: files.collect(), crates: crates(&metadata(&["--no-deps"])?)? })
    }

    /// The text files whose path ends so, with their paths.
    pub(crate) fn texts<'a>(&'a self, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let text = self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)));
        text.filter(move |(path, _)| path.ends_with(suffix))
    }

    /// Whether a file or folder of this path exists.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty() || self.files.contains_key(path) || self.files.keys().any(|f| f.starts_with(&folder))
    }

    /// A house of these text files, for tests of rules.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(p, t)| ((*p).to_owned(), Some((*t).to_owned())));
        Self { files: files.collect(), crates: Vec::new() }
    }
}

/// The files that git tracks; without git (a source archive), all files that `.gitignore` does not name.
fn paths() -> Result<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z"]).current_dir(root());
    let tracked = process::capture(&mut git).ok().flatten().unwrap_or_default();
    let mut paths: Vec<String> = tracked.split_terminator('\0').map(str::to_owned).collect();
    if paths.is_empty() {
        let ignored = std::fs::read_to_string(root().join(".gitignore")).unwrap_or_default();
        walk(root(), "", &ignored, &mut paths)?;
    }
    paths.retain(|p| root().join(p).is_file());
    Ok(paths)
}

fn walk(folder: &Path, prefix: &str, ignored: &str, paths: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if name == ".git" || is_ignored(&path, &name, ignored) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), ignored, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

/// The three kinds of pattern that our `.gitignore` uses: `name/`, `/path/` and `*.suffix`.
fn is_ignored(path: &str, name: &str, patterns: &str) -> bool {
    patterns.lines().map(|p| p.trim().trim_end_matches('/')).any(|pattern| {
        match (pattern.strip_prefix('/'), pattern.strip_prefix('*')) {
            (Some(whole), _) => path == whole,
            (_, Some(suffix)) => name.ends_with(suffix),
            _ => name == pattern,
        }
    })
}

fn text_of(path: &Path) -> Option<String> {
    let small = path.metadata().is_ok_and(|m| m.len() <= TEXT_LIMIT);
    small.then(|| std::fs::read(path).ok())?.and_then(|bytes| String::from_utf8(bytes).ok())
}

fn crates(metadata: &Value) -> Result<Vec<Crate>> {
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    Ok(packages.iter().map(read_crate).collect())
}

fn read_crate(package: &Value) -> Crate {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let targets = list(&package["targets"]);
    let of_kind = |kind: &'static str| {
        targets
            .iter()
            .filter(move |t| list(&t["kind"]).iter().any(|k| k == kind))
            .cloned()
            .collect::<Vec<_>>()
    };
    let from_root = |path: String| {
        Path::new(&path).strip_prefix(root()).map(|p| p.to_string_lossy().into_owned()).unwrap_or(path)
    };
    Crate {
        name: text(&package["name"]),
        lib: of_kind("lib").first().map(|t| from_root(text(&t["src_path"]))),
        dependencies: list(&package["dependencies"])
            .iter()
            .map(|d| Dependency { name: text(&d["name"]), dev: d["kind"] == "dev" })
            .collect(),
        binaries: of_kind("bin").iter().map(|t| text(&t["name"])).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_knows_its_own_files_and_crates() {
        let house = House::read().unwrap();
        assert!(house.has("twin/src/lib.rs") && house.has("twin/src") && !house.has("target"));
        let twin = house.crates.iter().find(|c| c.name == "umbra-twin").unwrap();
        assert_eq!(twin.lib.as_deref(), Some("twin/src/lib.rs"));
        assert!(twin.dependencies.contains(&Dependency { name: "proptest".into(), dev: true }));
    }

    #[test]
    fn without_git_the_ignore_file_is_obeyed() {
        let patterns = "target/\n*.tmp\n/out/\n";
        assert!(is_ignored("a/target", "target", patterns));
        assert!(is_ignored("a/b.tmp", "b.tmp", patterns));
        assert!(is_ignored("out", "out", patterns));
        assert!(!is_ignored("a/out", "out", patterns));
        assert!(!is_ignored("targets", "targets", patterns));
    }
}
