//! Live sources: each hands over what it receives, and no source interprets.
//!
//! A source is a task that goes on for ever: it connects, hands over bytes with the stamp of their arrival, says when it
//! was lost, waits and connects again. It never sends anything but requests to its own agent; what it hears on a wire it
//! only hears.

mod asking;
mod bmp;
mod config;
mod disk;
mod dumps;
mod frames;
mod lines;
mod lldpd;
mod netlink;
mod netns;
mod outlet;
mod run;
mod snmp;
mod split;
mod start;
mod watch;

pub use self::config::{Bmp, Config, Files, Frr, Lldpd, Netlink, Node, Reach, Snmp, Wire};
pub use self::disk::{Opened, open, write_whole};
pub use self::lines::write_delta;
pub use self::outlet::{Outlet, now};
pub use self::run::{Recorder, Session, replay};
pub use self::start::start;
pub use self::watch::{Note, Watch, WatchError};
