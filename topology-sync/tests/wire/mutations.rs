//! Damaged frames and captures: no panic, no hang, no growth.

use testkit::SplitMix64;
use twin::WallTime;
use umbra_topology_sync::wire::{self, Listener};

use crate::packets::{Sample, frames, repair};
use crate::{bytes, captures};

fn damage(random: &mut SplitMix64, data: &mut Vec<u8>, other: &[u8]) {
    const EXTREMES: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0x40];
    let at = random.below(data.len().max(1));
    match random.below(8) {
        0 => data.truncate(at),
        1 => data.insert(at.min(data.len()), random.next_u64() as u8),
        2 => {
            let from = random.below(other.len());
            let part = &other[from..(from + random.below(64)).min(other.len())];
            data.splice(at..at, part.iter().copied());
        }
        3 => {
            let end = (at + random.below(16)).min(data.len());
            data.drain(at..end);
        }
        4 | 5 => {
            if let Some(byte) = data.get_mut(at) {
                *byte = EXTREMES[random.below(EXTREMES.len())];
            }
        }
        _ => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// `UMBRA_MUTATIONS` says how many frames are damaged (200,000).
#[test]
fn damaged_frames_neither_panic_nor_pile_up() {
    let asked = std::env::var("UMBRA_MUTATIONS").ok().and_then(|n| n.parse().ok());
    let corpus: Vec<Sample> = captures().iter().flat_map(|name| frames(name)).collect();
    let (mut random, mut listener) = (SplitMix64::new(4), Listener::new("tap"));
    let (mut said, mut heard) = (0_u64, 0_u64);
    for _ in 0..asked.unwrap_or(200_000_u64) {
        let mut frame = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())].data;
        for _ in 0..=random.below(4) {
            damage(&mut random, &mut frame.data, other);
        }
        if random.below(4) > 0 {
            repair(&mut frame);
        }
        let words = listener.frame(WallTime::from_ns(0), None, frame.link_type, &frame.data);
        // The shortest thing that is said is the header of an advertisement.
        assert!(words.len() <= 2 + frame.data.len() / 20, "{} words of {frame:?}", words.len());
        said += words.len() as u64;
        heard += 1;
    }
    assert!(listener.counts().len() + listener.diagnostics().len() <= 32, "{listener:?}");
    assert!(said > heard / 10, "most of the damage must get past the checksums: {said} words of {heard}");
}

#[test]
fn damaged_captures_end_in_an_error_that_names_them() {
    let mut random = SplitMix64::new(5);
    let files = ["LLDP_and_CDP.pcap", "isis_cap_tlv.pcap", "lab-c/c3-eth3.pcap"].map(bytes);
    let (mut refused, mut damaged, mut whole) = (0, 0, 0);
    for round in 0..3_000 {
        let mut file = files[round % files.len()].clone();
        for _ in 0..=random.below(3) {
            // Headers, where lengths and formats are, as often as all the rest.
            if random.below(2) == 0 {
                let at = random.below(file.len().min(80));
                file[at] = random.next_u64() as u8;
            } else {
                damage(&mut random, &mut file, &files[0]);
            }
            if file.is_empty() {
                break;
            }
        }
        match wire::read_capture("file", &file, &mut Vec::new()) {
            Err(e) => {
                assert!(e.to_string().starts_with("file:"), "{e}");
                refused += 1;
            }
            Ok(reading) if reading.damage.is_some() => damaged += 1,
            Ok(_) => whole += 1,
        }
    }
    assert!(refused > 100 && damaged > 100 && whole > 100, "{refused} {damaged} {whole}");
}
