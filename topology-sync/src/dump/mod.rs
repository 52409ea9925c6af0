//! Recorded output of tools and daemons, each form a pure reader to observations.

mod text;

pub mod frr_config;
pub mod frr_isis;
pub mod frr_more;
pub mod frr_ospf_text;
pub mod iproute;
mod iproute_route;
pub mod lldpctl;
pub mod vendor_json;
