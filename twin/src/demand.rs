//! Traffic demands: who sends how much to whom.

use serde::{Deserialize, Serialize};

use crate::{EntityKey, SimDuration, WallTime};

/// One ordered pair's mean volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// The node where it enters.
    pub src: EntityKey,
    /// The node where it leaves.
    pub dst: EntityKey,
    /// Mean rate in bit/s; finite and positive.
    pub bps: f64,
}

/// A traffic matrix: at most one demand for each ordered pair of different nodes, in the order of first mention.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DemandMatrix {
    demands: Vec<Demand>,
}

impl DemandMatrix {
    /// Builds a matrix: demands of one ordered pair are added up, self-demands and zeros are dropped.
    ///
    /// # Panics
    /// On a negative or non-finite volume: readers report those with file and line before they come here.
    pub fn new(demands: impl IntoIterator<Item = Demand>) -> Self {
        let mut index: std::collections::BTreeMap<(EntityKey, EntityKey), usize> = Default::default();
        let mut list: Vec<Demand> = Vec::new();
        for d in demands {
            assert!(d.bps.is_finite() && d.bps >= 0.0, "demand {} -> {} is {}", d.src, d.dst, d.bps);
            if d.src == d.dst || d.bps == 0.0 {
                continue;
            }
            match index.entry((d.src.clone(), d.dst.clone())) {
                std::collections::btree_map::Entry::Occupied(at) => list[*at.get()].bps += d.bps,
                std::collections::btree_map::Entry::Vacant(slot) => {
                    slot.insert(list.len());
                    list.push(d);
                }
            }
        }
        Self { demands: list }
    }

    /// The demands.
    pub fn demands(&self) -> &[Demand] {
        &self.demands
    }

    /// The number of demands.
    pub fn len(&self) -> usize {
        self.demands.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.demands.is_empty()
    }

    /// The sum of all volumes in bit/s.
    pub fn total_bps(&self) -> f64 {
        self.demands.iter().map(|d| d.bps).sum()
    }

    /// If no pair has demands in both orders, the instance is undirected: each demand's reverse is added.
    #[must_use]
    pub fn symmetric_if_undirected(self) -> Self {
        let pairs: std::collections::BTreeSet<_> = self.demands.iter().map(|d| (&d.src, &d.dst)).collect();
        if self.demands.iter().any(|d| pairs.contains(&(&d.dst, &d.src))) {
            return self;
        }
        let reverse: Vec<_> = self
            .demands
            .iter()
            .map(|d| Demand { src: d.dst.clone(), dst: d.src.clone(), bps: d.bps })
            .collect();
        Self::new(self.demands.into_iter().chain(reverse))
    }
}

/// A measured series of traffic matrices at a fixed step.
#[derive(Clone, Debug, PartialEq)]
pub struct DemandSeries {
    /// The stamp of the first bin.
    pub start: WallTime,
    /// The width of a bin.
    pub step: SimDuration,
    /// Ordered pairs of node keys, one for each column.
    pub pairs: Vec<(EntityKey, EntityKey)>,
    /// `bins[bin][pair]` in bit/s. A bin that is absent from the source is `None`: missing, not zero traffic.
    pub bins: Vec<Option<Vec<f64>>>,
}

impl DemandSeries {
    /// The matrix of a bin, `None` where it is missing.
    pub fn matrix(&self, bin: usize) -> Option<DemandMatrix> {
        let row = self.bins.get(bin)?.as_ref()?;
        Some(DemandMatrix::new(self.pairs.iter().zip(row).map(|((src, dst), &bps)| Demand {
            src: src.clone(),
            dst: dst.clone(),
            bps,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(src: &str, dst: &str, bps: f64) -> Demand {
        Demand { src: EntityKey::node(src), dst: EntityKey::node(dst), bps }
    }

    #[test]
    fn pairs_add_up_and_nothing_useless_stays() {
        let m = DemandMatrix::new([d("a", "b", 1.0), d("a", "a", 5.0), d("b", "a", 0.0), d("a", "b", 2.0)]);
        assert_eq!(m.demands(), &[d("a", "b", 3.0)]);
    }

    #[test]
    fn only_an_undirected_instance_is_mirrored() {
        let one_way = DemandMatrix::new([d("a", "b", 1.0), d("a", "c", 2.0)]);
        assert_eq!(one_way.symmetric_if_undirected().total_bps(), 6.0);
        let both = DemandMatrix::new([d("a", "b", 1.0), d("b", "a", 2.0), d("a", "c", 4.0)]);
        assert_eq!(both.symmetric_if_undirected().total_bps(), 7.0);
    }
}
