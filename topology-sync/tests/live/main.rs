//! Live sources against the real things: network namespaces of this machine. Needs root and `ip`; skips loudly without.
#![cfg(feature = "live")]

mod kill;
mod lab;
mod netlink;
mod recorded;
mod routing;
mod agents;
mod wires;
