//! How many hypotheses about Colt can be evaluated in a second.
//!
//! Colt Telecom's network in the Topology Zoo (153 nodes, 177 links) with its REPETITA demands scaled to a fullest arc of
//! 70 %, and 600 watched flows between pairs drawn by volume, as the demo has them. A hypothesis is a
//! [`Component`]: a lossy half-link, a link or node that is down, a half-link with half its capacity.

use engine::{Digest, Purpose, Seeds};
use models::sensor::LoadInterval;
use models::{Failures, Loads, NodeDemand, Routing};
use scenarios::component::Component;
use scenarios::foreground::Bench;
use scenarios::incident::{FlowTable, Incident, LoadResiduals};
use scenarios::prediction::{Algebra, Paths, Prediction};
use testkit::{repetita_demands, repetita_graph};
use twin::{Csr, EntityKey, FlowInfo, Layer, NodeId, SimDuration};

/// The network, its demands and flows.
pub struct Colt {
    csr: Csr,
    routing: Routing,
    demands: Vec<NodeDemand>,
    flows: FlowTable,
    loads: LoadResiduals,
}

/// Watched flows.
const FLOWS: usize = 600;

impl Default for Colt {
    fn default() -> Self {
        Self::new()
    }
}

impl Colt {
    /// Reads it.
    ///
    /// # Panics
    /// If the recorded files are not in their place.
    pub fn new() -> Self {
        let read = |name: &str| {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/library/networks");
            std::fs::read_to_string(format!("{folder}/{name}")).expect("the library holds Colt")
        };
        let mut csr = Csr::compile(&repetita_graph(&read("Colt.graph")).to_twin(), Layer::Igp);
        // A millisecond is 200 km of fibre; the files' own delays are not in a plain network.
        csr.delay.fill(SimDuration::millis(1));
        let demand = |(s, d, bps)| NodeDemand { src: NodeId::new(s), dst: NodeId::new(d), bps };
        let mut demands: Vec<_> =
            repetita_demands(&read("Colt.0000.demands")).into_iter().map(demand).collect();
        let up = Failures::none(&csr);
        let routing = Routing::compute(&csr, &up);
        let most = Loads::compute(&csr, &routing, &up, &demands).max_utilization(&csr).expect("arcs").1;
        demands.iter_mut().for_each(|d| d.bps *= 0.7 / most);
        let flows = FlowTable::new(flows(&demands), 1, 60.0, &[]);
        let loads = LoadResiduals {
            poll_bins: Vec::new(),
            residual: Vec::new(),
            sigma: Vec::new(),
            independence: 1.0,
            sensor: LoadInterval { tau_s: 300.0, late_s: 30.0 },
        };
        Self { csr, routing, demands, flows, loads }
    }

    /// Calls `work` with everything that a ranking would have at hand.
    pub fn with<T>(&self, work: impl FnOnce(&Hypotheses<'_>) -> T) -> T {
        let incident = Incident {
            csr: &self.csr,
            routing: &self.routing,
            demands: &self.demands,
            flows: &self.flows,
            loads: &self.loads,
            onsets: &[],
        };
        let paths = Paths::new(&self.csr, &self.routing, &self.flows);
        let algebra = Algebra::new(&incident, &paths);
        let bench = Bench::new(&incident, &paths);
        work(&Hypotheses { components: Component::all(&self.csr), algebra, bench })
    }
}

/// Flows between pairs drawn by volume.
fn flows(demands: &[NodeDemand]) -> Vec<FlowInfo> {
    let mut chance = Seeds::new(1).trial(0).stream(Purpose::WORLD, &EntityKey::new("flows"));
    let mut sums = Vec::with_capacity(demands.len());
    let mut sum = 0.0;
    for d in demands {
        sum += d.bps;
        sums.push(sum);
    }
    let draw = |_| {
        let at = chance.f64_open() * sum;
        let d = &demands[sums.partition_point(|s| *s < at).min(demands.len() - 1)];
        FlowInfo { src: d.src, dst: d.dst }
    };
    (0..FLOWS).map(draw).collect()
}

/// The hypotheses about Colt, ready to be evaluated.
pub struct Hypotheses<'a> {
    components: Vec<Component>,
    algebra: Algebra<'a>,
    bench: Bench<'a>,
}

/// What some evaluations were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluations {
    /// How many.
    pub count: usize,
    /// Watched packets that were sent, on the hybrid rung.
    pub packets: usize,
    /// Over what they predict.
    pub digest: String,
}

impl Hypotheses<'_> {
    /// All hypotheses there are, each once.
    pub fn all(&self) -> Vec<Component> {
        self.components.clone()
    }

    /// Those that move traffic: a link or a node is down.
    pub fn rerouting(&self) -> Vec<Component> {
        let mut some = self.all();
        some.retain(|c| matches!(c, Component::LinkDown(_) | Component::Device(_)));
        some
    }

    /// Those that meet at least 1 % of the flows: what leads a ranking is among them.
    pub fn busy(&self) -> Vec<Component> {
        let mut scratch = self.algebra.scratch();
        let mut some = self.all();
        some.retain(|c| self.algebra.predict(*c, &mut scratch).exposed.len() >= FLOWS / 100);
        some
    }

    /// Predicts hypotheses by formula: losses and exposure of every flow, shift of its round trip, load of every arc.
    pub fn algebra(&self, components: &[Component]) -> Evaluations {
        let mut scratch = self.algebra.scratch();
        let mut of = Evaluated::default();
        for component in components {
            of.add(&self.algebra.predict(*component, &mut scratch), 0);
        }
        of.finish()
    }

    /// Predicts and simulates hypotheses in so many trials each: all packets of all flows that the hypothesis may touch,
    /// over the rest of the traffic as background.
    pub fn hybrid(&self, components: &[Component], trials: u64) -> Evaluations {
        let mut scratch = self.algebra.scratch();
        let mut of = Evaluated::default();
        for component in components {
            let formula = self.algebra.predict(*component, &mut scratch);
            let experiment = self.bench.experiment(&formula);
            of.add(
                &self.bench.evaluate(&formula, &experiment, 1, 0..trials),
                experiment.packets() * trials as usize,
            );
        }
        of.finish()
    }
}

/// Every `step`-th of a list.
pub fn thinned(components: &[Component], step: usize) -> Vec<Component> {
    components.iter().copied().step_by(step).collect()
}

#[derive(Default)]
struct Evaluated {
    count: usize,
    packets: usize,
    words: Vec<f64>,
}

impl Evaluated {
    fn add(&mut self, p: &Prediction, packets: usize) {
        self.count += 1;
        self.packets += packets;
        self.words.push(p.exposed.iter().map(|(f, share)| f64::from(*f) * share).sum());
        self.words.push(p.rtt_shift.iter().flat_map(|(_, cases)| cases).map(|(p, ms)| p * ms).sum());
        self.words.push(p.load_shift.iter().map(|(_, bps)| bps.abs()).sum());
        self.words.push(p.dead.len() as f64);
    }

    fn finish(self) -> Evaluations {
        let digest = self.words.iter().fold(Digest::new("hypotheses/1"), |d, w| d.f64(*w));
        Evaluations { count: self.count, packets: self.packets, digest: digest.hex() }
    }
}
