//! Files of planners: scenarios, edits, risk groups, maintenance, failure patterns.

use std::path::Path;

use report::ParquetFile;
use serde_json::json;
use topology_sync::encoding;
use topology_sync::source::files;
use twin::{InputError, Place};

use super::{Row, row};
use crate::cmd::net::NetOptions;
use crate::failure::Failure;
use crate::planning::classes::{self, ClassFile};
use crate::planning::edit::{self, EditFile};
use crate::planning::failures;
use crate::planning::groups::{self, GroupFile};
use crate::planning::limits::Limits;
use crate::planning::maintenance::{self, Calendar};
use crate::planning::question::QuestionArgs;
use crate::planning::scenario::{self, ScenarioFile};
use crate::planning::study::StudyArgs;

/// Whether a format is one of these.
pub(super) fn knows(format: &str) -> bool {
    [scenario::FORMAT, edit::FORMAT, groups::FORMAT, classes::FORMAT, maintenance::FORMAT].contains(&format)
}

/// What a file of such a format holds; names are checked where the file says of which network they are.
pub(super) fn rows(path: &Path, format: &str, net: NetOptions) -> Result<Vec<Row>, Failure> {
    match format {
        scenario::FORMAT => scenario(path, net),
        groups::FORMAT => Ok(groups(&GroupFile::read(path)?, format)),
        classes::FORMAT => {
            let (classes, rules) = ClassFile::read(path)?.counts();
            Ok(vec![
                row("form", json!("classes of service"), format),
                row("classes", json!(classes), "highest priority first"),
                row("rules", json!(rules), ""),
            ])
        }
        maintenance::FORMAT => {
            let (count, hours) = Calendar::read(path)?.counts()?;
            Ok(vec![
                row("form", json!("maintenance"), format),
                row("windows", json!(count), &format!("of {hours} hours in all")),
            ])
        }
        _ => {
            let file = EditFile::read(path)?;
            Ok(vec![
                row("form", json!("edit of a network"), format),
                row("edits", json!(file.len()), file.description().unwrap_or_default()),
            ])
        }
    }
}

/// Opens all that a scenario names, and evaluates nothing.
fn scenario(path: &Path, net: NetOptions) -> Result<Vec<Row>, Failure> {
    let study = StudyArgs { sources: Vec::new(), demands: None, scale: None, edit: None, net };
    let question = QuestionArgs { study, fail: None };
    let asked = ScenarioFile::read(path)?.asked(&question, &Limits::default())?;
    // Which of several measured matrices is the hardest takes a sweep of each: not here.
    let measured = asked.measured.is_some();
    let (study, failing, matrices) = match &asked.measured {
        Some(measured) => {
            let study = asked.question.study.open_measured(asked.edits.as_ref())?;
            let failing = asked.question.fail().of(&study)?;
            let matrices = measured.matrices(&study)?.len();
            (study, failing, matrices)
        }
        None => {
            let (study, failing) = asked.question.open_edited(asked.edits.as_ref())?;
            (study, failing, 1)
        }
    };
    let classes = match &asked.classes {
        // The shares are those of any matrix; volumes are those of this one.
        Some(file) if !measured => file.divide(&study, asked.question.study.demands.as_deref())?.names.len(),
        Some(file) => file.counts().0,
        None => 0,
    };
    let windows = asked.maintenance(&study)?;
    let series = asked.windows.series.as_deref().map(ParquetFile::open).transpose()?;
    let traffic = if series.is_some() { "under measured traffic" } else { "under the same demands" };
    let mut rows = vec![
        row("form", json!("scenario"), scenario::FORMAT),
        row("description", json!(asked.description.unwrap_or_default()), ""),
        row("nodes", json!(study.csr.node_count()), ""),
        row("links", json!(study.csr.link_count()), ""),
        row("demand matrices", json!(matrices), if measured { "measured in the window" } else { "" }),
        row("scenarios", json!(failing.list.len()), &String::from(asked.question.fail().clone())),
        row("classes", json!(classes), "of service"),
    ];
    if !windows.is_empty() {
        rows.push(row("maintenance windows", json!(windows.len()), traffic));
    }
    Ok(rows)
}

fn groups(file: &GroupFile, note: &str) -> Vec<Row> {
    let (count, members) = file.counts();
    vec![
        row("form", json!("risk groups"), note),
        row("groups", json!(count), ""),
        row("members", json!(members), "of all groups"),
    ]
}

/// A plain text: link numbers with commas between them, or a group a line.
pub(super) fn text(path: &Path) -> Result<Vec<Row>, Failure> {
    let (file, bytes) = (path.display().to_string(), files::read(path)?);
    let text = encoding::utf8(&file, &bytes)?;
    if text.lines().any(|line| line.split('#').next().is_some_and(|l| l.contains(':'))) {
        return Ok(groups(&GroupFile::text(&file, text)?, "plain text"));
    }
    let sets: Vec<_> = failures::parse_patterns(&file, text, None).collect::<Result<_, _>>()?;
    let Some(highest) = sets.iter().flat_map(|set| set.links()).max() else {
        let expected = "link numbers with commas between them, or NAME: member, member";
        return Err(InputError::new(&file, Place::Whole, "no failure in this text", expected).into());
    };
    let at_once = sets.iter().map(|set| set.links().len()).max().unwrap_or_default();
    Ok(vec![
        row("form", json!("failure patterns"), ""),
        row("patterns", json!(sets.len()), &format!("of at most {at_once} links")),
        row("highest link", json!(highest.0), "counted from 0"),
    ])
}
