//! A lab for a test: built, broken, recorded, compared and always removed.

#[cfg(feature = "live")]
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Runs `umbra`.
pub(crate) fn umbra(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_umbra")).args(args).env_remove("UMBRA_LOG").output().unwrap()
}

/// Runs a command that must not fail, and says what it printed.
pub(crate) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A lab of this test alone; dropping it removes it.
pub(crate) struct Lab {
    /// Its name.
    pub(crate) name: String,
    /// Its file.
    pub(crate) file: String,
    folder: tempfile::TempDir,
}

impl Drop for Lab {
    fn drop(&mut self) {
        umbra(&["lab", "down", &self.file]);
    }
}

impl Lab {
    /// Builds the lab of this text, with `NAME` replaced by a name of its own. `None`, said loudly, where the machine
    /// lacks something.
    pub(crate) fn up(text: &str, test: &str) -> Option<Self> {
        let lab = Self::prepare(text, test)?;
        let output = umbra(&["lab", "up", &lab.file, "--timeout", "120s"]);
        assert!(output.status.success(), "{output:?}");
        Some(lab)
    }

    /// Builds the shadow of a network, which is imported under a name of its own.
    pub(crate) fn shadow(network: &str, test: &str) -> Option<Self> {
        let mut lab = Self::prepare("", test)?;
        let net = lab.folder.path().join(format!("{}.json", lab.name));
        lab.file = net.to_str().unwrap().to_owned();
        run(env!("CARGO_BIN_EXE_umbra"), &["import", network, "--out", &lab.file]);
        let output = umbra(&["lab", "up", &lab.file, "--timeout", "120s"]);
        assert!(output.status.success(), "{output:?}");
        Some(lab)
    }

    /// Writes the lab's file and looks whether the machine has what a lab needs.
    pub(crate) fn prepare(text: &str, test: &str) -> Option<Self> {
        let name = format!("{test}-{}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lab.yaml");
        fs::write(&file, text.replace("NAME", &name)).unwrap();
        let lab = Self { name, file: file.to_str().unwrap().to_owned(), folder };
        match lab.missing() {
            None => Some(lab),
            Some(why) => {
                eprintln!("\n*** SKIPPED, nothing was tested: {why} ***\n");
                None
            }
        }
    }

    /// What the machine lacks: what `umbra lab up` of a lab with everything says, or the kernel's refusal.
    fn missing(&self) -> Option<String> {
        let probe = self.folder.path().join("probe.yaml");
        let name = format!("{}-probe", self.name);
        let text = format!(
            "format: umbra-lab/1\nname: {name}\nnodes:\n  a: {{role: router}}\n  b: {{role: router}}\n\
             cables:\n- {{between: [a:eth1, b:eth1], lost: true}}\n- {{between: [a:eth2, b:eth2], igp: isis}}\n"
        );
        fs::write(&probe, text).unwrap();
        let probe = probe.to_str().unwrap();
        let output = umbra(&["lab", "up", probe, "--timeout", "120s"]);
        umbra(&["lab", "down", probe]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let lacks = ["needs what is not here", "not permitted", "not supported"];
        let skip = !output.status.success() && lacks.iter().any(|l| error.contains(l));
        assert!(skip || output.status.success(), "{error}");
        skip.then_some(error)
    }

    fn namespace(&self, node: &str) -> String {
        format!("{}_{node}", self.name)
    }

    /// Runs a shell command in a node.
    pub(crate) fn exec(&self, node: &str, command: &str) {
        run("ip", &["netns", "exec", &self.namespace(node), "sh", "-c", command]);
    }

    /// Says something to a node's LLDP agent.
    pub(crate) fn lldp(&self, node: &str, words: &[&str]) {
        let socket = format!("/run/umbra-lab/{}/{node}.lldpd", self.name);
        run("lldpcli", &[&["-u", &socket], words].concat());
    }

    /// Gives commands to a node's routing daemons.
    pub(crate) fn vtysh(&self, node: &str, commands: &[&str]) {
        let namespace = self.namespace(node);
        let mut words = vec!["-N", &namespace];
        words.extend(commands.iter().flat_map(|c| ["-c", c]));
        run("vtysh", &words);
    }

    /// Kills all processes of this name in a node, without a word to anybody.
    pub(crate) fn kill(&self, node: &str, process: &str) {
        let pids = run("ip", &["netns", "pids", &self.namespace(node)]);
        let named = |pid: &&str| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == process)
        };
        let mut words = vec!["-c", "kill -9 \"$@\"", "kill"];
        words.extend(pids.split_whitespace().filter(named));
        assert!(words.len() > 3, "no {process} in {node}");
        run("sh", &words);
        // The kernel takes them away a little later.
        while words[3..].iter().any(|pid| fs::read_link(format!("/proc/{pid}/ns/net")).is_ok()) {
            sleep(Duration::from_millis(10));
        }
    }

    /// Lays a cable between `node:port` and the port of a host, which keeps its hardware address.
    pub(crate) fn cable(&self, a: &str, b: &str, mac: &str) {
        let ends = [a, b].map(|e| e.split_once(':').unwrap());
        let [near, far] = ends.map(|(node, port)| (self.namespace(node), port));
        let mut words = vec!["link", "add", near.1, "netns", &near.0, "type", "veth"];
        words.extend(["peer", "name", far.1, "address", mac, "netns", &far.0]);
        run("ip", &words);
        for (namespace, port) in [near, far] {
            run("ip", &["-n", &namespace, "link", "set", port, "up"]);
        }
    }

    /// The namespaces with the prefix of this lab.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir("/run/netns") else { return Vec::new() };
        let names = entries.map(|e| e.unwrap().file_name().into_string().unwrap());
        names.filter(|n| n.starts_with(&format!("{}_", self.name))).collect()
    }

    /// Nothing of the lab is there.
    pub(crate) fn assert_gone(&self) {
        assert!(self.namespaces().is_empty(), "{:?}", self.namespaces());
        for folder in ["/run/umbra-lab", "/etc/frr", "/var/run/frr"] {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            let names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            let own = |n: &&String| **n == self.name || n.starts_with(&format!("{}_", self.name));
            assert_eq!(names.iter().find(own), None, "{folder}");
        }
    }

    /// Records the lab, reads it, and waits until the tables are the truth.
    pub(crate) fn becomes(&self, when: &str, truth: &Tables, patience: Duration) {
        let end = Instant::now() + patience;
        loop {
            self.read();
            let found = Tables::read(&self.folder.path().join("tables"));
            if found == *truth {
                return;
            }
            if Instant::now() >= end {
                panic!("{when}: after {patience:?}\n{}", truth.difference(&found));
            }
            sleep(Duration::from_millis(200));
        }
    }

    /// The twin of the lab as it is now.
    pub(crate) fn net(&self) -> String {
        self.read();
        fs::read_to_string(self.folder.path().join("net.json")).unwrap()
    }

    fn read(&self) {
        let [recorded, net, tables] = ["recorded", "net.json", "tables"]
            .map(|f| self.folder.path().join(f).to_str().unwrap().to_owned());
        let _ = fs::remove_dir_all(&recorded);
        let output = umbra(&["lab", "list", &self.file, "--record", &recorded]);
        assert!(output.status.success(), "{output:?}");
        let output = umbra(&["sync", "read", &recorded, "--out", &net, "--tables", &tables]);
        assert!(output.status.success(), "{output:?}");
    }
}

/// The tables of `umbra sync read`, as far as a lab knows them: without confidence, ids of segments, and the words of
/// `why`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tables {
    /// `id name kind`, of nodes with a folder.
    nodes: BTreeSet<String>,
    /// By the first end: `a:port b:port carrier lldp_ab lldp_ba igp cost_ab cost_ba`, the lesser end first, `-` for
    /// unknown.
    cables: BTreeSet<String>,
    /// The members of each, sorted.
    segments: BTreeSet<String>,
    /// `node:port`.
    unmatched: BTreeSet<String>,
}

impl Tables {
    /// Tables as a test writes them: rows as lines.
    pub(crate) fn of(nodes: &str, cables: &str, segments: &[&str], unmatched: &str) -> Self {
        let lines =
            |text: &str| text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
        let cables: BTreeSet<String> = lines(cables);
        Self {
            nodes: lines(nodes),
            cables: cables.iter().map(|c| ordered(c)).collect(),
            segments: segments.iter().map(|s| (*s).to_owned()).collect(),
            unmatched: lines(unmatched),
        }
    }

    /// The tables of a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let rows = |name: &str| -> Vec<BTreeMap<String, String>> {
            let mut reader = csv::Reader::from_path(folder.join(name)).unwrap();
            let rows = reader.deserialize().collect::<Result<_, _>>();
            rows.unwrap_or_else(|e| panic!("{name}: {e}"))
        };
        let join = |row: &BTreeMap<String, String>, columns: &[&str]| {
            let cell = |c: &&str| if row[*c].is_empty() { "-" } else { &row[*c] };
            columns.iter().map(|c| cell(c).to_owned()).collect::<Vec<_>>().join(" ")
        };
        let of_own_folder =
            |r: &&BTreeMap<String, String>| !["external", "segment"].contains(&r["kind"].as_str());
        let nodes = rows("nodes.csv");
        let cables = rows("cables.csv");
        let cable = |r: &BTreeMap<String, String>| {
            let state = join(r, &["carrier", "lldp_ab", "lldp_ba", "igp", "cost_ab", "cost_ba"]);
            ordered(&format!("{}:{} {}:{} {state}", r["a_node"], r["a_port"], r["b_node"], r["b_port"]))
        };
        let mut segments = BTreeMap::<String, BTreeSet<String>>::new();
        for row in rows("segments.csv") {
            let member = format!("{}:{}", row["node"], row["port"]);
            segments.entry(row["segment"].clone()).or_default().insert(member);
        }
        Self {
            nodes: nodes.iter().filter(of_own_folder).map(|r| join(r, &["id", "name", "kind"])).collect(),
            cables: cables.iter().map(cable).collect(),
            segments: segments.into_values().map(|m| m.into_iter().collect::<Vec<_>>().join(" ")).collect(),
            unmatched: rows("unmatched.csv").iter().map(|r| format!("{}:{}", r["node"], r["port"])).collect(),
        }
    }

    /// Takes away the cable at `end` and says its row.
    pub(crate) fn remove_cable(&mut self, end: &str) -> String {
        let at = |c: &&String| c.split(' ').take(2).any(|e| e == end);
        let row = self.cables.iter().find(at).unwrap_or_else(|| panic!("no cable at {end}")).clone();
        self.cables.remove(&row);
        row
    }

    /// Adds a cable by its row.
    pub(crate) fn add_cable(&mut self, row: &str) {
        self.cables.insert(ordered(row));
    }

    /// Another row for the cable at `end`.
    pub(crate) fn replace_cable(&mut self, end: &str, row: &str) {
        self.remove_cable(end);
        self.add_cable(row);
    }

    /// Another name for a node.
    pub(crate) fn rename(&mut self, id: &str, name: &str) {
        let old = self.nodes.iter().find(|n| n.starts_with(&format!("{id} "))).unwrap().clone();
        let kind = old.rsplit(' ').next().unwrap();
        self.nodes.insert(format!("{id} {name} {kind}"));
        self.nodes.remove(&old);
    }

    /// What is missing (`-`) and what is too much (`+`) in `found`.
    pub(crate) fn difference(&self, found: &Self) -> String {
        let pairs = [
            (&self.nodes, &found.nodes),
            (&self.cables, &found.cables),
            (&self.segments, &found.segments),
            (&self.unmatched, &found.unmatched),
        ];
        let mut text = String::new();
        for (truth, found) in pairs {
            text.extend(truth.difference(found).map(|row| format!("- {row}\n")));
            text.extend(found.difference(truth).map(|row| format!("+ {row}\n")));
        }
        text
    }
}

/// A cable's row with the lesser end first.
fn ordered(row: &str) -> String {
    let cells: Vec<&str> = row.split(' ').collect();
    let [a, b, carrier, ab, ba, igp, cost_ab, cost_ba] = cells[..] else {
        panic!("no row of a cable: {row}")
    };
    match a <= b {
        true => row.to_owned(),
        false => [b, a, carrier, ba, ab, igp, cost_ba, cost_ab].join(" "),
    }
}
