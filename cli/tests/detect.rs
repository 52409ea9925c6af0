//! `umbra detect` from outside: what it writes, what it refuses, and that nothing but its input decides the result.

use std::f64::consts::TAU;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use report::{ParquetFile, Summary, Table, TableSpec, schema};
use serde_json::Value;
use testkit::SplitMix64;

/// Bins of five minutes in a day.
const DAY: usize = 288;
const BINS: usize = 12 * DAY;
const TRAIN_END: usize = 8 * DAY;
/// On these bins series `b>c` loses half of its load.
const DIP: std::ops::Range<usize> = 10 * DAY + 100..10 * DAY + 124;

/// A folder with series, META and events in it.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let case = Self { folder: tempfile::tempdir().unwrap() };
        case.write("s.csv", wide(BINS).as_bytes());
        case.write("m.json", meta(BINS, TRAIN_END).as_bytes());
        let event = format!("event,type,start,end,series,snr\n1,dip,{},{},b>c,9\n", DIP.start, DIP.end);
        case.write("e.csv", event.as_bytes());
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `umbra detect` in the folder.
    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
        command.current_dir(self.folder.path()).arg("detect").args(arguments.split_whitespace());
        command.output().unwrap()
    }

    /// The message of a run that must end with code 3 and leave nothing behind.
    fn refused(&self, arguments: &str) -> String {
        let before = self.names();
        let output = self.run(&format!("{arguments} --out x.csv --flags y.csv --result z"));
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        assert_eq!(self.names(), before, "nothing is left behind");
        text(&output.stderr)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Noise of standard deviation 1 that depends on its place alone.
fn noise(series: usize, bin: usize) -> f64 {
    SplitMix64::at(series as u64, bin as u64).normal()
}

fn load(series: usize, bin: usize) -> f64 {
    let day = (bin % DAY) as f64 / DAY as f64;
    let usual = 100.0 + 30.0 * (TAU * (day + series as f64 / 10.0)).sin();
    let dip = if series == 1 && DIP.contains(&bin) { 0.5 } else { 1.0 };
    usual * dip + 2.0 * noise(series, bin)
}

const SERIES: [&str; 3] = ["a>b", "b>c", "c>d"];

fn wide(bins: usize) -> String {
    let mut text = format!("bin,{}\n", SERIES.join(","));
    for bin in 0..bins {
        let cells: Vec<_> = (0..3).map(|series| format!("{:.3}", load(series, bin))).collect();
        text += &format!("{bin},{}\n", cells.join(","));
    }
    text
}

fn meta(bins: usize, train_end: usize) -> String {
    format!(r#"{{"bins": {bins}, "bin_s": 300, "train_end": {train_end}, "series": ["a>b", "b>c", "c>d"]}}"#)
}

fn table(folder: &Path, spec: &'static TableSpec) -> Table {
    ParquetFile::open(&folder.join(format!("{}.parquet", spec.name))).unwrap().table(spec).unwrap()
}

/// Bins that are flagged, of a column.
fn flagged(csv: &str, column: usize) -> Vec<usize> {
    let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.filter(|row| row[column + 1] == "1").map(|row| row[0].parse().unwrap()).collect()
}

#[test]
fn a_dip_is_found_scored_tabled_and_drawn_whatever_the_threads() {
    let case = Case::new();
    let one = case.run("s.csv --meta m.json --out one.csv --flags f1.csv --result r1 --threads 1 --score e.csv --output json");
    assert!(one.status.success(), "{}", text(&one.stderr));
    let four = case.run("s.csv --meta m.json --out four.csv --flags f4.csv --result r4 --threads 4 --score e.csv --output csv");
    assert!(four.status.success());
    for (a, b) in [("one.csv", "four.csv"), ("f1.csv", "f4.csv")] {
        assert_eq!(case.read(a), case.read(b));
    }
    let summary = |folder: &str| -> Summary {
        serde_json::from_str(&case.read(&format!("{folder}/summary.json"))).unwrap()
    };
    assert_eq!(summary("r1").result_digest, summary("r4").result_digest);
    assert_eq!(summary("r1").extra["evaluation"]["recall"], 1.0);

    // Wide, a row for each bin, series in META's order.
    let scores = case.read("one.csv");
    assert!(scores.starts_with("bin,a>b,b>c,c>d\n0,"));
    assert_eq!(scores.lines().count(), BINS + 1);
    assert!(!scores.contains("NaN") && !scores.contains("inf"));
    let flags = flagged(&case.read("f1.csv"), 1);
    assert!(flags.iter().any(|bin| DIP.contains(bin)), "{flags:?}");
    assert!(flags.iter().all(|bin| *bin >= TRAIN_END));

    let rows: Vec<Value> = serde_json::from_slice(&one.stdout).unwrap();
    let measure =
        |name: &str| rows.iter().find(|row| row["measure"] == name).unwrap()["value"].as_f64().unwrap();
    assert_eq!((measure("recall"), measure("recall_dip")), (1.0, 1.0));
    assert!(measure("delay_median_bins") <= 2.0 && measure("vus_pr") > 0.5, "{rows:?}");
    assert!(text(&four.stdout).starts_with("measure,value,count,of\nrecall,1.0,1,1\n"));

    let anomalies = table(&case.path("r1"), &schema::SERIES_ANOMALIES);
    let at = |row: &usize| {
        let first = anomalies.u32("first_bin")[*row].unwrap() as usize;
        anomalies.str("series")[*row].as_deref() == Some("b>c") && DIP.contains(&first)
    };
    let row = (0..anomalies.len()).find(at).unwrap();
    let value = |name: &str| anomalies.f64(name)[row].unwrap();
    assert!(value("observed") < value("lower") && value("lower") < value("expected"), "{anomalies:?}");
    assert!(value("p_value") < 1e-3 && value("score") > value("threshold"));
    assert!(anomalies.u32("model_age")[row].unwrap() as usize >= 9 * DAY);
    let incidents = table(&case.path("r1"), &schema::INCIDENTS);
    let number = anomalies.u32("incident")[row].unwrap() as usize;
    assert!(incidents.u32("first_bin")[number].unwrap() as usize <= DIP.start + 2);
    assert_eq!(table(&case.path("r1"), &schema::ENTITIES).len(), 3);
    let page = case.read("r1/report.html");
    assert!(page.contains("<h3>b&gt;c") && page.contains("class=\"span\""));
    assert_eq!(page, case.read("r4/report.html").replace("f4.csv", "f1.csv"));
}

#[test]
fn a_score_depends_on_nothing_that_comes_later() {
    let case = Case::new();
    assert!(case.run("s.csv --meta m.json --out whole.csv --flags f.csv").status.success());
    let short = 9 * DAY + 17;
    case.write("m2.json", meta(short, TRAIN_END).as_bytes());
    case.write("s2.csv", wide(short).as_bytes());
    assert!(case.run("s2.csv --meta m2.json --out part.csv --flags f2.csv").status.success());
    let head = |name: &str| case.read(name).lines().take(short + 1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(head("whole.csv"), head("part.csv"));
    assert_eq!(head("f.csv"), head("f2.csv"));
}

#[test]
fn csv_gzip_and_parquet_say_the_same() {
    static WIDE: TableSpec = TableSpec {
        name: "wide",
        meaning: "",
        columns: &[
            column("bin", report::ColumnType::U32),
            column("a>b", report::ColumnType::F64),
            column("b>c", report::ColumnType::F64),
            column("c>d", report::ColumnType::F64),
        ],
    };
    const fn column(name: &'static str, kind: report::ColumnType) -> report::ColumnSpec {
        report::ColumnSpec { name, kind, nullable: true, unit: "", meaning: "" }
    }
    let case = Case::new();
    let mut table = Table::new(&WIDE);
    for line in case.read("s.csv").lines().skip(1) {
        let mut cells = line.split(',');
        let row = table.row().set("bin", cells.next().unwrap().parse::<u32>().unwrap());
        let row =
            SERIES.iter().fold(row, |row, name| row.set(name, cells.next().unwrap().parse::<f64>().unwrap()));
        row.end();
    }
    let mut writer = report::ParquetWriter::new(fs::File::create(case.path("s.parquet")).unwrap(), &WIDE);
    writer.write(&table).unwrap();
    writer.finish().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(case.read("s.csv").as_bytes()).unwrap();
    case.write("s.csv.gz", &packed.finish().unwrap());
    for name in ["s.csv", "s.csv.gz", "s.parquet"] {
        let output = case.run(&format!("{name} --meta m.json --out {name}.out"));
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        assert_eq!(case.read(&format!("{name}.out")), case.read("s.csv.out"), "{name}");
    }
}

#[test]
fn paths_are_judged_by_loss_and_by_round_trip() {
    let case = Case::new();
    let (bins, train_end) = (3 * 1_440, 2 * 1_440);
    let mut rows = "bin,series,sent,lost,rtt_ms\n".to_owned();
    for (i, path) in ["p", "q"].iter().enumerate() {
        for bin in 0..bins {
            let lossy = i == 0 && (3_600..3_630).contains(&bin);
            let slow = if i == 1 && bin >= 3_900 { 3.0 } else { 0.0 };
            let lost = u32::from(bin % 97 == 0) + if lossy { 40 } else { 0 };
            rows += &format!("{bin},{path},1000,{lost},{:.2}\n", 20.0 + slow + 0.1 * noise(i, bin));
        }
    }
    case.write("p.csv", rows.as_bytes());
    let meta = format!(r#"{{"bins": {bins}, "bin_s": 60, "train_end": {train_end}, "series": ["q", "p"]}}"#);
    case.write("p.json", meta.as_bytes());
    let output = case.run("p.csv --meta p.json --out s.out --flags f.out");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(case.read("s.out").starts_with("bin,q,p\n"));
    let flags = case.read("f.out");
    assert!(flagged(&flags, 0).iter().any(|bin| (3_900..3_960).contains(bin)), "{:?}", flagged(&flags, 0));
    assert!(flagged(&flags, 1).iter().any(|bin| (3_600..3_632).contains(bin)), "{:?}", flagged(&flags, 1));
    // What was observed and what was expected are of one quantity: milliseconds of q, shares lost of p.
    let told = text(&output.stdout);
    let of = |series: &str| -> (f64, f64) {
        let mut rows = told.lines().map(|row| row.split(',').collect::<Vec<_>>());
        let row = rows.find(|row| row[3] == series).unwrap();
        (row[7].parse().unwrap(), row[8].parse().unwrap())
    };
    let ((observed, expected), (lost, usual)) = (of("q"), of("p"));
    assert!((22.0..24.0).contains(&observed) && (19.0..21.0).contains(&expected), "{told}");
    assert!((0.03..0.05).contains(&lost) && usual < 0.001, "{told}");
    let inspect =
        Command::new(env!("CARGO_BIN_EXE_umbra")).arg("inspect").arg(case.path("p.csv")).output().unwrap();
    assert!(text(&inspect.stdout).contains("series of paths"), "{}", text(&inspect.stdout));
}

#[test]
fn bad_input_is_named_and_leaves_nothing_behind() {
    let case = Case::new();
    for (name, rows, expected) in [
        (
            "future",
            "99999,1,2,3\n",
            "future.csv:2: bin 99999; expected a whole number below 3456, the bins that m.json",
        ),
        ("ragged", "0,1,2,3\n1,1,2\n", "ragged.csv:3: broken CSV"),
        ("word", "0,1,two,3\n", "word.csv:2: 'two' in column 'b>c'; expected a finite number"),
        ("endless", "0,1,inf,3\n", "endless.csv:2: 'inf' in column 'b>c'; expected a finite number"),
    ] {
        let file = format!("{name}.csv");
        case.write(&file, format!("bin,a>b,b>c,c>d\n{rows}").as_bytes());
        let error = case.refused(&format!("{file} --meta m.json"));
        assert!(error.contains(expected), "{error}");
    }
    case.write("absent.csv", b"bin,a>b,b>cc,c>d\n0,1,2,3\n");
    let error = case.refused("absent.csv --meta m.json");
    assert!(error.contains("no column 'b>c'") && error.contains("did you mean 'b>cc'?"), "{error}");
    case.write("other.csv", b"\x1f\x8bno gzip");
    assert!(case.refused("other.csv --meta m.json").contains("the content looks like gzip stream"));
    case.write("other.parquet", b"bin,a\n");
    assert!(case.refused("other.parquet --meta m.json").contains("a Parquet file"));
    assert!(case.refused("none.csv --meta m.json").contains("none.csv: no such file"));
    case.write("bad.json", meta(BINS, BINS).as_bytes());
    assert!(case.refused("s.csv --meta bad.json").contains("0 < train_end < bins"));
    assert!(case.refused("s.csv --meta e.csv").contains("e.csv:1:1: "));
    case.write("bad-events.csv", b"event,type,start,end,series,snr\n1,dip,9,9,a>b,1\n");
    assert!(
        case.refused("s.csv --meta m.json --score bad-events.csv")
            .contains("bad-events.csv:2: start 9 and end 9")
    );
    case.write("long.csv", b"bin,series,sent,lost,rtt_ms\n0,a>b,-1,0,1\n");
    assert!(case.refused("long.csv --meta m.json").contains("long.csv:2: sent -1; expected a whole number"));
    for usage in ["s.csv", "s.csv --meta m.json --fa-week 0", "s.csv --meta m.json --scores x.csv"] {
        assert_eq!(case.run(usage).status.code(), Some(2), "{usage}");
    }
}

#[test]
fn oddities_are_counted_and_the_rest_is_judged() {
    let case = Case::new();
    let mut lines: Vec<String> = case.read("s.csv").lines().map(str::to_owned).collect();
    lines.swap(100, 101);
    lines.insert(200, lines[200].clone());
    lines.remove(300);
    lines[400] = "399,NaN,,5".to_owned();
    let constant: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(i, line)| {
            format!("{},{},z", &line[..line.rfind(',').unwrap()], if i == 0 { "c>d" } else { "7" })
        })
        .collect();
    case.write("odd.csv", constant.join("\n").as_bytes());
    let output = case.run("odd.csv --meta m.json --out odd.out --score e.csv");
    assert!(output.status.success());
    let said = text(&output.stderr);
    for code in
        ["unsorted-bin", "duplicate-bin", "missing-bin", "not-a-number", "constant-series", "unknown-series"]
    {
        assert!(said.contains(&format!("{code}: ")), "{code} is not in {said}");
    }
    assert!(text(&output.stdout).contains("recall,1.0,1,1"), "{}", text(&output.stdout));
    let row = case.read("odd.out").lines().nth(400).unwrap().to_owned();
    assert!(row.starts_with("399,,,"), "no opinion where nothing was seen: {row}");
}

#[test]
fn any_training_part_will_do() {
    let case = Case::new();
    for (train_end, said) in [(1, "shorter than a day"), (DAY * 2, "shorter than a week"), (BINS - 1, "")] {
        case.write("m3.json", meta(BINS, train_end).as_bytes());
        let output = case.run("s.csv --meta m3.json --out t.csv --flags t.flags");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let warned = text(&output.stderr);
        assert!(warned.contains(said) && (warned.contains("short-training") != said.is_empty()), "{warned}");
        assert_eq!(case.read("t.csv").lines().count(), BINS + 1);
    }
}

#[test]
fn maintenance_neither_alarms_nor_teaches_and_a_dry_run_writes_nothing() {
    let case = Case::new();
    case.write("w.yaml", format!("- {{series: 'b>c', from: {}, to: {}}}\n", DIP.start, DIP.end).as_bytes());
    let output = case.run("s.csv --meta m.json --maintenance w.yaml --out s.out --flags f.out");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(flagged(&case.read("f.out"), 1).iter().all(|bin| !DIP.contains(bin)));
    let inside = case.read("s.out").lines().nth(DIP.start + 1).unwrap().to_owned();
    assert_eq!(inside.split(',').nth(2), Some(""), "no opinion: {inside}");

    let before = case.names();
    let output = case.run("s.csv --meta m.json --out dry.csv --flags dry.flags --result dry --dry-run");
    assert!(output.status.success());
    assert_eq!(case.names(), before);
    assert!(text(&output.stdout).starts_with("anomaly,incident,role,series,"));
    // A device is written directly, and what stands on stdout stands alone.
    let output = case.run("s.csv --meta m.json --out /dev/stdout");
    assert!(text(&output.stdout).starts_with("bin,a>b,b>c,c>d\n0,"), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), BINS + 1);
}

#[test]
fn scores_of_others_are_judged_by_the_same_rules() {
    let case = Case::new();
    let mut scores = format!("bin,{}\n", SERIES.join(","));
    for bin in 0..BINS {
        let dip = if DIP.contains(&bin) { 9.0 } else { 0.1 * noise(7, bin) };
        scores += &format!("{bin},{0},{dip},{0}\n", 0.1 * noise(8, bin));
    }
    case.write("theirs.csv", scores.as_bytes());
    let output = case.run("s.csv --meta m.json --score e.csv --scores theirs.csv --output json");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let measure =
        |name: &str| rows.iter().find(|row| row["measure"] == name).unwrap()["value"].as_f64().unwrap();
    assert_eq!((measure("recall"), measure("delay_median_bins")), (1.0, 0.0));
    assert!(measure("auc_pr") > 0.999);
}

#[test]
fn a_flood_of_messages_is_found_in_logs_and_in_counts() {
    let case = Case::new();
    // Half an hour of two devices from 17:15 UTC on: a login a minute and a half, and one flood.
    let clock = |second: usize| format!("{:02}:{:02}", 15 + second / 60, second % 60);
    let mut r1 = "Fri Aug  4 10:53:15.926 PDT\nLog Buffer (2097152 bytes):\n\n".to_owned();
    let mut r2 = String::new();
    let mut counts = "bin,series,count\n".to_owned();
    for second in 0..1_800 {
        let at = clock(second);
        if second % 90 == 0 {
            r1 += &format!("RP/0/RP0/CPU0:2017 Aug  4 10:{at}.450 : ssh[1]: %SECURITY-SSHD-6-INFO : x\n");
            r2 += &format!("<189>1 2017-08-04T17:{at}Z r2 sshd 7 - - opened\n");
            counts += &format!("{0},r1 SECURITY-SSHD-6-INFO,1\n{0},r2 sshd,1\n", second / 10);
        }
        if (1_000..1_010).contains(&second) {
            r1 +=
                &format!("RP/0/RP0/CPU0:2017 Aug  4 10:{at}.450 : bgp[1]: %ROUTING-BGP-5-ADJCHANGE : Down\n")
                    .repeat(3);
        }
    }
    counts += "100,r1 ROUTING-BGP-5-ADJCHANGE,30\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(r1.as_bytes()).unwrap();
    fs::create_dir(case.path("logs")).unwrap();
    case.write("logs/r1.today.log.gz", &packed.finish().unwrap());
    case.write("logs/r2.log", r2.as_bytes());
    case.write("counts.csv", counts.as_bytes());
    // The last message is of bin 171.
    let series = ["r1 ROUTING-BGP-5-ADJCHANGE", "r1 SECURITY-SSHD-6-INFO", "r2 sshd"];
    let meta = format!(r#"{{"bins": 172, "bin_s": 10, "train_end": 12, "series": {series:?}}}"#);
    case.write("counts.json", meta.as_bytes());
    let logs = case.run("logs --syslog --out s.csv --flags f.csv --result r");
    assert!(logs.status.success(), "{}", text(&logs.stderr));
    assert!(text(&logs.stderr).contains("syslog-header: ") && !text(&logs.stderr).contains("syslog-line"));
    let output = case.run("counts.csv --meta counts.json --out s2.csv --flags f2.csv");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!((case.read("s.csv"), case.read("f.csv")), (case.read("s2.csv"), case.read("f2.csv")));
    assert_eq!(case.read("s.csv").lines().next(), Some(&*format!("bin,{}", series.join(","))));
    assert_eq!(flagged(&case.read("f.csv"), 0).first(), Some(&100));
    assert!((1..3).all(|quiet| flagged(&case.read("f.csv"), quiet).is_empty()), "{}", case.read("f.csv"));
    let summary: Summary = serde_json::from_str(&case.read("r/summary.json")).unwrap();
    assert_eq!(summary.extra["bin_0"], "2017-08-04T17:15:00Z");

    assert!(case.refused("s.csv --syslog").contains("no message; expected lines of syslog"));
    for usage in ["logs --syslog --meta counts.json", "logs --syslog --bin 0", "s.csv --meta m.json --bin 9"]
    {
        assert_eq!(case.run(usage).status.code(), Some(2), "{usage}");
    }
}
