//! Damaged and made-up input: never a panic, and an error that lies within the file.

use std::path::Path;

use proptest::prelude::*;
use twin::{EntityKey, Place};
use umbra_mirror::capture::{Capture, Frame, LinkType};
use umbra_mirror::decode;
use umbra_mirror::flows::{FlowOptions, FlowTracker};
use umbra_mirror::schedule::{AddressMap, Host, ScheduleBuilder};

/// Recorded captures of many formats, small enough to be mutated often.
fn captures() -> Vec<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/pcap/captures"));
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    names.retain(|p| p.to_str().unwrap().ends_with(".pcap") || p.to_str().unwrap().ends_with(".pcapng"));
    names.iter().map(|p| std::fs::read(p).unwrap()).filter(|bytes| bytes.len() < 16_000).collect()
}

/// Reads everything in every way; the number of frames.
fn exercise(bytes: &[u8]) -> u64 {
    let mut trackers = [false, true].map(|decapsulate| FlowTracker::new(FlowOptions { decapsulate }));
    let mut frames = 0;
    let end = Capture::new("mutated", bytes).and_then(|mut capture| {
        capture.for_each(|frame| {
            frames += 1;
            trackers.iter_mut().for_each(|tracker| tracker.observe(&frame));
        })
    });
    if let Err(error) = end {
        match error.place {
            Place::Offset(offset) => assert!(offset <= bytes.len() as u64, "{error}"),
            place => assert_eq!(place, Place::Whole, "{error}"),
        }
    }
    for tracker in trackers {
        let flows = tracker.finish();
        let counted: u64 = flows.flows.iter().map(|f| f.packets).sum();
        let left_out: u64 = flows.diagnostics.iter().map(|d| d.count).sum();
        assert_eq!(counted + left_out, frames);
    }
    frames
}

proptest! {
    #[test]
    fn mutated_captures_are_read_or_refused(
        which in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let captures = captures();
        let mut bytes = captures[which.index(captures.len())].clone();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        exercise(&bytes);
        let hosts = ["a", "b"].map(|name| Host { key: EntityKey::node(name), name: name.into() });
        let map = AddressMap::hashed(hosts.into());
        let mut builder = ScheduleBuilder::new(&map);
        if let Ok(mut capture) = Capture::new("mutated", bytes.as_slice()) {
            let _ = builder.add(&mut capture);
        }
        let (schedule, _) = builder.finish();
        prop_assert!(schedule.packets.is_sorted_by_key(|p| (p.at, p.flow)));
    }

    #[test]
    fn any_bytes_of_any_link_type_are_decoded(
        link_type in prop::sample::select(vec![0, 1, 9, 12, 50, 51, 101, 104, 108, 113, 228, 276, 999]),
        data in prop::collection::vec(any::<u8>(), 0..200),
        wire_len in any::<u32>(),
    ) {
        let frame = Frame { at: None, interface: 0, link_type: LinkType(link_type), wire_len, data: &data };
        decode::outermost(&frame);
        decode::innermost(&frame);
    }
}

#[test]
fn every_prefix_of_a_capture_delivers_its_whole_frames() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/pcap/captures"));
    for name in ["zeek__vlan-pcp-dei.pcapng", "zeek__icmp_5-pings.pcap"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let mut before = 0;
        for cut in 0..=bytes.len() {
            let frames = exercise(&bytes[..cut]);
            assert!(frames == before || frames == before + 1, "{name} cut at {cut}");
            before = frames;
        }
    }
}
