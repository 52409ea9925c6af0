//! A demand matrix on the fluid rung, as the tables of a replay.

use models::fluid::{FluidConfig, FluidResult, share_demands};
use models::{Failures, Routing, node_demands};
use report::{Table, schema};
use twin::{Csr, DemandMatrix, SimDuration};

/// Demands at their max-min rates for a while.
pub(crate) struct FluidReplay {
    config: FluidConfig,
    result: FluidResult,
}

impl FluidReplay {
    /// Shares the network among the demands, all of which are between nodes of it.
    pub(crate) fn run(csr: &Csr, matrix: &DemandMatrix, duration: SimDuration) -> Self {
        let up = Failures::none(csr);
        let routing = Routing::compute(csr, &up);
        let config = FluidConfig { duration, ..FluidConfig::default() };
        let result = share_demands(csr, &routing, &up, &node_demands(csr, matrix), &config);
        Self { config, result }
    }

    /// What came out.
    pub(crate) fn result(&self) -> &FluidResult {
        &self.result
    }

    /// Packets of the mean size that are sent, delivered and lost; the rest waits at the senders.
    pub(crate) fn packets(&self) -> (u64, u64, u64) {
        let sum = |of: &dyn Fn(&models::fluid::DemandShare) -> f64| {
            self.result.demands.iter().map(|d| self.config.packets(of(d))).sum()
        };
        (sum(&|d| d.offered), sum(&|d| d.served), sum(&|d| d.lost))
    }

    /// One row for each direction of each link. The longest wait is the one that one packet of those sent exceeds.
    pub(crate) fn links(&self, csr: &Csr) -> Table {
        let mut table = Table::new(&schema::LINKS);
        for (arc, share) in self.result.arcs.iter().enumerate() {
            let packets = self.config.packets(share.load);
            let utilisation = share.load / csr.capacity[arc].as_f64();
            let longest = share.waiting.exceeded_by(1.0 / packets.max(1) as f64);
            table
                .row()
                .set("arc", arc as u32)
                .set("link", csr.link[arc].0)
                .set("src", csr.node_names[csr.src[arc].index()].as_str())
                .set("dst", csr.node_names[csr.dst[arc].index()].as_str())
                .set("packets", packets)
                .set("bytes", packets * self.config.traffic.mean_packet.get())
                .set("drops", 0_u64)
                .set("busy_s", utilisation * self.config.duration.as_secs_f64())
                .set("utilisation", utilisation)
                .set("queue_mean_us", share.waiting.mean() * 1e6)
                .set("queue_max_us", longest * 1e6)
                .end();
        }
        table
    }

    /// One row for each demand, by its number in the matrix.
    pub(crate) fn flows(&self, csr: &Csr) -> Table {
        let mut table = Table::new(&schema::FLOWS);
        for (flow, demand) in self.result.demands.iter().enumerate() {
            let delivered = self.config.packets(demand.served);
            table
                .row()
                .set("flow", flow as u32)
                .set("src", csr.node_names[demand.ends.src.index()].as_str())
                .set("dst", csr.node_names[demand.ends.dst.index()].as_str())
                .set("sent", self.config.packets(demand.offered))
                .set("delivered", delivered)
                .set("dropped", self.config.packets(demand.lost))
                .set("bytes", delivered * self.config.traffic.mean_packet.get())
                .set("first_s", None::<f64>)
                .set("last_s", None::<f64>)
                .set("delay_mean_us", (demand.served > 0.0).then_some(demand.delay_s * 1e6))
                .set("delay_max_us", None::<f64>)
                .end();
        }
        table
    }
}
