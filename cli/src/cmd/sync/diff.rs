//! `umbra sync diff`: what differs between two versions of a network.

use std::fmt::Write;
use std::path::PathBuf;

use report::schema;
use serde_json::json;
use topology_sync::compare::{self, Difference, Kind, Subject};

use crate::cmd::net::NetOptions;
use crate::failure::{Failure, Outcome};
use crate::global::Global;
use crate::output::{Format, Table, print_bytes};

/// Say what differs between two networks.
///
/// With --output table the differences are a text to read or to mail; else one row for each. A node with another name is
/// renamed, a cable of which an end was put elsewhere is moved. Of each node's routes the differences are counted and the
/// first few listed. Ends with 0 whatever it finds.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The network as it was.
    #[arg(value_name = "NET1")]
    before: PathBuf,
    /// The network as it is.
    #[arg(value_name = "NET2")]
    after: PathBuf,
    #[command(flatten)]
    net: NetOptions,
}

/// Runs the command.
pub(crate) fn run(args: &Args, global: &Global) -> Result<Outcome, Failure> {
    let before = args.net.open(std::slice::from_ref(&args.before))?;
    let after = args.net.open(std::slice::from_ref(&args.after))?;
    let differences = compare::compare(&before.twin, &after.twin);
    match global.format() {
        Format::Table => {
            let names = [&args.before, &args.after].map(|p| p.display().to_string());
            print_bytes(text(&names, &differences).as_bytes())?;
        }
        format => table(&differences).print(format)?,
    }
    Ok(Outcome::Done)
}

fn table(differences: &[Difference]) -> Table {
    let mut table = Table::of(&schema::CHANGES);
    for d in differences {
        table.push(vec![
            json!(d.subject.word()),
            json!(d.change.word()),
            json!(d.element),
            json!(d.before),
            json!(d.after),
        ]);
    }
    table
}

/// A heading with the counts, then a paragraph for each subject.
fn text([before, after]: &[String; 2], differences: &[Difference]) -> String {
    let mut text = format!("{before} -> {after}\n");
    let counts = compare::counts(differences);
    if counts.is_empty() {
        text.push_str("no difference\n");
        return text;
    }
    let line = |((subject, change), count): (&(Subject, Kind), &usize)| {
        format!("{count} {} {}", noun(*subject, *count), change.word())
    };
    text.push_str(&counts.iter().map(line).collect::<Vec<_>>().join(", "));
    text.push('\n');
    let mut last = None;
    for d in differences {
        if last.replace(d.subject) != Some(d.subject) {
            let _ = writeln!(text, "\n{}", heading(d.subject));
        }
        let _ = writeln!(text, "  {:<8} {}{}", d.change.word(), d.element, values(d));
    }
    text
}

/// What was and what is; of a move the element is what is.
fn values(d: &Difference) -> String {
    match (&d.before, &d.after) {
        (Some(before), _) if d.change == Kind::Moved && d.subject == Subject::Cable => {
            format!(", was {before}")
        }
        (Some(before), _) if d.change == Kind::Renamed => format!(", was {before}"),
        (Some(before), Some(after)) => format!(": {before} -> {after}"),
        (Some(one), None) | (None, Some(one)) => format!(": {one}"),
        (None, None) => String::new(),
    }
}

fn noun(subject: Subject, count: usize) -> &'static str {
    match (subject, count) {
        (Subject::Node, 1) => "node",
        (Subject::Node, _) => "nodes",
        (Subject::Other, _) => "other",
        (Subject::Cable, 1) => "cable",
        (Subject::Cable, _) => "cables",
        (Subject::Segment, 1) => "segment",
        (Subject::Segment, _) => "segments",
        (Subject::Port, 1) => "port",
        (Subject::Port, _) => "ports",
        (Subject::Address, 1) => "address",
        (Subject::Address, _) => "addresses",
        (Subject::Adjacency, 1) => "adjacency",
        (Subject::Adjacency, _) => "adjacencies",
        (Subject::Cost, 1) => "cost",
        (Subject::Cost, _) => "costs",
        (Subject::Capacity, 1) => "capacity",
        (Subject::Capacity, _) => "capacities",
        (Subject::Routes | Subject::Route, 1) => "table with routes",
        (Subject::Routes | Subject::Route, _) => "tables with routes",
    }
}

fn heading(subject: Subject) -> &'static str {
    match subject {
        Subject::Node => "Nodes",
        Subject::Other => "Sites, risk groups and others",
        Subject::Cable => "Cables",
        Subject::Segment => "Segments",
        Subject::Port => "Ports",
        Subject::Address => "Addresses",
        Subject::Adjacency => "Adjacencies",
        Subject::Cost => "Costs",
        Subject::Capacity => "Capacities and delays",
        Subject::Routes => "Routes",
        Subject::Route => "Routes, the first few",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(
        subject: Subject,
        change: Kind,
        element: &str,
        was: Option<&str>,
        is: Option<&str>,
    ) -> Difference {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Difference { subject, change, element: element.to_owned(), before: own(was), after: own(is) }
    }

    #[test]
    fn a_text_to_mail() {
        let names = ["mon.json".to_owned(), "tue.json".to_owned()];
        assert_eq!(text(&names, &[]), "mon.json -> tue.json\nno difference\n");
        let differences = [
            difference(Subject::Node, Kind::Renamed, "core", Some("r1"), Some("core")),
            difference(Subject::Cable, Kind::Moved, "a:2 - b:1", Some("a:1 - b:1"), Some("a:2 - b:1")),
            difference(Subject::Cost, Kind::Changed, "a:2 -> b:1 (igp)", Some("10"), Some("20")),
            difference(Subject::Cost, Kind::Changed, "b:1 -> a:2 (igp)", Some("10"), Some("30")),
            difference(Subject::Routes, Kind::Added, "core", None, Some("2 routes")),
            difference(Subject::Route, Kind::Added, "core 10.0.0.0/8", None, Some("blackhole")),
        ];
        assert_eq!(
            text(&names, &differences),
            "mon.json -> tue.json\n\
             1 node renamed, 1 cable moved, 2 costs changed, 1 table with routes added\n\
             \nNodes\n  renamed  core, was r1\n\
             \nCables\n  moved    a:2 - b:1, was a:1 - b:1\n\
             \nCosts\n  changed  a:2 -> b:1 (igp): 10 -> 20\n  changed  b:1 -> a:2 (igp): 10 -> 30\n\
             \nRoutes\n  added    core: 2 routes\n\
             \nRoutes, the first few\n  added    core 10.0.0.0/8: blackhole\n"
        );
    }
}
