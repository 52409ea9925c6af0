//! Maintenance from outside: windows of `umbra whatif` against a slow implementation and against `umbra drain`, and the
//! year of `umbra availability` against its parts.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use report::{ParquetFile, Table, TableSpec, schema};
use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn testdata(file: &str) -> String {
    format!("{ROOT}/testdata/{file}")
}

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).args(["--output", "json"]).output().unwrap()
}

/// What a command prints, and its exit code.
fn rows(args: &[&str]) -> (Vec<Value>, i32) {
    let output = umbra(args);
    let code = output.status.code().unwrap();
    assert!(code < 2, "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    (serde_json::from_slice(&output.stdout).unwrap(), code)
}

fn table(folder: &Path, spec: &'static TableSpec) -> Table {
    ParquetFile::open(&folder.join(format!("{}.parquet", spec.name))).unwrap().table(spec).unwrap()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

/// The calendar of the library: when the hardest matrix was measured, the fullest arc alone and with one more link, and
/// that link. Made by a slow implementation in another language, readers included.
const WINDOWS: [(&str, &str, f64, f64, Option<&str>); 3] = [
    ("line cards in Chicago", "2004-03-01T00:50:00Z", 0.013344049799996309, 0.013344049799996309, None),
    (
        "ATLAng - HSTNng",
        "2004-03-01T01:20:00Z",
        0.012656146959395697,
        0.01816211290825895,
        Some("CHINng_NYCMng"),
    ),
    (
        "fibre in the mountains",
        "2004-03-01T02:30:00Z",
        0.011638340376278696,
        0.020279124530695254,
        Some("NYCMng_WASHng"),
    ),
];

#[test]
fn each_window_of_a_calendar_has_its_worst_case_and_who_is_at_risk() {
    let file = format!("{ROOT}/scenarios/library/maintenance-calendar.yaml");
    let folder = tempfile::tempdir().unwrap();
    let (found, code) = rows(&["whatif", &file, "--out", folder.path().to_str().unwrap()]);
    assert_eq!(code, 1, "the third window is too full");
    assert_eq!(found.len(), 3);
    for (row, (name, measured, alone, worst, failure)) in found.iter().zip(WINDOWS) {
        assert_eq!((row["name"].as_str(), row["measured"].as_str()), (Some(name), Some(measured)));
        assert!(near(row["alone_util"].as_f64().unwrap(), 40.0 * alone), "{row}");
        assert!(near(row["worst_util"].as_f64().unwrap(), 40.0 * worst), "{row}");
        assert_eq!(row["worst_failure"].as_str(), failure, "{row}");
        assert_eq!(row["over_threshold"], 40.0 * worst > 0.8, "{row}");
        assert_eq!(row["cut_off"], 0, "{row}");
    }
    let windows = table(folder.path(), &schema::MAINTENANCE);
    assert_eq!(windows.len(), 3);
    let summary: Value =
        serde_json::from_slice(&fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["maintenance"]["worst"], "fibre in the mountains");

    // Denver hangs on one link then: it is the only one of its kind, and Denver loses redundancy with all its demands.
    let risk = table(folder.path(), &schema::AT_RISK);
    let of = |what: &str| -> Vec<usize> {
        let is =
            |i: &usize| risk.u32("window")[*i] == Some(2) && risk.str("what")[*i].as_deref() == Some(what);
        (0..risk.len()).filter(is).collect()
    };
    let element = |i: &usize| risk.str("element")[*i].clone().unwrap();
    assert!(of("exposed_node").iter().any(|i| element(i) == "DNVRng"));
    assert!(of("only_link").iter().any(|i| element(i) == "DNVRng_SNVAng"));
    let ends = |i: &usize| [risk.str("src")[*i].clone().unwrap(), risk.str("dst")[*i].clone().unwrap()];
    let demands = of("exposed_demand");
    assert!(demands.iter().any(|i| ends(i).contains(&"DNVRng".to_owned())));
    for (window, count) in [(0, 0), (1, 1), (2, 2)] {
        let listed = (0..risk.len()).filter(|i| {
            risk.u32("window")[*i] == Some(window)
                && risk.str("what")[*i].as_deref() == Some("exposed_demand")
        });
        assert_eq!(Some(listed.count() as u32), windows.u32("exposed_demands")[count], "window {window}");
    }
}

#[test]
fn one_entry_on_the_command_line_is_what_drain_says() {
    let (net, series) = (testdata("topologies/abilene.xml"), testdata("series/abilene_5min_3h.parquet"));
    let entry = "CHINng@2004-03-01T00:30..+30m";
    let args = ["whatif", &net, "--maintenance", entry, "--series", &series, "--dry-run", "--out", "never"];
    let (found, code) = rows(&args);
    assert_eq!(code, 0);
    let window = ["--from", "2004-03-01T00:30", "--until", "+30m"];
    let (drained, _) =
        rows(&[&["drain", &net, "--element", "CHINng", "--series", &series][..], &window].concat());
    assert_eq!(found[0]["worst_util"], drained[0]["max_util"]);
    assert_eq!(found[0]["alone_util"], drained[1]["max_util"]);
    let exposed = drained.iter().filter(|row| row["item"] == "exposed_demand").count();
    assert_eq!(found[0]["exposed_demands"], exposed);
    // Without a series the demands count at all times; a limit makes a finding.
    let (still, code) = rows(&[&args[..4], &args[6..], &["--threshold", "1", "--fail-on"]].concat());
    assert_eq!((code, &still[0]["measured"]), (1, &Value::Null));
    // An edit of demands is made in every measured matrix.
    let folder = tempfile::tempdir().unwrap();
    let edit = folder.path().join("edit.yaml");
    fs::write(&edit, "format: umbra-edit/1\nedits: [{scale: {factor: 3}}]\n").unwrap();
    let (more, _) = rows(&[&args[..], &["--edit", edit.to_str().unwrap()]].concat());
    let util = |rows: &[Value]| rows[0]["worst_util"].as_f64().unwrap();
    assert!(near(util(&more), 3.0 * util(&found)));
}

/// The three measures, with bounds.
fn measures(args: &[&str]) -> [[f64; 3]; 3] {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let net = [testdata("topologies/Abilene.graph"), testdata("topologies/Abilene.0000.demands")];
    let net = [net[0].as_str(), net[1].as_str()];
    let (rows, _) =
        rows(&[&["availability"][..], &net, &["--threshold", "1.4", "--out", out], args].concat());
    let number = |row: &Value, key: &str| row[key].as_f64().unwrap();
    [0, 1, 2].map(|i| ["value", "lo", "hi"].map(|key| number(&rows[i], key)))
}

#[test]
fn a_year_is_the_mean_of_its_windows() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let exact = ["--failures", "p=0.01", "--exact", "--gap", "0"];
    let down = |set: &str| {
        let edit = write("edit.yaml", &format!("format: umbra-edit/1\nedits: [{{down: {set}}}]\n"));
        measures(&[&exact[..], &["--edit", &edit]].concat())
    };
    let (whole, one, both) = (measures(&exact), down("link:3"), down("[link:3, link:9]"));
    // 500 hours of the one, 100 of which overlap with the other, and 266.6 of both at some time.
    let calendar = write(
        "calendar.yaml",
        "format: umbra-maintenance/1\nmaintenance:\n\
         - {down: 3, from: 2026-01-01, until: +500h}\n\
         - {down: 9, from: 2026-01-21, until: +20h}\n\
         - {down: [link:3, link:9], hours_per_year: 266.6}\n",
    );
    let shares = [480.0 / 8766.0, 286.6 / 8766.0];
    let found = measures(&[&exact[..], &["--maintenance", &calendar]].concat());
    let drawn = measures(&["--failures", "p=0.01", "--samples", "200000", "--maintenance", &calendar]);
    let capped = ["--failures", "p=0.01", "--exact", "--gap", "1e-3", "--maintenance", &calendar];
    let bounded = measures(&capped);
    for i in 0..3 {
        let wanted =
            (1.0 - shares[0] - shares[1]) * whole[i][0] + shares[0] * one[i][0] + shares[1] * both[i][0];
        assert!(near(found[i][0], wanted), "measure {i}: {found:?} {wanted}");
        let [value, lo, hi] = bounded[i];
        assert!(lo <= wanted && wanted <= hi && hi - lo <= 1e-3 + 1e-12, "measure {i}: {lo} {value} {hi}");
        let [value, lo, hi] = drawn[i];
        assert!((value - wanted).abs() < 2.0 * (hi - lo), "measure {i}: {lo} {value} {hi}, {wanted}");
        assert!(!near(wanted, whole[i][0]), "the test would see a difference");
    }
    // Groups with numbers of their own: down with that probability, whatever else is.
    let groups = write(
        "groups.yaml",
        "format: umbra-groups/1\ngroups: {conduit: {links: [3, 9], failures: p=0.02}}\n",
    );
    let grouped = measures(&[&exact[..], &["--groups", &groups]].concat());
    for i in 0..3 {
        let wanted = 0.98 * whole[i][0] + 0.02 * both[i][0];
        assert!(near(grouped[i][0], wanted), "measure {i}: {grouped:?} {wanted}");
    }
    // Without a number they make three events in ten: three sevenths of what 14 links do.
    let alike = write("alike.yaml", "format: umbra-groups/1\ngroups: {conduit: [3, 9]}\n");
    let grouped = measures(&[&exact[..], &["--groups", &alike]].concat());
    let p = 14.0 * 0.01 * 3.0 / 7.0;
    assert!(near(grouped[0][0], (1.0 - p) * whole[0][0] + p * both[0][0]));
}

#[test]
fn wrong_calendars_say_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let net = testdata("topologies/polska.xml");
    let refused = |text: &str| {
        let file = folder.path().join("m.yaml");
        fs::write(&file, format!("format: umbra-maintenance/1\nmaintenance:\n{text}")).unwrap();
        let output = umbra(&["whatif", &net, "--maintenance", file.to_str().unwrap(), "--out", "never"]);
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stderr).unwrap()
    };
    let error = refused("- {down: Warsow, from: 2026-01-01, until: +2h}\n");
    assert!(
        error.contains("m.yaml:3:10: unknown element 'Warsow'") && error.contains("'Warsaw'?"),
        "{error}"
    );
    assert!(refused("- {down: Warsaw}\n").contains("m.yaml:3:10: maintenance without its time"));
    let usage = |entry: &str| umbra(&["whatif", &net, "--maintenance", entry, "--out", "never"]);
    let output = usage("Warsow@2026-01-01..+2h");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean 'Warsaw'?"));
    let year =
        ["--failures", "p=0.1", "--exact", "--maintenance", "Warsaw@5000h", "--maintenance", "Lodz@5000h"];
    let output = umbra(&[&["availability", &net][..], &year, &["--out", "never"]].concat());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("10000 hours of maintenance in a year"));
    assert!(!Path::new("never").exists());
}

#[test]
fn calendars_are_inspected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.yaml");
    let text = "format: umbra-maintenance/1\nmaintenance: [{down: a, hours_per_year: 8}, {down: b, from: 2026-01-01, until: +4h}]\n";
    fs::write(&file, text).unwrap();
    let (found, _) = rows(&["inspect", file.to_str().unwrap()]);
    assert!(found.iter().any(|row| row["item"] == "windows" && row["value"] == 2), "{found:?}");
    let (found, _) = rows(&["inspect", &format!("{ROOT}/scenarios/library/maintenance-calendar.yaml")]);
    assert!(found.iter().any(|row| row["item"] == "maintenance windows" && row["value"] == 3), "{found:?}");
}
