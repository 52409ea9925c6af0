//! Reads incidents: `polls.parquet`, and `probes.parquet` and `samples.parquet` where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use report::schema::TableSpec;
use report::{ParquetFile, Table, schema};
use scenarios::causes::observed::{Observed, ProbeBin, Probed, Sampled, SampledPoll};
use twin::{ArcId, Csr, Diagnostic, InputError, NodeId, Place};

/// An incident and what was left out of it.
pub(crate) struct Case {
    /// What was observed.
    pub(crate) observed: Observed,
    /// Rows that could not be used, and kinds of evidence that are absent.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Bins into which a poll is cut where there are no probes to say how long a bin is.
const BINS_OF_POLL: usize = 5;

/// Reads all incidents of a folder, by number. `least` is the number of bins without which none can be judged.
pub(crate) fn read(folder: &Path, csr: &Csr, least: usize) -> Result<BTreeMap<u32, Case>, InputError> {
    let file = |name: &str| folder.join(format!("{name}.parquet"));
    let polls = open(&file("polls"), &schema::POLLS)?;
    let probes = optional(&file("probes"), &schema::PROBES)?;
    let samples = optional(&file("samples"), &schema::SAMPLES)?;
    let name = file("polls").display().to_string();
    if polls.is_empty() {
        return Err(InputError::new(
            &name,
            Place::Whole,
            "no polls",
            "one row for each poll of an interface",
        ));
    }
    let rows = Rows { csr, polls: by_case(&polls), probes: by_case(&probes), samples: by_case(&samples) };
    let mut cases = BTreeMap::new();
    for number in rows.polls.keys() {
        let mut diagnostics = Vec::new();
        for (table, rows) in [("probes", &rows.probes), ("samples", &rows.samples)] {
            if !rows.contains_key(number) {
                Diagnostic::count(&mut diagnostics, &format!("no-{table}"), || {
                    format!("no {table} were recorded")
                });
            }
        }
        let grid =
            Grid::new(&name, &polls, &rows.polls[number], &probes, rows.of(&rows.probes, *number), least)?;
        let (load, discards) = rows.polls(&file("polls"), &polls, *number, &grid, &mut diagnostics)?;
        let observed = Observed {
            start_ns: grid.start_ns,
            bin_s: grid.bin_ns as f64 / 1e9,
            bins: grid.polls * grid.poll_bins,
            poll_bins: grid.poll_bins,
            load,
            discards,
            probes: rows.probes(&file("probes"), &probes, *number, &grid, &mut diagnostics)?,
            flows: rows.samples(&file("samples"), &samples, *number, &grid, &mut diagnostics)?,
        };
        cases.insert(*number, Case { observed, diagnostics });
    }
    Ok(cases)
}

fn open(path: &Path, spec: &'static TableSpec) -> Result<Table, InputError> {
    ParquetFile::open(path)?.table(spec)
}

fn optional(path: &Path, spec: &'static TableSpec) -> Result<Table, InputError> {
    if path.exists() { open(path, spec) } else { Ok(Table::new(spec)) }
}

/// Rows of each case, in the order of the file.
fn by_case(table: &Table) -> BTreeMap<u32, Vec<usize>> {
    let mut rows: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (i, case) in table.u32("case").iter().enumerate() {
        rows.entry(case.unwrap_or(0)).or_default().push(i);
    }
    rows
}

/// Bins and polls of a case.
struct Grid {
    start_ns: i64,
    bin_ns: i64,
    poll_bins: usize,
    polls: usize,
}

impl Grid {
    fn new(
        file: &str,
        polls: &Table,
        poll_rows: &[usize],
        probes: &Table,
        probe_rows: &[usize],
        least: usize,
    ) -> Result<Self, InputError> {
        let wrong = |what: String, expected: String| InputError::new(file, Place::Whole, what, expected);
        let stamps = stamps(polls, poll_rows);
        let (Some(first), Some(last)) = (stamps.first(), stamps.last()) else {
            return Err(wrong("no polls".to_owned(), "polls at two instants at least".to_owned()));
        };
        let poll_ns = period(&stamps).ok_or_else(|| {
            wrong("all polls have the same stamp".to_owned(), "polls at two instants at least".to_owned())
        })?;
        let probe_stamps = self::stamps(probes, probe_rows);
        let bin_ns = period(&probe_stamps).unwrap_or(poll_ns / BINS_OF_POLL as i64).max(1);
        let poll_bins = (poll_ns as f64 / bin_ns as f64).round().max(1.0);
        if (poll_bins * bin_ns as f64 - poll_ns as f64).abs() > 0.01 * poll_ns as f64 {
            let what =
                format!("polls every {} s and probes every {} s", poll_ns as f64 / 1e9, bin_ns as f64 / 1e9);
            return Err(wrong(what, "a period of polls that is a multiple of that of probes".to_owned()));
        }
        let count = ((last - first) as f64 / poll_ns as f64).round() as usize + 1;
        let poll_bins = poll_bins as usize;
        /// Polls of a record that is longer than any incident.
        const MOST: usize = 100_000;
        if count.saturating_mul(poll_bins) < least || count > MOST {
            let what = format!("{count} polls every {} s", poll_ns as f64 / 1e9);
            return Err(wrong(
                what,
                format!(
                    "at least {least} bins of {} s, most of them before the incident",
                    bin_ns as f64 / 1e9
                ),
            ));
        }
        Ok(Self { start_ns: first - poll_ns, bin_ns, poll_bins, polls: count })
    }

    /// The bin that ends with a stamp.
    fn bin(&self, at_ns: i64) -> Option<usize> {
        self.ending(at_ns, self.bin_ns, self.polls * self.poll_bins)
    }

    /// The poll that ends with a stamp.
    fn poll(&self, at_ns: i64) -> Option<usize> {
        self.ending(at_ns, self.bin_ns * self.poll_bins as i64, self.polls)
    }

    /// Which of `count` spans, each `span_ns` long, ends nearest to a stamp.
    fn ending(&self, at_ns: i64, span_ns: i64, count: usize) -> Option<usize> {
        let spans = (at_ns - self.start_ns) as f64 / span_ns as f64;
        usize::try_from(spans.round() as i64 - 1).ok().filter(|i| *i < count)
    }
}

fn stamps(table: &Table, rows: &[usize]) -> Vec<i64> {
    let at = table.i64("at_ns");
    let stamps: BTreeSet<i64> = rows.iter().filter_map(|i| at[*i]).collect();
    stamps.into_iter().collect()
}

/// The typical time between two stamps that follow each other.
fn period(stamps: &[i64]) -> Option<i64> {
    let mut gaps: Vec<i64> = stamps.windows(2).map(|w| w[1] - w[0]).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).copied()
}

/// How many there were, and how many of these were lost; none, and counted, where that is more.
fn part(
    all: Option<u32>,
    lost: Option<u32>,
    what: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(u32, u32)> {
    let (all, lost) = (all.unwrap_or(0), lost.unwrap_or(0));
    if lost > all {
        Diagnostic::count(diagnostics, "more-lost-than-sent", || format!("rows of {what} left out"));
    }
    (lost <= all).then_some((all, lost))
}

/// The rows of all tables.
struct Rows<'a> {
    csr: &'a Csr,
    polls: BTreeMap<u32, Vec<usize>>,
    probes: BTreeMap<u32, Vec<usize>>,
    samples: BTreeMap<u32, Vec<usize>>,
}

/// Who sends, and who answers.
type Pair = (NodeId, NodeId);

/// By poll, then arc: loads, and discards.
type Polled = (Vec<Vec<f64>>, Vec<Vec<f64>>);

impl Rows<'_> {
    fn of<'b>(&self, rows: &'b BTreeMap<u32, Vec<usize>>, case: u32) -> &'b [usize] {
        rows.get(&case).map_or(&[], Vec::as_slice)
    }

    fn polls(
        &self,
        file: &Path,
        table: &Table,
        case: u32,
        grid: &Grid,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Polled, InputError> {
        let nothing = vec![vec![f64::NAN; self.csr.arc_count()]; grid.polls];
        let (mut load, mut discards) = (nothing.clone(), nothing);
        let (at, bps, lost) = (table.i64("at_ns"), table.f64("bps"), table.u64("discards"));
        let mut last = (usize::MAX, ArcId(0));
        for &i in self.of(&self.polls, case) {
            // Interfaces come poll by poll: names are looked up only where they change.
            let arc = match last {
                (row, arc) if row != usize::MAX && same_ends(table, row, i) => arc,
                _ => self.arc(file, table, i)?,
            };
            last = (i, arc);
            let Some(poll) = at[i].and_then(|at| grid.poll(at)) else {
                Diagnostic::count(diagnostics, "off-time", || "polls outside the record".to_owned());
                continue;
            };
            load[poll][arc.index()] = checked(file, i, "bps", bps[i])?;
            discards[poll][arc.index()] = lost[i].map_or(f64::NAN, |n| n as f64);
        }
        Ok((load, discards))
    }

    fn probes(
        &self,
        file: &Path,
        table: &Table,
        case: u32,
        grid: &Grid,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Vec<Probed>, InputError> {
        let empty = ProbeBin { sent: 0, lost: 0, p50_ms: f64::NAN, p95_ms: f64::NAN };
        let bins = grid.polls * grid.poll_bins;
        let mut pairs: BTreeMap<Pair, Vec<ProbeBin>> = BTreeMap::new();
        let (sent, lost) = (table.u32("sent"), table.u32("lost"));
        for &i in self.of(&self.probes, case) {
            let Some((pair, bin)) = self.placed(file, table, i, "probes", |at| grid.bin(at), diagnostics)?
            else {
                continue;
            };
            let Some((sent, lost)) = part(sent[i], lost[i], "probes", diagnostics) else { continue };
            let p50_ms = checked(file, i, "p50_ms", table.f64("p50_ms")[i])?;
            let p95_ms = checked(file, i, "p95_ms", table.f64("p95_ms")[i])?;
            pairs.entry(pair).or_insert_with(|| vec![empty; bins])[bin] =
                ProbeBin { sent, lost, p50_ms, p95_ms };
        }
        Ok(pairs.into_iter().map(|((src, dst), bins)| Probed { src, dst, bins }).collect())
    }

    fn samples(
        &self,
        file: &Path,
        table: &Table,
        case: u32,
        grid: &Grid,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Vec<Sampled>, InputError> {
        let mut pairs: BTreeMap<Pair, Vec<SampledPoll>> = BTreeMap::new();
        let (packets, again) = (table.u32("packets"), table.u32("retransmitted"));
        for &i in self.of(&self.samples, case) {
            let Some((pair, poll)) =
                self.placed(file, table, i, "samples", |at| grid.poll(at), diagnostics)?
            else {
                continue;
            };
            let Some((packets, retransmitted)) = part(packets[i], again[i], "samples", diagnostics) else {
                continue;
            };
            let bps = checked(file, i, "bps", table.f64("bps")[i])?;
            pairs.entry(pair).or_insert_with(|| vec![SampledPoll::default(); grid.polls])[poll] =
                SampledPoll { bps, packets, retransmitted };
        }
        Ok(pairs.into_iter().map(|((src, dst), polls)| Sampled { src, dst, polls }).collect())
    }

    /// The pair of a row and its place in time; none, and counted, outside the record.
    fn placed(
        &self,
        file: &Path,
        table: &Table,
        row: usize,
        what: &str,
        place: impl Fn(i64) -> Option<usize>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Option<(Pair, usize)>, InputError> {
        let pair = self.pair(file, table, row)?;
        let place = table.i64("at_ns")[row].and_then(place);
        if place.is_none() {
            Diagnostic::count(diagnostics, "off-time", || format!("{what} outside the record"));
        }
        Ok(place.map(|place| (pair, place)))
    }

    fn arc(&self, file: &Path, table: &Table, row: usize) -> Result<ArcId, InputError> {
        let (src, dst) = self.pair(file, table, row)?;
        let between: Vec<ArcId> =
            self.csr.arcs_out(src).iter().copied().filter(|a| self.csr.dst[a.index()] == dst).collect();
        let named = |a: &ArcId| self.csr.link_names[self.csr.link[a.index()].index()].as_str();
        let link = table.str("link")[row].as_deref();
        let found = match (between.as_slice(), link) {
            ([arc], _) => Some(*arc),
            (_, Some(link)) => between.iter().copied().find(|a| named(a) == link),
            _ => None,
        };
        found.ok_or_else(|| {
            let name = |n: NodeId| self.csr.node_names[n.index()].as_str();
            let what = format!("row {row}: an interface from '{}' to '{}'", name(src), name(dst));
            let expected = match between.len() {
                0 => "two nodes with a link between them".to_owned(),
                n => format!("the name of one of the {n} links between them"),
            };
            InputError::new(&file.display().to_string(), Place::Whole, what, expected)
                .with_nearest(link.unwrap_or_default(), between.iter().map(named))
        })
    }

    fn pair(&self, file: &Path, table: &Table, row: usize) -> Result<(NodeId, NodeId), InputError> {
        let node = |column: &str| {
            let name = table.str(column)[row].as_deref().unwrap_or_default();
            self.csr.node_named(name).ok_or_else(|| {
                let what = format!("row {row}: {column} is '{name}'");
                InputError::new(&file.display().to_string(), Place::Whole, what, "a node of the network")
                    .with_nearest(name, self.csr.node_names.iter().map(String::as_str))
            })
        };
        Ok((node("src")?, node("dst")?))
    }
}

fn same_ends(table: &Table, a: usize, b: usize) -> bool {
    ["src", "dst", "link"].into_iter().all(|column| table.str(column)[a] == table.str(column)[b])
}

/// A measured number: NaN where there is none; an error if it is negative.
fn checked(file: &Path, row: usize, column: &str, value: Option<f64>) -> Result<f64, InputError> {
    match value {
        Some(x) if x < 0.0 || x.is_infinite() => {
            let what = format!("row {row}: {column} is {x}");
            Err(InputError::new(&file.display().to_string(), Place::Whole, what, "a number, 0 or more"))
        }
        Some(x) => Ok(x),
        None => Ok(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use report::ParquetWriter;
    use testkit::topology;
    use twin::Layer;

    use super::*;
    use crate::isolate::observed_tables;

    /// A record in which no two numbers of a kind are equal.
    fn record(csr: &Csr, polls: usize, poll_bins: usize) -> Observed {
        let arcs = csr.arc_count();
        let bins = polls * poll_bins;
        let by_poll = |unit: f64| -> Vec<Vec<f64>> {
            (0..polls).map(|p| (0..arcs).map(|a| unit * (1 + p * arcs + a) as f64).collect()).collect()
        };
        let probe = |bin: usize| ProbeBin {
            sent: 100,
            lost: bin as u32,
            p50_ms: 10.0 + bin as f64,
            p95_ms: 50.0 + bin as f64,
        };
        let sample = |poll: usize| SampledPoll {
            bps: 1e6 * poll as f64,
            packets: 50 + poll as u32,
            retransmitted: poll as u32,
        };
        let (src, dst) = (NodeId(0), NodeId(1));
        Observed {
            start_ns: 1_700_000_000_000_000_000,
            bin_s: 60.0,
            bins,
            poll_bins,
            load: by_poll(1e6),
            discards: by_poll(1.0),
            probes: vec![Probed { src, dst, bins: (0..bins).map(probe).collect() }],
            flows: vec![Sampled { src, dst, polls: (0..polls).map(sample).collect() }],
        }
    }

    #[test]
    fn a_record_that_was_written_is_read_as_it_was_however_long_polls_are() {
        let csr = Csr::compile(&topology("a -10G- b -10G- c"), Layer::Igp);
        for poll_bins in 1..=6 {
            let written = record(&csr, 4, poll_bins);
            let folder = tempfile::tempdir().unwrap();
            for table in observed_tables::write(&csr, 7, &written) {
                let file = folder.path().join(format!("{}.parquet", table.spec().name));
                let mut writer = ParquetWriter::new(File::create(file).unwrap(), table.spec());
                writer.write(&table).unwrap();
                writer.finish().unwrap();
            }
            let cases = read(folder.path(), &csr, 4).unwrap();
            assert_eq!(cases[&7].observed, written, "polls of {poll_bins} bins");
            assert!(cases[&7].diagnostics.is_empty(), "{:?}", cases[&7].diagnostics);
        }
    }
}
