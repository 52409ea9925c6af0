//! `umbra schema`: the schemas hold real files.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::Value;

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");

fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).env_remove("UMBRA_LOG").output().unwrap()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Checks the keywords of JSON Schema 2020-12 that our schemas use; panics on any other.
struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    /// What is wrong with `value`, if anything.
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
            let fine = match keyword.as_str() {
                "type" => match wanted {
                    Value::Array(types) => types.iter().any(|t| is(t, value)),
                    one => is(one, value),
                },
                "const" => wanted == value,
                "enum" => wanted.as_array().unwrap().contains(value),
                "exclusiveMinimum" => value.as_f64().is_none_or(|v| v > wanted.as_f64().unwrap()),
                "minimum" => value.as_f64().is_none_or(|v| v >= wanted.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|v| v <= wanted.as_f64().unwrap()),
                "required" => names(wanted).all(|name| value.is_null() || value.get(name).is_some()),
                "oneOf" => {
                    let fits = |s: &&Value| self.check(s, value, at).is_ok();
                    wanted.as_array().unwrap().iter().filter(fits).count() == 1
                }
                "$ref" => {
                    let name = wanted.as_str().unwrap().strip_prefix('#').unwrap();
                    self.check(self.root.pointer(name).unwrap(), value, at)?;
                    true
                }
                "items" => {
                    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(wanted, item, &format!("{at}[{i}]"))?;
                    }
                    true
                }
                "properties" | "additionalProperties" => {
                    self.members(schema, value, at)?;
                    true
                }
                "$schema" | "title" | "description" | "$defs" => true,
                other => panic!("the checker does not know '{other}'"),
            };
            if !fine {
                return Err(format!("{at}: {keyword} {wanted} does not hold for {value}"));
            }
        }
        Ok(())
    }

    fn members(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (name, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(known), _) => self.check(known, member, &at)?,
                (None, Value::Bool(false)) => return Err(format!("{at} is not in the schema")),
                (None, other @ Value::Object(_)) => self.check(other, member, &at)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the checker does not know type '{other}'"),
    }
}

fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|n| n.as_str().unwrap())
}

fn check(schema: &str, value: &Value) -> Result<(), String> {
    let root = json(&umbra(&["schema", schema]));
    Checker { root: &root }.check(&root, value, "$")
}

#[test]
fn snapshots_of_every_source_fit_their_schema() {
    let dir = tempfile::tempdir().unwrap();
    let net = dir.path().join("net.json");
    for source in [
        "lab-a/full",
        "topologies/abilene.xml",
        "topologies/Colt.graph",
        "graphml/sample.graphml",
        "rfc8345/sample.json",
    ] {
        umbra(&["import", &format!("{TESTDATA}/{source}"), "--out", net.to_str().unwrap()]);
        let mut twin: Value = serde_json::from_slice(&std::fs::read(&net).unwrap()).unwrap();
        assert_eq!(check("umbra-twin/1", &twin), Ok(()), "{source}");
        twin["entities"][0]["colour"] = "red".into();
        assert_eq!(check("umbra-twin/1", &twin), Err("$.entities[0].colour is not in the schema".into()));
    }
}

#[test]
fn what_the_demo_found_fits_its_schema() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let output = umbra(&["demo", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        check("demo", &serde_json::from_slice(&std::fs::read(out.join("demo.json")).unwrap()).unwrap()),
        Ok(())
    );
}

#[test]
fn a_result_fits_its_schemas() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let (net, traffic) =
        (format!("{TESTDATA}/lab-a/full"), format!("{TESTDATA}/pcap/captures/zeek__tcp_reassembly.pcap"));
    umbra(&["replay", &net, "--traffic", &traffic, "--out", out.to_str().unwrap()]);
    let read = |name: &str| std::fs::read(out.join(name)).unwrap();
    assert_eq!(check("summary", &serde_json::from_slice(&read("summary.json")).unwrap()), Ok(()));
    for spec in [&report::schema::LINKS, &report::schema::FLOWS, &report::schema::ENTITIES] {
        let name = format!("{}.parquet", spec.name);
        let table = report::ParquetFile::open(&out.join(name)).unwrap().table(spec).unwrap();
        assert_eq!(check(spec.name, &serde_json::to_value(&table).unwrap()), Ok(()), "{}", spec.name);
    }
}

const OVERRIDES: &str = "format: umbra-overrides/1
names: [{node: r1, name: core-1}]
sites: [{node: core-1, site: fra}]
capacities:
  - {link: [core-1:eth1, r2:eth1], capacity: 40G}
  - {port: r2:eth2, capacity: 1000000}
risk_groups: [{name: conduit-7, cause: conduit, links: [[core-1:eth1, r2:eth1]], nodes: [r3]}]
ignored_links: [[h6:eth1, r4:eth3]]
links: [{between: [core-1:eth5, r3:eth5], metric: 10, capacity: 2.5G}]
";

const MAINTENANCE: &str = "format: umbra-maintenance/1
maintenance:
  - {name: line cards, down: [r1, 3], from: 2026-03-01, until: +4h}
  - {down: r2, hours_per_year: 8}
";

const LAB: &str = "format: umbra-lab/1
name: full
nodes:
  r1: {role: router, system-name: core, lldp: receive-only, loopback: 10.0.0.1, as: 65001,
       networks: [192.0.2.0/24], bmp: 10.0.0.9:5000, recorded: false}
  r2: {role: router}
cables:
  - {between: [r1:eth1, r2:eth1], igp: ospf, network: point-to-point, cost: [10, 20],
     addresses: [10.9.0.1/24, [10.9.0.2/24, \"2001:db8::2/64\"]], alias: [null, to r1], mtu: 1400, lost: [true, false],
     up: [true, true]}
  - {between: [r1:eth2, r2:eth2], unnumbered: true}
  - {between: [r1:eth3, r2:eth3], silent: true}
";

const WATCH: &str = "nodes:
  r1:
    netlink: {netns: lab-r1, buffer: 1000000}
    lldpd: {socket: /run/lldpd.socket}
    frr: {pathspace: lab-r1, commands: [show bgp summary json], every_s: 5}
    snmp: {agent: '192.0.2.1:161', netns: lab-r1, community: public, every_s: 60}
    files: {paths: [routes.json], every_s: 5}
    bmp: {listen: '127.0.0.1:5000'}
wires:
  r1: {netns: lab-r1, interfaces: [eth1]}
bmp: {listen: '192.0.2.9:5000', netns: lab-r1, routers: {'192.0.2.1': r1}}
snapshot: net.json
checkpoint: follow.state
checkpoint_every_s: 60
";

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// The names of all properties that a schema speaks of.
fn properties(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            let own = members.get("properties").and_then(Value::as_object);
            names.extend(own.into_iter().flatten().map(|(name, _)| name.clone()));
            members.values().for_each(|v| properties(v, names));
        }
        Value::Array(items) => items.iter().for_each(|v| properties(v, names)),
        _ => {}
    }
}

/// The examples have every key of the schema, and the readers take them: a schema has no key that a reader does not know.
#[test]
fn files_that_people_write_fit_their_schemas() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("umbra-overrides/1", OVERRIDES),
        ("umbra-lab/1", LAB),
        ("umbra-maintenance/1", MAINTENANCE),
        ("watch", WATCH),
    ] {
        let root = json(&umbra(&["schema", name]));
        let check = |value: &Value| Checker { root: &root }.check(&root, value, "$");
        assert_eq!(check(&yaml(text)), Ok(()), "{name}");
        let mut names = BTreeSet::new();
        properties(&root, &mut names);
        let unused: Vec<_> = names.iter().filter(|n| !text.contains(&format!("{n}:"))).collect();
        assert!(unused.is_empty(), "{name}: the example lacks {unused:?}");
        let wrong = format!("{text}colour: red\n");
        assert_eq!(check(&yaml(&wrong)), Err("$.colour is not in the schema".into()));
        if name != "watch" || cfg!(feature = "live") {
            let inspect = |text: &str| {
                let path = folder.path().join("file.yaml");
                std::fs::write(&path, text).unwrap();
                umbra(&["inspect", path.to_str().unwrap()])
            };
            let output = inspect(text);
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(inspect(&wrong).status.code(), Some(3), "{name}");
        }
    }
    for file in ["lab-d/lab-d.yaml", "../cli/tests/lab/ring.yaml"] {
        let text = std::fs::read_to_string(format!("{TESTDATA}/{file}")).unwrap();
        assert_eq!(check("umbra-lab/1", &yaml(&text)), Ok(()), "{file}");
    }
}

#[test]
fn the_scenario_library_fits_its_schemas() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/library");
    let files = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    for path in files.filter(|p| p.extension().is_some_and(|s| s == "yaml")) {
        let file: Value = serde_saphyr::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let schema = file["format"].as_str().unwrap();
        assert_eq!(check(schema, &file), Ok(()), "{}", path.display());
        if let Some(edits) = file.get("edits") {
            let edit = serde_json::json!({ "format": "umbra-edit/1", "groups": file.get("groups").cloned().unwrap_or(serde_json::json!({})), "edits": edits });
            assert_eq!(check("umbra-edit/1", &edit), Ok(()), "{}", path.display());
        }
    }
    let wrong = serde_json::json!({ "format": "umbra-edit/1", "edits": [{ "sacle": { "factor": 2 } }] });
    assert!(check("umbra-edit/1", &wrong).is_err());
}

#[test]
fn every_name_in_the_list_has_a_schema() {
    let list = json(&umbra(&["schema", "--output", "json"]));
    let list = list.as_array().unwrap();
    assert!(list.len() > 15);
    for row in list {
        let schema = json(&umbra(&["schema", row["name"].as_str().unwrap()]));
        assert_eq!(schema["title"], row["name"]);
    }
    let output = umbra(&["schema", "scenario"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean 'scenarios'?"));
}
