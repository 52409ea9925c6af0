//! BMP, BGP and BGP-LS: sessions, routes and link states, from captures, byte streams and MRT files.
//!
//! ```text
//! capture ─ frame ─ tcp ─ listener ─┬─ router    BMP: a router's sessions, routes, link states
//!                      (recognise,  │            (also straight from a socket: Router::bytes)
//!                       framer)     └─ speakers  BGP: the same of both ends of a session
//! mrt ───────────────────────────────── rib      routes by peer
//! rib ─ choice ─ forwarding                      what a router forwards by
//! ```
//!
//! What is said of nodes, sessions and link states becomes observations; routes, of which there are millions, stay in
//! [`rib::Rib`]. Messages are decoded by the NetGauze crates, MRT by bgpkit-parser; ours are what lies before them (which
//! bytes, of which conversation, by which agreement) and behind (what follows).

pub mod bmp;
pub mod choice;
pub mod forwarding;
pub mod frame;
pub mod framer;
pub mod link_states;
pub mod listener;
pub mod mrt;
pub mod recognise;
pub mod rib;
pub mod router;
pub mod session;
pub mod speakers;
pub mod tap;
pub mod tcp;
pub mod touched;
