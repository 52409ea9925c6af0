//! Classes of service: which part of which demand belongs to which class.
//!
//! ```yaml
//! format: umbra-classes/1
//! groups: {west: [LOSAng, SNVAng]}
//! classes:                                          # highest priority first
//!   - {name: voice, share: 0.1}                     # a tenth of every demand
//!   - {name: video, share: 0.5, from: west}
//!   - {name: video, volume: 200M, from: ATLAng, to: NYCMng}
//!   - {name: data, class: [af21, af22]}             # of demands in a table with a column `class`
//!   - {name: bulk}                                  # all that is left
//! ```
//!
//! Rules are heeded one after the other, and none takes more than is left. What none takes is of class `default`, below
//! all others.

use std::path::Path;

use models::NodeDemand;
use serde::Deserialize;
use topology_sync::source::files;
use topology_sync::{encoding, yaml};
use twin::{InputError, Place};

use super::demand_table::{DemandTable, Shares};
use super::meant::{Meant, NodeGroups};
use super::names::Names;
use super::study::Study;
use super::words::{Amount, Number, Word, Words, check_format};

/// The value of the `format` key.
pub(crate) const FORMAT: &str = "umbra-classes/1";

/// The class of what no rule takes.
const REST: &str = "default";

/// Shares that add up to one may miss it by rounding.
const ROUNDING: f64 = 1e-9;

/// Rules as they are written.
#[derive(Clone, Debug)]
pub(crate) struct ClassFile {
    file: String,
    groups: NodeGroups,
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Yaml {
    format: Word,
    #[serde(default)]
    groups: NodeGroups,
    classes: Vec<Rule>,
}

/// What of some demands belongs to a class.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    name: Word,
    share: Option<Number>,
    volume: Option<Amount>,
    from: Option<Words>,
    to: Option<Words>,
    at: Option<Words>,
    /// What the demand's own table says it is.
    class: Option<Words>,
}

impl ClassFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, InputError> {
        let (file, bytes) = (path.display().to_string(), files::read(path)?);
        let yaml: Yaml = yaml::read(&file, encoding::utf8(&file, &bytes)?, "a file of classes")?;
        check_format(&file, &yaml.format, FORMAT)?;
        Ok(Self::inline(&file, yaml.groups, yaml.classes))
    }

    /// Rules that stand in a file of another format.
    pub(crate) fn inline(file: &str, groups: NodeGroups, rules: Vec<Rule>) -> Self {
        Self { file: file.to_owned(), groups, rules }
    }

    /// An error about the classes as a whole.
    pub(crate) fn wrong(&self, what: &str, expected: &str) -> InputError {
        let place = self.rules.first().map_or(Place::Whole, |rule| rule.name.place);
        InputError::new(&self.file, place, what, expected)
    }

    /// How many classes and rules there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.names().len(), self.rules.len())
    }

    /// The classes, highest priority first.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for rule in &self.rules {
            if !names.contains(&rule.name.text.as_str()) {
                names.push(&rule.name.text);
            }
        }
        names
    }

    /// Divides the demands of a study. `file` is where they come from, and may say which class they are.
    pub(crate) fn divide(&self, study: &Study, file: Option<&Path>) -> Result<Classes, InputError> {
        let shares = self.shares(study, file)?;
        let names = Names::new(&study.twin, &study.csr);
        let meant: Vec<_> = self
            .rules
            .iter()
            .map(|rule| {
                rule.check(&self.file)?;
                let words = [&rule.from, &rule.to, &rule.at];
                Meant::read(&self.file, &self.groups, words, &names, &study.csr)
            })
            .collect::<Result<_, _>>()?;
        let rules: Vec<_> = self.rules.iter().zip(&meant).collect();
        let classes = self.names();
        let mut parts = vec![Vec::new(); classes.len()];
        let mut rest = Vec::new();
        let mut met = vec![false; rules.len()];
        for demand in &study.demands {
            let [src, dst] = [demand.src, demand.dst].map(|node| &study.csr.node_keys[node.index()]);
            let pieces = Piece::of(demand.bps, shares.get(&(src.clone(), dst.clone())));
            let (mut taken, mut left) = self.take(study, demand, &rules, pieces, &mut met)?;
            if let Some(at) = classes.iter().position(|name| *name == REST) {
                taken[at] += std::mem::take(&mut left);
            }
            let part = |bps| NodeDemand { bps, ..*demand };
            for (list, bps) in parts.iter_mut().zip(&taken).filter(|(_, bps)| **bps > 0.0) {
                list.push(part(*bps));
            }
            if left > 0.0 {
                rest.push(part(left));
            }
        }
        if let Some(i) = met.iter().position(|met| !met) {
            let rule = &self.rules[i].name;
            let what = format!("no demand is meant by this rule of '{}'", rule.text);
            let expected = "nodes between which there are demands";
            return Err(InputError::new(&self.file, rule.place, what, expected));
        }
        let mut names: Vec<_> = classes.into_iter().map(str::to_owned).collect();
        if !rest.is_empty() {
            names.push(REST.to_owned());
            parts.push(rest);
        }
        Ok(Classes { names, demands: parts })
    }

    /// What each class gets of a demand, rule by rule, and what is left. `met` notes the rules that are about it.
    fn take(
        &self,
        study: &Study,
        demand: &NodeDemand,
        rules: &[(&Rule, &Meant)],
        mut pieces: Vec<Piece<'_>>,
        met: &mut [bool],
    ) -> Result<(Vec<f64>, f64), InputError> {
        let [src, dst] = [demand.src, demand.dst].map(|node| &study.csr.node_keys[node.index()]);
        let classes = self.names();
        let mut taken = vec![0.0; classes.len()];
        for ((rule, meant), met) in rules.iter().zip(met) {
            let mut mine: Vec<_> = pieces.iter_mut().filter(|piece| rule.is_about(piece)).collect();
            if !meant.has(src, dst) || mine.is_empty() {
                continue;
            }
            *met = true;
            let (all, left) = mine.iter().fold((0.0, 0.0), |(a, l), piece| (a + piece.bps, l + piece.left));
            let part = rule.part(all, left, study.unit_bps);
            if part > left + ROUNDING * demand.bps {
                return Err(self.too_much(rule, study, demand));
            }
            let part = if (part - left).abs() <= ROUNDING * demand.bps { left } else { part };
            let stays = if left > 0.0 { (left - part) / left } else { 0.0 };
            mine.iter_mut().for_each(|piece| piece.left *= stays);
            let class = classes.iter().position(|name| *name == rule.name.text);
            taken[class.expect("every rule has a class")] += part;
        }
        Ok((taken, pieces.iter().map(|piece| piece.left).sum()))
    }

    /// What the table of the demands says of their classes, which rules ask for.
    fn shares(&self, study: &Study, file: Option<&Path>) -> Result<Shares, InputError> {
        let Some(word) = self.rules.iter().find_map(|rule| rule.class.as_ref()?.0.first()) else {
            return Ok(Shares::new());
        };
        let table = file.filter(|file| DemandTable::is_one(file)).map(DemandTable::read).transpose()?;
        let shares = match &table {
            Some(table) => table.shares(&study.twin, study.unit_bps)?,
            None => None,
        };
        let (Some(table), Some(shares)) = (table, shares) else {
            let what = format!("a rule about '{}', and demands that have no classes", word.text);
            let expected = "demands in a table (.csv) with a column 'class'";
            return Err(InputError::new(&self.file, word.place, what, expected));
        };
        let known = table.survey().1;
        let mut asked = self.rules.iter().filter_map(|rule| rule.class.as_ref()).flat_map(|words| &words.0);
        if let Some(word) = asked.find(|word| !known.contains(&word.text.as_str())) {
            let what = format!("no demand is of class '{}'", word.text);
            let error = InputError::new(&self.file, word.place, what, "a class of the demands");
            return Err(error.with_nearest(&word.text, known.iter().copied()));
        }
        Ok(shares)
    }

    fn too_much(&self, rule: &Rule, study: &Study, demand: &NodeDemand) -> InputError {
        let [src, dst] = [demand.src, demand.dst].map(|node| &study.csr.node_names[node.index()]);
        let what = format!("'{}' takes more of {src} -> {dst} than rules above leave", rule.name.text);
        let place = match (&rule.share, &rule.volume) {
            (Some(share), _) => share.place,
            (None, Some(volume)) => volume.place,
            (None, None) => rule.name.place,
        };
        InputError::new(&self.file, place, what, "shares of at most 1 in all, or no share: all that is left")
    }
}

/// A part of a demand that is of one class by its own table, or all of it.
struct Piece<'a> {
    class: Option<&'a str>,
    bps: f64,
    left: f64,
}

impl<'a> Piece<'a> {
    fn of(bps: f64, shares: Option<&'a Vec<(String, f64)>>) -> Vec<Self> {
        let piece = |class, bps| Self { class, bps, left: bps };
        match shares {
            Some(shares) => shares.iter().map(|(class, share)| piece(Some(class), share * bps)).collect(),
            None => vec![piece(None, bps)],
        }
    }
}

impl Rule {
    fn is_about(&self, piece: &Piece<'_>) -> bool {
        let asked = self.class.as_ref();
        asked.is_none_or(|words| words.0.iter().any(|word| Some(word.text.as_str()) == piece.class))
    }

    fn check(&self, file: &str) -> Result<(), InputError> {
        let wrong =
            |place: Place, what: String, expected: &str| Err(InputError::new(file, place, what, expected));
        if self.name.text.trim().is_empty() {
            return wrong(self.name.place, "a class without a name".into(), "a name");
        }
        match (&self.share, &self.volume) {
            (Some(share), Some(_)) => wrong(share.place, "a share and a volume".into(), "one of the two"),
            (Some(share), None) if !(share.value > 0.0 && share.value <= 1.0) => {
                wrong(share.place, format!("found {}", share.value), "a share above 0 and at most 1")
            }
            _ => Ok(()),
        }
    }

    /// What it takes of a demand of which so much is left.
    fn part(&self, bps: f64, left: f64, unit_bps: f64) -> f64 {
        match (&self.share, &self.volume) {
            (Some(share), _) => share.value * bps,
            (None, Some(volume)) => volume.bps(unit_bps).min(left),
            (None, None) => left,
        }
    }
}

/// The demands of a study by class, highest priority first.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    /// What they are called.
    pub(crate) names: Vec<String>,
    /// Their demands; those of all classes add up to those of the study.
    pub(crate) demands: Vec<Vec<NodeDemand>>,
}
