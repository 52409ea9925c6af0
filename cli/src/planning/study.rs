//! The network and demands of a planning command.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use models::{Failures, NodeDemand, Routing, node_demands};
use report::{Summary, network_digest};
use scenarios::planning::Plan;
use serde::{Deserialize, Serialize};
use twin::{Csr, DemandMatrix, Fidelity, InputError, Layer, Place, Snapshot, Twin, WallTime};

use super::edit::EditFile;
use crate::cmd::net::NetOptions;
use crate::failure::Failure;
use crate::global::Global;
use crate::inputs;

/// What every planning command takes.
#[derive(Clone, Debug, clap::Args, Serialize, Deserialize)]
pub(crate) struct StudyArgs {
    /// The network, then its demand files.
    #[arg(required = true, value_name = "NET")]
    pub(crate) sources: Vec<PathBuf>,
    /// Demands: a table (.csv with src, dst, volume), .demands of this network, or another network file with demands
    /// between nodes of the same names [default: NET's own].
    #[arg(long, value_name = "FILE")]
    pub(crate) demands: Option<PathBuf>,
    /// Multiplies all demands [default: 1].
    #[arg(long, value_name = "X", value_parser = factor)]
    pub(crate) scale: Option<f64>,
    /// Changes of the network and its demands (umbra-edit/1), made before anything is asked.
    #[arg(long, value_name = "FILE")]
    #[serde(default)]
    pub(crate) edit: Option<PathBuf>,
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) net: NetOptions,
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|x: &f64| *x > 0.0 && x.is_finite());
    factor.ok_or_else(|| "expected a finite number above 0".to_owned())
}

/// A network, compiled and routed with nothing down, with its demands.
#[derive(Debug)]
pub(crate) struct Study {
    /// The network.
    pub(crate) twin: Twin,
    /// One unit of volumes in tables, in bit/s.
    pub(crate) unit_bps: f64,
    /// Its routed layer.
    pub(crate) csr: Csr,
    /// Shortest paths with nothing down.
    pub(crate) routing: Routing,
    /// What is to be carried, in bit/s.
    pub(crate) demands: Vec<NodeDemand>,
    /// The same as it was before an edit.
    pub(crate) before: Option<Box<Study>>,
    own: Option<DemandMatrix>,
    edits: Option<EditFile>,
    started: SystemTime,
    clock: Instant,
    files: Vec<PathBuf>,
}

impl StudyArgs {
    /// Opens the network with its demands.
    pub(crate) fn open(&self) -> Result<Study, Failure> {
        self.open_edited(None)
    }

    /// The same; `edits` are made where the command line names no file of them.
    pub(crate) fn open_edited(&self, edits: Option<&EditFile>) -> Result<Study, Failure> {
        let read = self.edit.as_deref().map(EditFile::read).transpose()?;
        let mut study = self.networks(read.as_ref().or(edits))?;
        let matrix = study.own.take().ok_or_else(|| {
            let expected = "a network with demands, or demands by --demands";
            InputError::new(&study.file(), Place::Whole, "a network without demands", expected)
        })?;
        study.demands = self.scaled(&study.csr, &matrix);
        if let Some(before) = study.before.as_deref_mut() {
            before.demands = self.scaled(&before.csr, &before.own.take().unwrap_or_default());
        }
        Ok(study)
    }

    /// A measured matrix as the command line asks for it, after the edits.
    pub(crate) fn traffic(
        &self,
        study: &Study,
        matrix: &DemandMatrix,
    ) -> Result<Vec<NodeDemand>, InputError> {
        let (Some(edits), Some(before)) = (&study.edits, &study.before) else {
            return Ok(self.scaled(&study.csr, matrix));
        };
        let net = Snapshot {
            twin: before.twin.clone(),
            demands: Some(matrix.clone()),
            unit_bps: before.unit_bps,
            diagnostics: Vec::new(),
        };
        let after = edits.apply_measured(net, routed_layer(&before.twin))?;
        Ok(self.scaled(&study.csr, &after.demands.unwrap_or_default()))
    }

    /// A matrix as the command line asks for it.
    pub(crate) fn scaled(&self, csr: &Csr, matrix: &DemandMatrix) -> Vec<NodeDemand> {
        let mut demands = node_demands(csr, matrix);
        demands.iter_mut().for_each(|d| d.bps *= self.scale.unwrap_or(1.0));
        demands
    }

    /// Opens the network; what it carries is sought, so that no edit may change it.
    pub(crate) fn open_bare(&self) -> Result<Study, Failure> {
        if self.demands.is_some() {
            let what = "--demands: demands are what is sought; --truth compares with known ones";
            return Err(Failure::Usage(what.to_owned()));
        }
        let edits = self.edit.as_deref().map(EditFile::read).transpose()?;
        if let Some(error) = edits.as_ref().and_then(EditFile::about_demands) {
            return Err(error.into());
        }
        self.networks(edits.as_ref())
    }

    /// Opens the network; what it is to carry was measured. `edits` are made where the command line names no file of them.
    pub(crate) fn open_measured(&self, edits: Option<&EditFile>) -> Result<Study, Failure> {
        let read = self.edit.as_deref().map(EditFile::read).transpose()?;
        self.networks(read.as_ref().or(edits))
    }

    /// The network after the edits, and before them.
    fn networks(&self, edits: Option<&EditFile>) -> Result<Study, Failure> {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let net = self.net.open_with(&self.sources, self.demands.as_deref())?;
        let files: Vec<_> = self.sources.iter().chain(&self.demands).chain(&self.edit).cloned().collect();
        let study = |net: Snapshot, before: Option<Box<Study>>| {
            let csr = Csr::compile(&net.twin, routed_layer(&net.twin));
            let routing = Routing::compute(&csr, &Failures::none(&csr));
            Study {
                twin: net.twin,
                unit_bps: net.unit_bps,
                csr,
                routing,
                demands: Vec::new(),
                edits: before.as_ref().and_then(|_| edits.cloned()),
                before,
                own: net.demands,
                started,
                clock,
                files: files.clone(),
            }
        };
        let Some(edits) = edits else { return Ok(study(net, None)) };
        let layer = routed_layer(&net.twin);
        let after = edits.apply(net.clone(), layer)?;
        Ok(study(after, Some(Box::new(study(net, None)))))
    }
}

/// Where the IGP is known traffic follows it; elsewhere every cable is taken as routed.
pub(crate) fn routed_layer(twin: &Twin) -> Layer {
    if twin.half_links(Layer::Igp).is_empty() { Layer::Cable } else { Layer::Igp }
}

impl Study {
    /// The network, ready to be asked what failures do.
    pub(crate) fn plan(&self) -> Plan<'_> {
        Plan::new(&self.csr, &self.routing, &self.demands)
    }

    /// A volume in bit/s in the unit of the network's source.
    pub(crate) fn volume(&self, bps: f64) -> f64 {
        bps / self.unit_bps
    }

    /// What errors about the network call it.
    pub(crate) fn file(&self) -> String {
        self.files.first().map(|file| file.display().to_string()).unwrap_or_default()
    }

    /// The digest of these inputs and further files.
    pub(crate) fn input_digest<'a>(
        &'a self,
        more: impl IntoIterator<Item = &'a Path>,
    ) -> Result<String, InputError> {
        inputs::digest(self.files.iter().map(PathBuf::as_path).chain(more))
    }

    /// The summary of a command over these inputs and further files.
    pub(crate) fn summary<'a>(
        &'a self,
        command: &str,
        global: &Global,
        more: impl IntoIterator<Item = &'a Path>,
    ) -> Result<Summary, InputError> {
        let mut summary = Summary::new(command, global.seed);
        summary.input_digest = self.input_digest(more)?;
        summary.network_digest = network_digest(&self.twin);
        summary.fidelity = fidelity();
        summary.extra.insert("unit_bps".into(), self.unit_bps.into());
        let since =
            self.started.duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_nanos()).ok());
        summary.run.started = since.map(WallTime::from_ns);
        summary.run.wall_s = Some(self.clock.elapsed().as_secs_f64());
        summary.run.command_line = std::env::args().collect();
        Ok(summary)
    }
}

/// What open-loop loads leave out.
fn fidelity() -> Fidelity {
    let mut fidelity = Fidelity::default();
    fidelity.note(
        "open-loop",
        "Demands are sent in full: a full link holds nothing back and loses nothing.",
        None,
    );
    fidelity.note(
        "converged",
        "Routing has converged after each failure; losses on the way there are not counted.",
        None,
    );
    fidelity
}
