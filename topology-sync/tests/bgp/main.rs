//! BMP and BGP-LS as generated streams: what follows from them, and what another daemon makes of them.
#![cfg(feature = "bgp")]

mod build;
mod link_states;
mod routes;
