//! The state of a follower on disk: with the journal since, as good as the whole journal.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twin::{InputError, Place, WallTime};

use super::station::{SavedStation, Station};
use super::{Decoder, Follower, Health, Kernel, Spec};
use crate::observation::{Observer, Source};
use crate::store::Store;

/// The value of the `format` member.
const FORMAT: &str = "umbra-follow/1";

/// The state of a follower after a tick.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    format: String,
    /// How much of the journal is in it.
    offset: u64,
    settled: WallTime,
    store: Store,
    sources: Vec<(Spec, Option<Kernel>)>,
    /// By the numbers of their sources.
    #[serde(default)]
    stations: Vec<(usize, SavedStation)>,
    health: Vec<Health>,
    #[serde(default)]
    spoken: Vec<BTreeSet<(Observer, Source)>>,
}

impl Checkpoint {
    /// How much of the journal is in it, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// As text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("maps with keys that are no text are written as lists")
    }

    /// From text; `name` is what errors call it.
    ///
    /// # Errors
    /// [`InputError`] for text that is no checkpoint of this form.
    pub fn from_json(name: &str, text: &str) -> Result<Self, InputError> {
        let expected = format!("the state of a watch ({FORMAT})");
        let read: Self = serde_json::from_str(text).map_err(|e| {
            let place = Place::LineColumn(e.line() as u64, e.column() as u64);
            InputError::new(name, place, format!("not understood: {e}"), expected.clone())
        })?;
        if read.format != FORMAT {
            let what = format!("the format '{}'", read.format);
            return Err(InputError::new(name, Place::Whole, what, expected));
        }
        Ok(read)
    }
}

impl Follower {
    /// The state after the last tick, where the journal had `offset` bytes. `None` while a kernel's table is being read:
    /// half of one is no state.
    pub fn checkpoint(&self, offset: u64) -> Option<Checkpoint> {
        let kernel = |decoder: &Decoder| match decoder {
            Decoder::Kernel(kernel) => Some((**kernel).clone()),
            _ => None,
        };
        let reading = |(_, d): &(Spec, Decoder)| matches!(d, Decoder::Kernel(k) if k.is_being_read());
        if !self.news.sources.is_empty() || self.sources.iter().any(reading) {
            return None;
        }
        let station = |(number, (_, decoder)): (usize, &(Spec, Decoder))| match decoder {
            Decoder::Bmp(station) => Some((number, station.save())),
            _ => None,
        };
        Some(Checkpoint {
            format: FORMAT.into(),
            offset,
            settled: self.settled,
            store: self.store.clone(),
            sources: self.sources.iter().map(|(spec, d)| (spec.clone(), kernel(d))).collect(),
            stations: self.sources.iter().enumerate().filter_map(station).collect(),
            health: self.health.clone(),
            spoken: self.spoken.clone(),
        })
    }

    /// A follower that goes on from a state; errors call its journal `name`.
    pub fn restore(name: &str, checkpoint: Checkpoint) -> Self {
        let Checkpoint { settled, store, sources, stations, health, mut spoken, .. } = checkpoint;
        spoken.resize(sources.len(), BTreeSet::new());
        let mut follower = Self::new(name);
        follower.sources = sources
            .into_iter()
            .map(|(spec, kernel)| {
                let fresh = Decoder::new(&spec);
                (spec, kernel.map_or(fresh, |kernel| Decoder::Kernel(Box::new(kernel))))
            })
            .collect();
        for (number, saved) in stations {
            if let Some((_, Decoder::Bmp(station))) = follower.sources.get_mut(number) {
                *station = Station::restore(saved);
            }
        }
        (follower.store, follower.settled, follower.health, follower.spoken) =
            (store, settled, health, spoken);
        let fused = follower.fusion.update(&mut follower.store, settled);
        // What this gives was told before the state was saved.
        follower.take_changes(fused);
        follower
    }
}
