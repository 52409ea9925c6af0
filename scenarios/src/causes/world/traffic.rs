//! What the demands put on half-links, minute by minute.

use engine::Purpose;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use twin::EntityKey;

use super::paths::Paths;
use super::{BIN_S, World};
use crate::causes::state::State;

/// A minute of the network.
#[derive(Clone, Debug)]
pub(super) struct Minute {
    /// By arc: what arrives at its queue, in bit/s.
    pub offered: Vec<f64>,
    /// By arc: the share of it that exceeds what it can send, over the minute.
    pub excess: Vec<f64>,
    /// By demand: what it sends, in bit/s.
    pub sent: Vec<f64>,
    /// Whether the new condition holds for most of it.
    pub changed: bool,
}

/// All minutes.
pub(super) fn minutes(w: &World<'_>) -> Vec<Minute> {
    (0..w.bins()).into_par_iter().map(|m| minute(w, m)).collect()
}

fn minute(w: &World<'_>, number: usize) -> Minute {
    let key = EntityKey::new(format!("minute {number}"));
    let mut draw = w.chance.stream(Purpose::ARRIVALS, &key);
    let hours = number as f64 / 60.0;
    // Pairs swing over the hours, each in its own phase, and fluctuate from minute to minute, small ones more.
    let each = |(i, d): (usize, &models::NodeDemand)| {
        let z: f64 = StandardNormal.sample(&mut draw);
        let spread = (0.04 + 0.2 * (1e6 / d.bps.max(1.0)).sqrt()).min(0.6);
        let swing = 0.05 * libm::sin(1.1 * hours + 2.4 * i as f64);
        d.bps * libm::exp(swing + spread * z - 0.5 * spread * spread)
    };
    let sent: Vec<f64> = w.demands.iter().enumerate().map(each).collect();
    let from_s = number as f64 * BIN_S;
    let share = w.share_after(from_s, from_s + BIN_S);
    let changed = share > 0.5;
    let (paths, state) = if changed { (&w.after, &w.changed) } else { (&w.before, &w.healthy) };
    let (offered, excess) = thinned(paths, state, &sent);
    Minute { offered, excess, sent, changed }
}

/// Loads and excess when what a full half-link cannot send does not reach those behind it: a fixed point, by iteration.
fn thinned(paths: &Paths, state: &State, sent: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let arcs = state.arcs.len();
    let (mut offered, mut excess) = (vec![0.0; arcs], vec![0.0; arcs]);
    for _ in 0..4 {
        offered.fill(0.0);
        for (paths, bps) in paths.0.iter().zip(sent) {
            for (share, arcs) in paths {
                let mut left = share * bps;
                for arc in arcs {
                    offered[arc.index()] += left;
                    left *= (1.0 - excess[arc.index()]) * (1.0 - state.arcs[arc.index()].loss);
                }
            }
        }
        let mut settled = true;
        for ((e, o), half_link) in excess.iter_mut().zip(&offered).zip(&state.arcs) {
            let new = (1.0 - half_link.rate / o.max(1.0)).max(0.0);
            settled &= (new - *e).abs() < 1e-4;
            *e = new;
        }
        if settled {
            break;
        }
    }
    (offered, excess)
}
