//! Demands as a table, and the classes that it names.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use report::{ParquetFile, Table, TableSpec, schema};

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn table(folder: &Path, spec: &'static TableSpec) -> Table {
    ParquetFile::open(&folder.join(format!("{}.parquet", spec.name))).unwrap().table(spec).unwrap()
}

#[test]
fn a_table_of_demands_with_classes() {
    let work = tempfile::tempdir().unwrap();
    let text = |name: &str| work.path().join(name).display().to_string();
    let net =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/topologies/polska.xml").display().to_string();
    let (demands, classes, out) = (text("d.csv"), text("c.yaml"), work.path().join("out"));
    // Columns in any order; names of nodes; the network's own unit, which is Mbit/s, or bit/s by a letter.
    fs::write(
        &demands,
        "class,dst,src,volume,remark\nef,Warsaw,Gdansk,100,x\naf21,Warsaw,Gdansk,300,\nef,Gdansk,Warsaw,50,\n\
         af22,Warsaw,Gdansk,50,\naf21,Warsaw,Gdansk,50,\nbe,Lodz,Lodz,9,\n",
    )
    .unwrap();
    fs::write(
        &classes,
        "format: umbra-classes/1\nclasses:\n  - {name: voice, class: ef}\n  - {name: video, class: [af21, af22], share: 0.25}\n",
    )
    .unwrap();
    let run = |demands: &str| {
        umbra(&[
            "whatif",
            &net,
            "--demands",
            demands,
            "--classes",
            &classes,
            "--fail",
            "none",
            "--demands-table",
            "--out",
            out.to_str().unwrap(),
        ])
    };
    let output = run(&demands);
    assert!(output.status.success(), "{}", said(&output));
    let (arcs, found, fates) =
        (table(&out, &schema::ARCS), table(&out, &schema::CLASSES), table(&out, &schema::DEMANDS));
    assert_eq!(fates.len(), 4, "three classes of one pair, and one of the other: {fates:?}");
    // A cut that parts Gdansk from the rest: all its arcs. 500 leave, 50 come.
    let ends = |node: &str, column: &str| {
        (0..arcs.len()).filter(|i| arcs.str(column)[*i].as_deref() == Some(node)).collect::<Vec<_>>()
    };
    let load = |at: &[usize], class: &str| -> f64 {
        let is = |i: &usize| {
            found.str("class")[*i].as_deref() == Some(class)
                && at.iter().any(|a| found.u32("arc")[*i] == Some(*a as u32))
        };
        (0..found.len()).filter(is).map(|i| found.f64("base_load")[i].unwrap()).sum()
    };
    let (leave, come) = (ends("Gdansk", "src"), ends("Gdansk", "dst"));
    for (class, away, back) in [("voice", 100.0, 50.0), ("video", 100.0, 0.0), ("default", 300.0, 0.0)] {
        assert!(
            (load(&leave, class) - away).abs() < 1e-9 && (load(&come, class) - back).abs() < 1e-9,
            "{class}"
        );
    }

    let inspected = umbra(&["inspect", &demands, "--output", "csv"]);
    let lines = String::from_utf8_lossy(&inspected.stdout).into_owned();
    assert!(lines.contains("classes,4,\"ef, af21, af22, be\""), "{lines}");

    for (content, error) in [
        ("src,dst,volum\nGdansk,Warsaw,1\n", "d.csv:1: no column 'volume'"),
        (
            "src,dst,volume\nGdansk,Warsaw,1\nGdnsk,Warsaw,1\n",
            "d.csv:3: a demand of 'Gdnsk'; expected a node of the network; did you mean 'Gdansk'?",
        ),
        ("src,dst,volume\nGdansk,Warsaw,-1\n", "d.csv:2: a demand of '-1'"),
        ("src,dst,volume\nGdansk,Warsaw,inf\n", "d.csv:2: a demand of 'inf'"),
        ("src,dst,volume\nGdansk,Warsaw\n", "d.csv"),
        (
            "src,dst,volume\nGdansk,Warsaw,1\n",
            "c.yaml:3:26: a rule about 'ef', and demands that have no classes",
        ),
        (
            "src,dst,volume,class\nGdansk,Warsaw,1,eff\n",
            "no demand is of class 'ef'; expected a class of the demands; did you mean 'eff'?",
        ),
    ] {
        fs::write(&demands, content).unwrap();
        let output = run(&demands);
        assert!(
            output.status.code() == Some(3) && said(&output).contains(error),
            "{content}: {}",
            said(&output)
        );
    }
    fs::write(&demands, "src,dst,volume\nGdansk,Warsaw,100M\nGdansk,Warsaw,7\n").unwrap();
    let output =
        umbra(&["whatif", &net, "--demands", &demands, "--fail", "none", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let loads = table(&out, &schema::ARCS);
    let leaves: f64 = leave.iter().map(|i| loads.f64("base_load")[*i].unwrap()).sum();
    assert!((leaves - 107.0).abs() < 1e-9, "polska.xml is in Mbit/s: {leaves}");
}

#[test]
fn shards_refuse_classes() {
    let work = tempfile::tempdir().unwrap();
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/library/priority-classes.yaml");
    let output = umbra(&[
        "sweep",
        "plan",
        library.to_str().unwrap(),
        "--out",
        work.path().join("s").to_str().unwrap(),
    ]);
    let said = said(&output);
    assert!(
        output.status.code() == Some(3)
            && said.contains("priority-classes.yaml:")
            && said.contains("umbra whatif"),
        "{said}"
    );
}
