//! A study in a file: network, demands, what fails, what is changed, and the limits.
//!
//! ```yaml
//! format: umbra-scenario/1
//! description: One more trunk over the mountains, and 30 % more traffic a year
//! network: networks/abilene.xml       # or [net.graph, net.demands]
//! fail: links                         # as --fail
//! growth: {percent_per_year: 30, years: 2}
//! edits:                              # as in umbra-edit/1; or `edit: FILE`
//!   - add_link: {between: [DNVRng, KSCYng], capacity: 10G, weight: 900}
//! window: {series: abilene.parquet, from: 2004-03-01T02:00, until: +4h}   # in the place of demands
//! classes: [{name: voice, share: 0.1}, {name: bulk}]      # as in umbra-classes/1, highest priority first
//! series: abilene.parquet             # measured traffic for maintenance [default: that of the window]
//! maintenance:                        # as in umbra-maintenance/1
//!   - {down: CHINng, from: 2004-03-01T01:00, until: +2h}
//! threshold: 0.8
//! latency_bound_ms: 40
//! fail_on: [overload, lost, latency]
//! ```
//!
//! Paths are relative to the file. What the command line says wins.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;
use topology_sync::source::files;
use topology_sync::{encoding, yaml};
use twin::{InputError, WallTime};

use super::classes::{ClassFile, Rule};
use super::edit::{Edit, EditFile, Edits};
use super::failures::{FORMS, FailArg, Failing};
use super::instant;
use super::limits::{FailOn, Limits};
use super::maintenance::{self, Calendar, Item, Maintenance, MaintenanceArg};
use super::measured::Measured;
use super::question::QuestionArgs;
use super::study::Study;
use super::windows::{WindowArgs, Windows};
use super::words::{Number, Word, Words, check_format};
use crate::failure::Failure;

/// The value of the `format` key.
pub(crate) const FORMAT: &str = "umbra-scenario/1";

/// A scenario file as it is written.
#[derive(Debug)]
pub(crate) struct ScenarioFile {
    path: PathBuf,
    yaml: Yaml,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Yaml {
    format: Word,
    description: Option<String>,
    network: Words,
    demands: Option<String>,
    fail: Option<Word>,
    scale: Option<Number>,
    growth: Option<Growth>,
    window: Option<Window>,
    series: Option<Word>,
    #[serde(default)]
    maintenance: Vec<Item>,
    edit: Option<Word>,
    #[serde(default)]
    groups: BTreeMap<String, Vec<Word>>,
    #[serde(default)]
    edits: Vec<Edit>,
    #[serde(default)]
    classes: Vec<Rule>,
    threshold: Option<Number>,
    latency_bound_ms: Option<Number>,
    fail_on: Option<Words>,
}

/// Growth of all demands.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Growth {
    percent_per_year: Number,
    years: Number,
}

/// Traffic as it was measured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    series: Word,
    from: Word,
    until: Option<Word>,
}

/// What is asked once file and command line are put together.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Network, demands, failures.
    pub(crate) question: QuestionArgs,
    /// Edits that stand in the scenario file itself.
    pub(crate) edits: Option<EditFile>,
    /// Measured traffic in the place of one matrix.
    pub(crate) measured: Option<Measured>,
    /// Classes of service that stand in the scenario file.
    pub(crate) classes: Option<ClassFile>,
    /// What is taken down on purpose, where the command line says nothing else.
    pub(crate) calendar: Option<Calendar>,
    /// Maintenance of the command line, and measured traffic for its windows.
    pub(crate) windows: WindowArgs,
    /// The limits.
    pub(crate) limits: Limits,
    /// The scenario file.
    pub(crate) file: Option<PathBuf>,
    /// What its author says of it.
    pub(crate) description: Option<String>,
}

/// Puts a command line together with the scenario file that it names in place of a network.
pub(crate) fn asked(question: &QuestionArgs, limits: &Limits) -> Result<Asked, InputError> {
    let is_yaml = |path: &Path| {
        path.extension().is_some_and(|s| s.eq_ignore_ascii_case("yaml") || s.eq_ignore_ascii_case("yml"))
    };
    match question.study.sources.as_slice() {
        [only] if is_yaml(only) => ScenarioFile::read(only)?.asked(question, limits),
        _ => Ok(Asked {
            question: question.clone(),
            edits: None,
            measured: None,
            classes: None,
            calendar: None,
            windows: WindowArgs::default(),
            limits: limits.clone(),
            file: None,
            description: None,
        }),
    }
}

impl Asked {
    /// Opens all that it names; with measured traffic, and the stamp of the matrix that is hardest on the network.
    pub(crate) fn open(&self) -> Result<(Study, Failing, Option<WallTime>), Failure> {
        let edits = self.edits.as_ref();
        match &self.measured {
            Some(measured) => {
                let (study, failing, at) = self.question.open_measured(edits, measured)?;
                Ok((study, failing, Some(at)))
            }
            None => self.question.open_edited(edits).map(|(study, failing)| (study, failing, None)),
        }
    }

    /// The files that neither the study nor its failures name.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let series = self.measured.as_ref().map(|m| &m.file).into_iter().chain(&self.windows.series);
        let calendars = self.windows.maintenance.iter().filter_map(MaintenanceArg::file);
        self.file.iter().chain(series).map(PathBuf::as_path).chain(calendars)
    }

    /// The digest of all that it names.
    pub(crate) fn digest(&self, study: &Study) -> Result<String, InputError> {
        study.input_digest(self.files().chain(self.question.fail().file()))
    }

    /// With the maintenance of the command line, which wins.
    pub(crate) fn with(mut self, windows: &WindowArgs) -> Self {
        self.windows.maintenance.clone_from(&windows.maintenance);
        self.windows.series = windows.series.clone().or(self.windows.series);
        self
    }

    /// What is taken down on purpose.
    pub(crate) fn maintenance(&self, study: &Study) -> Result<Vec<Maintenance>, Failure> {
        maintenance::of(&self.windows.maintenance, self.calendar.as_ref(), study)
    }

    /// What happens meanwhile.
    pub(crate) fn evaluate_windows(&self, study: &Study, failing: &Failing) -> Result<Windows, Failure> {
        let (args, series) = (&self.question.study, self.windows.series.as_deref());
        Windows::evaluate(args, study, &failing.list, self.maintenance(study)?, series)
    }

    /// What its page is called: the network's file.
    pub(crate) fn title(&self) -> String {
        let stem = self.question.study.sources.first().and_then(|path| path.file_stem());
        stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// What is asked: what the author of a scenario file says of it, or what fails.
    pub(crate) fn in_words(&self, measured_at: Option<WallTime>) -> String {
        let fail = self.question.fail().words();
        let traffic = measured_at.map(|at| format!(", traffic of {}", instant::text(at))).unwrap_or_default();
        let edit =
            if self.question.study.edit.is_some() || self.edits.is_some() { ", with an edit" } else { "" };
        let words = format!("{fail}{edit}{traffic}");
        self.description.as_ref().map_or(words.clone(), |text| format!("{words}. {}", text.trim()))
    }
}

impl ScenarioFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, InputError> {
        let (file, bytes) = (path.display().to_string(), files::read(path)?);
        let yaml: Yaml = yaml::read(&file, encoding::utf8(&file, &bytes)?, "a scenario file")?;
        check_format(&file, &yaml.format, FORMAT)?;
        if yaml.network.0.is_empty() {
            return Err(InputError::new(
                &file,
                yaml.format.place,
                "no network",
                "the path of a network file",
            ));
        }
        if let (Some(edit), false) = (&yaml.edit, yaml.edits.is_empty()) {
            let expected = "'edit: FILE' or 'edits', not both";
            return Err(InputError::new(&file, edit.place, "edits in two places", expected));
        }
        if let (Some(series), true) = (&yaml.series, yaml.maintenance.is_empty()) {
            let expected = "'maintenance' with it, or 'window: {series, from, until}'";
            return Err(InputError::new(&file, series.place, "a series without maintenance", expected));
        }
        Ok(Self { path: path.to_owned(), yaml })
    }

    fn file(&self) -> String {
        self.path.display().to_string()
    }

    /// What it asks where the command line says nothing else.
    pub(crate) fn asked(self, args: &QuestionArgs, limits: &Limits) -> Result<Asked, InputError> {
        let mut question = args.clone();
        let study = &mut question.study;
        study.sources = self.yaml.network.0.iter().map(|word| self.beside(&word.text)).collect();
        study.demands = study.demands.take().or_else(|| Some(self.beside(self.yaml.demands.as_ref()?)));
        let edits = if study.edit.is_some() || self.yaml.edits.is_empty() {
            None
        } else {
            let edits = Edits { groups: self.yaml.groups.clone(), list: self.yaml.edits.clone() };
            Some(EditFile::inline(&self.file(), edits))
        };
        study.edit = study.edit.take().or_else(|| Some(self.beside(&self.yaml.edit.as_ref()?.text)));
        study.scale = Some(study.scale.map_or_else(|| self.scale(), Ok)? * self.growth()?);
        question.fail = match &question.fail {
            Some(fail) => Some(fail.clone()),
            None => self.fail()?,
        };
        // Demands of the command line win over the window too.
        let measured = if args.study.demands.is_some() { None } else { self.measured()? };
        let limits = self.limits(limits)?;
        let rules = (!self.yaml.classes.is_empty()).then(|| self.yaml.classes.clone());
        let classes = rules.map(|rules| ClassFile::inline(&self.file(), self.yaml.groups.clone(), rules));
        let series = self.yaml.series.as_ref().or(self.yaml.window.as_ref().map(|window| &window.series));
        let series = series.map(|word| self.beside(&word.text));
        let calendar = Calendar::inline(&self.file(), self.yaml.maintenance.clone())?;
        Ok(Asked {
            question,
            edits,
            measured,
            classes,
            calendar: Some(calendar),
            windows: WindowArgs { maintenance: Vec::new(), series },
            limits,
            file: Some(self.path),
            description: self.yaml.description,
        })
    }

    fn measured(&self) -> Result<Option<Measured>, InputError> {
        let Some(window) = &self.yaml.window else { return Ok(None) };
        let wrong = |word: &Word, expected: String| {
            let expected = expected.strip_prefix("expected ").unwrap_or(&expected).to_owned();
            InputError::new(&self.file(), word.place, format!("found '{}'", word.text), expected)
        };
        if self.yaml.demands.is_some() {
            return Err(wrong(&window.series, "demands or a window, not both".into()));
        }
        let from = instant::parse(&window.from.text).map_err(|e| wrong(&window.from, e))?;
        let until = match &window.until {
            Some(word) => instant::after(from, &word.text).map_err(|e| wrong(word, e))?,
            None => from,
        };
        if until < from {
            let word = window.until.as_ref().unwrap_or(&window.from);
            return Err(wrong(word, "a time after 'from'".into()));
        }
        Ok(Some(Measured { file: self.beside(&window.series.text), from, until }))
    }

    /// A path of the file, which is relative to it.
    fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    fn scale(&self) -> Result<f64, InputError> {
        self.positive(&self.yaml.scale, "a factor").map(|scale| scale.unwrap_or(1.0))
    }

    fn growth(&self) -> Result<f64, InputError> {
        let Some(growth) = self.yaml.growth else { return Ok(1.0) };
        growth.percent_per_year.growth(growth.years, &self.file())
    }

    fn fail(&self) -> Result<Option<FailArg>, InputError> {
        let Some(word) = &self.yaml.fail else { return Ok(None) };
        let mut fail: FailArg = word.text.parse().map_err(|_| {
            let what = format!("found '{}'", word.text);
            InputError::new(&self.file(), word.place, what, format!("one of {FORMS}"))
                .with_nearest(&word.text, FORMS.split('|'))
        })?;
        if let Some(path) = fail.file_mut() {
            *path = self.path.parent().unwrap_or(Path::new("")).join(&*path);
        }
        Ok(Some(fail))
    }

    fn limits(&self, args: &Limits) -> Result<Limits, InputError> {
        let fail_on = match (&self.yaml.fail_on, args.fail_on.is_empty()) {
            (Some(words), true) => words.0.iter().map(|word| self.fail_on(word)).collect::<Result<_, _>>()?,
            _ => args.fail_on.clone(),
        };
        let limits = Limits {
            threshold: args
                .threshold
                .map_or_else(|| self.positive(&self.yaml.threshold, "a threshold"), |t| Ok(Some(t)))?,
            latency_bound: args.latency_bound.map_or_else(
                || self.positive(&self.yaml.latency_bound_ms, "a bound in ms"),
                |b| Ok(Some(b)),
            )?,
            fail_on,
        };
        if let Some(words) = &self.yaml.fail_on
            && let Some(first) = words.0.first()
            && limits.check().is_err()
        {
            let expected = "threshold for overload, latency_bound_ms for latency";
            return Err(InputError::new(&self.file(), first.place, "fail_on without its limit", expected));
        }
        Ok(limits)
    }

    fn fail_on(&self, word: &Word) -> Result<FailOn, InputError> {
        FailOn::from_str(&word.text, false).map_err(|_| {
            let values: Vec<_> =
                FailOn::value_variants().iter().filter_map(FailOn::to_possible_value).collect();
            let names = values.iter().map(clap::builder::PossibleValue::get_name);
            let expected = format!("one of {}", names.clone().collect::<Vec<_>>().join(", "));
            InputError::new(&self.file(), word.place, format!("found '{}'", word.text), expected)
                .with_nearest(&word.text, names)
        })
    }

    fn positive(&self, number: &Option<Number>, what: &str) -> Result<Option<f64>, InputError> {
        number.map(|number| number.above_0(&self.file(), what)).transpose()
    }
}
