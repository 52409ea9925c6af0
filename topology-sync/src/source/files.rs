//! Network files by their paths.

use std::io;
use std::path::{Path, PathBuf};

use twin::{InputError, Place, Snapshot};

use crate::dump::suzieq;
use crate::form::{Form, looks_like};
use crate::lab::NodeRecording;
use crate::sndlib::SndlibOptions;
use crate::{encoding, graphml, lab, repetita, rfc8345, sndlib};

/// The suffixes of network files, for messages.
const SUFFIXES: &str = "a network file (.xml, .graph, .graphml, .json) or a recorded lab folder";

/// How to read what the formats leave open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// For SNDlib files.
    pub sndlib: SndlibOptions,
}

/// Opens several sources: one network, then demand files (`.demands`) that belong to it.
///
/// Demands given as a file take the place of those that came with the network; several files add up.
///
/// # Errors
/// As [`open`]; besides, no network, a second network, or demands whose nodes the network does not have.
pub fn open_all<P: AsRef<Path>>(sources: &[P], options: &Options) -> Result<Snapshot, InputError> {
    let (demands, networks): (Vec<_>, Vec<_>) =
        sources.iter().map(AsRef::as_ref).partition(|p| suffix(p) == "demands");
    let [network, others @ ..] = networks.as_slice() else {
        let file = demands.first().map(|p| name(p)).unwrap_or_default();
        return Err(InputError::new(&file, Place::Whole, "demands without a network", SUFFIXES));
    };
    if let Some(second) = others.first() {
        let what = format!("a second network beside {}", name(network));
        return Err(InputError::new(&name(second), Place::Whole, what, "one network, then .demands files"));
    }
    let mut snapshot = open(network, options)?;
    attach(&mut snapshot, &demands)?;
    Ok(snapshot)
}

/// Opens demands without their network, to check them.
///
/// # Errors
/// [`InputError`] as [`repetita::read_loose_demands`], or for a file that cannot be read or is something else.
pub fn open_demands(path: &Path) -> Result<Snapshot, InputError> {
    let file = name(path);
    let bytes = read(path)?;
    check(&file, &bytes, Form::Demands)?;
    let (matrix, diagnostics) = repetita::read_loose_demands(&file, encoding::utf8(&file, &bytes)?)?;
    Ok(Snapshot { demands: Some(matrix), diagnostics, ..Snapshot::default() })
}

/// What a network file is, as its suffix and content say; `None` for a recorded lab folder.
///
/// # Errors
/// As [`open`], as far as the file must be looked into.
pub fn form(path: &Path) -> Result<Option<Form>, InputError> {
    if path.is_dir() {
        return Ok(None);
    }
    if suffix(path) == "demands" {
        return Ok(Some(Form::Demands));
    }
    suffix_form(&name(path), path)?;
    network_form(&name(path), path, &read(path)?).map(Some)
}

/// Opens a network file or a recorded lab folder. The reader is picked by the suffix; content that contradicts it is an
/// error.
///
/// # Errors
/// [`InputError`] for a source that is missing, unreadable, empty, of an unknown suffix, not what its suffix says, or
/// that its reader refuses.
pub fn open(path: &Path, options: &Options) -> Result<Snapshot, InputError> {
    let file = name(path);
    if path.is_dir() {
        let outputs = outputs(path)?;
        return if outputs.is_empty() {
            lab::read(&file, &recordings(path)?)
        } else {
            lab::read_outputs(&file, &outputs)
        };
    }
    suffix_form(&file, path)?;
    let bytes = read(path)?;
    match network_form(&file, path, &bytes)? {
        Form::Sndlib => sndlib::read(&file, &encoding::xml(&file, &bytes)?, &options.sndlib),
        Form::GraphMl => graphml::read(&file, &encoding::xml(&file, &bytes)?),
        Form::Graph => repetita::read_graph(&file, encoding::utf8(&file, &bytes)?),
        Form::Rfc8345 => rfc8345::read(&file, encoding::utf8(&file, &bytes)?),
        Form::Twin => Snapshot::from_json(&file, encoding::utf8(&file, &bytes)?),
        form => unreachable!("network_form never answers {form}"),
    }
}

/// The files of each direct sub-folder, by name.
pub(super) fn recordings(folder: &Path) -> Result<Vec<NodeRecording>, InputError> {
    let mut nodes = Vec::new();
    for sub in entries(folder)?.into_iter().filter(|p| p.is_dir()) {
        let mut node = NodeRecording { name: last(&sub), files: Vec::new() };
        for file in entries(&sub)?.into_iter().filter(|p| p.is_file()) {
            node.files.push((name(&file), read(&file)?));
        }
        nodes.push(node);
    }
    Ok(nodes)
}

/// The files of a folder without sub-folders that are outputs as SuzieQ records them, told by their content: name and
/// text.
///
/// # Errors
/// [`InputError`] for a folder or file that cannot be read.
pub fn outputs(folder: &Path) -> Result<Vec<(String, String)>, InputError> {
    let entries = entries(folder)?;
    if entries.iter().any(|e| e.is_dir()) {
        return Ok(Vec::new());
    }
    let mut outputs = Vec::new();
    for path in entries.iter().filter(|p| p.is_file()) {
        let bytes = read(path)?;
        let text = String::from_utf8_lossy(&bytes);
        if suzieq::looks_like(&text) {
            outputs.push((name(path), text.into_owned()));
        }
    }
    Ok(outputs)
}

/// What is in a folder, by name, without hidden entries.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    let listed: io::Result<Vec<_>> =
        std::fs::read_dir(folder).and_then(|all| all.map(|e| e.map(|e| e.path())).collect());
    let mut paths = listed.map_err(|e| unreadable(folder, &e))?;
    paths.retain(|p| !last(p).starts_with('.'));
    paths.sort();
    Ok(paths)
}

/// The last part of a path.
fn last(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn attach(snapshot: &mut Snapshot, demands: &[&Path]) -> Result<(), InputError> {
    let mut all = Vec::new();
    for path in demands {
        let file = name(path);
        let bytes = read(path)?;
        check(&file, &bytes, Form::Demands)?;
        let text = encoding::utf8(&file, &bytes)?;
        let (matrix, diagnostics) = repetita::read_demands(&file, text, &snapshot.twin)?;
        all.extend_from_slice(matrix.demands());
        snapshot.diagnostics.extend(diagnostics);
    }
    if !demands.is_empty() {
        snapshot.demands = Some(twin::DemandMatrix::new(all));
        snapshot.unit_bps = repetita::UNIT_BPS;
    }
    Ok(())
}

/// The form that the suffix says, after a look at the content.
fn network_form(file: &str, path: &Path, bytes: &[u8]) -> Result<Form, InputError> {
    match suffix_form(file, path)? {
        Form::Json => json_form(file, bytes),
        form => check(file, bytes, form).map(|()| form),
    }
}

/// The form of network that the suffix says. Nothing is read for it: what has another suffix may be a device without end.
fn suffix_form(file: &str, path: &Path) -> Result<Form, InputError> {
    match suffix(path).as_str() {
        "xml" => Ok(Form::Sndlib),
        "graphml" => Ok(Form::GraphMl),
        "graph" => Ok(Form::Graph),
        "json" => Ok(Form::Json),
        "demands" => {
            let what = "demands without a network";
            Err(InputError::new(file, Place::Whole, what, "the network file first, then demands"))
        }
        _ if !path.exists() => Err(InputError::new(file, Place::Whole, "no such file or folder", SUFFIXES)),
        other => {
            let what = if other.is_empty() { "no suffix".into() } else { format!("suffix '.{other}'") };
            Err(InputError::new(file, Place::Whole, what, SUFFIXES))
        }
    }
}

/// A `.json` file is what its `format` key or its outer member says.
fn json_form(file: &str, bytes: &[u8]) -> Result<Form, InputError> {
    match looks_like(bytes) {
        Some(form @ Form::Rfc8345) => Ok(form),
        Some(Form::Twin | Form::Json) => Ok(Form::Twin),
        _ => check(file, bytes, Form::Json).map(|()| Form::Twin),
    }
}

/// An error if the content is empty or looks like something else than `form`.
fn check(file: &str, bytes: &[u8], form: Form) -> Result<(), InputError> {
    let found = looks_like(bytes);
    if found == Some(form) {
        return Ok(());
    }
    let what = match found {
        _ if bytes.iter().all(u8::is_ascii_whitespace) => "the file is empty".to_owned(),
        Some(other) => format!("the content looks like {other}"),
        // Let the reader name the first thing that it cannot read.
        None if matches!(form, Form::Graph | Form::Demands) => return Ok(()),
        None => "the content is of no known form".to_owned(),
    };
    Err(InputError::new(file, Place::Whole, what, format!("{form}, as its suffix says")))
}

/// Reads a file whole.
///
/// # Errors
/// [`InputError`] that says why it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    std::fs::read(path).map_err(|e| unreadable(path, &e))
}

/// Why a file cannot be read.
pub fn unreadable(path: &Path, error: &io::Error) -> InputError {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    InputError::new(&name(path), Place::Whole, what, "a file that can be read")
}

/// A path as it was given.
pub(super) fn name(path: &Path) -> String {
    path.display().to_string()
}

/// The suffix in lower case, without its dot.
pub(super) fn suffix(path: &Path) -> String {
    path.extension().map(|s| s.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}
