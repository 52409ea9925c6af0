//! A BMP station: the routers that report to it, and the tables that follow from what they have chosen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twin::{Fib, WallTime};

use super::Mark;
use crate::bgp::forwarding::Forwarding;
use crate::bgp::router::{Router, SavedRouter};
use crate::changed::Changed;
use crate::observation::{Observation, Observer, Source};

/// Routers by their names, and who speaks on each connection.
#[derive(Default)]
pub struct Station {
    speakers: BTreeMap<String, Speaker>,
    connections: BTreeMap<u32, String>,
}

/// A station on disk.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedStation {
    routers: Vec<(String, SavedRouter)>,
    connections: Vec<(u32, String)>,
}

/// A router that reports, and its table.
pub(super) struct Speaker {
    router: Router,
    forwarding: Forwarding,
    /// Of which revision of the fused network the routes are that are not BGP's.
    revision: Option<u64>,
}

impl Station {
    pub(super) fn take(&mut self, at: WallTime, bytes: &[u8]) -> Vec<Observation> {
        let mut said = Vec::new();
        if let Some((number, stream)) = bytes.split_first_chunk()
            && let Some(node) = self.connections.get(&u32::from_le_bytes(*number))
            && let Some(speaker) = self.speakers.get_mut(node)
        {
            speaker.router.bytes(at, stream, &mut |observation| said.push(observation));
        }
        said
    }

    /// What became of a connection; whose words are lost with one that closed.
    pub(super) fn mark(&mut self, mark: &Mark) -> Option<(Observer, Source)> {
        match mark {
            Mark::Connected { number, node } => {
                // A router that connects again has lost its last session, whether or not that was seen.
                self.connections.retain(|_, known| known != node);
                let new = || Speaker::new(Router::new(Observer::node(node)));
                self.speakers.entry(node.clone()).and_modify(|s| s.router.lost()).or_insert_with(new);
                self.connections.insert(*number, node.clone());
                None
            }
            Mark::Closed { number } => {
                let node = self.connections.remove(number)?;
                self.speakers.get_mut(&node).into_iter().for_each(|s| s.router.lost());
                Some((Observer::node(&node), Source::Bgp))
            }
            _ => None,
        }
    }

    /// What it was told; tables follow from that.
    pub(super) fn save(&self) -> SavedStation {
        SavedStation {
            routers: self.speakers.iter().map(|(name, s)| (name.clone(), s.router.save())).collect(),
            connections: self.connections.iter().map(|(n, name)| (*n, name.clone())).collect(),
        }
    }

    /// A station that goes on from what it was told.
    pub(super) fn restore(saved: SavedStation) -> Self {
        let speaker = |(name, router)| (name, Speaker::new(Router::restore(router)));
        Self {
            speakers: saved.routers.into_iter().map(speaker).collect(),
            connections: saved.connections.into_iter().collect(),
        }
    }

    /// A station of which all connections are lost.
    pub(super) fn restarted(mut self) -> Self {
        self.connections.clear();
        self.speakers.values_mut().for_each(|s| {
            s.router.lost();
            s.forget();
        });
        self
    }

    /// The routers whose choice is told, by name.
    pub(super) fn deciding(&self) -> impl Iterator<Item = &String> {
        self.speakers.iter().filter(|(_, s)| s.router.tells_choice()).map(|(name, _)| name)
    }

    pub(super) fn speakers_mut(&mut self) -> impl Iterator<Item = (&String, &mut Speaker)> {
        self.speakers.iter_mut()
    }

    /// Whether routes have changed that the twin has not seen.
    pub(super) fn has_news(&self) -> bool {
        self.speakers.values().any(|s| s.router.is_touched())
    }

    /// All of a router's table must be told again.
    pub(super) fn forget(&mut self, name: &str) {
        self.speakers.get_mut(name).into_iter().for_each(Speaker::forget);
    }
}

impl Speaker {
    fn new(router: Router) -> Self {
        let mut speaker = Self { router, forwarding: Forwarding::default(), revision: None };
        speaker.forget();
        speaker
    }

    /// What became of its table since the last call. `other` gives the routes that are not BGP's; it is asked where they
    /// may have changed.
    pub(super) fn changed(&mut self, revision: u64, other: impl FnOnce() -> Option<Fib>) -> Changed {
        let is_known = self.revision.replace(revision) == Some(revision);
        let other = if is_known { None } else { other() };
        let touched = self.router.take_touched();
        self.forwarding.changed(&self.router.choice(), touched, other)
    }

    /// Its table is not in the twin: all of it must be told if it comes to be.
    pub(super) fn forget(&mut self) {
        self.router.take_touched();
        self.forwarding.forget();
        self.revision = None;
    }
}
