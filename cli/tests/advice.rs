//! The advice of planning from outside: the best routing, growth, upgrades.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn testdata(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/topologies").join(file).display().to_string()
}

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(["--output", "json"]).args(args).output().unwrap()
}

fn rows(args: &[&str]) -> Vec<Value> {
    let output = umbra(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn summary(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("summary.json")).unwrap()).unwrap()
}

#[test]
fn the_best_routing_is_told_beside_the_real_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let net = testdata("polska.xml");
    let rows = rows(&["whatif", &net, "--fail", "none", "--optimal", "--out", out.to_str().unwrap()]);
    let best = rows[0]["optimal_max_util"].as_f64().unwrap();
    assert!((best - 2.703644159).abs() < 1e-6, "{best}");
    assert_eq!(summary(&out)["optimal_max_util"], best);
}

#[test]
fn growth_has_dates_and_groups() {
    let net = testdata("polska.xml");
    // The worst failure makes 6.387459807: ten times 0.6387, so the limit 10 is reached after ln(10 / 6.387) / ln 1.3.
    let grow = |more: &[&str]| {
        rows(&[&["growth", net.as_str(), "--limit", "10", "--from", "2026-01-01"], more].concat())
    };
    let all = grow(&["--growth", "30%/year"]);
    let days = (10.0f64 / 6.387459807).ln() / 1.3f64.ln() * 365.25;
    assert_eq!(all[0]["days"].as_f64().unwrap(), days.ceil());
    assert_eq!(all[0]["date"], "2027-09-18");
    assert!(all.windows(2).all(|w| w[0]["days"].as_u64() <= w[1]["days"].as_u64()), "soonest first");
    assert_eq!(grow(&["--growth", "-10%"]).len(), 0);
    let faster = grow(&["--growth", "30%", "--growth", "Gdansk=60%"]);
    assert!(faster[0]["days"].as_u64() <= all[0]["days"].as_u64());
    let wrong = umbra(&["growth", &net, "--limit", "1", "--growth", "Gdanks=3%"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean 'Gdansk'?"));
}

#[test]
fn upgrades_are_bought_in_modules_and_bounded_from_below() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let all = rows(&["upgrade", &testdata("polska.xml"), "--limit", "1", "--out", out.to_str().unwrap()]);
    let is =
        |item: &'static str| all.iter().filter(move |row| row["item"] == item).cloned().collect::<Vec<_>>();
    let (rows, sum, bound) = (is("upgrade"), is("sum"), is("at_least"));
    let summary = summary(&out);
    let number = |key: &str| summary[key].as_f64().unwrap();
    assert!(number("max_util_after") <= 1.0 + 1e-12);
    assert_eq!(number("cost"), rows.last().unwrap()["total"].as_f64().unwrap());
    assert_eq!((&sum[0]["cost"], &sum[0]["max_util"]), (&summary["cost"], &summary["max_util_after"]));
    assert_eq!(bound[0]["cost"], summary["cost_at_least"]);
    assert_eq!(all.len(), rows.len() + 4);
    assert_eq!(summary["bound_reached"], true);
    assert_eq!(number("cost_at_least_same_paths"), number("cost"));
    let costs = ["cost_at_least", "cost_any_amount_same_paths", "cost"].map(number);
    assert!(costs[0] > 0.0 && costs.is_sorted(), "{summary}");
    for row in &rows {
        // polska sells 155 and 622.
        let added = row["to"].as_f64().unwrap() - row["from"].as_f64().unwrap();
        let rest = |large: u32| added - 622.0 * f64::from(large);
        assert!((0..100).any(|large| rest(large) >= 0.0 && rest(large) % 155.0 == 0.0), "{row}");
    }
    assert!(
        rows.iter().all(|r| r["max_util"].as_f64() <= r["util"].as_f64()),
        "each step lowers what is left"
    );
}

#[test]
fn without_prices_members_are_bought() {
    let net = testdata("Abilene.graph");
    let demands = testdata("Abilene.0000.demands");
    let rows = rows(&["upgrade", &net, &demands, "--limit", "100%", "--no-bound"]);
    assert_eq!(rows.last().unwrap()["item"], "any_amount_same_paths", "no linear program was asked for");
    let rows: Vec<_> = rows.into_iter().filter(|row| row["item"] == "upgrade").collect();
    assert!(!rows.is_empty());
    for row in &rows {
        let (from, to) = (row["from"].as_f64().unwrap(), row["to"].as_f64().unwrap());
        assert_eq!((to / from).fract(), 0.0, "{row}");
    }
}
