//! Recorded labs: a folder whose direct sub-folders are nodes, each with what the node's tools printed.
//!
//! Read are lldpd's `json0` (neighbours, own chassis, interfaces), `ip -j` link, address and route, and FRR's JSON
//! (OSPF neighbours, interfaces and router LSAs, interfaces, routes). A recording is told by its content, not by its
//! name; the sub-folder's name is the node's name.
//!
//! A neighbour's word is matched *through the peer's own interface table*, hardware addresses and chassis ids first,
//! names last. LLDP makes cables; the IGP makes them where LLDP is silent at both ends; more than two ports on one
//! medium are a segment. A node's key is its chassis id, or else its router id, or else its name.
//!
//! The layers: [`Layer::Cable`] has every cable in both directions, also to hosts and to peers outside the IGP;
//! [`Layer::Lldp`] who hears whom; [`Layer::Igp`] the adjacencies that carry traffic, with the cost of each direction.
//! A replay that forwards by the recorded tables ([`Twin::fib`]) compiles [`Layer::Cable`].
//!
//! [`Layer::Cable`]: twin::Layer::Cable
//! [`Layer::Lldp`]: twin::Layer::Lldp
//! [`Layer::Igp`]: twin::Layer::Igp
//! [`Twin::fib`]: twin::Twin::fib

mod assemble;
mod device;
mod fib;
mod frr;
mod identity;
mod json;
mod kernel;
mod links;
mod lldp;

use twin::{Diagnostic, InputError, Place, Snapshot};

use self::device::Device;
use crate::lines::serde_message;

/// What one node's tools printed.
#[derive(Clone, Debug, Default)]
pub struct NodeRecording {
    /// The node's name: that of its sub-folder.
    pub name: String,
    /// The recordings, by what errors call them.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Reads a recorded lab; `folder` is what errors call it.
///
/// A recording that cannot be read (cut short, or an error message instead of JSON) is a counted diagnostic: what the
/// other recordings say still stands.
///
/// # Errors
/// [`InputError`] if no recording of any node can be read.
pub fn read(folder: &str, nodes: &[NodeRecording]) -> Result<Snapshot, InputError> {
    let mut diagnostics = Vec::new();
    let mut understood = 0;
    let mut devices = Vec::new();
    for node in nodes {
        let mut device = Device::new(&node.name);
        let mut files: Vec<_> = node.files.iter().collect();
        files.sort(); // What is said twice must not depend on the order of a folder's listing.
        for (file, bytes) in files {
            understood += u64::from(take(&mut device, file, bytes, &mut diagnostics));
        }
        devices.push(device);
    }
    if understood == 0 {
        let expected = "sub-folders with recordings of lldpcli -f json0, ip -j or FRR's JSON";
        return Err(InputError::new(folder, Place::Whole, "no recording of a node", expected));
    }
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    let directory = identity::Directory::new(&devices);
    let heard = links::lldp(&devices, &directory, &mut diagnostics);
    let adjacencies = links::igp(&devices, &directory, &heard, &mut diagnostics);
    let media = links::media(&heard, &adjacencies);
    let twin = assemble::twin(&devices, &heard, &adjacencies, &media, &mut diagnostics);
    Ok(Snapshot { twin, demands: None, diagnostics })
}

/// Adds one recording to a device. Whether it was understood.
fn take(device: &mut Device, file: &str, bytes: &[u8], diagnostics: &mut Vec<Diagnostic>) -> bool {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        Diagnostic::count(diagnostics, "empty-recording", || format!("{file} is empty"));
        return false;
    }
    let value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(e) => {
            if file.ends_with(".json") {
                let (line, column) = (e.line(), e.column());
                Diagnostic::count(diagnostics, "broken-recording", || {
                    format!("{file}:{line}:{column}: {}; expected JSON", serde_message(&e))
                });
            }
            return false;
        }
    };
    let understood = lldp::take(device, &value) || kernel::take(device, &value) || frr::take(device, &value);
    if !understood {
        Diagnostic::count(diagnostics, "unused-recording", || {
            format!("nothing is taken from recordings such as {file}")
        });
    }
    understood
}
