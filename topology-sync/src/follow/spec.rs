//! What a journal says of its sources, besides what they received.

use serde::{Deserialize, Serialize};

use super::Table;

/// A source, as the first record of a session declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Its name in deltas, logs and diagnostics.
    pub name: String,
    /// The node that speaks, or, for frames, the wire that is heard.
    pub node: String,
    /// The form of what it receives.
    pub form: Form,
}

/// The form of what a source receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Datagrams of rtnetlink.
    Netlink,
    /// What a tool printed: its name or that of the file, a zero byte, the content. lldpd's events among them.
    Dump,
    /// Frames: link type as numbered in captures (2 bytes, little-endian), then the frame.
    Frames,
    /// BMP sessions: number of the connection (4 bytes, little-endian), then bytes of its stream.
    Bmp,
    /// A walk of an agent's tables ([`super::snmp::Walk`]) as JSON.
    Snmp,
}

/// What became of a source or of a reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "kebab-case")]
pub enum Mark {
    /// The source can be heard from now on.
    Up,
    /// The source cannot be heard any more. What it said stands, and is stale.
    Down {
        /// Why.
        reason: String,
    },
    /// A kernel's table is asked for as a whole; the answers bear the number.
    Began {
        /// Which.
        table: Table,
        /// The number of the request.
        number: u32,
    },
    /// A router has connected with BMP.
    Connected {
        /// Its number.
        number: u32,
        /// The router that connected.
        node: String,
    },
    /// A router's BMP session is over.
    Closed {
        /// Its number.
        number: u32,
    },
}
