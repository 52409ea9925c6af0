//! How a run is computed: by events or by windows. The results are equal.

use engine::Trial;
use twin::{SimDuration, SimTime};

use super::dependence::Dependence;
use super::fault::TimedFault;
use super::net::PacketNet;
use super::network::Network;
use super::result::PacketResult;
use super::windows::Windows;
use super::workload::Workload;

/// How to compute a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// By windows where that is quicker, else by events.
    #[default]
    Auto,
    /// One event after another.
    Events,
    /// By windows wherever that is possible at all.
    Windows,
}

/// How a run was computed, and why so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Computed {
    /// [`Engine::Events`] or [`Engine::Windows`].
    pub engine: Engine,
    /// The reason, where windows were possible or asked for.
    pub because: &'static str,
}

impl Computed {
    /// `events` or `windows`.
    pub fn word(self) -> &'static str {
        if self.engine == Engine::Windows { "windows" } else { "events" }
    }

    pub(crate) const fn by_events(because: &'static str) -> Self {
        Self { engine: Engine::Events, because }
    }
}

/// Why a run with background is done in one loop by events.
const BEHIND_BACKGROUND: &str =
    "unseen traffic moves the queues along a path together, as a packet finds them on its way";

/// Packets below which putting half-links in order is not worth while.
const FEW_PACKETS: usize = 2_000;

/// Arrivals in a window below which a pass over all half-links costs more than events.
const FEW_ARRIVALS: u128 = 64;

impl PacketNet {
    /// One run from time zero up to and including `until`, or to the end of all packets, computed as is best.
    ///
    /// # Panics
    /// If a fault's probability is none.
    pub fn run(
        &self,
        workload: &Workload,
        faults: &[TimedFault],
        until: SimTime,
        chance: Trial,
    ) -> PacketResult {
        self.run_by(Engine::Auto, workload, faults, until, chance)
    }

    /// The same, computed as `engine` says. Where windows are asked for and a packet can cross half-links in a circle
    /// without taking any time, or nobody can tell, it is done by events; [`PacketResult::engine`] says so.
    ///
    /// # Panics
    /// If a fault's probability is none.
    pub fn run_by(
        &self,
        engine: Engine,
        workload: &Workload,
        faults: &[TimedFault],
        until: SimTime,
        chance: Trial,
    ) -> PacketResult {
        faults.iter().for_each(TimedFault::check);
        let mut in_order = faults.to_vec();
        in_order.sort_by_key(|f| f.at); // stable: those of one instant happen as they are given
        match self.windows(engine, workload, &in_order, chance) {
            Ok((network, dependence, because)) => {
                let network = Windows::new(network, &dependence, &in_order).run(until);
                PacketResult::collect(self, network, Computed { engine: Engine::Windows, because })
            }
            Err(because) => {
                let mut run = self.start(workload, faults, chance);
                run.run_until(until);
                run.finish_as(Computed::by_events(because))
            }
        }
    }

    /// Whether half-links need not be computed in one order of all events, or else why they do.
    pub(crate) fn takes_any_order(&self, workload: &Workload) -> Result<(), &'static str> {
        if self.has_disciplines() {
            return Err("queue disciplines decide when their transmitter is free");
        }
        if self.background().is_some() {
            return Err(BEHIND_BACKGROUND);
        }
        if workload.is_closed_loop() {
            return Err("TCP sends by what becomes of its packets");
        }
        Ok(())
    }

    /// What a run by windows needs, with why they are used, or else why events are. `faults` are in order of time.
    pub(crate) fn windows(
        &self,
        engine: Engine,
        workload: &Workload,
        faults: &[TimedFault],
        chance: Trial,
    ) -> Result<(Network, Dependence, &'static str), &'static str> {
        if engine == Engine::Events {
            return Err("as asked");
        }
        self.takes_any_order(workload)?;
        if engine == Engine::Auto && workload.packet_count() < FEW_PACKETS {
            return Err("few packets");
        }
        let network = self.network(workload, chance);
        let dependence =
            Dependence::of(&network, faults).ok_or("too many addresses to find circles among half-links")?;
        let circle = dependence.components.iter().filter(|c| c.cyclic).map(|c| network.least_delay(c)).min();
        let because = match circle {
            None => "traffic without feedback",
            Some(SimDuration::ZERO) => return Err("half-links feed each other in no time"),
            Some(width) if engine == Engine::Auto && is_narrow(width, workload) => {
                return Err("half-links feed each other in a circle, and windows would be narrow");
            }
            Some(_) => {
                "half-links feed each other in a circle: windows are as narrow as their propagation delay"
            }
        };
        Ok((network, dependence, because))
    }
}

/// Whether a window holds only few arrivals, at some four hops for each packet.
fn is_narrow(width: SimDuration, workload: &Workload) -> bool {
    let arrivals = workload.packet_count() as u128 * 4 * u128::from(width.as_ps());
    arrivals < FEW_ARRIVALS * u128::from(workload.last_sent().as_ps().max(1))
}
