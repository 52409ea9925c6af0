//! Logs as counts of messages, a series for each device and kind of message.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use topology_sync::syslog::{self, SyslogContext, SyslogRecord};
use twin::{Diagnostic, InputError, Place, WallTime};

use super::meta::Meta;
use super::series::Series;
use super::stamped::{Binning, Stamped};
use crate::csv_file::unpacked;
use crate::inputs::files_of;

/// Seconds of the beginning in which nothing is flagged, unless something else is said.
const LEARN_S: u32 = 120;

/// Reads a log or all logs of a folder, plain or `.gz`. Messages that do not say their device are of the one that the file is
/// named after, up to its first dot.
///
/// # Errors
/// What cannot be read; logs without a message, or of one bin.
pub(crate) fn open(path: &Path, binning: Binning) -> Result<Stamped, InputError> {
    let files = files_of(path);
    let latest = latest(&files);
    let (mut records, mut diagnostics) = (Vec::new(), Vec::new());
    for file in &files {
        let bytes = unpacked(file)?;
        let stem = file.file_name().unwrap_or_default().to_string_lossy();
        let device = stem.split('.').next().unwrap_or_default();
        let context = SyslogContext { device, latest, utc_offset_s: 0 };
        let text = String::from_utf8_lossy(&bytes);
        let (said, odd) = syslog::read(&file.display().to_string(), &text, context);
        records.extend(said);
        for d in odd {
            match diagnostics.iter_mut().find(|seen: &&mut Diagnostic| seen.code == d.code) {
                Some(seen) => seen.count += d.count,
                None => diagnostics.push(d),
            }
        }
    }
    let (meta, counts) = count(&path.display().to_string(), &records, binning)?;
    Ok(Stamped { meta, series: Series::Events(counts), interfaces: Vec::new(), diagnostics })
}

/// When the newest of the files was written: none of its stamps is of a later year.
fn latest(files: &[PathBuf]) -> WallTime {
    let written = |file: &PathBuf| {
        let since = fs::metadata(file).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_nanos()).ok()
    };
    WallTime::from_ns(files.iter().filter_map(written).max().unwrap_or(0))
}

/// Counts by series and bin.
type Counted = (Meta, Vec<Vec<Option<u64>>>);

fn count(file: &str, records: &[SyslogRecord], binning: Binning) -> Result<Counted, InputError> {
    let wrong = |what: &str, expected: &str| InputError::new(file, Place::Whole, what, expected);
    let bin_ns = i64::from(binning.bin_s) * 1_000_000_000;
    let bin = |record: &SyslogRecord| record.at.as_ns().div_euclid(bin_ns);
    let bounds = (records.iter().map(bin).min(), records.iter().map(bin).max());
    let (Some(first), Some(last)) = bounds else {
        return Err(wrong("no message", "lines of syslog: RFC 5424, RFC 3164 or a log buffer"));
    };
    if first == last {
        return Err(wrong("all messages are of one bin", "logs of at least two bins"));
    }
    let keys: BTreeSet<(&str, &str)> = records.iter().map(|r| (r.device.as_str(), r.kind.as_str())).collect();
    let names = keys.iter().map(|(device, kind)| format!("{device} {kind}")).collect();
    let bins = (last - first) as usize + 1;
    let start = WallTime::from_ns(first * bin_ns);
    let meta = Meta::of_records(file, start, binning.frame(bins, LEARN_S), names)?;
    let number: BTreeMap<_, usize> = keys.into_iter().zip(0..).collect();
    let mut counts = vec![vec![Some(0); bins]; number.len()];
    for record in records {
        let series = number[&(record.device.as_str(), record.kind.as_str())];
        if let Some(count) = &mut counts[series][(bin(record) - first) as usize] {
            *count += 1;
        }
    }
    Ok((meta, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_SECONDS: Binning = Binning { bin_s: 10, learn_s: None };

    fn record(seconds: i64, device: &str, kind: &str) -> SyslogRecord {
        let at = WallTime::from_secs(seconds);
        SyslogRecord { at, device: device.into(), kind: kind.into(), severity: None }
    }

    #[test]
    fn messages_are_counted_by_device_and_kind_in_bins_of_the_clock() {
        let records = [(1_019, "r2", "a"), (1_000, "r1", "b"), (1_009, "r1", "b"), (1_030, "r1", "a")]
            .map(|(at, device, kind)| record(at, device, kind));
        let (meta, counts) = count("logs", &records, TEN_SECONDS).unwrap();
        assert_eq!(meta.series, ["r1 a", "r1 b", "r2 a"]);
        assert_eq!((meta.frame.bins, meta.frame.train_end), (4, 3));
        assert_eq!(meta.start, Some(WallTime::from_secs(1_000)));
        let counts: Vec<Vec<u64>> = counts.into_iter().map(|c| c.into_iter().flatten().collect()).collect();
        assert_eq!(counts, [[0, 0, 0, 1], [2, 0, 0, 0], [0, 1, 0, 0]]);
    }

    #[test]
    fn logs_that_tell_nothing_are_named() {
        let error = |records: &[SyslogRecord]| count("x", records, TEN_SECONDS).unwrap_err().to_string();
        assert!(error(&[]).starts_with("x: no message; expected lines of syslog"));
        assert!(error(&[record(7, "a", "b")]).starts_with("x: all messages are of one bin"));
        // A clock that was not set.
        let far = [record(0, "a", "b"), record(1 << 33, "a", "b")];
        assert!(error(&far).contains("samples in all"), "{}", error(&far));
    }
}
