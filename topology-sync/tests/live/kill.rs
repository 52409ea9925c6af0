//! A watch that is killed goes on where it was.

use std::collections::BTreeSet;
use std::time::Duration;

use twin::{Snapshot, Twin, WallTime};
use umbra_topology_sync::follow::{Checkpoint, Follower, Form, Mark, Spec};
use umbra_topology_sync::journal::{Kind, Reader, Record};
use umbra_topology_sync::source::live::{open, replay};

use crate::lab::{Netns, Watch, can_run};
use crate::wires::{Lldpd, cable};

fn twin_of(journal: &[u8]) -> (Twin, u64) {
    let mut reader = Reader::open("journal", journal).expect("a journal");
    let mut follower = Follower::new("journal");
    replay(&mut reader, &mut follower, drop).expect("records");
    (follower.twin().clone(), reader.offset())
}

fn json(twin: &Twin) -> String {
    Snapshot { twin: twin.clone(), ..Snapshot::default() }.to_json()
}

/// A journal of two nodes on a cable: kernels, lldpd, the wire; a link goes down and up.
fn recorded() -> Vec<u8> {
    let (a, b) = (Netns::new("ka"), Netns::new("kb"));
    cable(&a, &b);
    a.ip("addr add 10.0.0.1/24 dev eth1");
    let (near, _far) = (Lldpd::start(&a, "near", 1), Lldpd::start(&b, "far", 1));
    let mut watch = Watch::start(&format!(
        "nodes: {{near: {{netlink: {{netns: {0}}}, lldpd: {{socket: {1}}}}}, far: {{netlink: {{netns: {2}}}}}}}\n\
         wires: {{w: {{netns: {0}, interfaces: [eth1]}}}}",
        a.0,
        near.socket(),
        b.0
    ));
    let long = Duration::from_secs(20);
    assert!(watch.until(long, |f| f.twin().cables().len() == 1), "the cable is found");
    a.ip("link set eth1 down");
    a.ip("route add blackhole 10.99.0.0/16");
    watch.settle(Duration::from_secs(1));
    a.ip("link set eth1 up");
    watch.settle(Duration::from_secs(1));
    assert_eq!(watch.follower().twin().cables().len(), 1);
    watch.end().0
}

#[test]
fn a_journal_that_is_cut_or_continued_from_a_state_gives_the_same_twin() {
    if !can_run(&["ip", "unshare", "lldpd", "lldpcli"]) {
        return;
    }
    let journal = recorded();
    let (whole, _) = twin_of(&journal);
    let folder = tempfile::tempdir().expect("a folder");
    let (path, state) = (folder.path().join("j"), folder.path().join("state"));
    let mut states = BTreeSet::new();
    // Ends of records, spread over the journal, and places within records.
    for cut in (1..=12).map(|n| journal.len() * n / 12) {
        // A state as it would have been saved at the last tick before the cut.
        let saved = state_before(&journal[..cut]);
        let Some(saved) = saved else { continue };
        states.insert(saved.offset());
        std::fs::write(&state, saved.to_json()).expect("a file");
        std::fs::write(&path, &journal[..cut]).expect("a file");
        let opened = open(Some(&path), Some(&state)).expect("what a watch left");
        let (expected, end) = twin_of(&journal[..cut]);
        assert_eq!(json(opened.follower.twin()), json(&expected), "cut at {cut}");
        assert_eq!(std::fs::metadata(&path).expect("the journal").len(), end, "what is broken is cut off");
        // And from the state through the rest.
        std::fs::write(&path, &journal).expect("a file");
        let opened = open(Some(&path), Some(&state)).expect("what a watch left");
        assert_eq!(json(opened.follower.twin()), json(&whole), "from {}", saved.offset());
    }
    assert!(states.len() > 3, "states at several places: {states:?}");
}

/// The last state that could be saved before the end of a journal.
fn state_before(journal: &[u8]) -> Option<Checkpoint> {
    let mut reader = Reader::open("journal", journal).expect("a journal");
    let mut follower = Follower::new("journal");
    let mut saved = None;
    while let Some(record) = reader.next() {
        let record = record.expect("memory");
        let tick = record.kind == Kind::Tick;
        follower.take(&record).expect("a record");
        if tick {
            saved = follower.checkpoint(reader.offset()).or(saved);
        }
    }
    saved
}

/// A recorded BMP stream as a journal of records of so many bytes, a tick after each. No kernel is followed; what the
/// router's interface is called, and that all next hops are on its link, is told by a list of addresses.
fn bmp_journal(step: usize) -> Vec<Record> {
    let stream = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/bmp/streams/r1-bmp.bin"));
    let spec = |name: &str, form| Spec { name: name.into(), node: "r1".into(), form };
    let specs = [spec("bmp:r1", Form::Bmp), spec("tools:r1", Form::Dump)];
    let addresses =
        r#"[{"ifindex": 2, "ifname": "eth1", "addr_info": [{"local": "10.0.0.1", "prefixlen": 8}]}]"#;
    let dump = [b"addr.json\0", &0i64.to_le_bytes()[..], addresses.as_bytes()].concat();
    let mark = Mark::Connected { number: 7, node: "r1".into() };
    let mut parts = vec![
        (Kind::Sources, 0, serde_json::to_vec(&specs).expect("JSON")),
        (Kind::Data, 1, dump),
        (Kind::Mark, 0, serde_json::to_vec(&mark).expect("JSON")),
    ];
    for part in stream.expect("the stream").chunks(step) {
        parts.push((Kind::Data, 0, [&7u32.to_le_bytes(), part].concat()));
        parts.push((Kind::Tick, 0, Vec::new()));
    }
    let record =
        |(second, (kind, source, bytes))| Record { at: WallTime::from_secs(second), source, kind, bytes };
    (1..).zip(parts).map(record).collect()
}

#[test]
fn a_state_in_the_middle_of_a_bmp_stream_is_as_good_as_the_stream() {
    let mut tables = BTreeSet::new();
    for step in [97, 1000] {
        let records = bmp_journal(step);
        let mut follower = Follower::new("journal");
        for (n, record) in records.iter().enumerate() {
            follower.take(record).expect("a record");
            if record.kind != Kind::Tick {
                continue;
            }
            tables.extend(follower.twin().fibs().map(|(_, fib)| fib.len()));
            let saved = follower.checkpoint(0).expect("nothing is being read").to_json();
            let saved = Checkpoint::from_json("state", &saved).expect("a state");
            let mut resumed = Follower::restore("journal", saved);
            assert_eq!(json(resumed.twin()), json(follower.twin()), "after record {n}");
            // What follows, up to some messages later.
            let mut whole = Follower::new("journal");
            let end = records.len().min(n + 41);
            records[..end].iter().for_each(|r| drop(whole.take(r).expect("a record")));
            records[n + 1..end].iter().for_each(|r| drop(resumed.take(r).expect("a record")));
            assert_eq!(json(resumed.twin()), json(whole.twin()), "from record {n}");
        }
    }
    assert!(tables.len() > 2, "tables of several sizes: {tables:?}");
}
