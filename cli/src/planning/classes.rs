//! Classes of service: which part of which demand belongs to which class, and the tables of what becomes of them.
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
use report::{Table, schema};
use scenarios::planning::{ClassLoad, ClassOutcome, ClassPlan, ClassWorst, FailureSet};
use serde::Deserialize;
use topology_sync::source::files;
use topology_sync::{encoding, yaml};
use twin::{ArcId, InputError, Place};

use super::demand_table::{DemandTable, Shares};
use super::failures::Failing;
use super::meant::{Meant, NodeGroups};
use super::names::Names;
use super::study::Study;
use super::words::{Amount, Number, Word, Words, check_format};
use crate::failure::Failure;
use crate::target::TargetFolder;

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
        let classes = self.names();
        let of: Vec<_> = self.rules.iter().map(|r| classes.iter().position(|n| *n == r.name.text)).collect();
        let mut parts = vec![Vec::new(); classes.len()];
        let mut rest = Vec::new();
        let mut met = vec![false; self.rules.len()];
        for demand in &study.demands {
            let [src, dst] = [demand.src, demand.dst].map(|node| &study.csr.node_keys[node.index()]);
            let mut pieces = Piece::of(demand.bps, shares.get(&(src.clone(), dst.clone())));
            let mut taken = vec![0.0; classes.len()];
            for (i, (rule, meant)) in self.rules.iter().zip(&meant).enumerate() {
                let mut mine: Vec<_> = pieces.iter_mut().filter(|piece| rule.is_about(piece)).collect();
                if !meant.has(src, dst) || mine.is_empty() {
                    continue;
                }
                met[i] = true;
                let (all, left) =
                    mine.iter().fold((0.0, 0.0), |(a, l), piece| (a + piece.bps, l + piece.left));
                let part = rule.part(all, left, study.unit_bps);
                if part > left + ROUNDING * demand.bps {
                    return Err(self.too_much(rule, study, demand));
                }
                let part = if (part - left).abs() <= ROUNDING * demand.bps { left } else { part };
                let stays = if left > 0.0 { (left - part) / left } else { 0.0 };
                mine.iter_mut().for_each(|piece| piece.left *= stays);
                taken[of[i].expect("every rule has a class")] += part;
            }
            let mut left: f64 = pieces.iter().map(|piece| piece.left).sum();
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

/// What becomes of a class, over all failures.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ClassAnswer {
    /// Its name.
    pub(crate) name: String,
    /// Its volume in bit/s.
    pub(crate) bps: f64,
    /// The largest priority utilisation with nothing down.
    pub(crate) base_util: f64,
    /// The largest one over all scenarios, where it is, and in which scenario.
    pub(crate) worst: (f64, Option<ArcId>, u32),
    /// The smallest share that an arc serves, which arc, and in which scenario; none where all is served.
    pub(crate) least_served: Option<(f64, ArcId, u32)>,
    /// The most volume that is lost in one scenario, in bit/s.
    pub(crate) most_lost: f64,
}

impl Classes {
    /// The names of the classes that have a part in each demand of the study.
    pub(crate) fn by_demand(&self, study: &Study) -> Vec<Vec<&str>> {
        let mut next = vec![0; self.names.len()];
        let of = |demand: &NodeDemand| {
            let mut has = Vec::new();
            for (class, list) in self.demands.iter().enumerate() {
                let here = list.get(next[class]).filter(|d| d.src == demand.src && d.dst == demand.dst);
                if here.is_some() {
                    next[class] += 1;
                    has.push(self.names[class].as_str());
                }
            }
            has
        };
        study.demands.iter().map(of).collect()
    }

    /// Evaluates all scenarios and writes `class_scenarios` and `classes`.
    pub(crate) fn answer(
        &self,
        study: &Study,
        failing: &Failing,
        mut folder: Option<&mut TargetFolder>,
    ) -> Result<Vec<ClassAnswer>, Failure> {
        let plan = ClassPlan::new(&study.csr, &study.routing, &self.demands);
        let mut answers: Vec<_> = self
            .names
            .iter()
            .enumerate()
            .map(|(i, name)| ClassAnswer { name: name.clone(), bps: plan.total(i), ..ClassAnswer::default() })
            .collect();
        let mut rows = Table::new(&schema::CLASS_SCENARIOS);
        let worst = plan.sweep(&failing.list, 0..failing.list.len(), |scenario, outcomes| {
            for (answer, outcome) in answers.iter_mut().zip(outcomes) {
                answer.see(scenario, outcome);
                self.row(study, &mut rows, (scenario, &answer.name), outcome);
            }
            match folder.as_mut() {
                Some(folder) if rows.len() >= ROWS => {
                    folder.write(&std::mem::replace(&mut rows, Table::new(&schema::CLASS_SCENARIOS)))
                }
                _ => Ok(()),
            }
        })?;
        let mut base = plan.evaluator();
        base.evaluate(&FailureSet::default());
        for arc in (0..study.csr.arc_count()).map(ArcId::new) {
            for ((answer, worst), load) in answers.iter_mut().zip(&worst).zip(base.loads(arc)) {
                answer.see_arc(arc, load, &worst[arc.index()]);
            }
        }
        if let Some(folder) = folder {
            folder.write(&rows)?;
            folder.write(&self.table(study, &worst, |arc| base.loads(arc).collect()))?;
        }
        Ok(answers)
    }

    fn row(&self, study: &Study, table: &mut Table, (scenario, name): (u32, &str), outcome: &ClassOutcome) {
        table
            .row()
            .set("scenario", scenario)
            .set("class", name)
            .set("lost", study.volume(outcome.lost))
            .set("lost_own", study.volume(outcome.lost_own))
            .set("max_util", outcome.max_util)
            .set("max_arc", outcome.max_arc.map(|arc| arc.0))
            .set("squeezed_arcs", outcome.squeezed_arcs)
            .end();
    }

    /// `classes`: each class on each arc.
    fn table(
        &self,
        study: &Study,
        worst: &[Vec<ClassWorst>],
        base: impl Fn(ArcId) -> Vec<ClassLoad>,
    ) -> Table {
        let mut table = Table::new(&schema::CLASSES);
        for arc in (0..study.csr.arc_count()).map(ArcId::new) {
            for (class, load) in base(arc).into_iter().enumerate() {
                let worst = worst[class][arc.index()];
                let (fullest, squeezed) = (worst.fullest, worst.squeezed);
                table
                    .row()
                    .set("arc", arc.0)
                    .set("class", self.names[class].as_str())
                    .set("priority", class as u32 + 1)
                    .set("base_load", study.volume(load.load))
                    .set("base_util", load.util)
                    .set("base_served", load.served)
                    .set("worst_load", fullest.map(|(load, _)| study.volume(load.load)))
                    .set("worst_util", fullest.map(|(load, _)| load.util))
                    .set("worst_scenario", fullest.map(|(_, scenario)| scenario))
                    .set("least_served", fullest.map(|_| squeezed.map_or(1.0, |(served, _)| served)))
                    .set("least_served_scenario", squeezed.map(|(_, scenario)| scenario))
                    .end();
            }
        }
        table
    }
}

/// Rows that are collected before they are written.
const ROWS: usize = 1 << 14;

impl ClassAnswer {
    fn see(&mut self, scenario: u32, outcome: &ClassOutcome) {
        if scenario == 0 {
            self.base_util = outcome.max_util;
        }
        if outcome.max_util > self.worst.0 {
            self.worst = (outcome.max_util, outcome.max_arc, scenario);
        }
        self.most_lost = self.most_lost.max(outcome.lost + outcome.lost_own);
    }

    /// The smallest share served, with nothing down among the scenarios.
    fn see_arc(&mut self, arc: ArcId, base: ClassLoad, worst: &ClassWorst) {
        let base = (base.served < 1.0).then_some((base.served, 0));
        for (served, scenario) in base.into_iter().chain(worst.squeezed) {
            if self.least_served.is_none_or(|(least, _, _)| served < least) {
                self.least_served = Some((served, arc, scenario));
            }
        }
    }
}
