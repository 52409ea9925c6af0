//! What the decoders of wires make of captures, against tcpdump, the standards and damaged bytes.

mod listener;
mod mutations;
mod network;
mod packets;
mod samples;
mod words;

use std::path::{Path, PathBuf};

use umbra_topology_sync::observation::{Fact, Observation, Said};
use umbra_topology_sync::wire::{self, Reading};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/wire")
}

/// The captures, by their path within the folder, in order.
fn captures() -> Vec<String> {
    let list = |sub: &str| {
        let entries = std::fs::read_dir(folder().join(sub)).unwrap();
        let names = entries.map(|e| format!("{sub}{}", e.unwrap().file_name().to_str().unwrap()));
        names.filter(|n| n.ends_with(".pcap")).collect::<Vec<_>>()
    };
    let mut all = ["", "lab-a/", "lab-c/"].map(list).concat();
    all.sort();
    assert!(all.len() >= 20, "{all:?}");
    all
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

fn read(name: &str) -> Reading {
    wire::read_capture(name, &bytes(name), &mut Vec::new()).unwrap()
}

/// The fact of a word that something is so.
fn fact(observation: &Observation) -> Option<&Fact> {
    match &observation.said {
        Said::Is(fact, _) => Some(fact),
        Said::Not(_) | Said::Read(_) | Said::Lost => None,
    }
}
