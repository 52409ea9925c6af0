//! What an edit does to the demands.

use std::collections::BTreeSet;

use twin::{Change, Csr, Demand, DemandMatrix, EntityKey, InputError, NodeId, Place};

use super::{Absent, Grow, Pair, PairVolume, Scale};
use crate::planning::meant::{self, Meant, NodeGroups};
use crate::planning::names::Names;
use crate::planning::words::{Word, Words};

/// Demands that are being edited.
pub(super) struct Demands<'a> {
    file: &'a str,
    groups: &'a NodeGroups,
    unit_bps: f64,
    list: Option<Vec<Demand>>,
    absent: Absent,
}

/// Edits of demands leave the network alone.
type Done = Result<Vec<Change>, InputError>;

impl<'a> Demands<'a> {
    pub(super) fn new(
        file: &'a str,
        groups: &'a NodeGroups,
        unit_bps: f64,
        matrix: Option<DemandMatrix>,
        absent: Absent,
    ) -> Self {
        Self { file, groups, unit_bps, list: matrix.map(|m| m.demands().to_vec()), absent }
    }

    /// What they have become.
    pub(super) fn matrix(self) -> Option<DemandMatrix> {
        self.list.map(DemandMatrix::new)
    }

    /// Nodes are gone, and their demands with them.
    pub(super) fn forget(&mut self, nodes: &[NodeId], csr: &Csr) {
        let gone: BTreeSet<_> = nodes.iter().map(|n| &csr.node_keys[n.index()]).collect();
        self.list
            .iter_mut()
            .for_each(|list| list.retain(|d| !gone.contains(&d.src) && !gone.contains(&d.dst)));
    }

    pub(super) fn scale(&mut self, scale: &Scale, names: &Names<'_>, csr: &Csr) -> Done {
        let factor = scale.factor.at_least(0.0, self.file, "a factor")?;
        let some = self.some([&scale.from, &scale.to, &scale.at], names, csr)?;
        self.multiply(factor, &some, scale.factor.place)
    }

    pub(super) fn grow(&mut self, grow: &Grow, names: &Names<'_>, csr: &Csr) -> Done {
        let factor = grow.percent_per_year.growth(grow.years, self.file)?;
        let some = self.some([&grow.from, &grow.to, &grow.at], names, csr)?;
        self.multiply(factor, &some, grow.years.place)
    }

    pub(super) fn add(&mut self, pair: &PairVolume, names: &Names<'_>, csr: &Csr) -> Done {
        let (src, dst) = self.pair(&pair.from, &pair.to, names, csr)?;
        let bps = pair.volume.bps(self.unit_bps);
        let list = self.list.get_or_insert_default();
        match list.iter_mut().find(|d| d.src == src && d.dst == dst) {
            Some(demand) => demand.bps += bps,
            None => list.push(Demand { src, dst, bps }),
        }
        Ok(Vec::new())
    }

    pub(super) fn set(&mut self, pair: &PairVolume, names: &Names<'_>, csr: &Csr) -> Done {
        let (src, dst) = self.pair(&pair.from, &pair.to, names, csr)?;
        let bps = pair.volume.bps(self.unit_bps);
        let list = self.list.get_or_insert_default();
        match list.iter_mut().find(|d| d.src == src && d.dst == dst) {
            Some(demand) => demand.bps = bps,
            None => list.push(Demand { src, dst, bps }),
        }
        Ok(Vec::new())
    }

    pub(super) fn remove(&mut self, pair: &Pair, names: &Names<'_>, csr: &Csr) -> Done {
        let (src, dst) = self.pair(&pair.from, &pair.to, names, csr)?;
        let list = self.list.get_or_insert_default();
        let before = list.len();
        list.retain(|d| d.src != src || d.dst != dst);
        if list.len() < before || self.absent == Absent::IsZero {
            return Ok(Vec::new());
        }
        let from = |d: &&Demand| d.src == src;
        let targets = list.iter().filter(from).filter_map(|d| names.node_of(&d.dst));
        let targets: Vec<_> = targets.take(8).map(|n| csr.node_names[n.index()].as_str()).collect();
        let what = format!("no demand from '{}' to '{}'", pair.from.text, pair.to.text);
        let expected = match targets.as_slice() {
            [] => "a node that sends something".to_owned(),
            names => format!("one to {}", names.join(", ")),
        };
        Err(InputError::new(self.file, pair.to.place, what, expected))
    }

    /// Multiplies those that were asked for; that there are none is a slip of the pen.
    fn multiply(&mut self, factor: f64, some: &Meant, place: Place) -> Done {
        let mut met = false;
        for demand in self.list.iter_mut().flatten().filter(|d| some.has(&d.src, &d.dst)) {
            demand.bps *= factor;
            met = true;
            if !demand.bps.is_finite() {
                return Err(InputError::new(
                    self.file,
                    place,
                    "a demand beyond all numbers",
                    "a smaller factor",
                ));
            }
        }
        if met || self.absent == Absent::IsZero {
            return Ok(Vec::new());
        }
        Err(InputError::new(
            self.file,
            place,
            "no demand is meant by this",
            "nodes between which there are demands",
        ))
    }

    fn some(&self, words: [&Option<Words>; 3], names: &Names<'_>, csr: &Csr) -> Result<Meant, InputError> {
        Meant::read(self.file, self.groups, words, names, csr)
    }

    fn pair(
        &self,
        from: &Word,
        to: &Word,
        names: &Names<'_>,
        csr: &Csr,
    ) -> Result<(EntityKey, EntityKey), InputError> {
        let (src, dst) = (self.node(from, names, csr)?, self.node(to, names, csr)?);
        if src == dst {
            let what = format!("a demand of '{}' to itself", to.text);
            return Err(InputError::new(self.file, to.place, what, "another node"));
        }
        Ok((src, dst))
    }

    fn node(&self, word: &Word, names: &Names<'_>, csr: &Csr) -> Result<EntityKey, InputError> {
        meant::node(self.file, self.groups, word, names, csr)
    }
}
