//! What is wrong in a case with a known answer, in the form in which files have it.

use serde::{Deserialize, Serialize};

/// The answers to the cases of a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// What kind of cases.
    #[serde(default)]
    pub suite: String,
    /// Their answers.
    pub cases: Vec<Answer>,
}

/// What is wrong in a case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Its number.
    pub case: u32,
    /// `uniform`, or `skewed`: a twentieth of the racks takes half of it.
    pub traffic: String,
    /// Links that lose packets, on their own or because of what is below.
    pub failed_links: Vec<FailedLink>,
    /// Devices that lose packets on a share of their directed links.
    pub failed_devices: Vec<FailedDevice>,
    /// Links that drop at a full queue: no failure.
    pub congested_links: Vec<CongestedLink>,
    /// Black holes.
    pub acl: Vec<BlackHole>,
    /// Risk groups that failed, by position.
    pub srlg: Vec<u32>,
    /// Links that the topology lists and that are not there.
    pub stale_links: Vec<StaleLink>,
    /// How many hosts report nothing.
    pub silent_hosts: u32,
    /// Application flows that were reported.
    pub app_flows: u32,
    /// Probes that were reported.
    pub probes: u32,
    /// Application flows and probes with a loss.
    pub flows_with_retx: u32,
}

/// A directed link that loses packets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedLink {
    /// The node that sends on it.
    pub a: u32,
    /// The node that receives.
    pub b: u32,
    /// The share of packets that it loses.
    pub drop: f64,
}

/// A device that loses packets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedDevice {
    /// The device.
    pub device: u32,
    /// The share of its directed links, from and to it.
    pub frac: f64,
}

/// A directed link that drops at a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CongestedLink {
    /// The node that sends on it.
    pub a: u32,
    /// The node that receives.
    pub b: u32,
    /// The share of packets that it drops, on average over flows.
    pub mean_loss: f64,
    /// The share of its capacity in use.
    pub util: f64,
}

/// A device that swallows what it should forward to a rack.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlackHole {
    /// The device.
    pub device: u32,
    /// The switch of the rack.
    pub dst_rack: u32,
    /// Flows that it swallowed.
    pub affected_flows: u32,
}

/// A link that is not there, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleLink {
    /// One end.
    pub a: u32,
    /// The other.
    pub b: u32,
}

/// A component that is wrong, named as tables name causes: class and names.
pub type Named = (&'static str, String, Option<String>);

impl Answer {
    /// What a ranking should name. A link that failed with its device or group is not named besides.
    pub fn components(&self, groups: &[Vec<(u32, u32)>]) -> Vec<Named> {
        let link = |class, a: u32, b: u32| (class, a.to_string(), Some(b.to_string()));
        let one = |class, a: u32| (class, a.to_string(), None);
        let alone = self.failed_links.iter().filter(|l| !self.together(groups, l.a, l.b));
        let stale = self.stale_links.iter().flat_map(|l| [(l.a, l.b), (l.b, l.a)]);
        (alone.map(|l| link("link_loss", l.a, l.b)))
            .chain(self.failed_devices.iter().map(|d| one("device", d.device)))
            .chain(self.srlg.iter().map(|g| one("group", *g)))
            .chain(self.congested_links.iter().map(|l| link("congestion", l.a, l.b)))
            .chain(self.acl.iter().map(|h| link("blackhole", h.device, h.dst_rack)))
            .chain(stale.map(|(a, b)| link("stale_link", a, b)))
            .collect()
    }

    /// Links that failed with a device or a group: it is neither right nor wrong to name them.
    pub fn covered(&self, groups: &[Vec<(u32, u32)>]) -> Vec<Named> {
        let with_others = self.failed_links.iter().filter(|l| self.together(groups, l.a, l.b));
        with_others.map(|l| ("link_loss", l.a.to_string(), Some(l.b.to_string()))).collect()
    }

    fn together(&self, groups: &[Vec<(u32, u32)>], a: u32, b: u32) -> bool {
        self.failed_devices.iter().any(|d| d.device == a || d.device == b)
            || self.srlg.iter().filter_map(|g| groups.get(*g as usize)).any(|links| links.contains(&(a, b)))
    }
}
