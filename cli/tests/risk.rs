//! `umbra risk` from outside.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn risk(args: &[&str]) -> Output {
    let net = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/topologies/abilene.xml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.arg("risk").arg(net).args(["--scale", "0.05", "--output", "json"]).args(args).output().unwrap()
}

fn rows(args: &[&str]) -> Vec<Value> {
    let output = risk(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn risk_is_probability_times_cost_and_flaps_raise_it() {
    let all = rows(&["--limit", "0.8"]);
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap();
    let cost = |row: &Value| number(row, "lost") + number(row, "above_limit");
    for row in &all {
        let product = number(row, "probability") * cost(row);
        assert!((number(row, "risk") - product).abs() <= 1e-9 * product);
    }
    assert!(all.windows(2).all(|w| number(&w[0], "risk") >= number(&w[1], "risk")));

    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.csv");
    fs::write(&history, "element,at\nATLAng_HSTNng,2026-01-20\nATLAng_HSTNng,2026-01-29T10:00\n").unwrap();
    let file = history.to_str().unwrap();
    let seen =
        rows(&["--limit", "0.8", "--history", file, "--watched-from", "2026-01-01", "--at", "2026-01-30"]);
    assert_eq!(seen[0]["element"], "ATLAng_HSTNng");
    assert!(number(&seen[0], "probability") > 2.0 * number(&all[0], "probability"));
}

#[test]
fn a_history_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.csv");
    for (text, expected) in [
        ("element,at\nATLAng_HSTNg,2026-01-20\n", "history.csv:2: unknown element 'ATLAng_HSTNg'"),
        ("element,at\nATLAng_HSTNng,soon\n", "history.csv:2: found 'soon'"),
        ("element,at\nATLAng_HSTNng,\n", "history.csv:2: 'ATLAng_HSTNng' without one"),
        ("", "history.csv: the file is empty"),
        (
            "elment,at\n",
            "history.csv:1: no column 'element'; expected a header with element, at, in_service; did you mean 'elment'?",
        ),
    ] {
        fs::write(&history, text).unwrap();
        let output = risk(&["--history", history.to_str().unwrap(), "--at", "2026-02-01"]);
        assert_eq!(output.status.code(), Some(3));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_link_whose_light_fades_is_likely_to_fail() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("optics.csv");
    // Two links, two days of hourly readings: one loses 0.1 dB an hour and has 1.5 dB left, the other is well.
    let mut text = "element,indicator,threshold,at,value\n".to_owned();
    for hour in 0..48u32 {
        let at = format!("2026-01-{:02}T{:02}:00", 10 + hour / 24, hour % 24);
        let wiggle = f64::from(hour * 7 % 5) * 0.02;
        let fading = -9.8 - 0.1 * f64::from(hour) + wiggle;
        text += &format!(
            "ATLAng_HSTNng,dbm,-16,{at},{fading:.2}\nCHINng_NYCMng,dbm,-16,{at},{:.2}\n",
            wiggle - 6.0
        );
    }
    fs::write(&file, text).unwrap();
    let probability = |rows: &[Value], element: &str| {
        rows.iter().find(|r| r["element"] == element).map(|r| r["probability"].as_f64().unwrap()).unwrap()
    };
    let (usual, seen) = (rows(&[]), rows(&["--degrading", file.to_str().unwrap()]));
    assert!(probability(&seen, "ATLAng_HSTNng") > 0.9, "{}", probability(&seen, "ATLAng_HSTNng"));
    assert!(probability(&seen, "CHINng_NYCMng") < probability(&usual, "CHINng_NYCMng") + 0.01);
    // 1.5 dB at a tenth of one an hour.
    let fading = seen.iter().find(|r| r["element"] == "ATLAng_HSTNng").unwrap();
    let left = ["time_left_lo_h", "time_left_h", "time_left_hi_h"].map(|name| fading[name].as_f64().unwrap());
    assert!(left[0] < left[1] && left[1] < left[2] && (12.0..18.0).contains(&left[1]), "{left:?}");
    assert!(usual.iter().all(|r| r["time_left_h"].is_null()));

    // Links alone fail by the usual preset: what is read of a router is not dropped in silence.
    let memory = |hour: u32| format!("ATLAng,percent,95,2026-01-10T{hour:02}:00,{}\n", 50 + hour);
    let readings: String = (0..20).map(memory).collect();
    fs::write(&file, format!("element,indicator,threshold,at,value\n{readings}")).unwrap();
    let told = risk(&["--degrading", file.to_str().unwrap()]);
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains("ATLAng: wan-cenic lets nothing of its kind fail"), "{told}");

    fs::write(&file, "element,indicator,threshold,at,value\nATLAng_HSTNng,volts,3,2026-01-10,1\n").unwrap();
    let output = risk(&["--degrading", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("optics.csv:2: indicator 'volts'"));
}
