//! A run by events: it can be stopped, changed and forked at any instant.

use engine::{Ctx, Event, EventKind, Model, Simulation, Trial};
use twin::{ArcId, NodeId, SimTime};

use super::choice::Computed;
use super::fault::{Faults, TimedFault};
use super::host::Host;
use super::net::PacketNet;
use super::network::Network;
use super::result::PacketResult;
use super::router;
use super::tcp;
use super::workload::Workload;

impl PacketNet {
    /// A run by events that stands at time zero.
    ///
    /// # Panics
    /// If a fault's probability is none.
    pub fn start(&self, workload: &Workload, faults: &[TimedFault], chance: Trial) -> PacketRun {
        let sim = self.simulation(self.network(workload, chance), chance, |_| true);
        let mut run = PacketRun { sim, net: self.clone() };
        faults.iter().for_each(|f| run.inject(f.clone()));
        run
    }

    /// The event loop of a network in which the nodes that are `mine` send.
    pub(crate) fn simulation(
        &self,
        mut network: Network,
        chance: Trial,
        mine: impl Fn(NodeId) -> bool,
    ) -> Simulation<Device> {
        let nodes = self.csr().node_count();
        let workload = network.forwarding.workload.clone();
        let routers = (0..nodes).map(|_| Device::Router);
        let senders = (0..nodes).map(NodeId::new).filter(|node| mine(*node));
        let hosts: Vec<_> = senders.filter_map(|node| Host::new(node, &workload)).collect();
        let first: Vec<_> = hosts.iter().map(|h| h.next(&workload)).collect();
        let devices = routers.chain(hosts.into_iter().map(Device::Host));
        let devices: Vec<_> = devices.chain([Device::Tcp, Device::Faults(Faults::default())]).collect();
        let tcp = devices.len() as u32 - 2;
        let opening = network.tcp.open(tcp);
        let mut sim = Simulation::new(devices, network, chance);
        for (at, key, kind) in opening {
            sim.schedule_keyed(at, key, tcp, kind);
        }
        for (i, (at, key, kind)) in first.into_iter().enumerate().filter_map(|(i, f)| Some((i, f?))) {
            sim.schedule_keyed(at, key, (nodes + i) as u32, kind);
        }
        sim
    }
}

/// The kinds of entity in a packet run.
#[derive(Clone, Debug)]
pub(crate) enum Device {
    Router,
    Host(Host),
    Tcp,
    Faults(Faults),
}

impl Model for Device {
    type World = Network;

    #[inline]
    fn on_event(&mut self, event: Event, cx: &mut Ctx<'_, Network>) {
        match (self, event.kind) {
            (Self::Router, EventKind::Arrive { generation, half_link }) => {
                router::on_arrive(ArcId(half_link), generation, cx);
            }
            (Self::Router, EventKind::Timer { token, .. }) => router::on_ask(ArcId(token), cx),
            (Self::Host(host), EventKind::Timer { .. }) => host.on_timer(cx),
            (Self::Tcp, EventKind::Timer { tag, token }) => tcp::on_timer(tag, token, cx),
            (Self::Faults(faults), EventKind::Control { index }) => faults.on_control(index, cx),
            (device, kind) => unreachable!("{kind:?} for {device:?}"),
        }
    }
}

/// A run in progress. `Clone` forks it; both go on independently.
#[derive(Clone, Debug)]
pub struct PacketRun {
    sim: Simulation<Device>,
    net: PacketNet,
}

impl PacketRun {
    /// Goes on up to and including `until`.
    pub fn run_until(&mut self, until: SimTime) {
        self.sim.run_until(until);
    }

    /// Plans a fault.
    ///
    /// # Panics
    /// If it lies in the past, or its probability is none.
    pub fn inject(&mut self, fault: TimedFault) {
        fault.check();
        let entity = self.sim.models().len() - 1;
        let Device::Faults(faults) = &mut self.sim.models_mut()[entity] else {
            unreachable!("faults are the last entity");
        };
        let index = faults.plan.len() as u32;
        faults.plan.push(fault.fault);
        self.sim.schedule(fault.at, entity as u32, EventKind::Control { index });
    }

    /// The clock.
    pub fn now(&self) -> SimTime {
        self.sim.now()
    }

    /// The result so far; packets that are under way count as in flight.
    pub fn finish(self) -> PacketResult {
        self.finish_as(Computed::by_events("it can be forked and changed"))
    }

    pub(crate) fn finish_as(self, engine: Computed) -> PacketResult {
        PacketResult::collect(&self.net, self.sim.into_world(), engine)
    }
}
