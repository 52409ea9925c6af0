//! Who is cut off, and who loses only the spare way: the tables `redundancy` and `exposed`.

use report::{Table, schema};
use scenarios::planning::{Exposed, Exposure, Plan, exposures};

use super::failures::Failing;
use super::study::Study;
use crate::failure::Failure;
use crate::target::TargetFolder;

/// Rows that are collected before they are written.
const ROWS: usize = 1 << 12;

/// Failures that are kept by name.
const KEPT: usize = 10;

/// What all failures take from whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redundancies {
    /// Failures that cut off a node or a demand.
    pub(crate) cut: u32,
    /// Failures that cut off nobody and leave somebody without redundancy.
    pub(crate) exposed: u32,
    /// The up to ten failures that expose most volume, most first, then by nodes; equals by number.
    pub(crate) worst: Vec<Exposure>,
}

/// Looks at all failures and writes both tables.
pub(crate) fn answer(
    study: &Study,
    failing: &Failing,
    plan: &Plan<'_>,
    mut folder: Option<&mut TargetFolder>,
) -> Result<Redundancies, Failure> {
    let mut all = Redundancies::default();
    let mut rows = Table::new(&schema::REDUNDANCY);
    let list = &failing.list;
    let demands = exposures(plan, list, 0..list.len(), |exposure| {
        all.see(exposure);
        let Some(folder) = folder.as_mut() else { return Ok(()) };
        row(study, &mut rows, exposure);
        if rows.len() < ROWS {
            return Ok(());
        }
        folder.write(&std::mem::replace(&mut rows, Table::new(&schema::REDUNDANCY)))
    })?;
    if let Some(folder) = folder {
        folder.write(&rows)?;
        folder.write(&exposed(study, &demands))?;
    }
    Ok(all)
}

impl Redundancies {
    fn see(&mut self, exposure: &Exposure) {
        self.cut += u32::from(exposure.cuts());
        self.exposed += u32::from(!exposure.cuts());
        let by = |e: &Exposure| (e.exposed_bps, e.exposed_nodes.len() as f64);
        let before = |other: &Exposure| by(other) >= by(exposure);
        let at = self.worst.partition_point(before);
        if at < KEPT && by(exposure) > (0.0, 0.0) {
            self.worst.truncate(KEPT - 1);
            self.worst.insert(at, exposure.clone());
        }
    }
}

fn row(study: &Study, table: &mut Table, exposure: &Exposure) {
    let nodes = |list: &[twin::NodeId]| list.iter().map(|node| node.0).collect::<Vec<_>>();
    table
        .row()
        .set("scenario", exposure.scenario)
        .set("cut_nodes", nodes(&exposure.cut_nodes))
        .set("exposed_nodes", nodes(&exposure.exposed_nodes))
        .set("cut_demands", exposure.cut_demands)
        .set("exposed_demands", exposure.exposed_demands)
        .set("exposed_volume", study.volume(exposure.exposed_bps))
        .set("only_links", exposure.only_links.iter().map(|link| link.0).collect::<Vec<_>>())
        .end();
}

fn exposed(study: &Study, demands: &Exposed) -> Table {
    let mut table = Table::new(&schema::EXPOSED);
    let counts = demands.cut.iter().zip(&demands.exposed);
    for (demand, (cut, exposed)) in study.demands.iter().zip(counts) {
        if (*cut, *exposed) == (0, 0) {
            continue;
        }
        table
            .row()
            .set("src", study.csr.node_names[demand.src.index()].as_str())
            .set("dst", study.csr.node_names[demand.dst.index()].as_str())
            .set("volume", study.volume(demand.bps))
            .set("cut", *cut)
            .set("exposed", *exposed)
            .end();
    }
    table
}
