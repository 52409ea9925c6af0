//! Inventories: what somebody has written down of a network, as observations of a list.

pub mod netbox;
