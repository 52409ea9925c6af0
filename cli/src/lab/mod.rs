//! Labs: networks of Linux network namespaces with FRR and lldpd.
//!
//! A lab comes from a lab file ([`file`]) or from a twin ([`from_twin`]). [`model`] decides what both leave open,
//! [`config`] says what daemons and kernel are told, [`plan`] puts it into commands and files. These four are pure: one
//! file always makes the same plan. [`machine`] takes the steps, [`record`] asks the nodes.

mod config;
mod file;
mod from_twin;
pub(crate) mod machine;
mod model;
pub(crate) mod plan;
mod record;

#[cfg(test)]
mod tests;

use std::path::Path;

use topology_sync::encoding;
use topology_sync::source::files;
use twin::InputError;

pub(crate) use self::file::{FORMAT, Role};
pub(crate) use self::model::Lab;
pub(crate) use self::record::record;

/// Opens a lab file (`.yaml`, `.yml`), or any network file as a lab that shadows it.
///
/// # Errors
/// [`InputError`] with the place for what is unreadable or cannot be built.
pub(crate) fn open(path: &Path) -> Result<Lab, InputError> {
    let file = path.display().to_string();
    let lab = if is_lab_file(path) {
        let bytes = files::read(path)?;
        file::parse(&file, encoding::utf8(&file, &bytes)?)?
    } else {
        let snapshot = files::open(path, &files::Options::default())?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        from_twin::lab_file(&stem, &snapshot.twin)
    };
    model::resolve(&file, lab)
}

/// Whether the suffix says that it is a lab file.
pub(crate) fn is_lab_file(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml")
}
