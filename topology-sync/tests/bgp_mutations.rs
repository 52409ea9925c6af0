//! No damaged message, stream, capture or file of BMP, BGP or MRT makes a reader panic, hang or grow.
#![cfg(feature = "bgp")]

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use testkit::SplitMix64;
use twin::WallTime;
use umbra_topology_sync::bgp::framer::Framer;
use umbra_topology_sync::bgp::recognise::{BGP_HEADER, BMP_HEADER, Protocol};
use umbra_topology_sync::bgp::rib::Rib;
use umbra_topology_sync::bgp::router::Router;
use umbra_topology_sync::bgp::session::BgpDecoder;
use umbra_topology_sync::bgp::tcp::{Direction, Piece};
use umbra_topology_sync::bgp::{frame, mrt, tap};
use umbra_topology_sync::observation::Observer;
use umbra_topology_sync::wire::capture;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");

fn files(folder: &Path, list: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, list) } else { list.push(path) }
    }
}

fn corpus(extension: &str) -> Vec<Vec<u8>> {
    let mut list = Vec::new();
    files(&Path::new(FOLDER).join("bmp"), &mut list);
    list.retain(|p| p.extension().is_some_and(|e| e == extension));
    list.sort();
    list.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

/// The messages of a protocol in all captures and streams.
fn messages(protocol: Protocol) -> Vec<Vec<u8>> {
    let list = RefCell::new(Vec::new());
    let keep = |m: Result<&[u8], _>| list.borrow_mut().extend(m.ok().map(<[u8]>::to_vec));
    for bytes in corpus("bin").iter().filter(|_| protocol == Protocol::Bmp) {
        Framer::new(protocol).take(bytes, &mut { keep });
    }
    for bytes in corpus("pcap") {
        let mut directions = std::collections::BTreeMap::new();
        capture::read("c", &bytes, |f| {
            let Some(segment) = frame::segment(f.link_type, f.data) else { return };
            let (direction, framer) = directions
                .entry((segment.src, segment.dst))
                .or_insert_with(|| (Direction::default(), Framer::new(protocol)));
            direction.take(&segment, &mut |piece| {
                if let Piece::Data(bytes) = piece {
                    framer.take(&bytes, &mut { keep });
                }
            });
        })
        .unwrap();
    }
    list.into_inner()
}

/// Changes some bytes from `from` on: flipped bits, extreme bytes, extreme and off-by-some 16-bit numbers, bytes moved in
/// from elsewhere.
fn damage(bytes: &mut [u8], from: usize, numbers: &mut SplitMix64) {
    for _ in 0..=numbers.below(4) {
        let at = from + numbers.below(bytes.len().saturating_sub(from).max(1));
        let Some(byte) = bytes.get_mut(at) else { return };
        match numbers.below(5) {
            0 => *byte ^= 1 << numbers.below(8),
            1 => *byte = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)],
            2 => *byte = byte.wrapping_add(numbers.below(7) as u8).wrapping_sub(3),
            3 => {
                let word = [0u16, 1, 0xff, 0x100, 0x7fff, 0xffff][numbers.below(6)];
                bytes[at..].iter_mut().zip(word.to_be_bytes()).for_each(|(b, w)| *b = w);
            }
            _ => {
                let other = from + numbers.below(bytes.len() - from);
                let n = numbers.below(8).min(bytes.len() - at.max(other));
                bytes.copy_within(other..other + n, at);
            }
        }
    }
}

/// Most memory that the process had at once, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

fn damaged_messages(count: usize, seed: u64) {
    let mut numbers = SplitMix64::new(seed);
    let (bmp, bgp) = (messages(Protocol::Bmp), messages(Protocol::Bgp));
    assert!(bmp.len() > 1_500 && bgp.len() > 300, "{} {}", bmp.len(), bgp.len());
    let (mut router, mut session) = (Router::new(Observer::node("r")), BgpDecoder::default());
    let mut read = [0u64; 4];
    for n in 0..count {
        if n % 1_000 == 0 {
            (router, session) = (Router::new(Observer::node("r")), BgpDecoder::default());
        }
        let mut message = bmp[numbers.below(bmp.len())].clone();
        // Behind the common header, but now and then in it.
        let from = if numbers.below(50) == 0 { 0 } else { BMP_HEADER };
        damage(&mut message, from, &mut numbers);
        let before = router.messages();
        router.bytes(WallTime::from_secs(n as i64), &message, &mut |_| {});
        read[usize::from(router.messages() > before)] += 1;

        let mut message = bgp[numbers.below(bgp.len())].clone();
        let from = if numbers.below(50) == 0 { 0 } else { BGP_HEADER };
        damage(&mut message, from, &mut numbers);
        session.take(numbers.below(2), &message, &mut |sent| read[2 + usize::from(sent.is_ok())] += 1);
    }
    let rare = count as u64 / 50;
    assert!(read.iter().all(|n| *n > rare), "both outcomes are met often, of BMP and of BGP: {read:?}");
    assert!(peak_memory().is_none_or(|bytes| bytes < 512 << 20), "memory: {:?}", peak_memory());
}

#[test]
fn damaged_messages_of_bmp_and_bgp() {
    damaged_messages(60_000, 1);
}

/// Ten million; `cargo test --release --features bgp --test bgp_mutations -- --ignored`.
#[test]
#[ignore = "takes a minute in a release build"]
fn ten_million_damaged_messages() {
    damaged_messages(5_000_000, 2);
}

#[test]
fn damaged_captures() {
    let (mut numbers, captures) = (SplitMix64::new(3), corpus("pcap"));
    for n in 0..300 {
        let mut bytes = captures[n % captures.len()].clone();
        bytes.truncate(60_000);
        for _ in 0..1 + n / 20 {
            damage(&mut bytes, 24, &mut numbers);
        }
        if n % 3 == 0 {
            bytes.truncate(24 + numbers.below(bytes.len()));
        }
        // Shuffled frames come out of lengths that lie; what is told does not matter, that it ends does.
        let mut told = 0u64;
        drop(tap::read("c", &bytes, &mut |_| told += 1));
    }
}

#[test]
fn damaged_mrt() {
    let mut packed = std::fs::read(Path::new(FOLDER).join("mrt/updates.bz2")).unwrap();
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut bzip2::read::BzDecoder::new(&packed[..]), &mut plain).unwrap();
    let mut numbers = SplitMix64::new(4);
    for n in 0..3_000 {
        let mut bytes = plain.clone();
        damage(&mut bytes, 0, &mut numbers);
        if n % 5 == 0 {
            bytes.truncate(numbers.below(bytes.len()));
        }
        drop(mrt::read("m", &bytes, &mut Rib::default()));
    }
    for _ in 0..200 {
        damage(&mut packed, 4, &mut numbers);
        drop(mrt::read("m", &packed, &mut Rib::default()));
    }
}
