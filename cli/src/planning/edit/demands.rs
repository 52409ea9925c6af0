//! What an edit does to the demands.

use std::collections::{BTreeMap, BTreeSet};

use twin::{Change, Csr, Demand, DemandMatrix, EntityKey, InputError, NodeId, Place};

use super::{Absent, Grow, Pair, PairVolume, Scale};
use crate::planning::names::Names;
use crate::planning::words::{Word, Words};

/// Demands that are being edited.
pub(super) struct Demands<'a> {
    file: &'a str,
    groups: &'a BTreeMap<String, Vec<Word>>,
    unit_bps: f64,
    list: Option<Vec<Demand>>,
    absent: Absent,
}

/// Edits of demands leave the network alone.
type Done = Result<Vec<Change>, InputError>;

impl<'a> Demands<'a> {
    pub(super) fn new(
        file: &'a str,
        groups: &'a BTreeMap<String, Vec<Word>>,
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
        for demand in self.list.iter_mut().flatten().filter(|d| some.has(d)) {
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
        let [from, to, at] = words.map(|words| match words {
            None => Ok(None),
            Some(words) => self.nodes(words, names, csr).map(Some),
        });
        Ok(Meant { from: from?, to: to?, at: at? })
    }

    /// Nodes, and all nodes of groups.
    fn nodes(&self, words: &Words, names: &Names<'_>, csr: &Csr) -> Result<BTreeSet<EntityKey>, InputError> {
        let mut nodes = BTreeSet::new();
        for word in &words.0 {
            let members = self.groups.get(&word.text).map_or(std::slice::from_ref(word), Vec::as_slice);
            for member in members {
                nodes.insert(self.node(member, names, csr)?);
            }
        }
        Ok(nodes)
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
        let node = names.node(&word.text).map_err(|unknown| {
            let known = names.node_names().iter().chain(self.groups.keys());
            unknown.at(self.file, word.place).with_nearest(&word.text, known.map(String::as_str))
        })?;
        Ok(csr.node_keys[node.index()].clone())
    }
}

/// Which demands are meant: from these, to these, with an end among these; each where it is said.
struct Meant {
    from: Option<BTreeSet<EntityKey>>,
    to: Option<BTreeSet<EntityKey>>,
    at: Option<BTreeSet<EntityKey>>,
}

impl Meant {
    fn has(&self, d: &Demand) -> bool {
        let among = |set: &Option<BTreeSet<EntityKey>>, key| set.as_ref().is_none_or(|s| s.contains(key));
        let at = self.at.as_ref().is_none_or(|s| s.contains(&d.src) || s.contains(&d.dst));
        among(&self.from, &d.src) && among(&self.to, &d.dst) && at
    }
}
