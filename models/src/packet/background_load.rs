//! The load that stands for unseen traffic: how much on each arc, and from which arcs it comes.

use twin::{ArcId, Csr, NodeId, SimTime};

use crate::{Failures, Loads, NodeDemand, Routing};

/// The traffic of every arc in bit/s, with the arcs that it comes from.
///
/// Where it comes from matters to a queue: packets that come one after another from a link of the same rate never wait for
/// each other. What no arc feeds enters the network there.
///
/// ```
/// use twin::{ArcId, BitsPerSec, Csr, Layer, LinkSpec, NodeKind, SimDuration, TwinBuilder};
/// use umbra_models::packet::RoutedLoad;
///
/// let mut net = TwinBuilder::new("row");
/// let [a, b, c] = ["a", "b", "c"].map(|name| net.node(name, NodeKind::Router, None));
/// let spec = LinkSpec::symmetric(1, BitsPerSec::gbps(1), SimDuration::ZERO);
/// net.link("ab", &a, &b, spec);
/// net.link("bc", &b, &c, spec);
/// let csr = Csr::compile(&net.finish(), Layer::Igp);
/// let [ab, bc] = [ArcId(0), ArcId(2)];
/// let load = RoutedLoad::along(&csr, [(&[ab, bc][..], 3e8), (&[bc][..], 1e8)]);
/// assert_eq!(load.bps(bc), 4e8);
/// assert_eq!(load.feeds(bc)[0].bps, 3e8);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RoutedLoad {
    arcs: Vec<f64>,
    /// Where each arc's feeds begin; empty if they are not known.
    start: Vec<u32>,
    feeds: Vec<Feed>,
}

/// The part of an arc's traffic that comes from one other arc.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Feed {
    /// The arc that it comes from.
    pub from: ArcId,
    /// How much comes, in bit/s.
    pub bps: f64,
    /// All that the other arc carries, in bit/s.
    pub from_bps: f64,
    /// The other arc's line rate in bit/s.
    pub from_rate: f64,
}

impl From<Vec<f64>> for RoutedLoad {
    /// Loads by arc of unknown origin: all traffic enters at the arc that carries it.
    fn from(arcs: Vec<f64>) -> Self {
        Self { arcs, start: Vec::new(), feeds: Vec::new() }
    }
}

impl RoutedLoad {
    /// What demands do on a routing: the loads of [`Loads::compute`], equal-cost splits included. Cost O(destinations ·
    /// arcs · next hops).
    pub fn of_demands(csr: &Csr, routing: &Routing, down: &Failures, demands: &[NodeDemand]) -> Self {
        let mut turns = Turns::new(csr);
        let loads = Loads::visit(csr, routing, down, demands, |arc, bps, next| {
            let each = bps / next.len() as f64;
            next.iter().for_each(|to| turns.add(csr, arc, *to, each));
        });
        turns.finish(csr, loads.arc)
    }

    /// What flows do that take one path each, given as (path, bit/s).
    pub fn along<'a>(csr: &Csr, flows: impl IntoIterator<Item = (&'a [ArcId], f64)>) -> Self {
        let mut turns = Turns::new(csr);
        let mut arcs = vec![0.0; csr.arc_count()];
        for (path, bps) in flows {
            path.iter().for_each(|arc| arcs[arc.index()] += bps);
            path.windows(2).for_each(|turn| turns.add(csr, turn[0], turn[1], bps));
        }
        turns.finish(csr, arcs)
    }

    /// The same with no arc above this share of its capacity; the feeds of such an arc shrink alike.
    ///
    /// # Panics
    /// If the network has another number of arcs.
    #[must_use]
    pub fn at_most(mut self, csr: &Csr, share: f64) -> Self {
        assert_eq!(csr.arc_count(), self.arcs.len(), "the load of another network");
        let most = |arc: usize| share * csr.capacity[arc].as_f64();
        let keep: Vec<f64> = (0..self.arcs.len()).map(|i| (most(i) / self.arcs[i]).min(1.0)).collect();
        for arc in 0..self.arcs.len() {
            self.arcs[arc] *= keep[arc];
            if let Some(range) = self.range(arc) {
                for feed in &mut self.feeds[range] {
                    feed.bps *= keep[arc];
                    feed.from_bps *= keep[feed.from.index()];
                }
            }
        }
        self
    }

    /// Arcs of one rate: all that the first ones carry goes on to the last, which carries `bps`.
    #[cfg(test)]
    pub(crate) fn of_feeds(feeds_bps: &[f64], bps: f64, rate: twin::BitsPerSec) -> Self {
        let feed = |(from, bps): (u32, &f64)| Feed {
            from: ArcId(from),
            bps: *bps,
            from_bps: *bps,
            from_rate: rate.as_f64(),
        };
        let feeds: Vec<_> = (0..).zip(feeds_bps).map(feed).collect();
        let start = [vec![0; feeds.len() + 1], vec![feeds.len() as u32]].concat();
        Self { arcs: [feeds_bps, &[bps]].concat(), start, feeds }
    }

    /// Arcs of one rate: of what each of the first ones carries, a part goes on to the last.
    #[cfg(test)]
    pub(crate) fn of_parts(
        count: usize,
        from_bps: f64,
        feed_bps: f64,
        bps: f64,
        rate: twin::BitsPerSec,
    ) -> Self {
        let mut load = Self::of_feeds(&vec![from_bps; count], bps, rate);
        load.feeds.iter_mut().for_each(|f| f.bps = feed_bps);
        load
    }

    /// The load of an arc in bit/s.
    pub fn bps(&self, arc: ArcId) -> f64 {
        self.arcs[arc.index()]
    }

    /// The loads by arc in bit/s.
    pub fn arcs(&self) -> &[f64] {
        &self.arcs
    }

    /// The arcs that a given arc's traffic comes from; empty where that is not known, and where all of it enters.
    pub fn feeds(&self, arc: ArcId) -> &[Feed] {
        self.range(arc.index()).map_or(&[], |range| &self.feeds[range])
    }

    fn range(&self, arc: usize) -> Option<std::ops::Range<usize>> {
        Some(*self.start.get(arc)? as usize..*self.start.get(arc + 1)? as usize)
    }
}

/// Traffic by pairs of arcs that follow one another: row by second arc, column by position among the arcs into its tail.
struct Turns {
    start: Vec<u32>,
    bps: Vec<f64>,
}

impl Turns {
    fn new(csr: &Csr) -> Self {
        let mut start = vec![0];
        for node in &csr.src {
            start.push(start[start.len() - 1] + csr.arcs_in(*node).len() as u32);
        }
        let bps = vec![0.0; start[csr.arc_count()] as usize];
        Self { start, bps }
    }

    fn add(&mut self, csr: &Csr, from: ArcId, to: ArcId, bps: f64) {
        let into: NodeId = csr.src[to.index()];
        let column = csr.arcs_in(into).iter().position(|a| *a == from).expect("the arcs follow one another");
        self.bps[self.start[to.index()] as usize + column] += bps;
    }

    fn finish(self, csr: &Csr, arcs: Vec<f64>) -> RoutedLoad {
        let (mut start, mut feeds) = (vec![0], Vec::new());
        for (to, tail) in csr.src.iter().enumerate() {
            let row = &self.bps[self.start[to] as usize..self.start[to + 1] as usize];
            let used = csr.arcs_in(*tail).iter().zip(row).filter(|(_, bps)| **bps > 0.0);
            feeds.extend(used.map(|(from, bps)| Feed {
                from: *from,
                bps: *bps,
                from_bps: arcs[from.index()],
                from_rate: csr.capacity[from.index()].as_f64(),
            }));
            start.push(feeds.len() as u32);
        }
        RoutedLoad { arcs, start, feeds }
    }
}

/// The unseen load of every arc, in steps.
#[derive(Clone, Debug, PartialEq)]
pub struct BackgroundLoad {
    pub(crate) steps: Vec<(SimTime, RoutedLoad)>,
}

impl BackgroundLoad {
    /// One load of unknown origin for the whole run, in bit/s by arc.
    ///
    /// # Panics
    /// On a negative or non-finite load.
    pub fn constant(bps: Vec<f64>) -> Self {
        Self::steps(vec![(SimTime::ZERO, bps)])
    }

    /// Loads of unknown origin that hold from their instant to the next one's, in bit/s by arc; the first also holds
    /// before its instant.
    ///
    /// # Panics
    /// As [`routed`](Self::routed).
    pub fn steps(steps: Vec<(SimTime, Vec<f64>)>) -> Self {
        Self::routed(steps.into_iter().map(|(at, bps)| (at, bps.into())).collect())
    }

    /// Loads that hold from their instant to the next one's; the first also holds before its instant.
    ///
    /// # Panics
    /// Without a step, with steps out of order or of different lengths, or with a negative or non-finite load.
    pub fn routed(steps: Vec<(SimTime, RoutedLoad)>) -> Self {
        assert!(!steps.is_empty(), "a background has at least one step");
        let in_order =
            |w: &[(SimTime, RoutedLoad)]| w[0].0 < w[1].0 && w[0].1.arcs.len() == w[1].1.arcs.len();
        assert!(steps.windows(2).all(in_order), "steps in order");
        let loads = || steps.iter().flat_map(|s| s.1.arcs.iter().chain(s.1.feeds.iter().map(|f| &f.bps)));
        assert!(loads().all(|b| b.is_finite() && *b >= 0.0), "loads are ≥ 0 bit/s");
        Self { steps }
    }

    /// The step that holds at an instant.
    pub(crate) fn at(&self, now: SimTime) -> usize {
        self.steps.partition_point(|(start, _)| *start <= now).saturating_sub(1)
    }

    /// The load of an arc at an instant, in bit/s.
    pub fn bps_at(&self, arc: ArcId, at: SimTime) -> f64 {
        self.steps[self.at(at)].1.bps(arc)
    }

    /// The number of arcs.
    pub fn arc_count(&self) -> usize {
        self.steps[0].1.arcs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::{random_demands, random_network};
    use twin::Layer;

    /// What an arc carries is what its feeds bring and what enters at its tail; a demand that splits nowhere does the same
    /// either way.
    #[test]
    fn feeds_and_what_enters_are_the_load() {
        for seed in 0..40 {
            let twin = random_network(seed);
            let csr = Csr::compile(&twin, Layer::Igp);
            let up = Failures::none(&csr);
            let routing = Routing::compute(&csr, &up);
            let demands = crate::node_demands(&csr, &random_demands(&twin, seed));
            let load = RoutedLoad::of_demands(&csr, &routing, &up, &demands);
            assert_eq!(load.arcs(), Loads::compute(&csr, &routing, &up, &demands).arc);
            let mut enters = vec![0.0; csr.arc_count()];
            for d in &demands {
                let next = routing.next_arcs(d.src, d.dst);
                next.iter().for_each(|arc| enters[arc.index()] += d.bps / next.len() as f64);
            }
            for arc in (0..csr.arc_count()).map(ArcId::new) {
                let fed: f64 = load.feeds(arc).iter().map(|f| f.bps).sum();
                let (got, want) = (fed + enters[arc.index()], load.bps(arc));
                assert!(
                    (got - want).abs() <= 1e-9 * want.max(1.0),
                    "seed {seed}, arc {arc:?}: {got} for {want}"
                );
            }
        }
    }

    #[test]
    fn what_is_cut_is_cut_in_the_feeds_too() {
        let rate = twin::BitsPerSec::gbps(1);
        let mut net = twin::TwinBuilder::new("row");
        let nodes = ["a", "b", "c"].map(|name| net.node(name, twin::NodeKind::Router, None));
        let spec = twin::LinkSpec::symmetric(1, rate, twin::SimDuration::ZERO);
        net.link("ab", &nodes[0], &nodes[1], spec);
        net.link("bc", &nodes[1], &nodes[2], spec);
        let csr = Csr::compile(&net.finish(), Layer::Igp);
        let path = [ArcId(0), ArcId(2)];
        let load = RoutedLoad::along(&csr, [(&path[..], 1e9), (&path[1..], 1e9)]).at_most(&csr, 0.5);
        assert_eq!((load.bps(ArcId(0)), load.bps(ArcId(2))), (0.5e9, 0.5e9));
        assert_eq!((load.feeds(ArcId(2))[0].bps, load.feeds(ArcId(2))[0].from_bps), (0.25e9, 0.5e9));
    }
}
