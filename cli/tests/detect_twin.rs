//! `umbra detect` beside a twin: what the twin explains is no anomaly, and what it does not explain stays one.
//!
//! Loads are those of packets on Abilene, a second of packets for each bin of a quarter of an hour: Poisson packets of
//! demands with a daily and a weekly course and a wandering size, forwarded by shortest paths. Links fail as the twin knows,
//! and packets take other ways; beside them demands surge and half-links send at less than what they are offered, of which
//! nobody knows. The loads that the twin expects have neither the noise nor, to a tenth, the right demands.

use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::fmt::Write;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use engine::{Purpose, Seeds};
use models::packet::{Bins, Fault, PacketConfig, PacketNet, TimedFault, TimedFlow, Workload};
use models::{Failures, NodeDemand, Routing, node_demands};
use topology_sync::source::files;
use twin::{
    ArcId, BitsPerSec, Bytes, Change, Csr, EntityKey, HalfLinkKey, Layer, LinkId, SimDuration, SimTime, Twin,
    TwinDelta, WallTime,
};

const DAY: usize = 96;
const BINS: usize = 28 * DAY;
const TRAIN_END: usize = 14 * DAY;
/// Packets that all demands send in a bin, on the mean.
const PACKETS: f64 = 2_000.0;
const PACKET_BITS: f64 = 12_000.0;
/// The highest utilisation without noise and trouble.
const BUSIEST: f64 = 0.4;
/// 2026-06-01T00:00:00Z.
const START_S: i64 = 1_780_272_000;
const BIN_S: i64 = 900;

/// A stretch in which a link is down, as the twin knows.
struct Reroute {
    bins: Range<usize>,
    link: LinkId,
}

/// What the twin does not know: a demand is so many times as large, or an arc sends no more than a share of its usual load.
enum Trouble {
    Surge { demand: usize, gain: f64 },
    Brownout { arc: usize, share: f64 },
}

struct World {
    twin: Twin,
    csr: Csr,
    /// In bit/s of the packets that are sent.
    demands: Vec<NodeDemand>,
    reroutes: Vec<Reroute>,
    troubles: Vec<(Range<usize>, Trouble)>,
}

/// A number from 0 to 1 that depends on its place alone (splitmix64).
fn uniform(a: usize, b: usize, c: usize) -> f64 {
    let mut x = (a as u64) << 48 ^ (b as u64) << 8 ^ c as u64;
    for _ in 0..2 {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
    }
    x as f64 / u64::MAX as f64
}

/// Nearly normal, of standard deviation 1.
fn noise(a: usize, b: usize) -> f64 {
    (0..12).map(|c| uniform(a, b, c)).sum::<f64>() - 6.0
}

impl World {
    fn new() -> Self {
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/topologies/Abilene");
        let sources = [format!("{data}.graph"), format!("{data}.0000.demands")];
        let net = files::open_all(&sources, &files::Options::default()).unwrap();
        let csr = Csr::compile(&net.twin, Layer::Igp);
        let mut demands = node_demands(&csr, net.demands.as_ref().unwrap());
        let scale = PACKETS * PACKET_BITS / demands.iter().map(|d| d.bps).sum::<f64>();
        demands.iter_mut().for_each(|d| d.bps *= scale);
        let mut world = Self { twin: net.twin, csr, demands, reroutes: Vec::new(), troubles: Vec::new() };
        let busiest = world.loads(None).into_iter().fold(0.0, f64::max);
        let capacity = BitsPerSec::new((busiest / BUSIEST) as u64).unwrap();
        world.csr.capacity.fill(capacity);
        let links = world.csr.link_arcs.len();
        // A reroute every other day, for three to nine hours, and a trouble a day, some of them during a reroute.
        for (i, day) in (14..28).step_by(2).enumerate() {
            let start = day * DAY + 20 + 2 * i;
            let link = LinkId::new(i * 2 % links);
            world.reroutes.push(Reroute { bins: start..start + 12 + 4 * i, link });
        }
        let mut large: Vec<usize> = (0..world.demands.len()).collect();
        large.sort_by(|a, b| world.demands[*b].bps.total_cmp(&world.demands[*a].bps));
        for (i, day) in (14..28).enumerate() {
            let start = day * DAY + 27 + 3 * i;
            let trouble = match i % 2 {
                0 => Trouble::Surge { demand: large[i / 2], gain: 4.0 },
                _ => Trouble::Brownout { arc: i * 3 % world.csr.arc_count(), share: 0.35 },
            };
            world.troubles.push((start..start + 6, trouble));
        }
        world
    }

    /// Without noise what a demand is in a bin, as a share of its size.
    fn course(bin: usize) -> f64 {
        let (day, weekday) = ((bin % DAY) as f64 / DAY as f64, bin / DAY % 7);
        (1.0 + 0.4 * (TAU * (day - 0.3)).sin()) * if weekday >= 5 { 0.7 } else { 1.0 }
    }

    fn reroute(&self, bin: usize) -> Option<usize> {
        self.reroutes.iter().position(|r| r.bins.contains(&bin))
    }

    /// Paths with every link up, or with that of a reroute down.
    fn routing(&self, reroute: Option<usize>) -> Routing {
        let up = Failures::none(&self.csr);
        let down = reroute.map_or(up.clone(), |i| up.with_link(self.reroutes[i].link));
        Routing::compute(&self.csr, &down)
    }

    /// Of each demand the arcs that it takes with their shares.
    fn shares(&self, reroute: Option<usize>) -> Vec<Vec<(ArcId, f64)>> {
        let routing = self.routing(reroute);
        self.demands.iter().map(|demand| routing.shares(&self.csr, demand.src, demand.dst)).collect()
    }

    /// Mean loads by arc.
    fn loads(&self, reroute: Option<usize>) -> Vec<f64> {
        let mut loads = vec![0.0; self.csr.arc_count()];
        for (demand, arcs) in self.demands.iter().zip(self.shares(reroute)) {
            arcs.iter().for_each(|(arc, share)| loads[arc.index()] += demand.bps * share);
        }
        loads
    }

    /// Loads of packets in bit/s, `[bin][arc]`, a day at a time.
    fn observed(&self) -> Vec<Vec<f64>> {
        let bins = Bins { width: SimDuration::secs(1), count: DAY as u32 };
        let config = PacketConfig { bins: Some(bins), ..PacketConfig::default() };
        let net = PacketNet::build(&self.csr, self.routing(None), config);
        let mut observed = vec![vec![0.0; self.csr.arc_count()]; BINS];
        let mut wander = vec![0.0; self.demands.len()];
        for day in 0..BINS / DAY {
            let chance = Seeds::new(5).trial(day as u64);
            let flows = (0..self.demands.len()).map(|i| {
                let rates =
                    (day * DAY..(day + 1) * DAY).map(|bin| self.rate(i, bin, &mut wander[i])).collect();
                (i, rates)
            });
            let flows = flows.map(|(i, rates): (usize, Vec<f64>)| {
                let mut chance = chance.stream(Purpose::ARRIVALS, &EntityKey::new(format!("demand:{i}")));
                let NodeDemand { src, dst, .. } = self.demands[i];
                let at = arrivals(&rates, || chance.exp());
                TimedFlow { id: i as u32, src, dst, size: Bytes::new(1_500), at, frames: Vec::new() }
            });
            let workload = Workload::of_flows(&self.csr, flows.collect()).unwrap();
            // Hashes stay what they are from day to day.
            let result = net.run(&workload, &self.faults(day), SimTime::MAX, Seeds::new(5).trial(0));
            for row in &result.observables.counters {
                observed[day * DAY + row.bin as usize][row.arc.index()] = row.rate_bps;
            }
        }
        observed
    }

    /// What a demand offers in a bin, in bit/s.
    fn rate(&self, demand: usize, bin: usize, wander: &mut f64) -> f64 {
        *wander = 0.8 * *wander + 0.06 * noise(demand, bin);
        let surge = self.troubles.iter().filter(|(bins, _)| bins.contains(&bin)).map(|(_, t)| match t {
            Trouble::Surge { demand: it, gain } if *it == demand => *gain,
            _ => 1.0,
        });
        self.demands[demand].bps * Self::course(bin) * (1.0 + *wander).max(0.1) * surge.product::<f64>()
    }

    /// What happens to the network in a day.
    fn faults(&self, day: usize) -> Vec<TimedFault> {
        let mut faults = Vec::new();
        let mut put = |bin: usize, fault: Fault| {
            if (day * DAY..(day + 1) * DAY).contains(&bin) {
                faults.push(TimedFault {
                    at: SimTime::ZERO + SimDuration::secs((bin - day * DAY) as u64),
                    fault,
                });
            }
        };
        for (i, reroute) in self.reroutes.iter().enumerate() {
            let install = |reroute| Fault::Reroute { node: None, routing: Arc::new(self.routing(reroute)) };
            put(reroute.bins.start, Fault::LinkDown(reroute.link));
            put(reroute.bins.start, install(Some(i)));
            put(reroute.bins.end, Fault::LinkUp(reroute.link));
            put(reroute.bins.end, install(None));
        }
        for (bins, trouble) in &self.troubles {
            if let Trouble::Brownout { arc, share } = trouble {
                let load = self.loads(self.reroute(bins.start))[*arc] * Self::course(bins.start);
                let rate = BitsPerSec::new((share * load) as u64 + 1).unwrap();
                put(bins.start, Fault::Capacity { arc: ArcId::new(*arc), rate });
                put(bins.end, Fault::Capacity { arc: ArcId::new(*arc), rate: self.csr.capacity[*arc] });
            }
        }
        faults.sort_by_key(|fault| fault.at);
        faults
    }

    /// What the twin expects, in bit/s, `[bin][arc]`.
    fn expected(&self) -> Vec<Vec<f64>> {
        let routed: Vec<_> = std::iter::once(None).chain((0..self.reroutes.len()).map(Some)).collect();
        let routed: Vec<_> = routed.into_iter().map(|reroute| self.shares(reroute)).collect();
        let bin = |bin: usize| {
            let mut loads = vec![0.0; self.csr.arc_count()];
            for (i, arcs) in routed[self.reroute(bin).map_or(0, |i| i + 1)].iter().enumerate() {
                let wrong = 1.0 + 0.1 * (2.0 * uniform(i, 0, 99) - 1.0);
                let guess = self.demands[i].bps * Self::course(bin) * wrong;
                arcs.iter().for_each(|(arc, share)| loads[arc.index()] += share * guess);
            }
            loads
        };
        (0..BINS).map(bin).collect()
    }

    /// The reroutes as a twin that follows the network tells them.
    fn deltas(&self) -> String {
        let mut deltas = Vec::new();
        for reroute in &self.reroutes {
            let gone = |arc: &ArcId| {
                let (from, to) = self.csr.ports[arc.index()].clone();
                let key = HalfLinkKey { layer: Layer::Igp, from, to };
                let before = self.twin.half_link(&key).cloned().map(Arc::new);
                Change::HalfLink { key, before, after: None }
            };
            let down = TwinDelta {
                valid_at: WallTime::from_secs(START_S + BIN_S * reroute.bins.start as i64),
                learned_at: WallTime::from_secs(START_S + BIN_S * reroute.bins.start as i64 + 1),
                source: "test".to_owned(),
                changes: self.csr.link_arcs[reroute.link.index()].iter().map(gone).collect(),
            };
            let end = WallTime::from_secs(START_S + BIN_S * reroute.bins.end as i64);
            let up = TwinDelta { valid_at: end, learned_at: end, ..down.clone().inverse() };
            deltas.extend([down, up]);
        }
        deltas.iter().map(|delta| serde_json::to_string(delta).unwrap() + "\n").collect()
    }

    fn name(&self, arc: usize) -> String {
        let name = |node: twin::NodeId| &self.csr.node_names[node.index()];
        format!("{}>{}", name(self.csr.src[arc]), name(self.csr.dst[arc]))
    }

    fn csv(&self, rows: &[Vec<f64>]) -> String {
        let names: Vec<_> = (0..self.csr.arc_count()).map(|arc| self.name(arc)).collect();
        let mut text = format!("bin,{}\n", names.join(","));
        for (bin, row) in rows.iter().enumerate() {
            let _ = write!(text, "{bin}");
            for load in row {
                let _ = write!(text, ",{load:.0}");
            }
            text.push('\n');
        }
        text
    }

    /// Whether a trouble shows on an arc in these bins or shortly before or after them.
    fn troubled(&self, arc: usize, bins: &Range<usize>, usual: &[Vec<(ArcId, f64)>]) -> bool {
        self.troubles.iter().any(|(when, trouble)| {
            when.start < bins.end + DAY / 24
                && when.end + DAY / 8 > bins.start
                && match trouble {
                    Trouble::Surge { demand, .. } => usual[*demand].iter().any(|(a, _)| a.index() == arc),
                    // What an arc does not send is missing on all arcs behind it.
                    Trouble::Brownout { arc: from, .. } => {
                        let takes = |arcs: &&Vec<(ArcId, f64)>| arcs.iter().any(|(a, _)| a.index() == *from);
                        usual.iter().filter(takes).flatten().any(|(a, _)| a.index() == arc)
                    }
                }
        })
    }

    /// Whether a trouble is flagged where it shows first.
    fn finds(&self, flags: &[Vec<bool>], (bins, trouble): &(Range<usize>, Trouble)) -> bool {
        let bins = bins.start..bins.end + 2;
        match trouble {
            Trouble::Surge { demand, .. } => {
                let shares = self.shares(self.reroute(bins.start));
                shares[*demand].iter().any(|(arc, _)| any(flags, arc.index(), &bins))
            }
            Trouble::Brownout { arc, .. } => any(flags, *arc, &bins),
        }
    }
}

/// Instants of a Poisson process whose rate is that of the second, in bit/s of packets.
fn arrivals(rates: &[f64], mut exp: impl FnMut() -> f64) -> Vec<SimTime> {
    let (mut at, mut instants) = (0.0_f64, Vec::new());
    let mut left = exp();
    while let Some(rate) = rates.get(at as usize) {
        let (packets, end) = (rate / PACKET_BITS, at.floor() + 1.0);
        if left > packets * (end - at) {
            left -= packets * (end - at);
            at = end;
        } else {
            at += left / packets;
            left = exp();
            instants.push(SimTime::ZERO + SimDuration::from_secs_f64(at));
        }
    }
    instants
}

/// Whether an arc has a flag in these bins.
fn any(flags: &[Vec<bool>], arc: usize, bins: &Range<usize>) -> bool {
    bins.clone().any(|bin| flags[bin][arc])
}

/// Flags of a run, `[bin][arc]`.
fn flags(folder: &Path, more: &[&str]) -> Vec<Vec<bool>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_umbra"));
    let arguments = ["detect", "observed.csv", "--meta", "m.json", "--flags", "f.csv", "--fa-week", "0.2"];
    let output = command.current_dir(folder).args(arguments).args(more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(folder.join("f.csv")).unwrap();
    text.lines().skip(1).map(|line| line.split(',').skip(1).map(|cell| cell == "1").collect()).collect()
}

#[test]
fn a_known_reroute_explains_its_anomalies_and_hides_no_real_ones() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let observed = world.csv(&world.observed());
    write("observed.csv", &observed);
    write("expected.csv", &world.csv(&world.expected()));
    write("deltas.ndjson", &world.deltas());
    let names: Vec<_> = (0..world.csr.arc_count()).map(|arc| format!("{:?}", world.name(arc))).collect();
    let bin_0 = "2026-06-01T00:00:00Z";
    let meta = format!(
        r#"{{"bins": {BINS}, "bin_s": {BIN_S}, "train_end": {TRAIN_END}, "bin_0": {bin_0:?}, "series": [{}]}}"#,
        names.join(", ")
    );
    write("m.json", &meta);
    let alone = flags(folder.path(), &[]);
    // What there is to find: the same traffic and troubles where no link fails.
    let quiet = World { reroutes: Vec::new(), ..World::new() };
    write("observed.csv", &quiet.csv(&quiet.observed()));
    let undisturbed = flags(folder.path(), &[]);
    let found: Vec<bool> = quiet.troubles.iter().map(|trouble| quiet.finds(&undisturbed, trouble)).collect();
    println!("without reroutes {} of {} troubles found", count(&found), found.len());
    write("observed.csv", &observed);

    // Arcs on which a reroute alone is abnormal as long as nobody says that it is one.
    let usual = world.shares(None);
    let mut abnormal = BTreeSet::new();
    let around = |reroute: &Reroute| reroute.bins.start..reroute.bins.end + 2;
    for (i, reroute) in world.reroutes.iter().enumerate() {
        let (bins, after) = (around(reroute), world.shares(Some(i)));
        for arc in 0..world.csr.arc_count() {
            let takes = |shares: &[Vec<(ArcId, f64)>]| shares.iter().flatten().any(|(a, _)| a.index() == arc);
            if (takes(&after) || takes(&usual))
                && any(&alone, arc, &bins)
                && !world.troubled(arc, &bins, &usual)
            {
                abnormal.insert((i, arc));
            }
        }
    }
    assert!(abnormal.len() >= 20, "{abnormal:?}");
    let graph = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/topologies/Abilene.graph");
    let expectation: &[&str] = &["--expected", "expected.csv"];
    for twin in [expectation, &["--changes", "deltas.ndjson", "--net", graph]] {
        let flags = flags(folder.path(), twin);
        let still = |(i, arc): &&(usize, usize)| any(&flags, *arc, &around(&world.reroutes[*i]));
        let left: Vec<_> = abnormal.iter().filter(still).collect();
        let explained = 1.0 - left.len() as f64 / abnormal.len() as f64;
        let now: Vec<bool> = world.troubles.iter().map(|trouble| world.finds(&flags, trouble)).collect();
        println!(
            "{}: {explained:.3} of {} abnormal arcs of {} reroutes explained, {} of {} troubles found",
            twin[0],
            abnormal.len(),
            world.reroutes.len(),
            count(&now),
            now.len()
        );
        assert!(explained >= 0.95, "{twin:?} {explained}: {left:?} of {abnormal:?}");
        // What is learnt anew knows little for a while.
        let lost: Vec<_> = (0..found.len()).filter(|i| found[*i] && !now[*i]).collect();
        assert!(lost.is_empty() || twin != expectation, "lost by {twin:?}: {lost:?}");
    }
    assert!(count(&found) * 10 >= found.len() * 8, "{found:?}");
}

fn count(found: &[bool]) -> usize {
    found.iter().filter(|f| **f).count()
}
