//! One task for each source of a configuration.

use tokio::task::JoinHandle;

use super::config::{Reach, seconds};
use super::outlet::Outlet;
use super::{bmp, dumps, frames, lldpd, netlink, snmp};

/// Starts a source: a task of the running `tokio` runtime that goes on until it is ended.
pub fn start(reach: Reach, outlet: Outlet) -> JoinHandle<()> {
    tokio::spawn(async move {
        match reach {
            Reach::Netlink(r) => outlet.keep(|o| netlink::converse(o, r.clone())).await,
            Reach::Lldpd(r) => outlet.keep(|o| lldpd::converse(o, r.socket.clone())).await,
            Reach::Frr(r) => {
                let every = seconds(r.every_s);
                outlet.keep(|o| dumps::frr(o, r.pathspace.clone(), r.commands.clone(), every)).await;
            }
            Reach::Files(r) => outlet.keep(|o| dumps::files(o, r.paths.clone(), seconds(r.every_s))).await,
            Reach::Wire(r) => {
                outlet.keep(|o| frames::converse(o, r.netns.clone(), r.interfaces.clone())).await;
            }
            Reach::Snmp(r) => outlet.keep(|o| snmp::converse(o, r.clone())).await,
            Reach::Bmp(r, alone) => outlet.keep(|o| bmp::converse(o, r.clone(), alone.clone())).await,
        }
    })
}
