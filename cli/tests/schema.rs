//! `umbra schema`: the schemas hold real files.

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
