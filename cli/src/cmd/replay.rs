//! `umbra replay`: traffic through the twin, packet by packet or as a fluid.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use clap::ValueEnum;
use engine::Seeds;
use mirror::schedule::RecordedConnection;
use models::packet::tcp::{Congestion, TcpConfig, TcpConnection, TcpFlow};
use models::packet::{
    BackgroundLoad, BackgroundTraffic, IpForwarding, PacketConfig, PacketResult, ReplayOptions,
};
use models::{Failures, Loads, Routing, node_demands, poisson_schedule};
use report::{Summary, entities, network_digest};
use twin::{
    Csr, Demand, DemandMatrix, Diagnostic, Fidelity, InputError, NodeId, PacketSchedule, Place, Rung,
    SimDuration, SimTime, Snapshot, Twin,
};

use crate::cmd::net::NetOptions;
use crate::duration;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::inputs;
use crate::replay::addresses::{self, Placing};
use crate::replay::fluid::FluidReplay;
use crate::replay::traffic::{self, Kind};
use crate::replay::{layer, summary, tables};
use crate::target::TargetFolder;

/// Send a capture, flow table or demand matrix through the network.
///
/// A capture's packets are sent at their recorded times by the nodes that own their addresses, and forwarded by address
/// where the network has forwarding tables; packets of other addresses go between nodes that are picked by hash. A flow
/// table (the columns src, dst, packets, bytes, first_s, last_s of `umbra flows`) is spread evenly over its times. A
/// demand matrix becomes Poisson packets of 1,500 bytes, for 1 s or up to --until. On the rung fluid a demand matrix is
/// not sent as packets: each demand gets its max-min fair share, by what it offers, and waits follow from the loads. With
/// --closed-loop a capture's TCP connections carry what they carried, and slow down as hosts do. Results are links.parquet,
/// flows.parquet, drops.parquet, entities.parquet, summary.json, and connections.parquet of a closed loop.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The network, then its demand files.
    #[arg(required = true, value_name = "NET")]
    sources: Vec<PathBuf>,
    /// Capture (.pcap, .pcapng), flow table (.csv, .csv.gz, .parquet) or demands (.demands, .xml, .json).
    #[arg(long, value_name = "FILE")]
    traffic: PathBuf,
    /// Folder for the result.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// End of the replay, such as 10s or 500ms [default: when the last packet has arrived].
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    until: Option<SimDuration>,
    /// Follow every packet, or watched ones over the unseen load of demands, or none.
    #[arg(long, value_enum, default_value_t = RungArg::Packets)]
    rung: RungArg,
    /// Share of a demand matrix that is sent as packets on the rung foreground [default: 0.01].
    #[arg(long, value_name = "SHARE", value_parser = share)]
    foreground: Option<f64>,
    /// Let TCP of a capture time itself: its connections carry the recorded bytes at the pace of this congestion control.
    #[arg(long, value_enum, value_name = "CONTROL")]
    closed_loop: Option<Control>,
    /// Table `prefix,node` (CSV) that says which address is on which node.
    #[arg(long, value_name = "MAP.csv")]
    map: Option<PathBuf>,
    /// Lost packets listed one by one in drops.parquet, the first so many.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    drops: usize,
    /// Run, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    net: NetOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RungArg {
    /// Every packet is followed.
    Packets,
    /// The packets of a capture or flow table over the load of NET's demands; or a share of a matrix over its rest.
    Foreground,
    /// A matrix's demands flow at their max-min fair rates.
    Fluid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Control {
    /// RFC 5681.
    Reno,
    /// RFC 9438.
    Cubic,
}

impl From<Control> for Congestion {
    fn from(control: Control) -> Self {
        match control {
            Control::Reno => Self::Reno,
            Control::Cubic => Self::Cubic,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|s: &f64| *s > 0.0 && *s < 1.0);
    share.ok_or_else(|| "expected a number between 0 and 1".to_owned())
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let (started, clock) = (SystemTime::now(), Instant::now());
    if args.foreground.is_some() && args.rung != RungArg::Foreground {
        return Err(Failure::Usage("--foreground needs --rung foreground".into()));
    }
    let kind = Kind::of(&args.traffic)?;
    if args.rung == RungArg::Fluid && matches!(kind, Kind::Capture | Kind::FlowTable) {
        return Err(Failure::Usage("--rung fluid takes a demand matrix".into()));
    }
    if args.closed_loop.is_some() && kind != Kind::Capture {
        return Err(Failure::Usage(
            "--closed-loop needs a capture: other traffic does not say what is TCP".into(),
        ));
    }
    let net = open(args, kind)?;
    let csr = Csr::compile(&net.twin, layer(&net.twin));
    if args.rung == RungArg::Fluid {
        return flow(args, kind, &net, &csr, global, started, clock);
    }
    let plan = Plan::new(args, kind, &net, &csr, global.seed)?;
    let folder = if args.dry_run { None } else { Some(TargetFolder::create(&args.out)?) };

    let result = plan.run(args, &csr, global.seed)?;
    let end = args.until.map_or(result.last_event, |until| SimTime::ZERO + until);
    if let Some(mut folder) = folder {
        folder.write(&entities(&net.twin))?;
        folder.write(&tables::links(&csr, &result, end))?;
        folder.write(&tables::flows(&result, &plan.flow_ends(&csr)))?;
        if args.closed_loop.is_some() {
            folder.write(&tables::connections(&csr, &result, &plan.connections))?;
        }
        folder.write(&tables::drops(&result))?;
        let mut summary = base_summary(args, global, &net.twin, plan.fidelity(&result))?;
        summary::add_packets(&mut summary, &result, end);
        summary::stamp(&mut summary, started, clock);
        folder.commit(summary)?;
    }
    let counts = [result.sent, result.delivered, result.dropped, result.in_flight];
    summary::print(counts, end.as_secs_f64(), result.digest(), global)?;
    Ok(Outcome::Done)
}

/// A demand matrix on the fluid rung.
fn flow(
    args: &Args,
    kind: Kind,
    net: &Snapshot,
    csr: &Csr,
    global: &Global,
    started: SystemTime,
    clock: Instant,
) -> Result<Outcome, Failure> {
    let other = other_network(args, kind)?;
    let matrix = demands(other.as_ref().unwrap_or(net), &args.traffic)?;
    traffic::check_ends(&args.traffic.display().to_string(), matrix, csr)?;
    let duration = args.until.unwrap_or(SimDuration::secs(1));
    let replay = FluidReplay::run(csr, matrix, duration);
    let result = replay.result();
    let (sent, delivered, dropped) = replay.packets();
    let waiting = sent.saturating_sub(delivered + dropped);
    if !args.dry_run {
        let mut folder = TargetFolder::create(&args.out)?;
        folder.write(&entities(&net.twin))?;
        folder.write(&replay.links(csr))?;
        folder.write(&replay.flows(csr))?;
        folder.write(&report::Table::new(&report::schema::DROPS))?;
        let mut summary = base_summary(args, global, &net.twin, result.fidelity.clone())?;
        summary::add_fluid(&mut summary, result);
        summary::stamp(&mut summary, started, clock);
        folder.commit(summary)?;
    }
    summary::print([sent, delivered, dropped, waiting], duration.as_secs_f64(), result.digest(), global)?;
    Ok(Outcome::Done)
}

/// Opens the network; REPETITA demands are read with it, in the place of its own.
fn open(args: &Args, kind: Kind) -> Result<Snapshot, Failure> {
    if kind != Kind::Demands {
        return args.net.open(&args.sources);
    }
    let is_demands = |p: &&PathBuf| p.extension().is_some_and(|s| s.eq_ignore_ascii_case("demands"));
    let networks = args.sources.iter().filter(|p| !is_demands(p));
    args.net.open(&networks.chain([&args.traffic]).cloned().collect::<Vec<_>>())
}

/// What is sent, and over what.
struct Plan {
    schedule: PacketSchedule,
    /// TCP that times itself.
    connections: Vec<TcpConnection>,
    background: Option<DemandMatrix>,
    ip: Option<IpForwarding>,
    /// How addresses were placed; `None` where there are none.
    placing: Option<Placing>,
    kind: Kind,
    diagnostics: Vec<Diagnostic>,
}

impl Plan {
    fn new(args: &Args, kind: Kind, net: &Snapshot, csr: &Csr, seed: u64) -> Result<Self, Failure> {
        match kind {
            Kind::Capture | Kind::FlowTable => Self::addressed(args, kind, net, csr),
            Kind::Demands | Kind::Network => Self::matrix(args, kind, net, csr, seed),
        }
    }

    /// Packets whose ends are named by address, over the network's demands on the foreground rung.
    fn addressed(args: &Args, kind: Kind, net: &Snapshot, csr: &Csr) -> Result<Self, Failure> {
        let (map, placing) = addresses::map(&net.twin, csr, args.map.as_deref())?;
        let mut connections = Vec::new();
        let (schedule, diagnostics) = match (kind, args.closed_loop) {
            (Kind::Capture, Some(control)) => {
                let (schedule, recorded, diagnostics) = traffic::closed_loop(&args.traffic, &map)?;
                connections.extend(recorded.iter().map(|c| connection(c, control)));
                (schedule, diagnostics)
            }
            (Kind::Capture, None) => traffic::capture(&args.traffic, &map)?,
            _ => traffic::flows(&args.traffic, csr, &map)?,
        };
        let background = match args.rung {
            RungArg::Packets | RungArg::Fluid => None,
            RungArg::Foreground if args.foreground.is_some() => {
                return Err(Failure::Usage("--foreground is a share of a demand matrix".into()));
            }
            RungArg::Foreground => Some(demands(net, &args.sources[0])?.clone()),
        };
        let ip = (placing == Placing::Ports).then(|| IpForwarding::from_twin(&net.twin, csr));
        Ok(Self { schedule, connections, background, ip, placing: Some(placing), kind, diagnostics })
    }

    /// A matrix as packets, or a share of it as packets over the rest.
    fn matrix(args: &Args, kind: Kind, net: &Snapshot, csr: &Csr, seed: u64) -> Result<Self, Failure> {
        let other = other_network(args, kind)?;
        let all = demands(other.as_ref().unwrap_or(net), &args.traffic)?;
        let share = match args.rung {
            RungArg::Packets | RungArg::Fluid => 1.0,
            RungArg::Foreground => args.foreground.unwrap_or(0.01),
        };
        let duration = args.until.unwrap_or(SimDuration::secs(1));
        let sent = scaled(all, share);
        traffic::check_matrix(&args.traffic.display().to_string(), &sent, csr, duration)?;
        let schedule = poisson_schedule(&sent, duration, Seeds::new(seed).trial(0));
        let background = (args.rung == RungArg::Foreground).then(|| scaled(all, 1.0 - share));
        let (connections, diagnostics) = (Vec::new(), Vec::new());
        Ok(Self { schedule, connections, background, ip: None, placing: None, kind, diagnostics })
    }

    fn run(&self, args: &Args, csr: &Csr, seed: u64) -> Result<PacketResult, InputError> {
        let background = self.background.as_ref().map(|demands| {
            let up = Failures::none(csr);
            let loads = Loads::compute(csr, &Routing::compute(csr, &up), &up, &node_demands(csr, demands));
            (Arc::new(BackgroundLoad::constant(loads.arc)), BackgroundTraffic::default())
        });
        let options = ReplayOptions {
            rung: if background.is_some() { Rung::Foreground } else { Rung::Packets },
            until: args.until.map_or(SimTime::MAX, |until| SimTime::ZERO + until),
            seed,
            ip: self.ip.clone(),
            background,
            connections: self.connections.clone(),
            config: PacketConfig { keep_drops: args.drops, ..PacketConfig::default() },
        };
        models::replay(csr, &self.schedule, options)
    }

    /// Names of the source and destination of each flow's first packet, by flow number.
    fn flow_ends<'a>(&self, csr: &'a Csr) -> BTreeMap<u32, (&'a str, &'a str)> {
        let names: BTreeMap<_, _> =
            csr.node_keys.iter().zip(csr.node_names.iter().map(String::as_str)).collect();
        let name = |endpoint: u32| names[&self.schedule.endpoints[endpoint as usize]];
        let mut ends = BTreeMap::new();
        for packet in &self.schedule.packets {
            ends.entry(packet.flow).or_insert_with(|| (name(packet.src), name(packet.dst)));
        }
        for TcpConnection { flows: [forward, back], nodes: [client, server], .. } in &self.connections {
            let name = |node: NodeId| csr.node_names[node.index()].as_str();
            ends.insert(*forward, (name(*client), name(*server)));
            ends.insert(*back, (name(*server), name(*client)));
        }
        ends
    }

    /// What the run did not model, how addresses were placed, and what was not sent.
    fn fidelity(&self, result: &PacketResult) -> Fidelity {
        let mut fidelity = result.fidelity.clone();
        let packets = self.schedule.packets.len() as u64;
        let hashed = self.diagnostics.iter().find(|d| d.code == "address-hashed").map_or(0, |d| d.count);
        match self.placing {
            None => fidelity.note(
                "poisson",
                "Demands were sent as Poisson packets of 1,500 bytes.",
                Some(packets),
            ),
            Some(Placing::File) => {
                fidelity.note(
                    "address-map",
                    "Nodes were given to addresses by the address map.",
                    Some(packets),
                );
            }
            Some(Placing::Ports) => {
                let note = "Packets were sent by the nodes that own their addresses.";
                fidelity.note("address-owned", note, Some(packets - hashed.min(packets)));
            }
            Some(Placing::Hash) => {
                fidelity.note(
                    "no-addresses",
                    "The network has no addresses; all were spread by hash.",
                    Some(hashed),
                );
            }
        }
        if self.kind == Kind::FlowTable {
            let note = "Packets of a flow were spread evenly, all from src to dst, and went to the node of dst by the \
                        shortest path.";
            fidelity.note("flow-table", note, Some(packets));
        }
        if !self.connections.is_empty() {
            let note = "TCP connections carry what the capture holds of them: first all from client to server, then the \
                        answer.";
            fidelity.note("recorded-bytes", note, Some(self.connections.len() as u64));
        }
        if (result.lost_packets.len() as u64) < result.dropped {
            let rest = result.dropped - result.lost_packets.len() as u64;
            fidelity.note(
                "drops-cut",
                "Lost packets that are counted but not listed in `drops`.",
                Some(rest),
            );
        }
        for d in &self.diagnostics {
            fidelity.note(&d.code, d.message.clone(), Some(d.count));
        }
        fidelity
    }
}

/// The network file that the demands are in, where they do not belong to the network itself.
fn other_network(args: &Args, kind: Kind) -> Result<Option<Snapshot>, Failure> {
    if args.map.is_some() {
        return Err(Failure::Usage("--map places the addresses of captures and flow tables".into()));
    }
    let files = std::slice::from_ref(&args.traffic);
    Ok(if kind == Kind::Network { Some(args.net.open(files)?) } else { None })
}

/// A recorded connection between its nodes (the hosts of an address map are the network's nodes, in their order), with
/// ends that are set as by default.
fn connection(recorded: &RecordedConnection, control: Control) -> TcpConnection {
    let RecordedConnection { client, server, forward, backward, first, .. } = *recorded;
    TcpConnection {
        flows: recorded.flows,
        nodes: recorded.hosts.map(NodeId),
        flow: TcpFlow { client, server, forward, backward, start: first, congestion: control.into() },
        config: TcpConfig::default(),
        by_address: !recorded.hashed,
    }
}

/// The demands of a network file.
fn demands<'a>(net: &'a Snapshot, file: &Path) -> Result<&'a DemandMatrix, InputError> {
    net.demands.as_ref().ok_or_else(|| {
        let name = file.display().to_string();
        InputError::new(&name, Place::Whole, "a network without demands", "a network with a demand matrix")
    })
}

fn scaled(matrix: &DemandMatrix, factor: f64) -> DemandMatrix {
    DemandMatrix::new(matrix.demands().iter().map(|d| Demand { bps: d.bps * factor, ..d.clone() }))
}

/// What the summary of every rung begins with.
fn base_summary(
    args: &Args,
    global: &Global,
    twin: &Twin,
    fidelity: Fidelity,
) -> Result<Summary, InputError> {
    let mut summary = Summary::new("replay", global.seed);
    let inputs = args.sources.iter().chain([&args.traffic]).chain(&args.map);
    summary.input_digest = inputs::digest(inputs.map(PathBuf::as_path))?;
    summary.network_digest = network_digest(twin);
    summary.fidelity = fidelity;
    summary.run.command_line = std::env::args().collect();
    Ok(summary)
}
