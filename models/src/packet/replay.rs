//! One schedule through one network: what `umbra replay` asks for.

use std::sync::Arc;

use engine::Seeds;
use twin::{Csr, InputError, PacketSchedule, Place, Rung, SimTime};

use super::background_load::BackgroundLoad;
use super::ip::IpForwarding;
use super::net::{PacketConfig, PacketNet};
use super::result::PacketResult;
use super::tcp::TcpConnection;
use super::unseen::BackgroundTraffic;
use super::workload::Workload;
use crate::{Failures, Routing};

/// How to replay.
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// [`Rung::Packets`], or [`Rung::Foreground`] over `background`.
    pub rung: Rung,
    /// The replay ends with the events of this instant.
    pub until: SimTime,
    /// Seed of all chance (trial 0).
    pub seed: u64,
    /// Forward frames by their IP header; without it they go to their scheduled endpoint.
    pub ip: Option<IpForwarding>,
    /// The load under the schedule's packets, for [`Rung::Foreground`].
    pub background: Option<(Arc<BackgroundLoad>, BackgroundTraffic)>,
    /// TCP connections beside the schedule's packets.
    pub connections: Vec<TcpConnection>,
    /// Queues, bins, frames.
    pub config: PacketConfig,
}

impl Default for ReplayOptions {
    /// Everything as packets, to the end.
    fn default() -> Self {
        Self {
            rung: Rung::Packets,
            until: SimTime::MAX,
            seed: 0,
            ip: None,
            background: None,
            connections: Vec::new(),
            config: PacketConfig::default(),
        }
    }
}

/// Sends a schedule through an intact network.
///
/// ```
/// use engine::Seeds;
/// use twin::*;
/// use umbra_models::packet::{ReplayOptions, poisson_schedule, replay};
///
/// let mut net = TwinBuilder::new("lab");
/// let [a, b] = ["a", "b"].map(|name| net.node(name, NodeKind::Router, None));
/// net.link("a-b", &a, &b, LinkSpec::symmetric(1, BitsPerSec::mbps(100), SimDuration::millis(2)));
/// let csr = Csr::compile(&net.finish(), Layer::Igp);
///
/// let demands = DemandMatrix::new([Demand { src: a, dst: b, bps: 60e6 }]);
/// let schedule = poisson_schedule(&demands, SimDuration::secs(1), Seeds::new(0).trial(0));
/// let result = replay(&csr, &schedule, ReplayOptions::default()).unwrap();
/// assert_eq!(result.delivered, result.sent);
/// assert!((result.links[0].utilization(SimTime::from_ps(1_000_000_000_000)) - 0.6).abs() < 0.05);
/// ```
///
/// # Errors
/// If the schedule names an endpoint that is no node of the network, or the rung does not fit: packets without a
/// background, foreground with one, no other. If one of the connections cannot be.
pub fn replay(
    csr: &Csr,
    schedule: &PacketSchedule,
    options: ReplayOptions,
) -> Result<PacketResult, InputError> {
    let ReplayOptions { rung, until, seed, ip, background, connections, config } = options;
    let fits = match rung {
        Rung::Packets => background.is_none(),
        Rung::Foreground => background.is_some(),
        Rung::Algebra | Rung::Fluid => false,
    };
    if !fits {
        let what = format!("a replay cannot stand on the rung '{}' with this input", rung.word());
        let expected = "'packets', or 'foreground' with a background load";
        return Err(InputError::new("rung", Place::Whole, what, expected));
    }
    let workload = Workload::compile(csr, schedule)?.with_tcp(connections).map_err(|error| {
        let expected = "connections between hosts at different nodes";
        InputError::new("connections", Place::Whole, error.to_string(), expected)
    })?;
    let mut net = PacketNet::build(csr, Routing::compute(csr, &Failures::none(csr)), config);
    if let Some(ip) = ip {
        net = net.with_ip(ip);
    }
    if let Some((load, traffic)) = background {
        net = net.with_background(load, traffic);
    }
    Ok(net.run(&workload, &[], until, Seeds::new(seed).trial(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_that_does_not_fit_is_an_input_error() {
        let background = Some((Arc::new(BackgroundLoad::constant(Vec::new())), BackgroundTraffic::default()));
        for (rung, background, fits) in [
            (Rung::Packets, None, true),
            (Rung::Packets, background.clone(), false),
            (Rung::Foreground, background, true),
            (Rung::Foreground, None, false),
            (Rung::Algebra, None, false),
            (Rung::Fluid, None, false),
        ] {
            let options = ReplayOptions { rung, background, ..ReplayOptions::default() };
            let result = replay(&Csr::default(), &PacketSchedule::default(), options);
            assert_eq!(result.is_ok(), fits, "{rung:?}");
        }
    }
}
