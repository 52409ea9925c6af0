//! `umbra detect --expected`: what the twin explains is no anomaly, and what it does not explain stays one.
//!
//! Loads come from the models' algebra on Abilene: demands with a daily and a weekly course and noise, routed by shortest
//! paths. Links fail as the twin knows; beside them there are surges and losses of which it knows nothing. The twin's
//! expectation has neither the noise nor, to a tenth, the right demands.

use std::collections::BTreeSet;
use std::f64::consts::TAU;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use models::{Failures, Loads, NodeDemand, Routing, node_demands};
use topology_sync::source::files;
use twin::{ArcId, Csr, Layer, LinkId};

const DAY: usize = 288;
const BINS: usize = 28 * DAY;
const TRAIN_END: usize = 14 * DAY;

/// A stretch in which a link is down, as the twin knows.
struct Reroute {
    bins: Range<usize>,
    link: LinkId,
}

/// What the twin does not know: a demand is so many times as large, or an arc loses that share of its load.
enum Trouble {
    Surge { demand: usize, gain: f64 },
    Loss { arc: usize, share: f64 },
}

struct World {
    csr: Csr,
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
        let demands = node_demands(&csr, net.demands.as_ref().unwrap());
        let mut world = Self { csr, demands, reroutes: Vec::new(), troubles: Vec::new() };
        let links = world.csr.link_arcs.len();
        // A reroute every other day, for three to nine hours, and a trouble a day, some of them during a reroute.
        for (i, day) in (14..28).step_by(2).enumerate() {
            let start = day * DAY + 60 + 7 * i;
            let link = LinkId::new(i * 2 % links);
            world.reroutes.push(Reroute { bins: start..start + 36 + 12 * i, link });
        }
        let large = |world: &Self, rank: usize| {
            let mut order: Vec<usize> = (0..world.demands.len()).collect();
            order.sort_by(|a, b| world.demands[*b].bps.total_cmp(&world.demands[*a].bps));
            order[rank]
        };
        for (i, day) in (14..28).enumerate() {
            let start = day * DAY + 80 + 11 * i;
            let trouble = match i % 2 {
                0 => Trouble::Surge { demand: large(&world, i / 2), gain: 4.0 },
                _ => Trouble::Loss { arc: i * 3 % world.csr.arc_count(), share: 0.6 },
            };
            world.troubles.push((start..start + 12, trouble));
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

    /// Of each demand the arcs that it takes with their shares, with every link up or with that of a reroute down.
    fn shares(&self, reroute: Option<usize>) -> Vec<Vec<(ArcId, f64)>> {
        let up = Failures::none(&self.csr);
        let down = reroute.map_or(up.clone(), |i| up.with_link(self.reroutes[i].link));
        let routing = Routing::compute(&self.csr, &down);
        let shares = |demand: &NodeDemand| routing.shares(&self.csr, demand.src, demand.dst);
        // The algebra says the same of all demands at once.
        let all = Loads::compute(&self.csr, &routing, &down, &self.demands);
        let shares: Vec<_> = self.demands.iter().map(shares).collect();
        let mut sum = vec![0.0; self.csr.arc_count()];
        for (demand, arcs) in self.demands.iter().zip(&shares) {
            arcs.iter().for_each(|(arc, share)| sum[arc.index()] += demand.bps * share);
        }
        assert!(sum.iter().zip(&all.arc).all(|(a, b)| (a - b).abs() <= 1e-6 * b.max(1.0)));
        shares
    }

    /// Observed and expected loads in Mbit/s, `[bin][arc]`.
    fn series(&self) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let routed: Vec<_> = std::iter::once(self.shares(None))
            .chain((0..self.reroutes.len()).map(|i| self.shares(Some(i))))
            .collect();
        let (mut observed, mut expected) = (Vec::new(), Vec::new());
        let mut wander = vec![0.0; self.demands.len()];
        for bin in 0..BINS {
            let shares = &routed[self.reroute(bin).map_or(0, |i| i + 1)];
            let now = || self.troubles.iter().filter(|(bins, _)| bins.contains(&bin)).map(|(_, t)| t);
            let (mut seen, mut twin) = (vec![0.0; self.csr.arc_count()], vec![0.0; self.csr.arc_count()]);
            for (i, demand) in self.demands.iter().enumerate() {
                wander[i] = 0.8 * wander[i] + 0.06 * noise(i, bin);
                let guess = demand.bps / 1e6 * Self::course(bin);
                let wrong = 1.0 + 0.1 * (2.0 * uniform(i, 0, 99) - 1.0);
                let surge: f64 = now()
                    .map(|t| match t {
                        Trouble::Surge { demand, gain } if *demand == i => *gain,
                        _ => 1.0,
                    })
                    .product();
                for (arc, share) in &shares[i] {
                    seen[arc.index()] += share * guess * (1.0 + wander[i]).max(0.1) * surge;
                    twin[arc.index()] += share * guess * wrong;
                }
            }
            for trouble in now() {
                if let Trouble::Loss { arc, share } = trouble {
                    seen[*arc] *= 1.0 - share;
                }
            }
            observed.push(seen);
            expected.push(twin);
        }
        (observed, expected)
    }

    fn name(&self, arc: usize) -> String {
        let name = |node: twin::NodeId| &self.csr.node_names[node.index()];
        format!("{}>{}", name(self.csr.src[arc]), name(self.csr.dst[arc]))
    }

    fn csv(&self, rows: &[Vec<f64>]) -> String {
        let names: Vec<_> = (0..self.csr.arc_count()).map(|arc| self.name(arc)).collect();
        let mut text = format!("bin,{}\n", names.join(","));
        for (bin, row) in rows.iter().enumerate() {
            let cells: Vec<_> = row.iter().map(|x| format!("{x:.4}")).collect();
            text += &format!("{bin},{}\n", cells.join(","));
        }
        text
    }

    /// Whether a trouble shows on an arc in these bins or shortly after them.
    fn troubled(&self, arc: usize, bins: &Range<usize>, usual: &[Vec<(ArcId, f64)>]) -> bool {
        self.troubles.iter().any(|(when, trouble)| {
            when.start < bins.end + DAY / 24
                && when.end + DAY / 8 > bins.start
                && match trouble {
                    Trouble::Surge { demand, .. } => usual[*demand].iter().any(|(a, _)| a.index() == arc),
                    Trouble::Loss { arc: a, .. } => *a == arc,
                }
        })
    }
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
    let (observed, expected) = world.series();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("observed.csv", &world.csv(&observed));
    write("expected.csv", &world.csv(&expected));
    let names: Vec<_> = (0..world.csr.arc_count()).map(|arc| format!("{:?}", world.name(arc))).collect();
    let meta = format!(
        r#"{{"bins": {BINS}, "bin_s": 300, "train_end": {TRAIN_END}, "series": [{}]}}"#,
        names.join(", ")
    );
    write("m.json", &meta);
    let alone = flags(folder.path(), &[]);
    let twin = flags(folder.path(), &["--expected", "expected.csv"]);

    // Arcs on which a reroute alone is abnormal as long as nobody says that it is one.
    let usual = world.shares(None);
    let any = |flags: &[Vec<bool>], arc: usize, bins: &Range<usize>| bins.clone().any(|bin| flags[bin][arc]);
    let (mut explained, mut left) = (BTreeSet::new(), Vec::new());
    for (i, reroute) in world.reroutes.iter().enumerate() {
        let bins = reroute.bins.start..reroute.bins.end + 2;
        for arc in 0..world.csr.arc_count() {
            let moved = world.shares(Some(i)).iter().flatten().any(|(a, _)| a.index() == arc);
            let touched = world.csr.link_arcs[reroute.link.index()].iter().any(|a| a.index() == arc);
            if (moved || touched) && any(&alone, arc, &bins) && !world.troubled(arc, &bins, &usual) {
                explained.insert((i, arc));
                left.extend(any(&twin, arc, &bins).then_some((i, arc)));
            }
        }
    }
    let suppressed = 1.0 - left.len() as f64 / explained.len() as f64;
    println!(
        "{} arcs of {} reroutes abnormal alone, {suppressed:.3} of them explained",
        explained.len(),
        world.reroutes.len()
    );
    assert!(explained.len() >= 20, "{explained:?}");
    assert!(suppressed >= 0.95, "{suppressed}: {left:?} of {explained:?}");

    let found = |flags: &[Vec<bool>], (bins, trouble): &(Range<usize>, Trouble)| {
        let shares = world.reroute(bins.start).map_or(usual.clone(), |i| world.shares(Some(i)));
        let bins = bins.start..bins.end + 2;
        match trouble {
            Trouble::Surge { demand, .. } => {
                shares[*demand].iter().any(|(arc, _)| any(flags, arc.index(), &bins))
            }
            Trouble::Loss { arc, .. } => any(flags, *arc, &bins),
        }
    };
    let of = |flags: &[Vec<bool>]| world.troubles.iter().map(|t| found(flags, t)).collect::<Vec<_>>();
    let (alone, twin) = (of(&alone), of(&twin));
    println!("{} of {} troubles found alone, {} with the twin", count(&alone), alone.len(), count(&twin));
    let lost: Vec<_> = (0..alone.len()).filter(|i| alone[*i] && !twin[*i]).collect();
    assert!(lost.is_empty(), "lost by the expectation: {lost:?}");
    assert!(count(&twin) * 10 >= twin.len() * 8, "{twin:?}");
}

fn count(found: &[bool]) -> usize {
    found.iter().filter(|f| **f).count()
}
