//! What a router has reported, on disk: with the bytes since, as good as the whole stream for what is made of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use twin::WallTime;

use super::super::bmp::{BmpDecoder, SavedDecoder};
use super::super::link_states::LinkStates;
use super::super::rib::{Rib, SavedPeer};
use super::super::touched;
use super::{Order, Router};
use crate::observation::{BgpPeer, NodeInfo, Observer};

/// A router's report.
#[derive(Debug, Serialize, Deserialize)]
pub struct SavedRouter {
    observer: Observer,
    decoder: SavedDecoder,
    node: NodeInfo,
    sessions: Vec<((String, IpAddr), BgpPeer)>,
    routes: Vec<SavedPeer>,
    is_told: bool,
    in_loc_rib: [bool; 2],
    link_states: LinkStates,
    heard: Option<WallTime>,
    order: Option<WallTime>,
}

impl Router {
    /// What it has reported, of the routes those that its own table is made of.
    pub fn save(&self) -> SavedRouter {
        SavedRouter {
            observer: self.observer.clone(),
            decoder: self.decoder.save(),
            node: self.node.clone(),
            sessions: self.sessions.iter().map(|(k, s)| (k.clone(), s.clone())).collect(),
            routes: self.rib.save(touched::counts),
            is_told: self.is_told,
            in_loc_rib: self.in_loc_rib,
            link_states: self.link_states.clone(),
            heard: self.heard,
            order: self.order.0,
        }
    }

    /// A router that goes on from what it had reported.
    pub fn restore(saved: SavedRouter) -> Self {
        Self {
            decoder: BmpDecoder::restore(saved.decoder),
            node: saved.node,
            sessions: saved.sessions.into_iter().collect(),
            rib: Rib::restore(saved.routes),
            is_told: saved.is_told,
            in_loc_rib: saved.in_loc_rib,
            link_states: saved.link_states,
            heard: saved.heard,
            order: Order(saved.order),
            ..Self::new(saved.observer)
        }
    }
}
