//! What is to be sent: a capture, a flow table or a demand matrix.

use std::path::Path;

use mirror::schedule::{AddressMap, RecordedConnection, ScheduleBuilder};
use twin::{Csr, DemandMatrix, Diagnostic, InputError, PacketSchedule, Place, SimDuration};

use super::flow_table;

/// Packets that one replay may send. They are all in memory before the first is sent, about 150 bytes each.
pub(crate) const MAX_PACKETS: u64 = 50_000_000;

/// What a traffic file is, by its suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Packets with their bytes.
    Capture,
    /// Flows with their packet counts.
    FlowTable,
    /// REPETITA demands, which need their network to be read.
    Demands,
    /// A network file with demands in it.
    Network,
}

impl Kind {
    /// What the suffix says.
    ///
    /// # Errors
    /// For a suffix that no traffic has.
    pub(crate) fn of(path: &Path) -> Result<Self, InputError> {
        let name = path.display().to_string();
        let lower = name.to_ascii_lowercase();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|s| lower.ends_with(s));
        match () {
            () if ends(&[".pcap", ".pcapng"]) => Ok(Self::Capture),
            () if ends(&[".csv", ".csv.gz", ".parquet"]) => Ok(Self::FlowTable),
            () if ends(&[".demands"]) => Ok(Self::Demands),
            () if ends(&[".xml", ".json"]) => Ok(Self::Network),
            () => {
                let expected = "a capture (.pcap, .pcapng), a flow table (.csv, .csv.gz, .parquet) or demands \
                                (.demands, .xml, .json)";
                Err(InputError::new(&name, Place::Whole, "traffic of no known suffix", expected))
            }
        }
    }
}

/// Sends a capture again: its packets between the nodes of their addresses.
///
/// # Errors
/// A capture that cannot be read, or is damaged anywhere.
pub(crate) fn capture(
    path: &Path,
    map: &AddressMap,
) -> Result<(PacketSchedule, Vec<Diagnostic>), InputError> {
    let mut capture = mirror::source::open(path)?;
    let mut builder = ScheduleBuilder::new(map);
    builder.add(&mut capture)?;
    let (schedule, mut diagnostics) = builder.finish();
    diagnostics.extend_from_slice(capture.diagnostics());
    Ok((schedule, diagnostics))
}

/// The same with TCP apart: what its connections carried, for hosts that time their segments themselves.
///
/// # Errors
/// As [`capture`].
pub(crate) fn closed_loop(
    path: &Path,
    map: &AddressMap,
) -> Result<(PacketSchedule, Vec<RecordedConnection>, Vec<Diagnostic>), InputError> {
    let mut capture = mirror::source::open(path)?;
    let mut builder = ScheduleBuilder::new(map).with_tcp_apart();
    builder.add(&mut capture)?;
    let (schedule, connections, mut diagnostics) = builder.finish_apart();
    diagnostics.extend_from_slice(capture.diagnostics());
    Ok((schedule, connections, diagnostics))
}

/// Reads a flow table and sends its flows.
///
/// # Errors
/// As [`flow_table::read`] and [`flow_table::schedule`].
pub(crate) fn flows(
    path: &Path,
    csr: &Csr,
    map: &AddressMap,
) -> Result<(PacketSchedule, Vec<Diagnostic>), InputError> {
    let table = flow_table::read(path)?;
    flow_table::schedule(&path.display().to_string(), &table, csr, map)
}

/// Checks that a matrix can be sent: its nodes are in the network and its packets fit into memory.
///
/// # Errors
/// A node that the network does not have, or too many packets.
pub(crate) fn check_matrix(
    name: &str,
    matrix: &DemandMatrix,
    csr: &Csr,
    duration: SimDuration,
) -> Result<(), InputError> {
    check_ends(name, matrix, csr)?;
    let packets = matrix.total_bps() * duration.as_secs_f64() / 12_000.0;
    if packets > MAX_PACKETS as f64 { Err(too_many(name, packets)) } else { Ok(()) }
}

/// Checks that all nodes of a matrix are in the network.
///
/// # Errors
/// A node that the network does not have.
pub(crate) fn check_ends(name: &str, matrix: &DemandMatrix, csr: &Csr) -> Result<(), InputError> {
    let known: std::collections::BTreeSet<_> = csr.node_keys.iter().collect();
    if let Some(key) = matrix.demands().iter().flat_map(|d| [&d.src, &d.dst]).find(|key| !known.contains(key))
    {
        let what = format!("a demand of '{key}', which is not in the network");
        return Err(InputError::new(name, Place::Whole, what, "demands between nodes of the network")
            .with_nearest(key.as_str(), csr.node_keys.iter().map(|k| k.as_str())));
    }
    Ok(())
}

/// More packets than one run can hold.
pub(crate) fn too_many(name: &str, packets: f64) -> InputError {
    let what = format!("about {packets:.3e} packets");
    let expected =
        format!("at most {MAX_PACKETS}: a shorter --until, or --rung foreground with a smaller share");
    InputError::new(name, Place::Whole, what, expected)
}
