//! `umbra detect` of what the network tells by itself: counters that are read at any instants, wrap and are set back, and the
//! deltas of a twin that follows production.

use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use report::Summary;
use testkit::SplitMix64;

/// Bins of five minutes in a day.
const DAY: usize = 288;
const BIN_S: usize = 300;

/// A share of its usual size: a daily wave and noise of 2 %.
fn course(series: usize, bin: usize) -> f64 {
    let noise = SplitMix64::at(series as u64, bin as u64).normal();
    1.0 + 0.3 * (TAU * bin as f64 / DAY as f64).sin() + 0.02 * noise
}

/// `umbra detect` in a folder.
fn run(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.current_dir(folder).arg("detect").args(arguments.split_whitespace()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bins that are flagged, by the name of a column.
fn flagged(csv: &str, series: &str) -> Vec<usize> {
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let column =
        header.iter().position(|name| *name == series).unwrap_or_else(|| panic!("{series} in {header:?}"));
    let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|row| row[column] == "1").map(|row| row[0].parse().unwrap()).collect()
}

/// Twelve days of three interfaces, read about every five minutes: `eth0` has counters of 32 bits that wrap every hour and
/// loses half of its traffic for two hours; `eth1` is set back every day; `eth2` counts 64 bits, with an agent that slips.
#[test]
fn counters_wrap_and_are_set_back_without_a_spike() {
    const BINS: usize = 12 * DAY;
    let dip = 10 * DAY + 100..10 * DAY + 124;
    let start = 1_700_000_100; // the edge of a bin
    let mut file = "node,time,ifName,ifInOctets,ifHCInOctets,in_errors\n".to_owned();
    let mut counts = [4_000_000_000.0, 0.0, 7e12];
    let usual = [1e6, 2e3, 5e7]; // octets a second
    let (mut errors, mut read) = (0, 0.0);
    for bin in 0..BINS {
        let at = (BIN_S * bin) as f64 + 40.0 * SplitMix64::at(9, bin as u64).unit();
        let seconds = at - std::mem::replace(&mut read, at);
        let at = start as f64 + at;
        for (series, count) in counts.iter_mut().enumerate() {
            let share = if series == 0 && dip.contains(&bin) { 0.5 } else { 1.0 };
            *count += usual[series] * course(series, bin) * share * seconds;
        }
        if bin % DAY == 200 {
            counts[1] = 0.0;
        }
        errors +=
            if bin == 11 * DAY { 400 } else { usize::from(SplitMix64::at(7, bin as u64).unit() < 0.05) };
        let narrow = counts.map(|count| count as u64 % (1 << 32));
        let wide = if bin == 5 * DAY { 0 } else { counts[2] as u64 };
        file += &format!(
            "r1,{at:.1},eth0,{},,{errors}\nr1,{at:.1},eth1,{},,\nr1,{at:.1},eth2,,{wide},\n",
            narrow[0], narrow[1]
        );
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.csv"), &file).unwrap();
    let output = run(folder.path(), "c.csv --counters --out s.csv --flags f.csv --result r --fa-week 0.2");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    for (code, count) in [("counter-wrap", None), ("counter-reset", Some(12)), ("counter-slip", Some(1))] {
        let line =
            said.lines().find(|line| line.contains(code)).unwrap_or_else(|| panic!("{code} in {said}"));
        assert!(count.is_none_or(|count| line.contains(&format!("({count}x)"))), "{line}");
    }
    let flags = fs::read_to_string(folder.path().join("f.csv")).unwrap();
    let found = flagged(&flags, "r1 eth0 in");
    assert!(found.iter().any(|bin| dip.contains(bin)), "{found:?}");
    assert!(found.iter().all(|bin| (dip.start - 1..dip.end + 36).contains(bin)), "{found:?}");
    for quiet in ["r1 eth1 in", "r1 eth2 in"] {
        assert_eq!(flagged(&flags, quiet), [0usize; 0], "{quiet}");
    }
    let summary = fs::read_to_string(folder.path().join("r/summary.json")).unwrap();
    let summary: Summary = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary.extra["bin_0"], "2023-11-14T22:15:00Z");

    // Errors are counted, not rated: seldom ones are usual, a burst is not.
    let output = run(folder.path(), "c.csv --counters=errors --flags e.csv --fa-week 0.2");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found = flagged(&fs::read_to_string(folder.path().join("e.csv")).unwrap(), "r1 eth0 in");
    assert!(
        !found.is_empty() && found.iter().all(|bin| (11 * DAY - 2..11 * DAY + 2).contains(bin)),
        "{found:?}"
    );

    let refused = run(folder.path(), "c.csv --counters=discards --out x.csv");
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        text(&refused.stderr).contains("c.csv: no reading of such a counter"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(run(folder.path(), "c.csv --counters --syslog").status.code(), Some(2));
}

/// The recorded lab: the cable between r1 and r2 is down for sixteen seconds, twenty seconds later the metric from r1 to r4
/// falls from 20 to 5. Both lie on day ten of series of which the loads follow as the routing says.
#[test]
fn deltas_of_the_twin_explain_what_they_touch() {
    const BINS: usize = 12 * DAY;
    const CHANGE: usize = 10 * DAY;
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/lab-a");
    let folder = tempfile::tempdir().unwrap();
    // From the metric on, r1 reaches r3 by r4 and no longer by r2; a day later half of r4's traffic to r1 is lost.
    let trouble = 11 * DAY + 60..11 * DAY + 84;
    let names = ["r1>r2", "r2>r3", "r1>r4", "r4>r3", "r4>r1"];
    let usual = |series: usize, bin: usize| match (names[series], bin) {
        ("r1>r2", CHANGE) => 0.0,
        ("r1>r2" | "r2>r3", bin) if bin > CHANGE => 40.0,
        ("r1>r4" | "r4>r3", bin) if bin > CHANGE => 160.0,
        ("r4>r1", bin) if trouble.contains(&bin) => 50.0,
        _ => 100.0,
    };
    let mut series = format!("bin,{}\n", names.join(","));
    for bin in 0..BINS {
        let cells: Vec<_> = (0..5).map(|i| format!("{:.3}", usual(i, bin) * course(i, bin))).collect();
        series += &format!("{bin},{}\n", cells.join(","));
    }
    fs::write(folder.path().join("s.csv"), &series).unwrap();
    // Bin CHANGE begins at 06:54:00 on day ten and holds both changes, of 06:54:04 and 06:54:24.
    let meta = |bin_0: &str| {
        format!(
            r#"{{"bins": {BINS}, "bin_s": {BIN_S}, "train_end": {}, {bin_0} "series": {names:?}}}"#,
            8 * DAY
        )
    };
    fs::write(folder.path().join("m.json"), meta(r#""bin_0": "2026-11-12T06:54:00Z","#)).unwrap();
    fs::write(folder.path().join("timeless.json"), meta("")).unwrap();
    let flags = |more: &str| {
        let output = run(folder.path(), &format!("s.csv --meta m.json --flags f.csv --fa-week 0.2 {more}"));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let csv = fs::read_to_string(folder.path().join("f.csv")).unwrap();
        (names.map(|name| flagged(&csv, name)), text(&output.stderr))
    };
    let (alone, _) = flags("");
    assert!(
        alone[..4].iter().all(|bins| bins.iter().any(|bin| (CHANGE..CHANGE + 6).contains(bin))),
        "{alone:?}"
    );
    let real = |bins: &[usize]| bins.iter().any(|bin| trouble.contains(bin));
    assert!(real(&alone[4]));

    let (named, said) = flags(&format!("--changes {data}/deltas.ndjson.gz"));
    assert!(!said.contains("untouched-series"), "{said}");
    // The deltas name r1>r2 (down and up again) and r1>r4 (its metric), no others.
    assert!(!named[0].contains(&CHANGE) && named[2].is_empty(), "{named:?}");
    assert!(!named[1].is_empty() && !named[3].is_empty() && real(&named[4]), "{named:?}");

    // The routing says what else carries more or less.
    let (routed, said) = flags(&format!("--changes {data}/deltas.ndjson.gz --net {data}/full"));
    assert!(!said.contains("untouched-series"), "{said}");
    assert!(routed[..4].iter().all(Vec::is_empty), "{routed:?}");
    assert_eq!(routed[4], alone[4]);

    let refused =
        run(folder.path(), &format!("s.csv --meta timeless.json --changes {data}/deltas.ndjson.gz"));
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("a member bin_0 of timeless.json"), "{}", text(&refused.stderr));
}
