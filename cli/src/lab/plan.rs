//! The commands and files that make a lab, and those that remove it.

use std::fmt;
use std::path::{Path, PathBuf};

use super::config;
use super::file::{Lldp, Role};
use super::model::{Lab, Node};

/// Where FRR looks for the configuration of an instance.
const FRR_ETC: &str = "/etc/frr";
/// Where FRR keeps the sockets of an instance.
const FRR_RUN: &str = "/var/run/frr";
/// Where a lab keeps its files while it is up, a folder for each.
pub(crate) const RUN: &str = "/run/umbra-lab";

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Writes a file.
    File {
        /// Where.
        path: PathBuf,
        /// What.
        text: String,
    },
    /// Runs a command: the program and its arguments.
    Run(Vec<String>),
}

impl fmt::Display for Step {
    /// As a shell would take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, text } => write!(f, "cat > {} <<'END'\n{text}END", path.display()),
            Self::Run(words) => {
                let words: Vec<_> = words.iter().map(|w| quoted(w)).collect();
                f.write_str(&words.join(" "))
            }
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The folder of a lab.
pub(crate) fn folder(lab: &str) -> PathBuf {
    Path::new(RUN).join(lab)
}

/// The socket of a node's LLDP agent.
pub(crate) fn lldp_socket(lab: &Lab, node: &Node) -> PathBuf {
    folder(&lab.name).join(format!("{}.lldpd", node.name))
}

/// The folders of a node's FRR instance.
pub(crate) fn frr_folders(namespace: &str) -> [PathBuf; 2] {
    [FRR_ETC, FRR_RUN].map(|f| Path::new(f).join(namespace))
}

fn run(words: &[&str]) -> Step {
    Step::Run(words.iter().map(|w| (*w).to_owned()).collect())
}

fn inside(node: &Node, words: &[&str]) -> Step {
    let mut all = vec!["ip", "netns", "exec", &node.namespace];
    all.extend(words);
    run(&all)
}

/// All steps that make the lab, once its folder is there. `frr` is the folder of FRR's daemons.
pub(crate) fn up(lab: &Lab, frr: &Path) -> Vec<Step> {
    let mut steps = Vec::new();
    for node in &lab.nodes {
        namespace(node, &mut steps);
    }
    for cable in &lab.cables {
        steps.push(veth(lab, cable));
    }
    for (position, node) in lab.nodes.iter().enumerate() {
        kernel(lab, position, node, &mut steps);
    }
    for node in &lab.nodes {
        routing(lab, node, frr, &mut steps);
        agent(lab, node, &mut steps);
    }
    steps
}

fn namespace(node: &Node, steps: &mut Vec<Step>) {
    steps.push(run(&["ip", "netns", "add", &node.namespace]));
    steps.push(inside(node, &["ip", "link", "set", "lo", "up"]));
    if node.role() == Role::Router {
        let settings = [
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
        ];
        steps.push(inside(node, &[&["sysctl", "-qw"], &settings[..]].concat()));
    }
}

/// The command that lays a cable.
pub(crate) fn veth(lab: &Lab, cable: &[(usize, usize); 2]) -> Step {
    let [a, b] = cable.map(|(n, p)| (&lab.nodes[n], &lab.nodes[n].ports[p]));
    let (mac_a, mac_b) = (a.1.mac.to_string(), b.1.mac.to_string());
    run(&[
        "ip",
        "link",
        "add",
        &a.1.name,
        "address",
        &mac_a,
        "netns",
        &a.0.namespace,
        "type",
        "veth", //
        "peer",
        "name",
        &b.1.name,
        "address",
        &mac_b,
        "netns",
        &b.0.namespace,
    ])
}

fn kernel(lab: &Lab, position: usize, node: &Node, steps: &mut Vec<Step>) {
    let batch = folder(&lab.name).join(format!("{}.ip", node.name));
    let name = batch.display().to_string();
    steps.push(Step::File { path: batch, text: config::ip(lab, position, node) });
    steps.push(run(&["ip", "-n", &node.namespace, "-batch", &name]));
    if node.role() == Role::Hub {
        // Bit 14: frames to 01-80-C2-00-00-0E, the address of LLDP.
        let pass = format!("echo 16384 > /sys/class/net/{}/bridge/group_fwd_mask", config::BRIDGE);
        steps.push(inside(node, &["sh", "-c", &pass]));
    }
    for port in node.ports.iter().filter(|p| p.lost) {
        steps.push(lose(node, &port.name));
    }
}

/// The command that drops whatever leaves a port; packet sockets are only stopped at egress.
fn lose(node: &Node, port: &str) -> Step {
    let rules = format!(
        "add table netdev lost; add chain netdev lost {port} {{ type filter hook egress device {port} \
         priority 0; policy drop; }}"
    );
    inside(node, &["nft", &rules])
}

fn routing(lab: &Lab, node: &Node, frr: &Path, steps: &mut Vec<Step>) {
    let daemons = config::frr(lab, node);
    if daemons.is_empty() {
        return;
    }
    let [etc, sockets] = frr_folders(&node.namespace);
    let (etc_name, sockets_name) = (etc.display().to_string(), sockets.display().to_string());
    steps.push(run(&["install", "-d", "-o", "frr", "-g", "frr", "-m", "750", &etc_name, &sockets_name]));
    steps.push(Step::File { path: etc.join("vtysh.conf"), text: String::new() });
    for (daemon, text) in &daemons {
        steps.push(Step::File { path: etc.join(format!("{daemon}.conf")), text: text.clone() });
    }
    steps.push(run(&["chown", "-R", "frr:frr", &etc_name]));
    for (daemon, _) in &daemons {
        // Without -f a distribution-wide configuration would be read instead.
        let configuration = etc.join(format!("{daemon}.conf")).display().to_string();
        let program = frr.join(daemon).display().to_string();
        let mut words = vec![program.as_str(), "-d", "-N", &node.namespace, "-A", "127.0.0.1"];
        if *daemon == "bgpd" && node.spec.bmp.is_some() {
            words.extend(["-M", "bmp"]);
        }
        words.extend(["-f", &configuration]);
        steps.push(inside(node, &words));
    }
}

fn agent(lab: &Lab, node: &Node, steps: &mut Vec<Step>) {
    if !config::has_agent(node) {
        return;
    }
    let path = folder(&lab.name).join(format!("{}.lldpd.conf", node.name));
    let receive_only = if node.lldp == Lldp::ReceiveOnly { " -r" } else { "" };
    // A host name and a run folder of its own: agents would share them otherwise. In the background, since lldpd takes a
    // second before it leaves the foreground by itself. Without name servers, which it would ask for its own name, and
    // wait for where a lab has a way out.
    let start = format!(
        "hostname {}; mkdir -p /run/lldpd; mount -t tmpfs tmpfs /run/lldpd; \
         mount --bind /dev/null /etc/resolv.conf 2> /dev/null; \
         lldpd -d{receive_only} -u {} -O {} > /dev/null 2>&1 &",
        quoted(&node.system_name),
        lldp_socket(lab, node).display(),
        path.display(),
    );
    steps.push(Step::File { path, text: config::lldpd().to_owned() });
    steps.push(inside(node, &["unshare", "--uts", "--mount", "sh", "-c", &start]));
}

/// The steps that remove the lab, for people to read: [`super::machine::down`] takes them one by one and goes on where
/// something is gone already.
pub(crate) fn down(lab: &Lab) -> Vec<Step> {
    let mut steps = Vec::new();
    for node in &lab.nodes {
        let end = format!("ip netns pids {} | xargs -r kill -9", quoted(&node.namespace));
        steps.push(run(&["sh", "-c", &end]));
        steps.push(run(&["ip", "netns", "delete", &node.namespace]));
        let folders = frr_folders(&node.namespace).map(|f| f.display().to_string());
        steps.push(run(&["rm", "-rf", &folders[0], &folders[1]]));
    }
    steps.push(run(&["rm", "-rf", &folder(&lab.name).display().to_string()]));
    steps
}
