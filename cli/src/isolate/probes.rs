//! Probes that would tell causes apart, as words and as rows.

use std::collections::BTreeMap;

use report::page::Probe as OnPage;
use report::{Table, schema};
use scenarios::fabric::probes::{Probe, propose};
use scenarios::fabric::topology::{Fabric, Link};
use scenarios::fabric::verdict::{Verdict, What};

use super::tables::Names;

/// A proposed probe.
pub(crate) struct Proposed {
    /// The nodes of its path.
    path: Vec<String>,
    packets: u32,
    gain: f64,
    about: What,
    lost_if: f64,
    lost_if_not: f64,
}

/// Probes by case.
pub(crate) type Probes = BTreeMap<u32, Vec<Proposed>>;

/// Probes for all cases of a fabric.
pub(crate) fn of_fabric(fabric: &Fabric, groups: &[Vec<Link>], verdicts: &BTreeMap<u32, Verdict>) -> Probes {
    let proposed = |probe: Probe| Proposed {
        path: probe.nodes.iter().map(|n| fabric.name(*n).to_string()).collect(),
        packets: probe.packets,
        gain: probe.gain,
        about: probe.about,
        lost_if: probe.lost_if,
        lost_if_not: probe.lost_if_not,
    };
    let of = |verdict| propose(fabric, groups, verdict).into_iter().map(proposed).collect();
    verdicts.iter().map(|(number, verdict)| (*number, of(verdict))).collect()
}

impl Proposed {
    /// What to send.
    pub(crate) fn action(&self) -> String {
        format!("{} packets along {}", self.packets, self.path.join(" → "))
    }

    /// What to expect of it, in one line.
    pub(crate) fn words(&self, place: &dyn Names) -> String {
        format!(
            "{}: {:.1} lost if {}, {:.1} if not ({:.2} nat)",
            self.action(),
            self.lost_if,
            place.words(self.about),
            self.lost_if_not,
            self.gain
        )
    }

    /// For the page.
    pub(crate) fn on_page(&self, place: &dyn Names) -> OnPage {
        let about = place.words(self.about);
        OnPage {
            action: format!("{} ({about}?)", self.action()),
            if_right: format!("{:.1} packets are lost", self.lost_if),
            if_wrong: format!("{:.1} packets are lost", self.lost_if_not),
        }
    }
}

/// The table of probes.
pub(crate) fn table(place: &dyn Names, probes: &Probes) -> Table {
    let mut table = Table::new(&schema::PROPOSED_PROBES);
    for (case, list) in probes {
        for (rank, probe) in (1u32..).zip(list) {
            let (class, a, b) = place.names(probe.about);
            table
                .row()
                .set("case", *case)
                .set("rank", rank)
                .set("src", probe.path.first().map_or("", String::as_str))
                .set("dst", probe.path.last().map_or("", String::as_str))
                .set("path", probe.path.join(" "))
                .set("packets", probe.packets)
                .set("gain", probe.gain)
                .set("class", class)
                .set("a", a)
                .set("b", b.as_deref())
                .set("lost_if", probe.lost_if)
                .set("lost_if_not", probe.lost_if_not)
                .end();
        }
    }
    table
}
