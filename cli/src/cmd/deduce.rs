//! `umbra deduce`: which demands make the loads that were measured?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use models::NodeDemand;
use report::{Table, entities, schema};
use scenarios::planning::{Accuracy, Deduced, LEVELS, Measured, deduce};
use serde_json::json;
use topology_sync::counters::{Direction, place, rate};
use twin::{Csr, Demand, DemandMatrix, EntityKey, NodeId, Snapshot, Twin};

use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::measured::{by_arc, nothing_to_compare, rates};
use crate::output;
use crate::planning::study::{Study, StudyArgs, routed_layer};
use crate::target::{self, TargetFolder};

/// Which demands make the link loads that were measured?
///
/// Deduces a demand for each ordered pair of nodes from counters of interfaces and the routing of the network: of all
/// matrices that explain the loads the one nearest to a gravity matrix (tomogravity). Counters of interfaces that belong to
/// no link count as what enters and leaves the network at their node. Prints one row: how many loads and demands, how far
/// off the deduced demands explain the loads and, with --truth, how far they are from a known matrix: errors over all demands,
/// and the share of demands whose relative error is at most 0.1, 0.2, 0.5 and 1.
#[derive(Debug, clap::Args)]
#[command(mut_arg("demands", |demands| demands.hide(true)))] // they are what is sought
pub(crate) struct Args {
    #[command(flatten)]
    study: StudyArgs,
    /// Measured loads, as of `umbra validate`.
    #[arg(long, value_name = "FILE")]
    counters: PathBuf,
    /// Compare with known demands: a table (.csv with src, dst, volume), .demands of this network, or another network file
    /// with demands.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Write the network with the deduced demands, as NET for other commands.
    #[arg(long, value_name = "NET.json")]
    write: Option<PathBuf>,
    /// The result folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let study = args.study.open_bare()?;
    let loads = Loads::read(&args.counters, &study)?;
    let measured = Measured { arc: &loads.arc, enters: &loads.enters, leaves: &loads.leaves };
    let deduced = deduce(&study.csr, &study.routing, measured);
    let truth = args.truth.as_deref().map(|file| truth(args, file, &study)).transpose()?;
    let accuracy = truth.as_ref().map(|truth| accuracy(&deduced, truth));
    if let Some(out) = args.out.as_ref().filter(|_| !args.dry_run) {
        let mut folder = TargetFolder::create(out)?;
        folder.write(&entities(&study.twin))?;
        folder.write(&table(&study.csr, &deduced, truth.as_ref()))?;
        let files = std::iter::once(args.counters.as_path()).chain(args.truth.as_deref());
        let mut summary = study.summary("deduce", global, files)?;
        summary.extra.insert("misfit".into(), json!(deduced.misfit));
        if let Some(a) = &accuracy {
            summary.extra.insert(
                "accuracy".into(),
                json!({ "l2": a.l2, "l1": a.l1, "large": a.large, "within": within(a) }),
            );
        }
        folder.commit(summary)?;
    }
    if let Some(path) = &args.write {
        let snapshot = snapshot(&study, &deduced);
        target::write(path, snapshot.to_json().as_bytes(), args.dry_run)?;
    }
    print(&deduced, accuracy.as_ref(), global)?;
    Ok(Outcome::Done)
}

/// What the counters say.
struct Loads {
    arc: Vec<f64>,
    enters: Vec<f64>,
    leaves: Vec<f64>,
}

impl Loads {
    fn read(path: &Path, study: &Study) -> Result<Self, Failure> {
        let rates = rates(path)?;
        let layer = routed_layer(&study.twin);
        let placed = place::place(&study.twin, layer, &rates);
        let arc = by_arc(&study.csr, layer, &placed.measured);
        if arc.iter().all(|load| load.is_nan()) {
            return Err(nothing_to_compare(path).into());
        }
        let index = place::Index::new(&study.twin, layer);
        let (enters, leaves) = ends(&study.twin, &study.csr, &placed, &index, &rates);
        Ok(Self { arc, enters, leaves })
    }
}

/// What enters and leaves at each node over interfaces that belong to no link; NaN where there are none. Ports of a shared
/// medium belong to links, though none can be told.
fn ends(
    twin: &Twin,
    csr: &Csr,
    placed: &place::Placed,
    index: &place::Index<'_>,
    rates: &[rate::Rate],
) -> (Vec<f64>, Vec<f64>) {
    let outside: BTreeSet<_> = placed.unmatched.iter().map(|u| u.interface.as_str()).collect();
    let port = |key: &EntityKey| Some((&twin.node_of(key)?.name, &twin.entity(key)?.name));
    let of_links: BTreeSet<_> = csr.ports.iter().flat_map(|(a, b)| [port(a), port(b)]).flatten().collect();
    let mut enters = vec![f64::NAN; csr.node_count()];
    let mut leaves = enters.clone();
    for rate in rates.iter().filter(|r| outside.contains(r.interface.to_string().as_str())) {
        let Ok(entity) = index.node(&rate.interface.node) else { continue };
        let Some(node) = csr.node_keys.iter().position(|key| *key == entity.key).map(NodeId::new) else {
            continue;
        };
        let name = rate.interface.name.as_ref();
        if name.is_some_and(|name| of_links.contains(&(&csr.node_names[node.index()], name))) {
            continue;
        }
        let side = match rate.direction {
            Direction::In => &mut enters,
            Direction::Out => &mut leaves,
        };
        let sum = &mut side[node.index()];
        *sum = rate.bps + if sum.is_nan() { 0.0 } else { *sum };
    }
    (enters, leaves)
}

/// A matrix by node numbers.
type Matrix = BTreeMap<(NodeId, NodeId), f64>;

fn truth(args: &Args, file: &Path, study: &Study) -> Result<Matrix, Failure> {
    let net = args.study.net.open_with(&args.study.sources, Some(file))?;
    let demands = net.demands.map(|matrix| args.study.scaled(&study.csr, &matrix)).unwrap_or_default();
    Ok(by_pair(&demands))
}

fn by_pair(demands: &[NodeDemand]) -> Matrix {
    demands.iter().map(|d| ((d.src, d.dst), d.bps)).collect()
}

fn accuracy(deduced: &Deduced, truth: &Matrix) -> Accuracy {
    let estimate = by_pair(&deduced.demands);
    let pairs: BTreeSet<_> = estimate.keys().chain(truth.keys()).collect();
    let of = |matrix: &Matrix, pair| matrix.get(pair).copied().unwrap_or(0.0);
    let values: Vec<_> = pairs.into_iter().map(|pair| (of(&estimate, pair), of(truth, pair))).collect();
    Accuracy::of(&values)
}

fn table(csr: &Csr, deduced: &Deduced, truth: Option<&Matrix>) -> Table {
    let mut table = Table::new(&schema::DEDUCED);
    for (demand, gravity) in deduced.demands.iter().zip(&deduced.gravity) {
        let known = truth.map(|truth| truth.get(&(demand.src, demand.dst)).copied().unwrap_or(0.0));
        table
            .row()
            .set("src", csr.node_names[demand.src.index()].as_str())
            .set("dst", csr.node_names[demand.dst.index()].as_str())
            .set("bps", demand.bps)
            .set("gravity_bps", *gravity)
            .set("true_bps", known)
            .end();
    }
    table
}

/// The network with these demands.
fn snapshot(study: &Study, deduced: &Deduced) -> Snapshot {
    let key = |node: NodeId| study.csr.node_keys[node.index()].clone();
    let demand = |d: &NodeDemand| Demand { src: key(d.src), dst: key(d.dst), bps: d.bps };
    let demands = Some(DemandMatrix::new(deduced.demands.iter().map(demand)));
    Snapshot { twin: study.twin.clone(), demands, unit_bps: study.unit_bps, diagnostics: Vec::new() }
}

/// Columns with the share of demands whose relative error is at most each of [`LEVELS`].
const WITHIN: [&str; LEVELS.len()] = ["within_0.1", "within_0.2", "within_0.5", "within_1"];

/// The distribution of relative errors: [level, share].
fn within(accuracy: &Accuracy) -> Vec<[f64; 2]> {
    LEVELS.into_iter().zip(accuracy.within).map(|(level, share)| [level, share]).collect()
}

fn print(deduced: &Deduced, accuracy: Option<&Accuracy>, global: &Global) -> Result<(), Failure> {
    let columns = ["loads", "demands", "total_bps", "misfit", "error_l2", "error_l1", "error_large"];
    let mut table = output::Table::new(&[&columns[..], &WITHIN].concat());
    let total: f64 = deduced.demands.iter().map(|d| d.bps).sum();
    let mut row = vec![
        json!(deduced.measured),
        json!(deduced.pairs),
        json!(total),
        json!(deduced.misfit),
        json!(accuracy.map(|a| a.l2)),
        json!(accuracy.map(|a| a.l1)),
        json!(accuracy.map(|a| a.large)),
    ];
    row.extend((0..WITHIN.len()).map(|level| json!(accuracy.map(|a| a.within[level]))));
    table.push(row);
    table.print(global.format())
}
