//! A recorded lab as a journal: what lldpd's clients printed, frames of one router, a BMP stream, kernel dumps; and seven
//! events. The journal in `testdata/lab-a` was made by [`make_the_journal`] from the lab's recordings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;
use twin::{Layer, WallTime};
use umbra_topology_sync::follow::{Checkpoint, Follower, Form, Mark, Spec};
use umbra_topology_sync::journal::{Kind, Reader, Record, Writer};
use umbra_topology_sync::observation::{Fact, Observer, Said, Source};
use umbra_topology_sync::wire::Listener;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/lab-a")
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

fn stamp(value: &Value) -> WallTime {
    WallTime::from_ns((value.as_f64().expect("a stamp") * 1e9) as i64)
}

/// Ports with LLDP neighbours, as the lab's builder knows them, after the events up to one.
struct Truth {
    hear: BTreeSet<(String, String)>,
    cost: Option<u64>,
}

impl Truth {
    fn begin() -> Self {
        let truth = json(&folder().join("truth.json"));
        let mut hear = BTreeSet::new();
        for link in truth["links"].as_array().expect("links") {
            for (end, seen) in [("a", "lldp_a_sees_b"), ("b", "lldp_b_sees_a")] {
                if link[seen] == true {
                    hear.insert(port(&link[end]));
                }
            }
        }
        Self { hear, cost: None }
    }

    fn event(&mut self, truth: &Value) {
        let pair = |text: &Value| {
            let (node, port) = text.as_str().expect("node:port").split_once(':').expect("node:port");
            (node.to_owned(), port.to_owned())
        };
        for end in truth["link_down"].as_array().into_iter().flatten() {
            self.hear.remove(&pair(end));
        }
        for end in truth["link_up"].as_array().into_iter().flatten() {
            self.hear.insert(pair(end));
        }
        if let Some(to) = truth["one_way_loss"].get("to") {
            self.hear.remove(&pair(to));
        }
        if let Some(to) = truth["healed"].get("to") {
            self.hear.insert(pair(to));
        }
        if let Some(dead) = truth["lldp_agent_dead"].as_str() {
            assert_eq!(dead, "h6", "the one who hears it is r4");
            self.hear.remove(&("r4".into(), "eth3".into()));
        }
        self.cost = truth["cost"]["r1:eth2"].as_u64().or(self.cost);
    }
}

fn port(end: &Value) -> (String, String) {
    let text = |v: &Value| v.as_str().expect("text").to_owned();
    (text(&end[0]), text(&end[1]))
}

/// Ports on which lldpd hears somebody now. A dead agent's node keeps what it last said.
fn hearing(follower: &Follower) -> BTreeSet<(String, String)> {
    let store = follower.store();
    let mut all = BTreeSet::new();
    for observer in store.observers() {
        let Observer::Node(node) = observer else { continue };
        for standing in store.standing(observer, follower.settled()) {
            if let (Source::Lldpd, Fact::Neighbor(n)) = (standing.source, standing.fact) {
                all.insert((node.to_string(), n.on.clone()));
            }
        }
    }
    all
}

fn cost(follower: &Follower, from: &str) -> Option<u64> {
    let twin = follower.twin();
    let halves = twin.half_links(Layer::Igp);
    let of = |key: &twin::EntityKey| {
        let node = twin.node_of(key)?;
        Some(format!("{}:{}", node.name, twin.entity(key)?.name))
    };
    halves.iter().find(|(k, _)| of(&k.from).as_deref() == Some(from)).map(|(_, h)| h.metric.into())
}

#[test]
fn the_recorded_lab_is_right_after_every_event() {
    let file = std::fs::read(folder().join("lab-a.journal")).expect("the journal");
    let mut records = Reader::open("lab-a.journal", file.as_slice())
        .expect("a journal")
        .map(|r| r.expect("whole"))
        .peekable();
    let mut follower = Follower::new("lab-a.journal");
    let mut truth = Truth::begin();
    for step in json(&folder().join("timeline.json")).as_array().expect("steps") {
        truth.event(&step["truth"]);
        let ended = stamp(&step["ended"]);
        while let Some(record) = records.next_if(|r| r.at <= ended) {
            follower.take(&record).expect("a record");
        }
        let name = &step["snapshot"];
        assert_eq!(hearing(&follower), truth.hear, "{name}");
        assert_eq!(follower.twin().cables().len(), 7, "{name}: cables stay");
        if let Some(expected) = truth.cost {
            assert_eq!(cost(&follower, "r1:eth2"), Some(expected), "{name}");
        }
    }
}

/// A watch is ended at some tick and started again seconds later; in between, what was said again long since would have
/// lapsed.
#[test]
fn a_watch_that_goes_on_tells_the_changes_that_the_whole_journal_tells() {
    let file = std::fs::read(folder().join("lab-a.journal")).expect("the journal");
    let reader = Reader::open("lab-a.journal", file.as_slice()).expect("a journal");
    let records: Vec<Record> = reader.map(|r| r.expect("whole")).collect();
    let begin = records.iter().find(|r| r.kind == Kind::Sources).expect("a session").clone();
    let ticks: Vec<usize> = (0..records.len()).filter(|n| records[*n].kind == Kind::Tick).collect();
    let mut told = 0;
    for end in ticks.iter().step_by(ticks.len().div_ceil(12)) {
        let mut whole = Follower::new("journal");
        records[..=*end].iter().for_each(|r| drop(whole.take(r).expect("a record")));
        let Some(saved) = whole.checkpoint(0) else { continue };
        let saved = Checkpoint::from_json("state", &saved.to_json()).expect("a state");
        let mut resumed = Follower::restore("journal", saved);
        for seconds in [3, 9, 30] {
            let at = WallTime::from_ns(records[*end].at.as_ns() + seconds * 1_000_000_000);
            let tick = Record { at, source: 0, kind: Kind::Tick, bytes: Vec::new() };
            for record in [Record { at, ..begin.clone() }, tick] {
                let (expected, found) = (whole.take(&record), resumed.take(&record));
                let (expected, found) = (expected.expect("a record"), found.expect("a record"));
                assert_eq!(found, expected, "{seconds} s after record {end}");
                told += usize::from(expected.is_some());
            }
        }
    }
    assert!(told > 5, "{told}");
}

#[test]
#[ignore = "makes testdata/lab-a/lab-a.journal from the recordings in UMBRA_LAB"]
fn make_the_journal() {
    let lab = PathBuf::from(std::env::var("UMBRA_LAB").expect("UMBRA_LAB: the folder of the recordings"));
    let timeline = json(&lab.join("timeline.json"));
    let steps = timeline.as_array().expect("steps");
    let (begin, end) = (stamp(&steps[0]["started"]), stamp(&steps[steps.len() - 1]["ended"]));
    let nodes = ["e5", "h6", "r1", "r2", "r3", "r4"];
    let spec = |name: String, node: &str, form| Spec { name, node: node.to_owned(), form };
    let mut specs: Vec<_> = nodes.iter().map(|n| spec(format!("tools:{n}"), n, Form::Dump)).collect();
    specs.push(spec("wire:r1".into(), "r1-any", Form::Frames));
    specs.push(spec("bmp:r1".into(), "r1", Form::Bmp));

    let mut records = Vec::new();
    for (number, node) in (0..).zip(nodes) {
        for dump in std::fs::read_dir(lab.join("full").join(node)).expect("dumps") {
            let path = dump.expect("a dump").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let wanted =
                ["ip-link", "ip-addr", "ip-neigh", "lldp-chassis", "lldp-interfaces", "lldp-neighbors"];
            if wanted.iter().any(|w| name.starts_with(w))
                || name.contains("ospf-neighbor-detail")
                || name.contains("ospf-interface")
            {
                records.push(dumped(number, begin, &name, &compact(&path)));
            }
        }
        for step in &steps[1..] {
            let file = lab
                .join("snapshots")
                .join(step["snapshot"].as_str().expect("a name"))
                .join(node)
                .join("ip-link.json");
            // Of the others nothing changes.
            if ["r1", "r2"].contains(&node) && file.exists() {
                records.push(dumped(number, stamp(&step["started"]), "ip-link.json", &compact(&file)));
            }
        }
        let events = lab.join("events").join(node).join("lldp-watch.txt");
        let events = std::fs::read_to_string(events).unwrap_or_default();
        for event in events.split("# ").filter(|e| !e.trim().is_empty()) {
            let (at, content) = event.split_once('\n').expect("a stamp, then JSON");
            let at = stamp(&serde_json::from_str(at).expect("a stamp"));
            let content: Value = serde_json::from_str(content).expect("JSON");
            records.push(dumped(number, at, "watch.json", content.to_string().as_bytes()));
        }
    }
    frames(&lab.join("capture/r1.pcap"), begin, end, &mut records);
    bmp(&lab.join("capture"), end, &mut records);
    records.sort_by_key(|r| (r.at, r.source));

    let first = records[0].at;
    let head = Record {
        at: first,
        source: 0,
        kind: Kind::Sources,
        bytes: serde_json::to_vec(&specs).expect("JSON"),
    };
    let mut writer = Writer::begin(Vec::new()).expect("memory");
    let mut last = WallTime::from_ns(first.as_ns() - 1);
    let mut put = |mut record: Record| {
        record.at = record.at.max(WallTime::from_ns(last.as_ns() + 1));
        last = record.at;
        writer.append(&record).expect("memory");
    };
    put(head);
    let mut ticked = first.as_ns();
    for record in records {
        // Ticks as a watch makes them: after what came together, and once a second.
        if record.at.as_ns() - ticked > 1_000_000_000 {
            put(Record {
                at: WallTime::from_ns(ticked + 1_000_000_000),
                source: 0,
                kind: Kind::Tick,
                bytes: Vec::new(),
            });
        }
        let tick = WallTime::from_ns(record.at.as_ns() + 1_000_000);
        ticked = tick.as_ns();
        put(record);
        put(Record { at: tick, source: 0, kind: Kind::Tick, bytes: Vec::new() });
    }
    std::fs::write(folder().join("lab-a.journal"), writer.into_inner()).expect("the journal");
}

fn compact(path: &Path) -> Vec<u8> {
    json(path).to_string().into_bytes()
}

fn dumped(source: u16, at: WallTime, name: &str, content: &[u8]) -> Record {
    let bytes = [name.as_bytes(), &[0], &at.as_ns().to_le_bytes(), content].concat();
    Record { at, source, kind: Kind::Data, bytes }
}

/// Frames that say something; before the beginning only those with link states, since hellos come again.
fn frames(capture: &Path, begin: WallTime, end: WallTime, records: &mut Vec<Record>) {
    const SLL2: u16 = 276;
    let file = std::fs::File::open(capture).expect("the capture");
    let mut reader = pcap_file::pcap::PcapReader::new(file).expect("a capture");
    let mut listener = Listener::new("r1-any");
    while let Some(packet) = reader.next_packet() {
        let packet = packet.expect("a whole capture");
        let at = WallTime::from_ns(packet.timestamp.as_nanos() as i64);
        let said = listener.frame(at, None, SLL2, &packet.data);
        let states =
            said.iter().any(|o| matches!(&o.said, Said::Is(f, _) if matches!(**f, Fact::LinkState(_))));
        if at <= end && (states || (at >= begin && !said.is_empty())) {
            let bytes = [&SLL2.to_le_bytes(), &packet.data[..]].concat();
            records.push(Record { at, source: 6, kind: Kind::Data, bytes });
        }
    }
}

fn bmp(folder: &Path, end: WallTime, records: &mut Vec<Record>) {
    let stream = std::fs::read(folder.join("r1-bmp.bin")).expect("the stream");
    let index = std::fs::read_to_string(folder.join("r1-bmp.idx.jsonl")).expect("its index");
    let mut rest = stream.as_slice();
    for (i, line) in index.lines().enumerate() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let at = stamp(&row["t"]);
        let length = usize::try_from(row["len"].as_u64().expect("a length")).expect("a length");
        let (message, more) = rest.split_at(length);
        rest = more;
        if at > end {
            break;
        }
        if i == 0 {
            let mark = Mark::Connected { number: 0, node: "r1".into() };
            records.push(Record {
                at,
                source: 7,
                kind: Kind::Mark,
                bytes: serde_json::to_vec(&mark).expect("JSON"),
            });
        }
        records.push(Record { at, source: 7, kind: Kind::Data, bytes: [&[0; 4], message].concat() });
    }
}
