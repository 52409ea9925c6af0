//! BMP, BGP and BGP-LS: sessions, routes and link states, from captures, byte streams and MRT files.

pub mod bmp;
pub mod capture;
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
