//! Recorded output of tools and daemons, each form a pure reader to observations.

mod text;

pub mod frr_bgp;
pub mod frr_config;
pub mod frr_interface_text;
pub mod frr_isis;
pub mod frr_ospf6;
pub mod frr_ospf_text;
pub mod iproute;
mod iproute_route;
pub mod linux_more;
pub mod lldpctl;
pub mod show_isis;
pub mod show_lldp;
pub mod suzieq;
pub mod vendor_json;

use serde_json::Value;
use twin::{Diagnostic, WallTime};

use crate::observation::{Observation, Observer};

/// A reader of a form of text: what a node printed at an instant, as observations; `None` where it is something else.
type TextForm = fn(&Observer, WallTime, &str, &mut Vec<Diagnostic>) -> Option<Vec<Observation>>;
/// A reader of a form of JSON.
type JsonForm = fn(&Observer, WallTime, &Value, &mut Vec<Diagnostic>) -> Option<Vec<Observation>>;

const TEXT_FORMS: &[TextForm] = &[
    lldpctl::read,
    frr_config::read,
    frr_interface_text::read,
    frr_ospf_text::read,
    frr_isis::read,
    show_lldp::read,
    show_isis::read,
    linux_more::read_hostnamectl,
    linux_more::read_bridge_vlan,
    iproute::read,
];

const JSON_FORMS: &[JsonForm] =
    &[frr_isis::read_json, frr_ospf6::read, frr_bgp::read, linux_more::read_clag, vendor_json::read];

/// Reads one dump.
pub fn read(
    observer: &Observer,
    at: WallTime,
    file: &str,
    bytes: &[u8],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Vec<Observation>> {
    let _ = file;
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => JSON_FORMS.iter().find_map(|form| form(observer, at, &value, diagnostics)),
        Err(_) => {
            let text = String::from_utf8_lossy(bytes);
            TEXT_FORMS.iter().find_map(|form| form(observer, at, &text, diagnostics))
        }
    }
}
