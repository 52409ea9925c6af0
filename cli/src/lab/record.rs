//! Recording a lab: what each node's tools print, in the folders that `umbra sync read` takes.

use std::fs;
use std::path::Path;

use super::config;
use super::machine::output;
use super::model::{Lab, Node};
use super::plan::lldp_socket;
use crate::failure::Failure;
use crate::target;

/// What is asked of the kernel, in the node's namespace.
const KERNEL: &[(&str, &[&str])] = &[
    ("ip-link.json", &["ip", "-j", "-d", "link"]),
    ("ip-addr.json", &["ip", "-j", "addr"]),
    ("ip-route.json", &["ip", "-j", "-d", "route", "show", "table", "all"]),
    ("ip-neigh.json", &["ip", "-j", "neigh"]),
];

/// What is asked of a relay's bridge.
const BRIDGE: &[(&str, &[&str])] = &[
    ("bridge-link.json", &["bridge", "-j", "-d", "link"]),
    ("bridge-fdb.json", &["bridge", "-j", "-d", "fdb"]),
];

/// What is asked of the LLDP agent.
const LLDP: &[(&str, &str)] = &[
    ("lldp-neighbors.json", "neighbors"),
    ("lldp-chassis.json", "chassis"),
    ("lldp-interfaces.json", "interfaces"),
];

/// What is asked of FRR's daemons.
const FRR: &[(&str, &[(&str, &str)])] = &[
    (
        "zebra",
        &[
            ("frr-interface.json", "show interface json"),
            ("frr-ip-route.json", "show ip route json"),
            ("frr-running-config.txt", "show running-config"),
        ],
    ),
    (
        "ospfd",
        &[
            ("frr-ospf-neighbor-detail.json", "show ip ospf neighbor detail json"),
            ("frr-ospf-database-router.json", "show ip ospf database router json"),
            ("frr-ospf-database-network.json", "show ip ospf database network json"),
            ("frr-ospf-interface.json", "show ip ospf interface json"),
        ],
    ),
    (
        "ospf6d",
        &[
            ("frr-ospf6-neighbor-detail.json", "show ipv6 ospf6 neighbor detail json"),
            ("frr-ospf6-interface.json", "show ipv6 ospf6 interface json"),
            ("frr-ospf6-database-router.json", "show ipv6 ospf6 database router detail json"),
            ("frr-ospf6-database-link.json", "show ipv6 ospf6 database link detail json"),
        ],
    ),
    (
        "isisd",
        &[
            ("frr-isis-neighbor.json", "show isis neighbor detail json"),
            ("frr-isis-interface.json", "show isis interface detail json"),
            ("frr-isis-database.txt", "show isis database detail"),
        ],
    ),
    (
        "bgpd",
        &[
            ("frr-bgp-summary.json", "show bgp ipv4 unicast summary json"),
            ("frr-bgp-neighbors.json", "show bgp neighbors json"),
        ],
    ),
];

/// Records every node that is to be recorded, a folder for each in `folder`. What does not answer has no file.
///
/// # Errors
/// [`Failure::Environment`] if a file cannot be written.
pub(crate) fn record(lab: &Lab, folder: &Path) -> Result<(), Failure> {
    for node in lab.nodes.iter().filter(|n| n.spec.recorded) {
        let own = folder.join(&node.name);
        target::folder(&own)?;
        for (file, words) in questions(lab, node) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match output(&words) {
                Ok(text) => {
                    fs::write(own.join(file), text).map_err(|e| Failure::target(&own.join(file), e))?
                }
                Err(why) => {
                    let _ = fs::remove_file(own.join(file)); // Of an earlier recording.
                    tracing::info!("no {file} of {}: {why}", node.name);
                }
            }
        }
    }
    Ok(())
}

/// Files and the commands that fill them.
fn questions(lab: &Lab, node: &Node) -> Vec<(&'static str, Vec<String>)> {
    let inside = |words: &[&str]| {
        let all = ["ip", "netns", "exec", &node.namespace].into_iter().chain(words.iter().copied());
        all.map(str::to_owned).collect::<Vec<_>>()
    };
    let bridge = if node.role().relays() { BRIDGE } else { &[] };
    let mut all: Vec<_> = KERNEL.iter().chain(bridge).map(|(file, words)| (*file, inside(words))).collect();
    if config::has_agent(node) {
        let socket = lldp_socket(lab, node).display().to_string();
        for (file, what) in LLDP {
            let words = ["lldpcli", "-u", &socket, "-f", "json0", "show", what, "details"];
            all.push((*file, words.map(str::to_owned).to_vec()));
        }
    }
    for (daemon, _) in config::frr(lab, node) {
        let of = FRR.iter().find(|(d, _)| *d == daemon);
        for (file, what) in of.map_or(&[][..], |(_, files)| files) {
            all.push((*file, vtysh(node, what)));
        }
    }
    all
}

/// A question to FRR. vtysh would print the machine's host name beside the node's.
fn vtysh(node: &Node, what: &str) -> Vec<String> {
    let script = "hostname \"$1\"; exec vtysh -N \"$2\" -c \"$3\"";
    ["unshare", "--uts", "sh", "-c", script, "vtysh", &node.system_name, &node.namespace, what]
        .map(str::to_owned)
        .to_vec()
}
