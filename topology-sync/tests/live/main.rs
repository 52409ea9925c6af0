//! Live sources against the real things: network namespaces of this machine. Needs root and `ip`; skips loudly without.
#![cfg(feature = "live")]

mod agents;
mod bmp_routes;
mod kill;
mod lab;
mod lldp_mib;
mod netlink;
mod recorded;
mod routing;
mod wires;
