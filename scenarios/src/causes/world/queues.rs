//! Queues of the world: bursty work in slots of a tenth of a second through a finite buffer.

use engine::Purpose;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use twin::EntityKey;

use super::World;
use super::traffic::Minute;

/// Seconds of a slot.
const SLOT_S: f64 = 0.1;
/// Slots that are run of each minute, and how many of them pass before anything is recorded.
const SLOTS: usize = 288;
const WARM: usize = 32;
/// Correlation of the load from slot to slot.
const MEMORY: f64 = 0.7;
/// States that are kept of a minute.
const KEPT: usize = 32;
/// Bits of a mean packet.
const PACKET_BITS: f64 = 8.0 * 800.0;
/// Below this utilisation bursts fit the buffer and are not run.
const IDLE: f64 = 0.3;

/// What packets meet at a half-link in one minute.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// Waits in ms and shares lost at instants of the minute.
    pub states: [(f32, f32); KEPT],
    /// Share discarded at the queue over the minute.
    pub discarded: f64,
}

/// By minute and arc.
pub(super) fn queues(w: &World<'_>, minutes: &[Minute]) -> Vec<Vec<Queue>> {
    let each = |(number, minute): (usize, &Minute)| {
        (0..w.csr.arc_count()).map(|arc| queue(w, number, minute, arc)).collect()
    };
    minutes.par_iter().enumerate().map(each).collect()
}

fn queue(w: &World<'_>, number: usize, minute: &Minute, arc: usize) -> Queue {
    let state = if minute.changed { &w.changed } else { &w.healthy };
    let (rate, buffer) = (state.arcs[arc].rate, state.arcs[arc].buffer);
    let used = minute.offered[arc] / rate;
    let mut queue = Queue { states: [(0.0, 0.0); KEPT], discarded: 0.0 };
    if used < IDLE && buffer > 20.0 * PACKET_BITS {
        return queue;
    }
    let key = EntityKey::new(format!("{} {number}", w.csr.ports[arc].0.as_str()));
    let mut draw = w.chance.stream(Purpose::BACKGROUND, &key);
    let (mut work, mut z): (f64, f64) = (0.0, StandardNormal.sample(&mut draw));
    let (mut arrived, mut dropped) = (0.0, 0.0);
    for slot in 0..SLOTS {
        let fresh: f64 = StandardNormal.sample(&mut draw);
        z = MEMORY * z + (1.0 - MEMORY * MEMORY).sqrt() * fresh;
        let load = minute.offered[arc] * libm::exp(w.burst * z - 0.5 * w.burst * w.burst);
        work += (load - rate) * SLOT_S;
        let mut lost = (work - buffer).max(0.0);
        work = work.clamp(0.0, buffer);
        // Within a slot packets come in trains; what does not fit is lost too.
        let now = (load / rate).min(0.98);
        let train = train_bits(now);
        let waits = now * draw.exp() * train;
        let full = now * libm::exp(-(buffer - work) / train);
        lost = lost.max(full * 0.1 * load * SLOT_S);
        if slot >= WARM {
            arrived += load * SLOT_S;
            dropped += lost;
            let kept = (slot - WARM) * KEPT / (SLOTS - WARM);
            let share = (lost / (load * SLOT_S).max(1.0)).min(1.0);
            queue.states[kept] = (((work + waits).min(buffer) / rate * 1e3) as f32, share as f32);
        }
    }
    queue.discarded = (dropped / f64::max(arrived, 1.0)).max(minute.excess[arc]);
    queue
}

/// Bits of the trains in which packets come, as they pile up at this utilisation.
pub(super) fn train_bits(used: f64) -> f64 {
    12.0 * PACKET_BITS / (1.0 - used)
}

impl Queue {
    /// Packets discarded in a minute at this offered load.
    pub(super) fn packets(&self, offered: f64) -> f64 {
        self.discarded * offered * super::BIN_S / PACKET_BITS
    }
}
