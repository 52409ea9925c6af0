//! `umbra whatif` and `umbra sweep` from outside: published check values, and shards against one run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use report::{ParquetFile, Table, TableSpec, schema};

fn testdata(file: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/topologies").join(file).display().to_string()
}

fn umbra(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    command.env_remove("JOB_COMPLETION_INDEX").env_remove("SLURM_ARRAY_TASK_ID").args(args).output().unwrap()
}

/// Runs a command that must succeed.
fn done(args: &[&str]) {
    let output = umbra(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A network and its demands: a REPETITA name or an SNDlib file.
fn sources(net: &str) -> Vec<String> {
    if net.ends_with(".xml") {
        return vec![testdata(net)];
    }
    vec![testdata(&format!("{net}.graph")), testdata(&format!("{net}.0000.demands"))]
}

fn whatif(net: &str, fail: &str, out: &Path) {
    let sources = sources(net);
    let mut args = vec!["whatif"];
    args.extend(sources.iter().map(String::as_str));
    args.extend(["--fail", fail, "--out", out.to_str().unwrap()]);
    done(&args);
}

fn table(folder: &Path, spec: &'static TableSpec) -> Table {
    ParquetFile::open(&folder.join(format!("{}.parquet", spec.name))).unwrap().table(spec).unwrap()
}

fn near(a: f64, b: f64) -> bool {
    // Check values are printed with nine decimals.
    (a - b).abs() <= 1e-9 * b.abs() + 5e-10
}

#[test]
fn single_failures_match_published_check_values() {
    // Base, worst and mean of the largest utilisation, and how many failures lose demand: made by a slow implementation
    // of its own.
    let expected = [
        ("Abilene", 1.277013482, 1.799998493, 1.431322523, 0),
        ("AttMpls", 1.814353994, 2.109119021, 1.830383185, 0),
        ("Geant2012", 2.101663150, 2.603330196, 2.102944996, 8),
        ("Colt", 1.395679833, 1.797294000, 1.404776357, 48),
    ];
    for (net, base, worst, mean, cut) in expected {
        let out = tempfile::tempdir().unwrap();
        whatif(net, "links", out.path());
        let scenarios = table(out.path(), &schema::SCENARIOS);
        let utils: Vec<_> = scenarios.f64("max_util").iter().flatten().copied().collect();
        let failures = &utils[1..];
        assert!(near(utils[0], base), "{net}: base {}", utils[0]);
        assert!(near(failures.iter().copied().fold(0.0, f64::max), worst), "{net}");
        assert!(near(failures.iter().sum::<f64>() / failures.len() as f64, mean), "{net}");
        assert_eq!(scenarios.f64("lost").iter().flatten().filter(|l| **l > 0.0).count(), cut, "{net}");
        let arcs = table(out.path(), &schema::ARCS);
        let worst_arc = arcs.f64("worst_util").iter().flatten().copied().fold(0.0, f64::max);
        assert!(near(worst_arc, worst), "{net}: the worst arc and the worst scenario are one");
    }
}

#[test]
fn the_worst_of_an_arc_are_the_ten_fullest_of_all_failures() {
    let out = tempfile::tempdir().unwrap();
    whatif("polska.xml", "links:2", out.path());
    let worst = table(out.path(), &schema::WORST);
    let base = table(out.path(), &schema::ARCS);
    let scenarios = table(out.path(), &schema::SCENARIOS);
    assert_eq!(scenarios.len(), 1 + 18 * 17 / 2);
    // Each pair of links alone, through the list of patterns.
    let mut alone = vec![Vec::new(); base.len()];
    for (i, links) in scenarios.list_u32("failed_links").iter().flatten().enumerate().skip(1) {
        let single = tempfile::tempdir().unwrap();
        let file = single.path().join("one.txt");
        fs::write(&file, links.iter().map(u32::to_string).collect::<Vec<_>>().join(",")).unwrap();
        if i % 17 != 0 {
            continue; // a process each: some are enough
        }
        whatif("polska.xml", &format!("patterns:{}", file.display()), &single.path().join("out"));
        let arcs = table(&single.path().join("out"), &schema::ARCS);
        for (arc, util) in arcs.f64("worst_util").iter().flatten().enumerate() {
            alone[arc].push((i as u32, *util));
        }
    }
    let (arcs, ids, utils) = (worst.u32("arc"), worst.u32("scenario"), worst.f64("util"));
    for (arc, sampled) in alone.iter().enumerate() {
        let of_arc: Vec<_> = (0..worst.len())
            .filter(|i| arcs[*i] == Some(arc as u32))
            .map(|i| (ids[i].unwrap(), utils[i].unwrap()))
            .collect();
        assert_eq!(of_arc.len(), 10);
        assert!(of_arc.windows(2).all(|w| w[0].1 >= w[1].1));
        for (scenario, util) in sampled {
            match of_arc.iter().find(|(s, _)| s == scenario) {
                Some((_, kept)) => assert!((kept - util).abs() <= 1e-9 * util),
                None => assert!(*util <= of_arc[9].1 * (1.0 + 1e-9), "arc {arc} misses scenario {scenario}"),
            }
        }
    }
}

/// The tables of a result folder by name, as bytes.
fn tables(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let tables = files.filter(|path| path.extension().is_some_and(|suffix| suffix == "parquet"));
    tables.map(|path| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap())).collect()
}

/// Both folders have the same tables with the same bytes; their names.
fn same_tables(a: &Path, b: &Path) -> Vec<String> {
    let (a, b) = (tables(a), tables(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(*bytes == b[name], "{name} differs");
    }
    a.into_keys().collect()
}

/// A study that asks for everything: groups, an edit, measured traffic, maintenance.
fn everything(folder: &Path) -> String {
    let (net, series) = (testdata("abilene.xml"), testdata("../series/abilene_5min_3h.parquet"));
    let groups = folder.join("groups.yaml");
    let conduits = "{west: [SNVAng - STTLng, DNVRng - SNVAng], east: [2, 3, 4], same: [4, 3, 2], one: [5], site: [HSTNng]}";
    fs::write(&groups, format!("format: umbra-groups/1\ngroups: {conduits}\n")).unwrap();
    let text = format!(
        "format: umbra-scenario/1\nnetwork: {net}\nfail: groups:groups.yaml\nthreshold: 0.01\n\
         window: {{series: {series}, from: 2004-03-01T01:00, until: +10m}}\n\
         edits: [{{down: NYCMng - WASHng}}, {{scale: {{factor: 2, from: ATLAng}}}}, {{remove: ATLAM5}}]\n\
         maintenance: [{{down: CHINng, from: 2004-03-01T01:00, until: +10m}}, {{down: link:1, hours_per_year: 3}}]\n"
    );
    let file = folder.join("everything.yaml");
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn all_tables_have_the_same_bytes_on_any_number_of_threads() {
    let work = tempfile::tempdir().unwrap();
    let study = everything(work.path());
    let (polska, germany) = (testdata("polska.xml"), testdata("nobel-germany.xml"));
    let whatif = ["whatif", &study, "--demands-table", "--latency-bound", "20"];
    let commands: [(&[&str], usize); 4] = [
        (&whatif, 12),
        (&["whatif", &germany, "--fail", "links:2", "--latency-bound", "5", "--optimal"], 7),
        (&["growth", &polska, "--growth", "30%", "--limit", "10"], 2),
        (&["upgrade", &polska, "--limit", "1"], 2),
    ];
    for (number, (command, count)) in commands.into_iter().enumerate() {
        let out = |threads: &str| work.path().join(format!("{number}-{threads}"));
        for threads in ["1", "2", "4"] {
            let out = out(threads).display().to_string();
            done(&[command, &["--threads", threads, "--out", &out]].concat());
        }
        let names = same_tables(&out("1"), &out("2"));
        same_tables(&out("1"), &out("4"));
        assert_eq!(names.len(), count, "{names:?}");
    }
}

#[test]
fn shards_end_with_the_findings_of_a_scenario_file() {
    let work = tempfile::tempdir().unwrap();
    let text = |name: &str| work.path().join(name).display().to_string();
    for (threshold, code) in [("0.1", 1), ("100", 0)] {
        let study = format!(
            "format: umbra-scenario/1\nnetwork: {}\nthreshold: {threshold}\nlatency_bound_ms: 1\nfail_on: overload\n",
            testdata("polska.xml")
        );
        fs::write(work.path().join("s.yaml"), study).unwrap();
        assert_eq!(umbra(&["whatif", &text("s.yaml"), "--out", &text("one")]).status.code(), Some(code));
        done(&["sweep", "plan", &text("s.yaml"), "--out", &text("sweep")]);
        fs::remove_dir_all(work.path().join("sweep/parts")).ok();
        done(&["sweep", "run", &text("sweep")]);
        let merge = umbra(&["sweep", "merge", &text("sweep"), "--out", &text("merged")]);
        assert_eq!(merge.status.code(), Some(code));
        let summary = fs::read_to_string(work.path().join("merged/summary.json")).unwrap();
        assert!(summary.contains("\"latency-bound\""), "{summary}");
    }
}

#[test]
fn a_scenario_file_is_swept_in_shards_like_in_one_run() {
    let work = tempfile::tempdir().unwrap();
    let study = everything(work.path());
    let path = |name: &str| work.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    done(&["whatif", &study, "--out", &text("one")]);
    for (shards, threads) in [(1, "1"), (3, "2"), (7, "4")] {
        let (sweep, merged, count) =
            (text(&format!("sweep{shards}")), format!("merged{shards}"), shards.to_string());
        done(&["sweep", "plan", &study, "--out", &sweep, "--shards", &count]);
        for shard in 0..shards {
            done(&["sweep", "run", &sweep, "--shard", &format!("{shard}/{shards}"), "--threads", threads]);
        }
        done(&["sweep", "merge", &sweep, "--out", &text(&merged)]);
        let names = same_tables(&path("one"), &path(&merged));
        assert_eq!(names.len(), 10, "{names:?}");
        // The pages differ only in how to make them again.
        let page = |folder: &str| fs::read_to_string(path(folder).join("report.html")).unwrap();
        let body = |page: String| {
            page.split("umbra whatif").next().unwrap().split("umbra sweep").next().unwrap().to_owned()
        };
        assert!(page(&merged).contains("<h1>"));
        assert_eq!(body(page("one")).split("</h1>").next(), body(page(&merged)).split("</h1>").next());
    }
    // What the file names may not change between shards.
    fs::write(path("groups.yaml"), "format: umbra-groups/1\ngroups: {west: [1]}\n").unwrap();
    assert_eq!(umbra(&["sweep", "run", &text("sweep3"), "--shard", "0/3"]).status.code(), Some(3));
}

#[test]
fn shards_of_any_number_give_the_bytes_of_one_run() {
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name);
    let text = |path: PathBuf| path.display().to_string();
    whatif("AttMpls", "links:2", &path("one"));
    let sources = sources("AttMpls");
    for (shards, threads) in [(1, "1"), (3, "2"), (7, "4")] {
        let sweep = text(path(&format!("sweep{shards}")));
        let count = shards.to_string();
        let mut plan = vec!["sweep", "plan", "--fail", "links:2", "--out", &sweep, "--shards", &count];
        plan.extend(sources.iter().map(String::as_str));
        done(&plan);
        let out = text(path(&format!("merged{shards}")));
        assert_eq!(umbra(&["sweep", "merge", &sweep, "--out", &out]).status.code(), Some(4));
        assert!(!Path::new(&out).exists());
        for shard in (0..shards).rev() {
            done(&["sweep", "run", &sweep, "--shard", &format!("{shard}/{shards}"), "--threads", threads]);
        }
        done(&["sweep", "merge", &sweep, "--out", &out]);
        same_tables(&path("one"), Path::new(&out));
    }
}

#[test]
fn what_a_killed_run_leaves_is_done_again_and_nothing_else() {
    let work = tempfile::tempdir().unwrap();
    let sweep = work.path().join("sweep");
    let (folder, net) = (sweep.display().to_string(), testdata("polska.xml"));
    done(&["sweep", "plan", &net, "--out", &folder, "--shards", "2"]);
    done(&["sweep", "run", &folder, "--shard", "0/2"]);
    let first = fs::read_dir(sweep.join("parts")).unwrap().next().unwrap().unwrap().path();
    let stamp = |path: &Path| fs::metadata(path.join("summary.json")).unwrap().modified().unwrap();
    let before = stamp(&first);
    // A run that was killed leaves a part without a summary, with a table cut short.
    done(&["sweep", "run", &folder, "--shard", "1/2"]);
    let second =
        fs::read_dir(sweep.join("parts")).unwrap().map(|e| e.unwrap().path()).find(|p| *p != first).unwrap();
    fs::remove_file(second.join("summary.json")).unwrap();
    fs::write(second.join("scenarios.parquet"), b"PAR1").unwrap();
    let out = work.path().join("out");
    assert_eq!(umbra(&["sweep", "merge", &folder, "--out", out.to_str().unwrap()]).status.code(), Some(4));
    let mut killed = Command::new(env!("CARGO_BIN_EXE_umbra"));
    let mut killed = killed.args(["sweep", "run", &folder, "--shard", "1/2"]).spawn().unwrap();
    killed.kill().unwrap(); // SIGKILL, wherever it is by now
    killed.wait().unwrap();
    for shard in ["0/2", "2/2", "1/2"] {
        done(&["sweep", "run", &folder, "--shard", shard]);
    }
    assert_eq!(stamp(&first), before, "a whole part is left alone");
    done(&["sweep", "merge", &folder, "--out", out.to_str().unwrap()]);
    whatif("polska.xml", "links", &work.path().join("one"));
    same_tables(&work.path().join("one"), &out);
}

#[test]
fn what_cannot_get_better_is_told_from_what_can() {
    let work = tempfile::tempdir().unwrap();
    let copy = work.path().join("net.xml");
    fs::copy(testdata("polska.xml"), &copy).unwrap();
    let (net, sweep) = (copy.display().to_string(), work.path().join("sweep").display().to_string());
    let code = |args: &[&str]| umbra(args).status.code();
    assert_eq!(code(&["sweep", "run", &sweep, "--shard", "0/1"]), Some(3), "no manifest");
    done(&["sweep", "plan", &net, "--out", &sweep, "--shards", "2"]);
    assert_eq!(code(&["sweep", "run", &sweep]), Some(2), "which shard?");
    assert_eq!(code(&["sweep", "run", &sweep, "--shard", "3/2"]), Some(2));
    let text = fs::read_to_string(&copy).unwrap();
    fs::write(&copy, text.replacen("<demandValue>", "<demandValue>1", 1)).unwrap();
    assert_eq!(code(&["sweep", "run", &sweep, "--shard", "0/2"]), Some(3), "another network than planned");
    let patterns = work.path().join("p.txt");
    fs::write(&patterns, "1,2\n3, 99 # no such link\n").unwrap();
    let output =
        umbra(&["whatif", &net, "--fail", &format!("patterns:{}", patterns.display()), "--out", &sweep]);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("p.txt:2:3: found '99'; expected a link number below 18"), "{error}");
    fs::write(&patterns, "# none yet\n").unwrap();
    let output =
        umbra(&["whatif", &net, "--fail", &format!("patterns:{}", patterns.display()), "--out", &sweep]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("p.txt: no set of links; expected a line"));
}

#[test]
fn the_page_says_what_the_tables_say() {
    let work = tempfile::tempdir().unwrap();
    let page = |folder: &str| fs::read_to_string(work.path().join(folder).join("report.html")).unwrap();
    let net = testdata("polska.xml");
    let run = |threads: &str, out: &str, more: &[&str]| {
        let out = work.path().join(out).display().to_string();
        let mut args = vec!["whatif", &net, "--threads", threads, "--threshold", "4", "--out", &out];
        args.extend(more);
        done(&args);
    };
    run("1", "one", &[]);
    run("3", "three", &["--quiet"]);
    assert!(page("one") == page("three"), "threads and folders leave no trace");
    let arcs = table(&work.path().join("one"), &schema::ARCS);
    let utils = arcs.f64("worst_util");
    let fuller = |a: usize, b: usize| if utils[b] > utils[a] { b } else { a };
    let worst = (0..utils.len()).reduce(fuller).unwrap(); // the first of equals
    let end = |column| arcs.str(column)[worst].clone().unwrap();
    let name = format!("{} → {}", end("src"), end("dst"));
    let headline = page("one").split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap().to_owned();
    assert!(headline.contains(&name), "{headline} without {name}");
    assert!(headline.contains(&format!("{:.0}", utils[worst].unwrap() * 100.0)), "{headline}");
    assert!(!page("one").contains("id=\"changes\"") && !page("one").contains("://"));

    let edit = work.path().join("edit.yaml");
    fs::write(&edit, "format: umbra-edit/1\nedits: [{scale: {factor: 2}}]\n").unwrap();
    run("1", "edited", &["--edit", edit.to_str().unwrap()]);
    assert!(page("edited").contains("than before the edit: 36 arcs; emptier: none."));
}

#[test]
fn a_page_does_not_grow_with_the_failures() {
    let work = tempfile::tempdir().unwrap();
    let size = |fail: &str| {
        whatif("AttMpls", fail, work.path());
        fs::metadata(work.path().join("report.html")).unwrap().len()
    };
    let (one, two) = (size("links"), size("links:2"));
    assert!(two < one + one / 4, "28 times as many failures: {one} and {two} bytes");
}

/// Whether two nodes reach each other over links that are not down, both ways alike.
fn joined(links: &[(String, String)], down: &[usize], src: &str, dst: &str) -> bool {
    let mut seen = vec![src];
    let mut at = 0;
    while at < seen.len() {
        for (_, (a, b)) in links.iter().enumerate().filter(|(link, _)| !down.contains(link)) {
            let other = if a == seen[at] {
                b
            } else if b == seen[at] {
                a
            } else {
                continue;
            };
            if !seen.contains(&other.as_str()) {
                seen.push(other);
            }
        }
        at += 1;
    }
    seen.contains(&dst)
}

#[test]
fn who_loses_only_the_spare_way_is_told_apart_from_who_is_cut_off() {
    let out = tempfile::tempdir().unwrap();
    let net = testdata("polska.xml");
    let run = |folder: &Path, more: &[&str]| {
        let mut args = vec!["whatif", &net, "--output", "json", "--out", folder.to_str().unwrap()];
        args.extend(more);
        let output = umbra(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()[0].take()
    };
    let row = run(out.path(), &["--fail", "links:2"]);
    let arcs = table(out.path(), &schema::ARCS);
    let links: Vec<(String, String)> = (0..arcs.len())
        .step_by(2)
        .map(|i| (arcs.str("src")[i].clone().unwrap(), arcs.str("dst")[i].clone().unwrap()))
        .collect();
    let redundancy = table(out.path(), &schema::REDUNDANCY);
    let scenarios = table(out.path(), &schema::SCENARIOS);
    // Each demand stands in one direction in a file and in both here; all pairs have one.
    let names: std::collections::BTreeSet<_> = links.iter().flat_map(|(a, b)| [a, b]).collect();
    let pairs: Vec<_> =
        names.iter().flat_map(|a| names.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b).collect();
    let rows: std::collections::BTreeMap<_, _> =
        redundancy.u32("scenario").iter().enumerate().map(|(i, s)| (s.unwrap() as usize, i)).collect();
    let (mut cut_by, mut exposed_by) = (0, 0);
    let fragile = |down: &[usize], (a, b): (&str, &str)| {
        (0..links.len()).any(|l| !joined(&links, &[down, &[l]].concat(), a, b))
    };
    for (scenario, down) in scenarios.list_u32("failed_links").iter().enumerate().skip(1) {
        let down: Vec<_> = down.iter().flatten().map(|l| *l as usize).collect();
        if scenario % 5 != 0 {
            continue; // the search is slow: some are enough
        }
        let cut = pairs.iter().filter(|(a, b)| !joined(&links, &down, a, b)).count() as u32;
        let thin = |(a, b): &&(&String, &String)| {
            joined(&links, &down, a, b) && fragile(&down, (a, b)) && !fragile(&[], (a, b))
        };
        let exposed = pairs.iter().filter(thin).count() as u32;
        let found = rows.get(&scenario).map_or((0, 0), |row| {
            (redundancy.u32("cut_demands")[*row].unwrap(), redundancy.u32("exposed_demands")[*row].unwrap())
        });
        assert_eq!(found, (cut, exposed), "scenario {scenario}: {down:?}");
    }
    for row in 0..redundancy.len() {
        let cuts = redundancy.u32("cut_demands")[row] > Some(0);
        (cut_by, exposed_by) = (cut_by + u32::from(cuts), exposed_by + u32::from(!cuts));
    }
    assert_eq!((&row["cut_off_by"], &row["exposed_by"]), (&cut_by.into(), &exposed_by.into()));
    let page = fs::read_to_string(out.path().join("report.html")).unwrap();
    assert!(page.contains("Who loses only the spare way") && page.contains("id=\"redundancy\""));
    let dry = run(&out.path().join("dry"), &["--fail", "links:2", "--dry-run"]);
    assert_eq!((&dry["cut_off_by"], &dry["exposed_by"]), (&cut_by.into(), &exposed_by.into()));
}

#[test]
fn classes_add_up_and_the_lowest_is_squeezed_first() {
    let work = tempfile::tempdir().unwrap();
    let (file, out) = (work.path().join("c.yaml"), work.path().join("out"));
    let text = "format: umbra-classes/1\ngroups: {coast: [Gdansk, Szczecin, Kolobrzeg]}\nclasses:\n  \
                - {name: voice, share: 0.125}\n  - {name: video, share: 0.5, from: coast}\n  \
                - {name: data, volume: 10, to: Warsaw}\n  - {name: data, volume: 5, at: coast}\n";
    fs::write(&file, text).unwrap();
    let (net, classes, folder) =
        (testdata("polska.xml"), file.display().to_string(), out.display().to_string());
    done(&["whatif", &net, "--classes", &classes, "--demands-table", "--out", &folder]);
    let (arcs, found) = (table(&out, &schema::ARCS), table(&out, &schema::CLASSES));
    let names: Vec<_> = found.str("class").iter().flatten().take(4).map(String::as_str).collect();
    assert_eq!(
        names,
        ["voice", "video", "data", "default"],
        "in the order of their first mention, the rest last"
    );
    assert_eq!(found.len(), 4 * arcs.len());
    for arc in 0..arcs.len() {
        let of = |column: &str| {
            found.f64(column)[4 * arc..4 * arc + 4].iter().map(|v| v.unwrap()).collect::<Vec<_>>()
        };
        let sum: f64 = of("base_load").iter().sum();
        let load = arcs.f64("base_load")[arc].unwrap();
        assert!((sum - load).abs() <= 1e-9 * load);
        assert!(near(of("base_util")[3], arcs.f64("base_util")[arc].unwrap()));
        assert!(
            near(of("worst_util")[3], arcs.f64("worst_util")[arc].unwrap()),
            "the lowest sees all that is there"
        );
        assert!(of("worst_util").windows(2).all(|w| w[0] <= w[1] * (1.0 + 1e-12)));
        // Only a class that is served in full lets anything through to the next.
        let (loads, served) = (of("base_load"), of("base_served"));
        let through: f64 = loads.iter().zip(&served).map(|(l, s)| l * s).sum();
        let capacity = arcs.f64("capacity")[arc].unwrap();
        assert!((through - load.min(capacity)).abs() <= 1e-9 * load.max(1.0), "arc {arc}");
    }
    let (scenarios, by_class) = (table(&out, &schema::SCENARIOS), table(&out, &schema::CLASS_SCENARIOS));
    assert_eq!(by_class.len(), 4 * scenarios.len());
    for scenario in 0..scenarios.len() {
        let row = 4 * scenario + 3;
        assert!(near(by_class.f64("max_util")[row].unwrap(), scenarios.f64("max_util")[scenario].unwrap()));
    }
    let demands = table(&out, &schema::DEMANDS);
    let of = |src: &str, dst: &str| {
        let is = |i: &usize| {
            demands.u32("scenario")[*i] == Some(0)
                && demands.str("src")[*i].as_deref() == Some(src)
                && demands.str("dst")[*i].as_deref() == Some(dst)
        };
        let rows = (0..demands.len()).filter(is);
        rows.map(|i| demands.str("service")[i].clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of("Gdansk", "Warsaw"), ["voice", "video", "data", "default"]);
    assert_eq!(of("Krakow", "Lodz"), ["voice", "default"]);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("id=\"classes\"") && page.contains("video"));
    for (wrong, error) in [
        ("- {name: a, share: 1.5}", "4:22: found 1.5; expected a share above 0 and at most 1"),
        ("- {name: a, share: 0.6}\n  - {name: b, share: 0.5}", "5:22: 'b' takes more of"),
        ("- {name: a, from: Gdnsk}", "4:21: unknown node 'Gdnsk'"),
        ("- {name: a, from: Gdansk, to: Gdansk}", "4:12: no demand is meant by this rule of 'a'"),
        ("- {name: a, share: 0.1, volume: 3}", "a share and a volume"),
        ("- {nmae: a}", "did you mean 'name'?"),
    ] {
        let text = format!("format: umbra-classes/1\nclasses:\n\n  {wrong}\n");
        fs::write(&file, text).unwrap();
        let output = umbra(&["whatif", &net, "--classes", &classes, "--out", &folder]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(3) && said.contains(error), "{wrong}: {said}");
    }
}

#[test]
fn members_of_a_bundle_fail_alone() {
    let work = tempfile::tempdir().unwrap();
    let edit = work.path().join("edit.yaml");
    let text = "format: umbra-edit/1\nedits: [{bundle: {links: Link_0_10, members: 4, min_links: 3}}]\n";
    fs::write(&edit, text).unwrap();
    let (net, edit, out) = (testdata("polska.xml"), edit.display().to_string(), work.path().join("out"));
    let run = |fail: &str| {
        done(&["whatif", &net, "--edit", &edit, "--fail", fail, "--out", out.to_str().unwrap()]);
        (table(&out, &schema::SCENARIOS), table(&out, &schema::ARCS))
    };
    let (scenarios, arcs) = run("members");
    assert_eq!(scenarios.len(), 1 + 17 + 4, "17 other links and four members");
    assert_eq!(scenarios.list_u32("failed_links")[18], Some(vec![18]));
    // A member takes a quarter of the capacity and moves nothing: a third more on the rest.
    let member = work.path().join("one.txt");
    fs::write(&member, "18\n19,20\n0\n").unwrap();
    let (_, of_members) = run(&format!("patterns:{}", member.display()));
    let base = arcs.f64("base_util")[0].unwrap();
    let worst = table(&out, &schema::WORST);
    let rows: Vec<_> = (0..worst.len()).filter(|i| worst.u32("arc")[*i] == Some(0)).collect();
    assert!(near(worst.f64("util")[rows[0]].unwrap(), base * 4.0 / 3.0));
    assert_eq!(
        rows.iter().skip(1).map(|i| worst.f64("util")[*i]).collect::<Vec<_>>(),
        [Some(0.0), Some(0.0)]
    );
    // Two of them are the link as a whole.
    let (two, whole) = (table(&out, &schema::SCENARIOS), of_members);
    assert_eq!(two.f64("max_util")[2], two.f64("max_util")[3]);
    assert!(whole.len() == arcs.len());
}

/// Great-circle kilometres, by the spherical law of cosines.
#[test]
fn a_network_without_links_has_failures_of_nodes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (net, demands) = (at("net.graph"), at("net.demands"));
    fs::write(&net, "NODES 2\nlabel x y\na 0 0\nb 1 1\n\nEDGES 0\nlabel src dest weight bw delay\n").unwrap();
    fs::write(&demands, "DEMANDS 1\nlabel src dest bw\nd 0 1 5\n").unwrap();
    let failures = [net.as_str(), &demands, "--fail", "nodes"];
    done(&[&["whatif"][..], &failures, &["--out", &at("one")]].concat());
    let scenarios = table(Path::new(&at("one")), &schema::SCENARIOS);
    assert_eq!(scenarios.f64("lost"), [Some(5.0), Some(0.0), Some(0.0)]);
    assert_eq!(scenarios.f64("lost_own"), [Some(0.0), Some(5.0), Some(5.0)]);
    let page = fs::read_to_string(folder.path().join("one/report.html")).unwrap();
    assert!(page.contains("A network without links"));

    done(&[&["sweep", "plan"][..], &failures, &["--shards", "1", "--out", &at("sweep")]].concat());
    done(&["sweep", "run", &at("sweep")]);
    done(&["sweep", "merge", &at("sweep"), "--out", &at("merged")]);
    same_tables(Path::new(&at("one")), Path::new(&at("merged")));
}

fn km(a: (f64, f64), b: (f64, f64)) -> f64 {
    let [(x1, y1), (x2, y2)] = [a, b].map(|(x, y): (f64, f64)| (x.to_radians(), y.to_radians()));
    6371.0 * (y1.sin() * y2.sin() + y1.cos() * y2.cos() * (x1 - x2).cos()).acos()
}

#[test]
fn latency_is_that_of_fibre_over_the_great_circle_where_no_delay_is_given() {
    let work = tempfile::tempdir().unwrap();
    let out = work.path().join("out");
    let folder = out.display().to_string();
    done(&["whatif", &testdata("abilene.xml"), "--fail", "none", "--demands-table", "--out", &folder]);
    // SNDlib gives no delays. Coordinates as in the file; these two are neighbours, and the third lies behind the second.
    let (seattle, denver, kansas) = ((-122.3, 47.6), (-105.0, 40.75), (-96.596704, 38.961694));
    let demands = table(&out, &schema::DEMANDS);
    let latency = |src: &str, dst: &str| {
        let is = |i: &usize| {
            demands.str("src")[*i].as_deref() == Some(src) && demands.str("dst")[*i].as_deref() == Some(dst)
        };
        demands.f64("latency_ms")[(0..demands.len()).find(is).unwrap()].unwrap()
    };
    let direct = km(seattle, denver) * 5e-3;
    assert!((latency("STTLng", "DNVRng") - direct).abs() < 1e-4, "{} {direct}", latency("STTLng", "DNVRng"));
    let far = direct + km(denver, kansas) * 5e-3;
    assert!((latency("STTLng", "KSCYng") - far).abs() < 1e-4, "{} {far}", latency("STTLng", "KSCYng"));
    let told = |text: &str| fs::read_to_string(out.join("summary.json")).unwrap().contains(text);
    assert!(!told("arcs have no delay") && !told("neither a delay"), "the reader gave each link its length");
    // A twin that has lost its delays has the same, and says so.
    let net = work.path().join("net.json");
    done(&["import", &testdata("abilene.xml"), "--out", net.to_str().unwrap()]);
    let mut twin: serde_json::Value = serde_json::from_slice(&fs::read(&net).unwrap()).unwrap();
    twin["half_links"].as_array_mut().unwrap().iter_mut().for_each(|half| half["delay"] = 0.into());
    fs::write(&net, twin.to_string()).unwrap();
    done(&["whatif", net.to_str().unwrap(), "--fail", "none", "--demands-table", "--out", &folder]);
    let same = table(&out, &schema::DEMANDS);
    for (a, b) in demands.f64("latency_ms").iter().zip(same.f64("latency_ms")) {
        assert!((a.unwrap() - b.unwrap()).abs() < 1e-6);
    }
    assert!(told("30 arcs have no delay") && !told("neither a delay"));
    // Pixels are no places.
    done(&["whatif", &testdata("norway.xml"), "--fail", "none", "--demands-table", "--out", &folder]);
    assert!(told("102 arcs have neither a delay nor places") && !told("arcs have no delay"));
    let blind = table(&out, &schema::DEMANDS);
    assert!(blind.f64("latency_ms").iter().flatten().all(|ms| *ms == 0.0));
    assert!(blind.f64("stretch").iter().all(Option::is_none));
}
