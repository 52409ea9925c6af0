//! Labs on this machine: making them, asking them, removing them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::config;
use super::model::{Lab, Node};
use super::plan::{self, Step};
use crate::failure::Failure;

/// Where distributions put FRR's daemons.
const FRR_FOLDERS: [&str; 3] = ["/usr/lib/frr", "/usr/libexec/frr", "/usr/sbin"];
/// How long is waited between two looks at something that should change.
const PAUSE: Duration = Duration::from_millis(100);
/// Where FRR's daemons keep their last words, a folder for each process.
const FRR_CRASHES: &str = "/var/tmp/frr";

/// A lab that has been made: enough to list and to remove it without its file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its name.
    pub(crate) name: String,
    /// Its nodes.
    pub(crate) nodes: Vec<RunningNode>,
}

/// A node of a lab that has been made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunningNode {
    /// Its name.
    pub(crate) name: String,
    /// Its role's word.
    pub(crate) role: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// The processes that should run there, in the order of their start.
    pub(crate) processes: Vec<String>,
}

impl Running {
    /// What should run of a lab.
    pub(crate) fn of(lab: &Lab) -> Self {
        let node = |n: &Node| {
            let daemons = config::frr(lab, n).into_iter().map(|(d, _)| d);
            let agent = config::has_agent(n).then_some("lldpd");
            RunningNode {
                name: n.name.clone(),
                role: n.role().word().to_owned(),
                namespace: n.namespace.clone(),
                processes: daemons.chain(agent).map(str::to_owned).collect(),
            }
        };
        Self { name: lab.name.clone(), nodes: lab.nodes.iter().map(node).collect() }
    }

    fn file(name: &str) -> PathBuf {
        plan::folder(name).join("lab.json")
    }

    fn read(name: &str) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::file(name)).ok()?).ok()
    }

    /// The labs that have been made, by name.
    pub(crate) fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir(plan::RUN) else { return Vec::new() };
        let mut names: Vec<_> = entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names.iter().filter_map(|n| Self::read(n)).collect()
    }
}

impl RunningNode {
    /// `up`, `down` (there is no such namespace), or `missing: …` with the processes that do not run.
    pub(crate) fn state(&self) -> String {
        if !namespace_exists(&self.namespace) {
            return "down".to_owned();
        }
        let running: Vec<_> = pids(&self.namespace).iter().filter_map(|p| process_name(*p)).collect();
        let missing: Vec<_> = self.processes.iter().filter(|p| !running.contains(p)).cloned().collect();
        match missing.is_empty() {
            true => "up".to_owned(),
            false => format!("missing: {}", missing.join(" ")),
        }
    }
}

/// What a lab needs of the machine, and has not got: each with how to get it.
pub(crate) fn missing(lab: &Lab) -> Vec<String> {
    let mut missing = Vec::new();
    if !is_root() {
        missing.push("root (run it with sudo): namespaces need CAP_SYS_ADMIN and CAP_NET_ADMIN".to_owned());
    }
    let mut need = |program: &str, package: &str| {
        if !installed(program) {
            missing.push(format!("{program} (apt-get install --no-install-recommends {package})"));
        }
    };
    for (program, package) in
        [("ip", "iproute2"), ("sysctl", "procps"), ("unshare", "util-linux"), ("mount", "mount")]
    {
        need(program, package);
    }
    if lab.nodes.iter().any(|n| n.ports.iter().any(|p| p.lost)) {
        need("nft", "nftables");
    }
    if lab.nodes.iter().any(config::has_agent) {
        need("lldpd", "lldpd");
        need("lldpcli", "lldpd");
    }
    let mut daemons: Vec<_> = lab.nodes.iter().flat_map(|n| config::frr(lab, n)).map(|(d, _)| d).collect();
    daemons.sort_unstable();
    daemons.dedup();
    if !daemons.is_empty() {
        need("vtysh", "frr");
        let folder = frr_folder();
        for daemon in daemons.iter().filter(|d| !folder.join(d).is_file()) {
            missing.push(format!("{daemon} (apt-get install --no-install-recommends frr)"));
        }
    }
    missing
}

/// The folder of FRR's daemons; Debian's where there is none.
pub(crate) fn frr_folder() -> PathBuf {
    let found = FRR_FOLDERS.into_iter().find(|f| Path::new(f).join("zebra").is_file());
    PathBuf::from(found.unwrap_or(FRR_FOLDERS[0]))
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uids = status.lines().find_map(|l| l.strip_prefix("Uid:"));
    uids.and_then(|u| u.split_whitespace().nth(1)) == Some("0") // The effective one.
}

/// Makes a lab and waits until all its daemons answer.
///
/// # Errors
/// [`Failure::Environment`] if something is missing, a lab of this name is up, a step fails, or a daemon does not
/// answer within `patience`. What had been made is removed again, but not if the lab was up before.
pub(crate) fn up(lab: &Lab, patience: Duration) -> Result<(), Failure> {
    let missing = missing(lab);
    if !missing.is_empty() {
        return Err(Failure::Environment(format!("a lab needs what is not here: {}", missing.join("; "))));
    }
    claim(lab)?;
    let made = make(lab).and_then(|()| wait(lab, patience));
    if made.is_err() {
        down(&Running::of(lab))?;
    }
    made
}

/// Takes the lab's name, or says that it is taken.
fn claim(lab: &Lab) -> Result<(), Failure> {
    let folder = plan::folder(&lab.name);
    let taken = lab.nodes.iter().find(|n| namespace_exists(&n.namespace));
    if folder.exists() || taken.is_some() {
        let what = match taken {
            Some(node) => format!("the namespace {} is there", node.namespace),
            None => format!("{} is there", folder.display()),
        };
        return Err(Failure::environment(
            format!("the lab '{}' is already up", lab.name),
            format!("{what}; `umbra lab down FILE` removes it"),
        ));
    }
    let cannot = |e| Failure::target(&folder, e);
    fs::create_dir_all(plan::RUN).and_then(|()| fs::create_dir(&folder)).map_err(cannot)?;
    // First of all: then the lab can be removed, however far it comes.
    let running = serde_json::to_vec_pretty(&Running::of(lab)).expect("names are JSON");
    fs::write(Running::file(&lab.name), running).map_err(cannot)
}

fn make(lab: &Lab) -> Result<(), Failure> {
    for step in plan::up(lab, &frr_folder()) {
        take(&step)?;
    }
    Ok(())
}

/// Takes one step.
fn take(step: &Step) -> Result<(), Failure> {
    tracing::debug!("{step}");
    match step {
        Step::File { path, text } => fs::write(path, text).map_err(|e| Failure::target(path, e)),
        Step::Run(words) => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            output(&words).map(|_| ()).map_err(|e| Failure::environment(format!("`{step}` failed"), e))
        }
    }
}

/// What a command prints, or why it failed.
///
/// # Errors
/// What the command says on stderr, or how it ended.
pub(crate) fn output(words: &[&str]) -> Result<Vec<u8>, String> {
    let [program, arguments @ ..] = words else { return Err("no command".to_owned()) };
    let mut command = Command::new(program);
    let result = command.args(arguments).stdin(Stdio::null()).output().map_err(|e| e.to_string())?;
    if result.status.success() {
        return Ok(result.stdout);
    }
    let said = String::from_utf8_lossy(&result.stderr);
    let said = said.lines().next().unwrap_or_default();
    Err(if said.is_empty() { result.status.to_string() } else { format!("{said} ({})", result.status) })
}

/// Waits until every daemon answers.
fn wait(lab: &Lab, patience: Duration) -> Result<(), Failure> {
    let end = Instant::now() + patience;
    for node in &lab.nodes {
        let namespace = node.namespace.as_str();
        let mut questions = Vec::new();
        for (daemon, _) in config::frr(lab, node) {
            questions.push((daemon, vec!["vtysh", "-N", namespace, "-d", daemon, "-c", "show version"]));
        }
        let socket = plan::lldp_socket(lab, node).display().to_string();
        if config::has_agent(node) {
            questions.push(("lldpd", vec!["lldpcli", "-u", &socket, "show", "chassis"]));
        }
        for (daemon, question) in questions {
            while let Err(why) = output(&question) {
                if Instant::now() >= end {
                    let what = format!("{daemon} of {} does not answer after {patience:?}", node.name);
                    return Err(Failure::environment(what, why));
                }
                sleep(PAUSE);
            }
            tracing::debug!("{daemon} of {} answers", node.name);
        }
    }
    Ok(())
}

/// Removes a lab, whatever is there of it: its processes, its namespaces, its folders, and nothing else. Whether
/// anything was there.
///
/// # Errors
/// [`Failure::Environment`] if something stays.
pub(crate) fn down(expected: &Running) -> Result<bool, Failure> {
    let mut namespaces = BTreeMap::new(); // The file may have changed since the lab was made.
    for running in Running::read(&expected.name).iter().chain([expected]) {
        namespaces.extend(running.nodes.iter().map(|n| (n.namespace.clone(), ())));
    }
    let mut any = false;
    for namespace in namespaces.keys().filter(|n| namespace_exists(n)) {
        any = true;
        end_processes(namespace)?;
        output(&["ip", "netns", "delete", namespace])
            .map_err(|e| Failure::environment(format!("cannot delete the namespace {namespace}"), e))?;
    }
    let folders = namespaces.keys().flat_map(|n| plan::frr_folders(n)).chain([plan::folder(&expected.name)]);
    for folder in folders.filter(|f| f.exists()) {
        any = true;
        fs::remove_dir_all(&folder)
            .map_err(|e| Failure::environment(format!("cannot remove {}", folder.display()), e))?;
    }
    Ok(any)
}

/// Ends all processes of a namespace and waits until they are gone.
fn end_processes(namespace: &str) -> Result<(), Failure> {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let pids = pids(namespace);
        if pids.is_empty() {
            return Ok(());
        }
        if Instant::now() >= end {
            let left: Vec<_> = pids.iter().filter_map(|p| process_name(*p)).collect();
            return Err(Failure::Environment(format!("{} of {namespace} do not end", left.join(", "))));
        }
        let crashes: Vec<_> = pids.iter().flat_map(|p| crash_folders(*p)).collect();
        let numbers: Vec<_> = pids.iter().map(u32::to_string).collect();
        let mut kill = vec!["sh", "-c", "kill -9 \"$@\"", "kill"];
        kill.extend(numbers.iter().map(String::as_str));
        let _ = output(&kill); // One may have ended by itself.
        for folder in crashes {
            let _ = fs::remove_dir_all(folder);
        }
        sleep(PAUSE / 5);
    }
}

/// The folders in which a daemon of FRR would leave word of a crash: a killed one does not remove them.
fn crash_folders(pid: u32) -> Vec<PathBuf> {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let targets = open.filter_map(|e| fs::read_link(e.ok()?.path()).ok());
    targets.filter(|t| t.parent() == Some(Path::new(FRR_CRASHES))).collect()
}

fn namespace_exists(namespace: &str) -> bool {
    Path::new("/run/netns").join(namespace).exists()
}

fn pids(namespace: &str) -> Vec<u32> {
    let text = output(&["ip", "netns", "pids", namespace]).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().filter_map(|l| l.trim().parse().ok()).collect()
}

fn process_name(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim().to_owned())
}
