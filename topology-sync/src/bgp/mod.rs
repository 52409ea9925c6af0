//! BMP, BGP and BGP-LS: sessions, routes and link states, from captures, byte streams and MRT files.

pub mod bmp;
pub mod capture;
pub mod frame;
pub mod framer;
pub mod listener;
pub mod recognise;
pub mod rib;
pub mod session;
pub mod tcp;
